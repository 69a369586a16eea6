/* SPDX-License-Identifier: Apache-2.0 */
/* An index file made of the input: opened, asked by walk and by scan. The digest of the header is put right first, as a
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask(const struct hnsw_index *index)
{
	struct hnsw_info info;
	struct hnsw_searcher *searcher;
	struct hnsw_hit hits[12];
	uint32_t n;
	hnsw_info(index, &info);
	size_t query_size = schema_vector_size(&info.schema);
	uint8_t *query = malloc(query_size);
	if (query == NULL || hnsw_searcher_new(index, 12, 30, &searcher, NULL) != 0) {
		free(query);
		return;
	}
	memset(query, 1, query_size); /* a good vector in every type */
	for (int i = 0; i < 2; i++) {
		int rc = i == 0 ? hnsw_search(searcher, slice_make(query, query_size), 12, 30, hits, &n, NULL)
				: hnsw_scan(searcher, slice_make(query, query_size), 12, hits, &n, NULL);
		if (rc != 0)
			continue;
		volatile uint8_t sink = 0;
		for (uint32_t h = 0; h < n; h++)
			sink = (uint8_t)(sink ^ hits[h].id.data[hits[h].id.size - 1]);
	}
	free(query);
	hnsw_searcher_free(searcher);
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
