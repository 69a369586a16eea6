/* SPDX-License-Identifier: Apache-2.0 */
/* Suggestions: the names at the smallest edit distance (insert, delete, replace, swap of two neighbours), if that is at most
 * a third of the name, or which begin with what was typed. The distance of two names is the last cell of the usual
 * table, of which three rows are kept. */
#include "buf.h"
#include "error.h"
#include "lookup.h"

enum { NEAR_MAX = 3, ROW = STORE_REF_MAX + 1 };

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	unsigned least = a < b ? a : b;
	return least < c ? least : c;
}

static unsigned edit_distance(const char *a, const char *b)
{
	unsigned rows[3][ROW];
	size_t size_a = strnlen(a, ROW - 1), size_b = strnlen(b, ROW - 1);
	for (size_t j = 0; j <= size_b; j++)
		rows[0][j] = (unsigned)j;
	for (size_t i = 1; i <= size_a; i++) {
		unsigned *row = rows[i % 3], *before = rows[(i + 2) % 3], *before2 = rows[(i + 1) % 3];
		row[0] = (unsigned)i;
		for (size_t j = 1; j <= size_b; j++) {
			row[j] = min3(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && before2[j - 2] + 1 < row[j])
				row[j] = before2[j - 2] + 1;
		}
	}
	return rows[size_a % 3][size_b];
}

int near_error(struct store_read *read, const char *what, const char *prefix, const char *name, struct cel_error *e)
{
	char position[STORE_REF_MAX] = "", nearest[NEAR_MAX][STORE_REF_MAX];
	unsigned best = (unsigned)(strlen(name) + 2) / 3;
	size_t n = 0, n_refs = 0;
	struct cid cid;
	int rc;
	while ((rc = store_read_next_ref(read, prefix, position, &cid, e)) == 1) {
		const char *candidate = position + strlen(prefix);
		unsigned distance = strncmp(candidate, name, strlen(name)) == 0 ? 1 : edit_distance(name, candidate);
		n_refs++;
		if (distance < best)
			n = 0;
		if (distance <= best && n < NEAR_MAX) {
			best = distance;
			strcpy(nearest[n++], candidate);
		}
	}
	if (rc < 0)
		return rc;
	if (n == 0)
		return error_set(e, CEL_ENOINPUT, n_refs == 0 ? "no %s '%s': there is none yet" : "no %s '%s'", what, name);
	if (n == 1)
		return error_set(e, CEL_ENOINPUT, "no %s '%s': did you mean '%s'?", what, name, nearest[0]);
	return error_set(e, CEL_ENOINPUT, "no %s '%s': did you mean '%s'%s '%s'%s%s%s?", what, name, nearest[0],
			 n == 2 ? " or" : ",", nearest[1], n == 3 ? " or '" : "", n == 3 ? nearest[2] : "", n == 3 ? "'" : "");
}
