/* SPDX-License-Identifier: Apache-2.0 */
/* How far long work is: one line on stderr, by itself if that is a terminal, and to whoever asks by SIGUSR1. There is one for the
 * process, as there is one stderr. */
#ifndef TOOLS_PROGRESS_H
#define TOOLS_PROGRESS_H

#include "cli.h"

/* From now on SIGUSR1 is answered. cli is looked at as long as something is told. */
void progress_begin(const struct cli *cli);
/* A cel_progress_fn; takes no context. */
int progress_tell(void *nothing, const struct cel_progress *progress);
/* The bytes of all the input there will be, where the caller knows better; 0: not known. */
void progress_expect(uint64_t bytes);
/* The command prints to stdout all along: if that is a terminal, that is progress enough. */
void progress_streams(void);
/* Before anything else goes to the terminal; cli_say and cli_fail do that. A handler of a signal may call it. */
void progress_clear(void);
/* A line of its own, whatever stderr is. A handler of a signal may call it. */
void progress_answer(void);

#endif
