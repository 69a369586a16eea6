/* SPDX-License-Identifier: Apache-2.0 */
/* The public face of a comparison: two revs become two trees of one schema, and each change of the walk is told with how far
 * the vector moved and which members of the metadata differ. Those are found by a walk over two sorted lists of keys. */
#include "alloc.h"
#include "diff_impl.h"
#include "error.h"
#include "members.h"
#include "patch.h"
#include "record.h"
#include "tell.h"

#define PROGRESS_CHANGES 1024u

int db_schemas_agree(const struct cel_schema *a, const struct cel_schema *b, struct cel_error *e)
{
	if (a->dim != b->dim)
		return error_set(e, CEL_EDATA, "the schemas differ: dim %u against %u", a->dim, b->dim);
	if (a->type != b->type)
		return error_set(e, CEL_EDATA, "the schemas differ: type %s against %s", cel_type_name(a->type),
				 cel_type_name(b->type));
	if (a->metric != b->metric)
		return error_set(e, CEL_EDATA, "the schemas differ: metric %s against %s", cel_metric_name(a->metric),
				 cel_metric_name(b->metric));
	if (!schema_equal(a, b))
		return error_set(e, CEL_EDATA, "the schemas differ: model '%s' against '%s'", a->model, b->model);
	return 0;
}

static int load_side(struct cel_diff *d, unsigned side, const char *text, struct cel_schema *schema, struct cid *tree,
		     struct cel_error *e)
{
	struct store_read *read;
	struct db_rev rev;
	int rc = store_read_begin(d->stores[side]->store, &read, e);
	if (rc < 0)
		return rc;
	rc = db_rev_resolve_tree(read, text, &rev, e);
	if (rc == 0) {
		*schema = rev.schema;
		*tree = rev.commit.tree;
		cid_format(&rev.cid, d->commits[side]);
	}
	store_read_end(read);
	return rc;
}

static int load(struct cel_diff *d, const struct cel_diff_sides *sides, struct cel_error *e)
{
	struct cel_schema schema_b;
	d->stores[0] = sides->store_a;
	d->stores[1] = sides->store_b;
	d->trees.store_a = sides->store_a->store;
	d->trees.store_b = sides->store_b->store;
	int rc = load_side(d, 0, sides->rev_a, &d->schema, &d->trees.a, e);
	if (rc == 0)
		rc = load_side(d, 1, sides->rev_b, &schema_b, &d->trees.b, e);
	if (rc == 0)
		rc = db_schemas_agree(&d->schema, &schema_b, e);
	if (rc < 0)
		return rc;
	d->measure = (struct measure){.kernels = simd_select(), .type = d->schema.type, .metric = d->schema.metric,
				      .dim = d->schema.dim};
	return d->measure.kernels != NULL ? 0 : error_set(e, CEL_EUNAVAILABLE, "%s", simd_select_error());
}

int cel_diff_new(const struct cel_diff_sides *sides, const struct cel_diff_options *options, struct cel_diff **out,
		 struct cel_error *e)
{
	*out = NULL;
	struct cel_diff *d = mem_calloc(1, sizeof *d);
	if (d == NULL)
		return error_nomem(e, sizeof *d);
	if (options != NULL)
		d->options = *options;
	int rc = load(d, sides, e);
	if (rc < 0) {
		cel_diff_free(d);
		return rc;
	}
	*out = d;
	return 0;
}

void cel_diff_free(struct cel_diff *diff)
{
	if (diff == NULL)
		return;
	diff_walk_free(diff->walk);
	mem_free(diff->keys);
	buf_release(&diff->key_bytes);
	mem_free(diff);
}

const struct cel_schema *cel_diff_schema(const struct cel_diff *diff)
{
	return &diff->schema;
}

/* The key is copied; where to is set when all are there. */
static int add_key(struct cel_diff *d, enum cel_change_kind kind, const struct members *m, struct cel_error *e)
{
	if (mem_grow(&d->keys, &d->keys_capacity, d->n_keys + 1, sizeof *d->keys, e) < 0)
		return CEL_ENOMEM;
	d->keys[d->n_keys++] = (struct cel_key_change){.kind = kind, .key_size = m->key.size};
	int rc = buf_append(&d->key_bytes, m->key.data, m->key.size, e);
	return rc < 0 ? rc : buf_append_byte(&d->key_bytes, '\0', e);
}

/* One step of the walk over both lists; *a and *b: whether there is a member. */
static int compare_members(struct cel_diff *d, struct members *before, struct members *after, int *a, int *b,
			   struct cel_error *e)
{
	int order = *a == 0 ? 1 : *b == 0 ? -1 : slice_compare(buf_slice(&before->key), buf_slice(&after->key));
	int rc = 0;
	if (order < 0)
		rc = add_key(d, CEL_DELETED, before, e);
	else if (order > 0)
		rc = add_key(d, CEL_ADDED, after, e);
	else if (!slice_equal(before->value, after->value))
		rc = add_key(d, CEL_CHANGED, after, e);
	if (rc == 0 && order <= 0)
		rc = *a = members_next(before, e);
	if (rc >= 0 && order >= 0)
		rc = *b = members_next(after, e);
	return rc < 0 ? rc : 0;
}

static int compare_metadata(struct cel_diff *d, struct slice before, struct slice after, struct cel_error *e)
{
	struct members x = {0}, y = {0};
	int a = 0, b = 0;
	if (slice_equal(before, after))
		return 0;
	int rc = members_init(&x, before, e);
	if (rc == 0)
		rc = members_init(&y, after, e);
	if (rc == 0)
		rc = a = members_next(&x, e);
	if (rc >= 0)
		rc = b = members_next(&y, e);
	while (rc >= 0 && (a > 0 || b > 0))
		rc = compare_members(d, &x, &y, &a, &b, e);
	members_release(&x);
	members_release(&y);
	if (rc < 0)
		return rc;
	const uint8_t *p = d->key_bytes.data;
	for (size_t i = 0; i < d->n_keys; p += d->keys[i++].key_size + 1)
		d->keys[i].key = p;
	return 0;
}

static int check_vector(const struct cel_diff *d, const struct diff_item *item, struct slice vector, struct cel_error *e)
{
	if (vector.size == schema_vector_size(&d->schema))
		return 0;
	return error_set(e, CEL_ECORRUPT, "record '%.*s' has a vector of %zu bytes, not %zu", (int)item->id.size,
			 (const char *)item->id.data, vector.size, schema_vector_size(&d->schema));
}

static int compare_values(struct cel_diff *d, const struct diff_item *item, struct cel_change *out, struct cel_error *e)
{
	struct slice before = item->before.vector, after = item->after.vector;
	int rc = item->kind != PROLLY_ADDED ? check_vector(d, item, before, e) : 0;
	if (rc == 0 && item->kind != PROLLY_DELETED)
		rc = check_vector(d, item, after, e);
	if (rc < 0 || item->kind != PROLLY_CHANGED)
		return rc;
	out->has_moved = !slice_equal(before, after);
	if (out->has_moved) {
		struct measure_query query = measure_query(&d->measure, before.data);
		uint32_t ordinal = 0;
		measure_many(&d->measure, &query, after.data, &ordinal, 1, NULL, &out->distance);
	}
	rc = compare_metadata(d, item->before.metadata, item->after.metadata, e);
	if (rc < 0)
		error_context(e, "record '%.*s'", (int)item->id.size, (const char *)item->id.data);
	return rc;
}

static struct cel_values values_of(const struct diff_values *v)
{
	struct cel_values out = {.vector_size = v->vector.size, .metadata_size = v->metadata.size};
	if (v->vector.size > 0)
		out.vector = v->vector.data;
	if (v->metadata.size > 0)
		out.metadata = (const char *)v->metadata.data;
	return out;
}

static int tell_changes(const struct cel_diff *d, uint64_t bytes, struct cel_error *e)
{
	struct cel_progress progress = {.phase = "diff", .unit = "changes", .done = d->n_changes, .bytes = bytes};
	return tell_progress(d->options.on_progress, d->options.context, &progress, e);
}

int cel_diff_next(struct cel_diff *d, struct cel_change *out, struct cel_error *e)
{
	static const enum cel_change_kind KINDS[] = {
		[PROLLY_ADDED] = CEL_ADDED, [PROLLY_DELETED] = CEL_DELETED, [PROLLY_CHANGED] = CEL_CHANGED};
	struct diff_item item;
	unsigned wanted = d->options.is_ids_only ? 0 : DIFF_BEFORE | DIFF_AFTER;
	int rc = d->n_changes++ % PROGRESS_CHANGES == 0 ? tell_changes(d, 0, e) : 0;
	if (rc == 0 && d->walk == NULL)
		rc = diff_walk_new(&d->trees, wanted, &d->walk, e);
	if (rc == 0)
		rc = diff_walk_next(d->walk, &item, e);
	if (rc <= 0)
		return rc;
	d->n_keys = 0;
	buf_clear(&d->key_bytes);
	*out = (struct cel_change){.kind = KINDS[item.kind], .id = item.id.data, .id_size = item.id.size,
				   .before = values_of(&item.before), .after = values_of(&item.after)};
	rc = d->options.is_ids_only ? 0 : compare_values(d, &item, out, e);
	out->keys = d->keys;
	out->n_keys = d->n_keys;
	return rc < 0 ? rc : 1;
}

int cel_diff_count(struct cel_diff *d, struct cel_diff_counts *out, struct cel_error *e)
{
	struct prolly_diff_counts counts;
	struct diff_reads reads;
	int rc = tell_changes(d, 0, e);
	if (rc == 0)
		rc = diff_reads_begin(&d->trees, &reads, e);
	if (rc < 0)
		return rc;
	rc = prolly_diff_count(reads.a, &d->trees.a, reads.b, &d->trees.b, &counts, e);
	diff_reads_end(&reads);
	if (rc == 0)
		*out = (struct cel_diff_counts){counts.added, counts.deleted, counts.changed, counts.nodes_read};
	return rc;
}

struct told_write {
	struct cel_diff *diff;
	cel_write_fn *write;
	void *context;
	uint64_t bytes;
};

static int write_and_tell(void *context, const void *data, size_t size, struct cel_error *e)
{
	struct told_write *w = context;
	int rc = w->write(w->context, data, size, e);
	w->bytes += size;
	return rc != 0 ? rc : tell_changes(w->diff, w->bytes, e);
}

int cel_diff_patch(struct cel_diff *d, cel_write_fn *write, void *context, uint64_t *count, struct cel_error *e)
{
	struct patch_header header = {.schema = d->schema, .base = d->trees.a, .target = d->trees.b};
	struct diff_walk *walk;
	int rc = diff_walk_new(&d->trees, DIFF_AFTER, &walk, e);
	if (rc < 0)
		return rc;
	struct changes changes = diff_walk_changes(walk);
	struct told_write told = {.diff = d, .write = write, .context = context};
	rc = patch_write(&header, &changes, write_and_tell, &told, count, e);
	diff_walk_free(walk);
	return rc;
}
