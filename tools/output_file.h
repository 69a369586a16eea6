/* SPDX-License-Identifier: Apache-2.0 */
/* A file that takes the place of standard output and is there, under its name, as a whole or not at all. */
#ifndef TOOLS_OUTPUT_FILE_H
#define TOOLS_OUTPUT_FILE_H

#include "cli.h"

struct output_file {
	const char *path;
	char *temporary; /* its name until it is whole; NULL: it has none, or is not replaced */
	bool is_nameless, is_direct;
};

/* "-" leaves standard output as it is, and so does what is no ordinary file: that is written to directly. Returns 0, or an exit
 * status having said why. */
int output_file_open(struct output_file *file, const struct cli *cli, const char *path);
/* Gives it its name if status is 0, and drops it otherwise. Returns status, or another one if that failed. */
int output_file_close(struct output_file *file, const struct cli *cli, int status);

#endif
