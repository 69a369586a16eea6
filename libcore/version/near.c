/* SPDX-License-Identifier: Apache-2.0 */
/* Suggestions: the names at the smallest edit distance (insert, delete, replace, swap of two neighbours), if that is at most
 * a third of the name, or which begin with what was typed. */
#include "error.h"
#include "lookup.h"

enum { NEAR_MAX = 3 };

int near_error(struct store_read *read, const char *what, const char *prefix, const char *name, struct cel_error *e)
{
	char position[STORE_REF_MAX] = "", nearest[NEAR_MAX][STORE_REF_MAX];
	unsigned best = (unsigned)(strlen(name) + 2) / 3;
	size_t n = 0, n_refs = 0;
	struct cid cid;
	int rc;
	while ((rc = store_read_next_ref(read, prefix, position, &cid, e)) == 1) {
		const char *candidate = position + strlen(prefix);
		unsigned distance = strncmp(candidate, name, strlen(name)) == 0 ? 1 : cel_edit_distance(name, candidate);
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
