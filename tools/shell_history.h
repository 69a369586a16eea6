/* SPDX-License-Identifier: Apache-2.0 */
/* The lines that were typed in earlier sessions: a file of lines, oldest first, that its owner alone can read. */
#ifndef TOOLS_SHELL_HISTORY_H
#define TOOLS_SHELL_HISTORY_H

#define SHELL_HISTORY_LINES 1000

struct shell_history;
/* CEL_HISTORY, else $XDG_STATE_HOME/celestica/history, else ~/.local/state/celestica/history. NULL: none is kept. */
struct shell_history *shell_history_open(void (*line)(void *context, const char *text), void *context);
void shell_history_add(struct shell_history *history, const char *text);
void shell_history_close(struct shell_history *history);

#endif
