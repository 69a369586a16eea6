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

#endif
