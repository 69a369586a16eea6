/* SPDX-License-Identifier: Apache-2.0 */
/* A growable run of bytes. A zeroed struct buf is an empty one. After a failed append the old content stands. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "slice.h"

struct cel_error;

struct buf {
	uint8_t *data;
	size_t size;
	size_t capacity;
};

int buf_reserve(struct buf *b, size_t more, struct cel_error *e); /* room for `more` bytes behind size */
int buf_append(struct buf *b, const void *data, size_t size, struct cel_error *e);
int buf_append_byte(struct buf *b, uint8_t byte, struct cel_error *e);
int buf_append_text(struct buf *b, const char *text, struct cel_error *e); /* without its NUL */
int buf_printf(struct buf *b, struct cel_error *e, const char *format, ...) __attribute__((format(printf, 3, 4)));
void buf_clear(struct buf *b);   /* empty, memory kept */
void buf_release(struct buf *b); /* memory freed, ready for reuse */

static inline struct slice buf_slice(const struct buf *b)
{
	return slice_make(b->data, b->size);
}

#define BUF_CLEANUP __attribute__((cleanup(buf_release)))

#endif
