/* SPDX-License-Identifier: Apache-2.0 */
/* Readers of vector formats: .npy, .fvecs, .bvecs, JSON Lines, CSV and TSV, .npz, HDF5, Parquet, Arrow, raw numbers; also gzip, zstd and xz of
 * them. A reader yields rows whose vectors are already in the
 * collection's element form and obey the record rules; whatever is wrong with a row is an error of CEL_EDATA that
 * names file, row (from 1; in text the line) and reason, and the reader can go on with the next row where the
 * format still allows it. */
#ifndef INGEST_READER_H
#define INGEST_READER_H

#include "cel.h"
#include "slice.h"

struct reader;

enum reader_format {
	READER_AUTO,
	READER_NPY,
	READER_FVECS,
	READER_BVECS,
	READER_JSONL,
	READER_CSV,
	READER_TSV,
	READER_RAW,
	READER_NPZ,
	READER_HDF5,
	READER_ARROW, /* and Parquet */
	READER_FORMATS
};

struct reader_options {
	const struct cel_schema *schema;
	enum reader_format format; /* READER_AUTO: by content (npy magic, '{' after blanks), else by the name's ending,
				    * else CSV or TSV if the first line is one */
	const char *ids_path;      /* one id a line; NULL: none */
	bool is_ids_nul;           /* ids in ids_path end with NUL, not newline */
	const char *id_prefix;     /* ids are the prefix and the row number from 0 in decimal; NULL: none */
	const char *id_column;     /* of a table: a name or a number from 1; NULL: "id" */
	const char *vector_columns; /* "A,B,C", "A..B", or one column with all of it; NULL: "vector" */
	bool is_without_header;    /* the first line of a table is a row already; columns are numbers */
	const char *raw_type;      /* READER_RAW: "f32", "f64", "f16", "bf16", "i8", "u8" or "b1" */
	uint32_t raw_dim;
	const char *member;        /* of .npz and HDF5: which array; NULL: the only one, or "train" */
	bool is_id_optional;       /* queries: rows may be without id */
	uint32_t threads;          /* that may parse text, with the caller's; 0: only that. The rows are the same */
	size_t piece_size;         /* bytes of text that are parsed at a time; 0: what is best. For tests */
};

struct reader_row {
	struct slice id;       /* empty if the format and options give none (only with is_id_optional) */
	struct slice vector;   /* schema_vector_size() bytes, elements little-endian */
	struct slice metadata; /* canonical JSON object, or empty */
	uint64_t number;       /* row from 1; in text: line from 1 */
};

int reader_open(const char *path, const struct reader_options *options, struct reader **out, struct cel_error *e);
void reader_free(struct reader *r);
const char *reader_name(const struct reader *r);
void reader_position(const struct reader *r, uint64_t *bytes, uint64_t *total); /* see stream_position */

/* 1 a row, 0 the end, negative an error; slices borrowed until the next call. After CEL_EDATA reader_can_continue
 * tells whether the next call yields the row after the bad one (it does not after a truncated or lying header). */
int reader_next(struct reader *r, struct reader_row *row, struct cel_error *e);
bool reader_can_continue(const struct reader *r);

#endif
