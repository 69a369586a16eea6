/* SPDX-License-Identifier: Apache-2.0 */
/* Three-way merge of trees, record by record. Only where the two sides differ is anything asked of the base, so the cost
 * follows what was changed on either side.
 *
 *     one side is as the base     the other side's record, or its absence, is taken
 *     both are the same           nothing to do
 *     else                        a conflict: the caller says which side it is
 *
 * The base is a function from ids to records, since it need not be one tree (version/merge_base.h). */
#ifndef PROLLY_THREEWAY_H
#define PROLLY_THREEWAY_H

#include "diff.h"

/* What is known of a record at one of the three places. PROLLY_CONTESTED: there are several bases and they do not agree,
 * which is no state that a side can be in, so sides that differ are in conflict. */
enum prolly_state { PROLLY_ABSENT, PROLLY_PRESENT, PROLLY_CONTESTED };
struct prolly_record {
	enum prolly_state state;
	struct prolly_value vector, metadata; /* if present, in the form that leaves have */
};

bool prolly_record_equal(const struct prolly_record *a, const struct prolly_record *b);
/* The record of an id; *out is absent if there is none. Ids that ascend are found without reading a node twice. Values live
 * until the cursor's read ends. */
int prolly_record_find(struct prolly_cursor *cursor, struct slice id, struct prolly_record *out, struct cel_error *e);

enum prolly_verdict { PROLLY_OURS, PROLLY_THEIRS, PROLLY_CONFLICT };
/* The rule above; PROLLY_OURS as well if there is nothing to do. */
enum prolly_verdict prolly_merge_record(const struct prolly_record *base, const struct prolly_record *ours,
					const struct prolly_record *theirs);

struct prolly_merge {
	struct store_read *read_ours, *read_theirs; /* may be of two stores */
	const struct cid *ours, *theirs;
	int (*base)(void *context, struct slice id, struct prolly_record *out, struct cel_error *e);
	/* If the base is one tree, where it is: subtrees that one side alone has changed are known by their CIDs then. */
	struct store_read *read_base;
	const struct cid *base_root; /* NULL: ask for every record */
	/* PROLLY_OURS, PROLLY_THEIRS, or an error, which stops the merge. */
	int (*decide)(void *context, struct slice id, const struct prolly_record *base, const struct prolly_record *ours,
		      const struct prolly_record *theirs, struct cel_error *e);
	/* Ascending by id: what is to be done to ours (before: ours, after: theirs) to make it the merged set. If the base is one tree
	 * there are subtrees among it (a: ours, b: theirs), of which nothing was read. */
	int (*take)(void *context, const struct prolly_change *change, struct cel_error *e);
	void *context;
	bool is_without_counts; /* what is in those subtrees is not to be read to be counted either */
};

struct prolly_merge_counts {
	uint64_t added, replaced, deleted; /* taken from theirs, conflicts too; without counts, not those in subtrees */
	uint64_t subtrees; /* taken from theirs as they are */
	uint64_t records;  /* in the merged set */
	uint64_t conflicts;
	uint64_t nodes_read; /* besides what m->base and m->take read */
};
int prolly_merge(const struct prolly_merge *m, struct prolly_merge_counts *out, struct cel_error *e);

#endif
