/* SPDX-License-Identifier: Apache-2.0 */
/* The graph of an index carried over to another set of records. */
#ifndef HNSW_CARRY_H
#define HNSW_CARRY_H

#include "build.h"
#include "index.h"

/* view: the new index as far as it is known before its graph, coded like the parent. b: an empty builder for it. Afterwards
 * its graph is whole. The parent's file must have been verified. */
int carry_graph(const struct hnsw_index *parent, const struct hnsw_index *view, struct builder *b,
		const struct progress *progress, struct cel_error *e);

#endif
