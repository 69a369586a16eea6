/* SPDX-License-Identifier: Apache-2.0 */
/* The text of one line about long work. A handler of a signal may call it: it allocates nothing and asks nobody. */
#ifndef TOOLS_PROGRESS_LINE_H
#define TOOLS_PROGRESS_LINE_H

#include "cel.h"

#define PROGRESS_LINE_MAX 240u

/* "cel-build: read 81920 of 100000 rows, 41.9 of 51.2 MB (81 %), 312.4 MB/s, 0:03 left", without a newline, cut to size - 1 bytes.
 * p->phase NULL: nothing is told yet. Returns its length. */
size_t progress_line(char *out, size_t size, const char *command, const struct cel_progress *p, uint64_t milliseconds);

/* "123 B", "12.3 KB", "1.2 GB", in units of 1000; returns the length. */
#define PROGRESS_SIZE_MAX 32u
size_t progress_size(char out[PROGRESS_SIZE_MAX], uint64_t bytes);

#endif
