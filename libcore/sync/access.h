/* SPDX-License-Identifier: Apache-2.0 */
/* Which collections the other side may read and write: rules such as NAME, NAME:r, NAME:rw, with * for any end of a name. */
#ifndef SYNC_ACCESS_H
#define SYNC_ACCESS_H

#include "cel.h"

enum { ACCESS_READ = 1, ACCESS_WRITE = 2 };

struct access_rule {
	char name[CEL_NAME_MAX + 1]; /* without its * */
	bool is_prefix;
	unsigned rights;
};

struct access {
	const struct access_rule *rules;
	size_t n; /* 0: everything may be read and written, unless is_closed */
	bool is_closed;
	bool is_read_only; /* whatever the rules say */
};

/* CEL_EUSAGE if the text is no rule. Without :r or :rw both rights are given. */
int access_rule_parse(const char *text, struct access_rule *out, struct cel_error *e);
unsigned access_rights(const struct access *access, const char *name); /* of all rules that match, together */

#endif
