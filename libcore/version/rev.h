/* SPDX-License-Identifier: Apache-2.0 */
/* Names of commits: NAME, NAME~N, NAME@TAG, a commit CID or a unique prefix of it (8 characters or more). Names win
 * over CID prefixes. ~ follows single parents and, at a merge, is an error that names both.
 *
 * NAME@{N} and NAME@{TIME} look in this store's log of the ref: N moves ago, or where it was at the end of a day, minute or
 * second in the local time zone: YYYY-MM-DD, YYYY-MM-DD HH:MM, YYYY-MM-DD HH:MM:SS, yesterday. */
#ifndef VERSION_REV_H
#define VERSION_REV_H

#include "cid.h"
#include "store.h"

/* CEL_ENOINPUT if nothing is meant by the text (with what comes near), CEL_EUSAGE if it cannot be a rev. */
int rev_resolve(struct store_read *read, const char *rev, struct cid *out, struct cel_error *e);

#endif
