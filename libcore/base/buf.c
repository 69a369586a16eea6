/* SPDX-License-Identifier: Apache-2.0 */
/* Growth by half of the capacity: amortised O(1) an append with at most a third of the memory unused. */
#include "buf.h"

#include <stdarg.h>
#include <stdio.h>

#include "alloc.h"
#include "error.h"

int buf_reserve(struct buf *b, size_t more, struct cel_error *e)
{
	size_t needed;
	if (__builtin_add_overflow(b->size, more, &needed))
		return error_nomem(e, SIZE_MAX);
	if (needed <= b->capacity)
		return 0;
	size_t capacity = b->capacity + b->capacity / 2;
	if (capacity < needed)
		capacity = needed;
	if (capacity < 64)
		capacity = 64;
	uint8_t *data = mem_realloc(b->data, capacity, 1);
	if (data == NULL)
		return error_nomem(e, capacity);
	b->data = data;
	b->capacity = capacity;
	return 0;
}

int buf_append(struct buf *b, const void *data, size_t size, struct cel_error *e)
{
	if (size == 0)
		return 0;
	int rc = buf_reserve(b, size, e);
	if (rc < 0)
		return rc;
	memcpy(b->data + b->size, data, size);
	b->size += size;
	return 0;
}

int buf_append_byte(struct buf *b, uint8_t byte, struct cel_error *e)
{
	return buf_append(b, &byte, 1, e);
}

int buf_append_text(struct buf *b, const char *text, struct cel_error *e)
{
	return buf_append(b, text, strlen(text), e);
}

int buf_printf(struct buf *b, struct cel_error *e, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int length = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (length < 0)
		return error_set(e, CEL_EINTERNAL, "cannot format text");
	int rc = buf_reserve(b, (size_t)length + 1, e);
	if (rc < 0)
		return rc;
	va_start(args, format);
	vsnprintf((char *)b->data + b->size, (size_t)length + 1, format, args);
	va_end(args);
	b->size += (size_t)length;
	return 0;
}

void buf_clear(struct buf *b)
{
	b->size = 0;
}

void buf_release(struct buf *b)
{
	mem_free(b->data);
	*b = (struct buf){0};
}
