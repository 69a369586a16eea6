/* SPDX-License-Identifier: Apache-2.0 */
/* What a filter may say: a predicate in jq's language that depends on the record and on nothing else. */
#ifndef FILTER_SCREEN_H
#define FILTER_SCREEN_H

#include "buf.h"

#define FILTER_MAX 32768u /* bytes of an expression */

/* CEL_EUSAGE if the expression asks for what it may not have: the environment, modules, other input, the clock, and so on.
 * Whether it is jq at all is for jq to say. */
int filter_screen(struct slice expression, struct cel_error *e);
/* The program to run on [id, metadata | null]: in it . is the metadata, null if there is none, and $id the id. */
int filter_program(struct slice expression, struct buf *out, struct cel_error *e);

#endif
