/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes arrive in blocks, from the ring or from read(2), each borrowed until the next is asked for. What the caller
 * sees is a window into the block; where it asks for more than is left of a block, the rest is copied to the seam and
 * as much of the next block behind it as is wanted:
 *
 *     block n        block n+1
 *     ....[rest]     [head|........]       seam: [rest|head]
 *
 * Once the rest is consumed, the window moves back into the block, so only bytes around block borders are copied.
 *
 * A ring that is refused, at any moment, is given up and reading goes on with read(2) behind the last byte that was
 * delivered; if the error was real, read(2) meets it again and reports it. Small files and pipes start with read(2):
 * setting up a ring costs more than they take to read.
 *
 * A stream that undoes compression takes its blocks from a decoder, which is fed by a second stream. One that takes a file
 * apart reads the output of a helper program, which needs a file that can seek: what is none becomes one first. */
#include "stream.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc.h"
#include "buf.h"
#include "child.h"
#include "decode.h"
#include "error.h"
#include "fault.h"
#include "figures.h"
#include "ring.h"

#define READ_SIZE (256u << 10)
#define READ_SIZE_MIN (4u << 10)
#define RING_FROM (4u << 20) /* a ring took 0.6 to 3 ms to set up, reading 4 MiB from the page cache 1 ms */

struct stream {
	int fd;
	char *name;
	bool is_regular, is_ring_forced;
	uint64_t start;     /* offset in the file where we began; regular files only */
	uint64_t size;      /* of what is behind that; 0: not known */
	_Atomic uint64_t fetched; /* bytes that came in blocks; another thread may ask how many */
	uint64_t consumed;
	struct ring *ring;  /* NULL: read(2) */
	struct stream *packed; /* what the decoder takes; NULL: fd is read */
	struct decoder *decoder;
	struct child *child; /* whose output fd is */
	uint8_t *buffer;    /* of read(2) or the decoder, made when first needed */
	size_t buffer_size;
	struct slice window; /* unconsumed, in block or seam */
	struct slice block;  /* behind what the seam has of it; the window itself while is_seam is false */
	struct buf seam;
	size_t seam_rest; /* unconsumed bytes in the seam that are in no block any more */
	bool is_seam, is_end;
};

static int wait_readable(struct stream *s, struct cel_error *e)
{
	struct pollfd p = {.fd = s->fd, .events = POLLIN};
	if (poll(&p, 1, -1) < 0 && errno != EINTR)
		return error_set_errno(e, CEL_EIO, errno, "%s: cannot wait for input", s->name);
	return 0;
}

/* What comes next, of up to `size` bytes, to `to`; sets is_end if it is nothing. */
static int decode_block(struct stream *s, uint8_t *to, size_t size, size_t *made, struct cel_error *e)
{
	for (;;) {
		struct slice in;
		int rc = stream_peek(s->packed, 1, &in, e);
		if (rc < 0)
			return rc;
		size_t had = in.size;
		*made = 0;
		rc = decoder_run(s->decoder, &in, had == 0, to, size, made, e);
		if (rc < 0)
			return rc;
		stream_consume(s->packed, had - in.size);
		s->is_end = rc == 0 && *made == 0;
		if (*made > 0 || s->is_end)
			return 0;
	}
}

static int read_to(struct stream *s, uint8_t *to, size_t size, size_t *made, struct cel_error *e)
{
	if (s->packed != NULL)
		return decode_block(s, to, size, made, e);
	for (;;) {
		ssize_t got = s->is_regular ? io_pread(s->fd, to, size, (off_t)(s->start + s->fetched)) : io_read(s->fd, to, size);
		if (got >= 0) {
			*made = (size_t)got;
			s->is_end = got == 0;
			return s->is_end && s->child != NULL ? child_finish(s->child, e) : 0;
		}
		if (errno != EINTR && errno != EAGAIN)
			return error_set_errno(e, CEL_EIO, errno, "%s: cannot read", s->name);
		if (errno == EAGAIN) {
			int rc = wait_readable(s, e);
			if (rc < 0)
				return rc;
		}
	}
}

static int read_block(struct stream *s, struct cel_error *e)
{
	size_t made = 0;
	if (s->buffer == NULL) {
		s->buffer = mem_alloc(s->buffer_size);
		if (s->buffer == NULL)
			return error_nomem(e, s->buffer_size);
	}
	int rc = read_to(s, s->buffer, s->buffer_size, &made, e);
	s->block = slice_make(s->buffer, made);
	return rc;
}

/* Replaces s->block by the next one; of size 0 only at the end. */
static int next_block(struct stream *s, struct cel_error *e)
{
	int rc = 0;
	if (s->ring != NULL) {
		rc = ring_next(s->ring, &s->block, s->is_ring_forced ? e : NULL);
		s->is_end = rc == 0;
		if (rc < 0 && s->is_ring_forced) {
			s->block = slice_make(NULL, 0);
			error_context(e, "%s", s->name);
			return rc;
		}
		if (rc < 0) {
			ring_free(s->ring);
			s->ring = NULL;
		}
	}
	if (s->ring == NULL) {
		s->block = slice_make(NULL, 0);
		rc = read_block(s, e);
	}
	if (rc < 0)
		return rc;
	s->fetched += s->block.size;
	return 0;
}

/* Moves the unconsumed bytes to the front of the seam. */
static int enter_seam(struct stream *s, size_t wanted, struct cel_error *e)
{
	int rc;
	if (s->is_seam) {
		memmove(s->seam.data, s->window.data, s->window.size);
		s->seam.size = s->window.size;
		rc = buf_reserve(&s->seam, wanted - s->seam.size, e);
	} else {
		buf_clear(&s->seam);
		rc = buf_reserve(&s->seam, wanted, e);
		if (rc < 0)
			return rc;
		memcpy(s->seam.data, s->window.data, s->window.size);
		s->seam.size = s->window.size;
		s->seam_rest = s->window.size;
		s->block = slice_make(NULL, 0);
		s->is_seam = true;
	}
	s->window = buf_slice(&s->seam);
	return rc;
}

static int fill(struct stream *s, size_t wanted, struct cel_error *e)
{
	if (s->window.size == 0) {
		int rc = next_block(s, e);
		s->is_seam = false;
		s->window = s->block;
		if (rc < 0 || s->window.size >= wanted || s->is_end)
			return rc;
	}
	int rc = enter_seam(s, wanted, e);
	while (rc == 0 && s->seam.size < wanted) {
		if (s->block.size == 0) {
			s->seam_rest = s->seam.size;
			rc = next_block(s, e);
			if (rc < 0 || s->is_end)
				break;
		}
		size_t missing = wanted - s->seam.size;
		size_t take = s->block.size < missing ? s->block.size : missing;
		memcpy(s->seam.data + s->seam.size, s->block.data, take);
		s->seam.size += take;
		s->block = slice_make(s->block.data + take, s->block.size - take);
		s->window = buf_slice(&s->seam);
	}
	return rc;
}

int stream_peek(struct stream *s, size_t wanted, struct slice *out, struct cel_error *e)
{
	if (s->window.size < wanted && !s->is_end) {
		int rc = fill(s, wanted, e);
		if (rc < 0)
			return rc;
	}
	*out = s->window;
	return 0;
}

void stream_consume(struct stream *s, size_t count)
{
	if (count == 0)
		return;
	s->window = slice_make(s->window.data + count, s->window.size - count);
	s->consumed += count;
	if (!s->is_seam)
		return;
	if (count < s->seam_rest) {
		s->seam_rest -= count;
		return;
	}
	/* What is left of the window was copied from the block and still stands there, before what is left of it. */
	size_t copied = s->window.size;
	s->window = s->block;
	if (copied > 0)
		s->window = slice_make(s->block.data - copied, copied + s->block.size);
	s->is_seam = false;
}

int stream_take(struct stream *s, void *to, size_t most, size_t *got, struct cel_error *e)
{
	*got = 0;
	if (s->window.size == 0 && s->ring == NULL && most >= s->buffer_size && !s->is_end) {
		int rc = read_to(s, to, most, got, e);
		s->fetched += *got;
		s->consumed += *got;
		return rc;
	}
	struct slice window;
	int rc = stream_peek(s, 1, &window, e);
	if (rc < 0)
		return rc;
	*got = window.size < most ? window.size : most;
	if (*got > 0)
		memcpy(to, window.data, *got);
	stream_consume(s, *got);
	return 0;
}

bool stream_is_ready(const struct stream *s)
{
	if (s->window.size > 0 || s->is_end || s->is_regular)
		return true;
	if (s->packed != NULL)
		return stream_is_ready(s->packed);
	struct pollfd p = {.fd = s->fd, .events = POLLIN};
	return poll(&p, 1, 0) != 0; /* an error, too, is had by reading */
}

int stream_wait(struct stream *s, struct cel_error *e)
{
	if (stream_is_ready(s))
		return 0;
	return s->packed != NULL ? stream_wait(s->packed, e) : wait_readable(s, e);
}

static int choose_source(struct stream *s, const struct stat *st, struct cel_error *e)
{
	const char *forced = getenv("CEL_IO");
	bool is_read_forced = forced != NULL && strcmp(forced, "read") == 0;
	s->is_ring_forced = forced != NULL && strcmp(forced, "uring") == 0;
	if (forced != NULL && *forced != '\0' && !is_read_forced && !s->is_ring_forced)
		return error_set(e, CEL_ECONFIG, "CEL_IO is '%.50s', neither 'uring' nor 'read'", forced);
	if (is_read_forced || (!s->is_ring_forced && (!s->is_regular || st->st_size < RING_FROM)))
		return 0;
	int rc = ring_new(s->fd, s->start, !s->is_regular, &s->ring, s->is_ring_forced ? e : NULL);
	if (rc < 0 && s->is_ring_forced) {
		error_context(e, "%s", s->name);
		return rc;
	}
	return 0; /* refused: read(2) it is */
}

int stream_open_fd(int fd, const char *name, struct stream **out, struct cel_error *e)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return error_set_errno(e, CEL_EIO, errno, "%s", name);
	if (S_ISDIR(st.st_mode))
		return error_set(e, CEL_ENOINPUT, "%s: is a directory", name);
	struct stream *s = mem_calloc(1, sizeof *s);
	if (s == NULL)
		return error_nomem(e, sizeof *s);
	s->fd = fd;
	s->name = mem_strdup(name);
	int rc = s->name == NULL ? error_nomem(e, strlen(name) + 1) : 0;
	off_t start = lseek(fd, 0, SEEK_CUR);
	s->is_regular = S_ISREG(st.st_mode) && start >= 0;
	s->start = s->is_regular ? (uint64_t)start : 0;
	s->size = s->is_regular && st.st_size > start ? (uint64_t)(st.st_size - start) : 0;
	s->buffer_size = READ_SIZE;
	if (s->is_regular && st.st_size < READ_SIZE) /* one more, to see the end with the same read */
		s->buffer_size = (size_t)st.st_size + 1 < READ_SIZE_MIN ? READ_SIZE_MIN : (size_t)st.st_size + 1;
	if (rc == 0)
		rc = choose_source(s, &st, e);
	if (rc < 0) {
		s->fd = -1; /* stays the caller's */
		stream_free(s);
		return rc;
	}
	*out = s;
	return 0;
}

int stream_open(const char *path, struct stream **out, struct cel_error *e)
{
	if (strcmp(path, "-") == 0)
		return stream_open_fd(STDIN_FILENO, "(standard input)", out, e);
	int fd = io_open(path, O_RDONLY | O_NOCTTY, 0);
	if (fd < 0)
		return error_set_errno(e, CEL_ENOINPUT, errno, "%s", path);
	int rc = stream_open_fd(fd, path, out, e);
	if (rc < 0)
		close(fd);
	return rc;
}

static int unpack(struct stream **stream, enum decode_kind kind, struct cel_error *e)
{
	struct stream *s = mem_calloc(1, sizeof *s);
	if (s == NULL)
		return error_nomem(e, sizeof *s);
	s->fd = -1;
	s->buffer_size = READ_SIZE;
	s->name = mem_strdup((*stream)->name);
	int rc = s->name == NULL ? error_nomem(e, strlen((*stream)->name) + 1) : decoder_new(kind, &s->decoder, e);
	if (rc < 0) {
		stream_free(s);
		return rc;
	}
	s->packed = *stream;
	*stream = s;
	return 0;
}

int stream_unpack(struct stream **stream, struct cel_error *e)
{
	struct slice start;
	int rc = stream_peek(*stream, 1, &start, e);
	if (rc == 0 && start.size > 0 && decode_may_begin(start.data[0]))
		rc = stream_peek(*stream, DECODE_MAGIC_MAX, &start, e);
	enum decode_kind kind = rc == 0 ? decode_detect(start) : DECODE_NONE;
	return kind != DECODE_NONE ? unpack(stream, kind, e) : rc;
}

/* The rest of the stream in a temporary file without a name. */
static int spool(struct stream *s, int *out, struct cel_error *e)
{
	const char *directory = getenv("TMPDIR");
	directory = directory != NULL && *directory != '\0' ? directory : "/var/tmp";
	int fd = io_open(directory, O_TMPFILE | O_RDWR, 0600);
	if (fd < 0)
		return error_set_errno(e, CEL_EIO, errno, "no temporary file in %s", directory);
	for (;;) {
		struct slice got;
		int rc = stream_peek(s, 1, &got, e);
		if (rc < 0 || got.size == 0) {
			*out = fd;
			if (rc < 0)
				close(fd);
			return rc;
		}
		ssize_t n = io_write(fd, got.data, got.size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			close(fd);
			return error_set_errno(e, CEL_EIO, errno, "writing a temporary file in %s", directory);
		}
		stream_consume(s, (size_t)n);
	}
}

int stream_take_apart(struct stream **stream, const char *helper, const char *const arguments[2], struct cel_error *e)
{
	struct stream *old = *stream, *s;
	bool is_whole = old->is_regular && old->start == 0;
	int input = old->fd, output, rc = 0;
	struct child *child;
	if (!is_whole)
		rc = spool(old, &input, e);
	if (rc < 0)
		return rc;
	rc = child_start(helper, arguments, input, &child, &output, e);
	if (!is_whole)
		close(input);
	if (rc < 0)
		return rc;
	rc = stream_open_fd(output, old->name, &s, e);
	if (rc < 0) {
		close(output);
		child_free(child);
		return rc;
	}
	s->child = child;
	stream_free(old);
	*stream = s;
	return 0;
}

static void count_figures(const struct stream *s)
{
	if (s->packed != NULL || s->fetched == 0)
		return;
	figure_add(FIGURE_INPUT_BYTES, s->fetched);
	figure_set_text(FIGURE_INPUT, s->ring != NULL ? "io_uring" : "read");
}

void stream_free(struct stream *s)
{
	if (s == NULL)
		return;
	decoder_free(s->decoder);
	stream_free(s->packed);
	count_figures(s);
	ring_free(s->ring);
	if (s->fd == STDIN_FILENO && s->is_regular) /* whoever reads it next goes on where we stopped */
		lseek(s->fd, (off_t)(s->start + s->consumed), SEEK_SET);
	if (s->fd > STDIN_FILENO)
		close(s->fd);
	child_free(s->child);
	buf_release(&s->seam);
	mem_free(s->buffer);
	mem_free(s->name);
	mem_free(s);
}

bool stream_is_unpacked(const struct stream *s)
{
	return s->packed != NULL;
}

const char *stream_name(const struct stream *s)
{
	return s->name;
}

uint64_t stream_offset(const struct stream *s)
{
	return s->consumed;
}

void stream_position(const struct stream *s, uint64_t *bytes, uint64_t *total)
{
	while (s->packed != NULL)
		s = s->packed;
	*bytes = s->fetched;
	*total = s->size;
}
