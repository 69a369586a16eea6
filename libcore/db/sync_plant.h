/* SPDX-License-Identifier: Apache-2.0 */
/* For the simulation's negative controls: leaves out one check. */
#ifndef DB_SYNC_PLANT_H
#define DB_SYNC_PLANT_H

#include <stddef.h>

enum sync_bug {
	SYNC_BUG_NONE,
	SYNC_BUG_NOT_WHOLE, /* the quarantine keeps nodes of which not all has come */
	SYNC_BUG_MOVE,      /* a pushed tip is taken without looking whether it goes forward */
	SYNC_BUGS,
};
void sync_plant(enum sync_bug bug);
enum sync_bug sync_planted(void);
void sync_plan_nodes_from(size_t bytes); /* how large a first tree must be to come node by node (1 MiB) */

#endif
