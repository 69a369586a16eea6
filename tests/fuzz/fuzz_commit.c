/* SPDX-License-Identifier: Apache-2.0 */
/* Commits and schemas: whatever decodes must encode to the same bytes, and nothing is both. */
#include "commit.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice input = slice_make(data, size);
	struct commit commit;
	struct cel_schema schema;
	struct buf again = {0};
	struct cel_error e = {0};
	int as_commit = commit_decode(input, &commit, &e);
	if (as_commit == 0 && (commit_encode(&commit, &again, NULL) < 0 || !slice_equal(input, buf_slice(&again))))
		abort();
	if (as_commit < 0 && (as_commit != CEL_ECORRUPT || e.code != CEL_ECORRUPT))
		abort();
	buf_clear(&again);
	int as_schema = schema_decode(input, &schema, &e);
	if (as_schema == 0 && (schema_encode(&schema, &again, NULL) < 0 || !slice_equal(input, buf_slice(&again))))
		abort();
	if ((as_schema < 0 && as_schema != CEL_ECORRUPT) || (as_schema == 0 && as_commit == 0))
		abort();
	buf_release(&again);
	return 0;
}
