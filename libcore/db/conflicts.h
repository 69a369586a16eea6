/* SPDX-License-Identifier: Apache-2.0 */
/* The conflicts of a merge, kept until the merge is over: nobody's slow pipe is to hold up the writer lock or a snapshot.
 * The first ones are in memory, more than that in a temporary file. */
#ifndef DB_CONFLICTS_H
#define DB_CONFLICTS_H

#include "cel.h"
#include "extsort.h"

struct conflicts;

/* find: the directory for the file, asked for when there is to be one. */
int conflicts_new(extsort_directory_fn *find, void *context, struct conflicts **out, struct cel_error *e);
void conflicts_free(struct conflicts *c);
/* Copies the conflict. */
int conflicts_add(struct conflicts *c, const struct cel_conflict *conflict, struct cel_error *e);
/* Tells of each, in the order of adding; then they are gone. A non-zero result stops and is returned. */
int conflicts_tell(struct conflicts *c, const struct cel_schema *schema, cel_conflict_fn *tell, void *context,
		   struct cel_error *e);

#endif
