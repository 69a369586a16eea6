/* SPDX-License-Identifier: Apache-2.0 */
/* One conflict after the other:
 *
 *     kind, decision, flags (1 << side: it is there), 7 sizes of 4 bytes, then id and, of base, ours and theirs, vector and
 *     metadata
 *
 * The file is ours alone and without a name; its numbers are checked all the same, as a disk may be bad. */
#include "conflicts.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "alloc.h"
#include "buf.h"
#include "bytes.h"
#include "error.h"
#include "record.h"
#include "run.h"
#include "stream.h"

enum { SIDES = 3, PARTS = 1 + 2 * SIDES, HEAD = 3 + 4 * PARTS, BUFFER = 1 << 18, PART_MAX = 1 << 21 };

struct conflicts {
	extsort_directory_fn *find;
	void *context;
	struct buf item;
	struct run_file file; /* fd -1: not made yet, all is in its buffer */
	uint8_t buffer[BUFFER];
};

int conflicts_new(extsort_directory_fn *find, void *context, struct conflicts **out, struct cel_error *e)
{
	struct conflicts *c = mem_calloc(1, sizeof *c);
	if (c == NULL)
		return error_nomem(e, sizeof *c);
	c->find = find;
	c->context = context;
	c->file = (struct run_file){.fd = -1, .buffer = c->buffer, .capacity = BUFFER};
	*out = c;
	return 0;
}

void conflicts_free(struct conflicts *c)
{
	if (c == NULL)
		return;
	run_file_close(&c->file);
	buf_release(&c->item);
	mem_free(c);
}

static int append_sized(struct buf *b, size_t *size_at, const void *data, size_t size, struct cel_error *e)
{
	store_le32(b->data + *size_at, (uint32_t)size);
	*size_at += 4;
	return buf_append(b, data, size, e);
}

static int put_item(struct conflicts *c, struct cel_error *e)
{
	if (c->file.fd < 0 && c->file.used + c->item.size > BUFFER) {
		size_t used = c->file.used;
		const char *directory;
		int rc = c->find(c->context, &directory, e);
		if (rc == 0)
			rc = run_file_open(&c->file, directory, c->buffer, BUFFER, e);
		c->file.used = used;
		c->file.size = used;
		if (rc < 0)
			return rc;
	}
	return run_file_write(&c->file, buf_slice(&c->item), e);
}

int conflicts_add(struct conflicts *c, const struct cel_conflict *conflict, struct cel_error *e)
{
	const struct cel_side *sides[SIDES] = {&conflict->base, &conflict->ours, &conflict->theirs};
	struct buf *b = &c->item;
	size_t size_at = 3;
	buf_clear(b);
	int rc = buf_reserve(b, HEAD, e);
	if (rc < 0)
		return rc;
	memset(b->data, 0, HEAD);
	b->size = HEAD;
	b->data[0] = (uint8_t)conflict->kind;
	b->data[1] = (uint8_t)conflict->decision;
	b->data[2] = (uint8_t)(conflict->is_base_contested << SIDES);
	rc = append_sized(b, &size_at, conflict->id, conflict->id_size, e);
	for (int i = 0; i < SIDES && rc == 0; i++) {
		b->data[2] |= (uint8_t)(sides[i]->is_present << i);
		rc = append_sized(b, &size_at, sides[i]->vector, sides[i]->vector_size, e);
		if (rc == 0)
			rc = append_sized(b, &size_at, sides[i]->metadata, sides[i]->metadata_size, e);
	}
	return rc < 0 ? rc : put_item(c, e);
}

/* The item that begins at head, taken apart; all of it is there. */
static struct cel_conflict parse(const uint8_t *item, const struct cel_schema *schema)
{
	struct cel_conflict conflict = {.kind = (enum cel_conflict_kind)item[0], .decision = (enum cel_decision)item[1],
					.is_base_contested = item[2] >> SIDES, .schema = schema};
	struct cel_side *sides[SIDES] = {&conflict.base, &conflict.ours, &conflict.theirs};
	const uint8_t *p = item + HEAD, *size = item + 3;
	conflict.id = p;
	conflict.id_size = load_le32(size);
	p += conflict.id_size;
	for (int i = 0; i < SIDES; i++) {
		sides[i]->is_present = item[2] >> i & 1;
		sides[i]->vector = p;
		sides[i]->vector_size = load_le32(size += 4);
		p += sides[i]->vector_size;
		sides[i]->metadata = (const char *)p;
		sides[i]->metadata_size = load_le32(size += 4);
		p += sides[i]->metadata_size;
	}
	return conflict;
}

static int item_size(const uint8_t *head, size_t *out, struct cel_error *e)
{
	*out = HEAD;
	for (size_t i = 0; i < PARTS; i++) {
		uint32_t size = load_le32(head + 3 + 4 * i);
		if (size > PART_MAX)
			return error_set(e, CEL_EIO, "the temporary file with the conflicts is damaged");
		*out += size;
	}
	return 0;
}

static int tell_from_file(struct stream *s, const struct cel_schema *schema, cel_conflict_fn *tell, void *context,
			  struct cel_error *e)
{
	for (;;) {
		struct slice window;
		size_t size = 0;
		int rc = stream_peek(s, HEAD, &window, e);
		if (rc < 0 || window.size == 0)
			return rc;
		rc = window.size < HEAD ? error_set(e, CEL_EIO, "the temporary file with the conflicts is cut off")
					: item_size(window.data, &size, e);
		if (rc == 0)
			rc = stream_peek(s, size, &window, e);
		if (rc == 0 && window.size < size)
			rc = error_set(e, CEL_EIO, "the temporary file with the conflicts is cut off");
		if (rc < 0)
			return rc;
		struct cel_conflict conflict = parse(window.data, schema);
		rc = tell(context, &conflict, e);
		if (rc != 0)
			return rc;
		stream_consume(s, size);
	}
}

static int tell_from_memory(const struct conflicts *c, const struct cel_schema *schema, cel_conflict_fn *tell,
			    void *context, struct cel_error *e)
{
	size_t size = 0;
	for (size_t at = 0; at < c->file.used; at += size) {
		int rc = item_size(c->buffer + at, &size, e);
		if (rc < 0)
			return rc;
		struct cel_conflict conflict = parse(c->buffer + at, schema);
		rc = tell(context, &conflict, e);
		if (rc != 0)
			return rc;
	}
	return 0;
}

int conflicts_tell(struct conflicts *c, const struct cel_schema *schema, cel_conflict_fn *tell, void *context,
		   struct cel_error *e)
{
	struct stream *s;
	if (c->file.fd < 0)
		return tell_from_memory(c, schema, tell, context, e);
	int rc = run_file_flush(&c->file, e);
	if (rc < 0)
		return rc;
	int fd = c->file.fd;
	c->file.fd = -1;
	if (lseek(fd, 0, SEEK_SET) != 0) {
		close(fd);
		return error_set_errno(e, CEL_EIO, errno, "the temporary file with the conflicts");
	}
	rc = stream_open_fd(fd, "conflicts", &s, e);
	if (rc < 0)
		return rc;
	rc = tell_from_file(s, schema, tell, context, e);
	stream_free(s);
	return rc;
}
