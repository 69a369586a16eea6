/* SPDX-License-Identifier: Apache-2.0 */
/* The options that say which records are meant, the same for every command that can do with some of them. */
#ifndef TOOLS_SELECT_H
#define TOOLS_SELECT_H

#include "cli.h"

#define SELECT_OPTIONS(T, at)                                                                       \
	{0, "prefix", "TEXT", "only records whose ids begin with TEXT", CLI_TEXT(T, at.prefix)},    \
	{0, "filter", "EXPR", "only those whose metadata this jq predicate holds for", CLI_TEXT(T, at.filter)}

/* Says for how many records the filter failed, if for any. */
void select_say(const struct cli *cli, const struct cel_selected *selected);

#endif
