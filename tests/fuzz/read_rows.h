/* SPDX-License-Identifier: Apache-2.0 */
/* What the targets of readers share. The first byte of an input chooses the schema, the rest is the file. Whatever the
 * file says, rows come out by the rules of records, there are no more of them than bytes, and errors are one line; text gives the
 * same when it is parsed in small pieces by several threads. */
#ifndef FUZZ_READ_ROWS_H
#define FUZZ_READ_ROWS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "metadata.h"
#include "reader.h"
#include "record.h"

static void check_row(const struct cel_schema *schema, const struct reader_row *row)
{
	if (record_check_id(row->id, NULL) < 0 || record_check_vector(schema, row->vector, NULL) < 0)
		abort();
	if (row->metadata.size > 0 && metadata_check(row->metadata, NULL) < 0)
		abort();
}

static void check_error(const struct cel_error *e, int rc)
{
	if (e->code != rc || e->message[0] == '\0' || strchr(e->message, '\n') != NULL ||
	    !utf8_is_valid(slice_text(e->message)))
		abort();
	if (rc != CEL_EDATA && rc != CEL_EUSAGE)
		abort();
}

static void add_to_digest(uint64_t *digest, const void *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		*digest = (*digest ^ ((const uint8_t *)bytes)[i]) * 0x100000001b3u;
	*digest = (*digest ^ size) * 0x100000001b3u;
}

/* What came of it, as a number. */
static uint64_t read_file(const char *path, const struct reader_options *options, size_t size)
{
	struct reader *r = NULL;
	struct cel_error e = {0};
	uint64_t digest = 0xcbf29ce484222325u;
	size_t n = 0;
	int rc = reader_open(path, options, &r, &e);
	while (rc >= 0) {
		struct reader_row row;
		rc = reader_next(r, &row, &e);
		if (rc == 0 || ++n > size)
			break;
		if (rc > 0) {
			check_row(options->schema, &row);
			add_to_digest(&digest, row.id.data, row.id.size);
			add_to_digest(&digest, row.vector.data, row.vector.size);
			add_to_digest(&digest, row.metadata.data, row.metadata.size);
			continue;
		}
		check_error(&e, rc);
		add_to_digest(&digest, e.message, strlen(e.message));
		if (reader_can_continue(r))
			rc = 0;
	}
	if (rc < 0)
		check_error(&e, rc);
	if (n > size)
		abort();
	reader_free(r);
	return digest;
}

/* options without a schema, which the byte chooses */
static int read_rows_as(struct reader_options options, uint8_t choice, const uint8_t *data, size_t size)
{
	static int fd = -1;
	static char path[32];
	if (size > 2 && (memcmp(data, "\x1f\x8b\x08", 3) == 0 || memcmp(data, "\xfd" "7z", 3) == 0 ||
			 memcmp(data, "(\xb5/", 3) == 0))
		return -1; /* packed: the libraries have fuzzers of their own, and rows may outnumber bytes */
	if (fd < 0) {
		fd = memfd_create("fuzz", 0);
		if (fd < 0)
			abort();
		snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
		setenv("CEL_IO", "read", 1);
	}
	if (ftruncate(fd, 0) < 0 || pwrite(fd, data, size, 0) != (ssize_t)size)
		abort();
	struct cel_schema schema = {.dim = 1 + choice / 15u % 4u, .type = (enum cel_type)(1 + choice % 5u),
				    .metric = (enum cel_metric)(1 + choice / 5u % 3u)};
	if (choice >= 240) /* 1 to 14 bits; distributions; places */
		schema = choice < 254  ? (struct cel_schema){.dim = choice - 239u, .type = CEL_B1, .metric = CEL_JACCARD}
			 : choice < 255 ? (struct cel_schema){.dim = 3, .type = CEL_F32, .metric = CEL_JSD}
					: (struct cel_schema){.dim = 2, .type = CEL_F32, .metric = CEL_HAVERSINE};
	options.schema = &schema;
	uint64_t digest = read_file(path, &options, size);
	if (options.format == READER_JSONL || options.format == READER_CSV || options.format == READER_TSV) {
		options.threads = 1 + choice % 3u;
		options.piece_size = 1 + choice;
		if (read_file(path, &options, size) != digest)
			abort();
	}
	return 0;
}

static inline int read_rows(enum reader_format format, const uint8_t *data, size_t size)
{
	struct reader_options options = {.format = format, .id_prefix = format == READER_JSONL ? NULL : "r"};
	return size == 0 ? -1 : read_rows_as(options, data[0], data + 1, size - 1);
}

#endif
