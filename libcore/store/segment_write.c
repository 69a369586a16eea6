/* SPDX-License-Identifier: Apache-2.0 */
/* A segment is written as one stream: header (blank at first), sections, index. The list of (digest, offset) goes
 * through the external sort, so memory does not grow with the file; of equal digests only the first gets into the
 * index. What is known last (root, sizes) is patched in before the sync.
 *
 * Recent blocks are remembered in a table indexed by digest, a later one in the same slot displacing the earlier: it is
 * there to drop most duplicates and to read back what was just written, not to know everything. */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc.h"
#include "buf.h"
#include "bytes.h"
#include "error.h"
#include "extsort.h"
#include "fault.h"
#include "figures.h"
#include "outfile.h"
#include "segment.h"

#define RECENT_SLOTS_MIN 512u
#define RECENT_SLOTS_MAX 32768u
#define SECTION_HEAD_MAX (4 + CID_SIZE)

struct recent {
	struct cid cid;
	uint32_t size;
	uint64_t offset; /* of the block's bytes in the file; 0: the slot is empty */
};

struct segment_writer {
	char *path, *directory;
	char name[SEGMENT_NAME_SIZE];
	int fd;
	bool is_published;
	struct outfile *file; /* what is written goes through it */
	struct extsort *sort;
	struct recent *recent;
	uint32_t *tags; /* of the digests in recent, so that a miss, which is what there mostly is, touches little memory */
	size_t n_slots; /* a power of two */
	struct buf scratch;
};

/* ---- the frame */

void segment_make_header(uint8_t out[SEGMENT_BLOCKS_OFFSET], uint64_t data_size, const struct cid *root)
{
	static const uint8_t PRAGMA[SEGMENT_PRAGMA_SIZE] = {0x0a, 0xa1, 0x67, 'v', 'e', 'r', 's', 'i', 'o', 'n', 0x02};
	static const uint8_t CAR1_ROOTS[] = {0x3a, 0xa2, 0x65, 'r', 'o', 'o', 't', 's', 0x81, 0xd8, 0x2a, 0x58, 0x25, 0x00};
	static const uint8_t CAR1_VERSION[] = {0x67, 'v', 'e', 'r', 's', 'i', 'o', 'n', 0x01};
	memset(out, 0, SEGMENT_BLOCKS_OFFSET);
	memcpy(out, PRAGMA, sizeof PRAGMA);
	out[11] = 0x80; /* characteristics: the index lists every block */
	store_le64(out + 27, SEGMENT_DATA_OFFSET);
	store_le64(out + 35, data_size);
	store_le64(out + 43, SEGMENT_DATA_OFFSET + data_size);
	memcpy(out + SEGMENT_DATA_OFFSET, CAR1_ROOTS, sizeof CAR1_ROOTS);
	cid_encode(root, out + SEGMENT_ROOT_OFFSET);
	memcpy(out + SEGMENT_ROOT_OFFSET + CID_SIZE, CAR1_VERSION, sizeof CAR1_VERSION);
}

void segment_make_index_header(uint8_t out[SEGMENT_INDEX_HEADER_SIZE], uint64_t entries_size)
{
	out[0] = 0x81; /* varint 0x0401 */
	out[1] = 0x08;
	store_le32(out + 2, 1); /* one hash function: */
	store_le64(out + 6, 0x12); /* sha2-256 */
	store_le32(out + 14, 1); /* one width: */
	store_le32(out + 18, SEGMENT_ENTRY_SIZE);
	store_le64(out + SEGMENT_INDEX_COUNT_OFFSET, entries_size);
}

/* ---- new, free */

static int create_file(struct segment_writer *w, const char *directory, struct cel_error *e)
{
	static _Atomic unsigned counter;
	size_t size = strlen(directory) + 32;
	w->path = mem_alloc(size);
	if (w->path == NULL)
		return error_nomem(e, size);
	snprintf(w->path, size, "%s/segment-%u", directory, atomic_fetch_add(&counter, 1));
	w->fd = io_open(w->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	return w->fd < 0 ? error_set_errno(e, CEL_EIO, errno, "making %s", w->path) : 0;
}

static int make_recent(struct segment_writer *w, size_t memory, struct cel_error *e)
{
	w->n_slots = RECENT_SLOTS_MIN;
	while (w->n_slots < RECENT_SLOTS_MAX && w->n_slots * sizeof *w->recent < memory / 16)
		w->n_slots *= 2;
	w->recent = mem_calloc(w->n_slots, sizeof *w->recent);
	w->tags = mem_calloc(w->n_slots, sizeof *w->tags);
	return w->recent == NULL || w->tags == NULL ? error_nomem(e, w->n_slots * sizeof *w->recent) : 0;
}

/* Two thirds of the memory sort, a sixth is for writing. */
static int make_sort(struct segment_writer *w, const char *directory, const struct segment_writer_options *o, struct cel_error *e)
{
	size_t memory = o->memory / 3 * 2;
	return extsort_new(memory < EXTSORT_MEMORY_MIN ? EXTSORT_MEMORY_MIN : memory, o->threads, directory, &w->sort, e);
}

int segment_writer_new(const char *directory, const struct segment_writer_options *o, struct segment_writer **out,
		       struct cel_error *e)
{
	struct segment_writer *w = mem_calloc(1, sizeof *w);
	if (w == NULL)
		return error_nomem(e, sizeof *w);
	w->fd = -1;
	int rc = make_recent(w, o->memory, e);
	if (rc == 0)
		rc = make_sort(w, directory, o, e);
	if (rc == 0)
		rc = create_file(w, directory, e);
	if (rc == 0)
		rc = outfile_new(w->fd, w->path, o->memory / 6, &w->file, e);
	uint8_t blank[SEGMENT_BLOCKS_OFFSET] = {0};
	if (rc == 0)
		rc = outfile_append(w->file, blank, sizeof blank, e);
	if (rc < 0) {
		segment_writer_free(w);
		return rc;
	}
	*out = w;
	return 0;
}

void segment_writer_free(struct segment_writer *w)
{
	if (w == NULL)
		return;
	outfile_free(w->file);
	if (w->fd >= 0) {
		close(w->fd);
		if (!w->is_published)
			unlink(w->path);
	}
	extsort_free(w->sort);
	buf_release(&w->scratch);
	mem_free(w->recent);
	mem_free(w->tags);
	mem_free(w->path);
	mem_free(w);
}

const char *segment_writer_path(const struct segment_writer *w)
{
	return w->path;
}

const char *segment_writer_name(const struct segment_writer *w)
{
	return w->name;
}

/* ---- blocks */

static size_t slot_of(const struct segment_writer *w, const struct cid *cid)
{
	return load_le32(cid->digest) & (w->n_slots - 1);
}

static uint32_t tag_of(const struct cid *cid)
{
	return load_le32(cid->digest + 4);
}

bool segment_writer_has_recent(const struct segment_writer *w, const struct cid *cid)
{
	size_t i = slot_of(w, cid);
	return w->tags[i] == tag_of(cid) && w->recent[i].offset != 0 && cid_equal(&w->recent[i].cid, cid);
}

static size_t put_section_head(uint8_t out[SECTION_HEAD_MAX], const struct cid *cid, size_t block_size)
{
	size_t length = CID_SIZE + block_size, n = 0;
	for (; length >= 0x80; length >>= 7)
		out[n++] = (uint8_t)(length | 0x80);
	out[n++] = (uint8_t)length;
	cid_encode(cid, out + n);
	return n + CID_SIZE;
}

int segment_writer_add(struct segment_writer *w, const struct cid *cid, struct slice block, struct cel_error *e)
{
	uint8_t head[SECTION_HEAD_MAX], offset[8];
	if (block.size > SEGMENT_BLOCK_MAX)
		return error_set(e, CEL_EDATA, "a block of %zu bytes is over the limit of %u", block.size,
				 SEGMENT_BLOCK_MAX);
	size_t head_size = put_section_head(head, cid, block.size);
	store_le64(offset, outfile_position(w->file) - SEGMENT_DATA_OFFSET);
	struct recent entry = {.cid = *cid, .size = (uint32_t)block.size, .offset = outfile_position(w->file) + head_size};
	int rc = outfile_append(w->file, head, head_size, e);
	if (rc == 0)
		rc = outfile_append(w->file, block.data, block.size, e);
	if (rc == 0)
		rc = extsort_add(w->sort, slice_make(cid->digest, SHA256_SIZE), slice_make(offset, sizeof offset), e);
	if (rc < 0) {
		error_context(e, "segment");
		return rc;
	}
	w->recent[slot_of(w, cid)] = entry;
	w->tags[slot_of(w, cid)] = tag_of(cid);
	return 0;
}

static int read_back(struct segment_writer *w, uint64_t offset, size_t size, struct cel_error *e)
{
	buf_clear(&w->scratch);
	int rc = buf_reserve(&w->scratch, size + 1, e);
	if (rc < 0)
		return rc;
	while (w->scratch.size < size) {
		ssize_t n = io_pread(w->fd, w->scratch.data + w->scratch.size, size - w->scratch.size,
				     (off_t)(offset + w->scratch.size));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return error_set_errno(e, CEL_EIO, n == 0 ? EIO : errno, "reading %s", w->path);
		w->scratch.size += (size_t)n;
	}
	return 0;
}

/* Walks the sections of the file for one that the recent table has forgotten. */
static int walk(struct segment_writer *w, const struct cid *cid, uint64_t *offset, size_t *size, struct cel_error *e)
{
	uint8_t wanted[CID_SIZE];
	cid_encode(cid, wanted);
	uint64_t end = outfile_position(w->file);
	for (uint64_t at = SEGMENT_BLOCKS_OFFSET; at < end;) {
		uint64_t left = end - at;
		int rc = read_back(w, at, left < SECTION_HEAD_MAX ? (size_t)left : SECTION_HEAD_MAX, e);
		if (rc < 0)
			return rc;
		const uint8_t *p = w->scratch.data;
		size_t length = 0, n = 0;
		do
			length |= (size_t)(p[n] & 0x7f) << (7 * n);
		while ((p[n++] & 0x80) != 0 && n < 4);
		if (memcmp(p + n, wanted, CID_SIZE) == 0) {
			*offset = at + n + CID_SIZE;
			*size = length - CID_SIZE;
			return 1;
		}
		at += n + length;
	}
	return 0;
}

int segment_writer_find(struct segment_writer *w, const struct cid *cid, struct slice *out, struct cel_error *e)
{
	const struct recent *slot = &w->recent[slot_of(w, cid)];
	uint64_t offset = slot->offset;
	size_t size = slot->size;
	int rc = outfile_flush(w->file, e);
	if (rc == 0 && !segment_writer_has_recent(w, cid)) {
		rc = walk(w, cid, &offset, &size, e);
		if (rc == 0)
			return 0;
	}
	if (rc >= 0)
		rc = read_back(w, offset, size, e);
	if (rc < 0)
		return rc;
	*out = buf_slice(&w->scratch);
	return 1;
}

/* ---- the end */

/* The entries in order, without repeated digests; *size their bytes. */
static int write_entries(struct segment_writer *w, struct sha256 *hash, uint64_t *size, struct cel_error *e)
{
	uint8_t entry[SEGMENT_ENTRY_SIZE];
	struct slice key, offset;
	int rc = extsort_finish(w->sort, e);
	if (rc < 0)
		return rc;
	*size = 0;
	while ((rc = extsort_next(w->sort, &key, &offset, e)) > 0) {
		if (*size > 0 && memcmp(entry, key.data, SHA256_SIZE) == 0)
			continue;
		memcpy(entry, key.data, SHA256_SIZE);
		memcpy(entry + SHA256_SIZE, offset.data, 8);
		sha256_update(hash, entry, sizeof entry);
		rc = outfile_append(w->file, entry, sizeof entry, e);
		if (rc < 0)
			break;
		*size += sizeof entry;
	}
	return rc;
}

static void make_name(struct segment_writer *w, struct sha256 *hash, const uint8_t *root)
{
	uint8_t digest[SHA256_SIZE];
	sha256_update(hash, root, CID_SIZE);
	sha256_final(hash, digest);
	for (size_t i = 0; i < SHA256_SIZE; i++)
		snprintf(w->name + 2 * i, 3, "%02x", digest[i]);
	memcpy(w->name + 2 * (size_t)SHA256_SIZE, ".car", 5);
}

int segment_writer_finish(struct segment_writer *w, const struct cid *root, bool is_durable, struct cel_error *e)
{
	uint64_t index_offset = outfile_position(w->file), entries_size = 0;
	uint8_t header[SEGMENT_BLOCKS_OFFSET], index_header[SEGMENT_INDEX_HEADER_SIZE] = {0};
	struct sha256 hash;
	sha256_init(&hash);
	int rc = outfile_append(w->file, index_header, sizeof index_header, e);
	if (rc == 0)
		rc = write_entries(w, &hash, &entries_size, e);
	if (rc == 0)
		rc = outfile_flush(w->file, e);
	if (rc < 0) {
		error_context(e, "segment");
		return rc;
	}
	segment_make_header(header, index_offset - SEGMENT_DATA_OFFSET, root);
	segment_make_index_header(index_header, entries_size);
	rc = outfile_patch(w->file, header, sizeof header, 0, e);
	if (rc == 0)
		rc = outfile_patch(w->file, index_header, sizeof index_header, index_offset, e);
	if (rc == 0 && is_durable && io_fdatasync(w->fd) != 0)
		rc = error_set_errno(e, CEL_EIO, errno, "writing %s", w->path);
	make_name(w, &hash, header + SEGMENT_ROOT_OFFSET);
	return rc;
}

static int sync_directory(const char *path, struct cel_error *e)
{
	int fd = io_open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	if (fd < 0)
		return error_set_errno(e, CEL_EIO, errno, "%s", path);
	int rc = io_fsync(fd) != 0 ? error_set_errno(e, CEL_EIO, errno, "%s", path) : 0;
	close(fd);
	return rc;
}

static void count_figures(const struct segment_writer *w)
{
	struct stat st;
	figure_add(FIGURE_SEGMENTS_WRITTEN, 1);
	figure_add(FIGURE_SEGMENT_BYTES, fstat(w->fd, &st) == 0 ? (uint64_t)st.st_size : 0);
}

int segment_writer_publish(struct segment_writer *w, const char *directory, bool *is_new, struct cel_error *e)
{
	size_t size = strlen(directory) + SEGMENT_NAME_SIZE + 1;
	char *path = mem_alloc(size);
	if (path == NULL)
		return error_nomem(e, size);
	snprintf(path, size, "%s/%s", directory, w->name);
	struct stat st;
	*is_new = stat(path, &st) != 0;
	int rc = io_rename(w->path, path) != 0 ? error_set_errno(e, CEL_EIO, errno, "naming %s", path) : 0;
	if (rc == 0) {
		count_figures(w);
		w->is_published = true;
		mem_free(w->path);
		w->path = path;
		return sync_directory(directory, e);
	}
	mem_free(path);
	return rc;
}

void segment_writer_unpublish(struct segment_writer *w)
{
	w->is_published = false; /* so it goes with the writer */
}
