/* SPDX-License-Identifier: Apache-2.0 */
/* --help and --version. */
#ifndef TOOLS_HELP_H
#define TOOLS_HELP_H

#include "cli.h"

void help_print_forms(const struct cli_command *command); /* "Usage: ..." */
void help_print_options(const struct cli_command *command);
void help_print(const struct cli_command *command);
void help_print_version(const struct cli *cli); /* exits if CEL_SIMD is wrong */

#endif
