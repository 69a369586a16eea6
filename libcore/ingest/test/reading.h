/* SPDX-License-Identifier: Apache-2.0 */
/* Reads a whole file through a reader, directly or through a pipe as standard input, and keeps what came of it as text. */
#ifndef INGEST_TEST_READING_H
#define INGEST_TEST_READING_H

#include "buf.h"
#include "reader.h"

extern char directory[]; /* where the files of the test are; made by main */
extern char ids_path[100];
extern bool is_piped;
extern uint64_t random_state;
extern const struct cel_schema F32_3;

uint64_t random_next(void);
const char *file_path(const char *name); /* in the directory; until the next call */
void write_file(const char *where, struct slice bytes);

/* What came of reading a file: rows as text and errors, one a line. */
struct outcome {
	struct buf rows, errors;
	uint64_t n_rows, n_errors;
	int code; /* the last error's */
};
void outcome_release(struct outcome *o);
/* Directly; and so, or by way of a pipe if is_piped. */
void read_rows(const char *name, const struct reader_options *options, struct outcome *o);
struct outcome read_file(const char *name, struct reader_options options);

void expect_text(const struct buf *got, const char *want);
/* The file's errors are exactly these lines, NAME standing for its name. */
void expect_errors(const char *name, struct outcome *o, const char *want);

#endif
