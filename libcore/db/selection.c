/* SPDX-License-Identifier: Apache-2.0 */
/* A prefix is a range of ranks, found by way of the counts in the nodes. A filter is a bitmap, from the cache if it was
 * evaluated before. With both, a filter that is not cached is evaluated for the range only, and then not kept. */
#include "selection.h"

#include "error.h"
#include "filter_cache.h"

#define SKIP_MAX 64u

/* The smallest key behind all that begin with the prefix; size 0: there is none. */
static struct slice after_prefix(const char *prefix, size_t size, uint8_t out[CEL_ID_MAX])
{
	memcpy(out, prefix, size);
	while (size > 0 && out[size - 1] == 0xff)
		size--;
	if (size > 0)
		out[size - 1]++;
	return slice_make(out, size);
}

static int find_range(struct cel_store *store, const struct cid *tree, const char *prefix, struct selection *s,
		      struct cel_error *e)
{
	uint8_t end[CEL_ID_MAX];
	struct store_read *read;
	size_t size = prefix != NULL ? strlen(prefix) : 0;
	int rc = store_read_begin(store->store, &read, e);
	if (rc < 0)
		return rc;
	rc = prolly_count(read, tree, &s->n, e);
	s->end = s->n;
	if (size > CEL_ID_MAX) {
		s->start = s->end; /* no id is that long */
		size = 0;
	}
	if (rc == 0 && size > 0)
		rc = prolly_rank(read, tree, slice_make(prefix, size), &s->start, e);
	if (rc == 0 && size > 0) {
		struct slice key = after_prefix(prefix, size, end);
		if (key.size > 0)
			rc = prolly_rank(read, tree, key, &s->end, e);
	}
	store_read_end(read);
	return rc;
}

static void cut(struct selection *s)
{
	uint64_t *bits = s->bitmap.bits;
	for (uint64_t i = 0; i < s->start / 64; i++)
		bits[i] = 0;
	if (s->start % 64 != 0)
		bits[s->start / 64] &= ~0ull << s->start % 64;
	if (s->end % 64 != 0)
		bits[s->end / 64] &= ~(~0ull << s->end % 64);
	for (uint64_t i = s->end / 64 + (s->end % 64 != 0); i < bits_words(s->n); i++)
		bits[i] = 0;
}

static int evaluate(struct cel_store *store, const struct cid *tree, struct slice expression, uint32_t threads,
		    struct selection *s, struct cel_error *e)
{
	s->has_filter = true;
	s->is_cached = filter_cache_load(store, tree, s->n, expression, &s->bitmap) == 1;
	if (s->is_cached)
		return 0;
	int rc = bitmap_init(&s->bitmap, s->n, e);
	if (rc == 0)
		rc = filter_run(store, tree, s->start, s->end, expression, threads, &s->bitmap, e);
	if (rc == 0 && s->start == 0 && s->end == s->n)
		filter_cache_save(store, tree, expression, &s->bitmap);
	return rc;
}

int selection_make(struct cel_store *store, const struct cid *tree, const struct cel_select *select, uint32_t threads,
		   struct selection *out, struct cel_error *e)
{
	*out = (struct selection){0};
	int rc = find_range(store, tree, select->prefix, out, e);
	out->count = out->end - out->start;
	if (rc == 0 && select->filter != NULL) {
		rc = evaluate(store, tree, slice_text(select->filter), threads, out, e);
		if (rc == 0) {
			cut(out);
			out->count = bits_count(out->bitmap.bits, out->n);
		}
	}
	if (rc < 0)
		selection_release(out);
	return rc;
}

void selection_release(struct selection *s)
{
	bitmap_release(&s->bitmap);
	*s = (struct selection){0};
}

uint64_t selection_next(const struct selection *s, uint64_t rank)
{
	rank = rank > s->start ? rank : s->start;
	if (rank >= s->end)
		return s->n;
	return s->has_filter ? bits_next(s->bitmap.bits, rank, s->n) : rank;
}

int selection_entry(const struct selection *s, struct prolly_cursor *cursor, uint64_t *at, uint64_t rank,
		    struct prolly_entry *out, struct cel_error *e)
{
	int rc = 0;
	if (*at == s->n || rank - *at >= SKIP_MAX) {
		*at = rank;
		rc = prolly_cursor_seek_rank(cursor, rank, e);
	}
	for (; rc >= 0 && *at <= rank; (*at)++) {
		rc = prolly_cursor_next(cursor, out, e);
		if (rc == 0)
			return error_set(e, CEL_ECORRUPT, "the tree has fewer records than it counts");
	}
	return rc < 0 ? rc : 0;
}

int selection_bits(struct selection *s, const uint64_t **out, struct cel_error *e)
{
	if (s->bitmap.bits == NULL) {
		int rc = bitmap_init(&s->bitmap, s->n, e);
		if (rc < 0)
			return rc;
		memset(s->bitmap.bits, 0xff, bits_words(s->n) * sizeof *s->bitmap.bits);
		cut(s);
	}
	*out = s->bitmap.bits;
	return 0;
}

void selection_tell(const struct selection *s, struct cel_selected *out)
{
	*out = (struct cel_selected){.records = s->n, .selected = s->count, .failed = s->bitmap.failed,
				     .message = s->bitmap.message, .is_cached = s->is_cached};
}
