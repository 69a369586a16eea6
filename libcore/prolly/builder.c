/* SPDX-License-Identifier: Apache-2.0 */
/* A bulk build is an update of nothing: rewrite.c finds no old entries anywhere, and all levels only gather, cut and put. */
#include "alloc.h"
#include "error.h"
#include "hashed.h"
#include "update.h"

struct prolly_builder {
	struct prolly_update *update;
};

int prolly_builder_new_hashed(struct store_batch *batch, chunk_hash_fn *hash, struct prolly_builder **out,
			      struct cel_error *e)
{
	struct prolly_builder *b = mem_calloc(1, sizeof *b);
	if (b == NULL)
		return error_nomem(e, sizeof *b);
	int rc = prolly_update_new_hashed(batch, NULL, NULL, hash, &b->update, e);
	if (rc < 0) {
		mem_free(b);
		return rc;
	}
	*out = b;
	return 0;
}

int prolly_builder_new(struct store_batch *batch, struct prolly_builder **out, struct cel_error *e)
{
	return prolly_builder_new_hashed(batch, chunk_hash, out, e);
}

void prolly_builder_free(struct prolly_builder *b)
{
	if (b == NULL)
		return;
	prolly_update_free(b->update);
	mem_free(b);
}

int prolly_builder_add(struct prolly_builder *b, const struct prolly_entry *entry, struct cel_error *e)
{
	return prolly_update_put(b->update, entry, e);
}

int prolly_builder_finish(struct prolly_builder *b, struct cid *root, uint64_t *count, struct cel_error *e)
{
	struct prolly_update_stats stats;
	int rc = prolly_update_finish(b->update, root, &stats, e);
	if (rc == 0)
		*count = stats.records;
	return rc;
}
