/* SPDX-License-Identifier: Apache-2.0 */
/* A thread that compares blocks with their CIDs while who reads them goes on. What is done with them meanwhile must be undone if one
 * turns out to be damaged. */
#ifndef STORE_VERIFIER_H
#define STORE_VERIFIER_H

#include "cid.h"

struct store;
struct verifier;

/* NULL: there is no memory, or no thread, for one. */
struct verifier *verifier_new(const struct store *s);
/* False: it has as many as it can remember. The block must stay until the next finish. By one thread. */
bool verifier_give(struct verifier *v, const struct cid *cid, struct slice block);
/* Waits for all that were given, helping; CEL_ECORRUPT names one that is damaged. */
int verifier_finish(struct verifier *v, struct cel_error *e);
void verifier_free(struct verifier *v); /* finishes first; NULL is fine */

#endif
