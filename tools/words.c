/* SPDX-License-Identifier: Apache-2.0 */
/* See words.h. */
#include "words.h"

#include <stdio.h>
#include <string.h>

bool word_next(const char **list, const char *separators, char out[WORD_SIZE], char *end)
{
	*list += strspn(*list, separators);
	size_t length = strcspn(*list, separators);
	snprintf(out, WORD_SIZE, "%.*s", (int)length, *list);
	*list += length;
	if (end != NULL)
		*end = **list;
	return length > 0;
}
