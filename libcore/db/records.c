/* SPDX-License-Identifier: Apache-2.0 */
/* All records of a tree, some at a time: a snapshot is opened, records up to about a MiB are copied, and it is closed
 * again before any of them is handed out. So a reader that stands on a full pipe for hours keeps no old pages of the store
 * alive. The tree cannot change meanwhile, as its CID says what is in it; only gc could take it away, which is an error. */
#include "alloc.h"
#include "db.h"
#include "error.h"
#include "record.h"
#include "selection.h"
#include "tree.h"

#define BATCH_BYTES (1u << 20)
#define BATCH_RECORDS 4096u

struct item {
	size_t id, vector, metadata, end; /* offsets; metadata == end: none */
};

struct cel_records {
	struct cel_store *store;
	struct cid tree;
	struct cel_schema schema;
	struct selection selection;
	uint64_t next_rank; /* selected, unless it is selection.n */
	uint64_t sample;    /* how many of them; 0: all */
	uint64_t n_sampled, place; /* so far; which of the selected next_rank is */
	struct buf bytes;
	struct item items[BATCH_RECORDS];
	size_t n_items, i;
	struct cel_record record; /* in the caller's hands */
};

static int load(struct cel_records *r, const char *rev, struct cel_error *e)
{
	struct store_read *read;
	struct db_rev found;
	int rc = store_read_begin(r->store->store, &read, e);
	if (rc < 0)
		return rc;
	rc = db_rev_resolve_tree(read, rev, &found, e);
	if (rc == 0) {
		r->tree = found.commit.tree;
		r->schema = found.schema;
	}
	store_read_end(read);
	return rc;
}

int cel_records_select(struct cel_store *store, const char *rev, const struct cel_select *select, struct cel_records **out,
		       struct cel_error *e)
{
	*out = NULL;
	struct cel_records *r = mem_calloc(1, sizeof *r);
	if (r == NULL)
		return error_nomem(e, sizeof *r);
	r->store = store;
	int rc = load(r, rev, e);
	if (rc == 0)
		rc = selection_make(store, &r->tree, select, db_thread_count(0), &r->selection, e);
	if (rc < 0) {
		cel_records_free(r);
		return rc;
	}
	r->next_rank = selection_next(&r->selection, 0);
	*out = r;
	return 0;
}

int cel_records_new(struct cel_store *store, const char *rev, struct cel_records **out, struct cel_error *e)
{
	static const struct cel_select ALL = {0};
	return cel_records_select(store, rev, &ALL, out, e);
}

void cel_records_free(struct cel_records *records)
{
	if (records == NULL)
		return;
	selection_release(&records->selection);
	buf_release(&records->bytes);
	mem_free(records);
}

void cel_records_sample(struct cel_records *records, uint64_t n)
{
	records->sample = n < records->selection.count ? n : 0;
	if (n == 0)
		records->next_rank = records->selection.n;
}

uint64_t cel_records_count(const struct cel_records *records)
{
	return records->sample != 0 ? records->sample : records->selection.count;
}

static void advance(struct cel_records *r)
{
	if (r->sample == 0) {
		r->next_rank = selection_next(&r->selection, r->next_rank + 1);
		return;
	}
	uint64_t place = (uint64_t)((unsigned __int128)++r->n_sampled * r->selection.count / r->sample);
	if (r->n_sampled == r->sample)
		r->next_rank = r->selection.n;
	else if (!r->selection.has_filter)
		r->next_rank += place - r->place;
	else
		for (uint64_t i = r->place; i < place; i++)
			r->next_rank = selection_next(&r->selection, r->next_rank + 1);
	r->place = place;
}

void cel_records_selected(const struct cel_records *records, struct cel_selected *out)
{
	selection_tell(&records->selection, out);
}

const struct cel_schema *cel_records_schema(const struct cel_records *records)
{
	return &records->schema;
}

static int copy_entry(struct cel_records *r, struct store_read *read, const struct prolly_entry *entry, struct cel_error *e)
{
	struct slice vector, metadata;
	struct item *item = &r->items[r->n_items];
	int rc = prolly_value_bytes(read, &entry->vector, &vector, e);
	if (rc == 0 && vector.size != schema_vector_size(&r->schema))
		rc = error_set(e, CEL_ECORRUPT, "record '%.*s' has a vector of %zu bytes, not %zu", (int)entry->id.size,
			       (const char *)entry->id.data, vector.size, schema_vector_size(&r->schema));
	if (rc == 0)
		rc = prolly_value_bytes(read, &entry->metadata, &metadata, e);
	item->id = r->bytes.size;
	if (rc == 0)
		rc = buf_append(&r->bytes, entry->id.data, entry->id.size, e);
	item->vector = r->bytes.size;
	if (rc == 0)
		rc = buf_append(&r->bytes, vector.data, vector.size, e);
	item->metadata = r->bytes.size;
	if (rc == 0)
		rc = buf_append(&r->bytes, metadata.data, metadata.size, e);
	item->end = r->bytes.size;
	return rc;
}

static int copy_batch(struct cel_records *r, struct store_read *read, struct cel_error *e)
{
	struct prolly_cursor *cursor;
	uint64_t at = r->selection.n; /* nowhere yet */
	int rc = prolly_cursor_new(read, &r->tree, &cursor, e);
	if (rc < 0)
		return rc;
	while (rc == 0 && r->next_rank < r->selection.n && r->n_items < BATCH_RECORDS && r->bytes.size < BATCH_BYTES) {
		struct prolly_entry entry;
		rc = selection_entry(&r->selection, cursor, &at, r->next_rank, &entry, e);
		if (rc == 0)
			rc = copy_entry(r, read, &entry, e);
		if (rc < 0)
			break;
		r->n_items++;
		advance(r);
	}
	prolly_cursor_free(cursor);
	return rc;
}

static int read_batch(struct cel_records *r, struct cel_error *e)
{
	struct store_read *read;
	buf_clear(&r->bytes);
	r->n_items = r->i = 0;
	int rc = store_read_begin(r->store->store, &read, e);
	if (rc < 0)
		return rc;
	rc = copy_batch(r, read, e);
	store_read_end(read);
	if (rc == CEL_ENOTFOUND)
		rc = error_set(e, CEL_EUNAVAILABLE, "the tree was taken out of the store meanwhile");
	return rc;
}

int cel_records_next(struct cel_records *records, const struct cel_record **out, struct cel_error *e)
{
	struct cel_records *r = records;
	if (r->i == r->n_items) {
		int rc = r->next_rank == r->selection.n ? 0 : read_batch(r, e);
		if (rc < 0 || r->i == r->n_items)
			return rc;
	}
	const struct item *item = &r->items[r->i++];
	const uint8_t *p = r->bytes.data;
	size_t metadata_size = item->end - item->metadata;
	r->record = (struct cel_record){.id = p + item->id,
					.id_size = item->vector - item->id,
					.vector = p + item->vector,
					.vector_size = item->metadata - item->vector,
					.metadata = metadata_size > 0 ? (const char *)p + item->metadata : NULL,
					.metadata_size = metadata_size,
					.schema = r->schema};
	*out = &r->record;
	return 1;
}
