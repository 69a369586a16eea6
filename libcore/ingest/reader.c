/* SPDX-License-Identifier: Apache-2.0 */
/* A format yields rows; the reader gives them their ids (of the row, of a file of ids, or prefix and number), applies
 * the rules of records and names what is wrong: file, row or line, id, reason. Ids of a file belong to rows by
 * position, so a bad row takes its id with it. */
#include "reader.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "alloc.h"
#include "detect.h"
#include "error.h"
#include "figures.h"
#include "format.h"
#include "ids.h"
#include "record.h"
#include "stream.h"

#define ID_PRINTED 200

struct reader {
	struct stream *stream;
	struct cel_schema schema;
	struct reader_options options; /* its pointers are NULL but for what they say */
	char *id_prefix;
	struct ids *ids;
	const struct format *format;
	void *state;
	uint64_t n_rows; /* good and bad */
	bool can_continue;
	char made_id[CEL_ID_MAX + 32];
};

static int check_options(const char *path, const struct reader_options *o, struct cel_error *e)
{
	if (o->ids_path != NULL && o->id_prefix != NULL)
		return error_set(e, CEL_EUSAGE, "ids come from a file or from a prefix, not from both");
	if (o->ids_path != NULL && strcmp(o->ids_path, "-") == 0 && strcmp(path, "-") == 0)
		return error_set(e, CEL_EUSAGE, "vectors and ids cannot both come from standard input");
	if (o->format >= READER_FORMATS)
		return error_set(e, CEL_EUSAGE, "unknown format");
	return schema_check(o->schema, e);
}

static int take_apart(struct reader *r, const struct reader_options *o, struct cel_error *e)
{
	const char *arguments[2] = {o->member, NULL};
	if (r->format->has_columns) {
		arguments[0] = o->id_column != NULL ? o->id_column : "";
		arguments[1] = o->vector_columns != NULL ? o->vector_columns : "";
	}
	int rc = stream_take_apart(&r->stream, r->format->helper, arguments, e);
	r->format = r->format->inside;
	return rc;
}

static int choose_format(struct reader *r, const struct reader_options *o, struct cel_error *e)
{
	static const struct format *const FORMATS[READER_FORMATS] = {
		[READER_NPY] = &FORMAT_NPY,	[READER_FVECS] = &FORMAT_FVECS, [READER_BVECS] = &FORMAT_BVECS,
		[READER_JSONL] = &FORMAT_JSONL, [READER_CSV] = &FORMAT_CSV,	[READER_TSV] = &FORMAT_TSV,
		[READER_RAW] = &FORMAT_RAW,	[READER_NPZ] = &FORMAT_NPZ,	[READER_HDF5] = &FORMAT_HDF5,
		[READER_ARROW] = &FORMAT_ARROW};
	r->format = FORMATS[o->format];
	int rc = o->format == READER_AUTO ? detect_format(r->stream, &r->format, e) : 0;
	if (rc < 0)
		return rc;
	figure_set_text(FIGURE_FORMAT, r->format->name);
	bool has_columns = r->format->has_columns, has_members = r->format->helper != NULL && !has_columns;
	if (!has_columns && (o->id_column != NULL || o->vector_columns != NULL || o->is_without_header))
		return error_set(e, CEL_EUSAGE, "options about columns or a header, but it is no table");
	if (!has_members && o->member != NULL)
		return error_set(e, CEL_EUSAGE, "a member is asked for, but it is no file with members");
	if (!r->format->is_raw && (o->raw_type != NULL || o->raw_dim != 0))
		return error_set(e, CEL_EUSAGE, "options about raw rows, but another format");
	return r->format->helper != NULL ? take_apart(r, o, e) : 0;
}

static int open_format(struct reader *r, const struct reader_options *o, struct cel_error *e)
{
	int rc = choose_format(r, o, e);
	bool has_ids = r->ids != NULL || r->id_prefix != NULL || r->options.is_id_optional;
	if (rc == 0 && !has_ids && !r->format->can_have_ids)
		rc = error_set(e, CEL_EUSAGE, "the format has no ids: give a file of them or a prefix");
	struct reader_options own = *o;
	own.schema = &r->schema;
	if (rc == 0)
		rc = r->format->open(r->stream, &own, &r->state, e);
	if (rc < 0)
		error_context(e, "%s", stream_name(r->stream));
	return rc;
}

static int open_parts(struct reader *r, const char *path, const struct reader_options *o, struct cel_error *e)
{
	if (o->id_prefix != NULL) {
		r->id_prefix = mem_strdup(o->id_prefix);
		if (r->id_prefix == NULL)
			return error_nomem(e, strlen(o->id_prefix) + 1);
	}
	int rc = stream_open(path, &r->stream, e);
	/* Raw numbers may begin with any bytes: there it takes the name as well. */
	if (rc == 0 && (o->format != READER_RAW || detect_is_packed_name(path)))
		rc = stream_unpack(&r->stream, e);
	if (rc == 0 && o->ids_path != NULL)
		rc = ids_open(o->ids_path, o->is_ids_nul, &r->ids, e);
	return rc < 0 ? rc : open_format(r, o, e);
}

int reader_open(const char *path, const struct reader_options *options, struct reader **out, struct cel_error *e)
{
	int rc = check_options(path, options, e);
	if (rc < 0)
		return rc;
	struct reader *r = mem_calloc(1, sizeof *r);
	if (r == NULL)
		return error_nomem(e, sizeof *r);
	r->schema = *options->schema;
	r->options = (struct reader_options){.format = options->format, .is_id_optional = options->is_id_optional};
	r->can_continue = true;
	rc = open_parts(r, path, options, e);
	if (rc < 0) {
		reader_free(r);
		return rc;
	}
	*out = r;
	return 0;
}

void reader_free(struct reader *r)
{
	if (r == NULL)
		return;
	if (r->state != NULL)
		r->format->free(r->state);
	ids_free(r->ids);
	stream_free(r->stream);
	mem_free(r->id_prefix);
	mem_free(r);
}

const char *reader_name(const struct reader *r)
{
	return stream_name(r->stream);
}

void reader_position(const struct reader *r, uint64_t *bytes, uint64_t *total)
{
	stream_position(r->stream, bytes, total);
}

bool reader_can_continue(const struct reader *r)
{
	return r->can_continue;
}

/* Puts file, row and id in front of the message. */
static int name_row(struct reader *r, const struct format_row *row, int rc, struct cel_error *e)
{
	if (row->id.size > 0 && record_check_id(row->id, NULL) == 0)
		error_context(e, "id \"%.*s\"", (int)(row->id.size < ID_PRINTED ? row->id.size : ID_PRINTED),
			      (const char *)row->id.data);
	error_context(e, "%s: %s %" PRIu64, stream_name(r->stream), r->format->unit, row->number);
	return rc;
}

/* Counts what is left of rows or ids and says that the numbers differ. */
static int report_counts(struct reader *r, uint64_t n_ids, struct cel_error *e)
{
	struct format_row row = {0};
	struct slice id;
	int rc;
	r->can_continue = false;
	while ((rc = ids_next(r->ids, &id, e)) > 0)
		n_ids++;
	if (rc < 0)
		return rc;
	while ((rc = r->format->next(r->state, &row, e)) > 0 || row.is_intact)
		r->n_rows++;
	if (rc < 0)
		return name_row(r, &row, rc, e);
	return error_set(e, CEL_EDATA, "%s: %" PRIu64 " rows, but %s has %" PRIu64 " ids", stream_name(r->stream),
			 r->n_rows, ids_name(r->ids), n_ids);
}

/* The row's id from wherever it comes. Clears can_continue if there is none left. */
static int give_id(struct reader *r, struct format_row *row, struct cel_error *e)
{
	bool is_given = r->ids != NULL || r->id_prefix != NULL;
	bool is_doubly_given = is_given && row->has_id;
	if (r->ids != NULL) {
		struct slice id;
		int rc = ids_next(r->ids, &id, e);
		if (rc < 0)
			r->can_continue = false;
		if (rc < 0)
			return rc;
		if (rc == 0)
			return report_counts(r, r->n_rows - 1, e);
		if (!is_doubly_given)
			row->id = id;
	} else if (r->id_prefix != NULL && !is_doubly_given) {
		int length = snprintf(r->made_id, sizeof r->made_id, "%s%" PRIu64, r->id_prefix, r->n_rows - 1);
		row->id = slice_make(r->made_id, (size_t)length < sizeof r->made_id ? (size_t)length : sizeof r->made_id);
	}
	row->has_id = row->has_id || is_given;
	if (is_doubly_given)
		return error_set(e, CEL_EDATA, "the row has an id of its own, but ids are given from outside too");
	return 0;
}

static int check_row(struct reader *r, const struct format_row *row, struct cel_error *e)
{
	if (row->has_id) {
		int rc = record_check_id(row->id, e);
		if (rc < 0)
			return rc;
	} else if (!r->options.is_id_optional) {
		return error_set(e, CEL_EDATA, "no id");
	}
	return record_check_vector(&r->schema, row->vector, e);
}

static int end_of_rows(struct reader *r, struct cel_error *e)
{
	struct slice id;
	int rc = r->ids != NULL ? ids_next(r->ids, &id, e) : 0;
	return rc > 0 ? report_counts(r, r->n_rows + 1, e) : rc;
}

int reader_next(struct reader *r, struct reader_row *out, struct cel_error *e)
{
	struct format_row row = {0};
	r->can_continue = false;
	int rc = r->format->next(r->state, &row, e);
	if (rc == 0)
		return end_of_rows(r, e);
	if (rc == CEL_EUNAVAILABLE) /* from a helper program */
		error_context(e, "%s", stream_name(r->stream));
	if (rc < 0 && !row.is_intact)
		return rc == CEL_EDATA ? name_row(r, &row, rc, e) : rc;
	r->n_rows++;
	r->can_continue = true;
	struct cel_error id_error = {0};
	int id_rc = give_id(r, &row, &id_error);
	bool is_fatal = id_rc < 0 && (id_rc != CEL_EDATA || !r->can_continue);
	if (id_rc < 0 && (rc > 0 || is_fatal)) { /* else the error of the row itself comes first */
		rc = id_rc;
		if (e != NULL)
			*e = id_error;
	}
	if (is_fatal) {
		r->can_continue = false;
		return rc;
	}
	if (rc > 0) {
		int check = check_row(r, &row, e);
		rc = check < 0 ? check : rc;
	}
	if (rc < 0)
		return name_row(r, &row, rc, e);
	*out = (struct reader_row){.id = row.id, .vector = row.vector, .metadata = row.metadata, .number = row.number};
	return 1;
}
