/* SPDX-License-Identifier: Apache-2.0 */
/* What was fetched by which remote. */
#ifndef DB_REMOTES_H
#define DB_REMOTES_H

#include "db.h"

#define FETCHED_PREFIX "fetched/" /* then the id of a store in hex, and a collection of it */

/* The remote is, now, the store of this id in hex. */
int remote_note_origin(struct cel_store *store, const char *name, const char *id, struct cel_error *e);

#endif
