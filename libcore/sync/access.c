/* SPDX-License-Identifier: Apache-2.0 */
/* A rule is a name or the beginning of names. Rights add up: whoever gives one rule for all and one for some means both. */
#include "access.h"

#include <string.h>

#include "error.h"
#include "record.h"

static int bad_rule(const char *text, struct cel_error *e)
{
	return error_set(e, CEL_EUSAGE, "'%.100s' is no rule of access: NAME, NAME:r or NAME:rw, where a * may end the name", text);
}

int access_rule_parse(const char *text, struct access_rule *out, struct cel_error *e)
{
	const char *colon = strchr(text, ':');
	size_t size = colon != NULL ? (size_t)(colon - text) : strlen(text);
	*out = (struct access_rule){.rights = ACCESS_READ | ACCESS_WRITE};
	if (colon != NULL && strcmp(colon, ":r") == 0)
		out->rights = ACCESS_READ;
	else if (colon != NULL && strcmp(colon, ":rw") != 0)
		return bad_rule(text, e);
	if (size > 0 && text[size - 1] == '*') {
		out->is_prefix = true;
		size--;
	}
	if (size >= sizeof out->name || memchr(text, '*', size) != NULL)
		return bad_rule(text, e);
	memcpy(out->name, text, size);
	if (size == 0)
		return out->is_prefix ? 0 : bad_rule(text, e);
	return record_check_collection_name(out->name, NULL) < 0 ? bad_rule(text, e) : 0;
}

unsigned access_rights(const struct access *access, const char *name)
{
	unsigned rights = access->n == 0 && !access->is_closed ? ACCESS_READ | ACCESS_WRITE : 0;
	for (size_t i = 0; i < access->n; i++) {
		const struct access_rule *rule = &access->rules[i];
		bool is_match = rule->is_prefix ? strncmp(rule->name, name, strlen(rule->name)) == 0 : strcmp(rule->name, name) == 0;
		if (is_match)
			rights |= rule->rights;
	}
	return access->is_read_only ? rights & ACCESS_READ : rights;
}
