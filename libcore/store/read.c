/* SPDX-License-Identifier: Apache-2.0 */
/* A snapshot is an LMDB read transaction with its open packs and, from the first raw block that LMDB does not have, a set of
 * segments. Sets change only by new files (or by files that gc took away), so a miss asks for the present set once more before
 * it is one; every set that gave out a slice is kept until the snapshot ends. */
#include <stdio.h>

#include "alloc.h"
#include "bytes.h"
#include "error.h"
#include "identity.h"
#include "refs.h"
#include "regular.h"
#include "store_impl.h"
#include "verifier.h"

/* Nodes that were read and verified not long ago: who compares trees comes by the same node several times. A slice of a
 * snapshot does not change, so it is neither looked up nor hashed again. */
#define RECENT_NODES 4096u /* a merge of a thousand changes on either side reads 1,300 */
struct recent_node {
	struct cid cid;
	struct slice block; /* NULL: empty */
};

/* A block of the batch that is read along: the batch moves its own as it grows. */
struct read_copy {
	struct read_copy *next;
	uint8_t bytes[];
};

struct store_read {
	struct store *store;
	struct store_batch *batch; /* NULL: only what is committed */
	struct verifier *verifier; /* NULL: nothing is deferred */
	struct read_copy *copies;
	MDB_txn *txn;
	struct packs packs; /* the open ones of txn */
	struct recent_node recent[RECENT_NODES]; /* each at the place that its digest says */
	struct segment_set **sets; /* the last one is searched */
	size_t n_sets;
};

int store_verify(const struct store *s, const struct cid *cid, struct slice bytes, struct cel_error *e)
{
	uint8_t digest[SHA256_SIZE];
	sha256(bytes.data, bytes.size, digest);
	if (memcmp(digest, cid->digest, SHA256_SIZE) == 0)
		return 0;
	char text[CEL_CID_TEXT_SIZE];
	cid_format(cid, text);
	return error_set(e, CEL_ECORRUPT, "%s: block %s is damaged: its bytes do not match its CID", s->path, text);
}

static void end_transaction(struct store_read *r)
{
	verifier_free(r->verifier);
	r->verifier = NULL;
	packs_release(&r->packs);
	env_end(&r->store->env, r->txn);
	r->txn = NULL;
}

static int begin_transaction(struct store_read *r, struct cel_error *e)
{
	int rc = env_read_begin(&r->store->env, &r->txn, e);
	if (rc < 0)
		return rc;
	rc = packs_load(&r->packs, &r->store->env, r->txn, e);
	if (rc < 0)
		end_transaction(r);
	return rc;
}

int store_read_begin(struct store *s, struct store_read **out, struct cel_error *e)
{
	struct store_read *r = mem_calloc(1, sizeof *r);
	if (r == NULL)
		return error_nomem(e, sizeof *r);
	r->store = s;
	int rc = begin_transaction(r, e);
	if (rc < 0) {
		mem_free(r);
		return rc;
	}
	*out = r;
	return 0;
}

int store_read_begin_with(struct store *s, struct store_batch *batch, struct store_read **out, struct cel_error *e)
{
	int rc = store_read_begin(s, out, e);
	if (rc == 0)
		(*out)->batch = batch;
	return rc;
}

static void release_copies(struct store_read *r)
{
	for (struct read_copy *next; r->copies != NULL; r->copies = next) {
		next = r->copies->next;
		mem_free(r->copies);
	}
}

static struct recent_node *recent_place(struct store_read *r, const struct cid *cid)
{
	return &r->recent[load_le32(cid->digest) % RECENT_NODES];
}

static void release_sets(struct store_read *r)
{
	for (size_t i = 0; i < r->n_sets; i++)
		segment_set_release(r->sets[i]);
	mem_free(r->sets);
	r->sets = NULL;
	r->n_sets = 0;
}

void store_read_end(struct store_read *r)
{
	if (r == NULL)
		return;
	end_transaction(r);
	release_sets(r);
	release_copies(r);
	mem_free(r);
}

int store_read_renew(struct store_read *r, struct cel_error *e)
{
	end_transaction(r);
	memset(r->recent, 0, sizeof r->recent);
	release_sets(r);
	release_copies(r);
	return begin_transaction(r, e);
}

/* After a failed renewal there is no transaction. */
static int check_begun(const struct store_read *r, struct cel_error *e)
{
	return r->txn == NULL ? error_set(e, CEL_EBUSY, "%s: the snapshot is over", r->store->path) : 0;
}

/* Makes the present set the searched one; 1 if it is another than before. */
static int renew_set(struct store_read *r, struct cel_error *e)
{
	struct segment_set *set;
	int rc = segments_acquire(&r->store->segments, &set, e);
	if (rc < 0)
		return rc;
	if (r->n_sets > 0 && r->sets[r->n_sets - 1] == set) {
		segment_set_release(set);
		return 0;
	}
	struct segment_set **sets = mem_realloc(r->sets, r->n_sets + 1, sizeof *sets);
	if (sets == NULL) {
		segment_set_release(set);
		return error_nomem(e, (r->n_sets + 1) * sizeof *sets);
	}
	r->sets = sets;
	r->sets[r->n_sets++] = set;
	return 1;
}

static int find_in_batch(struct store_read *r, const struct cid *cid, struct slice *out, struct cel_error *e)
{
	struct cel_error why;
	struct slice block;
	int rc = store_batch_block(r->batch, cid, &block, &why);
	if (rc < 0)
		return rc == CEL_ENOTFOUND ? 0 : error_set(e, rc, "%s", why.message);
	struct read_copy *copy = mem_alloc(sizeof *copy + block.size);
	if (copy == NULL)
		return error_nomem(e, sizeof *copy + block.size);
	memcpy(copy->bytes, block.data, block.size);
	copy->next = r->copies;
	r->copies = copy;
	*out = slice_make(copy->bytes, block.size);
	return 1;
}

/* 1 found (not verified), 0 not. Where there are segments most values are in them. */
static int find_committed(struct store_read *r, const struct cid *cid, struct slice *out, struct cel_error *e)
{
	struct cel_error problem;
	int rc = check_begun(r, e);
	if (rc == 0 && cid->codec == CID_RAW && r->n_sets > 0 && segment_set_find(r->sets[r->n_sets - 1], cid, out, &problem) > 0)
		return 1;
	if (rc == 0)
		rc = block_get(&r->store->env, r->txn, &r->packs, cid, out, e);
	if (rc != 0 || cid->codec != CID_RAW)
		return rc;
	rc = r->n_sets > 0 ? segment_set_find(r->sets[r->n_sets - 1], cid, out, &problem) : 0;
	while (rc <= 0) {
		int is_other = renew_set(r, e);
		if (is_other < 0)
			return is_other;
		if (is_other == 0)
			break;
		rc = segment_set_find(r->sets[r->n_sets - 1], cid, out, &problem);
	}
	return rc < 0 ? error_set(e, rc, "%s", problem.message) : rc;
}

static int find(struct store_read *r, const struct cid *cid, struct slice *out, struct cel_error *e)
{
	int rc = find_committed(r, cid, out, e);
	return rc == 0 && r->batch != NULL ? find_in_batch(r, cid, out, e) : rc;
}

int store_read_has(struct store_read *r, const struct cid *cid, struct cel_error *e)
{
	struct slice bytes;
	return find(r, cid, &bytes, e);
}

int store_read_locate(struct store_read *r, const struct cid *cid, struct store_location *out, struct cel_error *e)
{
	struct slice bytes = {0};
	*out = (struct store_location){0};
	int rc = check_begun(r, e);
	if (rc == 0)
		rc = block_get(&r->store->env, r->txn, &r->packs, cid, &bytes, e);
	if (rc > 0)
		strcpy(out->file, "data.mdb");
	if (rc == 0 && cid->codec == CID_RAW) {
		rc = find(r, cid, &bytes, e);
		const char *path = r->n_sets > 0 ? segment_set_where(r->sets[r->n_sets - 1], cid) : NULL;
		const char *name = path != NULL ? strrchr(path, '/') : NULL;
		if (rc != 0 && name != NULL)
			snprintf(out->file, sizeof out->file, "segments%s", name);
	}
	out->size = bytes.size;
	return rc;
}

int store_check_segments(struct store *s,
			 int (*tell)(void *context, const char *file, const struct cel_error *problem, struct cel_error *e),
			 void *context, struct cel_error *e)
{
	BUF_CLEANUP struct buf names = {0};
	int rc = segments_list(&s->segments, &names, e);
	for (size_t i = 0; i < names.size && rc == 0; i += SEGMENT_NAME_SIZE) {
		char path[4096], file[96];
		struct segment *segment;
		struct cel_error problem;
		snprintf(file, sizeof file, "segments/%s", (const char *)names.data + i);
		snprintf(path, sizeof path, "%s/%s", s->path, file);
		int found = segment_open(path, &segment, &problem);
		if (found == 0) {
			found = segment_verify_index(segment, &problem);
			segment_free(segment);
		}
		if (found == CEL_ENOMEM)
			return error_set(e, found, "%s", problem.message);
		if (found != CEL_ENOINPUT) /* gone meanwhile */
			rc = tell(context, file, found < 0 ? &problem : NULL, e);
	}
	return rc;
}

void store_read_defer(struct store_read *r)
{
	if (r->verifier == NULL)
		r->verifier = verifier_new(r->store);
}

int store_read_settle(struct store_read *r, struct cel_error *e)
{
	int rc = r->verifier != NULL ? verifier_finish(r->verifier, e) : 0;
	verifier_free(r->verifier);
	r->verifier = NULL;
	if (rc < 0)
		memset(r->recent, 0, sizeof r->recent); /* one of them is damaged */
	return rc;
}

static int verify(struct store_read *r, const struct cid *cid, struct slice block, struct cel_error *e)
{
	bool is_deferred = r->verifier != NULL && cid->codec == CID_DAG_CBOR && verifier_give(r->verifier, cid, block);
	return is_deferred ? 0 : store_verify(r->store, cid, block, e);
}

int store_read_block(struct store_read *r, const struct cid *cid, struct slice *out, struct cel_error *e)
{
	struct recent_node *recent = cid->codec == CID_DAG_CBOR ? recent_place(r, cid) : NULL;
	if (recent != NULL && recent->block.data != NULL && cid_equal(&recent->cid, cid)) {
		*out = recent->block;
		return 0;
	}
	int rc = find(r, cid, out, e);
	if (rc > 0) {
		rc = verify(r, cid, *out, e);
		if (rc == 0 && recent != NULL)
			*recent = (struct recent_node){*cid, *out};
		return rc;
	}
	if (rc == 0 && cid->codec == CID_RAW)
		rc = segment_set_explain_miss(r->sets[r->n_sets - 1], e);
	if (rc < 0)
		return rc;
	char text[CEL_CID_TEXT_SIZE];
	cid_format(cid, text);
	return error_set(e, CEL_ENOTFOUND, "%s has no block %s", r->store->path, text);
}

int store_read_logs(struct store_read *r,
		    int (*each)(void *context, const char *ref, const struct store_log_entry *entry, struct cel_error *e),
		    void *context, struct cel_error *e)
{
	int rc = check_begun(r, e);
	return rc < 0 ? rc : refs_logs(&r->store->env, r->txn, each, context, e);
}

int store_read_id(struct store_read *r, uint8_t id[STORE_ID_SIZE], struct cel_error *e)
{
	int rc = check_begun(r, e);
	return rc < 0 ? rc : identity_get(&r->store->env, r->txn, id, e);
}

int store_read_is_regular(struct store_read *r, struct cel_error *e)
{
	int rc = check_begun(r, e);
	return rc < 0 ? rc : regular_get(&r->store->env, r->txn, e);
}

int store_read_ref(struct store_read *r, const char *ref, struct cid *out, struct cel_error *e)
{
	int rc = check_begun(r, e);
	return rc < 0 ? rc : refs_get(&r->store->env, r->txn, ref, out, e);
}

int store_read_next_ref(struct store_read *r, const char *prefix, char position[STORE_REF_MAX], struct cid *out,
			struct cel_error *e)
{
	int rc = check_begun(r, e);
	return rc < 0 ? rc : refs_next(&r->store->env, r->txn, prefix, position, out, e);
}

int store_read_ref_log(struct store_read *r, const char *ref, uint64_t index, struct store_log_entry *out,
		       struct cel_error *e)
{
	int rc = check_begun(r, e);
	return rc < 0 ? rc : refs_log(&r->store->env, r->txn, ref, index, out, e);
}
