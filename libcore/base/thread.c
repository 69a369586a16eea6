/* SPDX-License-Identifier: Apache-2.0 */
/* A new thread inherits the mask of the one that makes it, so nothing can arrive between its start and a mask of its own. The
 * allocation hook stands for the memory that a thread needs. */
#include "thread.h"

#include <signal.h>

#include "alloc.h"

bool thread_start(pthread_t *out, void *(*run)(void *), void *argument)
{
	sigset_t all, before;
	void *probe = mem_alloc(1);
	if (probe == NULL)
		return false;
	mem_free(probe);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	bool is_made = pthread_create(out, NULL, run, argument) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return is_made;
}
