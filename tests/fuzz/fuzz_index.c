/* SPDX-License-Identifier: Apache-2.0 */
/* An index file made of the input: opened, asked by walk and by scan, without and with an overlay of what it answered. The digest of the header is put right first, as a
 * forger would; without that nothing behind it would ever be reached. The corpus is written by
 * `CEL_CORPUS_WRITE=tests/fuzz/corpus/index test-hnsw-file corpus`. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hash.h"
#include "hnsw.h"
#include "record.h"

#define HEADER_SIZE 4096u
#define HITS 12u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Fills hits from either way of asking; returns how many. */
static uint32_t ask_both(const struct hnsw_index *index, const struct hnsw_overlay *overlay, struct slice query,
			 struct hnsw_hit hits[HITS])
{
	struct hnsw_searcher *searcher;
	struct hnsw_hit more[HITS];
	volatile uint8_t sink = 0;
	uint32_t n = 0, found = 0;
	if (hnsw_searcher_new(index, overlay, HITS, 30, &searcher, NULL) != 0)
		return 0;
	for (int i = 0; i < 2; i++) {
		int rc = i == 0 ? hnsw_search(searcher, query, HITS, 30, more, &n, NULL)
				: hnsw_scan(searcher, query, HITS, more, &n, NULL);
		if (rc != 0)
			continue;
		for (uint32_t h = 0; h < n; h++)
			sink = (uint8_t)(sink ^ more[h].id.data[more[h].id.size - 1]);
		memcpy(hits, more, n * sizeof *more);
		found = n;
	}
	hnsw_searcher_free(searcher);
	return found;
}

static void ask(const struct hnsw_index *index)
{
	struct hnsw_info info;
	struct hnsw_hit hits[HITS];
	struct hnsw_overlay *overlay;
	hnsw_info(index, &info);
	size_t query_size = schema_vector_size(&info.schema);
	uint8_t *bytes = malloc(query_size);
	if (bytes == NULL)
		return;
	memset(bytes, 1, query_size); /* a good vector in every type */
	struct slice query = slice_make(bytes, query_size);
	uint32_t n = ask_both(index, NULL, query, hits);
	if (hnsw_overlay_new(index, &overlay, NULL) == 0) {
		int rc = hnsw_overlay_add(overlay, slice_make("new", 3), query, NULL);
		for (uint32_t h = 0; h < n && rc == 0; h++)
			rc = hnsw_overlay_remove(overlay, hits[h].id, NULL);
		if (rc == 0 && hnsw_overlay_finish(overlay, NULL) == 0)
			ask_both(index, overlay, query, hits);
		hnsw_overlay_free(overlay);
	}
	free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t header[HEADER_SIZE];
	char path[64];
	struct hnsw_index *index;
	int fd = memfd_create("index", MFD_CLOEXEC);
	if (fd < 0)
		return 0;
	if (size >= HEADER_SIZE) {
		memcpy(header, data, HEADER_SIZE);
		sha256(header, HEADER_SIZE - SHA256_SIZE, header + HEADER_SIZE - SHA256_SIZE);
	}
	if (write(fd, data, size) == (ssize_t)size &&
	    (size < HEADER_SIZE || pwrite(fd, header, HEADER_SIZE, 0) == HEADER_SIZE)) {
		snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
		if (hnsw_open(path, &index, NULL) == 0) {
			ask(index);
			hnsw_close(index);
		}
	}
	close(fd);
	return 0;
}
