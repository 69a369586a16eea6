/* SPDX-License-Identifier: Apache-2.0 */
/* A file of ids, one a line or one a NUL. */
#ifndef INGEST_IDS_H
#define INGEST_IDS_H

#include "slice.h"

struct cel_error;
struct ids;

int ids_open(const char *path, bool is_nul, struct ids **out, struct cel_error *e);
void ids_free(struct ids *ids);
const char *ids_name(const struct ids *ids);
/* 1 an id, unchecked, at most CEL_ID_MAX + 1 bytes of it (longer ones are cut there); 0 the end. Borrowed until the
 * next call. */
int ids_next(struct ids *ids, struct slice *out, struct cel_error *e);

#endif
