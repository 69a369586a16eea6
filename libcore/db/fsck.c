/* SPDX-License-Identifier: Apache-2.0 */
/* Checking a store: see fsck.h for the parts. One snapshot is held from the first to the last block, so that what is
 * checked is one state; findings are gathered meanwhile and told when it has ended, as telling may be slow. */
#include "fsck.h"

#include <stdio.h>

#include "alloc.h"
#include "error.h"
#include "tell.h"

int fsck_find(struct fsck *f, enum audit_finding kind, const struct cid *block, const struct cid *tree, const char *where,
	      const char *message, struct cel_error *e)
{
	struct store_location location = {0};
	if (where == NULL && block != NULL && kind != AUDIT_MISSING)
		store_read_locate(f->read, block, &location, NULL);
	int rc = mem_grow(&f->findings, &f->findings_capacity, f->n_findings + 1, sizeof *f->findings, e);
	if (rc < 0)
		return rc;
	struct fsck_finding finding = {.kind = kind, .has_block = block != NULL, .has_tree = tree != NULL};
	if (block != NULL)
		finding.block = *block;
	if (tree != NULL)
		finding.tree = *tree;
	finding.where = mem_strdup(where != NULL ? where : location.file);
	finding.message = mem_strdup(message);
	if (finding.where == NULL || finding.message == NULL) {
		mem_free(finding.where);
		mem_free(finding.message);
		return error_nomem(e, strlen(message));
	}
	f->findings[f->n_findings++] = finding;
	f->result->damages++;
	return 0;
}

int fsck_tell(struct fsck *f, const char *phase, const char *unit, uint64_t done, struct cel_error *e)
{
	struct cel_progress progress = {.phase = phase, .unit = unit, .done = done};
	return tell_progress(f->options->on_progress, f->options->context, &progress, e);
}

static int check_all(struct fsck *f, const char *const *revs, size_t n_revs, struct cel_error *e)
{
	int rc = fsck_tell(f, "commits", "", 0, e);
	if (rc == 0)
		rc = fsck_commits(f, revs, n_revs, e);
	if (rc == 0)
		rc = fsck_tell(f, "files", "segments", 0, e);
	if (rc == 0)
		rc = fsck_files(f, n_revs == 0, e);
	if (rc == 0)
		rc = fsck_tell(f, "trees", "records", 0, e);
	if (rc == 0)
		rc = fsck_trees(f, e);
	if (rc == 0)
		rc = fsck_tell(f, "trees", "records", f->result->records, e);
	if (rc == 0 && f->n_findings > 0)
		rc = fsck_touch(f, e);
	f->result->commits = f->n_commits;
	return rc;
}

/* CIDs as text of the commits with that bit. */
static int list_commits(const struct fsck *f, uint64_t bit, struct buf *texts, struct buf *pointers, struct cel_error *e)
{
	int rc = 0;
	buf_clear(texts);
	buf_clear(pointers);
	size_t n = 0;
	for (size_t i = 0; i < f->n_commits && rc == 0; i++) {
		char text[CEL_CID_TEXT_SIZE];
		if ((f->commits[i].touched & bit) == 0)
			continue;
		cid_format(&f->commits[i].cid, text);
		rc = buf_append(texts, text, sizeof text, e);
		n++;
	}
	for (size_t i = 0; i < n && rc == 0; i++) {
		const char *text = (const char *)texts->data + i * CEL_CID_TEXT_SIZE;
		rc = buf_append(pointers, &text, sizeof text, e);
	}
	return rc;
}

static int tell(const struct fsck *f, struct cel_error *e)
{
	static const char *const KINDS[] = {[AUDIT_DAMAGED] = "damaged", [AUDIT_MISSING] = "missing", [AUDIT_WRONG] = "wrong"};
	BUF_CLEANUP struct buf texts = {0}, pointers = {0}, touches = {0};
	uint64_t last = 0;
	for (size_t i = 0; i < f->n_findings && f->options->on_damage != NULL; i++) {
		const struct fsck_finding *finding = &f->findings[i];
		char cid[CEL_CID_TEXT_SIZE];
		cid_format(&finding->block, cid);
		if (i == 0 || finding->bit != last) {
			int rc = list_commits(f, finding->bit, &texts, &pointers, e);
			buf_clear(&touches);
			if (rc == 0)
				rc = fsck_touch_text(f, finding->bit, &touches, e);
			if (rc == 0)
				rc = buf_append_byte(&touches, '\0', e);
			if (rc < 0)
				return rc;
			last = finding->bit;
		}
		struct cel_damage damage = {
			.kind = KINDS[finding->kind],
			.block = finding->has_block ? cid : NULL,
			.where = finding->where,
			.message = finding->message,
			.touches = (const char *)touches.data,
			.commits = (const char *const *)(const void *)pointers.data,
			.n_commits = pointers.size / sizeof(char *),
		};
		if (f->options->on_damage(f->options->context, &damage) != 0)
			break;
	}
	return 0;
}

static void release(struct fsck *f)
{
	for (size_t i = 0; i < f->n_findings; i++) {
		mem_free(f->findings[i].where);
		mem_free(f->findings[i].message);
	}
	mem_free(f->findings);
	mem_free(f->commits);
	mem_free(f->starts);
	digest_set_release(&f->commit_places);
}

int cel_fsck(struct cel_store *store, const char *const *revs, size_t n_revs, const struct cel_fsck_options *options,
	     struct cel_fsck_result *out, struct cel_error *e)
{
	static const struct cel_fsck_options DEFAULTS = {0};
	*out = (struct cel_fsck_result){0};
	struct fsck f = {
		.store = store,
		.options = options != NULL ? options : &DEFAULTS,
		.result = out,
		.commit_places.value_size = sizeof(uint32_t),
	};
	int rc = store_read_begin(store->store, &f.read, e);
	if (rc < 0)
		return rc;
	rc = check_all(&f, revs, n_revs, e);
	store_read_end(f.read);
	f.read = NULL;
	if (rc == 0)
		rc = tell(&f, e);
	if (rc == 0 && f.n_findings > 0)
		rc = error_set(e, CEL_ECORRUPT, "%zu blocks or files are damaged, missing or wrong", f.n_findings);
	release(&f);
	return rc;
}
