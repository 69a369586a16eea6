/* SPDX-License-Identifier: Apache-2.0 */
/* Builds the canonical form of metadata from JSON events. */
#ifndef INGEST_METADATA_WRITER_H
#define INGEST_METADATA_WRITER_H

#include "buf.h"
#include "json.h"

struct metadata_writer {
	struct buf out;     /* the text so far */
	struct buf members; /* struct member of the open objects, outer ones first */
	struct buf frames;  /* struct frame of the open objects and arrays */
	struct buf scratch;
	struct cel_error *error;
};

void metadata_writer_clear(struct metadata_writer *w, struct cel_error *e); /* for the next text; errors go to e */
void metadata_writer_release(struct metadata_writer *w);
/* Takes one event; 0 or a negative CEL_E code. Keys must live until their object has ended. */
int metadata_writer_event(struct metadata_writer *w, enum json_event event, struct slice text);
bool metadata_writer_is_open(const struct metadata_writer *w); /* inside of an object or array */

#endif
