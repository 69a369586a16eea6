/* SPDX-License-Identifier: Apache-2.0 */
/* What the columns of a table are for: the id, the vector, metadata. */
#ifndef INGEST_CSV_COLUMNS_H
#define INGEST_CSV_COLUMNS_H

#include "buf.h"
#include "csv_split.h"
#include "reader.h"

enum column_role { COLUMN_METADATA, COLUMN_ID, COLUMN_ELEMENT, COLUMN_VECTOR };

struct column {
	struct slice name; /* as in the header, or its number from 1 */
	enum column_role role;
	uint32_t element; /* of the vector, for COLUMN_ELEMENT */
};

struct columns {
	struct column *list;
	size_t n;
	struct buf names;
	size_t *metadata; /* which columns, in the order of their names */
	size_t n_metadata;
	bool has_id;
};

/* Takes the names from the header, or numbers as many columns as the row has. CEL_EDATA if a column that is asked for is
 * not there, or has two roles; if ids or vectors are nowhere. */
int columns_new(const struct csv_row *first, const struct reader_options *options, struct columns *out,
		struct cel_error *e);
void columns_release(struct columns *c);

/* How many bytes of the text a message shows: at most so many, whole characters. */
int text_shown(struct slice text, size_t most);
/* For "%.*s": the name as far as a message shows it. */
#define COLUMN_NAME(column) text_shown((column)->name, 60), (const char *)(column)->name.data

#endif
