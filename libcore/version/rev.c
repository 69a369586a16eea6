/* SPDX-License-Identifier: Apache-2.0 */
/* A rev is read from left to right:
 *
 *     base [ @TAG | @{WHEN} ] [ ~ | ~N ]...
 *
 * base is a collection, else a commit CID or the beginning of one. The names that may come before the '@' hold neither '@'
 * nor '~', so the first of these characters ends the base. */
#include "rev.h"

#include <stdio.h>

#include "commit.h"
#include "error.h"
#include "lookup.h"
#include "record.h"

enum { REV_MAX = 256, PREFIX_MIN = 8 };

/* The ref of a name that was checked: its size and that of a kind are bounded. CEL_ENOTFOUND if there is none. */
static int read_ref(struct store_read *read, const char *kind, const char *name, struct cid *out, struct cel_error *e)
{
	char ref[STORE_REF_MAX];
	snprintf(ref, sizeof ref, "%.128s%.63s", kind, name);
	return store_read_ref(read, ref, out, e);
}

static bool is_cid_beginning(const char *text)
{
	size_t size = strlen(text);
	return size >= PREFIX_MIN && size < CEL_CID_TEXT_SIZE && text[0] == 'b' &&
	       strspn(text, "abcdefghijklmnopqrstuvwxyz234567") == size;
}

static int lookup_cid(struct store_read *read, const char *text, struct cid *out, struct cel_error *e)
{
	if (strlen(text) < CEL_CID_TEXT_SIZE - 1)
		return prefix_lookup(read, text, out, e);
	struct commit commit;
	struct slice block;
	struct cel_error why;
	if (cid_parse(slice_text(text), out, &why) < 0)
		return error_set(e, CEL_ENOINPUT, "no collection '%s', and it is no CID either", text);
	int rc = store_read_block(read, out, &block, e);
	if (rc == CEL_ENOTFOUND)
		return error_set(e, CEL_ENOINPUT, "the store has no commit %s", text);
	if (rc == 0 && (out->codec != CID_DAG_CBOR || commit_decode(block, &commit, &why) < 0))
		return error_set(e, CEL_ENOINPUT, "%s is not a commit", text);
	return rc;
}

static int lookup_base(struct store_read *read, const char *base, struct cid *out, struct cel_error *e)
{
	struct cel_error why;
	bool is_name = record_check_collection_name(base, &why) == 0;
	int rc = is_name ? read_ref(read, "heads/", base, out, e) : CEL_ENOTFOUND;
	if (rc != CEL_ENOTFOUND)
		return rc;
	if (is_cid_beginning(base))
		return lookup_cid(read, base, out, e);
	if (!is_name)
		return error_set(e, CEL_EUSAGE, "'%s' is no rev: neither the name of a collection nor a CID", base);
	return near_error(read, "collection", "heads/", base, e);
}

static int lookup_tag(struct store_read *read, const char *name, const char *tag, struct cid *out, struct cel_error *e)
{
	char prefix[STORE_REF_MAX];
	struct cel_error why;
	struct cid head;
	if (record_check_collection_name(tag, &why) < 0)
		return error_set(e, CEL_EUSAGE, "'%s' is no tag name", tag);
	snprintf(prefix, sizeof prefix, "tags/%.63s/", name);
	int rc = read_ref(read, prefix, tag, out, e);
	if (rc != CEL_ENOTFOUND)
		return rc;
	rc = read_ref(read, "heads/", name, &head, e);
	if (rc == CEL_ENOTFOUND)
		return near_error(read, "collection", "heads/", name, e);
	if (rc < 0)
		return rc;
	char what[STORE_REF_MAX];
	snprintf(what, sizeof what, "tag of '%.63s'", name);
	return near_error(read, what, prefix, tag, e);
}

/* text: base with what follows an '@'; is changed. */
static int lookup_start(struct store_read *read, char *text, struct cid *out, struct cel_error *e)
{
	char *at = strchr(text, '@');
	if (at == NULL)
		return lookup_base(read, text, out, e);
	*at++ = '\0';
	int rc = record_check_collection_name(text, e);
	if (rc < 0)
		return rc;
	if (*at != '{')
		return lookup_tag(read, text, at, out, e);
	size_t size = strlen(++at);
	if (size == 0 || at[size - 1] != '}')
		return error_set(e, CEL_EUSAGE, "'%s@{%s' has no closing brace", text, at);
	at[size - 1] = '\0';
	return reflog_lookup(read, text, at, time(NULL), out, e);
}

/* n single parents back from *cid. */
static int go_back(struct store_read *read, const char *rev, uint64_t n, struct cid *cid, struct cel_error *e)
{
	for (uint64_t i = 0; i < n; i++) {
		struct commit commit;
		char text[CEL_CID_TEXT_SIZE], first[CEL_CID_TEXT_SIZE], second[CEL_CID_TEXT_SIZE];
		cid_format(cid, text);
		int rc = commit_read(read, cid, &commit, e);
		if (rc == CEL_ENOTFOUND)
			return error_set(e, CEL_ECORRUPT, "commit %s is missing", text);
		if (rc < 0)
			return rc;
		if (commit.n_parents == 0)
			return error_set(e, CEL_ENOINPUT, "'%s' goes back beyond the first commit, %s", rev, text);
		if (commit.n_parents == 2) {
			cid_format(&commit.parents[0], first);
			cid_format(&commit.parents[1], second);
			return error_set(e, CEL_EUSAGE, "'%s' goes back through a merge, %s: name one of its parents, %s or %s", rev,
					 text, first, second);
		}
		*cid = commit.parents[0];
	}
	return 0;
}

int rev_resolve(struct store_read *read, const char *rev, struct cid *out, struct cel_error *e)
{
	char text[REV_MAX];
	size_t size = strlen(rev);
	if (size == 0 || size >= sizeof text)
		return error_set(e, CEL_EUSAGE, size == 0 ? "the rev is empty" : "the rev is too long");
	memcpy(text, rev, size + 1);
	char *p = strchr(text, '~');
	if (p != NULL)
		*p++ = '\0';
	int rc = lookup_start(read, text, out, e);
	while (p != NULL && rc == 0) {
		size_t n_digits = strspn(p, "0123456789");
		uint64_t n = n_digits == 0 ? 1 : 0;
		for (size_t i = 0; i < n_digits && i < 19; i++)
			n = n * 10 + (uint64_t)(p[i] - '0');
		p += n_digits;
		if ((*p != '\0' && *p != '~') || n_digits > 18)
			return error_set(e, CEL_EUSAGE, "'%s' is no rev: what follows '~' is no number", rev);
		p = *p == '~' ? p + 1 : NULL;
		rc = go_back(read, rev, n, out, e);
	}
	return rc;
}
