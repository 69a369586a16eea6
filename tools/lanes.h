/* SPDX-License-Identifier: Apache-2.0 */
/* A history drawn in columns, as `git log --graph` draws it: a commit a line, its descendants above it. */
#ifndef TOOLS_LANES_H
#define TOOLS_LANES_H

#include <stdio.h>

#include "cel.h"

struct lanes {
	char (*ends)[CEL_CID_TEXT_SIZE]; /* from left to right: the commit that each line leads down to, all different */
	char *row;                        /* a line of the picture: 2 characters a lane */
	size_t n;
	size_t at;        /* the lane of the commit whose line is being printed */
	bool is_end_bare; /* the last line ended the last lane: what stood right below would look like its parent */
};

void lanes_release(struct lanes *g); /* a zeroed one is empty */
/* Commits come after all their descendants. Prints what stands left of the commit's text; then the caller ends the line, and
 * lanes_parents prints the lines that lead on to the parents. False: out of memory. */
bool lanes_commit(struct lanes *g, FILE *out, const struct cel_revision *r);
bool lanes_parents(struct lanes *g, FILE *out, const struct cel_revision *r);

#endif
