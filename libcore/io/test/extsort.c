/* SPDX-License-Identifier: Apache-2.0 */
/* External sorting against qsort on the same items: random, equal, sorted, reverse and hostile keys, in memory, with
 * many runs and with several passes, and with every write, read and allocation failing once. */
#include "extsort.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "alloc.h"
#include "cel.h"
#include "fault.h"

static uint64_t random_state;
static uint64_t scale;
static const char *directory = "/tmp";
static uint32_t threads = 1;

static uint64_t random_next(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

struct item {
	uint8_t *bytes; /* key, payload */
	size_t key_size, payload_size;
	size_t sequence;
};

struct items {
	struct item *list;
	size_t count;
};

static struct slice key_of(const struct item *item)
{
	return slice_make(item->bytes, item->key_size);
}

static struct slice payload_of(const struct item *item)
{
	return slice_make(item->bytes + item->key_size, item->payload_size);
}

static int compare_items(const void *a, const void *b)
{
	const struct item *x = a, *y = b;
	int order = slice_compare(key_of(x), key_of(y));
	return order != 0 ? order : (x->sequence > y->sequence) - (x->sequence < y->sequence);
}

enum keys { KEYS_RANDOM, KEYS_FEW, KEYS_NUMBERED, KEYS_SORTED, KEYS_REVERSE, KEYS_NULS, KEYS_DEEP, KEYS_EQUAL, N_KEYS };

static size_t make_key(enum keys kind, size_t i, size_t count, uint8_t *out)
{
	size_t size = 0;
	switch (kind) {
	case KEYS_RANDOM:
		size = random_next() % 40;
		for (size_t k = 0; k < size; k++)
			out[k] = (uint8_t)(random_next() >> 40);
		return size;
	case KEYS_FEW:
		return (size_t)sprintf((char *)out, "%u", (unsigned)(random_next() % 20));
	case KEYS_NUMBERED:
		return (size_t)sprintf((char *)out, "photo-%06u", (unsigned)(random_next() % 1000000));
	case KEYS_SORTED:
		return (size_t)sprintf((char *)out, "%010zu", i / 2);
	case KEYS_REVERSE:
		return (size_t)sprintf((char *)out, "%010zu", count - i);
	case KEYS_NULS: /* equal prefixes of different length */
		size = random_next() % 30;
		memset(out, 0, size);
		if (size > 0 && random_next() % 4 == 0)
			out[random_next() % size] = (uint8_t)(random_next() % 2);
		return size;
	case KEYS_DEEP: /* beyond the depth of the prefix sort */
		size = 600 + random_next() % 5;
		memset(out, 'x', size);
		out[590 + random_next() % 10] = (uint8_t)(random_next() % 3);
		return size;
	case KEYS_EQUAL:
	default:
		memcpy(out, "same", 4);
		return 4;
	}
}

static struct items make_items(enum keys kind, size_t count, size_t payload_max)
{
	struct items items = {.list = calloc(count, sizeof(struct item)), .count = count};
	for (size_t i = 0; i < count; i++) {
		uint8_t key[1000];
		struct item *item = &items.list[i];
		item->key_size = make_key(kind, i, count, key);
		item->payload_size = random_next() % (payload_max + 1);
		item->sequence = i;
		item->bytes = malloc(item->key_size + item->payload_size + 1);
		memcpy(item->bytes, key, item->key_size);
		memset(item->bytes + item->key_size, (int)(i & 255), item->payload_size);
	}
	return items;
}

static void free_items(struct items *items)
{
	for (size_t i = 0; i < items->count; i++)
		free(items->list[i].bytes);
	free(items->list);
}

/* Adds all, then compares with the sorted list. The error's code, or 0; a wrong order or item ends the test. */
static int sort_items(const struct items *items, const struct items *sorted, size_t limit, struct cel_error *e)
{
	struct extsort *s;
	int rc = extsort_new(limit, threads, directory, &s, e);
	if (rc < 0)
		return rc;
	for (size_t i = 0; rc == 0 && i < items->count; i++)
		rc = extsort_add(s, key_of(&items->list[i]), payload_of(&items->list[i]), e);
	if (rc == 0) {
		assert_int_equal(extsort_count(s), items->count);
		rc = extsort_finish(s, e);
	}
	size_t n = 0;
	while (rc == 0) {
		struct slice key, payload;
		rc = extsort_next(s, &key, &payload, e);
		if (rc <= 0)
			break;
		assert_true(n < sorted->count);
		assert_true(slice_equal(key, key_of(&sorted->list[n])));
		assert_true(slice_equal(payload, payload_of(&sorted->list[n])));
		n++;
		rc = 0;
	}
	if (rc == 0) {
		struct slice key, payload;
		assert_int_equal(n, sorted->count);
		assert_int_equal(extsort_next(s, &key, &payload, e), 0); /* the end stays the end */
	}
	extsort_free(s);
	return rc;
}

static struct items sorted_copy(const struct items *items)
{
	struct items sorted = {.list = calloc(items->count, sizeof(struct item)), .count = items->count};
	if (items->count > 0)
		memcpy(sorted.list, items->list, items->count * sizeof(struct item));
	qsort(sorted.list, sorted.count, sizeof *sorted.list, compare_items);
	return sorted;
}

static void check(enum keys kind, size_t count, size_t payload_max, size_t limit)
{
	struct items items = make_items(kind, count, payload_max);
	struct items sorted = sorted_copy(&items);
	struct cel_error e;
	assert_int_equal(sort_items(&items, &sorted, limit, &e), 0);
	free(sorted.list);
	free_items(&items);
}

static void test_in_memory(void **state)
{
	(void)state;
	for (int kind = 0; kind < N_KEYS; kind++)
		for (size_t count = 0; count < 40; count++)
			check((enum keys)kind, count, 3, EXTSORT_MEMORY_MIN);
	for (uint64_t round = 0; round < scale; round++)
		for (int kind = 0; kind < N_KEYS; kind++)
			check((enum keys)kind, 20000, 10, 64u << 20);
}

/* 1 MiB of memory holds some ten thousand small items, and 30 runs merge at once. */
static void test_runs(void **state)
{
	(void)state;
	for (uint64_t round = 0; round < scale; round++) {
		for (int kind = 0; kind < N_KEYS; kind++) {
			check((enum keys)kind, 30000, 30, EXTSORT_MEMORY_MIN);
		}
	}
}

static void test_passes(void **state)
{
	(void)state;
	check(KEYS_NUMBERED, 15000, 4200, EXTSORT_MEMORY_MIN); /* 31 MB: more runs than merge at once, two passes */
	check(KEYS_FEW, 15000 * scale, 4200, EXTSORT_MEMORY_MIN);
	check(KEYS_SORTED, 15000, 4200, EXTSORT_MEMORY_MIN);
}

/* Items larger than a merge buffer, and than all memory. */
static void test_large_items(void **state)
{
	(void)state;
	check(KEYS_RANDOM, 300, 200000, EXTSORT_MEMORY_MIN);
	check(KEYS_FEW, 12, 3000000, EXTSORT_MEMORY_MIN);
	struct extsort *s;
	struct cel_error e;
	uint8_t *bytes = calloc(1, EXTSORT_PAYLOAD_MAX + 1);
	assert_int_equal(extsort_new(EXTSORT_MEMORY_MIN, threads, directory, &s, &e), 0);
	assert_int_equal(extsort_add(s, slice_make(bytes, EXTSORT_KEY_MAX), slice_make(bytes, EXTSORT_PAYLOAD_MAX), &e), 0);
	assert_int_equal(extsort_add(s, slice_make(NULL, 0), slice_make(NULL, 0), &e), 0);
	assert_int_equal(extsort_finish(s, &e), 0);
	struct slice key, payload;
	assert_int_equal(extsort_next(s, &key, &payload, &e), 1);
	assert_int_equal(key.size + payload.size, 0);
	assert_int_equal(extsort_next(s, &key, &payload, &e), 1);
	assert_int_equal(key.size, EXTSORT_KEY_MAX);
	assert_int_equal(payload.size, EXTSORT_PAYLOAD_MAX);
	assert_memory_equal(payload.data, bytes, payload.size);
	assert_int_equal(extsort_next(s, &key, &payload, &e), 0);
	extsort_free(s);
	assert_int_equal(extsort_new(EXTSORT_MEMORY_MIN, threads, directory, &s, &e), 0);
	assert_int_equal(extsort_add(s, slice_make(bytes, EXTSORT_KEY_MAX + 1), slice_make(NULL, 0), &e), CEL_EUSAGE);
	extsort_free(s);
	assert_int_equal(extsort_new(EXTSORT_MEMORY_MIN, threads, directory, &s, &e), 0);
	assert_int_equal(extsort_add(s, slice_make(NULL, 0), slice_make(bytes, EXTSORT_PAYLOAD_MAX + 1), &e), CEL_EUSAGE);
	extsort_free(s);
	free(bytes);
}

static void test_misuse(void **state)
{
	(void)state;
	struct extsort *s;
	struct cel_error e;
	struct slice key = slice_text("k"), payload;
	assert_int_equal(extsort_new(EXTSORT_MEMORY_MIN - 1, threads, directory, &s, &e), CEL_EUSAGE);
	assert_int_equal(extsort_new(EXTSORT_MEMORY_MIN, threads, directory, &s, &e), 0);
	assert_int_equal(extsort_next(s, &key, &payload, &e), CEL_EUSAGE);
	assert_int_equal(extsort_finish(s, &e), 0);
	assert_int_equal(extsort_add(s, key, key, &e), CEL_EUSAGE);
	assert_int_equal(extsort_finish(s, &e), CEL_EUSAGE);
	assert_int_equal(extsort_next(s, &key, &payload, &e), 0);
	extsort_free(s);
	extsort_free(NULL);
	assert_int_equal(extsort_new(EXTSORT_MEMORY_MIN, threads, "/nonexistent", &s, &e), 0);
	uint8_t bytes[100000] = {0};
	int rc = 0;
	for (int i = 0; rc == 0 && i < 20; i++)
		rc = extsort_add(s, key, slice_make(bytes, sizeof bytes), &e);
	assert_int_equal(rc, CEL_EIO);
	assert_non_null(strstr(e.message, "/nonexistent"));
	extsort_free(s);
}

static void fault_op(const struct items *items, const struct items *sorted, enum io_op op, int errno_value)
{
	bool was_hit = true;
	for (uint64_t nth = 1; was_hit; nth += 1 + nth / 2) {
		struct cel_error e = {0};
		io_fault_set(op, nth, errno_value);
		int rc = sort_items(items, sorted, EXTSORT_MEMORY_MIN, &e);
		was_hit = io_fault_count(op) >= nth;
		io_fault_set(op, 0, 0);
		bool is_harmless = errno_value == 0 || errno_value == EINTR || errno_value == EOPNOTSUPP;
		assert_int_equal(rc, was_hit && !is_harmless ? CEL_EIO : 0);
		if (rc == CEL_EIO && errno_value == ENOSPC)
			assert_non_null(strcasestr(e.message, "no space left"));
	}
}

static void test_faults(void **state)
{
	(void)state;
	struct items items = make_items(KEYS_NUMBERED, 6000, 10500); /* 31 MB: two passes */
	struct items sorted = sorted_copy(&items);
	fault_op(&items, &sorted, IO_WRITE, ENOSPC);
	fault_op(&items, &sorted, IO_READ, EIO);
	free(sorted.list);
	free_items(&items);
	items = make_items(KEYS_NUMBERED, 3000, 1500);
	sorted = sorted_copy(&items);
	fault_op(&items, &sorted, IO_WRITE, 0);
	fault_op(&items, &sorted, IO_WRITE, EINTR);
	fault_op(&items, &sorted, IO_READ, 0);
	fault_op(&items, &sorted, IO_READ, EINTR);
	fault_op(&items, &sorted, IO_OPEN, EOPNOTSUPP); /* no O_TMPFILE: mkstemp and unlink */
	fault_op(&items, &sorted, IO_OPEN, ENOSPC);
	bool was_hit = true;
	for (uint64_t nth = 1; was_hit; nth++) {
		struct cel_error e = {0};
		mem_fault_set(nth);
		int rc = sort_items(&items, &sorted, EXTSORT_MEMORY_MIN, &e);
		was_hit = mem_fault_count() >= nth;
		mem_fault_set(0);
		assert_true(rc == (was_hit ? CEL_ENOMEM : 0) || (rc == 0 && threads > 1)); /* a thread can be done without */
	}
	free(sorted.list);
	free_items(&items);
}

/* The check must see two items out of order. */
static void test_negative_control(void **state)
{
	(void)state;
	struct items items = make_items(KEYS_EQUAL, 100, 8);
	struct items sorted = sorted_copy(&items);
	for (size_t i = 1; i < 100; i++) /* among equal keys only the sequence is the order */
		assert_true(compare_items(&sorted.list[i - 1], &sorted.list[i]) < 0);
	struct item t = sorted.list[10];
	sorted.list[10] = sorted.list[11];
	sorted.list[11] = t;
	assert_true(compare_items(&sorted.list[10], &sorted.list[11]) > 0);
	free(sorted.list);
	free_items(&items);
}

static int alone(void **state)
{
	(void)state;
	threads = 1;
	return 0;
}

static int with_a_thread(void **state)
{
	(void)state;
	threads = 2;
	return 0;
}

#define ALONE_AND_NOT(test) cmocka_unit_test_setup(test, alone), cmocka_unit_test_setup(test, with_a_thread)

int main(void)
{
	const char *seed = getenv("CEL_TEST_SEED"), *factor = getenv("CEL_TEST_SCALE");
	random_state = seed != NULL ? strtoull(seed, NULL, 0) | 1 : 20261122;
	scale = factor != NULL ? strtoull(factor, NULL, 0) : 1;
	printf("# CEL_TEST_SEED=%llu\n", (unsigned long long)random_state);
	if (access("/dev/shm", W_OK) == 0) /* spares the disk */
		directory = "/dev/shm";
	const struct CMUnitTest tests[] = {
		ALONE_AND_NOT(test_in_memory),   ALONE_AND_NOT(test_runs),   ALONE_AND_NOT(test_passes),
		ALONE_AND_NOT(test_large_items), ALONE_AND_NOT(test_misuse), ALONE_AND_NOT(test_faults),
		ALONE_AND_NOT(test_negative_control),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
