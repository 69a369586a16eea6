/* SPDX-License-Identifier: Apache-2.0 */
/* The file has no name (O_TMPFILE, or mkstemp and unlink where the file system has none), so that whatever ends the
 * process also frees the space. What is read back is still bounds-checked: a disk may be bad. What was read is cut out of the
 * file, so that its pages need not be written any more, and serve for what is written meanwhile. */
#include "run.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "error.h"
#include "extsort.h"
#include "fault.h"
#include "keysort.h"

#define PAGE 4096u
#define FREE_STEP (2u << 20)

static int open_named(const char *directory)
{
	char path[4096];
	int length = snprintf(path, sizeof path, "%s/sort-XXXXXX", directory);
	if (length < 0 || (size_t)length >= sizeof path) {
		errno = ENAMETOOLONG;
		return -1;
	}
	int fd = mkostemp(path, O_CLOEXEC);
	if (fd >= 0)
		unlink(path);
	return fd;
}

int run_file_open(struct run_file *f, const char *directory, uint8_t *buffer, size_t capacity, struct cel_error *e)
{
	*f = (struct run_file){.buffer = buffer, .capacity = capacity, .directory = directory};
	f->fd = io_open(directory, O_TMPFILE | O_RDWR, 0600);
	if (f->fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL))
		f->fd = open_named(directory);
	if (f->fd < 0)
		return error_set_errno(e, CEL_EIO, errno, "sorting: cannot make a temporary file in %s", directory);
	return 0;
}

void run_file_close(struct run_file *f)
{
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
}

static int write_all(struct run_file *f, const uint8_t *data, size_t size, struct cel_error *e)
{
	while (size > 0) {
		ssize_t n = io_write(f->fd, data, size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return error_set_errno(e, CEL_EIO, n < 0 ? errno : EIO,
					       "sorting: cannot write a temporary file in %s", f->directory);
		data += n;
		size -= (size_t)n;
	}
	return 0;
}

int run_file_flush(struct run_file *f, struct cel_error *e)
{
	int rc = write_all(f, f->buffer, f->used, e);
	f->used = 0;
	return rc;
}

int run_file_write(struct run_file *f, struct slice bytes, struct cel_error *e)
{
	if (bytes.size > f->capacity - f->used) {
		int rc = run_file_flush(f, e);
		if (rc < 0)
			return rc;
	}
	f->size += bytes.size;
	if (bytes.size > f->capacity)
		return write_all(f, bytes.data, bytes.size, e);
	if (bytes.size > 0)
		memcpy(f->buffer + f->used, bytes.data, bytes.size);
	f->used += bytes.size;
	return 0;
}

static int read_exactly(const struct run_reader *r, uint64_t offset, uint8_t *data, size_t size, struct cel_error *e)
{
	while (size > 0) {
		ssize_t n = io_pread(r->file->fd, data, size, (off_t)offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return error_set_errno(e, CEL_EIO, n < 0 ? errno : EIO, "sorting: cannot read a temporary file in %s",
					       r->file->directory);
		data += n;
		offset += (uint64_t)n;
		size -= (size_t)n;
	}
	return 0;
}

/* Whole pages only, so neighbours in the file lose nothing; a file system that cannot do it keeps them until the end. */
static void free_read(struct run_reader *r)
{
	uint64_t from = (r->freed + PAGE - 1) / PAGE * PAGE, to = r->offset / PAGE * PAGE;
	if (to < from + FREE_STEP && r->offset < r->end)
		return;
	if (to <= from)
		return;
	(void)fallocate(r->file->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)from, (off_t)(to - from));
	r->freed = to;
}

/* At least wanted bytes at start, as many as there is room for; wanted <= capacity. */
static int refill(struct run_reader *r, size_t wanted, struct cel_error *e)
{
	if (r->filled - r->start >= wanted)
		return 0;
	if (wanted > r->filled - r->start + (r->end - r->offset))
		return error_set(e, CEL_EIO, "sorting: a temporary file in %s is damaged", r->file->directory);
	memmove(r->buffer, r->buffer + r->start, r->filled - r->start);
	r->filled -= r->start;
	r->start = 0;
	size_t room = r->capacity - r->filled;
	size_t size = r->end - r->offset < room ? (size_t)(r->end - r->offset) : room;
	int rc = read_exactly(r, r->offset, r->buffer + r->filled, size, e);
	if (rc < 0)
		return rc;
	r->filled += size;
	r->offset += size;
	free_read(r);
	return 0;
}

/* An item larger than the buffer: what is there of it, and the rest straight from the file. */
static int read_big(struct run_reader *r, size_t size, struct cel_error *e)
{
	size_t have = r->filled - r->start;
	if (size - have > r->end - r->offset)
		return error_set(e, CEL_EIO, "sorting: a temporary file in %s is damaged", r->file->directory);
	buf_clear(&r->big);
	int rc = buf_append(&r->big, r->buffer + r->start, have, e);
	if (rc == 0)
		rc = buf_reserve(&r->big, size - have, e);
	if (rc == 0)
		rc = read_exactly(r, r->offset, r->big.data + have, size - have, e);
	if (rc < 0)
		return rc;
	r->big.size = size;
	r->offset += size - have;
	r->start = r->filled = 0;
	r->item = r->big.data;
	return 0;
}

void run_reader_init(struct run_reader *r, const struct run_file *file, uint64_t start, uint64_t end, uint8_t *buffer,
		     size_t capacity)
{
	*r = (struct run_reader){
		.file = file, .offset = start, .freed = start, .end = end, .buffer = buffer, .capacity = capacity};
}

void run_reader_init_entries(struct run_reader *r, const struct keysort_entry *entries, size_t n)
{
	*r = (struct run_reader){.entries = entries, .entries_end = entries + n};
}

static int next_entry(struct run_reader *r)
{
	if (r->entries == r->entries_end)
		return 0;
	r->item = r->entries++->item;
	r->prefix = key_prefix(item_key(r->item), 0);
	if (r->entries_end - r->entries > 2)
		__builtin_prefetch(r->entries[2].item);
	return 0;
}

int run_reader_next(struct run_reader *r, struct cel_error *e)
{
	r->item = NULL;
	if (r->file == NULL)
		return next_entry(r);
	if (r->start == r->filled && r->offset == r->end)
		return 0;
	int rc = refill(r, ITEM_HEAD, e);
	if (rc < 0)
		return rc;
	const uint8_t *head = r->buffer + r->start;
	if (load_le32(head) > EXTSORT_KEY_MAX || load_le32(head + 4) > EXTSORT_PAYLOAD_MAX)
		return error_set(e, CEL_EIO, "sorting: a temporary file in %s is damaged", r->file->directory);
	size_t size = item_size(head);
	if (size > r->capacity) {
		rc = read_big(r, size, e);
	} else {
		rc = refill(r, size, e);
		if (rc == 0) {
			r->item = r->buffer + r->start;
			r->start += size;
		}
	}
	if (rc == 0)
		r->prefix = key_prefix(item_key(r->item), 0);
	return rc;
}

void run_reader_release(struct run_reader *r)
{
	buf_release(&r->big);
}
