/* SPDX-License-Identifier: Apache-2.0 */
/* One set of rules for ids, vectors, names and schemas, applied where data enters: a reader of files, a peer, or a
 * decoder of stored blocks. */
#include "record.h"

#include <math.h>
#include <string.h>

#include "element.h"
#include "error.h"
#include "utf8.h"

bool utf8_is_valid(struct slice text)
{
	size_t i = 0;
	while (i < text.size) {
		size_t length = utf8_sequence(text.data + i, text.size - i);
		if (length == 0)
			return false;
		i += length;
	}
	return true;
}

int record_check_id(struct slice id, struct cel_error *e)
{
	if (id.size == 0)
		return error_set(e, CEL_EDATA, "the id is empty");
	if (id.size > CEL_ID_MAX)
		return error_set(e, CEL_EDATA, "the id has %zu bytes, more than %u", id.size, CEL_ID_MAX);
	for (size_t i = 0; i < id.size;) {
		if (id.data[i] >= 0x20 && id.data[i] < 0x7f) { /* mostly */
			i++;
			continue;
		}
		size_t length = utf8_sequence(id.data + i, id.size - i);
		if (length == 0)
			return error_set(e, CEL_EDATA, "the id is not UTF-8 (byte %zu)", i + 1);
		if (utf8_is_control(id.data + i, length))
			return error_set(e, CEL_EDATA, "the id has a control character (byte %zu)", i + 1);
		i += length;
	}
	return 0;
}

static bool is_name_start(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

int record_check_collection_name(const char *name, struct cel_error *e)
{
	size_t length = strlen(name);
	bool is_good = length >= 1 && length <= CEL_NAME_MAX && is_name_start(name[0]);
	for (size_t i = 0; is_good && i < length; i++)
		is_good = is_name_start(name[i]) || strchr("._-", name[i]) != NULL;
	if (!is_good)
		return error_set(e, CEL_EUSAGE,
				 "'%.100s' is no collection name: lower-case letters, digits, '.', '_' and '-', at most %u, "
				 "beginning with a letter or digit",
				 name, CEL_NAME_MAX);
	return 0;
}

/* In four lanes, because a single chain of additions is what reading a file of floats would wait for. NaN or infinite
 * exactly if an element is: the squares of 65,535 floats do not overflow a double. */
static double vector_square_sum(const struct cel_schema *schema, const uint8_t *vector)
{
	size_t element_size = cel_type_size(schema->type);
	double sums[4] = {0};
	float chunk[256];
	for (size_t start = 0; start < schema->dim; start += 256) {
		size_t count = schema->dim - start < 256 ? schema->dim - start : 256;
		element_widen(schema->type, vector + start * element_size, count, chunk);
		size_t i = 0;
		for (; i + 4 <= count; i += 4)
			for (size_t lane = 0; lane < 4; lane++)
				sums[lane] += (double)chunk[i + lane] * (double)chunk[i + lane];
		for (; i < count; i++)
			sums[0] += (double)chunk[i] * (double)chunk[i];
	}
	return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

static int report_not_finite(const struct cel_schema *schema, const uint8_t *vector, struct cel_error *e)
{
	size_t element_size = cel_type_size(schema->type);
	for (size_t i = 0; i < schema->dim; i++) {
		float value;
		element_widen(schema->type, vector + i * element_size, 1, &value);
		if (!isfinite(value))
			return error_set(e, CEL_EDATA, "element %zu is %s", i + 1, isnan(value) ? "NaN" : "infinite");
	}
	return error_set(e, CEL_EDATA, "an element is not finite");
}

/* What is over in the last byte is 0, or equal sets of bits would have several forms. */
static int check_bits(const struct cel_schema *schema, const uint8_t *vector, struct cel_error *e)
{
	uint32_t used = schema->dim % 8;
	if (used != 0 && (vector[schema->dim / 8] & 0xffu >> used) != 0)
		return error_set(e, CEL_EDATA, "a bit behind the last element, %u, is set", schema->dim);
	return 0;
}

/* jsd: probabilities but for their sum. */
static int check_histogram(const struct cel_schema *schema, const uint8_t *vector, double square_sum, struct cel_error *e)
{
	size_t element_size = cel_type_size(schema->type);
	for (size_t i = 0; i < schema->dim; i++) {
		float value;
		element_widen(schema->type, vector + i * element_size, 1, &value);
		if (value < 0)
			return error_set(e, CEL_EDATA, "element %zu is negative, %g (metric jsd)", i + 1, (double)value);
	}
	return square_sum > 0 ? 0 : error_set(e, CEL_EDATA, "the elements are all zero, which is no distribution (metric jsd)");
}

static int check_place(const uint8_t *vector, struct cel_error *e)
{
	float place[2];
	element_widen(CEL_F32, vector, 2, place);
	if (fabsf(place[0]) > 90)
		return error_set(e, CEL_EDATA, "the latitude, %g, is not in -90..90 degrees (element 1)", (double)place[0]);
	if (fabsf(place[1]) > 180)
		return error_set(e, CEL_EDATA, "the longitude, %g, is not in -180..180 degrees (element 2)", (double)place[1]);
	return 0;
}

int record_check_vector(const struct cel_schema *schema, struct slice vector, struct cel_error *e)
{
	if (vector.size != schema_vector_size(schema))
		return error_set(e, CEL_EDATA, "the vector has %zu bytes, not %zu", vector.size,
				 schema_vector_size(schema));
	if (schema->type == CEL_B1)
		return check_bits(schema, vector.data, e);
	double square_sum = vector_square_sum(schema, vector.data);
	if (!isfinite(square_sum))
		return report_not_finite(schema, vector.data, e);
	if (schema->metric == CEL_COSINE && square_sum == 0)
		return error_set(e, CEL_EDATA, "the vector is zero, which has no direction (metric cosine)");
	if (schema->metric == CEL_COSINE && !(square_sum >= 1e-36 && square_sum <= 1e36))
		return error_set(e, CEL_EDATA, "the norm of the vector, %g, is out of range (1e-18 to 1e18, metric cosine)",
				 sqrt(square_sum));
	if (!(square_sum <= 1e37))
		return error_set(e, CEL_EDATA, "the norm of the vector, %g, is out of range (up to 3e18)", sqrt(square_sum));
	if (schema->metric == CEL_JSD)
		return check_histogram(schema, vector.data, square_sum, e);
	if (schema->metric == CEL_HAVERSINE)
		return check_place(vector.data, e);
	return 0;
}

/* Pairs that make no sense are refused where a schema is made or read. */
static int check_pair(const struct cel_schema *schema, struct cel_error *e)
{
	const char *type = cel_type_name(schema->type), *metric = cel_metric_name(schema->metric);
	bool is_of_bits = schema->metric == CEL_HAMMING || schema->metric == CEL_JACCARD;
	if (schema->type == CEL_B1 && !is_of_bits)
		return error_set(e, CEL_EUSAGE, "element type b1 has the metrics hamming and jaccard, not %s", metric);
	if (schema->type != CEL_B1 && is_of_bits)
		return error_set(e, CEL_EUSAGE, "metric %s is for bits, element type b1, not %s", metric, type);
	if (schema->metric == CEL_JSD && schema->type == CEL_I8)
		return error_set(e, CEL_EUSAGE, "metric jsd has no use for negative elements: type u8, not i8");
	if (schema->metric == CEL_HAVERSINE && schema->type != CEL_F32)
		return error_set(e, CEL_EUSAGE, "metric haversine needs element type f32: %s is too coarse for degrees", type);
	if (schema->metric == CEL_HAVERSINE && schema->dim != 2)
		return error_set(e, CEL_EUSAGE, "metric haversine has dimension 2, latitude and longitude in degrees, not %u",
				 schema->dim);
	return 0;
}

int schema_check(const struct cel_schema *schema, struct cel_error *e)
{
	if (schema->dim < 1 || schema->dim > CEL_DIM_MAX)
		return error_set(e, CEL_EUSAGE, "dimension %u is not in 1..%u", schema->dim, CEL_DIM_MAX);
	if (schema->type < CEL_F32 || schema->type > CEL_B1)
		return error_set(e, CEL_EUSAGE, "unknown element type");
	if (schema->metric < CEL_L2 || schema->metric > CEL_HAVERSINE)
		return error_set(e, CEL_EUSAGE, "unknown metric");
	if (memchr(schema->model, '\0', sizeof schema->model) == NULL || !utf8_is_valid(slice_text(schema->model)))
		return error_set(e, CEL_EUSAGE, "the model name is not UTF-8 of at most 255 bytes");
	return check_pair(schema, e);
}

bool schema_equal(const struct cel_schema *a, const struct cel_schema *b)
{
	return a->dim == b->dim && a->type == b->type && a->metric == b->metric && strcmp(a->model, b->model) == 0;
}

size_t schema_vector_size(const struct cel_schema *schema)
{
	return cel_vector_size(schema->type, schema->dim);
}
