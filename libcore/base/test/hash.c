/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 against the examples of FIPS 180-4, whole and in pieces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "hash.h"

static void assert_digest(const uint8_t digest[SHA256_SIZE], const char *expected)
{
	char text[2 * SHA256_SIZE + 1];
	for (int i = 0; i < SHA256_SIZE; i++)
		snprintf(text + 2 * i, 3, "%02x", digest[i]);
	assert_string_equal(text, expected);
}

static void check_examples(void **state)
{
	(void)state;
	uint8_t digest[SHA256_SIZE];
	sha256("", 0, digest);
	assert_digest(digest, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	sha256("abc", 3, digest);
	assert_digest(digest, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	const char *long_one = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
	sha256(long_one, strlen(long_one), digest);
	assert_digest(digest, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
	struct sha256 h;
	sha256_init(&h);
	char thousand[1000];
	memset(thousand, 'a', sizeof thousand);
	for (int i = 0; i < 1000; i++)
		sha256_update(&h, thousand, sizeof thousand);
	sha256_final(&h, digest);
	assert_digest(digest, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

static void check_pieces(void **state)
{
	(void)state;
	uint8_t data[200], whole[SHA256_SIZE], pieces[SHA256_SIZE];
	for (size_t i = 0; i < sizeof data; i++)
		data[i] = (uint8_t)(i * 7);
	for (size_t size = 0; size <= sizeof data; size++) {
		sha256(data, size, whole);
		for (size_t step = 1; step < 70; step += 3) {
			struct sha256 h;
			sha256_init(&h);
			for (size_t at = 0; at < size; at += step)
				sha256_update(&h, data + at, size - at < step ? size - at : step);
			sha256_final(&h, pieces);
			assert_memory_equal(whole, pieces, SHA256_SIZE);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(check_examples), cmocka_unit_test(check_pieces)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
