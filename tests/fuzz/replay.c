/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a fuzz target without libFuzzer: over its corpus (a directory named at compile time, or the files and
 * directories named on the command line), and over cheap mutations of each file: every truncation, and bytes changed at
 * random. That is no fuzzing, but it keeps the corpora true in `make check`, under each sanitizer, with any compiler.
 *
 * Prints TAP. Where an input kills the process, the file and the mutation are named first: seed, file and number make
 * the same input again. CEL_TEST_SEED and CEL_TEST_SCALE as in the unit tests. */
#include <dirent.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX (4u << 20)
#define TRUNCATIONS 512u
#define MUTATIONS 200u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv) __attribute__((weak));
void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

static char current[4600];
static uint64_t random_state;
static unsigned n_files, n_inputs;

static void tell_current(void)
{
	ssize_t ignored = write(STDOUT_FILENO, current, strlen(current));
	(void)ignored;
}

static void on_signal(int signal)
{
	tell_current();
	raise(signal); /* SA_RESETHAND: ends the process */
}

static uint64_t random_next(void)
{
	random_state += 0x9e3779b97f4a7c15u; /* splitmix64 */
	uint64_t z = random_state;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static unsigned scale(void)
{
	const char *text = getenv("CEL_TEST_SCALE");
	int value = text != NULL ? atoi(text) : 1;
	return value > 0 ? (unsigned)value : 1;
}

/* The target gets a copy of exactly that size, so that a sanitizer sees a read past the end. */
static void run(const char *path, const char *what, unsigned number, const uint8_t *data, size_t size)
{
	snprintf(current, sizeof current, "\n# died in %s, %s %u, %zu bytes\n", path, what, number, size);
	uint8_t *copy = malloc(size > 0 ? size : 1);
	if (copy == NULL)
		abort();
	if (size > 0)
		memcpy(copy, data, size);
	LLVMFuzzerTestOneInput(copy, size);
	free(copy);
	n_inputs++;
}

static void mutate(uint8_t *data, size_t size)
{
	static const uint8_t EDGES[] = {0x00, 0x01, 0x7f, 0x80, 0xff, '"', '{', '\n'};
	for (uint64_t n = 1 + random_next() % 4; n > 0; n--) {
		uint8_t *p = data + random_next() % size;
		uint64_t dice = random_next();
		*p = dice % 3 == 0 ? EDGES[dice / 3 % sizeof EDGES] : dice % 3 == 1 ? (uint8_t)(*p ^ 1u << dice / 3 % 8)
										     : (uint8_t)(dice >> 8);
	}
}

static void replay_file(const char *path)
{
	static uint8_t data[FILE_MAX], mutated[FILE_MAX];
	FILE *file = fopen(path, "rb");
	if (file == NULL) {
		printf("Bail out! cannot open %s\n", path);
		exit(1);
	}
	size_t size = fread(data, 1, sizeof data, file);
	fclose(file);
	n_files++;
	run(path, "as it is", 0, data, size);
	size_t step = size / TRUNCATIONS + 1;
	for (size_t cut = 0; cut < size; cut += step)
		run(path, "cut", (unsigned)cut, data, cut);
	unsigned rounds = size == 0 ? 0 : size > 65536 ? 10 : MUTATIONS * scale();
	for (unsigned i = 0; i < rounds; i++) {
		memcpy(mutated, data, size);
		mutate(mutated, size);
		run(path, "mutation", i, mutated, size);
	}
}

static int is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static void replay(const char *path)
{
	struct dirent **entries;
	int n = scandir(path, &entries, is_visible, alphasort);
	if (n < 0) {
		replay_file(path);
		return;
	}
	for (int i = 0; i < n; i++) {
		char name[4096];
		snprintf(name, sizeof name, "%s/%s", path, entries[i]->d_name);
		replay_file(name);
		free(entries[i]);
	}
	free(entries);
}

int main(int argc, char **argv)
{
	const char *seed = getenv("CEL_TEST_SEED"), *source = getenv("CEL_SRCDIR");
	random_state = seed != NULL ? strtoull(seed, NULL, 0) : 1;
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("1..1\n# seed %llu\n", (unsigned long long)random_state);
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND | SA_NODEFER};
	sigaction(SIGABRT, &action, NULL);
	if (__sanitizer_set_death_callback != NULL) {
		__sanitizer_set_death_callback(tell_current);
	} else {
		sigaction(SIGSEGV, &action, NULL);
		sigaction(SIGBUS, &action, NULL);
		sigaction(SIGFPE, &action, NULL);
	}
	if (LLVMFuzzerInitialize != NULL)
		LLVMFuzzerInitialize(&argc, &argv);
	if (argc > 1) {
		for (int i = 1; i < argc; i++)
			replay(argv[i]);
	} else {
		char path[4096];
		snprintf(path, sizeof path, "%s/tests/fuzz/corpus/%s", source != NULL ? source : ".", FUZZ_CORPUS);
		replay(path);
	}
	printf("# %u files, %u inputs\n", n_files, n_inputs);
	printf("%s 1 - replay of %s\n", n_files > 0 ? "ok" : "not ok", FUZZ_CORPUS);
	return n_files > 0 ? 0 : 1;
}
