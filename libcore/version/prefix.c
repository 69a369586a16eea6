/* SPDX-License-Identifier: Apache-2.0 */
/* A walk over all history: from every ref along the parents, each commit once. `seen` is both the list of what was met and,
 * through open addressing on the digest, the set that keeps out what was met before; commits from `done` on are still to be
 * looked at. */
#include "alloc.h"
#include "bytes.h"
#include "commit.h"
#include "error.h"
#include "lookup.h"

struct walk {
	struct cid *seen;
	size_t n, done, capacity;
	uint32_t *slots; /* 1 + place in seen; twice the capacity */
};

static uint32_t *find_slot(const struct walk *w, const struct cid *cid)
{
	size_t mask = w->capacity * 2 - 1;
	size_t i = load_le64(cid->digest) & mask;
	while (w->slots[i] != 0 && !cid_equal(&w->seen[w->slots[i] - 1], cid))
		i = (i + 1) & mask;
	return &w->slots[i];
}

static int grow(struct walk *w, struct cel_error *e)
{
	size_t capacity = w->capacity == 0 ? 64 : w->capacity * 2;
	struct cid *seen = mem_realloc(w->seen, capacity, sizeof *seen);
	if (seen == NULL)
		return error_nomem(e, capacity * sizeof *seen);
	w->seen = seen;
	uint32_t *slots = mem_calloc(capacity * 2, sizeof *slots);
	if (slots == NULL)
		return error_nomem(e, capacity * 2 * sizeof *slots);
	mem_free(w->slots);
	w->slots = slots;
	w->capacity = capacity;
	for (size_t i = 0; i < w->n; i++)
		*find_slot(w, &w->seen[i]) = (uint32_t)i + 1;
	return 0;
}

static int meet(struct walk *w, const struct cid *cid, struct cel_error *e)
{
	int rc = w->n == w->capacity ? grow(w, e) : 0;
	if (rc < 0)
		return rc;
	uint32_t *slot = find_slot(w, cid);
	if (*slot == 0) {
		w->seen[w->n++] = *cid;
		*slot = (uint32_t)w->n;
	}
	return 0;
}

static int meet_refs(struct walk *w, struct store_read *read, const char *prefix, struct cel_error *e)
{
	char position[STORE_REF_MAX] = "";
	struct cid cid;
	int rc;
	while ((rc = store_read_next_ref(read, prefix, position, &cid, e)) == 1) {
		rc = meet(w, &cid, e);
		if (rc < 0)
			return rc;
	}
	return rc;
}

static int search(struct walk *w, struct store_read *read, const char *prefix, struct cid *out, struct cel_error *e)
{
	char found[CEL_CID_TEXT_SIZE] = "", text[CEL_CID_TEXT_SIZE];
	int rc = meet_refs(w, read, "heads/", e);
	if (rc == 0)
		rc = meet_refs(w, read, "tags/", e);
	for (; rc == 0 && w->done < w->n; w->done++) {
		struct cid cid = w->seen[w->done];
		struct commit commit;
		cid_format(&cid, text);
		if (strncmp(text, prefix, strlen(prefix)) == 0) {
			if (found[0] != '\0')
				return error_set(e, CEL_EUSAGE, "'%s' is the beginning of several commits: %s and %s, among others",
						 prefix, found, text);
			memcpy(found, text, sizeof found);
			*out = cid;
		}
		rc = commit_read(read, &cid, &commit, e);
		for (uint32_t i = 0; rc == 0 && i < commit.n_parents; i++)
			rc = meet(w, &commit.parents[i], e);
	}
	if (rc == CEL_ENOTFOUND)
		return error_set(e, CEL_ECORRUPT, "commit %s is missing", text);
	if (rc == 0 && found[0] == '\0')
		return error_set(e, CEL_ENOINPUT, "no collection '%s', and no commit whose CID begins so", prefix);
	return rc;
}

int prefix_lookup(struct store_read *read, const char *prefix, struct cid *out, struct cel_error *e)
{
	struct walk w = {0};
	int rc = search(&w, read, prefix, out, e);
	mem_free(w.seen);
	mem_free(w.slots);
	return rc;
}
