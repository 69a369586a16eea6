/* SPDX-License-Identifier: Apache-2.0 */
/* Bitmaps of filters: the reader takes what the writer makes and nothing else. The input is the file; tree, size and filter are
 * what the file itself names, where it has them, so that the reader comes as far as it can. With its digest put right, too: then
 * what is taken must be what is written for it. */
#include <stdint.h>
#include <stdlib.h>

#include "bitmap.h"
#include "bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_one(struct slice file)
{
	struct cid tree;
	struct bitmap bitmap;
	if (file.size < 80 || cid_decode(slice_make(file.data + 32, CID_SIZE), &tree, NULL) < 0)
		tree = cid_of(CID_DAG_CBOR, file);
	uint64_t n = file.size >= 80 ? load_le64(file.data + 8) : 0;
	size_t expression_size = file.size >= 80 ? load_le32(file.data + 68) : 0;
	size_t start = n / 64 < file.size / 8 ? 80 + bits_words(n) * 8 : file.size;
	if (start > file.size || expression_size > file.size - start)
		start = expression_size = 0;
	struct slice expression = slice_make(file.data + start, expression_size);
	if (bitmap_decode(file, &tree, n, expression, &bitmap, NULL) < 0)
		return;
	struct buf again BUF_CLEANUP = {0};
	if (bitmap_encode(&bitmap, &tree, expression, &again, NULL) == 0 && !slice_equal(buf_slice(&again), file))
		abort();
	bitmap_release(&bitmap);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size + 1);
	if (copy == NULL)
		return 0;
	memcpy(copy, data, size);
	read_one(slice_make(copy, size));
	if (size > SHA256_SIZE) {
		sha256(copy, size - SHA256_SIZE, copy + size - SHA256_SIZE);
		read_one(slice_make(copy, size));
	}
	free(copy);
	return 0;
}
