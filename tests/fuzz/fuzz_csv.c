/* SPDX-License-Identifier: Apache-2.0 */
/* The reader of CSV; see read_rows.h. A second byte chooses separator and columns. */
#include "read_rows.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const VECTORS[] = {NULL, "vector", "1", "x..z", "x,y", "2..4", "a,x..y", ".."};
	if (size < 2)
		return -1;
	struct reader_options options = {
		.format = data[1] % 2 ? READER_CSV : READER_TSV,
		.vector_columns = VECTORS[data[1] / 2 % 8],
		.is_without_header = data[1] / 16 % 4 == 3,
		.id_column = data[1] / 64 == 1 ? "1" : NULL,
		.id_prefix = data[1] / 64 == 2 ? "r" : NULL,
	};
	return read_rows_as(options, data[0], data + 2, size - 2);
}
