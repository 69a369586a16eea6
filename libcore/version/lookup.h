/* SPDX-License-Identifier: Apache-2.0 */
/* The ways a rev is looked up, one file each. All of them: CEL_ENOINPUT if nothing is there. */
#ifndef VERSION_LOOKUP_H
#define VERSION_LOOKUP_H

#include <time.h>

#include "cid.h"
#include "store.h"

/* near.c: CEL_ENOINPUT with "no WHAT 'NAME'" and, of the refs that begin with prefix, those whose names come near. */
int near_error(struct store_read *read, const char *what, const char *prefix, const char *name, struct cel_error *e);

/* prefix.c: the one commit, of those reachable from refs, whose CID begins so. CEL_EUSAGE if there are several. */
int prefix_lookup(struct store_read *read, const char *prefix, struct cid *out, struct cel_error *e);

/* reflog.c: what the log of a collection says for the text between the braces of NAME@{...}. */
int reflog_lookup(struct store_read *read, const char *name, const char *when, time_t now, struct cid *out,
		  struct cel_error *e);
/* The last second of the time that is meant, local time zone. CEL_EUSAGE if it is none. */
int reflog_parse_time(const char *text, time_t now, int64_t *out, struct cel_error *e);

#endif
