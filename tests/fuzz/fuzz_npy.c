/* SPDX-License-Identifier: Apache-2.0 */
/* The reader of npy files; see read_rows.h. */
#include "read_rows.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return read_rows(READER_NPY, data, size);
}
