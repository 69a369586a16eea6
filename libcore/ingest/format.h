/* SPDX-License-Identifier: Apache-2.0 */
/* What a format has to offer to the reader, which adds ids, names and the rules of records. */
#ifndef INGEST_FORMAT_H
#define INGEST_FORMAT_H

#include "cel.h"
#include "slice.h"

struct reader_options;
struct stream;

struct format_row {
	struct slice id;       /* empty if there is none */
	struct slice vector;   /* elements as stored; finite, but other rules are not checked yet */
	struct slice metadata; /* canonical or empty */
	uint64_t number;       /* from 1, set on errors too */
	bool has_id;
	bool is_intact; /* after an error: it was in this row only, the next call gives the row behind it */
};

struct format {
	const char *name;
	/* A file that a helper program takes apart (io/child.h), and the format of what comes out. The helper is told the
	 * member, or with has_columns the columns of id and vector; the rest is empty then. */
	const char *helper;
	const struct format *inside;
	const char *unit; /* what number counts: "row" or "line" */
	bool can_have_ids;
	bool has_columns; /* the options about columns mean something */
	bool is_raw;      /* so do those about raw rows */
	/* options->schema lives as long as the reader, its texts until open has returned. */
	int (*open)(struct stream *s, const struct reader_options *options, void **self, struct cel_error *e);
	/* 1 a row, 0 the end, negative an error; slices borrowed until the next call. */
	int (*next)(void *self, struct format_row *row, struct cel_error *e);
	void (*free)(void *self);
};

extern const struct format FORMAT_NPY, FORMAT_FVECS, FORMAT_BVECS, FORMAT_JSONL, FORMAT_RAW, FORMAT_CSV, FORMAT_TSV, FORMAT_NPZ,
	FORMAT_HDF5, FORMAT_ARROW;

#endif
