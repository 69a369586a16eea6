/* SPDX-License-Identifier: Apache-2.0 */
/* The digest is a flat tree: SHA-256 over the SHA-256 of each chunk, so a large file can be verified by many threads
 * or piece by piece. The header is written at the end, and what has no header is no index. */
#include "file_write.h"

#include "alloc.h"
#include "error.h"

int file_writer_open(struct file_writer *w, const char *path, struct cel_error *e)
{
	*w = (struct file_writer){.offset = LAYOUT_HEADER_SIZE};
	sha256_init(&w->root);
	int rc = tempfile_open(&w->file, path, e);
	if (rc < 0)
		return rc;
	w->chunk = mem_alloc(LAYOUT_CHUNK_SIZE);
	if (w->chunk == NULL) {
		file_writer_release(w);
		return error_nomem(e, LAYOUT_CHUNK_SIZE);
	}
	return 0;
}

void file_writer_release(struct file_writer *w)
{
	tempfile_discard(&w->file);
	mem_free(w->chunk);
	w->chunk = NULL;
}

int file_writer_flush(struct file_writer *w, struct cel_error *e)
{
	return tempfile_write(&w->file, w->chunk, w->used, (long long)(w->offset - w->used), e);
}

static int end_chunk(struct file_writer *w, struct cel_error *e)
{
	uint8_t digest[SHA256_SIZE];
	int rc = file_writer_flush(w, e);
	sha256(w->chunk, w->used, digest);
	sha256_update(&w->root, digest, sizeof digest);
	w->used = 0;
	return rc;
}

int file_writer_put(struct file_writer *w, const void *data, size_t size, struct cel_error *e)
{
	const uint8_t *p = data;
	while (size > 0) {
		size_t part = LAYOUT_CHUNK_SIZE - w->used < size ? LAYOUT_CHUNK_SIZE - w->used : size;
		memcpy(w->chunk + w->used, p, part);
		w->used += part;
		w->offset += part;
		p += part;
		size -= part;
		int rc = w->used == LAYOUT_CHUNK_SIZE ? end_chunk(w, e) : 0;
		if (rc < 0)
			return rc;
	}
	return 0;
}

int file_writer_seek(struct file_writer *w, uint64_t offset, struct cel_error *e)
{
	static const uint8_t zeros[4096];
	if (offset < w->offset || offset - w->offset > sizeof zeros)
		return error_set(e, CEL_EINTERNAL, "a section of the index is not where it should be");
	return file_writer_put(w, zeros, offset - w->offset, e);
}

int file_writer_commit(struct file_writer *w, struct layout *layout, struct cel_error *e)
{
	uint8_t header[LAYOUT_HEADER_SIZE];
	int rc = w->used > 0 ? end_chunk(w, e) : 0;
	if (rc == 0 && w->offset != layout->file_size)
		rc = error_set(e, CEL_EINTERNAL, "the index has not the size it should have");
	if (rc < 0)
		return rc;
	sha256_final(&w->root, layout->body_digest);
	layout_encode(layout, header);
	rc = tempfile_write(&w->file, header, sizeof header, 0, e);
	return rc < 0 ? rc : tempfile_commit(&w->file, e);
}
