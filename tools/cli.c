/* SPDX-License-Identifier: Apache-2.0 */
/* One table of options feeds getopt_long, --help and the suggestions, so that they cannot drift apart. Locale is never
 * set: numbers are printed and read the same everywhere. */
#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define OPTIONS_MAX 40

/* A standard stream that was closed by the caller must not become a file of the store, or what is printed goes there.
 * Its place is taken by a descriptor on which each use fails. */
static void occupy_standard_streams(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) < 0)
			_exit(74);
}

void cli_init(struct cli *cli, const struct cli_command *command, int argc, char **argv)
{
	occupy_standard_streams();
	*cli = (struct cli){.command = command, .n_operands = argc, .operands = argv};
	optind = 0; /* start anew, and let glibc permute operands behind options */
	opterr = 0;
}

static void print_help(const struct cli_command *command)
{
	printf("Usage: %s %s\n%s\n\nOptions:\n", command->name, command->usage, command->summary);
	for (const struct cli_option *o = command->options; o->name != NULL; o++) {
		char left[64];
		int n = o->id < 256 ? snprintf(left, sizeof left, "-%c, ", o->id) : snprintf(left, sizeof left, "    ");
		snprintf(left + n, sizeof left - (size_t)n, "--%s%s%s", o->name, o->argument != NULL ? " " : "",
			 o->argument != NULL ? o->argument : "");
		printf("  %-30s %s\n", left, o->help);
	}
	if (command->examples != NULL)
		printf("\nExamples:\n%s", command->examples);
	printf("\nExit status: 0 done, 1 nothing found, else as in sysexits.h; see the man page.\n");
}

static void print_version(const struct cli *cli)
{
	const char *simd;
	struct cel_error e;
	if (cel_simd_name(&simd, &e) < 0)
		exit(cli_fail(cli, &e));
	printf("%s (Celestica) %s\nkernels: %s\nformats: store %u, tree %u, index %u, patch %u, protocol %u\n",
	       cli->command->name, CEL_VERSION, simd, CEL_FORMAT_STORE, CEL_FORMAT_TREE, CEL_FORMAT_INDEX, CEL_FORMAT_PATCH,
	       CEL_FORMAT_PROTOCOL);
}

int cli_usage(const struct cli *cli, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	fprintf(stderr, "%s: ", cli->command->name);
	vfprintf(stderr, format, args);
	fprintf(stderr, " (see '%s --help')\n", cli->command->name);
	va_end(args);
	return EXIT_USAGE;
}

/* Damerau-Levenshtein distance (restricted), of words shorter than 32 characters. */
static unsigned edit_distance(const char *a, const char *b)
{
	size_t m = strlen(a), n = strlen(b);
	unsigned d[33][33];
	if (m > 32 || n > 32)
		return UINT_MAX;
	for (size_t i = 0; i <= m; i++) {
		for (size_t j = 0; j <= n; j++) {
			if (i == 0 || j == 0) {
				d[i][j] = (unsigned)(i + j);
				continue;
			}
			unsigned best = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
			if (d[i - 1][j] + 1 < best)
				best = d[i - 1][j] + 1;
			if (d[i][j - 1] + 1 < best)
				best = d[i][j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && d[i - 2][j - 2] + 1 < best)
				best = d[i - 2][j - 2] + 1;
			d[i][j] = best;
		}
	}
	return d[m][n];
}

const char *cli_nearest(const char *word, const char *const *words)
{
	const char *nearest = NULL;
	unsigned least = (unsigned)strlen(word) / 3 + 1;
	for (; *words != NULL; words++) {
		unsigned distance = edit_distance(word, *words);
		if (distance <= least && (nearest == NULL || distance < least)) {
			least = distance;
			nearest = *words;
		}
	}
	return nearest;
}

static void wrong_option(const struct cli *cli, char **argv, bool is_argument_missing)
{
	const char *text = argv[optind - 1];
	if (is_argument_missing)
		exit(cli_usage(cli, "option '%s' needs an argument", text));
	if (strncmp(text, "--", 2) != 0)
		exit(cli_usage(cli, "there is no option '-%c'", optopt));
	char word[33];
	snprintf(word, sizeof word, "%.*s", (int)strcspn(text + 2, "="), text + 2);
	const char *words[OPTIONS_MAX + 1];
	size_t n = 0;
	for (const struct cli_option *o = cli->command->options; o->name != NULL; o++) {
		words[n++] = o->name;
		if (strcmp(o->name, word) == 0)
			exit(cli_usage(cli, "option '--%s' takes no argument", word));
	}
	words[n] = NULL;
	const char *nearest = cli_nearest(word, words);
	if (nearest != NULL)
		exit(cli_usage(cli, "there is no option '--%s'; did you mean '--%s'?", word, nearest));
	exit(cli_usage(cli, "there is no option '--%s', or it is not unique", word));
}

int cli_next(struct cli *cli)
{
	struct option longs[OPTIONS_MAX + 1] = {0};
	char shorts[2 * OPTIONS_MAX + 2] = ":";
	size_t n = 0, n_shorts = 1;
	for (const struct cli_option *o = cli->command->options; o->name != NULL && n < OPTIONS_MAX; o++) {
		longs[n++] = (struct option){o->name, o->argument != NULL ? required_argument : no_argument, NULL, o->id};
		if (o->id < 256) {
			shorts[n_shorts++] = (char)o->id;
			if (o->argument != NULL)
				shorts[n_shorts++] = ':';
		}
	}
	for (;;) {
		int id = getopt_long(cli->n_operands, cli->operands, shorts, longs, NULL);
		cli->value = optarg;
		switch (id) {
		case -1:
			cli->n_operands -= optind;
			cli->operands += optind;
			return 0;
		case '?':
		case ':':
			wrong_option(cli, cli->operands, id == ':');
			break;
		case CLI_HELP:
			print_help(cli->command);
			exit(cli_finish(cli, 0));
		case CLI_VERSION:
			print_version(cli);
			exit(cli_finish(cli, 0));
		case CLI_STORE:
			cli->store = optarg;
			break;
		case CLI_LOCK_WAIT:
			cli->lock_wait = cli_real(cli, 0, 1e9);
			break;
		case CLI_JSON:
			cli->is_json = true;
			break;
		case CLI_STATS_JSON:
			cli->stats_path = optarg;
			break;
		case 'q':
			cli->is_quiet = true;
			break;
		case 'v':
			cli->is_verbose = true;
			break;
		default:
			return id;
		}
	}
}

void cli_no_options(struct cli *cli)
{
	while (cli_next(cli) != 0)
		continue;
}

int cli_fail(const struct cli *cli, const struct cel_error *e)
{
	fflush(stdout);
	fprintf(stderr, "%s: %s\n", cli->command->name, e->message);
	return cel_error_exit_status(e->code);
}

void cli_say(const struct cli *cli, const char *format, ...)
{
	if (cli->is_quiet)
		return;
	va_list args;
	va_start(args, format);
	fprintf(stderr, "%s: ", cli->command->name);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
}

int cli_open_store(const struct cli *cli, bool is_read_only, struct cel_store **out)
{
	struct cel_error e;
	char found[PATH_MAX];
	const char *path = cli->store;
	if (path == NULL) {
		if (cel_store_find(found, sizeof found, &e) < 0)
			return cli_fail(cli, &e);
		path = found;
	}
	struct cel_store_options options = {.is_read_only = is_read_only, .lock_wait = cli->lock_wait};
	return cel_store_open(path, &options, out, &e) < 0 ? cli_fail(cli, &e) : 0;
}

uint64_t cli_count(const struct cli *cli, uint64_t low, uint64_t high)
{
	char *end;
	errno = 0;
	unsigned long long value = strtoull(cli->value, &end, 10);
	bool is_digits = cli->value[0] >= '0' && cli->value[0] <= '9' && *end == '\0';
	if (!is_digits || errno != 0 || value < low || value > high)
		exit(cli_usage(cli, "'%s' is no whole number in %llu..%llu", cli->value, (unsigned long long)low,
			       (unsigned long long)high));
	return value;
}

uint64_t cli_size(const struct cli *cli)
{
	static const char UNITS[] = "KMGT";
	char *end;
	errno = 0;
	unsigned long long value = strtoull(cli->value, &end, 10);
	unsigned shift = 0;
	const char *unit = *end != '\0' ? strchr(UNITS, *end) : NULL;
	if (unit != NULL) {
		shift = 10 * (unsigned)(unit - UNITS + 1);
		end++;
	}
	bool is_good = cli->value[0] >= '0' && cli->value[0] <= '9' && *end == '\0' && errno == 0;
	if (!is_good || value > UINT64_MAX >> shift)
		exit(cli_usage(cli, "'%s' is no size in bytes, such as 4096, 256M or 2G", cli->value));
	return value << shift;
}

uint64_t cli_time(const struct cli *cli)
{
	struct tm tm = {0};
	const char *end = strptime(cli->value, "%Y-%m-%dT%H:%M:%SZ", &tm);
	int64_t seconds = end != NULL && *end == '\0' ? (int64_t)timegm(&tm) : -1;
	if (seconds < 0) {
		errno = 0;
		const char *digits = cli->value + (cli->value[0] == '@');
		char *rest;
		unsigned long long value = strtoull(digits, &rest, 10);
		if (*digits < '0' || *digits > '9' || *rest != '\0' || errno != 0 || value > INT64_MAX)
			exit(cli_usage(cli, "'%s' is no time: 2026-11-22T07:00:00Z or Unix seconds", cli->value));
		seconds = (int64_t)value;
	}
	return (uint64_t)seconds;
}

double cli_real(const struct cli *cli, double low, double high)
{
	char *end;
	double value = strtod(cli->value, &end);
	if (end == cli->value || *end != '\0' || !(value >= low && value <= high))
		exit(cli_usage(cli, "'%s' is no number in %g..%g", cli->value, low, high));
	return value;
}

int cli_finish(const struct cli *cli, int status)
{
	bool has_failed = ferror(stdout) != 0;
	if (fclose(stdout) != 0)
		has_failed = true;
	if (has_failed && status == 0) {
		fprintf(stderr, "%s: standard output: %s\n", cli->command->name,
			errno != 0 ? strerror(errno) : "cannot write");
		return 74;
	}
	return status;
}
