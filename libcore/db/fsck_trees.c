/* SPDX-License-Identifier: Apache-2.0 */
/* Trees newest first through one audit. A value that a record links is looked at once for each schema and use: whether it
 * is there and how long it is; its bytes only when data are read. Inline values are always checked: they were hashed with
 * their leaf. */
#include <stdio.h>

#include "error.h"
#include "forgotten.h"
#include "fsck.h"
#include "metadata.h"
#include "record.h"

#define PROGRESS_RECORDS 16384u

struct trees {
	struct fsck *f;
	struct audit *audit;
	struct cel_schema schema; /* of the tree in hand */
	struct cid schema_cid;
	struct digest_set links, values; /* links: of (schema, use, CID); values: of CIDs, for counting */
	struct digest_set irregular;     /* roots */
	struct cid first_irregular;      /* the newest */
	uint64_t records;
};

static int on_damage(void *context, const struct cid *block, enum audit_finding kind, const char *message,
		     struct cel_error *e)
{
	struct trees *t = context;
	return fsck_find(t->f, kind, block, NULL, NULL, message, e);
}

static int on_irregular(void *context, const struct cid *root, struct cel_error *e)
{
	struct trees *t = context;
	int rc = digest_set_add(&t->irregular, root->digest, e);
	if (rc > 0 && t->irregular.n == 1)
		t->first_irregular = *root;
	return rc < 0 ? rc : 0;
}

static int find_value(struct trees *t, const struct prolly_entry *entry, enum audit_finding kind, const struct cid *block,
		      const char *message, struct cel_error *e)
{
	char text[CEL_ID_MAX + 1100];
	snprintf(text, sizeof text, "record '%.*s': %s", (int)entry->id.size, (const char *)entry->id.data, message);
	return fsck_find(t->f, kind, block, NULL, NULL, text, e);
}

static int is_new_link(struct trees *t, const struct cid *cid, bool is_vector, struct cel_error *e)
{
	uint8_t bytes[1 + CID_SIZE + SHA256_SIZE], digest[SHA256_SIZE];
	bytes[0] = is_vector;
	cid_encode(cid, bytes + 1);
	memcpy(bytes + 1 + CID_SIZE, t->schema_cid.digest, SHA256_SIZE);
	sha256(bytes, sizeof bytes, digest);
	int rc = digest_set_add(&t->values, cid->digest, e);
	return rc < 0 ? rc : digest_set_add(&t->links, digest, e);
}

static int check_size(const struct trees *t, size_t size, bool is_vector, bool is_link, struct cel_error *e)
{
	if (is_link && size <= PROLLY_INLINE_MAX)
		return error_set(e, CEL_ECORRUPT, "a value of %zu bytes is linked, not inline", size);
	if (size > PROLLY_VALUE_MAX)
		return error_set(e, CEL_ECORRUPT, "a value of %zu bytes, more than %u", size, PROLLY_VALUE_MAX);
	if (is_vector && size != schema_vector_size(&t->schema))
		return error_set(e, CEL_ECORRUPT, "a vector of %zu bytes, not %zu", size, schema_vector_size(&t->schema));
	return 0;
}

static int check_bytes(const struct trees *t, struct slice bytes, bool is_vector, struct cel_error *e)
{
	if (is_vector)
		return record_check_vector(&t->schema, bytes, e);
	return bytes.size > 0 ? metadata_check(bytes, e) : 0;
}

static int check_link(struct trees *t, const struct prolly_entry *entry, const struct cid *link, bool is_vector,
		      struct cel_error *e)
{
	struct store_location location;
	struct cel_error problem;
	struct slice bytes;
	int rc = is_new_link(t, link, is_vector, e);
	if (rc <= 0)
		return rc;
	rc = store_read_locate(t->f->read, link, &location, &problem);
	if (rc == 0)
		return find_value(t, entry, AUDIT_MISSING, link, "its value is missing", e);
	bool is_damaged = rc < 0;
	if (rc > 0 && t->f->options->is_reading_data) {
		rc = store_read_block(t->f->read, link, &bytes, &problem);
		is_damaged = rc < 0;
	}
	if (rc >= 0)
		rc = check_size(t, location.size, is_vector, true, &problem);
	if (rc >= 0 && t->f->options->is_reading_data)
		rc = check_bytes(t, bytes, is_vector, &problem);
	if (rc >= 0)
		return 0;
	if (rc != CEL_ECORRUPT && rc != CEL_EDATA && rc != CEL_ENOTFOUND)
		return error_set(e, rc, "%s", problem.message);
	return find_value(t, entry, is_damaged ? AUDIT_DAMAGED : AUDIT_WRONG, link, problem.message, e);
}

static int check_value(struct trees *t, const struct cid *leaf, const struct prolly_entry *entry,
		       const struct prolly_value *value, bool is_vector, struct cel_error *e)
{
	struct cel_error problem;
	if (value->is_link)
		return check_link(t, entry, &value->link, is_vector, e);
	int rc = check_size(t, value->bytes.size, is_vector, false, &problem);
	if (rc == 0)
		rc = check_bytes(t, value->bytes, is_vector, &problem);
	if (rc == 0)
		return 0;
	if (rc != CEL_ECORRUPT && rc != CEL_EDATA)
		return error_set(e, rc, "%s", problem.message);
	return find_value(t, entry, AUDIT_WRONG, leaf, problem.message, e);
}

static int on_record(void *context, const struct cid *leaf, const struct prolly_entry *entry, struct cel_error *e)
{
	struct trees *t = context;
	int rc = check_value(t, leaf, entry, &entry->vector, true, e);
	if (rc == 0)
		rc = check_value(t, leaf, entry, &entry->metadata, false, e);
	if (rc == 0 && ++t->records % PROGRESS_RECORDS == 0)
		rc = fsck_tell(t->f, "trees", "records", t->records, e);
	return rc;
}

/* 1 if the tree is here or should be, 0 if the commit is one without. */
static int expects_tree(struct fsck *f, const struct fsck_commit *c, struct cel_error *e)
{
	if (c->must_have_tree)
		return 1;
	int rc = forgotten_has(f->read, &c->cid, e);
	if (rc != 0)
		return rc < 0 ? rc : 0;
	return store_read_has(f->read, &c->tree, e);
}

static int check_commit(struct trees *t, struct fsck_commit *c, struct cel_error *e)
{
	int rc = expects_tree(t->f, c, e);
	if (rc <= 0) {
		t->f->result->absent += rc == 0;
		return rc;
	}
	c->has_tree = true;
	if (!cid_equal(&c->schema, &t->schema_cid)) {
		struct cel_schema schema;
		if (schema_read(t->f->read, &c->schema, &schema, NULL) < 0)
			return 0; /* found already; without it nothing can be said of records */
		t->schema = schema;
		t->schema_cid = c->schema;
	}
	return prolly_audit_tree(t->audit, &c->tree, c->schema.digest, e);
}

/* The trees are right; that the store says there are none such is not, and it is one finding, however many there are. */
static int check_mark(struct trees *t, struct cel_error *e)
{
	char text[CEL_CID_TEXT_SIZE], message[400], others[64] = "";
	int rc = t->irregular.n > 0 ? store_read_is_regular(t->f->read, e) : 0;
	if (rc <= 0)
		return rc;
	cid_format(&t->first_irregular, text);
	if (t->irregular.n > 1)
		snprintf(others, sizeof others, " (as %zu more have)", t->irregular.n - 1);
	snprintf(message, sizeof message,
		 "tree %s has a run of more than %u ids without an end of a node%s, but the store is marked as one in which no tree "
		 "has: a merge would believe that; 'cel clone' makes a store whose mark is right",
		 text, CHUNK_CAP, others);
	return fsck_find(t->f, AUDIT_WRONG, NULL, &t->first_irregular, "data.mdb", message, e);
}

int fsck_trees(struct fsck *f, struct cel_error *e)
{
	struct trees t = {.f = f};
	struct audit_sink sink = {.context = &t, .damage = on_damage, .record = on_record, .irregular = on_irregular};
	struct digest_set roots = {0};
	int rc = prolly_audit_new(f->read, &sink, &t.audit, e);
	for (size_t i = 0; i < f->n_commits && rc >= 0; i++) {
		if (!f->commits[i].is_readable)
			continue;
		rc = check_commit(&t, &f->commits[i], e);
		if (rc == 0 && f->commits[i].has_tree)
			rc = digest_set_add(&roots, f->commits[i].tree.digest, e);
	}
	if (rc >= 0)
		rc = check_mark(&t, e);
	f->result->trees = roots.n;
	f->result->values = t.values.n;
	if (t.audit != NULL) {
		struct audit_counts counts;
		prolly_audit_counts(t.audit, &counts);
		f->result->nodes = counts.nodes;
		f->result->records = counts.records;
	}
	prolly_audit_free(t.audit);
	digest_set_release(&roots);
	digest_set_release(&t.irregular);
	digest_set_release(&t.links);
	digest_set_release(&t.values);
	return rc < 0 ? rc : 0;
}
