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

/* What this process has done through the library since it began, as getrusage(2) has it for the rest. */
struct cel_figures {
	uint64_t nodes_read, nodes_written;         /* of trees; written: commits and schemas, too */
	uint64_t values_written;                    /* vectors and metadata that are blocks of their own */
	uint64_t segments_written, segment_bytes;
	uint64_t threads;                           /* that worked on one thing together, at most */
	uint64_t input_bytes;                       /* of files and pipes, compressed as they are */
	/* Of the last one; "" if there was none. */
	const char *input;  /* "io_uring", "read" */
	const char *format; /* "npy", "jsonl", ... */
	const char *index;  /* "built", "carried", "overlaid" (the near one does), "there" (a good one was) */
};
void cel_figures_get(struct cel_figures *out);
