/* SPDX-License-Identifier: Apache-2.0 */
/* What merging has to say, to cel-merge and cel revert alike: conflicts on stdout, the outcome on stderr or as JSON. */
#ifndef TOOLS_MERGED_H
#define TOOLS_MERGED_H

#include "cli.h"

struct merged {
	const struct cli *cli;
};

void merged_init(struct merged *m, const struct cli *cli, struct cel_merge_options *options); /* sets the callbacks */
/* Says how it went; returns the exit status. rc and e as the merge left them. */
int merged_report(struct merged *m, const char *collection, const struct cel_merge_options *options, int rc,
		  const struct cel_merge_result *result, const struct cel_error *e);

#endif
