/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this folder share: the opened store, a rev looked up in it, and the paths of derived files. */
#ifndef DB_DB_H
#define DB_DB_H

#include "buf.h"
#include "cel.h"
#include "commit.h"
#include "store.h"
#include "tree.h"

struct cel_store {
	struct store *store;
	double lock_wait;
	bool is_read_only;
};

#define HEADS_PREFIX "heads/"
#define DB_REF_MAX (sizeof HEADS_PREFIX + CEL_NAME_MAX)

/* "heads/NAME"; checks the name. */
int db_head_ref(const char *name, char out[DB_REF_MAX], struct cel_error *e);

/* A commit with what hangs on it; commit's slices live as long as `read`. */
struct db_rev {
	struct cid cid;
	struct commit commit;
	struct cel_schema schema;
};
int db_rev_load(struct store_read *read, const struct cid *cid, struct db_rev *out, struct cel_error *e);
int db_rev_resolve(struct store_read *read, const char *rev, struct db_rev *out, struct cel_error *e);
/* What a collection's head names; CEL_ENOINPUT with a hint if there is no such collection. */
int db_head_cid(struct store_read *read, const char *name, char ref[DB_REF_MAX], struct cid *out, struct cel_error *e);
int db_head_load(struct store_read *read, const char *name, struct db_rev *out, struct cel_error *e);

/* A commit may be here without its tree: it was forgotten, or never fetched. has: 1, 0 or an error; need: CEL_EUNAVAILABLE
 * without it. */
int db_rev_has_tree(struct store_read *read, const struct db_rev *rev, struct cel_error *e);
int db_rev_need_tree(struct store_read *read, const struct db_rev *rev, struct cel_error *e);
int db_rev_resolve_tree(struct store_read *read, const char *rev, struct db_rev *out, struct cel_error *e); /* and need */

/* CEL_EDATA, which says what differs, unless the two are equal. */
int db_schemas_agree(const struct cel_schema *a, const struct cel_schema *b, struct cel_error *e);

/* A caller-owned copy; tags as cel_revision has them. */
int db_revision_new(struct store_read *read, const char *name, const char *tags, const struct db_rev *rev,
		    struct cel_revision **out, struct cel_error *e);

/* The vector of an entry, or of the record with that id (CEL_ENOTFOUND), its size checked; lives as long as `read`. */
int db_entry_vector(struct store_read *read, const struct db_rev *rev, const struct prolly_entry *entry,
		    struct slice *vector, struct cel_error *e);
int db_vector_get(struct store_read *read, const struct db_rev *rev, struct slice id, struct slice *vector,
		  struct cel_error *e);

struct reader_options;
/* Fills the parts that the public options speak of; source may be NULL. */
void db_reader_options(const struct cel_source_options *source, struct reader_options *out);

uint32_t db_thread_count(uint32_t wanted); /* 0: the processors this process may use */

#endif
