/* SPDX-License-Identifier: Apache-2.0 */
/* A block is filled under one snapshot a store and copied out; the next one begins with a seek behind its last id:
 *
 *     snapshot, diff ... BLOCK_BYTES    end    given out one by one    snapshot, seek, diff ...
 *
 * The seek costs at most two nodes a level, and a block holds a thousand changes of usual size. Slices in a block are kept as
 * offsets while its buffer may still move. */
#include "diff_walk.h"

#include "alloc.h"
#include "buf.h"
#include "error.h"

#define BLOCK_BYTES ((size_t)1 << 20)
#define BLOCK_ITEMS 4096u

enum { PARTS = 5 }; /* of an item: id, vector and metadata before, and after */

struct item {
	enum prolly_change_kind kind;
	size_t ends[PARTS]; /* in bytes; the first part begins where the item before ends */
};

struct diff_walk {
	const struct diff_trees *trees;
	unsigned wanted;
	struct buf bytes;
	struct item items[BLOCK_ITEMS];
	size_t n, i;
	uint8_t last[CEL_ID_MAX]; /* of the last block */
	size_t last_size;
	bool is_end, is_broken; /* end: no block follows */
};

int diff_reads_begin(const struct diff_trees *trees, struct diff_reads *out, struct cel_error *e)
{
	*out = (struct diff_reads){0};
	int rc = store_read_begin(trees->store_a, &out->a, e);
	if (rc < 0)
		return rc;
	out->b = out->a;
	if (trees->store_a == trees->store_b)
		return 0;
	rc = store_read_begin(trees->store_b, &out->b, e);
	if (rc < 0) {
		store_read_end(out->a);
		*out = (struct diff_reads){0};
	}
	return rc;
}

void diff_reads_end(struct diff_reads *reads)
{
	if (reads->b != reads->a)
		store_read_end(reads->b);
	store_read_end(reads->a);
	*reads = (struct diff_reads){0};
}

int diff_walk_new(const struct diff_trees *trees, unsigned wanted, struct diff_walk **out, struct cel_error *e)
{
	struct diff_walk *w = mem_calloc(1, sizeof *w);
	*out = w;
	if (w == NULL)
		return error_nomem(e, sizeof *w);
	w->trees = trees;
	w->wanted = wanted;
	return 0;
}

void diff_walk_free(struct diff_walk *w)
{
	if (w == NULL)
		return;
	buf_release(&w->bytes);
	mem_free(w);
}

static int add_values(struct diff_walk *w, struct item *item, unsigned first, struct store_read *read,
		      const struct prolly_entry *entry, bool is_wanted, struct cel_error *e)
{
	const struct prolly_value *values[] = {&entry->vector, &entry->metadata};
	for (unsigned i = 0; i < 2; i++) {
		struct slice bytes = {0};
		int rc = is_wanted ? prolly_value_bytes(read, values[i], &bytes, e) : 0;
		if (rc == 0)
			rc = buf_append(&w->bytes, bytes.data, bytes.size, e);
		if (rc < 0)
			return rc;
		item->ends[first + i] = w->bytes.size;
	}
	return 0;
}

static int add_item(struct diff_walk *w, const struct diff_reads *reads, const struct prolly_change *c,
		    struct cel_error *e)
{
	struct item *item = &w->items[w->n];
	bool has_before = c->kind != PROLLY_ADDED, has_after = c->kind != PROLLY_DELETED;
	struct slice id = has_after ? c->after.id : c->before.id;
	item->kind = c->kind;
	int rc = buf_append(&w->bytes, id.data, id.size, e);
	item->ends[0] = w->bytes.size;
	if (rc == 0)
		rc = add_values(w, item, 1, reads->a, &c->before, has_before && w->wanted & DIFF_BEFORE, e);
	if (rc == 0)
		rc = add_values(w, item, 3, reads->b, &c->after, has_after && w->wanted & DIFF_AFTER, e);
	if (rc < 0)
		return rc;
	w->n++;
	memcpy(w->last, id.data, id.size);
	w->last_size = id.size;
	return 0;
}

/* Between blocks nothing holds the trees: a gc may take one that no name leads to any more. */
static int check_present(struct store_read *read, const struct cid *root, struct cel_error *e)
{
	int rc = store_read_has(read, root, e);
	char text[CEL_CID_TEXT_SIZE];
	if (rc != 0)
		return rc < 0 ? rc : 0;
	cid_format(root, text);
	return error_set(e, CEL_EUNAVAILABLE, "the tree %s is not in the store any more", text);
}

static int fill(struct diff_walk *w, const struct diff_reads *reads, struct cel_error *e)
{
	struct prolly_diff *diff;
	struct prolly_change change;
	int rc = prolly_diff_new(reads->a, &w->trees->a, reads->b, &w->trees->b, &diff, e);
	if (rc < 0)
		return rc;
	if (w->last_size > 0)
		rc = prolly_diff_seek(diff, slice_make(w->last, w->last_size), e);
	while (rc == 0 && w->n < BLOCK_ITEMS && w->bytes.size < BLOCK_BYTES) {
		rc = prolly_diff_next(diff, &change, e);
		w->is_end = rc == 0;
		if (rc <= 0)
			break;
		rc = add_item(w, reads, &change, e);
	}
	prolly_diff_free(diff);
	return rc;
}

static int next_block(struct diff_walk *w, struct cel_error *e)
{
	struct diff_reads reads;
	buf_clear(&w->bytes);
	w->n = w->i = 0;
	int rc = diff_reads_begin(w->trees, &reads, e);
	if (rc < 0)
		return rc;
	rc = check_present(reads.a, &w->trees->a, e);
	if (rc == 0)
		rc = check_present(reads.b, &w->trees->b, e);
	if (rc == 0)
		rc = fill(w, &reads, e);
	diff_reads_end(&reads);
	return rc;
}

static struct slice part(const struct diff_walk *w, const struct item *item, unsigned i)
{
	size_t start = i > 0 ? item->ends[i - 1] : item > w->items ? item[-1].ends[PARTS - 1] : 0;
	return slice_make(w->bytes.data + start, item->ends[i] - start);
}

int diff_walk_next(struct diff_walk *w, struct diff_item *out, struct cel_error *e)
{
	if (w->is_broken)
		return error_set(e, CEL_EINTERNAL, "comparing the trees has failed");
	if (w->i == w->n) {
		int rc = w->is_end ? 0 : next_block(w, e);
		w->is_broken = rc < 0;
		if (rc < 0 || w->i == w->n)
			return rc;
	}
	const struct item *item = &w->items[w->i++];
	*out = (struct diff_item){
		.kind = item->kind,
		.id = part(w, item, 0),
		.before = {part(w, item, 1), part(w, item, 2)},
		.after = {part(w, item, 3), part(w, item, 4)},
	};
	return 1;
}

static int walk_changes_next(void *context, struct change *out, struct cel_error *e)
{
	struct diff_item item;
	int rc = diff_walk_next(context, &item, e);
	if (rc > 0)
		*out = (struct change){item.id, item.kind == PROLLY_DELETED, item.after.vector, item.after.metadata};
	return rc;
}

struct changes diff_walk_changes(struct diff_walk *w)
{
	return (struct changes){walk_changes_next, w};
}
