/* SPDX-License-Identifier: Apache-2.0 */
/* The screening of filters: whatever the text, no byte outside of it is read, and the answer is the same with blanks around it. */
#include <stdint.h>
#include <stdlib.h>

#include "cel.h"
#include "screen.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size > 0 ? size : 1);
	struct buf wide BUF_CLEANUP = {0};
	if (copy == NULL || size + 2 > FILTER_MAX) {
		free(copy);
		return 0;
	}
	memcpy(copy, data, size);
	int rc = filter_screen(slice_make(copy, size), NULL);
	if (buf_append_byte(&wide, ' ', NULL) == 0 && buf_append(&wide, copy, size, NULL) == 0 &&
	    buf_append_byte(&wide, ' ', NULL) == 0 && filter_screen(buf_slice(&wide), NULL) != rc)
		abort();
	free(copy);
	return 0;
}
