/* SPDX-License-Identifier: Apache-2.0 */
/* Which format an input has. */
#ifndef INGEST_DETECT_H
#define INGEST_DETECT_H

#include "format.h"

/* By content, else by the ending of the name (.gz, .zst and .xz aside), else as a table if the first line looks like
 * one. Waits for no more bytes than that takes. CEL_EDATA if nothing tells. */
int detect_format(struct stream *s, const struct format **out, struct cel_error *e);
/* Whether the name ends as that of a compressed file. */
bool detect_is_packed_name(const char *name);

#endif
