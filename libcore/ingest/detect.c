/* SPDX-License-Identifier: Apache-2.0 */
/* Content comes first: a magic, or the brace with which JSON Lines begin. Rows of .fvecs, .bvecs and tables have nothing
 * of the kind, so there the name decides. Where there is no telling name, as on a pipe, a first line of text with a tab or
 * a comma makes a table. A pipe may give a line and then wait, so bytes are asked for one by one once there are some. */
#include "detect.h"

#include <string.h>

#include "error.h"
#include "npy.h"
#include "stream.h"

#define DETECT_SIZE 4096u

static const char *const PACKED[] = {".gz", ".zst", ".xz"};

static bool has_ending(const char *name, size_t length, const char *ending)
{
	size_t its_length = strlen(ending);
	return length > its_length && memcmp(name + length - its_length, ending, its_length) == 0;
}

static size_t packed_ending(const char *name)
{
	for (size_t i = 0; i < sizeof PACKED / sizeof *PACKED; i++)
		if (has_ending(name, strlen(name), PACKED[i]))
			return strlen(PACKED[i]);
	return 0;
}

bool detect_is_packed_name(const char *name)
{
	return packed_ending(name) > 0;
}

const struct format FORMAT_NPZ = {.name = "npz", .helper = "read-npz", .inside = &FORMAT_NPY};
const struct format FORMAT_HDF5 = {.name = "hdf5", .helper = "read-hdf5", .inside = &FORMAT_NPY};
const struct format FORMAT_ARROW = {.name = "arrow", .helper = "read-arrow", .inside = &FORMAT_JSONL, .has_columns = true};

static const struct format *format_of_name(const char *name)
{
	static const struct {
		const char *ending;
		const struct format *format;
	} ENDINGS[] = {
		{".npy", &FORMAT_NPY},	   {".fvecs", &FORMAT_FVECS},  {".bvecs", &FORMAT_BVECS},
		{".jsonl", &FORMAT_JSONL}, {".ndjson", &FORMAT_JSONL}, {".json", &FORMAT_JSONL},
		{".csv", &FORMAT_CSV},	   {".tsv", &FORMAT_TSV},      {".npz", &FORMAT_NPZ},
		{".hdf5", &FORMAT_HDF5},   {".h5", &FORMAT_HDF5},      {".parquet", &FORMAT_ARROW},
		{".arrow", &FORMAT_ARROW}, {".arrows", &FORMAT_ARROW}, {".feather", &FORMAT_ARROW},
	};
	size_t length = strlen(name) - packed_ending(name);
	for (size_t i = 0; i < sizeof ENDINGS / sizeof *ENDINGS; i++)
		if (has_ending(name, length, ENDINGS[i].ending))
			return ENDINGS[i].format;
	return NULL;
}

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static size_t count_blanks(struct slice start)
{
	size_t n = 0;
	while (n < start.size && is_blank(start.data[n]))
		n++;
	return n;
}

/* '{' after blanks. A NUL behind it: the dimension of a .fvecs file, which is no text. */
static bool looks_like_json(struct slice start)
{
	size_t i = count_blanks(start);
	return i < start.size && start.data[i] == '{' && (i + 1 == start.size || start.data[i + 1] != '\0');
}

static const struct format *format_of_content(struct slice start)
{
	static const struct {
		const char *magic;
		size_t size;
		const struct format *format;
	} MAGICS[] = {
		{NPY_MAGIC, NPY_MAGIC_SIZE, &FORMAT_NPY},
		{"PK\x03\x04", 4, &FORMAT_NPZ},
		{"\x89HDF\r\n", 6, &FORMAT_HDF5},
		{"PAR1", 4, &FORMAT_ARROW},
		{"ARROW1", 6, &FORMAT_ARROW},
	};
	for (size_t i = 0; i < sizeof MAGICS / sizeof *MAGICS; i++)
		if (start.size >= MAGICS[i].size && memcmp(start.data, MAGICS[i].magic, MAGICS[i].size) == 0)
			return MAGICS[i].format;
	return looks_like_json(start) ? &FORMAT_JSONL : NULL;
}

/* Enough for format_of_content: a magic, or what follows blanks. */
static int peek_start(struct stream *s, struct slice *out, struct cel_error *e)
{
	for (size_t wanted = NPY_MAGIC_SIZE;; wanted = out->size + 1) {
		int rc = stream_peek(s, wanted, out, e);
		if (rc < 0 || count_blanks(*out) + 2 <= out->size || out->size < wanted || out->size >= DETECT_SIZE)
			return rc;
	}
}

/* A first line of text; a tab in it outweighs commas, which stand in numbers and sentences too. */
static int detect_table(struct stream *s, const struct format **out, struct cel_error *e)
{
	bool has_comma = false;
	for (size_t i = 0; i < DETECT_SIZE; i++) {
		struct slice got;
		int rc = stream_peek(s, i + 1, &got, e);
		if (rc < 0)
			return rc;
		uint8_t c = i < got.size ? got.data[i] : '\n';
		if (c == '\n')
			break;
		if (c == '\t') {
			*out = &FORMAT_TSV;
			return 0;
		}
		if ((c < 0x20 && c != '\r') || c == 0x7f)
			return 0; /* no text */
		has_comma = has_comma || c == ',';
	}
	if (has_comma)
		*out = &FORMAT_CSV;
	return 0;
}

int detect_format(struct stream *s, const struct format **out, struct cel_error *e)
{
	struct slice start;
	int rc = peek_start(s, &start, e);
	if (rc < 0)
		return rc;
	*out = format_of_content(start);
	if (*out == NULL)
		*out = format_of_name(stream_name(s));
	if (*out == NULL && start.size == 0)
		*out = &FORMAT_JSONL; /* no rows in any case */
	if (*out == NULL)
		rc = detect_table(s, out, e);
	if (rc == 0 && *out == NULL)
		rc = error_set(e, CEL_EDATA,
			       "neither content nor name tell the format: give it (npy, fvecs, bvecs, jsonl, csv, tsv, npz, hdf5, parquet, arrow or raw)");
	return rc;
}
