/* SPDX-License-Identifier: Apache-2.0 */
/* Members of a metadata object, which is JSON in canonical form: no blanks, and valid. */
#ifndef TOOLS_MEMBER_H
#define TOOLS_MEMBER_H

#include <stdbool.h>
#include <stddef.h>

/* The text of the member `key` of the object itself, not of one within it. False if there is none, it is no text, or it
 * needs more than capacity bytes; *size: of them. */
bool member_text(const char *object, size_t object_size, const char *key, char *out, size_t capacity, size_t *size);

#endif
