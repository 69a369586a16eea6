/* SPDX-License-Identifier: Apache-2.0 */
/* Filling a struct cel_error. Every function here accepts e == NULL. */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include "cel.h"

/* Sets the code and a formatted message; returns code, so that callers can `return error_set(...)`. */
int error_set(struct cel_error *e, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The same with ": " and the text of errno_value appended. ENOSPC and EDQUOT read "no space left ...", ENOMEM
 * becomes CEL_ENOMEM, EACCES and EPERM become CEL_EPERMISSION when code is CEL_EIO or CEL_ENOINPUT. */
int error_set_errno(struct cel_error *e, int code, int errno_value, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* Puts "context: " in front of the message. The code stays; who returns it has it. */
void error_context(struct cel_error *e, const char *format, ...) __attribute__((format(printf, 2, 3)));

int error_nomem(struct cel_error *e, size_t bytes);

#endif
