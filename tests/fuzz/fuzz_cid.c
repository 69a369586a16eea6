/* SPDX-License-Identifier: Apache-2.0 */
/* CIDs in text and binary form, and ids: whatever is accepted must be its own canonical form. */
#include <stdlib.h>
#include <string.h>

#include "cid.h"
#include "record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice input = slice_make(data, size);
	struct cel_error e = {0};
	struct cid cid;
	if (cid_parse(input, &cid, &e) == 0) {
		char text[CEL_CID_TEXT_SIZE];
		cid_format(&cid, text);
		if (!slice_equal(slice_text(text), input))
			abort();
	}
	if (cid_decode(input, &cid, &e) == 0) {
		uint8_t bytes[CID_SIZE];
		cid_encode(&cid, bytes);
		if (!slice_equal(slice_make(bytes, CID_SIZE), input))
			abort();
	}
	if (record_check_id(input, &e) == 0 && (size > CEL_ID_MAX || !utf8_is_valid(input) || memchr(data, '\n', size)))
		abort();
	return 0;
}
