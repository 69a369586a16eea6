/* SPDX-License-Identifier: Apache-2.0 */
/* Part of cel.h: tags, the log of a collection's name, reset, forget, bisect. */
#ifndef CEL_H
#error "include cel.h"
#endif

/* COLLECTION@TAG names the commit of rev from now on. collection NULL: the one that rev begins with. CEL_ECANTCREAT if
 * the tag is there and is_forced is not set; CEL_EUNAVAILABLE if the commit's tree is not in this store. */
int cel_tag_set(struct cel_store *store, const char *collection, const char *tag, const char *rev, bool is_forced,
		struct cel_error *e);
int cel_tag_delete(struct cel_store *store, const char *collection, const char *tag, struct cel_error *e);
/* The tags by name; of all collections if collection is NULL. Revisions have name and tag. */
int cel_tag_list(struct cel_store *store, const char *collection, struct cel_list **out, struct cel_error *e);
/* Tags that another store has: one becomes a tag of the collection here if its commit is in the history of rev and has its tree in this
 * store (NEW); none is ever moved. All in one transaction. */
enum cel_tag_outcome { CEL_TAG_NEW, CEL_TAG_SAME, CEL_TAG_OTHER /* it is another commit here */, CEL_TAG_OUTSIDE };
struct cel_tag_offer {
	char tag[CEL_NAME_MAX + 1], commit[CEL_CID_TEXT_SIZE];
	enum cel_tag_outcome outcome; /* is filled in */
};
int cel_tag_adopt(struct cel_store *store, const char *collection, const char *rev, struct cel_tag_offer *offers, size_t n,
		  bool is_dry_run, struct cel_error *e);

struct cel_reset_result {
	bool is_moved; /* false: it was there already */
	char old_commit[CEL_CID_TEXT_SIZE], commit[CEL_CID_TEXT_SIZE];
};
/* Makes rev the collection's latest commit. It must be of the same schema (CEL_EUSAGE) and its tree must be here
 * (CEL_EUNAVAILABLE). */
int cel_collection_reset(struct cel_store *store, const char *name, const char *rev, struct cel_reset_result *out,
			 struct cel_error *e);

/* This store's own log of where the collection's name was, newest first; also of a collection that was deleted. */
struct cel_move {
	uint64_t index;                     /* NAME@{index} */
	char old_commit[CEL_CID_TEXT_SIZE]; /* "": the name was not there before */
	char commit[CEL_CID_TEXT_SIZE];     /* "": it was deleted */
	int64_t time;                       /* Unix seconds */
	const char *message;                /* what moved it */
};
struct cel_moves;
int cel_moves_new(struct cel_store *store, const char *name, struct cel_moves **out, struct cel_error *e);
int cel_moves_next(struct cel_moves *moves, const struct cel_move **out); /* 1 or 0 */
void cel_moves_free(struct cel_moves *moves);

/* What to keep, as restic has it; at least one rule. Hours, days, ... are those of the process's time zone. */
struct cel_forget_options {
	uint32_t keep_last; /* the newest N commits; 0: no such rule */
	uint32_t keep_hourly, keep_daily, keep_weekly, keep_monthly, keep_yearly; /* the newest of each of the last N that have one */
	const char *keep_within; /* all that are younger than the newest less this duration, such as "1y6m", "30d"; NULL: none */
	bool is_dry_run;         /* decide, but change nothing */
};
struct cel_forget_item {
	char commit[CEL_CID_TEXT_SIZE];
	uint64_t time; /* Unix seconds */
	bool is_kept;
	const char *reasons; /* why, separated by commas: head, tag NAME@TAG, merged, first, shared, last, daily, oldest daily, ... */
};
typedef int cel_forget_fn(void *context, const struct cel_forget_item *item, struct cel_error *e);
struct cel_forget_result {
	uint64_t kept, forgotten; /* commits whose trees are in this store */
};
/* Marks those commits in the history of the collections as forgotten that no rule keeps for any of them: the commits stay,
 * their trees go at the next gc. Always kept are heads, tagged commits, tips that were merged, first commits, and what is in
 * the history of a collection that is not named. `call` (may be NULL) is told of each commit that had its tree, descendants
 * first, when all is done. */
int cel_forget(struct cel_store *store, const char *const *collections, size_t n,
	       const struct cel_forget_options *options, cel_forget_fn *call, void *context, struct cel_forget_result *out,
	       struct cel_error *e);

/* The search for the first bad commit: whatever descends from it is bad, whatever does not is good. Candidates are the
 * ancestors of a bad commit, and itself, that are not ancestors of a good one. */
enum cel_verdict { CEL_GOOD, CEL_BAD, CEL_SKIP };
struct cel_bisect_step {
	char commit[CEL_CID_TEXT_SIZE];
	bool has_tree; /* false: it can only be skipped */
};
struct cel_bisect;
/* CEL_EUSAGE if good is no ancestor of bad. */
int cel_bisect_new(struct cel_store *store, const char *good, const char *bad, struct cel_bisect **out,
		   struct cel_error *e);
void cel_bisect_free(struct cel_bisect *bisect);
/* 1: the commit to be judged next, the one that halves the candidates best. 0: it is decided. */
int cel_bisect_next(struct cel_bisect *bisect, struct cel_bisect_step *out, struct cel_error *e);
void cel_bisect_tell(struct cel_bisect *bisect, enum cel_verdict verdict);
uint64_t cel_bisect_left(const struct cel_bisect *bisect); /* candidates; at the end more than 1 if some were skipped */
/* The i-th candidate, i < cel_bisect_left: ancestors first, the last is known to be bad. */
void cel_bisect_candidate(const struct cel_bisect *bisect, uint64_t i, char commit[CEL_CID_TEXT_SIZE]);
