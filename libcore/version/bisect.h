/* SPDX-License-Identifier: Apache-2.0 */
/* The search for the first bad commit: given that whatever descends from it is bad, and whatever does not is good. Candidates
 * are the ancestors of a bad commit (itself too) that are not ancestors of a good one; each answer leaves fewer. */
#ifndef VERSION_BISECT_H
#define VERSION_BISECT_H

#include "commit.h"

enum bisect_verdict { BISECT_GOOD, BISECT_BAD, BISECT_SKIP /* it cannot be said */ };

struct bisect;
/* CEL_EUSAGE if good is no ancestor of bad, or both are one commit. `read` is used in here only. */
int bisect_new(struct store_read *read, const struct cid *good, const struct cid *bad, struct bisect **out,
	       struct cel_error *e);
void bisect_free(struct bisect *b);

/* The commit whose verdict halves the candidates best. False when no verdict would leave fewer: one candidate is left,
 * the first bad commit, or that one and others that were skipped. */
bool bisect_next(struct bisect *b, struct cid *out);
void bisect_tell(struct bisect *b, enum bisect_verdict verdict); /* about the commit that bisect_next gave */

size_t bisect_left(const struct bisect *b); /* candidates */
/* The i-th of them, i < bisect_left(): the last is the one known to be bad, and the order is ancestors first. */
struct cid bisect_candidate(const struct bisect *b, size_t i);

#endif
