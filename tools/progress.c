/* SPDX-License-Identifier: Apache-2.0 */
/* The line is rewritten in place, at most five times a second. */
#include "progress.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static double seconds_now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void progress_init(struct progress *p, const struct cli *cli)
{
	*p = (struct progress){.is_shown = !cli->is_quiet && isatty(STDERR_FILENO) != 0, .phase = ""};
}

int progress_tell(void *progress, const struct cel_progress *told)
{
	struct progress *p = progress;
	if (!p->is_shown)
		return 0;
	double now = seconds_now();
	if (strcmp(p->phase, told->phase) != 0) {
		p->phase = told->phase;
		p->start = now;
	}
	if (now - p->start < 1 || now - p->last < 0.2)
		return 0;
	p->last = now;
	p->has_line = true;
	uint64_t done = told->done, total = told->total;
	double rate = (double)done / (now - p->start);
	fprintf(stderr, "\r\033[K%s: %" PRIu64, told->phase, done);
	if (total > 0 && done > 0)
		fprintf(stderr, " of %" PRIu64 " (%.0f %%), %.0f s left", total, 100.0 * (double)done / (double)total,
			((double)total - (double)done) / rate);
	else
		fprintf(stderr, " rows, %.0f/s", rate);
	fflush(stderr);
	return 0;
}

void progress_clear(struct progress *p)
{
	if (p->has_line)
		fputs("\r\033[K", stderr);
	p->has_line = false;
}
