/* SPDX-License-Identifier: Apache-2.0 */
/* Errors are values: a code from the table in cel.h and one line of text. The line is built inside out: the
 * place that failed says what is wrong, and each layer above puts where it was in front. */
#include "error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *cel_error_text(int code)
{
	switch (code) {
	case 0:
		return "success";
#define X(name, value, status, text) \
	case value:                  \
		return text;
		CEL_ERRORS(X)
#undef X
	default:
		return "unknown error";
	}
}

int cel_error_exit_status(int code)
{
	switch (code) {
	case 0:
		return 0;
#define X(name, value, status, text) \
	case value:                  \
		return status;
		CEL_ERRORS(X)
#undef X
	default:
		return 70;
	}
}

/* A message is one line whatever ids and file names stand in it. */
static void make_one_line(char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			*text = '?';
}

static void format_message(struct cel_error *e, const char *format, va_list args)
{
	if (vsnprintf(e->message, sizeof e->message, format, args) < 0)
		e->message[0] = '\0';
	make_one_line(e->message);
}

int error_set(struct cel_error *e, int code, const char *format, ...)
{
	if (e != NULL) {
		va_list args;
		va_start(args, format);
		e->code = code;
		format_message(e, format, args);
		va_end(args);
	}
	return code;
}

int error_set_errno(struct cel_error *e, int code, int errno_value, const char *format, ...)
{
	if (errno_value == ENOMEM)
		code = CEL_ENOMEM;
	else if ((errno_value == EACCES || errno_value == EPERM || errno_value == EROFS) &&
	         (code == CEL_EIO || code == CEL_ENOINPUT))
		code = CEL_EPERMISSION;
	if (e != NULL) {
		va_list args;
		va_start(args, format);
		e->code = code;
		format_message(e, format, args);
		va_end(args);
		size_t used = strlen(e->message);
		char text[128];
		snprintf(e->message + used, sizeof e->message - used, ": %s",
			 strerror_r(errno_value, text, sizeof text));
	}
	return code;
}

int error_context(struct cel_error *e, const char *format, ...)
{
	if (e == NULL)
		return CEL_EINTERNAL;
	char inner[sizeof e->message];
	memcpy(inner, e->message, sizeof inner);
	va_list args;
	va_start(args, format);
	format_message(e, format, args);
	va_end(args);
	size_t used = strlen(e->message);
	snprintf(e->message + used, sizeof e->message - used, ": %s", inner);
	return e->code;
}

int error_nomem(struct cel_error *e, size_t bytes)
{
	return error_set(e, CEL_ENOMEM, "out of memory (%zu bytes wanted)", bytes);
}
