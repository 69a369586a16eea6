/* SPDX-License-Identifier: Apache-2.0 */
/* A helper program of ours that takes a file apart: its standard input is the file, its output is read through a stream. It
 * says what is wrong in one line on standard error and ends with a status of sysexits.h. Used by stream only. */
#ifndef IO_CHILD_H
#define IO_CHILD_H

struct cel_error;
struct child;

/* Starts the helper NAME with up to two arguments (NULL ends them) on `input`, a descriptor that can seek, which stays the caller's.
 * *output is the end of the pipe to read from, the caller's. Helpers are looked for in $CEL_HELPERS, else beside the
 * running program in ../libexec/celestica, else where they were installed. CEL_EUNAVAILABLE if there is none. */
int child_start(const char *name, const char *const arguments[2], int input, struct child **out, int *output,
		struct cel_error *e);
/* To be called when the output has ended: 0 if all is well, else what the helper said. */
int child_finish(struct child *c, struct cel_error *e);
/* Whoever still runs meets a closed pipe: the output must be closed before. */
void child_free(struct child *c);

#endif
