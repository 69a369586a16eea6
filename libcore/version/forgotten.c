/* SPDX-License-Identifier: Apache-2.0 */
/* The marks are refs, so that they are set and removed in the same transaction as the moves of heads. */
#include "forgotten.h"

#include <stdio.h>

#include "error.h"

void forgotten_ref(const struct cid *commit, char out[FORGOTTEN_REF_MAX])
{
	char text[CEL_CID_TEXT_SIZE];
	cid_format(commit, text);
	snprintf(out, FORGOTTEN_REF_MAX, FORGOTTEN_PREFIX "%s", text);
}

int forgotten_has(struct store_read *read, const struct cid *commit, struct cel_error *e)
{
	char ref[FORGOTTEN_REF_MAX];
	struct cid found;
	forgotten_ref(commit, ref);
	int rc = store_read_ref(read, ref, &found, e);
	return rc == CEL_ENOTFOUND ? 0 : rc < 0 ? rc : 1;
}

struct store_ref_update forgotten_mark(const struct cid *commit, char ref[FORGOTTEN_REF_MAX])
{
	forgotten_ref(commit, ref);
	return (struct store_ref_update){.ref = ref, .has_new = true, .new = *commit, .is_unlogged = true};
}

struct store_ref_update forgotten_unmark(const struct cid *commit, char ref[FORGOTTEN_REF_MAX])
{
	forgotten_ref(commit, ref);
	return (struct store_ref_update){.ref = ref, .has_old = true, .old = *commit, .is_unlogged = true};
}
