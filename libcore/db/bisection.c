/* SPDX-License-Identifier: Apache-2.0 */
/* The search for the first bad commit, as the public API shows it: revs in, commits out. */
#include "bisect.h"

#include "alloc.h"
#include "db.h"
#include "error.h"
#include "rev.h"

struct cel_bisect {
	struct cel_store *store;
	struct bisect *search;
};

void cel_bisect_free(struct cel_bisect *b)
{
	if (b == NULL)
		return;
	bisect_free(b->search);
	mem_free(b);
}

int cel_bisect_new(struct cel_store *store, const char *good, const char *bad, struct cel_bisect **out,
		   struct cel_error *e)
{
	struct store_read *read;
	struct cid good_cid, bad_cid;
	*out = NULL;
	struct cel_bisect *b = mem_calloc(1, sizeof *b);
	if (b == NULL)
		return error_nomem(e, sizeof *b);
	b->store = store;
	int rc = store_read_begin(store->store, &read, e);
	if (rc == 0) {
		rc = rev_resolve(read, good, &good_cid, e);
		if (rc == 0)
			rc = rev_resolve(read, bad, &bad_cid, e);
		if (rc == 0) {
			rc = bisect_new(read, &good_cid, &bad_cid, &b->search, e);
			if (rc == CEL_EUSAGE)
				error_context(e, "'%.100s', '%.100s'", good, bad);
		}
		store_read_end(read);
	}
	if (rc < 0) {
		cel_bisect_free(b);
		return rc;
	}
	*out = b;
	return 0;
}

int cel_bisect_next(struct cel_bisect *b, struct cel_bisect_step *out, struct cel_error *e)
{
	struct db_rev rev;
	struct store_read *read;
	struct cid cid;
	if (!bisect_next(b->search, &cid))
		return 0;
	int rc = store_read_begin(b->store->store, &read, e);
	if (rc < 0)
		return rc;
	rc = db_rev_load(read, &cid, &rev, e);
	if (rc == 0)
		rc = db_rev_has_tree(read, &rev, e);
	store_read_end(read);
	if (rc < 0)
		return rc;
	cid_format(&cid, out->commit);
	out->has_tree = rc == 1;
	return 1;
}

void cel_bisect_tell(struct cel_bisect *b, enum cel_verdict verdict)
{
	bisect_tell(b->search, verdict == CEL_GOOD ? BISECT_GOOD : verdict == CEL_BAD ? BISECT_BAD : BISECT_SKIP);
}

uint64_t cel_bisect_left(const struct cel_bisect *b)
{
	return bisect_left(b->search);
}

void cel_bisect_candidate(const struct cel_bisect *b, uint64_t i, char commit[CEL_CID_TEXT_SIZE])
{
	struct cid cid = bisect_candidate(b->search, (size_t)i);
	cid_format(&cid, commit);
}
