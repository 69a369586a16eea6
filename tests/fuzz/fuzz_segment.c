/* SPDX-License-Identifier: Apache-2.0 */
/* A segment file from outside: no crash whatever its bytes, and what is found lies in the file under a CID of ours with
 * the digest that was asked for. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bytes.h"
#include "cel.h"
#include "segment.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look_up(const struct segment *s, const struct cid *cid)
{
	struct slice block;
	struct cel_error e;
	int rc = segment_find(s, cid, &block, &e);
	if (rc < 0 && (rc != CEL_ECORRUPT || e.code != rc))
		abort();
	uint64_t sum = 0;
	for (size_t i = 0; rc > 0 && i < block.size; i++)
		sum += block.data[i]; /* every byte is there */
	if (rc > 0 && sum > 255 * (uint64_t)SEGMENT_BLOCK_MAX)
		abort();
	if (rc != 0 && !segment_has(s, cid->digest))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct segment *s;
	char path[64];
	int fd = memfd_create("segment", MFD_CLOEXEC);
	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	int rc = segment_open(path, &s, NULL);
	close(fd);
	if (rc < 0)
		return 0;
	for (uint64_t i = 0; i < segment_count(s); i++) {
		struct cid cid;
		struct slice block;
		if (segment_at(s, i, &cid, &block, NULL) == 0)
			look_up(s, &cid);
	}
	/* Digests that are there, and others. */
	for (size_t at = 0; at + SHA256_SIZE <= size && at < 8192; at += 13) {
		struct cid cid = {.codec = at % 2 != 0 ? CID_RAW : CID_DAG_CBOR};
		memcpy(cid.digest, data + at, SHA256_SIZE);
		look_up(s, &cid);
	}
	segment_verify_index(s, NULL);
	segment_free(s);
	return 0;
}
