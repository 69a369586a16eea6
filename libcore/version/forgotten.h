/* SPDX-License-Identifier: Apache-2.0 */
/* Commits whose trees this store need not keep: each is marked by a ref "forgotten/CID" to itself. The commit stays; its tree
 * goes at the next gc, unless a commit that is not forgotten has the same one. */
#ifndef VERSION_FORGOTTEN_H
#define VERSION_FORGOTTEN_H

#include "cid.h"
#include "store.h"

#define FORGOTTEN_PREFIX "forgotten/"
#define FORGOTTEN_REF_MAX (sizeof FORGOTTEN_PREFIX + CEL_CID_TEXT_SIZE)

void forgotten_ref(const struct cid *commit, char out[FORGOTTEN_REF_MAX]);
int forgotten_has(struct store_read *read, const struct cid *commit, struct cel_error *e); /* 1, 0 or an error */

/* The updates that set and remove the mark; ref is the buffer that they point to. Neither is logged: there may be many. Who
 * makes a commit the head of a collection, by whatever way, removes its mark in the same batch if it has one: commits can
 * be made again with the same CID. */
struct store_ref_update forgotten_mark(const struct cid *commit, char ref[FORGOTTEN_REF_MAX]);
struct store_ref_update forgotten_unmark(const struct cid *commit, char ref[FORGOTTEN_REF_MAX]);

#endif
