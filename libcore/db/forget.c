/* SPDX-License-Identifier: Apache-2.0 */
/* Forgetting the trees of old commits. One walk from all heads, tags and merged tips tells which commits there are, which of
 * them the named collections have, and which are in the history of others, too:
 *
 *     candidates   in the history of a named collection, with their trees here
 *     protected    heads, tagged commits, merged tips, first commits, whatever another collection (or its tag) descends from
 *     kept         what the rules keep in the history of any of the named collections
 *
 * What is neither protected nor kept gets its mark, all marks in one batch. Under the writer lock, so nothing moves
 * between the look and the marks. */
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#include "alloc.h"
#include "db.h"
#include "error.h"
#include "forgotten.h"
#include "history.h"
#include "keep.h"
#include "tags.h"

enum { OF_NAMED = 1, OF_OTHERS = 2 };
enum { IS_HEAD = 1, IS_MERGED = 2, IS_FIRST = 4, IS_SHARED = 8 };

struct entry {
	struct cid cid;
	int64_t time;
	uint64_t generation;
	uint32_t protected_by, reasons, oldest;
	bool has_tree, is_tagged;
};

struct forget {
	struct store_read *read;
	const char *const *names;
	size_t n_names;
	struct keep_rules rules;
	struct entry *entries; /* of the named, as the walk gives them: descendants first */
	size_t n, capacity;
	struct entry **by_cid;
	struct db_tags tags;
};

static void forget_release(struct forget *f)
{
	mem_free(f->entries);
	mem_free(f->by_cid);
	db_tags_release(&f->tags);
}

/* ---- which commits there are */

static bool is_named(const struct forget *f, const char *name, size_t size)
{
	for (size_t i = 0; i < f->n_names; i++)
		if (strlen(f->names[i]) == size && memcmp(f->names[i], name, size) == 0)
			return true;
	return false;
}

/* Starts from refs of one kind, marked by whose they are. Tags of a named collection hold on to their own commit only. */
static int push_refs(struct forget *f, struct history *h, const char *prefix, bool is_with_named, struct cel_error *e)
{
	char position[STORE_REF_MAX] = "";
	struct cid cid;
	int rc;
	while ((rc = store_read_next_ref(f->read, prefix, position, &cid, e)) == 1) {
		const char *name = position + strlen(prefix);
		bool is_ours = is_named(f, name, strcspn(name, "/"));
		if (is_ours && !is_with_named)
			continue;
		rc = history_push(h, &cid, is_ours ? OF_NAMED : OF_OTHERS, e);
		if (rc < 0)
			return rc;
	}
	return rc;
}

static int add_entry(struct forget *f, const struct history_item *item, struct cel_error *e)
{
	if (mem_grow(&f->entries, &f->capacity, f->n + 1, sizeof *f->entries, e) < 0)
		return CEL_ENOMEM;
	struct db_rev rev = {.cid = item->cid, .commit = item->commit};
	int rc = db_rev_has_tree(f->read, &rev, e);
	if (rc < 0)
		return rc;
	struct entry entry = {.cid = item->cid, .time = (int64_t)item->commit.time, .generation = item->commit.generation,
			      .has_tree = rc == 1};
	entry.protected_by = (item->marks & OF_OTHERS) != 0 ? IS_SHARED : 0;
	if (item->commit.n_parents == 0)
		entry.protected_by |= IS_FIRST;
	f->entries[f->n++] = entry;
	return 0;
}

static int walk(struct forget *f, struct history *h, struct cel_error *e)
{
	const struct history_item *item;
	int rc = push_refs(f, h, HEADS_PREFIX, true, e);
	if (rc == 0)
		rc = push_refs(f, h, TAGS_PREFIX, false, e);
	while (rc >= 0 && (rc = history_next(h, &item, e)) == 1)
		if ((item->marks & OF_NAMED) != 0)
			rc = add_entry(f, item, e);
	return rc;
}

static int compare_entries(const void *a, const void *b)
{
	return cid_compare(&(*(struct entry *const *)a)->cid, &(*(struct entry *const *)b)->cid);
}

static struct entry *find_entry(const struct forget *f, const struct cid *cid)
{
	struct entry key = {.cid = *cid}, *pointer = &key;
	struct entry **found = bsearch(&pointer, f->by_cid, f->n, sizeof *f->by_cid, compare_entries);
	return found != NULL ? *found : NULL;
}

/* ---- what is protected */

static int protect_refs(struct forget *f, const char *prefix, uint32_t why, struct cel_error *e)
{
	char position[STORE_REF_MAX] = "";
	struct cid cid;
	int rc;
	while ((rc = store_read_next_ref(f->read, prefix, position, &cid, e)) == 1) {
		struct entry *entry = find_entry(f, &cid);
		if (entry != NULL)
			entry->protected_by |= why;
	}
	return rc;
}

static int find_entries(struct forget *f, struct cel_error *e)
{
	struct history *h;
	int rc = history_new(f->read, NULL, &h, e);
	if (rc < 0)
		return rc;
	rc = walk(f, h, e);
	history_free(h);
	if (rc < 0)
		return rc;
	f->by_cid = mem_alloc(f->n * sizeof *f->by_cid);
	if (f->by_cid == NULL)
		return error_nomem(e, f->n * sizeof *f->by_cid);
	for (size_t i = 0; i < f->n; i++)
		f->by_cid[i] = &f->entries[i];
	qsort(f->by_cid, f->n, sizeof *f->by_cid, compare_entries);
	rc = protect_refs(f, HEADS_PREFIX, IS_HEAD, e);
	if (rc == 0)
		rc = protect_refs(f, "merged/", IS_MERGED, e);
	if (rc == 0)
		rc = protect_refs(f, "fetched/", IS_MERGED, e);
	if (rc == 0)
		rc = db_tags_load(&f->tags, f->read, e);
	for (size_t i = 0; rc == 0 && i < f->tags.n; i++) {
		struct entry *entry = find_entry(f, &f->tags.items[i].cid);
		if (entry != NULL)
			entry->is_tagged = true;
	}
	return rc;
}

/* ---- what the rules keep */

/* The history of one collection, as far as its trees are here. The first commit of all has no time, and is kept anyway. */
static int collect_items(struct forget *f, struct history *h, struct keep_item **items, size_t *n, struct cel_error *e)
{
	const struct history_item *item;
	int rc;
	*items = mem_alloc((f->n + 1) * sizeof **items);
	if (*items == NULL)
		return error_nomem(e, f->n * sizeof **items);
	while ((rc = history_next(h, &item, e)) == 1) {
		const struct entry *entry = find_entry(f, &item->cid);
		if (entry != NULL && entry->has_tree && (entry->protected_by & IS_FIRST) == 0)
			(*items)[(*n)++] = (struct keep_item){entry->time, entry->generation, entry->cid, 0, 0};
	}
	return rc;
}

static int apply_rules(struct forget *f, const char *name, struct cel_error *e)
{
	char ref[DB_REF_MAX];
	struct cid head;
	struct history *h;
	struct keep_item *items = NULL;
	size_t n = 0;
	int rc = db_head_cid(f->read, name, ref, &head, e);
	if (rc == 0)
		rc = history_new(f->read, NULL, &h, e);
	if (rc < 0)
		return rc;
	rc = history_push(h, &head, 0, e);
	if (rc == 0)
		rc = collect_items(f, h, &items, &n, e);
	if (rc == 0)
		keep_apply(&f->rules, items, n);
	for (size_t i = 0; rc == 0 && i < n; i++) {
		struct entry *entry = find_entry(f, &items[i].cid);
		entry->oldest = (entry->oldest & items[i].oldest) | (items[i].oldest & ~entry->reasons);
		entry->reasons |= items[i].reasons;
	}
	mem_free(items);
	history_free(h);
	return rc;
}

static bool is_kept(const struct entry *entry)
{
	return entry->protected_by != 0 || entry->is_tagged || entry->reasons != 0;
}

/* ---- the marks */

static int put_marks(struct forget *f, struct store_batch *batch, uint64_t n_forgotten, struct cel_error *e)
{
	struct store_ref_update *updates = mem_alloc(n_forgotten * sizeof *updates);
	char(*refs)[FORGOTTEN_REF_MAX] = mem_alloc(n_forgotten * sizeof *refs);
	int rc = updates == NULL || refs == NULL ? error_nomem(e, n_forgotten * sizeof *updates) : 0;
	size_t k = 0;
	for (size_t i = 0; rc == 0 && i < f->n; i++) {
		if (!f->entries[i].has_tree || is_kept(&f->entries[i]))
			continue;
		updates[k] = forgotten_mark(&f->entries[i].cid, refs[k]);
		k++;
	}
	if (rc == 0)
		rc = store_batch_commit(batch, NULL, updates, k, (int64_t)time(NULL), e);
	mem_free(updates);
	mem_free(refs);
	return rc;
}

/* ---- telling */

static int add_reason(struct buf *b, const char *reason, struct cel_error *e)
{
	return buf_printf(b, e, "%s%s", b->size > 0 ? "," : "", reason);
}

static int add_tags(struct buf *b, const struct forget *f, const struct cid *cid, struct cel_error *e)
{
	struct buf names BUF_CLEANUP = {0};
	int rc = db_tags_of(&f->tags, cid, &names, e);
	const char *tag = (const char *)names.data;
	for (size_t length; rc == 0 && (length = strcspn(tag, " ")) > 0; tag += length + (tag[length] == ' '))
		rc = buf_printf(b, e, "%stag %.*s", b->size > 0 ? "," : "", (int)length, tag);
	return rc;
}

static int list_reasons(const struct forget *f, const struct entry *entry, struct buf *b, struct cel_error *e)
{
	static const struct {
		uint32_t bit;
		const char *text;
	} PROTECTED[] = {{IS_HEAD, "head"}, {IS_MERGED, "merged"}, {IS_FIRST, "first"}, {IS_SHARED, "shared"}};
	static const char *const RULES[][2] = {
		{"last", "oldest last"},       {"hourly", "oldest hourly"},   {"daily", "oldest daily"},
		{"weekly", "oldest weekly"},   {"monthly", "oldest monthly"}, {"yearly", "oldest yearly"},
		{"within", "within"},
	};
	buf_clear(b);
	int rc = 0;
	for (size_t i = 0; i < sizeof PROTECTED / sizeof *PROTECTED && rc == 0; i++)
		if ((entry->protected_by & PROTECTED[i].bit) != 0)
			rc = add_reason(b, PROTECTED[i].text, e);
	if (rc == 0 && entry->is_tagged)
		rc = add_tags(b, f, &entry->cid, e);
	for (size_t i = 0; i < sizeof RULES / sizeof *RULES && rc == 0; i++)
		if ((entry->reasons >> i & 1) != 0)
			rc = add_reason(b, RULES[i][entry->oldest >> i & 1], e);
	return rc < 0 ? rc : buf_append(b, "", 1, e);
}

static int tell(const struct forget *f, cel_forget_fn *call, void *context, struct cel_error *e)
{
	struct buf reasons BUF_CLEANUP = {0};
	int rc = 0;
	for (size_t i = 0; i < f->n && rc == 0; i++) {
		const struct entry *entry = &f->entries[i];
		struct cel_forget_item item = {.time = (uint64_t)entry->time, .is_kept = is_kept(entry)};
		if (!entry->has_tree)
			continue;
		rc = list_reasons(f, entry, &reasons, e);
		item.reasons = (const char *)reasons.data;
		cid_format(&entry->cid, item.commit);
		if (rc == 0)
			rc = call(context, &item, e);
	}
	return rc;
}

/* ---- all of it */

static int set_rules(const struct cel_forget_options *options, struct keep_rules *rules, struct cel_error *e)
{
	*rules = (struct keep_rules){
		.counts = {options->keep_last, options->keep_hourly, options->keep_daily, options->keep_weekly,
			   options->keep_monthly, options->keep_yearly},
		.has_within = options->keep_within != NULL,
	};
	if (keep_is_empty(rules))
		return error_set(e, CEL_EUSAGE, "no rule says what to keep");
	return rules->has_within ? keep_parse_duration(options->keep_within, &rules->within, e) : 0;
}

/* Decides, and makes the marks if there is a batch. */
static int decide(struct forget *f, struct store_batch *batch, struct cel_forget_result *out, struct cel_error *e)
{
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < f->n_names; i++) {
		char ref[DB_REF_MAX];
		struct cid head;
		rc = db_head_cid(f->read, f->names[i], ref, &head, e);
	}
	if (rc == 0)
		rc = find_entries(f, e);
	for (size_t i = 0; rc == 0 && i < f->n_names; i++)
		rc = apply_rules(f, f->names[i], e);
	if (rc < 0)
		return rc;
	*out = (struct cel_forget_result){0};
	for (size_t i = 0; i < f->n; i++) {
		if (f->entries[i].has_tree)
			*(is_kept(&f->entries[i]) ? &out->kept : &out->forgotten) += 1;
	}
	return batch != NULL && out->forgotten > 0 ? put_marks(f, batch, out->forgotten, e) : 0;
}

int cel_forget(struct cel_store *store, const char *const *collections, size_t n,
	       const struct cel_forget_options *options, cel_forget_fn *call, void *context, struct cel_forget_result *out,
	       struct cel_error *e)
{
	struct forget f = {.names = collections, .n_names = n};
	struct store_batch *batch = NULL;
	int rc = n == 0 ? error_set(e, CEL_EUSAGE, "no collection is named") : set_rules(options, &f.rules, e);
	if (rc == 0 && !options->is_dry_run)
		rc = store_batch_begin(store->store, store->lock_wait, &batch, e);
	if (rc < 0)
		return rc;
	rc = store_read_begin(store->store, &f.read, e);
	if (rc == 0) {
		rc = decide(&f, batch, out, e);
		store_read_end(f.read);
	}
	store_batch_free(batch);
	if (rc == 0 && call != NULL)
		rc = tell(&f, call, context, e);
	forget_release(&f);
	return rc;
}
