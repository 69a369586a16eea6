/* SPDX-License-Identifier: Apache-2.0 */
/* Known distances, both ways, and what holds for any words: random ones after a number of edits are at most that far. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cel.h"

static void known_distances(void **state)
{
	(void)state;
	static const struct {
		const char *a, *b;
		unsigned distance;
	} CASES[] = {
		{"", "", 0},          {"", "abc", 3},       {"photos", "photos", 0}, {"fotos", "photos", 2}, {"photso", "photos", 1},
		{"kitten", "sitting", 3}, {"ab", "ba", 1},  {"ca", "abc", 3}, /* 2 if a letter might be touched twice */
		{"abcdef", "badcfe", 3},  {"a", "b", 1},    {"--stroe", "--store", 1},
	};
	for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
		assert_int_equal(cel_edit_distance(CASES[i].a, CASES[i].b), CASES[i].distance);
		assert_int_equal(cel_edit_distance(CASES[i].b, CASES[i].a), CASES[i].distance);
	}
}

static void the_longest_words(void **state)
{
	(void)state;
	char a[257], b[257];
	memset(a, 'a', sizeof a);
	memset(b, 'b', sizeof b);
	a[255] = b[255] = '\0';
	assert_int_equal(cel_edit_distance(a, b), 255);
	assert_int_equal(cel_edit_distance(a, ""), 255);
	a[255] = 'a';
	a[256] = '\0';
	assert_int_equal(cel_edit_distance(a, b), UINT_MAX);
	assert_int_equal(cel_edit_distance("b", a), UINT_MAX);
}

/* One edit at a random place; the word may have room for a letter more. */
static void edit(char *word)
{
	size_t size = strlen(word), at = size > 0 ? (size_t)random() % size : 0;
	switch (size > 1 ? random() % 4 : 0) {
	case 0:
		memmove(word + at + 1, word + at, size - at + 1);
		word[at] = (char)('a' + random() % 3);
		break;
	case 1:
		memmove(word + at, word + at + 1, size - at);
		break;
	case 2:
		word[at] = (char)('a' + random() % 3);
		break;
	default:
		if (at + 1 < size) {
			char c = word[at];
			word[at] = word[at + 1];
			word[at + 1] = c;
		}
	}
}

static void an_edit_is_one_step(void **state)
{
	(void)state;
	const char *text = getenv("CEL_TEST_SEED");
	unsigned seed = text != NULL ? (unsigned)strtoul(text, NULL, 10) : 1;
	print_message("CEL_TEST_SEED=%u\n", seed);
	srandom(seed);
	unsigned n_full = 0;
	for (int round = 0; round < 2000; round++) {
		char word[40] = "", edited[40];
		for (long i = random() % 12; i > 0; i--)
			edit(word);
		strcpy(edited, word);
		edit(edited);
		unsigned distance = cel_edit_distance(word, edited);
		assert_true(distance <= 1);
		assert_int_equal(distance == 0, strcmp(word, edited) == 0);
		n_full += distance;
	}
	assert_true(n_full > 1000); /* so the bound above is no empty one */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_distances),
		cmocka_unit_test(the_longest_words),
		cmocka_unit_test(an_edit_is_one_step),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
