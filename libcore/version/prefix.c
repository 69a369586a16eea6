/* SPDX-License-Identifier: Apache-2.0 */
/* A walk over all history, since commits lie among all other blocks and a text's prefix is none of the digest's. */
#include "error.h"
#include "history.h"
#include "lookup.h"

static int search(struct history *h, const char *prefix, struct cid *out, struct cel_error *e)
{
	char found[CEL_CID_TEXT_SIZE] = "", text[CEL_CID_TEXT_SIZE];
	const struct history_item *item;
	int rc = history_push_all(h, 0, e);
	if (rc < 0)
		return rc;
	while ((rc = history_next(h, &item, e)) == 1) {
		cid_format(&item->cid, text);
		if (strncmp(text, prefix, strlen(prefix)) != 0)
			continue;
		if (found[0] != '\0')
			return error_set(e, CEL_EUSAGE, "'%s' is the beginning of several commits: %s and %s, among others",
					 prefix, found, text);
		memcpy(found, text, sizeof found);
		*out = item->cid;
	}
	if (rc == 0 && found[0] == '\0')
		return error_set(e, CEL_ENOINPUT, "no collection '%s', and no commit whose CID begins so", prefix);
	return rc;
}

int prefix_lookup(struct store_read *read, const char *prefix, struct cid *out, struct cel_error *e)
{
	struct history *h;
	int rc = history_new(read, NULL, &h, e);
	if (rc < 0)
		return rc;
	rc = search(h, prefix, out, e);
	history_free(h);
	return rc;
}
