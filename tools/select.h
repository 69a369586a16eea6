/* SPDX-License-Identifier: Apache-2.0 */
/* The options that say which records are meant, the same for every command that can do with some of them. */
#ifndef TOOLS_SELECT_H
#define TOOLS_SELECT_H

#include "cli.h"

/* Their ids begin behind those of source.h. */
enum { SELECT_PREFIX = CLI_OWN + 2000, SELECT_FILTER };
#define SELECT_OPTIONS                                                                       \
	{SELECT_PREFIX, "prefix", "TEXT", "only records whose ids begin with TEXT"},         \
	{SELECT_FILTER, "filter", "EXPR", "only those whose metadata this jq predicate holds for"}

/* Takes the option that cli_next has returned; false if it is none of these. */
bool select_take(const struct cli *cli, int id, struct cel_select *select);
/* Says for how many records the filter failed, if for any. */
void select_say(const struct cli *cli, const struct cel_selected *selected);

#endif
