/* SPDX-License-Identifier: Apache-2.0 */
/* A graph node is a code, not a vector: vectors that quantise alike hang on one node, and equal vectors are one vector
 * with several records. So a thousand copies cost one node, a cloud of near-copies below the resolution of
 * the codes cannot become a clique that no link leaves, and at worst, when all codes are equal, a search is a scan.
 *
 * Codes are compared by 16 bytes of SHA-256, so they need not be kept; vectors within a node by their bytes. */
#include "group.h"

#include <stdlib.h>

#include "alloc.h"
#include "bytes.h"
#include "codes.h"
#include "error.h"
#include "graph.h"
#include "levels.h"

struct coded {
	uint64_t high, low; /* of the code's digest */
	uint32_t record;
};

struct node {
	uint64_t hash;
	uint32_t first, count; /* in the sorted struct coded */
	uint32_t record;       /* the smallest */
};

static int coded_compare(const void *x, const void *y)
{
	const struct coded *a = x, *b = y;
	if (a->high != b->high)
		return a->high < b->high ? -1 : 1;
	if (a->low != b->low)
		return a->low < b->low ? -1 : 1;
	return (a->record > b->record) - (a->record < b->record);
}

static int node_compare(const void *x, const void *y)
{
	const struct node *a = x, *b = y;
	if (a->hash != b->hash)
		return a->hash < b->hash ? -1 : 1;
	return (a->record > b->record) - (a->record < b->record); /* record numbers are in id order */
}

static int code_records(const struct gathered *g, const struct quantiser *q, struct coded *coded, struct cel_error *e)
{
	size_t stride = codes_stride(q->metric, q->dim);
	MEM_CLEANUP float *scratch = mem_calloc(q->dim, sizeof *scratch);
	MEM_CLEANUP uint8_t *row = mem_calloc(1, stride);
	if (scratch == NULL || row == NULL)
		return error_nomem(e, stride);
	for (uint64_t i = 0; i < g->n; i++) {
		uint8_t digest[SHA256_SIZE];
		quantise_row(q, gathered_vector(g, i), scratch, row);
		sha256(row, stride, digest);
		coded[i] = (struct coded){load_le64(digest), load_le64(digest + 8), (uint32_t)i};
	}
	qsort(coded, g->n, sizeof *coded, coded_compare);
	return 0;
}

/* Runs of equal codes become nodes; returns how many. `nodes` may be NULL to count only. */
static uint64_t find_nodes(const struct gathered *g, const struct coded *coded, struct node *nodes)
{
	uint64_t n_nodes = 0;
	for (uint64_t from = 0, to; from < g->n; from = to) {
		for (to = from + 1; to < g->n && coded[to].high == coded[from].high && coded[to].low == coded[from].low; to++)
			;
		if (nodes != NULL)
			nodes[n_nodes] = (struct node){
				.hash = level_hash(gathered_id(g, coded[from].record)),
				.first = (uint32_t)from, .count = (uint32_t)(to - from), .record = coded[from].record,
			};
		n_nodes++;
	}
	return n_nodes;
}

struct run {
	uint32_t first_record, start, count;
};

static int vector_compare(const void *x, const void *y, void *context)
{
	const struct gathered *g = context;
	const struct coded *a = x, *b = y;
	int order = memcmp(gathered_vector(g, a->record), gathered_vector(g, b->record), g->vector_size);
	return order != 0 ? order : (a->record > b->record) - (a->record < b->record);
}

static int run_compare(const void *x, const void *y)
{
	const struct run *a = x, *b = y;
	return (a->first_record > b->first_record) - (a->first_record < b->first_record);
}

static void emit_run(struct groups *out, const struct coded *coded, uint32_t count, uint32_t *n_records)
{
	out->vector_first[out->n_vectors++] = *n_records;
	for (uint32_t i = 0; i < count; i++)
		out->records[(*n_records)++] = coded[i].record;
}

/* The records of one node: equal vectors together, each by id, and so the vectors by their first. */
static int emit_node(const struct gathered *g, struct coded *coded, uint32_t count, struct groups *out,
		     uint32_t *n_records, struct cel_error *e)
{
	if (count == 1) {
		emit_run(out, coded, 1, n_records);
		return 0;
	}
	MEM_CLEANUP struct run *runs = mem_calloc(count, sizeof *runs);
	if (runs == NULL)
		return error_nomem(e, count * sizeof *runs);
	qsort_r(coded, count, sizeof *coded, vector_compare, (void *)(uintptr_t)g);
	uint32_t n_runs = 0;
	for (uint32_t from = 0, to; from < count; from = to) {
		const uint8_t *vector = gathered_vector(g, coded[from].record);
		for (to = from + 1; to < count && memcmp(gathered_vector(g, coded[to].record), vector, g->vector_size) == 0;
		     to++)
			;
		runs[n_runs++] = (struct run){coded[from].record, from, to - from};
	}
	qsort(runs, n_runs, sizeof *runs, run_compare);
	for (uint32_t i = 0; i < n_runs; i++)
		emit_run(out, coded + runs[i].start, runs[i].count, n_records);
	return 0;
}

static int emit_nodes(const struct gathered *g, struct coded *coded, const struct node *nodes, uint32_t n_nodes,
		      struct groups *out, struct cel_error *e)
{
	out->records = mem_calloc(g->n, sizeof *out->records);
	out->vector_first = mem_calloc(g->n + 1, sizeof *out->vector_first);
	out->node_first = mem_calloc((size_t)n_nodes + 1, sizeof *out->node_first);
	out->hashes = mem_calloc(n_nodes, sizeof *out->hashes);
	if (out->records == NULL || out->vector_first == NULL || out->node_first == NULL || out->hashes == NULL)
		return error_nomem(e, g->n * 8);
	uint32_t n_records = 0;
	for (uint32_t i = 0; i < n_nodes; i++) {
		out->hashes[i] = nodes[i].hash;
		out->node_first[i] = out->n_vectors;
		int rc = emit_node(g, coded + nodes[i].first, nodes[i].count, out, &n_records, e);
		if (rc < 0)
			return rc;
	}
	out->n_nodes = n_nodes;
	out->node_first[n_nodes] = out->n_vectors;
	out->vector_first[out->n_vectors] = n_records;
	return 0;
}

int group_records(const struct gathered *g, const struct quantiser *q, struct groups *out, struct cel_error *e)
{
	*out = (struct groups){0};
	MEM_CLEANUP struct coded *coded = mem_calloc(g->n, sizeof *coded);
	if (coded == NULL)
		return error_nomem(e, g->n * sizeof *coded);
	int rc = code_records(g, q, coded, e);
	if (rc < 0)
		return rc;
	uint64_t n_nodes = find_nodes(g, coded, NULL);
	if (n_nodes > NODES_MAX)
		return error_set(e, CEL_EDATA, "an index holds at most %u different vectors", NODES_MAX);
	MEM_CLEANUP struct node *nodes = mem_calloc(n_nodes, sizeof *nodes);
	if (nodes == NULL)
		return error_nomem(e, n_nodes * sizeof *nodes);
	find_nodes(g, coded, nodes);
	qsort(nodes, n_nodes, sizeof *nodes, node_compare);
	rc = emit_nodes(g, coded, nodes, (uint32_t)n_nodes, out, e);
	if (rc < 0)
		groups_release(out);
	return rc;
}

void groups_release(struct groups *g)
{
	mem_free(g->records);
	mem_free(g->vector_first);
	mem_free(g->node_first);
	mem_free(g->hashes);
	*g = (struct groups){0};
}
