/* SPDX-License-Identifier: Apache-2.0 */
/* One run of bytes, one array of where each block lies in it, and a hash table over the array. A digest is its own hash
 * value. */
#include "pending.h"

#include <stdlib.h>

#include "alloc.h"
#include "bytes.h"
#include "error.h"

static size_t first_slot(const struct pending *p, const struct cid *cid)
{
	return load_le32(cid->digest) & (p->n_slots - 1);
}

static void insert_slot(struct pending *p, size_t i)
{
	size_t slot = first_slot(p, &p->blocks[i].cid);
	while (p->slots[slot] != 0)
		slot = (slot + 1) & (p->n_slots - 1);
	p->slots[slot] = (uint32_t)i + 1;
}

/* Room for one more, with the table at most half full. */
static int grow(struct pending *p, struct cel_error *e)
{
	if (mem_grow(&p->blocks, &p->capacity, p->n + 1, sizeof *p->blocks, e) < 0)
		return CEL_ENOMEM;
	if (2 * (p->n + 1) <= p->n_slots)
		return 0;
	size_t n_slots = p->n_slots > 0 ? 2 * p->n_slots : 128;
	uint32_t *slots = mem_calloc(n_slots, sizeof *slots);
	if (slots == NULL)
		return error_nomem(e, n_slots * sizeof *slots);
	mem_free(p->slots);
	p->slots = slots;
	p->n_slots = n_slots;
	for (size_t i = 0; i < p->n; i++)
		insert_slot(p, i);
	return 0;
}

int pending_add(struct pending *p, const struct cid *cid, struct slice block, struct cel_error *e)
{
	int rc = grow(p, e);
	if (rc < 0)
		return rc;
	struct pending_block entry = {.cid = *cid, .size = (uint32_t)block.size, .offset = p->bytes.size};
	rc = buf_append(&p->bytes, block.data, block.size, e);
	if (rc < 0)
		return rc;
	p->blocks[p->n] = entry;
	insert_slot(p, p->n++);
	return 0;
}

bool pending_find(const struct pending *p, const struct cid *cid, struct slice *out)
{
	if (p->n == 0)
		return false;
	for (size_t slot = first_slot(p, cid); p->slots[slot] != 0; slot = (slot + 1) & (p->n_slots - 1)) {
		const struct pending_block *block = &p->blocks[p->slots[slot] - 1];
		if (cid_equal(&block->cid, cid)) {
			*out = slice_make(p->bytes.data + block->offset, block->size);
			return true;
		}
	}
	return false;
}

struct slice pending_at(const struct pending *p, size_t i, struct cid *cid)
{
	*cid = p->blocks[i].cid;
	return slice_make(p->bytes.data + p->blocks[i].offset, p->blocks[i].size);
}

static int compare_blocks(const void *a, const void *b)
{
	const struct pending_block *x = a, *y = b;
	return cid_compare(&x->cid, &y->cid);
}

void pending_sort(struct pending *p)
{
	if (p->n > 0)
		qsort(p->blocks, p->n, sizeof *p->blocks, compare_blocks);
}

void pending_clear(struct pending *p)
{
	buf_clear(&p->bytes);
	p->n = 0;
	if (p->slots != NULL)
		memset(p->slots, 0, p->n_slots * sizeof *p->slots);
}

void pending_release(struct pending *p)
{
	buf_release(&p->bytes);
	mem_free(p->blocks);
	mem_free(p->slots);
	*p = (struct pending){0};
}
