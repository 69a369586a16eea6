/* SPDX-License-Identifier: Apache-2.0 */
/* Near is what differs in at most a third of the letters; two that changed places count once. */
#include "nearest.h"

#include <limits.h>
#include <string.h>

#define LENGTH_MAX 63

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* Damerau-Levenshtein distance (restricted: no letter is touched twice). */
static unsigned edit_distance(const char *a, const char *b)
{
	size_t m = strlen(a), n = strlen(b);
	unsigned d[LENGTH_MAX + 1][LENGTH_MAX + 1];
	if (m > LENGTH_MAX || n > LENGTH_MAX)
		return UINT_MAX;
	for (size_t i = 0; i <= m; i++) {
		for (size_t j = 0; j <= n; j++) {
			if (i == 0 || j == 0) {
				d[i][j] = (unsigned)(i + j);
				continue;
			}
			d[i][j] = least(d[i - 1][j - 1] + (a[i - 1] != b[j - 1]), least(d[i - 1][j], d[i][j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				d[i][j] = least(d[i][j], d[i - 2][j - 2] + 1);
		}
	}
	return d[m][n];
}

void nearest_init(struct nearest *n, const char *word)
{
	*n = (struct nearest){.word = word, .distance = (unsigned)strlen(word) / 3 + 2};
}

void nearest_show(struct nearest *n, const char *candidate)
{
	unsigned distance = edit_distance(n->word, candidate);
	if (distance < n->distance) {
		n->distance = distance;
		n->best = candidate;
	}
}
