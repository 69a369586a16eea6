/* SPDX-License-Identifier: Apache-2.0 */
/* Messages: whatever decodes must encode to the same bytes, but a HELLO of another version, of which only that is known. */
#include "message.h"

#include <stdlib.h>

#include "frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice input = slice_make(data, size), body, whole;
	struct message m;
	struct cel_error e = {0};
	struct buf again = {0};
	struct frame_reader r = {0};
	int rc = message_decode(input, &m, &e);
	if (rc < 0) {
		if (rc != CEL_EPROTOCOL || e.code != rc || e.message[0] == '\0')
			abort();
		return 0;
	}
	if (m.type == MESSAGE_HELLO && m.hello.version != 1)
		return 0;
	if (message_put(&m, &again, NULL) < 0 || frame_feed(&r, buf_slice(&again), NULL) < 0 ||
	    frame_next(&r, &body, &whole, NULL) != 1 || !slice_equal(body, input))
		abort();
	frame_reader_release(&r);
	buf_release(&again);
	return 0;
}
