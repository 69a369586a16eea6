/* SPDX-License-Identifier: Apache-2.0 */
/* The hashes of values too long for a leaf are nearly all that a parcel needs no other one for, and a third of the work of an
 * ingest: that is what is done to parcels on all cores. */
#include "parcel.h"

#include "alloc.h"
#include "tree.h"

int parcel_add(struct parcel *p, struct slice id, struct slice payload, struct cel_error *e)
{
	struct parcel_item item = {
		.at = p->bytes.size, .id_size = (uint32_t)id.size, .payload_size = (uint32_t)payload.size};
	int rc = mem_grow(&p->items, &p->capacity, p->n + 1, sizeof *p->items, e);
	if (rc == 0)
		rc = buf_reserve(&p->bytes, id.size + payload.size, e);
	if (rc < 0)
		return rc;
	buf_append(&p->bytes, id.data, id.size, e);
	buf_append(&p->bytes, payload.data, payload.size, e);
	p->items[p->n++] = item;
	return 0;
}

void parcel_drop_last(struct parcel *p)
{
	p->bytes.size = p->items[--p->n].at;
}

void parcel_clear(struct parcel *p)
{
	buf_clear(&p->bytes);
	p->n = 0;
}

void parcel_release(struct parcel *p)
{
	buf_release(&p->bytes);
	mem_free(p->items);
	*p = (struct parcel){0};
}

void parcel_hash(struct parcel *p, size_t vector_size)
{
	for (size_t i = 0; i < p->n; i++) {
		struct slice vector = parcel_vector(p, i, vector_size), metadata = parcel_metadata(p, i, vector_size);
		if (vector.size > PROLLY_INLINE_MAX)
			p->items[i].vector = cid_of(CID_RAW, vector);
		if (metadata.size > PROLLY_INLINE_MAX)
			p->items[i].metadata = cid_of(CID_RAW, metadata);
	}
}
