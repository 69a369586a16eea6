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

#endif
