/* SPDX-License-Identifier: Apache-2.0 */
/* Runs one function on several threads and waits for all of them. */
#ifndef DB_PARALLEL_H
#define DB_PARALLEL_H

#include <stdint.h>

struct cel_error;

/* Calls work(context, i, e) for i = 0..n-1, each on a thread of its own (i = 0 on the caller's), each with an error of
 * its own. The result is that of the lowest i that failed, or 0. Threads that cannot be made are run by the caller. */
int parallel_run(uint32_t n, int (*work)(void *context, uint32_t i, struct cel_error *e), void *context,
		 struct cel_error *e);

#endif
