/* SPDX-License-Identifier: Apache-2.0 */
/* Part of cel.h: files of vectors that are read. */
#ifndef CEL_H
#error "include cel.h"
#endif

enum cel_format {
	CEL_FORMAT_AUTO,
	CEL_FORMAT_NPY,
	CEL_FORMAT_FVECS,
	CEL_FORMAT_BVECS,
	CEL_FORMAT_JSONL,
	CEL_FORMAT_CSV,
	CEL_FORMAT_TSV,
	CEL_FORMAT_RAW,
	CEL_FORMAT_NPZ,
	CEL_FORMAT_HDF5,
	CEL_FORMAT_ARROW /* and Parquet */
};
/* Starts a helper program, which takes a format apart or puts it together: of those in $CEL_HELPERS, else beside the running
 * program in ../libexec/celestica, else where they were installed. The words are its name, its arguments, and NULL; the descriptors
 * become its standard ones and stay the caller's, who waits for *pid. CEL_EUNAVAILABLE if it is not there or cannot be started. */
int cel_helper_start(const char *const *words, int input, int output, int messages, int *pid, struct cel_error *e);

int cel_format_parse(const char *name, enum cel_format *out, struct cel_error *e);

struct cel_source_options {
	enum cel_format format;
	const char *ids;       /* file of ids, one a line; NULL: none */
	bool is_ids_nul;       /* they end with NUL instead */
	const char *id_prefix; /* ids are this and the row number from 0; NULL: none */
	/* Tables (CSV, TSV, Parquet, Arrow). Columns are called by their names, or by their numbers from 1. */
	const char *id_column;      /* NULL: "id" */
	const char *vector_columns; /* "A,B,C", "A..B", or one column with all numbers; NULL: "vector" */
	bool is_without_header;     /* the first line is a row already */
	/* CEL_FORMAT_RAW: rows of little-endian numbers and nothing else */
	const char *raw_type; /* "f32", "f64", "f16", "bf16", "i8" or "u8" */
	uint32_t raw_dim;
	const char *member; /* CEL_FORMAT_NPZ and CEL_FORMAT_HDF5: which array; NULL: the only one, or "train" */
};

/* A row of a file, in the elements of a schema. */
struct cel_row {
	const uint8_t *vector;
	size_t vector_size;
	const uint8_t *id; /* NULL: it has none */
	size_t id_size;
};
typedef int cel_row_fn(void *context, const struct cel_row *row, struct cel_error *e);
/* Reads the file ("-": standard input) to its end; rows need no ids. A non-zero result of `call` stops and is returned.
 * source may be NULL. */
int cel_rows_read(const struct cel_schema *schema, const char *path, const struct cel_source_options *source, cel_row_fn *call,
		  void *context, struct cel_error *e);
