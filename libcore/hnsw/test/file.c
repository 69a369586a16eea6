/* SPDX-License-Identifier: Apache-2.0 */
/* The index file: the same bytes whatever builds it (threads, instruction sets, machine), and what happens when it is
 * damaged, cut, of another format, or when memory runs out. */
#include "vectorset.h"

#include <errno.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "alloc.h"
#include "bytes.h"
#include "hash.h"
#include "layout.h"
#include "simd.h"

static const struct hnsw_params PARAMS = {.M = 8, .ef_construction = 60};

/* Of so many dimensions that rows of links carry sketches. */
#define WIDE 260u

static struct vectorset sample_of(enum cel_type type, enum cel_metric metric, uint32_t dim, size_t n)
{
	uint64_t random = 7; /* fixed: the golden digests are of these */
	return vectorset_new(type, metric, dim, n, 30, 0.5, &random);
}

static struct vectorset sample(enum cel_type type, enum cel_metric metric, size_t n)
{
	return sample_of(type, metric, 20, n);
}

static void digest_of(struct vectorset *s, uint32_t threads, char hex[65])
{
	struct hnsw_info info;
	struct hnsw_index *index = vectorset_index(s, &PARAMS, threads, temporary_path("digest"));
	struct cel_error e;
	assert_int_equal(hnsw_verify(index, &e), 0);
	hnsw_info(index, &info);
	hnsw_close(index);
	for (int i = 0; i < SHA256_SIZE; i++)
		snprintf(hex + 2 * i, 3, "%02x", info.digest[i]);
}

static void check_threads(uint32_t dim, size_t n, uint64_t *random)
{
	struct vectorset s = vectorset_new(CEL_F32, CEL_COSINE, dim, n, 60, 0.6, random);
	char first[65], other[65];
	digest_of(&s, 1, first);
	for (uint32_t threads = 2; threads <= 5; threads++) {
		digest_of(&s, threads, other);
		assert_string_equal(first, other);
	}
	s.vectors[5] ^= 1; /* negative control */
	digest_of(&s, 1, other);
	assert_string_not_equal(first, other);
	vectorset_free(&s);
}

static void test_threads(void **state)
{
	(void)state;
	uint64_t random = test_seed();
	check_threads(33, 3000, &random);
	check_threads(WIDE, 900, &random);
}

static void check_digest(struct vectorset *s, FILE *golden, bool is_new)
{
	char hex[65], line[256], expected[256];
	digest_of(s, 2, hex);
	snprintf(expected, sizeof expected, "%s %s %u %s\n", cel_type_name(s->schema.type), cel_metric_name(s->schema.metric),
		 s->schema.dim, hex);
	if (is_new) {
		fputs(expected, golden);
	} else {
		assert_non_null(fgets(line, sizeof line, golden));
		assert_string_equal(line, expected);
	}
	vectorset_free(s);
}

/* The golden file has a line "type metric dim digest" each; CEL_GOLDEN_WRITE=path writes a new one. Run under each CEL_SIMD by
 * test_kernels below, and on other machines by whoever runs this. */
static void check_golden(void)
{
	char path[512];
	const char *source = getenv("CEL_SRCDIR"), *write = getenv("CEL_GOLDEN_WRITE");
	snprintf(path, sizeof path, "%s/libcore/hnsw/test/golden.txt", source != NULL ? source : ".");
	FILE *golden = write != NULL ? fopen(write, "w") : fopen(path, "r");
	assert_non_null(golden);
	for (int type = CEL_F32; type <= CEL_B1; type++) {
		for (int metric = CEL_L2; metric <= CEL_HAVERSINE; metric++) {
			if (!vectorset_is_pair((enum cel_type)type, (enum cel_metric)metric))
				continue;
			struct vectorset s = sample((enum cel_type)type, (enum cel_metric)metric, 1200);
			check_digest(&s, golden, write != NULL);
		}
	}
	struct vectorset wide[] = {sample_of(CEL_F32, CEL_L2, WIDE, 700), sample_of(CEL_U8, CEL_L2, WIDE, 700),
				   sample_of(CEL_F16, CEL_COSINE, WIDE, 700)};
	for (size_t i = 0; i < sizeof wide / sizeof *wide; i++)
		check_digest(&wide[i], golden, write != NULL);
	fclose(golden);
}

static void test_golden(void **state)
{
	(void)state;
	check_golden();
}

/* simd_select() answers once a process, so each table gets a process of its own. */
static void test_kernels(void **state)
{
	(void)state;
	static const char *const NAMES[] = {"scalar", "avx2", "avx512", "neon"};
	if (getenv("CEL_SIMD") != NULL)
		skip();
	for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
		if (simd_by_name(NAMES[i]) == NULL)
			continue;
		char command[1024], self[512];
		ssize_t size = readlink("/proc/self/exe", self, sizeof self - 1);
		assert_true(size > 0);
		self[size] = '\0';
		snprintf(command, sizeof command, "CEL_SIMD=%s '%s' golden >/dev/null 2>&1", NAMES[i], self);
		print_message("# %s\n", NAMES[i]);
		assert_int_equal(system(command), 0);
	}
}

/* ---- damage */

/* Opens and asks; whatever comes out, nothing may crash. Returns the code of the first refusal, or 0. */
static int use(const char *path, const struct vectorset *s)
{
	struct cel_error e = {0};
	struct hnsw_index *index;
	struct hnsw_searcher *searcher;
	struct hnsw_hit hits[20];
	uint32_t n = 0;
	int rc = hnsw_open(path, &index, &e);
	if (rc < 0) {
		assert_true(e.code == rc && e.message[0] != '\0');
		return rc;
	}
	uint32_t ef;
	hnsw_ef_for_recall(index, 0.9, &ef);
	assert_in_range(ef, 1, 65536);
	assert_int_equal(hnsw_searcher_new(index, NULL, 20, 40, &searcher, &e), 0);
	for (size_t q = 0; q < 5 && rc == 0; q++) {
		rc = hnsw_search(searcher, vectorset_vector(s, q * 7 % s->n), 20, 40, hits, &n, &e);
		if (rc == 0)
			rc = hnsw_scan(searcher, vectorset_vector(s, q), 20, hits, &n, &e);
	}
	assert_true(rc == 0 || rc == CEL_ECORRUPT);
	hnsw_searcher_free(searcher);
	hnsw_close(index);
	return rc;
}

/* As one who forges a file would: the header's digest is right again. */
static void seal_header(uint8_t *file)
{
	sha256(file, LAYOUT_HEADER_SIZE - SHA256_SIZE, file + LAYOUT_HEADER_SIZE - SHA256_SIZE);
}

static uint8_t *good_file(struct vectorset *s, size_t *size, struct layout *layout)
{
	const char *path = temporary_path("good");
	hnsw_close(vectorset_index(s, &PARAMS, 1, path));
	uint8_t *file = file_read(path, size);
	assert_int_equal(layout_decode(file, *size, layout, NULL), 0);
	return file;
}

static struct vectorset with_duplicates(void)
{
	struct vectorset s = sample(CEL_F32, CEL_L2, 600);
	for (size_t i = 0; i < 100; i++)
		memcpy(s.vectors + (300 + i) * s.vector_size, s.vectors + i % 10 * s.vector_size, s.vector_size);
	return s;
}

static void test_header_damage(void **state)
{
	(void)state;
	struct vectorset s = with_duplicates();
	struct layout layout;
	size_t size;
	uint8_t *file = good_file(&s, &size, &layout);
	const char *path = temporary_path("bad");
	file_put(path, file, size);
	assert_int_equal(use(path, &s), 0);
	for (size_t at = 0; at < LAYOUT_HEADER_SIZE; at += at < 600 ? 1 : 97) {
		file[at] ^= 0x10;
		file_put(path, file, size);
		assert_int_equal(use(path, &s), at >= 8 && at < 12 ? CEL_ECONFIG : CEL_ECORRUPT);
		if (at >= 12) {
			seal_header(file);
			file_put(path, file, size);
			use(path, &s); /* anything but a crash */
		}
		file[at] ^= 0x10;
		seal_header(file);
	}
	free(file);
	vectorset_free(&s);
}

/* Extreme values in every 4-byte field of a sealed header. */
static void test_forged_header(void **state)
{
	(void)state;
	static const uint32_t VALUES[] = {0, 1, 0x7fffffff, 0x80000000, 0xffffffff};
	struct vectorset s = with_duplicates();
	struct layout layout;
	size_t size, refused = 0, tried = 0;
	uint8_t *file = good_file(&s, &size, &layout);
	const char *path = temporary_path("forged");
	for (size_t at = 12; at < 600; at += 4) {
		uint8_t old[4];
		memcpy(old, file + at, 4);
		for (size_t i = 0; i < sizeof VALUES / sizeof *VALUES; i++, tried++) {
			store_le32(file + at, VALUES[i]);
			seal_header(file);
			file_put(path, file, size);
			refused += use(path, &s) == CEL_ECORRUPT;
		}
		memcpy(file + at, old, 4);
	}
	print_message("# %zu of %zu refused\n", refused, tried);
	assert_true(refused > tried / 3);
	free(file);
	vectorset_free(&s);
}

/* Counts the refusals by section. */
static void damage_sections(struct vectorset *s, size_t refused[SECTIONS], uint64_t *random)
{
	struct layout layout;
	size_t size;
	uint8_t *file = good_file(s, &size, &layout);
	uint8_t *bad = malloc(size);
	const char *path = temporary_path("damaged");
	for (int section = 0; section < SECTIONS; section++) {
		size_t offset = layout.sections[section].offset, length = layout.sections[section].size;
		for (size_t round = 0; round < 40 * test_scale() && length > 0; round++) {
			memcpy(bad, file, size);
			for (int i = 0; i < 1 << round % 10; i++)
				bad[offset + random_next(random) % length] = (uint8_t)random_next(random);
			file_put(path, bad, size);
			refused[section] += use(path, s) != 0;
			struct hnsw_index *index;
			assert_int_equal(hnsw_open(path, &index, NULL), 0);
			if (memcmp(bad, file, size) != 0)
				assert_int_equal(hnsw_verify(index, NULL), CEL_ECORRUPT);
			hnsw_close(index);
		}
	}
	free(bad);
	free(file);
	vectorset_free(s);
}

static void test_section_damage(void **state)
{
	(void)state;
	uint64_t random = test_seed();
	size_t refused[SECTIONS] = {0}, of_wide[SECTIONS] = {0};
	struct vectorset s = with_duplicates(), wide = sample_of(CEL_F32, CEL_L2, WIDE, 200);
	damage_sections(&s, refused, &random);
	damage_sections(&wide, of_wide, &random);
	assert_true(of_wide[SECTION_VECTORS] > 0);
	assert_true(refused[SECTION_LINKS] > 0 && refused[SECTION_ID_OFFSETS] > 0 && refused[SECTION_VECTORS] > 0 &&
		    refused[SECTION_NODE_VECTORS] + refused[SECTION_VECTOR_RECORDS] > 0 && refused[SECTION_CHECKSUMS] > 0);
}

static void test_truncated(void **state)
{
	(void)state;
	static const struct cel_schema KINDS[] = {{.type = CEL_U8, .metric = CEL_L2}, {.type = CEL_B1, .metric = CEL_HAMMING}};
	struct vectorset s;
	const char *path = temporary_path("cut");
	for (size_t i = 0; i < 2; i++) {
		struct layout layout;
		size_t size;
		s = sample(KINDS[i].type, KINDS[i].metric, 300);
		uint8_t *file = good_file(&s, &size, &layout);
		for (size_t cut = 0; cut < size; cut += 1 + size / 200) {
			file_put(path, file, cut);
			assert_int_equal(use(path, &s), CEL_ECORRUPT);
		}
		free(file);
		if (i == 0)
			vectorset_free(&s);
	}
	assert_int_equal(use(temporary_path("none"), &s), CEL_ENOTFOUND);
	assert_int_equal(use("/dev/null", &s), CEL_ECORRUPT);
	vectorset_free(&s);
}

/* ---- trouble while building */

static size_t files_in(const char *path)
{
	char directory[256];
	snprintf(directory, sizeof directory, "%s", path);
	*strrchr(directory, '/') = '\0';
	DIR *d = opendir(directory);
	size_t count = 0;
	while (readdir(d) != NULL)
		count++;
	closedir(d);
	return count;
}

static void test_memory_faults(void **state)
{
	(void)state;
	struct vectorset s = sample(CEL_F16, CEL_COSINE, 700);
	struct cid tree = cid_of(CID_DAG_CBOR, slice_text("a tree"));
	const char *path = temporary_path("fault");
	size_t files = files_in(path);
	uint64_t nth = 0, without_thread = 0;
	bool has_failed;
	do {
		struct hnsw_index *index = NULL;
		struct hnsw_searcher *searcher = NULL;
		struct hnsw_input input = vectorset_input(&s);
		struct cel_error e = {0};
		mem_fault_set(++nth);
		int rc = hnsw_build(&s.schema, &PARAMS, &tree, &input, 2, path, NULL, NULL, &e);
		if (rc < 0)
			assert_int_equal(files_in(path), files);
		if (rc == 0)
			rc = hnsw_open(path, &index, &e);
		if (rc == 0)
			rc = hnsw_searcher_new(index, NULL, 10, 50, &searcher, &e);
		has_failed = mem_fault_count() >= nth;
		assert_int_equal(e.code, rc);
		without_thread += has_failed && rc == 0; /* what a thread needs is done without */
		assert_true(rc == 0 || (has_failed && rc == CEL_ENOMEM));
		mem_fault_set(0);
		hnsw_searcher_free(searcher);
		hnsw_close(index);
		unlink(path);
	} while (has_failed);
	assert_true(without_thread <= 2);
	print_message("# %llu allocations\n", (unsigned long long)nth - 1);
	assert_true(nth > 20);
	vectorset_free(&s);
}

static int stop_half_way(void *context, uint64_t done, uint64_t total)
{
	*(int *)context += 1;
	return done > total / 2;
}

static int broken_next(void *context, struct slice *id, struct slice *vector, struct cel_error *e)
{
	struct vectorset *s = context;
	if (s->next == 5) {
		e->code = CEL_EIO;
		return CEL_EIO;
	}
	*id = vectorset_id(s, s->next);
	*vector = vectorset_vector(s, s->next++);
	return 1;
}

static void test_refusals(void **state)
{
	(void)state;
	struct vectorset s = sample(CEL_F32, CEL_L2, 500);
	struct cid tree = cid_of(CID_DAG_CBOR, slice_text("a tree"));
	struct cel_error e = {0};
	const char *path = temporary_path("refused");
	size_t files = files_in(path);
	int told = 0;
	struct hnsw_input input = vectorset_input(&s);
	assert_int_equal(hnsw_build(&s.schema, &PARAMS, &tree, &input, 2, path, stop_half_way, &told, &e), CEL_EBUSY);
	assert_true(told > 1);
	input = vectorset_input(&s);
	input.next = broken_next;
	assert_int_equal(hnsw_build(&s.schema, &PARAMS, &tree, &input, 2, path, NULL, NULL, &e), CEL_EIO);
	for (int off = -1; off <= 1; off += 2) {
		input = vectorset_input(&s);
		input.count = (uint64_t)(500 + off);
		assert_int_equal(hnsw_build(&s.schema, &PARAMS, &tree, &input, 2, path, NULL, NULL, &e), CEL_EINTERNAL);
	}
	memcpy(s.ids[100], s.ids[99], sizeof s.ids[99]); /* out of order */
	input = vectorset_input(&s);
	assert_int_equal(hnsw_build(&s.schema, &PARAMS, &tree, &input, 2, path, NULL, NULL, &e), CEL_EINTERNAL);
	static const struct hnsw_params BAD[] = {{3, 100}, {129, 100}, {16, 7}, {16, 5000}};
	for (size_t i = 0; i < 4; i++) {
		input = vectorset_input(&s);
		assert_int_equal(hnsw_build(&s.schema, &BAD[i], &tree, &input, 2, path, NULL, NULL, &e), CEL_EUSAGE);
	}
	input = vectorset_input(&s);
	assert_int_equal(hnsw_build(&s.schema, &PARAMS, &tree, &input, 2, "/nonexistent/x", NULL, NULL, &e), CEL_ECANTCREAT);
	assert_int_equal(files_in(path), files);
	vectorset_free(&s);
}

static void test_tmpfs(void **state)
{
	(void)state;

	if (access("/dev/shm", W_OK) != 0)
		skip();
	struct vectorset s = sample(CEL_F32, CEL_L2, 300);
	char path[64];
	snprintf(path, sizeof path, "/dev/shm/test-hnsw-%ld", (long)getpid());
	hnsw_close(vectorset_index(&s, &PARAMS, 1, path)); /* a file system of another kind */
	assert_int_equal(use(path, &s), 0);
	unlink(path);
	vectorset_free(&s);
}

/* Tiny indexes for fuzzing: duplicates, bytes, nothing at all; and each carried along to the first half of its records. */
static void write_corpus(void **state)
{
	(void)state;
	static const struct {
		enum cel_type type;
		enum cel_metric metric;
		uint32_t dim;
		size_t n;
	} KINDS[] = {
		{CEL_F32, CEL_L2, 3, 60},     {CEL_U8, CEL_IP, 3, 40},      {CEL_F16, CEL_COSINE, 3, 30},   {CEL_BF16, CEL_L2, 3, 0},
		{CEL_B1, CEL_JACCARD, 3, 40}, {CEL_F32, CEL_HAVERSINE, 3, 30}, {CEL_F32, CEL_L2, 253, 20},
	};
	const struct hnsw_params params = {.M = 4, .ef_construction = 8};
	for (size_t i = 0; i < sizeof KINDS / sizeof *KINDS; i++) {
		uint64_t random = i;
		char path[530];
		struct vectorset s = vectorset_new(KINDS[i].type, KINDS[i].metric, KINDS[i].dim, KINDS[i].n,
						    5, 0.5, &random);
		for (size_t copy = 0; copy + 10 < s.n; copy += 4)
			memcpy(s.vectors + (copy + 1) * s.vector_size, s.vectors + copy * s.vector_size, s.vector_size);
		snprintf(path, 512, "%s/%s-%s-%zu", getenv("CEL_CORPUS_WRITE"), cel_type_name(KINDS[i].type),
			 cel_metric_name(KINDS[i].metric), KINDS[i].n);
		struct hnsw_index *index = vectorset_index(&s, &params, 1, path);
		struct cid tree = cid_of(CID_DAG_CBOR, slice_text("another tree"));
		struct vectorset first = vectorset_first(&s, s.n / 2);
		struct hnsw_input input = vectorset_input(&first);
		strcat(path, "-carried");
		assert_int_equal(hnsw_carry(index, &tree, &input, 7, 1, path, NULL, NULL, NULL), 0);
		hnsw_close(index);
		vectorset_free(&s);
	}
}

static int clean(void **state)
{
	(void)state;
	temporary_remove();
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),         cmocka_unit_test(test_threads),
		cmocka_unit_test(test_kernels),        cmocka_unit_test(test_header_damage),
		cmocka_unit_test(test_forged_header),  cmocka_unit_test(test_section_damage),
		cmocka_unit_test(test_truncated),      cmocka_unit_test(test_memory_faults),
		cmocka_unit_test(test_refusals),       cmocka_unit_test(test_tmpfs),
	};
	const struct CMUnitTest golden[] = {cmocka_unit_test(test_golden)};
	if (argc > 1 && strcmp(argv[1], "golden") == 0)
		return cmocka_run_group_tests(golden, NULL, clean);
	const struct CMUnitTest corpus[] = {cmocka_unit_test(write_corpus)};
	if (argc > 1 && strcmp(argv[1], "corpus") == 0)
		return cmocka_run_group_tests(corpus, NULL, clean);
	return cmocka_run_group_tests(tests, NULL, clean);
}
