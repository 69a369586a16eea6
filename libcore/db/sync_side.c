/* SPDX-License-Identifier: Apache-2.0 */
/* The table of functions, and what it says of the store as a whole. Transfers are in sync_give.c and sync_take.c. */
#include "sync_side.h"

#include <stdio.h>

#include "sync_transfer.h"
#include "tags.h"

static int side_identify(void *context, uint8_t id[STORE_ID_SIZE], struct cel_error *e)
{
	struct cel_store *store = context;
	struct store_read *read;
	int rc = store_read_begin(store->store, &read, e);
	if (rc < 0)
		return rc;
	rc = store_read_id(read, id, e);
	store_read_end(read);
	return rc;
}

static int fill_entry(struct store_read *read, struct sync_entry *out, struct cel_error *e)
{
	struct db_rev rev;
	int rc = db_rev_load(read, &out->tip, &rev, e);
	if (rc == 0)
		rc = db_rev_has_tree(read, &rev, e);
	if (rc > 0)
		rc = prolly_count(read, &rev.commit.tree, &out->records, e);
	if (rc < 0)
		return rc;
	out->schema = rev.schema;
	out->generation = rev.commit.generation;
	out->time = rev.commit.time;
	return 1;
}

static int side_list(void *context, const char *collection, const char *after, struct sync_entry *out, struct cel_error *e)
{
	struct cel_store *store = context;
	struct store_read *read;
	char position[STORE_REF_MAX] = "", prefix[STORE_REF_MAX] = HEADS_PREFIX;
	*out = (struct sync_entry){0};
	if (collection != NULL)
		snprintf(prefix, sizeof prefix, TAGS_PREFIX "%.*s/", (int)CEL_NAME_MAX, collection);
	if (*after != '\0')
		snprintf(position, sizeof position, "%.*s%s", 2 * (int)CEL_NAME_MAX, prefix, after);
	int rc = store_read_begin(store->store, &read, e);
	if (rc < 0)
		return rc;
	rc = store_read_next_ref(read, prefix, position, &out->tip, e);
	if (rc > 0) {
		snprintf(out->name, sizeof out->name, "%.*s", (int)CEL_NAME_MAX, position + strlen(prefix));
		rc = fill_entry(read, out, e);
	}
	store_read_end(read);
	return rc;
}

void sync_side_init(struct sync_side *side, struct cel_store *store)
{
	*side = (struct sync_side){
		.context = store,
		.identify = side_identify,
		.list = side_list,
		.give_begin = sync_give_begin,
		.give_end = sync_give_end,
		.give_haves = sync_give_haves,
		.give_schema = sync_give_schema,
		.give_commit = sync_give_commit,
		.give_patch = sync_give_patch,
		.give_blocks = sync_give_blocks,
		.take_begin = sync_take_begin,
		.take_end = sync_take_end,
		.take_haves = sync_take_haves,
		.take_tip = sync_take_tip,
		.take_commit = sync_take_commit,
		.take_ask = sync_take_ask,
		.take_patch = sync_take_patch,
		.take_block = sync_take_block,
		.take_finish = sync_take_finish,
	};
}
