/* SPDX-License-Identifier: Apache-2.0 */
/* A helper program of libexec that takes what is exported on its standard input and writes a file to standard output. */
#ifndef TOOLS_EXPORT_HELPER_H
#define TOOLS_EXPORT_HELPER_H

#include "cli.h"

struct helper {
	const char *name;
	FILE *input;  /* what it reads */
	int messages; /* what it says */
	int pid;
};

/* Returns 0, or an exit status having said why. */
int helper_start(struct helper *helper, const struct cli *cli, const char *name, const char *argument);
/* Ends its input and waits. Returns 0, or its exit status having said what it says. */
int helper_finish(struct helper *helper, const struct cli *cli);
/* Ends it, after an error that has been told. */
void helper_stop(struct helper *helper);

#endif
