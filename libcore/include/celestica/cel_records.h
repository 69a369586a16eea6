/* SPDX-License-Identifier: Apache-2.0 */
/* Part of cel.h: records one by one, and which of them are meant. */
#ifndef CEL_H
#error "include cel.h"
#endif

struct cel_record {
	const uint8_t *id;
	size_t id_size;
	const uint8_t *vector; /* elements, little-endian: schema.dim of them; b1: packed */
	size_t vector_size;
	const char *metadata;  /* canonical JSON object, or NULL */
	size_t metadata_size;
	struct cel_schema schema;
};

/* The record of that id. CEL_ENOTFOUND if there is none, CEL_ENOINPUT if rev names no commit. */
int cel_record_get(struct cel_store *store, const char *rev, const void *id, size_t id_size, struct cel_record **out,
		   struct cel_error *e);
void cel_record_free(struct cel_record *record);

/* Which records are meant, where not all are. */
#define CEL_FILTER_MAX 32768u /* bytes */
struct cel_select {
	const char *prefix; /* those whose ids begin with this; NULL: all */
	/* Those for which this predicate in jq's language holds, as in select(...): some output of it is neither false nor null. In
	 * it . is the metadata, null if there is none, and $id is the id. A record for which it fails does not match. It is
	 * evaluated in a process of its own that is bounded in memory and time; what depends on more than the record (env, now,
	 * input, import, ...) is refused: CEL_EUSAGE. NULL: all. */
	const char *filter;
};
struct cel_selected {
	uint64_t records;    /* of the rev */
	uint64_t selected;
	uint64_t failed;     /* for which the filter failed */
	const char *message; /* what jq said of the first of them, or "" */
	bool is_cached;      /* the filter was evaluated before */
};

/* All records of rev in the order of their ids. Nothing is held in the store between two calls, so the caller may take its
 * time: on a pipe, for ever. CEL_EUNAVAILABLE if the tree is not in the store, or any more. */
struct cel_records;
int cel_records_new(struct cel_store *store, const char *rev, struct cel_records **out, struct cel_error *e);
/* Only those that are selected; cel_records_count tells how many they are. */
int cel_records_select(struct cel_store *store, const char *rev, const struct cel_select *select, struct cel_records **out,
		       struct cel_error *e);
void cel_records_selected(const struct cel_records *records, struct cel_selected *out);
/* Before the first of them: no more than n, spread evenly over the ids. */
void cel_records_sample(struct cel_records *records, uint64_t n);
void cel_records_free(struct cel_records *records);
uint64_t cel_records_count(const struct cel_records *records);
const struct cel_schema *cel_records_schema(const struct cel_records *records);
int cel_records_next(struct cel_records *records, const struct cel_record **out, struct cel_error *e);

/* Elements as double, from their stored form. */
double cel_element(enum cel_type type, const uint8_t *vector, size_t position);
/* One element as the shortest decimal text that reads back to the same element; returns its length. */
#define CEL_ELEMENT_TEXT_MAX 32
size_t cel_element_format(enum cel_type type, const uint8_t *vector, size_t position, char out[CEL_ELEMENT_TEXT_MAX]);
