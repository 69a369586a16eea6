/* SPDX-License-Identifier: Apache-2.0 */
/* Canonical metadata: canonicalising again changes nothing, metadata_check agrees, and blanks around the text make no
 * difference. */
#include <stdlib.h>
#include <string.h>

#include "metadata.h"
#include "record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf once = {0}, again = {0}, spaced = {0};
	struct cel_error e = {0};
	struct slice in = slice_make(data, size);
	int rc = metadata_canonicalise(in, &once, &e);
	int check = metadata_check(in, NULL);
	if (rc < 0) {
		if (rc != CEL_EDATA || check != CEL_EDATA || once.size != 0 || !utf8_is_valid(slice_text(e.message)))
			abort();
		goto done;
	}
	bool is_canonical = slice_equal(buf_slice(&once), in);
	if ((check == 0) != is_canonical || metadata_check(buf_slice(&once), NULL) != 0)
		abort();
	if (metadata_canonicalise(buf_slice(&once), &again, NULL) != 0 || !slice_equal(buf_slice(&once), buf_slice(&again)))
		abort();
	buf_clear(&again);
	if (buf_append_text(&spaced, " \n", NULL) != 0 || buf_append(&spaced, data, size, NULL) != 0 ||
	    buf_append_text(&spaced, "\t\r", NULL) != 0 || metadata_canonicalise(buf_slice(&spaced), &again, NULL) != 0 ||
	    !slice_equal(buf_slice(&once), buf_slice(&again)))
		abort();
done:
	buf_release(&once);
	buf_release(&again);
	buf_release(&spaced);
	return 0;
}
