/* SPDX-License-Identifier: Apache-2.0 */
/* Slots are used in turn, each a registered buffer with at most one read in flight:
 *
 *     file   |--- 0 ---|--- 1 ---|--- 2 ---|--- 3 ---|--- 0 ---| ...
 *                 ^ head: handed out next, in file order whatever the order of completion
 *
 * A slot that was handed out is refilled when the next is asked for. A short read is continued in its slot, so only
 * the slot that met the end of the file is not full; what was read beyond it (the file grew meanwhile) is dropped. A
 * pipe has one read at a time, asked for only when its bytes are wanted, so that nothing is in flight when the caller
 * stops reading. Buffers must never be freed under a read in flight: reset waits for them.
 *
 * Fault hook: set-up, registration and then every read are one IO_URING call each. */
#include "ring.h"

#include <errno.h>
#include <liburing.h>
#include <poll.h>

#include "alloc.h"
#include "error.h"
#include "fault.h"

#define N_SLOTS 4u
#define ALIGNMENT 4096u

struct slot {
	uint8_t *data;
	uint64_t offset; /* in the file, of data[0] */
	size_t filled;
	size_t asked; /* bytes of the read in flight */
	bool is_in_flight, is_ready, is_end;
};

struct ring {
	struct io_uring uring;
	int fd;
	bool is_sequential, is_set_up, is_handed_out;
	uint32_t head, n_slots, n_in_flight;
	uint64_t next_offset; /* of the next slot to be started */
	uint64_t delivered;   /* offset behind the last slot handed out */
	uint8_t *memory;
	struct slot slots[N_SLOTS];
};

static int refusal(struct cel_error *e, int errno_value, const char *what)
{
	return error_set_errno(e, CEL_EUNAVAILABLE, errno_value, "io_uring: %s", what);
}

static void wait_readable(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	poll(&p, 1, -1); /* an error or a signal: the read that follows tells */
}

/* Starts a read for what is missing in the slot. */
static int slot_start(struct ring *r, uint32_t index, struct cel_error *e)
{
	struct slot *s = &r->slots[index];
	size_t size = RING_BUFFER_SIZE - s->filled;
	if (r->is_sequential) /* wait here and not in the ring: valgrind stops all threads while one waits there */
		wait_readable(r->fd);
	int errno_value;
	if (io_fault_hit(IO_URING, &errno_value)) {
		if (errno_value != 0)
			return refusal(e, errno_value, "read");
		size = 1;
	}
	struct io_uring_sqe *sqe = io_uring_get_sqe(&r->uring);
	if (sqe == NULL)
		return refusal(e, EBUSY, "no room for a read");
	uint64_t offset = r->is_sequential ? (uint64_t)-1 : s->offset + s->filled;
	io_uring_prep_read_fixed(sqe, r->fd, s->data + s->filled, (unsigned)size, offset, (int)index);
	io_uring_sqe_set_data64(sqe, index);
	s->asked = size;
	int submitted;
	do {
		submitted = io_uring_submit(&r->uring);
	} while (submitted == -EINTR);
	if (submitted < 0)
		return refusal(e, -submitted, "submission");
	s->is_in_flight = true;
	r->n_in_flight++;
	return 0;
}

/* Waits for one completion; returns its slot and result. */
static int wait_one(struct ring *r, struct slot **slot, int *result, struct cel_error *e)
{
	struct io_uring_cqe *cqe;
	int rc;
	do {
		rc = io_uring_wait_cqe(&r->uring, &cqe);
	} while (rc == -EINTR || rc == -EAGAIN);
	if (rc < 0)
		return refusal(e, -rc, "waiting");
	*slot = &r->slots[io_uring_cqe_get_data64(cqe)];
	*result = cqe->res;
	io_uring_cqe_seen(&r->uring, cqe);
	(*slot)->is_in_flight = false;
	r->n_in_flight--;
	return 0;
}

/* Forgets what was read ahead, so that the next call starts behind what was delivered. */
static void reset(struct ring *r)
{
	while (r->n_in_flight > 0) {
		struct slot *slot;
		int result;
		if (wait_one(r, &slot, &result, NULL) < 0)
			break;
	}
	for (uint32_t i = 0; i < r->n_slots; i++)
		r->slots[i] = (struct slot){.data = r->slots[i].data};
	r->next_offset = r->delivered;
	r->is_handed_out = false;
	r->head = 0;
}

static int slot_start_next(struct ring *r, uint32_t index, struct cel_error *e)
{
	r->slots[index] = (struct slot){.data = r->slots[index].data, .offset = r->next_offset};
	int rc = slot_start(r, index, e);
	if (rc == 0)
		r->next_offset += RING_BUFFER_SIZE;
	return rc;
}

/* Keeps every slot but the one in the caller's hands busy. */
static int start_reads(struct ring *r, struct cel_error *e)
{
	for (uint32_t i = 0; i < r->n_slots; i++) {
		uint32_t index = (r->head + i) % r->n_slots;
		struct slot *s = &r->slots[index];
		if (s->is_end)
			break;
		if (s->is_in_flight || s->is_ready)
			continue;
		int rc = slot_start_next(r, index, e);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int handle_completion(struct ring *r, struct slot *s, int result, struct cel_error *e)
{
	if (result == -EAGAIN || result == -EINTR)
		return slot_start(r, (uint32_t)(s - r->slots), e);
	if (result < 0)
		return refusal(e, -result, "read");
	if ((size_t)result > s->asked)
		return refusal(e, EIO, "a read of more than was asked for");
	s->filled += (size_t)result;
	s->is_end = result == 0;
	s->is_ready = s->is_end || r->is_sequential || s->filled == RING_BUFFER_SIZE;
	return s->is_ready ? 0 : slot_start(r, (uint32_t)(s - r->slots), e);
}

int ring_next(struct ring *r, struct slice *out, struct cel_error *e)
{
	if (r->is_handed_out && !r->slots[r->head].is_end) {
		r->slots[r->head].is_ready = false;
		r->head = (r->head + 1) % r->n_slots;
		r->is_handed_out = false;
	}
	struct slot *s = &r->slots[r->head];
	if (r->is_handed_out) { /* the end was met: nothing follows */
		*out = slice_make(s->data, 0);
		return 0;
	}
	int rc = start_reads(r, e);
	while (rc == 0 && !s->is_ready) {
		struct slot *done;
		int result = 0;
		rc = wait_one(r, &done, &result, e);
		if (rc == 0)
			rc = handle_completion(r, done, result, e);
	}
	if (rc < 0) {
		reset(r);
		return rc;
	}
	*out = slice_make(s->data, s->filled);
	r->delivered += s->filled;
	r->is_handed_out = true;
	return s->filled > 0;
}

static int set_up(struct ring *r, struct cel_error *e)
{
	int errno_value;
	int rc = io_fault_hit(IO_URING, &errno_value) ? -(errno_value != 0 ? errno_value : EIO)
						       : io_uring_queue_init(2 * N_SLOTS, &r->uring, 0);
	if (rc < 0)
		return refusal(e, -rc, "set-up");
	r->is_set_up = true;
	struct iovec vectors[N_SLOTS];
	for (uint32_t i = 0; i < r->n_slots; i++) {
		r->slots[i].data = r->memory + (size_t)i * RING_BUFFER_SIZE;
		vectors[i] = (struct iovec){.iov_base = r->slots[i].data, .iov_len = RING_BUFFER_SIZE};
	}
	rc = io_fault_hit(IO_URING, &errno_value) ? -(errno_value != 0 ? errno_value : EIO)
						   : io_uring_register_buffers(&r->uring, vectors, r->n_slots);
	return rc < 0 ? refusal(e, -rc, "registering buffers") : 0;
}

int ring_new(int fd, uint64_t start, bool is_sequential, struct ring **out, struct cel_error *e)
{
	struct ring *r = mem_calloc(1, sizeof *r);
	if (r == NULL)
		return error_nomem(e, sizeof *r);
	r->fd = fd;
	r->is_sequential = is_sequential;
	r->n_slots = is_sequential ? 1 : N_SLOTS;
	r->next_offset = r->delivered = start;
	size_t size = (size_t)r->n_slots * RING_BUFFER_SIZE;
	r->memory = mem_alloc_aligned(ALIGNMENT, size);
	int rc = r->memory == NULL ? error_nomem(e, size) : set_up(r, e);
	if (rc < 0) {
		ring_free(r);
		return rc;
	}
	*out = r;
	return 0;
}

void ring_free(struct ring *r)
{
	if (r == NULL)
		return;
	bool is_quiet = true;
	if (r->is_set_up) {
		reset(r);
		is_quiet = r->n_in_flight == 0;
		io_uring_queue_exit(&r->uring);
	}
	if (is_quiet) /* else the kernel may still write there: better to lose the memory */
		mem_free(r->memory);
	mem_free(r);
}
