/* SPDX-License-Identifier: Apache-2.0 */
/* What counts in a search for some of the records only, as the search sees it. */
#ifndef HNSW_ACCEPT_H
#define HNSW_ACCEPT_H

#include "bits.h"
#include "overlay.h"

struct hnsw_accept {
	const struct hnsw_index *index;
	const struct hnsw_overlay *overlay; /* may be NULL */
	uint64_t *records; /* a bit a record of the file: it does not count */
	uint64_t *nodes;   /* a bit a node: none of its records counts; records, if each node has one */
	uint64_t *rows;    /* a bit a row of the overlay: it does not count */
	uint64_t n_records, n_rows, n_nodes; /* that count */
};

/* The first record or node that counts, at or after i; n if there is none. */
static inline uint64_t accept_next(const uint64_t *out, uint64_t i, uint64_t n)
{
	while (i < n) {
		uint64_t word = ~out[i / 64] >> i % 64;
		if (word != 0) {
			i += (uint64_t)__builtin_ctzll(word);
			return i < n ? i : n;
		}
		i = (i / 64 + 1) * 64;
	}
	return n;
}

#endif
