/* SPDX-License-Identifier: Apache-2.0 */
/* Near is what differs in at most a third of the letters; two that changed places count once. */
#include "nearest.h"

#include <string.h>

#include "cel.h"

void nearest_init(struct nearest *n, const char *word)
{
	*n = (struct nearest){.word = word, .distance = (unsigned)strlen(word) / 3 + 2};
}

void nearest_show(struct nearest *n, const char *candidate)
{
	unsigned distance = cel_edit_distance(n->word, candidate);
	if (distance < n->distance) {
		n->distance = distance;
		n->best = candidate;
	}
}
