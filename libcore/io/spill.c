/* SPDX-License-Identifier: Apache-2.0 */
/* While there are more runs than buffers of a useful size, groups of neighbouring runs are merged into longer runs in a new
 * file. Neighbours, so that the runs stay in the order of adding, which is what ties are broken by. */
#include "spill.h"

#include "error.h"

void spill_init(struct spill *s, uint8_t *buffer, size_t capacity)
{
	*s = (struct spill){.buffer = buffer, .capacity = capacity, .file.fd = -1};
}

void spill_release(struct spill *s)
{
	run_file_close(&s->file);
	buf_release(&s->bounds);
	buf_release(&s->last_key);
}

size_t spill_n_runs(const struct spill *s)
{
	return s->bounds.size == 0 ? 0 : s->bounds.size / sizeof(uint64_t) - 1;
}

static uint64_t *bounds_of(const struct spill *s)
{
	return (uint64_t *)(void *)s->bounds.data;
}

static int add_bound(struct buf *bounds, uint64_t offset, struct cel_error *e)
{
	return buf_append(bounds, &offset, sizeof offset, e);
}

/* What was written up to now ends with `last` and began with `first`. */
static int end_run(struct spill *s, struct slice first, struct slice last, struct cel_error *e)
{
	int rc = 0;
	if (spill_n_runs(s) > 0 && slice_compare(buf_slice(&s->last_key), first) <= 0)
		bounds_of(s)[spill_n_runs(s)] = s->file.size;
	else
		rc = add_bound(&s->bounds, s->file.size, e);
	buf_clear(&s->last_key);
	return rc < 0 ? rc : buf_append(&s->last_key, last.data, last.size, e);
}

static int open_file(struct spill *s, struct cel_error *e)
{
	if (s->file.fd >= 0)
		return 0;
	int rc = run_file_open(&s->file, s->directory, s->buffer, s->capacity, e);
	return rc < 0 ? rc : add_bound(&s->bounds, 0, e);
}

static int write_items(struct spill *s, const struct chunk *c, struct cel_error *e)
{
	int rc = 0;
	if (c->is_in_order)
		return run_file_write(&s->file, slice_make(c->memory, c->items_size), e);
	for (size_t i = 0; i < c->n && rc == 0; i++) {
		const uint8_t *item = c->entries[i].item;
		if (i + 8 < c->n)
			__builtin_prefetch(c->entries[i + 8].item);
		rc = run_file_write(&s->file, slice_make(item, item_size(item)), e);
	}
	return rc;
}

int spill_chunk(struct spill *s, const struct chunk *c, struct cel_error *e)
{
	int rc = open_file(s, e);
	if (rc == 0)
		rc = write_items(s, c, e);
	return rc < 0 ? rc : end_run(s, item_key(c->entries[0].item), item_key(c->entries[c->n - 1].item), e);
}

int spill_item(struct spill *s, struct slice key, const struct item_payload *payload, struct cel_error *e)
{
	uint8_t head[ITEM_HEAD];
	item_make_head(head, key.size, payload->size);
	int rc = open_file(s, e);
	if (rc == 0)
		rc = run_file_write(&s->file, slice_make(head, sizeof head), e);
	if (rc == 0)
		rc = run_file_write(&s->file, key, e);
	for (size_t i = 0; rc == 0 && i < payload->n; i++)
		rc = run_file_write(&s->file, payload->parts[i], e);
	return rc < 0 ? rc : end_run(s, key, key, e);
}

void spill_read(const struct spill *s, size_t run, uint8_t *buffer, size_t capacity, struct run_reader *out)
{
	run_reader_init(out, &s->file, bounds_of(s)[run], bounds_of(s)[run + 1], buffer, capacity);
}

/* Merges `count` runs from the first-th on into one run of `to`. */
static int merge_group(struct spill *s, size_t first, uint32_t count, uint8_t *memory, size_t size, struct run_file *to,
		       struct cel_error *e)
{
	struct merge m;
	int rc = merge_open(&m, count, e);
	if (rc < 0)
		return rc;
	for (uint32_t i = 0; i < count; i++)
		spill_read(s, first + i, memory + i * (size / count), size / count, &m.readers[i]);
	const uint8_t *item;
	rc = merge_start(&m, e);
	while (rc == 0 && (item = merge_item(&m)) != NULL) {
		rc = run_file_write(to, slice_make(item, item_size(item)), e);
		if (rc == 0)
			rc = merge_next(&m, e);
	}
	merge_close(&m);
	return rc;
}

/* Every `fan` neighbouring runs become one, in a new file. */
static int merge_pass(struct spill *s, uint32_t fan, uint8_t *memory, size_t size, struct cel_error *e)
{
	struct run_file to;
	struct buf bounds = {0};
	int rc = run_file_open(&to, s->directory, s->buffer, s->capacity, e);
	if (rc == 0)
		rc = add_bound(&bounds, 0, e);
	size_t total = spill_n_runs(s);
	for (size_t first = 0; rc == 0 && first < total; first += fan) {
		rc = merge_group(s, first, total - first < fan ? (uint32_t)(total - first) : fan, memory, size, &to, e);
		if (rc == 0)
			rc = add_bound(&bounds, to.size, e);
	}
	if (rc == 0)
		rc = run_file_flush(&to, e);
	if (rc < 0) {
		run_file_close(&to);
		buf_release(&bounds);
		return rc;
	}
	run_file_close(&s->file);
	buf_release(&s->bounds);
	s->file = to;
	s->bounds = bounds;
	return 0;
}

int spill_finish(struct spill *s, uint32_t fan, uint8_t *memory, size_t size, struct cel_error *e)
{
	int rc = s->file.fd >= 0 ? run_file_flush(&s->file, e) : 0;
	while (rc == 0 && spill_n_runs(s) > fan)
		rc = merge_pass(s, fan, memory, size, e);
	return rc;
}
