/* SPDX-License-Identifier: Apache-2.0 */
/* A patch: the record changes that turn one tree into another, as a stream of frames, each an unsigned varint (its length,
 * at most PATCH_FRAME_MAX) and that many bytes of one canonical DAG-CBOR array. man/cel-format.5 has it byte by byte.
 *
 *     ["cel-patch", 1]                        13 fixed bytes, by which a file can be told
 *     ["cel-schema", 1, ...]                  the schema, as its block stands in a store
 *     [link to base, link to target]          the roots of the two trees
 *     [id, vector, metadata | null] | [id]    put or delete, ids strictly ascending
 *     ["end", count, digest]                  records, and the SHA-256 of all bytes before this frame; then the input ends */
#ifndef DB_PATCH_H
#define DB_PATCH_H

#include "buf.h"
#include "changes.h"
#include "cid.h"

#define PATCH_FRAME_MAX (2u << 20)

struct patch_header {
	struct cel_schema schema;
	struct cid base, target; /* roots of trees */
};

/* ---- writing: each piece of output goes to `put`, whose negative results stop and are returned. *count is the number of
 * records, given back also when there are none. */
typedef int patch_put_fn(void *context, const void *data, size_t size, struct cel_error *e);
int patch_write(const struct patch_header *header, const struct changes *changes, patch_put_fn *put, void *context,
		uint64_t *count, struct cel_error *e);

/* The same piece by piece, for who cannot write it all at once. put and context are the caller's; the rest is zeroed. After a
 * failure it can only be released. */
struct patch_writer {
	patch_put_fn *put;
	void *context;
	struct buf frame;
	struct sha256 digest;
	uint64_t count;
};
int patch_writer_begin(struct patch_writer *w, const struct patch_header *header, struct cel_error *e);
int patch_writer_add(struct patch_writer *w, const struct change *c, struct cel_error *e);
int patch_writer_end(struct patch_writer *w, struct cel_error *e);
void patch_writer_release(struct patch_writer *w);

/* ---- reading. Whatever patch_write would not have made is CEL_EDATA that names the input, what is wrong and where. Sizes are
 * checked before anything is allocated, and at most one frame is held. */
struct patch_reader;
struct stream;
/* "-" is standard input. CEL_ENOINPUT if it cannot be opened. The header has been read when this returns. */
int patch_reader_open(const char *path, struct patch_reader **out, struct cel_error *e);
/* Takes over the stream, also if it fails. */
int patch_reader_new(struct stream *stream, struct patch_reader **out, struct cel_error *e);
/* Of several patches one behind the other: the stream stays the caller's, and when the changes have ended it stands behind the
 * patch. */
int patch_reader_new_next(struct stream *stream, struct patch_reader **out, struct cel_error *e);
void patch_reader_free(struct patch_reader *r);
const struct patch_header *patch_reader_header(const struct patch_reader *r);
/* The records as a stream. Only when it has ended with 0 is it known that nothing was cut off or altered: keep nothing of
 * them before. Ids are checked, and the size of vectors; what vectors and metadata hold is not. */
struct changes patch_reader_changes(struct patch_reader *r);
uint64_t patch_reader_count(const struct patch_reader *r); /* records so far */

#endif
