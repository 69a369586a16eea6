/* SPDX-License-Identifier: Apache-2.0 */
/* Unix sockets in the file system, for clients of the same user (and root). */
#ifndef IO_LOCAL_SOCKET_H
#define IO_LOCAL_SOCKET_H

#include <stdbool.h>

#include "cel.h"

bool local_socket_is(const char *path); /* a socket is there */
int local_socket_connect(const char *path, int *fd, struct cel_error *e);
/* Makes it, for its owner alone; one that nobody listens on any more is replaced. CEL_ECANTCREAT if it is in use. */
int local_socket_listen(const char *path, int *fd, struct cel_error *e);
/* The next client, CLOEXEC. CEL_EPERMISSION: one of another user was sent away; CEL_EBUSY: a signal came. */
int local_socket_accept(int listener, int *fd, struct cel_error *e);

#endif
