/* SPDX-License-Identifier: Apache-2.0 */
/* Frames are counted as they come: a patch between two trees cannot have more changes than both have records, so one that
 * never ends is found out before the disk is full of it. */
#include "sync_spool.h"

#include <errno.h>
#include <unistd.h>

#include "alloc.h"
#include "error.h"
#include "patch.h"
#include "stream.h"

enum { BUFFER = 1 << 16, OTHER_FRAMES = 4 /* format, schema, roots, end */ };

void spool_init(struct spool *s, struct cel_store *store)
{
	*s = (struct spool){.store = store, .file.fd = -1};
}

void spool_release(struct spool *s)
{
	run_file_close(&s->file);
	s->file.fd = -1;
	mem_free(s->buffer);
	s->buffer = NULL;
}

static int open_file(struct spool *s, struct cel_error *e)
{
	const char *directory;
	if (s->file.fd >= 0)
		return 0;
	if (s->buffer == NULL && (s->buffer = mem_alloc(BUFFER)) == NULL)
		return error_nomem(e, BUFFER);
	int rc = store_find_tmp(s->store->store, &directory, e);
	return rc < 0 ? rc : run_file_open(&s->file, directory, s->buffer, BUFFER, e);
}

void spool_begin(struct spool *s, uint64_t changes_max)
{
	s->frames = 0;
	s->frames_max = changes_max < UINT64_MAX - OTHER_FRAMES ? changes_max + OTHER_FRAMES : UINT64_MAX;
	s->in_frame = 0;
	s->length = s->length_bytes = 0;
}

static int bad(struct cel_error *e, const char *what)
{
	return error_set(e, CEL_EPROTOCOL, "a bad patch came: %s", what);
}

static int count_frames(struct spool *s, struct slice bytes, struct cel_error *e)
{
	for (size_t i = 0; i < bytes.size;) {
		if (s->in_frame > 0) {
			size_t n = bytes.size - i < s->in_frame ? bytes.size - i : s->in_frame;
			s->in_frame -= n;
			i += n;
			continue;
		}
		uint8_t byte = bytes.data[i++];
		s->length |= (uint32_t)(byte & 0x7f) << 7 * s->length_bytes++;
		if (s->length > PATCH_FRAME_MAX || (byte > 0x7f && s->length_bytes == 4))
			return bad(e, "a frame of more than 2 MiB");
		if (byte > 0x7f)
			continue;
		if (s->length == 0 || ++s->frames > s->frames_max)
			return bad(e, "more changes than the two trees have records, or a frame of no length");
		s->in_frame = s->length;
		s->length = s->length_bytes = 0;
	}
	return 0;
}

int spool_add(struct spool *s, struct slice bytes, struct cel_error *e)
{
	int rc = count_frames(s, bytes, e);
	if (rc == 0)
		rc = open_file(s, e);
	return rc < 0 || bytes.size == 0 ? rc : run_file_write(&s->file, bytes, e);
}

int spool_end(struct spool *s, struct cel_error *e)
{
	return s->in_frame > 0 || s->length_bytes > 0 || s->frames < OTHER_FRAMES ? bad(e, "it was cut off") : 0;
}

uint64_t spool_size(const struct spool *s)
{
	return s->file.fd >= 0 ? s->file.size : 0;
}

int spool_open(struct spool *s, struct stream **out, struct cel_error *e)
{
	*out = NULL;
	if (s->file.fd < 0)
		return 0;
	int rc = run_file_flush(&s->file, e);
	if (rc < 0)
		return rc;
	int fd = dup(s->file.fd);
	if (fd < 0 || lseek(fd, 0, SEEK_SET) != 0) {
		int problem = errno;
		if (fd >= 0)
			close(fd);
		return error_set_errno(e, CEL_EIO, problem, "reading what has come");
	}
	rc = stream_open_fd(fd, "(what has come)", out, e);
	if (rc < 0)
		close(fd);
	return rc;
}

void spool_clear(struct spool *s)
{
	run_file_close(&s->file);
	s->file = (struct run_file){.fd = -1};
}
