/* SPDX-License-Identifier: Apache-2.0 */
/* The argument of an option goes to its field. */
#ifndef TOOLS_VALUE_H
#define TOOLS_VALUE_H

#include "cli.h"

/* Exits with EXIT_USAGE if the text is not of the option's kind. */
void value_take(struct cli *cli, const struct cli_option *option, const char *text);

#endif
