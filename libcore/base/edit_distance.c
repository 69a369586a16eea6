/* SPDX-License-Identifier: Apache-2.0 */
/* The last cell of the usual table (Damerau-Levenshtein, restricted: no letter is touched twice), of which three rows are kept:
 *
 *     d[i][j] = least of d[i-1][j] + 1, d[i][j-1] + 1, d[i-1][j-1] + (a[i-1] != b[j-1]),
 *               and, if the last two letters stand crosswise, d[i-2][j-2] + 1 */
#include <limits.h>
#include <string.h>

#include "cel.h"

enum { WORD_MAX = 255 };

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

unsigned cel_edit_distance(const char *a, const char *b)
{
	unsigned rows[3][WORD_MAX + 1];
	size_t size_a = strnlen(a, WORD_MAX + 1), size_b = strnlen(b, WORD_MAX + 1);
	if (size_a > WORD_MAX || size_b > WORD_MAX)
		return UINT_MAX;
	for (size_t j = 0; j <= size_b; j++)
		rows[0][j] = (unsigned)j;
	for (size_t i = 1; i <= size_a; i++) {
		unsigned *row = rows[i % 3], *before = rows[(i + 2) % 3], *before2 = rows[(i + 1) % 3];
		row[0] = (unsigned)i;
		for (size_t j = 1; j <= size_b; j++) {
			row[j] = least(before[j - 1] + (a[i - 1] != b[j - 1]), least(before[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = least(row[j], before2[j - 2] + 1);
		}
	}
	return rows[size_a % 3][size_b];
}
