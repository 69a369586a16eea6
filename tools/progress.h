/* SPDX-License-Identifier: Apache-2.0 */
/* One line on stderr that says how far long work is: only on a terminal, only after a second, never when quiet. */
#ifndef TOOLS_PROGRESS_H
#define TOOLS_PROGRESS_H

#include "cli.h"

struct progress {
	bool is_shown; /* may be shown at all */
	bool has_line; /* something stands on the terminal's line */
	double start, last;
	const char *phase;
};

void progress_init(struct progress *p, const struct cli *cli);
int progress_tell(void *progress, const struct cel_progress *told); /* a cel_progress_fn */
void progress_clear(struct progress *p); /* before anything else is written to stderr */

#endif
