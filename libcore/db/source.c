/* SPDX-License-Identifier: Apache-2.0 */
/* The public description of an input, in the reader's terms. */
#include <string.h>

#include "db.h"
#include "error.h"
#include "reader.h"

static const struct {
	const char *name;
	enum cel_format format;
	enum reader_format reader;
} FORMATS[] = {
	{"auto", CEL_FORMAT_AUTO, READER_AUTO},    {"npy", CEL_FORMAT_NPY, READER_NPY},
	{"fvecs", CEL_FORMAT_FVECS, READER_FVECS}, {"bvecs", CEL_FORMAT_BVECS, READER_BVECS},
	{"jsonl", CEL_FORMAT_JSONL, READER_JSONL}, {"csv", CEL_FORMAT_CSV, READER_CSV},
	{"tsv", CEL_FORMAT_TSV, READER_TSV},       {"raw", CEL_FORMAT_RAW, READER_RAW},
	{"npz", CEL_FORMAT_NPZ, READER_NPZ},       {"hdf5", CEL_FORMAT_HDF5, READER_HDF5},
	{"parquet", CEL_FORMAT_ARROW, READER_ARROW}, {"arrow", CEL_FORMAT_ARROW, READER_ARROW},
};

int cel_format_parse(const char *name, enum cel_format *out, struct cel_error *e)
{
	for (size_t i = 0; i < sizeof FORMATS / sizeof *FORMATS; i++) {
		if (strcmp(name, FORMATS[i].name) == 0) {
			*out = FORMATS[i].format;
			return 0;
		}
	}
	return error_set(e, CEL_EUSAGE, "'%.100s' is no input format (npy, fvecs, bvecs, jsonl, csv, tsv, npz, hdf5, parquet, arrow, raw, auto)", name);
}

void db_reader_options(const struct cel_source_options *source, struct reader_options *out)
{
	if (source == NULL)
		return;
	for (size_t i = 0; i < sizeof FORMATS / sizeof *FORMATS; i++)
		if (source->format == FORMATS[i].format)
			out->format = FORMATS[i].reader;
	out->ids_path = source->ids;
	out->is_ids_nul = source->is_ids_nul;
	out->id_prefix = source->id_prefix;
	out->id_column = source->id_column;
	out->vector_columns = source->vector_columns;
	out->is_without_header = source->is_without_header;
	out->raw_type = source->raw_type;
	out->raw_dim = source->raw_dim;
	out->member = source->member;
}

int cel_rows_read(const struct cel_schema *schema, const char *path, const struct cel_source_options *source, cel_row_fn *call,
		  void *context, struct cel_error *e)
{
	struct reader_options options = {.schema = schema, .is_id_optional = true};
	struct reader *reader;
	struct reader_row row;
	db_reader_options(source, &options);
	int rc = reader_open(path, &options, &reader, e);
	if (rc < 0)
		return rc;
	while ((rc = reader_next(reader, &row, e)) > 0) {
		struct cel_row out = {.vector = row.vector.data, .vector_size = row.vector.size, .id_size = row.id.size};
		out.id = row.id.size > 0 ? row.id.data : NULL;
		rc = call(context, &out, e);
		if (rc != 0)
			break;
	}
	reader_free(reader);
	return rc;
}
