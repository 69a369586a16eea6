/* SPDX-License-Identifier: Apache-2.0 */
/* Patches: what is read to its end must be written to the same bytes again. A changed byte is found by the digest at the end at
 * the latest, so what is refused is tried again with a right end behind the records that were good. */
#include "patch.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "buf.h"
#include "cbor.h"
#include "record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int append(void *context, const void *data, size_t size, struct cel_error *e)
{
	return buf_append(context, data, size, e);
}

static int open_reader(struct slice input, struct patch_reader **out, struct cel_error *e)
{
	static int fd = -1;
	static char path[32];
	if (fd < 0) {
		fd = memfd_create("fuzz", 0);
		snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
		setenv("CEL_IO", "read", 1);
	}
	if (ftruncate(fd, 0) < 0 || pwrite(fd, input.data, input.size, 0) != (ssize_t)input.size)
		abort();
	return patch_reader_open(path, out, e);
}

/* Whether the patch is good. *records: those that were. */
static bool read_patch(struct slice input, uint64_t *records)
{
	struct patch_reader *r;
	struct cel_error e = {0};
	struct buf again = {0};
	uint64_t count;
	*records = 0;
	int rc = open_reader(input, &r, &e);
	if (rc == 0) {
		struct changes changes = patch_reader_changes(r);
		rc = patch_write(patch_reader_header(r), &changes, append, &again, &count, &e);
		*records = patch_reader_count(r);
		if (rc == 0 && (count != *records || !slice_equal(input, buf_slice(&again))))
			abort();
		patch_reader_free(r);
	}
	if (rc < 0 && (rc != CEL_EDATA || e.code != CEL_EDATA || !utf8_is_valid(slice_text(e.message))))
		abort();
	buf_release(&again);
	return rc == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t records;
	if (read_patch(slice_make(data, size), &records))
		return 0;
	struct buf sealed = {0};
	uint8_t digest[SHA256_SIZE];
	sha256(data, size, digest);
	if (buf_append(&sealed, data, size, NULL) < 0 || buf_append_byte(&sealed, 0, NULL) < 0 ||
	    cbor_put_array(&sealed, 3, NULL) < 0 || cbor_put_text(&sealed, slice_text("end"), NULL) < 0 ||
	    cbor_put_uint(&sealed, records, NULL) < 0 || cbor_put_bytes(&sealed, slice_make(digest, sizeof digest), NULL) < 0)
		abort();
	sealed.data[size] = (uint8_t)(sealed.size - size - 1); /* below 128: one byte */
	read_patch(buf_slice(&sealed), &records);
	buf_release(&sealed);
	return 0;
}
