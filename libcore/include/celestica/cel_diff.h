/* SPDX-License-Identifier: Apache-2.0 */
/* Part of cel.h: what differs between two commits. */
#ifndef CEL_H
#error "include cel.h"
#endif

enum cel_change_kind { CEL_ADDED = 1, CEL_DELETED, CEL_CHANGED };

/* What is compared: from A to B, in one store or in two. Borrowed as long as what was made of it. */
struct cel_diff_sides {
	struct cel_store *store_a;
	const char *rev_a;
	struct cel_store *store_b;
	const char *rev_b;
};
struct cel_diff_options {
	bool is_ids_only; /* only the kinds and ids of the changes: quicker */
	cel_progress_fn *on_progress; /* may be NULL */
	void *context;
};

/* CEL_EDATA if the schemas differ, which names how. options may be NULL. */
struct cel_diff;
int cel_diff_new(const struct cel_diff_sides *sides, const struct cel_diff_options *options, struct cel_diff **out,
		 struct cel_error *e);
void cel_diff_free(struct cel_diff *diff);
const struct cel_schema *cel_diff_schema(const struct cel_diff *diff);

struct cel_values {
	const uint8_t *vector; /* elements, little-endian; NULL: none */
	size_t vector_size;
	const char *metadata; /* canonical JSON object; NULL: none */
	size_t metadata_size;
};
/* A member of the metadata object, top level only. */
struct cel_key_change {
	enum cel_change_kind kind;
	const uint8_t *key; /* UTF-8, without JSON's escapes; a NUL behind it */
	size_t key_size;
};
struct cel_change {
	enum cel_change_kind kind;
	const uint8_t *id;
	size_t id_size;
	struct cel_values before, after; /* empty where there is no such record */
	/* CEL_CHANGED: */
	bool has_moved; /* the vectors differ */
	float distance; /* of the two vectors by the metric of the schema; 0 unless has_moved */
	const struct cel_key_change *keys; /* by key */
	size_t n_keys;
};
/* Changes by ascending id, in bounded memory; the stores may be written to between the calls. */
int cel_diff_next(struct cel_diff *diff, struct cel_change *out, struct cel_error *e);

struct cel_diff_counts {
	uint64_t added, deleted, changed;
	uint64_t nodes_read; /* of the two trees, to count */
};
int cel_diff_count(struct cel_diff *diff, struct cel_diff_counts *out, struct cel_error *e);

/* Writes the patch that makes A's records B's (cel-format(5)), piece by piece; a non-zero result of `write` stops and is
 * returned. *count: the changes in it. */
typedef int cel_write_fn(void *context, const void *data, size_t size, struct cel_error *e);
int cel_diff_patch(struct cel_diff *diff, cel_write_fn *write, void *context, uint64_t *count, struct cel_error *e);
