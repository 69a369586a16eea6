/* SPDX-License-Identifier: Apache-2.0 */
/* What the signals do that a user sends. */
#ifndef TOOLS_SIGNALS_H
#define TOOLS_SIGNALS_H

/* SIGUSR1 asks how far the work is. SIGINT, SIGTERM and SIGHUP end the process, as they would without this, but the terminal and the
 * store are left clean. What was ignored from the start stays so. */
void signals_begin(void);

#endif
