/* SPDX-License-Identifier: Apache-2.0 */
/* The canonical form of metadata: a JSON object without blanks, keys sorted bytewise at every depth, duplicate keys
 * refused, number text kept as written, strings with the minimal escapes (\" \\ \b \f \n \r \t, \u00xx for other
 * controls), everything else as UTF-8. */
#ifndef INGEST_METADATA_H
#define INGEST_METADATA_H

#include "buf.h"
#include "cel.h"

#define METADATA_SIZE_MAX (1u << 20) /* bytes, canonical */
#define METADATA_DEPTH_MAX 64

/* Appends the canonical form of the JSON text, which must be one object. CEL_EDATA. */
int metadata_canonicalise(struct slice json, struct buf *out, struct cel_error *e);
/* Whether the bytes are exactly their own canonical form; CEL_EDATA if not. */
int metadata_check(struct slice bytes, struct cel_error *e);

#endif
