/* SPDX-License-Identifier: Apache-2.0 */
/* Errors are values: a code from the table in cel.h and one line of text. The line is built inside out: the
 * place that failed says what is wrong, and each layer above puts where it was in front. */
#include "error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "utf8.h"

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

/* A message is one line of UTF-8 whatever ids and file names stand in it, and also where it was cut. */
static void clean_message(struct cel_error *e)
{
	uint8_t *p = (uint8_t *)e->message;
	size_t left = strlen(e->message);
	bool was_cut = left == sizeof e->message - 1;
	while (left > 0) {
		size_t length = utf8_sequence(p, left);
		if (length == 0 && was_cut && left < 4) {
			*p = '\0';
			return;
		}
		if (length == 0 || utf8_is_control(p, length)) {
			length = length == 0 ? 1 : length;
			memset(p, '?', length);
		}
		p += length;
		left -= length;
	}
}

static void __attribute__((format(printf, 2, 0))) format_message(struct cel_error *e, const char *format, va_list args)
{
	if (vsnprintf(e->message, sizeof e->message, format, args) < 0)
		e->message[0] = '\0';
	clean_message(e);
}

static void append_message(struct cel_error *e, const char *text)
{
	size_t used = strlen(e->message);
	snprintf(e->message + used, sizeof e->message - used, ": %s", text);
	clean_message(e);
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
		char text[128];
		append_message(e, errno_value == ENOSPC   ? "no space left on the device"
				  : errno_value == EDQUOT ? "no space left (disk quota exceeded)"
							  : strerror_r(errno_value, text, sizeof text));
	}
	return code;
}

void error_context(struct cel_error *e, const char *format, ...)
{
	if (e == NULL)
		return;
	char inner[sizeof e->message];
	memcpy(inner, e->message, sizeof inner);
	va_list args;
	va_start(args, format);
	format_message(e, format, args);
	va_end(args);
	append_message(e, inner);
}

int error_nomem(struct cel_error *e, size_t bytes)
{
	return error_set(e, CEL_ENOMEM, "out of memory (%zu bytes wanted)", bytes);
}
