/* SPDX-License-Identifier: Apache-2.0 */
/* What may stand for a word that is being typed: a line each, the candidate, a tab, what it is. Only what begins with
 * `text` is printed, with `lead` before it. What cannot be found out gives nothing, and no noise. */
#ifndef TOOLS_CANDIDATES_H
#define TOOLS_CANDIDATES_H

#include "cli.h"

struct candidates {
	const struct cli *cli; /* the store that is meant; the rev of ids is the first operand */
	const char *text, *lead;
};

void candidates_put(const struct candidates *c, const char *word, const char *what);
/* What the shell completes best itself: a line of a tab and "files" or "dirs". */
void candidates_put_files(bool is_only_directories);

void candidates_put_collections(const struct candidates *c);
/* Collections; if one is typed whole, its ancestors NAME~1, its tags NAME@TAG and where it was, NAME@{1}, too. */
void candidates_put_revs(const struct candidates *c);
void candidates_put_tags(const struct candidates *c);
void candidates_put_remotes(const struct candidates *c, const char *end); /* behind each name */
void candidates_put_places(const struct candidates *c);
void candidates_put_ids(const struct candidates *c);

#endif
