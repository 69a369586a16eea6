/* SPDX-License-Identifier: Apache-2.0 */
/* Frames: however the bytes are cut, the same frames come out, or the same error; and a frame that came out goes in again as
 * the same bytes. */
#include "frame.h"

#include <stdlib.h>

#include "cel.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct result {
	size_t n, bytes;
	int rc;
};

static struct result read_all(const uint8_t *data, size_t size, size_t piece)
{
	struct result out = {0};
	struct frame_reader r = {0};
	struct slice body, whole;
	for (size_t at = 0; at < size && out.rc >= 0; at += piece) {
		size_t n = size - at < piece ? size - at : piece;
		if (frame_feed(&r, slice_make(data + at, n), NULL) < 0)
			abort();
		while ((out.rc = frame_next(&r, &body, &whole, NULL)) > 0) {
			struct buf again = {0};
			out.n++;
			out.bytes += whole.size;
			if (frame_put(&again, body, NULL) < 0 || !slice_equal(whole, buf_slice(&again)))
				abort();
			buf_release(&again);
		}
	}
	if (out.rc < 0 && out.rc != CEL_EPROTOCOL)
		abort();
	frame_reader_release(&r);
	return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct result whole = read_all(data, size, size + 1);
	for (size_t piece = 1; piece < 8; piece += 3) {
		struct result cut = read_all(data, size, piece);
		if (cut.n != whole.n || cut.bytes != whole.bytes || cut.rc != whole.rc)
			abort();
	}
	return 0;
}
