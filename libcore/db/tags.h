/* SPDX-License-Identifier: Apache-2.0 */
/* Tags as refs, and a table of all of them that answers which ones a commit has. */
#ifndef DB_TAGS_H
#define DB_TAGS_H

#include "db.h"

#define TAGS_PREFIX "tags/"
#define DB_TAG_REF_MAX (sizeof TAGS_PREFIX + 2 * CEL_NAME_MAX + 1)

/* "tags/COLLECTION/TAG"; checks both names. */
int db_tag_ref(const char *collection, const char *tag, char out[DB_TAG_REF_MAX], struct cel_error *e);

struct db_tag {
	struct cid cid;
	char ref[DB_TAG_REF_MAX];
};
struct db_tags {
	struct db_tag *items; /* by (cid, ref) */
	size_t n, capacity;
};
int db_tags_load(struct db_tags *tags, struct store_read *read, struct cel_error *e); /* into an empty one */
void db_tags_release(struct db_tags *tags);
size_t db_tags_find(const struct db_tags *tags, const struct cid *cid); /* the first that is not before cid */
/* "COLLECTION@TAG COLLECTION@TAG", by name, with its NUL; replaces what is in out. */
int db_tags_of(const struct db_tags *tags, const struct cid *cid, struct buf *out, struct cel_error *e);

#endif
