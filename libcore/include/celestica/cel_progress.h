/* SPDX-License-Identifier: Apache-2.0 */
/* Part of cel.h: how far long work is, and what it took. */
#ifndef CEL_H
#error "include cel.h"
#endif

/* How far long work is. It has phases, each of which is told when it begins, with done 0. */
struct cel_progress {
	const char *phase;     /* "read", "sort", "tree", "index", ...; this and unit are texts that stay */
	const char *unit;      /* of done and total: "rows", "records", "nodes", ... */
	uint64_t done, total;  /* total 0: not known */
	uint64_t bytes, bytes_total; /* of the input, compressed as it is, or both ways of a connection; 0: not known */
};
/* Told what is going on, by the thread that asked for the work; a non-zero result stops it (CEL_EBUSY). */
typedef int cel_progress_fn(void *context, const struct cel_progress *progress);
