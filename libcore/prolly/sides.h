/* SPDX-License-Identifier: Apache-2.0 */
/* Where two sides differ, and what their base says of whole subtrees, if it is one tree: what only ours has changed is passed
 * unread, and of what only theirs has changed the base need not be asked again. */
#ifndef PROLLY_SIDES_H
#define PROLLY_SIDES_H

#include "old.h"
#include "threeway.h"

struct sides {
	struct prolly_diff *diff;
	struct old_tree base; /* if there is one */
	bool has_sure;        /* up to `sure` the base is as ours */
	bool has_twin;        /* and this is the leaf of theirs */
	struct cid twin;
	size_t sure_size;
	uint8_t sure[CEL_ID_MAX];
};

struct sided_change {
	struct prolly_change change;
	bool is_sure; /* that the base is as ours */
};

/* Of m's sides and base, through these reads (m's own, or others of the same snapshots). */
struct sides_reads {
	struct store_read *ours, *theirs, *base;
};
int sides_open(struct sides *s, const struct prolly_merge *m, const struct sides_reads *reads, struct cel_error *e);
void sides_close(struct sides *s); /* a zeroed one too */
int sides_seek(struct sides *s, struct slice after, struct cel_error *e); /* as prolly_diff_seek */
void sides_end_with(struct sides *s, struct slice last); /* as prolly_diff_end_with */
/* 1, 0 at the end; as prolly_diff_next. The twin of `out` lives until the next call. */
int sides_next(struct sides *s, struct sided_change *out, struct cel_error *e);
uint64_t sides_nodes_read(const struct sides *s);

#endif
