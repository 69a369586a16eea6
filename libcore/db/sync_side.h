/* SPDX-License-Identifier: Apache-2.0 */
/* A store as a side of a session. */
#ifndef DB_SYNC_SIDE_H
#define DB_SYNC_SIDE_H

#include "db.h"
#include "side.h"

/* The store must outlive the side, and the side the session. */
void sync_side_init(struct sync_side *side, struct cel_store *store);

#endif
