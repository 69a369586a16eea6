/* SPDX-License-Identifier: Apache-2.0 */
/* A command on another host, through ssh or what CEL_SSH names. Its standard input and output are one socket here; its standard
 * error is ours. */
#ifndef IO_SSH_H
#define IO_SSH_H

#include <stdbool.h>

#include "buf.h"
#include "cel.h"

/* Appends the word so that a POSIX shell reads it as one, " " in front unless `out` is empty. "~/" at its beginning is left to
 * the shell. */
int ssh_quote(struct buf *out, const char *word, struct cel_error *e);

struct ssh;

/* Starts CEL_SSH (default ssh) with two arguments, host ("[USER@]HOST", which may not begin with '-') and the command line. *fd
 * speaks with the command and belongs to the caller, who closes it before ssh_free. */
int ssh_start(const char *host, const char *command, struct ssh **out, int *fd, struct cel_error *e);
/* Waits for its end, for so many seconds at most; a program that is still there is ended. */
void ssh_wait(struct ssh *ssh, double seconds);
/* Why the conversation ended without being finished, as the exit status tells; is_begun: the other side has said something
 * that made sense. Returns the code that it sets. After ssh_wait. */
int ssh_explain(const struct ssh *ssh, bool is_begun, struct cel_error *e);
bool ssh_has_failed(const struct ssh *ssh); /* its exit status is not 0; after ssh_wait */
void ssh_free(struct ssh *ssh); /* waits for it shortly, if nobody has; NULL is fine */

#endif
