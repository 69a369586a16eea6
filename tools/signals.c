/* SPDX-License-Identifier: Apache-2.0 */
/* Nothing waits for a flag to be looked at: a read from a pipe that gives nothing ends at once, too. The store needs no goodbye,
 * as after kill -9; only what has names in its tmp/ is removed, so that nobody finds it there. Then the signal comes again and
 * does what it does by default, with all threads; the shell sees which one it was. */
#include "signals.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>

#include "cel.h"
#include "progress.h"

static void on_question(int number)
{
	int problem = errno;
	(void)number;
	progress_answer();
	errno = problem;
}

static void on_end(int number)
{
	progress_clear();
	cel_store_abandon_all();
	raise(number); /* SA_RESETHAND; comes when this returns */
}

static void catch(int number, void handler(int), int flags)
{
	struct sigaction before, action = {.sa_handler = handler, .sa_flags = flags};
	sigemptyset(&action.sa_mask);
	if (sigaction(number, NULL, &before) == 0 && before.sa_handler != SIG_IGN)
		sigaction(number, &action, NULL);
}

void signals_begin(void)
{
	catch(SIGUSR1, on_question, SA_RESTART);
	catch(SIGINT, on_end, SA_RESETHAND);
	catch(SIGTERM, on_end, SA_RESETHAND);
	catch(SIGHUP, on_end, SA_RESETHAND);
}
