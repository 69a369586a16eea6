/* SPDX-License-Identifier: Apache-2.0 */
/* The members of a metadata object, which is canonical: sorted by key, no blanks. */
#ifndef DB_MEMBERS_H
#define DB_MEMBERS_H

#include "buf.h"

struct members {
	struct slice rest; /* from before the next member, behind '{' or ','; size 0: no more */
	struct buf key;    /* of the member that came last, without escapes */
	struct slice value;
};

/* The text of an object, or of size 0, which has no members; borrowed. It is not checked to be canonical, but whatever it
 * is, no byte outside of it is read. To be released with members_release. */
int members_init(struct members *m, struct slice object, struct cel_error *e);
void members_release(struct members *m);
/* To the next member: 1, 0 at the end, CEL_ECORRUPT where the text is no object. */
int members_next(struct members *m, struct cel_error *e);

#endif
