/* SPDX-License-Identifier: Apache-2.0 */
/* One allocation of the whole limit, of which only what is used becomes resident. While items are added:
 *
 *     | items, each behind the last -->        <-- entries, one an item | write buffer |
 *
 * When the two meet, the entries are sorted (unless items came in order) and the items written out as a run. At the end
 * all runs are merged, the same memory serving as their buffers; while there are more runs than buffers of a useful
 * size, groups of neighbouring runs are first merged into longer runs in a new file. Of equal keys the earlier item has
 * the lower address or the earlier run, so the order of adding is kept. An item too large for the memory becomes a run
 * of its own. */
#include "extsort.h"

#include "alloc.h"
#include "buf.h"
#include "error.h"
#include "keysort.h"
#include "merge.h"

#define WRITE_BUFFER_MAX (1u << 20)
#define MERGE_BUFFER_MIN (32u << 10) /* a run's, below which reading it is mostly seeking */

struct extsort {
	uint8_t *memory;
	size_t limit, write_size;
	char *own_directory;
	const char *directory; /* NULL: to be asked for */
	extsort_directory_fn *ask;
	void *ask_context;
	size_t items_size;             /* bytes of items in memory */
	size_t n_entries;
	struct keysort_entry *entries; /* the last one added, the lowest in memory; then behind the top */
	const uint8_t *last;           /* item */
	uint64_t count;
	bool is_sorted, is_finished, has_returned;
	bool is_broken; /* a write failed half-way: the file is of no use any more */
	struct run_file file;
	struct buf bounds;             /* uint64_t: where runs begin in the file, and where the last ends */
	struct merge merge;
	size_t position;               /* of the next entry, without runs */
};

static struct keysort_entry *top_of(const struct extsort *s)
{
	return (struct keysort_entry *)(void *)(s->memory + s->limit - s->write_size);
}

static uint8_t *write_buffer_of(const struct extsort *s)
{
	return s->memory + s->limit - s->write_size;
}

int extsort_new(size_t memory_limit, const char *directory, struct extsort **out, struct cel_error *e)
{
	if (memory_limit < EXTSORT_MEMORY_MIN)
		return error_set(e, CEL_EUSAGE, "%zu bytes of memory are too few for sorting (at least %u)", memory_limit,
				 EXTSORT_MEMORY_MIN);
	struct extsort *s = mem_calloc(1, sizeof *s);
	if (s == NULL)
		return error_nomem(e, sizeof *s);
	s->file.fd = -1;
	s->limit = memory_limit & ~(size_t)63;
	s->write_size = s->limit / 16 < WRITE_BUFFER_MAX ? s->limit / 16 & ~(size_t)63 : WRITE_BUFFER_MAX;
	s->is_sorted = true;
	if (directory != NULL)
		s->directory = s->own_directory = mem_strdup(directory);
	s->memory = mem_alloc(s->limit);
	if ((directory != NULL && s->directory == NULL) || s->memory == NULL) {
		extsort_free(s);
		return error_nomem(e, memory_limit);
	}
	s->entries = top_of(s);
	*out = s;
	return 0;
}

void extsort_ask_directory(struct extsort *s, extsort_directory_fn *ask, void *context)
{
	s->ask = ask;
	s->ask_context = context;
}

void extsort_free(struct extsort *s)
{
	if (s == NULL)
		return;
	merge_close(&s->merge);
	run_file_close(&s->file);
	buf_release(&s->bounds);
	mem_free(s->own_directory);
	mem_free(s->memory);
	mem_free(s);
}

uint64_t extsort_count(const struct extsort *s)
{
	return s->count;
}

static size_t n_runs(const struct extsort *s)
{
	return s->bounds.size == 0 ? 0 : s->bounds.size / sizeof(uint64_t) - 1;
}

static const uint64_t *bounds_of(const struct extsort *s)
{
	return (const uint64_t *)(const void *)s->bounds.data;
}

static int add_bound(struct buf *bounds, uint64_t offset, struct cel_error *e)
{
	return buf_append(bounds, &offset, sizeof offset, e);
}

/* Ready to append a run. */
static int open_runs(struct extsort *s, struct cel_error *e)
{
	if (s->file.fd >= 0)
		return 0;
	int rc = s->directory == NULL ? s->ask(s->ask_context, &s->directory, e) : 0;
	if (rc == 0)
		rc = run_file_open(&s->file, s->directory, write_buffer_of(s), s->write_size, e);
	return rc < 0 ? rc : add_bound(&s->bounds, 0, e);
}

/* Entries stand in reverse, so order them even if the items came in order. */
static void sort_entries(struct extsort *s)
{
	if (!s->is_sorted) {
		keysort(s->entries, s->n_entries);
		return;
	}
	for (size_t i = 0, j = s->n_entries; i + 1 < j; i++) {
		j--;
		struct keysort_entry t = s->entries[i];
		s->entries[i] = s->entries[j];
		s->entries[j] = t;
	}
}

static int write_run(struct extsort *s, struct cel_error *e)
{
	if (s->n_entries == 0)
		return 0;
	int rc = open_runs(s, e);
	sort_entries(s);
	for (size_t i = 0; rc == 0 && i < s->n_entries; i++)
		rc = run_file_write(&s->file, slice_make(s->entries[i].item, item_size(s->entries[i].item)), e);
	if (rc == 0)
		rc = add_bound(&s->bounds, s->file.size, e);
	if (rc < 0)
		return rc;
	s->n_entries = s->items_size = 0;
	s->entries = top_of(s);
	s->last = NULL;
	s->is_sorted = true;
	return 0;
}

static void make_head(uint8_t head[ITEM_HEAD], struct slice key, struct slice payload)
{
	store_le32(head, (uint32_t)key.size);
	store_le32(head + 4, (uint32_t)payload.size);
}

static int write_big_item(struct extsort *s, struct slice key, struct slice payload, struct cel_error *e)
{
	uint8_t head[ITEM_HEAD];
	make_head(head, key, payload);
	int rc = open_runs(s, e);
	if (rc == 0)
		rc = run_file_write(&s->file, slice_make(head, sizeof head), e);
	if (rc == 0)
		rc = run_file_write(&s->file, key, e);
	if (rc == 0)
		rc = run_file_write(&s->file, payload, e);
	return rc < 0 ? rc : add_bound(&s->bounds, s->file.size, e);
}

static void add_in_memory(struct extsort *s, struct slice key, struct slice payload)
{
	uint8_t *item = s->memory + s->items_size;
	make_head(item, key, payload);
	if (key.size > 0)
		memcpy(item + ITEM_HEAD, key.data, key.size);
	if (payload.size > 0)
		memcpy(item + ITEM_HEAD + key.size, payload.data, payload.size);
	s->items_size += item_size(item);
	s->entries--;
	*s->entries = (struct keysort_entry){.prefix = key_prefix(key, 0), .item = item};
	s->n_entries++;
	if (s->is_sorted && s->last != NULL)
		s->is_sorted = slice_compare(item_key(s->last), key) <= 0;
	s->last = item;
}

int extsort_add(struct extsort *s, struct slice key, struct slice payload, struct cel_error *e)
{
	if (s->is_finished || s->is_broken)
		return error_set(e, CEL_EUSAGE, "sorting: an item is added after the end or an error");
	if (key.size > EXTSORT_KEY_MAX || payload.size > EXTSORT_PAYLOAD_MAX)
		return error_set(e, CEL_EUSAGE, "sorting: an item of %zu + %zu bytes is too large", key.size, payload.size);
	size_t size = ITEM_HEAD + key.size + payload.size;
	size_t room = s->limit - s->write_size;
	bool is_big = size + sizeof(struct keysort_entry) > room;
	size_t used = s->items_size + s->n_entries * sizeof(struct keysort_entry);
	int rc = 0;
	if (size + sizeof(struct keysort_entry) > room - used)
		rc = write_run(s, e);
	if (rc == 0 && is_big)
		rc = write_big_item(s, key, payload, e);
	else if (rc == 0)
		add_in_memory(s, key, payload);
	s->count += rc == 0;
	s->is_broken = rc < 0;
	return rc;
}

/* Merges count runs from the first-th on into one run of `to`. */
static int merge_group(struct extsort *s, size_t first, uint32_t count, struct run_file *to, struct cel_error *e)
{
	int rc = merge_open(&s->merge, &s->file, bounds_of(s) + first, count, s->memory, s->limit - s->write_size, e);
	if (rc < 0)
		return rc;
	const uint8_t *item;
	while (rc == 0 && (item = merge_item(&s->merge)) != NULL) {
		rc = run_file_write(to, slice_make(item, item_size(item)), e);
		if (rc == 0)
			rc = merge_next(&s->merge, e);
	}
	merge_close(&s->merge);
	return rc;
}

/* One pass: every `fan` neighbouring runs become one, in a new file. */
static int merge_pass(struct extsort *s, uint32_t fan, struct cel_error *e)
{
	struct run_file to;
	struct buf bounds = {0};
	int rc = run_file_open(&to, s->directory, write_buffer_of(s), s->write_size, e);
	if (rc == 0)
		rc = add_bound(&bounds, 0, e);
	size_t total = n_runs(s);
	for (size_t first = 0; rc == 0 && first < total; first += fan) {
		rc = merge_group(s, first, total - first < fan ? (uint32_t)(total - first) : fan, &to, e);
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

int extsort_finish(struct extsort *s, struct cel_error *e)
{
	if (s->is_finished || s->is_broken)
		return error_set(e, CEL_EUSAGE, "sorting: finished twice or after an error");
	s->is_finished = true;
	if (n_runs(s) == 0) {
		sort_entries(s);
		return 0;
	}
	int rc = write_run(s, e);
	if (rc == 0)
		rc = run_file_flush(&s->file, e);
	uint32_t fan = (uint32_t)((s->limit - s->write_size) / MERGE_BUFFER_MIN < 4096
					  ? (s->limit - s->write_size) / MERGE_BUFFER_MIN : 4096);
	while (rc == 0 && n_runs(s) > fan)
		rc = merge_pass(s, fan, e);
	if (rc == 0)
		rc = merge_open(&s->merge, &s->file, bounds_of(s), (uint32_t)n_runs(s), s->memory, s->limit, e);
	s->is_broken = rc < 0;
	return rc;
}

int extsort_next(struct extsort *s, struct slice *key, struct slice *payload, struct cel_error *e)
{
	const uint8_t *item = NULL;
	if (!s->is_finished || s->is_broken)
		return error_set(e, CEL_EUSAGE, "sorting: an item is asked for before the end of adding or after an error");
	if (s->merge.count == 0) {
		if (s->position < s->n_entries)
			item = s->entries[s->position++].item;
	} else {
		if (s->has_returned) { /* the item of the last call may go now */
			int rc = merge_next(&s->merge, e);
			s->is_broken = rc < 0;
			if (rc < 0)
				return rc;
		}
		item = merge_item(&s->merge);
		s->has_returned = item != NULL;
	}
	if (item == NULL)
		return 0;
	*key = item_key(item);
	*payload = item_payload(item);
	return 1;
}
