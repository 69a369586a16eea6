/* SPDX-License-Identifier: Apache-2.0 */
/* NAME --complete WORD...: what may stand for the last of the words of a command line (words behind NAME, without the shell's
 * quotes), for the shells' scripts in completion/. */
#ifndef TOOLS_COMPLETE_H
#define TOOLS_COMPLETE_H

#include "cli.h"

#define COMPLETE_WORD "--complete"

/* words may be changed. */
void complete_print(const struct cli_command *command, int n, char **words);

#endif
