/* SPDX-License-Identifier: Apache-2.0 */
/* Four slots are filled in turn; a full one is handed to the ring and the next is filled meanwhile:
 *
 *     file   ... |--- in flight ---|--- in flight ---|--- being filled ---|
 *
 * Before a slot is filled again its write must be over. A write that the ring did not do, or not all of, is
 * finished with pwrite, whose verdict is the one that counts; after a ring write failed the ring is not used again. So a
 * full disk gives the same error on both ways. Without a ring there is one slot.
 *
 * Every few MiB the kernel is told to begin putting what is complete on the disk, so that the disk works while the
 * next blocks are hashed, and the sync at the end finds little left to do.
 *
 * Fault hook: set-up, registration and every submission are one IO_URING call each, pwrite is IO_WRITE. */
#include "outfile.h"

#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "error.h"
#include "fault.h"

#define N_SLOTS 4u
#define SLOT_SIZE_MIN (16u << 10)
#define SLOT_SIZE_MAX (OUTFILE_MEMORY / N_SLOTS)
#define WRITEBACK_STEP (8u << 20)

struct slot {
	uint8_t *data;
	size_t size;     /* filled */
	uint64_t offset; /* in the file */
	bool is_in_flight;
	int result; /* of the ring's write */
};

struct outfile {
	int fd;
	const char *name;
	struct io_uring uring;
	bool has_ring, is_ring_used;
	uint8_t *memory;
	size_t slot_size;
	struct slot slots[N_SLOTS];
	uint32_t n_slots, current;
	uint64_t started_writeback;
};

static int write_all(struct outfile *o, const uint8_t *data, size_t size, uint64_t offset, struct cel_error *e)
{
	while (size > 0) {
		ssize_t n = io_pwrite(o->fd, data, size, (off_t)offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return error_set_errno(e, CEL_EIO, n == 0 ? ENOSPC : errno, "writing %s", o->name);
		data += n;
		size -= (size_t)n;
		offset += (uint64_t)n;
	}
	return 0;
}

/* ---- the ring */

static int refusal(int rc, const char *what, struct cel_error *e)
{
	return error_set_errno(e, CEL_EUNAVAILABLE, -rc, "io_uring: %s", what);
}

static int hit_or(int rc)
{
	int errno_value;
	return io_fault_hit(IO_URING, &errno_value) ? -(errno_value != 0 ? errno_value : EIO) : rc;
}

static int set_up_ring(struct outfile *o, struct cel_error *e)
{
	int rc = hit_or(0);
	if (rc == 0)
		rc = io_uring_queue_init(2 * N_SLOTS, &o->uring, 0);
	if (rc < 0)
		return refusal(rc, "set-up", e);
	struct iovec vectors[N_SLOTS];
	for (uint32_t i = 0; i < N_SLOTS; i++)
		vectors[i] = (struct iovec){.iov_base = o->slots[i].data, .iov_len = o->slot_size};
	rc = hit_or(0);
	if (rc == 0)
		rc = io_uring_register_buffers(&o->uring, vectors, N_SLOTS);
	if (rc < 0) {
		io_uring_queue_exit(&o->uring);
		return refusal(rc, "registering buffers", e);
	}
	o->has_ring = o->is_ring_used = true;
	return 0;
}

/* False: the ring would not take it. */
static bool submit(struct outfile *o, struct slot *s)
{
	struct io_uring_sqe *sqe = hit_or(0) == 0 ? io_uring_get_sqe(&o->uring) : NULL;
	if (sqe == NULL)
		return false;
	io_uring_prep_write_fixed(sqe, o->fd, s->data, (unsigned)s->size, s->offset, (int)(s - o->slots));
	io_uring_sqe_set_data64(sqe, (uint64_t)(s - o->slots));
	int rc;
	do
		rc = io_uring_submit(&o->uring);
	while (rc == -EINTR);
	if (rc != 1) {
		/* It may still lie in the queue: write nothing into it, so that it can do no harm if taken later. */
		io_uring_prep_nop(sqe);
		io_uring_sqe_set_data64(sqe, N_SLOTS);
		return false;
	}
	s->is_in_flight = true;
	return true;
}

/* Waits until the slot's write is over. */
static int await(struct outfile *o, struct slot *s, struct cel_error *e)
{
	while (s->is_in_flight) {
		struct io_uring_cqe *cqe;
		int rc = io_uring_wait_cqe(&o->uring, &cqe);
		if (rc == -EINTR || rc == -EAGAIN)
			continue;
		if (rc < 0)
			return refusal(rc, "waiting", e);
		uint64_t index = io_uring_cqe_get_data64(cqe);
		if (index < N_SLOTS) {
			o->slots[index].is_in_flight = false;
			o->slots[index].result = cqe->res;
		}
		io_uring_cqe_seen(&o->uring, cqe);
	}
	return 0;
}

/* Waits for the slot and does the rest of its write if there is one; the slot is empty then. */
static int settle(struct outfile *o, struct slot *s, struct cel_error *e)
{
	if (s->size == 0)
		return 0;
	int rc = await(o, s, e);
	if (rc < 0)
		return rc;
	size_t done = s->result > 0 ? (size_t)s->result : 0;
	if (done < s->size) {
		o->is_ring_used = false;
		rc = write_all(o, s->data + done, s->size - done, s->offset + done, e);
	}
	s->size = 0;
	return rc;
}

/* ---- the stream */

static size_t slot_size_of(size_t memory)
{
	size_t size = memory / N_SLOTS & ~(size_t)4095;
	return size < SLOT_SIZE_MIN ? SLOT_SIZE_MIN : size > SLOT_SIZE_MAX ? SLOT_SIZE_MAX : size;
}

int outfile_new(int fd, const char *name, size_t memory, struct outfile **out, struct cel_error *e)
{
	struct outfile *o = mem_calloc(1, sizeof *o);
	if (o == NULL)
		return error_nomem(e, sizeof *o);
	o->fd = fd;
	o->name = name;
	o->slot_size = slot_size_of(memory);
	o->memory = mem_alloc_aligned(4096, N_SLOTS * o->slot_size);
	if (o->memory == NULL) {
		mem_free(o);
		return error_nomem(e, memory);
	}
	for (uint32_t i = 0; i < N_SLOTS; i++)
		o->slots[i].data = o->memory + i * o->slot_size;
	const char *way = getenv("CEL_IO");
	struct cel_error problem;
	int rc = way != NULL && strcmp(way, "read") == 0 ? CEL_EUNAVAILABLE : set_up_ring(o, &problem);
	if (rc < 0 && way != NULL && strcmp(way, "uring") == 0) {
		outfile_free(o);
		return error_set(e, rc, "%s", problem.message);
	}
	o->n_slots = o->has_ring ? N_SLOTS : 1;
	*out = o;
	return 0;
}

void outfile_free(struct outfile *o)
{
	if (o == NULL)
		return;
	int rc = 0;
	for (uint32_t i = 0; i < N_SLOTS && rc == 0; i++)
		rc = await(o, &o->slots[i], NULL);
	if (o->has_ring)
		io_uring_queue_exit(&o->uring);
	mem_free(o->memory);
	mem_free(o);
}

uint64_t outfile_position(const struct outfile *o)
{
	return o->slots[o->current].offset + o->slots[o->current].size;
}

/* Sends the current slot off and goes on to the next one. */
static int turn(struct outfile *o, struct cel_error *e)
{
	struct slot *s = &o->slots[o->current];
	uint64_t end = s->offset + s->size;
	s->result = 0;
	int rc = 0;
	if (!o->is_ring_used || !submit(o, s))
		rc = settle(o, s, e);
	o->current = (o->current + 1) % o->n_slots;
	s = &o->slots[o->current];
	if (rc == 0)
		rc = settle(o, s, e);
	s->offset = end;
	s->size = 0;
	/* All but the slots in flight is in the page cache. */
	uint64_t in_flight = N_SLOTS * o->slot_size;
	uint64_t complete = end > in_flight ? end - in_flight : 0;
	if (rc == 0 && complete >= o->started_writeback + WRITEBACK_STEP) {
		sync_file_range(o->fd, (off_t)o->started_writeback, (off_t)(complete - o->started_writeback),
				SYNC_FILE_RANGE_WRITE);
		o->started_writeback = complete;
	}
	return rc;
}

int outfile_append(struct outfile *o, const void *data, size_t size, struct cel_error *e)
{
	const uint8_t *p = data;
	while (size > 0) {
		struct slot *s = &o->slots[o->current];
		size_t room = o->slot_size - s->size;
		size_t part = size < room ? size : room;
		memcpy(s->data + s->size, p, part);
		s->size += part;
		p += part;
		size -= part;
		if (s->size == o->slot_size) {
			int rc = turn(o, e);
			if (rc < 0)
				return rc;
		}
	}
	return 0;
}

int outfile_flush(struct outfile *o, struct cel_error *e)
{
	int rc = o->slots[o->current].size > 0 ? turn(o, e) : 0;
	for (uint32_t i = 0; i < o->n_slots && rc == 0; i++)
		rc = settle(o, &o->slots[i], e);
	return rc;
}

int outfile_patch(struct outfile *o, const void *data, size_t size, uint64_t offset, struct cel_error *e)
{
	return write_all(o, data, size, offset, e);
}
