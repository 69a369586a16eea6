/* SPDX-License-Identifier: Apache-2.0 */
/* Tree nodes: whatever decodes must encode to the same bytes, and every key must be found where it stands. */
#include "node.h"
#include "reencode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct node node;
	struct slice input = slice_make(data, size);
	struct cel_error e = {0};
	if (node_decode(input, &node, &e) < 0) {
		if (e.code != CEL_ECORRUPT || e.message[0] == '\0')
			abort();
		return 0;
	}
	struct buf again = {0};
	if (node_reencode(&node, &again) < 0 || !slice_equal(input, buf_slice(&again)))
		abort();
	for (uint32_t i = 0; i < node.n; i++) {
		uint8_t key[CEL_ID_MAX];
		if (node_search(&node, slice_make(key, node_key(&node, i, key))) != i)
			abort();
	}
	buf_release(&again);
	return 0;
}
