/* SPDX-License-Identifier: Apache-2.0 */
/* Edits that travel together from the sort to the tree: what the conveyor's boxes hold. */
#ifndef DB_PARCEL_H
#define DB_PARCEL_H

#include "buf.h"
#include "cid.h"

/* Of one edit: its id and, behind it in the parcel's bytes, the payload as edits.c made it. */
struct parcel_item {
	size_t at;
	uint32_t id_size, payload_size;
	struct cid vector, metadata; /* after parcel_hash, of those that go into blocks of their own */
};

/* A zeroed one is empty. */
struct parcel {
	struct buf bytes;
	struct parcel_item *items;
	size_t n, capacity;
};

#define PARCEL_HEAD 12u /* of a payload, in front of vector and metadata: source (4 bytes), row number (8) */

int parcel_add(struct parcel *p, struct slice id, struct slice payload, struct cel_error *e);
void parcel_drop_last(struct parcel *p);
void parcel_clear(struct parcel *p); /* empty, memory kept */
void parcel_release(struct parcel *p);
void parcel_hash(struct parcel *p, size_t vector_size);

static inline struct slice parcel_id(const struct parcel *p, size_t i)
{
	return slice_make(p->bytes.data + p->items[i].at, p->items[i].id_size);
}

static inline struct slice parcel_payload(const struct parcel *p, size_t i)
{
	return slice_make(p->bytes.data + p->items[i].at + p->items[i].id_size, p->items[i].payload_size);
}

/* Empty if the edit deletes. */
static inline struct slice parcel_vector(const struct parcel *p, size_t i, size_t vector_size)
{
	struct slice payload = parcel_payload(p, i);
	return slice_make(payload.data + PARCEL_HEAD, payload.size > PARCEL_HEAD ? vector_size : 0);
}

static inline struct slice parcel_metadata(const struct parcel *p, size_t i, size_t vector_size)
{
	struct slice payload = parcel_payload(p, i);
	size_t head = PARCEL_HEAD + (payload.size > PARCEL_HEAD ? vector_size : 0);
	return slice_make(payload.data + head, payload.size - head);
}

#endif
