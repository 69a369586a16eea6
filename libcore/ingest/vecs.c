/* SPDX-License-Identifier: Apache-2.0 */
/* The dimension is looked at before its row is asked for, so a wrong one costs no memory. */
#include "vecs.h"

#include <inttypes.h>

#include "alloc.h"
#include "bytes.h"
#include "cel.h"
#include "error.h"
#include "stream.h"

enum { DIM_SIZE = 4 };

static int truncated(struct cel_error *e)
{
	return error_set(e, CEL_EDATA, "truncated: the file ends in this row");
}

int vecs_peek(struct stream *s, uint32_t dim, size_t number_size, const char *place, struct slice *numbers,
	      struct cel_error *e)
{
	struct slice got;
	int rc = stream_peek(s, DIM_SIZE, &got, e);
	if (rc < 0 || got.size == 0)
		return rc;
	if (got.size < DIM_SIZE)
		return truncated(e);
	uint32_t found = load_le32(got.data);
	if (found > INT32_MAX)
		return error_set(e, CEL_EDATA, "the dimension is negative");
	if (dim != 0 && found != dim)
		return error_set(e, CEL_EDATA, "the dimension is %" PRIu32 ", not %" PRIu32 " as in the %s", found, dim, place);
	if (found == 0 || found > CEL_DIM_MAX)
		return error_set(e, CEL_EDATA, "the dimension is %" PRIu32 ", not in 1..%u", found, CEL_DIM_MAX);
	size_t row_size = DIM_SIZE + found * number_size;
	rc = stream_peek(s, row_size, &got, e);
	if (rc < 0)
		return rc;
	if (got.size < row_size)
		return truncated(e);
	*numbers = slice_make(got.data + DIM_SIZE, row_size - DIM_SIZE);
	return 1;
}

static int take_row(struct ivecs *v, size_t *capacity, const uint8_t *numbers, struct cel_error *e)
{
	if (mem_grow(&v->numbers, capacity, v->n + 1, v->dim * sizeof *v->numbers, e) < 0)
		return CEL_ENOMEM;
	uint32_t *row = v->numbers + v->n * v->dim;
	for (uint32_t i = 0; i < v->dim; i++) {
		row[i] = load_le32(numbers + (size_t)4 * i);
		if (row[i] > INT32_MAX)
			return error_set(e, CEL_EDATA, "number %" PRIu32 " is negative", i + 1);
	}
	v->n++;
	return 0;
}

static int read_rows(struct stream *s, uint32_t most, struct ivecs *v, struct cel_error *e)
{
	size_t capacity = 0;
	uint32_t dim = 0;
	struct slice numbers;
	int rc;
	while ((rc = vecs_peek(s, dim, 4, "first row", &numbers, e)) == 1) {
		if (dim == 0) {
			dim = (uint32_t)(numbers.size / 4);
			v->dim = most != 0 ? most : dim;
		}
		if (most > dim)
			rc = error_set(e, CEL_EDATA, "%" PRIu32 " numbers, %" PRIu32 " are needed", dim, most);
		else
			rc = take_row(v, &capacity, numbers.data, e);
		if (rc < 0)
			break;
		stream_consume(s, 4 + numbers.size);
	}
	if (rc < 0 && rc != CEL_ENOMEM && rc != CEL_EIO)
		error_context(e, "row %" PRIu64, v->n + 1);
	return rc;
}

int ivecs_read(const char *path, uint32_t most, struct ivecs *out, struct cel_error *e)
{
	struct stream *s;
	*out = (struct ivecs){0};
	int rc = stream_open(path, &s, e);
	if (rc < 0)
		return rc;
	rc = read_rows(s, most, out, e);
	if (rc == 0 && out->n == 0)
		rc = error_set(e, CEL_EDATA, "there is no row in it");
	if (rc < 0 && rc != CEL_EIO)
		error_context(e, "%s", stream_name(s));
	if (rc < 0)
		ivecs_release(out);
	stream_free(s);
	return rc;
}

void ivecs_release(struct ivecs *v)
{
	mem_free(v->numbers);
	*v = (struct ivecs){0};
}
