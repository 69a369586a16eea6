/* SPDX-License-Identifier: Apache-2.0 */
/* All commits that the refs lead to, each with its schema and its parents. Unlike the walk of history.h this one goes past
 * damage: a commit that cannot be read stays in the list without parents, so what lies behind it is checked only if another
 * way leads there. Memory: about 250 bytes a commit. */
#include <stdio.h>
#include <stdlib.h>

#include "alloc.h"
#include "error.h"
#include "forgotten.h"
#include "fsck.h"
#include "quarantine.h"
#include "rev.h"

/* ---- where to begin */

static int add_start(struct fsck *f, const char *name, bool is_ref, const struct cid *cid, struct cel_error *e)
{
	if (mem_grow(&f->starts, &f->starts_capacity, f->n_starts + 1, sizeof *f->starts, e) < 0)
		return CEL_ENOMEM;
	struct fsck_start *start = &f->starts[f->n_starts++];
	*start = (struct fsck_start){.is_ref = is_ref, .cid = *cid};
	snprintf(start->name, sizeof start->name, "%s", name);
	return 0;
}

static bool has_prefix(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* A ref whose value is no CID is passed by; one whose name is damaged ends the list. */
static int add_refs(struct fsck *f, struct cel_error *e)
{
	char position[STORE_REF_MAX] = "", before[STORE_REF_MAX], where[STORE_REF_MAX + 8];
	for (;;) {
		struct cid cid;
		struct cel_error problem;
		memcpy(before, position, sizeof before);
		int rc = store_read_next_ref(f->read, "", position, &cid, &problem);
		if (rc == 0)
			return 0;
		snprintf(where, sizeof where, "refs/%s", position);
		if (rc < 0 && rc != CEL_ECORRUPT)
			return error_set(e, rc, "%s", problem.message);
		if (rc == CEL_ECORRUPT) {
			bool is_stuck = strcmp(before, position) == 0;
			rc = fsck_find(f, AUDIT_DAMAGED, NULL, NULL, is_stuck ? "refs" : where, problem.message, e);
			if (rc < 0 || is_stuck)
				return rc;
			continue;
		}
		/* What waits in quarantine is no part of any history yet. */
		if (!has_prefix(position, FORGOTTEN_PREFIX) && !has_prefix(position, QUARANTINE_PREFIX)) {
			rc = add_start(f, position, true, &cid, e);
			if (rc < 0)
				return rc;
		}
	}
}

static int add_revs(struct fsck *f, const char *const *revs, size_t n_revs, struct cel_error *e)
{
	int rc = 0;
	for (size_t i = 0; i < n_revs && rc == 0; i++) {
		struct cid cid;
		rc = rev_resolve(f->read, revs[i], &cid, e);
		if (rc == 0)
			rc = add_start(f, revs[i], false, &cid, e);
	}
	return rc;
}

/* ---- the walk */

/* Puts it at the end of the list unless it was met before. */
static int meet(struct fsck *f, const struct cid *cid, bool must_have_tree, struct cel_error *e)
{
	struct fsck_commit *met = fsck_commit_of(f, cid);
	if (met != NULL) {
		met->must_have_tree |= must_have_tree;
		return 0;
	}
	if (mem_grow(&f->commits, &f->commits_capacity, f->n_commits + 1, sizeof *f->commits, e) < 0)
		return CEL_ENOMEM;
	int rc = digest_set_add(&f->commit_places, cid->digest, e);
	if (rc < 0)
		return rc;
	uint32_t *place = digest_set_value(&f->commit_places, cid->digest);
	if (place != NULL) /* NULL: a digest of zeros, which no block has */
		*place = (uint32_t)f->n_commits;
	f->commits[f->n_commits++] = (struct fsck_commit){
		.cid = *cid, .must_have_tree = must_have_tree, .parent = {FSCK_NONE, FSCK_NONE}};
	return 0;
}

struct fsck_commit *fsck_commit_of(const struct fsck *f, const struct cid *cid)
{
	const uint32_t *place = digest_set_value(&f->commit_places, cid->digest);
	return place != NULL ? &f->commits[*place] : NULL;
}

static int find_bad(struct fsck *f, const struct cid *cid, const char *what, int code, const struct cel_error *problem,
		    struct cel_error *e)
{
	char text[CEL_CID_TEXT_SIZE], message[1100];
	struct slice block;
	if (code != CEL_ECORRUPT && code != CEL_ENOTFOUND)
		return error_set(e, code, "%s", problem->message);
	cid_format(cid, text);
	enum audit_finding kind = code == CEL_ENOTFOUND ? AUDIT_MISSING
				  : store_read_block(f->read, cid, &block, NULL) < 0 ? AUDIT_DAMAGED
										     : AUDIT_WRONG;
	if (kind == AUDIT_MISSING)
		snprintf(message, sizeof message, "%s %s is missing", what, text);
	else
		snprintf(message, sizeof message, "%s: %s", what, problem->message);
	return fsck_find(f, kind, cid, NULL, NULL, message, e);
}

static int read_commit(struct fsck *f, size_t i, bool is_following, struct cel_error *e)
{
	struct cid cid = f->commits[i].cid;
	struct commit commit;
	struct cel_error problem;
	int rc = commit_read(f->read, &cid, &commit, &problem);
	if (rc < 0)
		return find_bad(f, &cid, "commit", rc, &problem, e);
	struct fsck_commit *c = &f->commits[i];
	c->is_readable = true;
	c->schema = commit.schema;
	c->tree = commit.tree;
	c->n_parents = commit.n_parents;
	c->generation = commit.generation;
	memcpy(c->parents, commit.parents, sizeof c->parents);
	for (uint32_t p = 0; p < commit.n_parents && is_following && rc == 0; p++)
		rc = meet(f, &commit.parents[p], false, e);
	return rc;
}

/* ---- what one commit says of others */

static int check_generation(struct fsck *f, const struct fsck_commit *c, struct cel_error *e)
{
	uint64_t expected = 0;
	for (uint32_t p = 0; p < c->n_parents; p++) {
		if (c->parent[p] == FSCK_NONE || !f->commits[c->parent[p]].is_readable)
			return 0;
		uint64_t generation = f->commits[c->parent[p]].generation;
		if (generation >= expected)
			expected = generation + 1;
	}
	if (c->generation == expected)
		return 0;
	char message[200];
	snprintf(message, sizeof message, "commit says generation %llu, its parents say %llu",
		 (unsigned long long)c->generation, (unsigned long long)expected);
	return fsck_find(f, AUDIT_WRONG, &c->cid, NULL, NULL, message, e);
}

static int check_schemas(struct fsck *f, struct cel_error *e)
{
	struct digest_set seen = {0};
	int rc = 0;
	for (size_t i = 0; i < f->n_commits && rc >= 0; i++) {
		const struct fsck_commit *c = &f->commits[i];
		struct cel_schema schema;
		struct cel_error problem;
		if (!c->is_readable)
			continue;
		rc = digest_set_add(&seen, c->schema.digest, e);
		if (rc <= 0)
			continue;
		int found = schema_read(f->read, &c->schema, &schema, &problem);
		if (found < 0)
			rc = find_bad(f, &c->schema, "schema", found, &problem, e);
	}
	digest_set_release(&seen);
	return rc < 0 ? rc : 0;
}

static int newer_first(const void *a, const void *b)
{
	const struct fsck_commit *x = a, *y = b;
	if (x->generation != y->generation)
		return x->generation < y->generation ? 1 : -1;
	return -cid_compare(&x->cid, &y->cid);
}

static void sort_and_link(struct fsck *f)
{
	if (f->n_commits > 0)
		qsort(f->commits, f->n_commits, sizeof *f->commits, newer_first);
	for (size_t i = 0; i < f->n_commits; i++) {
		uint32_t *place = digest_set_value(&f->commit_places, f->commits[i].cid.digest);
		if (place != NULL)
			*place = (uint32_t)i;
	}
	for (size_t i = 0; i < f->n_commits; i++) {
		struct fsck_commit *c = &f->commits[i];
		for (uint32_t p = 0; p < c->n_parents; p++) {
			const struct fsck_commit *parent = fsck_commit_of(f, &c->parents[p]);
			c->parent[p] = parent != NULL ? (uint32_t)(parent - f->commits) : FSCK_NONE;
		}
	}
}

int fsck_commits(struct fsck *f, const char *const *revs, size_t n_revs, struct cel_error *e)
{
	int rc = n_revs > 0 ? add_revs(f, revs, n_revs, e) : add_refs(f, e);
	for (size_t i = 0; i < f->n_starts && rc == 0; i++)
		rc = meet(f, &f->starts[i].cid, n_revs == 0, e);
	for (size_t i = 0; i < f->n_commits && rc == 0; i++)
		rc = read_commit(f, i, n_revs == 0, e);
	if (rc < 0)
		return rc;
	sort_and_link(f);
	for (size_t i = 0; i < f->n_commits && rc == 0; i++)
		rc = check_generation(f, &f->commits[i], e);
	return rc < 0 ? rc : check_schemas(f, e);
}
