/* SPDX-License-Identifier: Apache-2.0 */
/* A segment is mapped whole and read in place. Its frame (pragma, header, CARv1 header, index header, sizes) must be
 * exactly what segment_write.c makes for a file of this size, so every offset that follows from it lies in the map;
 * what stands in an index entry is checked when it is used.
 *
 * Digests are uniform, so the place of one among n sorted ones is guessed as n * digest / 2^256, off by about
 * sqrt(n) / 2; a gallop from there brackets it and a binary search within the bracket ends it: a few neighbouring pages
 * of the map. Entries that are out of order can make a search miss, never leave the map. */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc.h"
#include "bytes.h"
#include "error.h"
#include "fault.h"
#include "segment.h"

struct segment {
	char *path;
	const uint8_t *map;
	size_t map_size;
	const uint8_t *data; /* the CARv1 payload */
	uint64_t data_size;
	const uint8_t *entries;
	uint64_t n_entries;
	_Atomic uint32_t n_owners;
	_Atomic bool is_index_verified;
};

static int damaged(const char *path, const char *what, struct cel_error *e)
{
	return error_set(e, CEL_ECORRUPT, "segment %s is damaged: %s", path, what);
}

static int check_frame(struct segment *s, struct cel_error *e)
{
	if (s->map_size < SEGMENT_BLOCKS_OFFSET + SEGMENT_INDEX_HEADER_SIZE)
		return damaged(s->path, "it is too short", e);
	uint64_t data_size = load_le64(s->map + 35), index_offset = load_le64(s->map + 43);
	if (data_size < SEGMENT_CAR1_HEADER_SIZE ||
	    data_size > s->map_size - SEGMENT_DATA_OFFSET - SEGMENT_INDEX_HEADER_SIZE ||
	    index_offset != SEGMENT_DATA_OFFSET + data_size)
		return damaged(s->path, "it has not the size that its header says", e);
	uint8_t header[SEGMENT_BLOCKS_OFFSET], index_header[SEGMENT_INDEX_HEADER_SIZE];
	struct cid root;
	if (cid_decode(slice_make(s->map + SEGMENT_ROOT_OFFSET, CID_SIZE), &root, NULL) < 0)
		return damaged(s->path, "its root is no CID of ours", e);
	segment_make_header(header, data_size, &root);
	if (memcmp(header, s->map, sizeof header) != 0)
		return damaged(s->path, "its header is not that of a segment", e);
	uint64_t entries_size = s->map_size - index_offset - SEGMENT_INDEX_HEADER_SIZE;
	segment_make_index_header(index_header, entries_size);
	if (memcmp(index_header, s->map + index_offset, sizeof index_header) != 0 ||
	    entries_size % SEGMENT_ENTRY_SIZE != 0)
		return damaged(s->path, "its index does not fit its size", e);
	s->data = s->map + SEGMENT_DATA_OFFSET;
	s->data_size = data_size;
	s->entries = s->map + index_offset + SEGMENT_INDEX_HEADER_SIZE;
	s->n_entries = entries_size / SEGMENT_ENTRY_SIZE;
	return 0;
}

static int map_file(struct segment *s, struct cel_error *e)
{
	int fd = io_open(s->path, O_RDONLY | O_CLOEXEC, 0);
	if (fd < 0)
		return error_set_errno(e, errno == ENOENT ? CEL_ENOINPUT : CEL_EIO, errno, "segment %s", s->path);
	struct stat st;
	int rc = 0;
	if (fstat(fd, &st) != 0)
		rc = error_set_errno(e, CEL_EIO, errno, "segment %s", s->path);
	else if (st.st_size <= 0)
		rc = damaged(s->path, "it is empty", e);
	if (rc == 0) {
		void *map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
		if (map == MAP_FAILED)
			rc = error_set_errno(e, CEL_EIO, errno, "segment %s", s->path);
		else
			s->map = map;
		s->map_size = (size_t)st.st_size;
	}
	close(fd);
	return rc;
}

int segment_open(const char *path, struct segment **out, struct cel_error *e)
{
	struct segment *s = mem_calloc(1, sizeof *s);
	if (s == NULL)
		return error_nomem(e, sizeof *s);
	s->n_owners = 1;
	s->path = mem_strdup(path);
	int rc = s->path == NULL ? error_nomem(e, strlen(path) + 1) : map_file(s, e);
	if (rc == 0)
		rc = check_frame(s, e);
	if (rc < 0) {
		segment_free(s);
		return rc;
	}
	*out = s;
	return 0;
}

struct segment *segment_ref(struct segment *s)
{
	atomic_fetch_add(&s->n_owners, 1);
	return s;
}

void segment_free(struct segment *s)
{
	if (s == NULL || atomic_fetch_sub(&s->n_owners, 1) > 1)
		return;
	if (s->map != NULL) {
		union {
			const uint8_t *in;
			void *out;
		} map = {.in = s->map};
		munmap(map.out, s->map_size);
	}
	mem_free(s->path);
	mem_free(s);
}

const char *segment_path(const struct segment *s)
{
	return s->path;
}

uint64_t segment_count(const struct segment *s)
{
	return s->n_entries;
}

static const uint8_t *entry_at(const struct segment *s, uint64_t i)
{
	return s->entries + i * SEGMENT_ENTRY_SIZE;
}

const uint8_t *segment_digest(const struct segment *s, uint64_t i)
{
	return entry_at(s, i);
}

static bool is_less(const struct segment *s, uint64_t i, const uint8_t *digest)
{
	return memcmp(entry_at(s, i), digest, SHA256_SIZE) < 0;
}

/* The first entry that is not less than digest; n_entries if none. */
static uint64_t lower_bound(const struct segment *s, const uint8_t *digest)
{
	uint64_t n = s->n_entries;
	uint64_t guess = (uint64_t)((unsigned __int128)load_be64(digest) * n >> 64);
	uint64_t low = 0, high = n, step = 8;
	if (guess < n && is_less(s, guess, digest)) {
		low = guess + 1;
		while (low < n && n - low > step) {
			if (!is_less(s, low + step, digest)) {
				high = low + step;
				break;
			}
			low += step + 1;
			step *= 2;
		}
	} else {
		high = guess;
		while (high > step) {
			if (is_less(s, high - step, digest)) {
				low = high - step + 1;
				break;
			}
			high -= step;
			step *= 2;
		}
	}
	while (low < high) {
		uint64_t middle = low + (high - low) / 2;
		if (is_less(s, middle, digest))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The section at an offset that an index entry gives. */
static int read_section(const struct segment *s, uint64_t offset, struct cid *cid, struct slice *out,
			struct cel_error *e)
{
	if (offset < SEGMENT_CAR1_HEADER_SIZE || offset >= s->data_size)
		return damaged(s->path, "an index entry points outside", e);
	const uint8_t *p = s->data + offset;
	uint64_t left = s->data_size - offset, length = 0;
	for (unsigned shift = 0;; shift += 7) {
		if (left == 0 || shift > 21)
			return damaged(s->path, "a section's length is cut off", e);
		uint8_t byte = *p++;
		left--;
		length |= (uint64_t)(byte & 0x7f) << shift;
		if ((byte & 0x80) == 0)
			break;
	}
	if (length < CID_SIZE || length > left || length > CID_SIZE + SEGMENT_BLOCK_MAX)
		return damaged(s->path, "a section is longer than the file", e);
	if (cid_decode(slice_make(p, CID_SIZE), cid, NULL) < 0)
		return damaged(s->path, "a section has no CID of ours", e);
	*out = slice_make(p + CID_SIZE, (size_t)length - CID_SIZE);
	return 0;
}

int segment_at(const struct segment *s, uint64_t i, struct cid *cid, struct slice *out, struct cel_error *e)
{
	const uint8_t *entry = entry_at(s, i);
	int rc = read_section(s, load_le64(entry + SHA256_SIZE), cid, out, e);
	if (rc == 0 && memcmp(cid->digest, entry, SHA256_SIZE) != 0)
		return damaged(s->path, "its index does not fit its blocks", e);
	return rc;
}

static bool is_at(const struct segment *s, uint64_t i, const uint8_t *digest)
{
	return i < s->n_entries && memcmp(entry_at(s, i), digest, SHA256_SIZE) == 0;
}

bool segment_has(const struct segment *s, const uint8_t digest[SHA256_SIZE])
{
	return is_at(s, lower_bound(s, digest), digest);
}

int segment_find(const struct segment *s, const struct cid *cid, struct slice *out, struct cel_error *e)
{
	uint64_t i = lower_bound(s, cid->digest);
	if (!is_at(s, i, cid->digest))
		return 0;
	struct cid found;
	int rc = segment_at(s, i, &found, out, e);
	if (rc < 0)
		return rc;
	return found.codec == cid->codec;
}

int segment_verify_index(struct segment *s, struct cel_error *e)
{
	if (atomic_load(&s->is_index_verified))
		return 0;
	struct sha256 hash;
	uint8_t digest[SHA256_SIZE];
	sha256_init(&hash);
	sha256_update(&hash, s->entries, s->n_entries * SEGMENT_ENTRY_SIZE);
	sha256_update(&hash, s->map + SEGMENT_ROOT_OFFSET, CID_SIZE);
	sha256_final(&hash, digest);
	char text[SEGMENT_NAME_SIZE];
	for (size_t i = 0; i < SHA256_SIZE; i++)
		snprintf(text + 2 * i, 3, "%02x", digest[i]);
	const char *name = strrchr(s->path, '/');
	name = name != NULL ? name + 1 : s->path;
	if (strncmp(name, text, 2 * (size_t)SHA256_SIZE) != 0)
		return damaged(s->path, "its index does not match its name", e);
	atomic_store(&s->is_index_verified, true);
	return 0;
}
