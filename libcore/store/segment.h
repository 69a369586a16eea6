/* SPDX-License-Identifier: Apache-2.0 */
/* Sealed segments: CARv2 files of blocks with a MultihashIndexSorted index at the end (man/cel-format.5, SEGMENT FILES).
 *
 *     0    pragma: a CARv1-like header that says version 2                                  11 bytes
 *     11   header: characteristics, data offset 51, data size, index offset                 40
 *     51   CARv1: varint 58, {"roots": [root], "version": 1}                                59
 *     110  CARv1: varint (36 + n) ‖ CID ‖ n bytes of the block, one after the other in put order
 *     ...  index: varint 0x0401, counts, then (digest, offset from 51) of 40 bytes each, sorted by digest
 *
 * The file's name is the SHA-256 of the index entries and the root's CID: equal names, equal bytes. */
#ifndef STORE_SEGMENT_H
#define STORE_SEGMENT_H

#include "cid.h"

struct cel_error;

#define SEGMENT_PRAGMA_SIZE 11u
#define SEGMENT_DATA_OFFSET 51u   /* of the CARv1 payload */
#define SEGMENT_CAR1_HEADER_SIZE 59u
#define SEGMENT_ROOT_OFFSET 65u   /* of the root's CID in the file */
#define SEGMENT_BLOCKS_OFFSET (SEGMENT_DATA_OFFSET + SEGMENT_CAR1_HEADER_SIZE)
#define SEGMENT_INDEX_HEADER_SIZE 30u
#define SEGMENT_INDEX_COUNT_OFFSET 22u /* of the entries' size in bytes, in the index header */
#define SEGMENT_ENTRY_SIZE 40u
#define SEGMENT_BLOCK_MAX (1u << 20)   /* bytes of one block */
#define SEGMENT_NAME_SIZE 69u          /* 64 hexadecimal digits, ".car", NUL */

void segment_make_header(uint8_t out[SEGMENT_BLOCKS_OFFSET], uint64_t data_size, const struct cid *root);
void segment_make_index_header(uint8_t out[SEGMENT_INDEX_HEADER_SIZE], uint64_t entries_size);

/* ---- writing, to a temporary file in `directory` */
struct segment_writer;
struct segment_writer_options {
	size_t memory;    /* of all it keeps, about; at least 1.5 MiB, of which not all is touched if little is written */
	uint32_t threads; /* more than 1: its list of blocks is sorted by a thread of its own */
};
#define SEGMENT_WRITER_MEMORY ((size_t)24 << 20) /* beyond which it gets no better */
int segment_writer_new(const char *directory, const struct segment_writer_options *options, struct segment_writer **out,
		       struct cel_error *e);
/* Removes the temporary file if it was not published. */
void segment_writer_free(struct segment_writer *w);
int segment_writer_add(struct segment_writer *w, const struct cid *cid, struct slice block, struct cel_error *e);
/* A block of those added so far, read back from the file into memory of w; 1 found, 0 not, or an error. Quick for recent
 * blocks, a walk over the file for others. */
int segment_writer_find(struct segment_writer *w, const struct cid *cid, struct slice *out, struct cel_error *e);
/* True if it is among the recent blocks. */
bool segment_writer_has_recent(const struct segment_writer *w, const struct cid *cid);
/* Index and header; then on the disk if is_durable. */
int segment_writer_finish(struct segment_writer *w, const struct cid *root, bool is_durable, struct cel_error *e);
const char *segment_writer_path(const struct segment_writer *w); /* of the temporary file */
/* Gives the finished file its name in `directory`, durably. *is_new: false if it was there already. */
int segment_writer_publish(struct segment_writer *w, const char *directory, bool *is_new, struct cel_error *e);
void segment_writer_unpublish(struct segment_writer *w); /* removes it again */
const char *segment_writer_name(const struct segment_writer *w); /* after finish */

/* ---- reading */
struct segment;
/* Maps the file and checks its frame against its size. CEL_ECORRUPT names the file. */
int segment_open(const char *path, struct segment **out, struct cel_error *e);
struct segment *segment_ref(struct segment *s); /* one more owner */
void segment_free(struct segment *s);           /* of one owner */
const char *segment_path(const struct segment *s);
uint64_t segment_count(const struct segment *s); /* distinct blocks */
/* 1 and the block (its hash not verified), 0 if it is not in here, CEL_ECORRUPT. */
int segment_find(const struct segment *s, const struct cid *cid, struct slice *out, struct cel_error *e);
/* Whether the index has the digest; looks at nothing else. */
bool segment_has(const struct segment *s, const uint8_t digest[SHA256_SIZE]);
/* The i-th block in the order of digests. */
int segment_at(const struct segment *s, uint64_t i, struct cid *cid, struct slice *out, struct cel_error *e);
/* Its digest, from the index alone. */
const uint8_t *segment_digest(const struct segment *s, uint64_t i);
/* Compares the index with the file's name, once. CEL_ECORRUPT. */
int segment_verify_index(struct segment *s, struct cel_error *e);

#endif
