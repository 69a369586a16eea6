/* SPDX-License-Identifier: Apache-2.0 */
/* What the store's tests share: a directory of their own, blocks made from numbers, and a seed. */
#ifndef STORE_TEST_HELPER_H
#define STORE_TEST_HELPER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "error.h"
#include "store.h"

/* Fails with the error's message. */
#define assert_ok(call)                                                                      \
	do {                                                                                 \
		int assert_rc_ = (call);                                                     \
		if (assert_rc_ < 0)                                                          \
			fail_msg("%s: %d %s", #call, assert_rc_, e.message);                 \
	} while (0)

#define assert_code(code, call)                                                              \
	do {                                                                                 \
		int assert_rc_ = (call);                                                     \
		if (assert_rc_ != (code))                                                    \
			fail_msg("%s: %d instead of %d (%s)", #call, assert_rc_, (int)(code),\
				 assert_rc_ < 0 ? e.message : "");                           \
	} while (0)

static inline int remove_item(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static inline void remove_tree(const char *path)
{
	nftw(path, remove_item, 16, FTW_DEPTH | FTW_PHYS);
}

/* A fresh directory below $TMPDIR, else in memory if there is room for it; the store goes to NAME/s. */
static inline void make_directory(char path[256])
{
	const char *parent = getenv("TMPDIR");
	struct statvfs fs;
	if (parent == NULL && access("/dev/shm", W_OK) == 0 && statvfs("/dev/shm", &fs) == 0 &&
	    (uint64_t)fs.f_bavail * fs.f_frsize > 1u << 30)
		parent = "/dev/shm";
	snprintf(path, 256, "%s/cel-store-XXXXXX", parent != NULL ? parent : "/tmp");
	if (mkdtemp(path) == NULL)
		fail_msg("cannot make %s", path);
}

static inline uint64_t test_seed(void)
{
	const char *text = getenv("CEL_TEST_SEED");
	uint64_t seed = text != NULL ? strtoull(text, NULL, 0) : 20261122;
	printf("# CEL_TEST_SEED=%llu\n", (unsigned long long)seed);
	return seed;
}

static inline unsigned test_scale(void)
{
	const char *text = getenv("CEL_TEST_SCALE");
	return text != NULL && atoi(text) > 0 ? (unsigned)atoi(text) : 1;
}

static inline uint64_t next_random(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15u);
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

/* The block of a number: size bytes that differ from those of any other number. */
static inline struct slice make_block(uint64_t number, size_t size, uint8_t *out)
{
	uint64_t state = number * 2654435761u + 1;
	for (size_t i = 0; i < size; i += 8) {
		uint64_t word = next_random(&state);
		memcpy(out + i, &word, size - i < 8 ? size - i : 8);
	}
	if (size >= 8)
		memcpy(out, &number, 8);
	return slice_make(out, size);
}

#endif
