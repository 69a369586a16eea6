/* SPDX-License-Identifier: Apache-2.0 */
/* hnsw_build and hnsw_carry, step by step:
 *
 *   input -> gather (scratch file) -> learn the quantiser, or the parent's -> group into nodes, in hash order
 *         -> write vectors, ids to the file               (page cache from here on; the scratch file goes)
 *         -> rows of codes -> graph without the last nodes -> recall table -> the last nodes -> no islands
 *            or, carried:     the parent's graph less what is gone, and what is new (carry.h); the parent's recall table
 *         -> write codes, checksums, links, table, header
 *
 * What stays in memory while the graph grows is codes, links and a few words a node. */
#include <errno.h>
#include <sys/mman.h>

#include "alloc.h"
#include "build.h"
#include "bytes.h"
#include "carry.h"
#include "codes.h"
#include "error.h"
#include "file_write.h"
#include "group.h"
#include "index.h"
#include "levels.h"
#include "pages.h"
#include "recall_table.h"
#include "record.h"
#include "repair.h"
#include "rows.h"

/* Rows of level 0 in the file before the last nodes are in. */
struct provisional {
	uint64_t offset; /* in the file, of what is put next */
	uint8_t *map;
	size_t map_size;
	const uint8_t *rows; /* NULL: there are none */
};

struct build {
	const struct hnsw_params *params;
	const struct hnsw_index *parent; /* NULL: a fresh build */
	struct progress progress;
	const char *path;
	struct gathered gathered;
	struct groups groups;
	float *offset;
	struct pages codes;
	struct team *team;
	struct builder *builder;
	struct file_writer writer;
	bool is_writing;
	struct provisional provisional;
	struct hnsw_index view; /* what a search sees of it; its layout becomes the file's */
	uint64_t ids_size;
	uint8_t recall[RECALL_ROWS_MAX * RECALL_ROW_SIZE];
	uint32_t n_recall;
};

/* ---- the part of the file that is known before the graph */

static int begin_section(struct build *b, enum section section, struct cel_error *e)
{
	return file_writer_seek(&b->writer, b->view.layout.sections[section].offset, e);
}

static uint64_t vector_record(const struct build *b, uint32_t vector)
{
	return b->groups.records[b->groups.vector_first[vector]];
}

static int put_vectors(struct build *b, struct cel_error *e)
{
	int rc = begin_section(b, SECTION_VECTORS, e);
	for (uint32_t v = 0; v < b->groups.n_vectors && rc == 0; v++)
		rc = file_writer_put(&b->writer, gathered_vector(&b->gathered, vector_record(b, v)), b->view.vector_size, e);
	return rc;
}

static int put_ids(struct build *b, struct cel_error *e)
{
	uint8_t word[8];
	uint64_t offset = 0;
	int rc = begin_section(b, SECTION_ID_OFFSETS, e);
	for (uint64_t i = 0; i <= b->gathered.n && rc == 0; i++) {
		store_le64(word, offset);
		rc = file_writer_put(&b->writer, word, 8, e);
		if (i < b->gathered.n)
			offset += gathered_id(&b->gathered, b->groups.records[i]).size;
	}
	if (rc == 0)
		rc = begin_section(b, SECTION_IDS, e);
	for (uint64_t i = 0; i < b->gathered.n && rc == 0; i++) {
		struct slice id = gathered_id(&b->gathered, b->groups.records[i]);
		rc = file_writer_put(&b->writer, id.data, id.size, e);
	}
	return rc;
}

static int put_table(struct build *b, enum section section, const uint32_t *first, struct cel_error *e)
{
	int rc = begin_section(b, section, e);
	for (uint64_t i = 0; i < b->view.layout.sections[section].size / 4 && rc == 0; i++) {
		uint8_t word[4];
		store_le32(word, first[i]);
		rc = file_writer_put(&b->writer, word, 4, e);
	}
	return rc;
}

/* The inverse of groups.records. */
static int put_by_id(struct build *b, struct cel_error *e)
{
	MEM_CLEANUP uint32_t *by_id = mem_calloc(b->gathered.n, sizeof *by_id);
	if (by_id == NULL)
		return error_nomem(e, b->gathered.n * sizeof *by_id);
	for (uint64_t i = 0; i < b->gathered.n; i++)
		by_id[b->groups.records[i]] = (uint32_t)i;
	return put_table(b, SECTION_BY_ID, by_id, e);
}

static int put_floats(struct build *b, struct cel_error *e)
{
	int rc = begin_section(b, SECTION_OFFSETS, e);
	for (uint64_t d = 0; d < b->view.layout.sections[SECTION_OFFSETS].size / 4 && rc == 0; d++) {
		uint8_t word[4];
		store_le_f32(word, b->offset[d]);
		rc = file_writer_put(&b->writer, word, 4, e);
	}
	return rc;
}

static int write_records(struct build *b, struct cel_error *e)
{
	int rc = file_writer_open(&b->writer, b->path, e);
	if (rc < 0)
		return rc;
	b->is_writing = true;
	rc = put_vectors(b, e);
	if (rc == 0)
		rc = put_ids(b, e);
	if (rc == 0)
		rc = put_by_id(b, e);
	if (rc == 0)
		rc = put_table(b, SECTION_NODE_VECTORS, b->groups.node_first, e);
	if (rc == 0)
		rc = put_table(b, SECTION_VECTOR_RECORDS, b->groups.vector_first, e);
	if (rc == 0)
		rc = put_floats(b, e);
	if (rc == 0)
		rc = file_writer_flush(&b->writer, e);
	return rc;
}

/* ---- learning, codes, graph */

static int take_codes(struct build *b)
{
	const struct quantiser *q = &b->parent->quantiser;
	if (codes_are_bytes(q->metric))
		memcpy(b->offset, q->offset, q->dim * sizeof *b->offset);
	b->view.quantiser.scale = q->scale;
	b->view.quantiser.offset = b->offset;
	return 0;
}

static int prepare(struct build *b, const struct cel_schema *schema, const struct simd_kernels *kernels,
		   struct cel_error *e)
{
	struct hnsw_index *x = &b->view;
	b->offset = mem_calloc(schema->dim, sizeof *b->offset);
	if (b->offset == NULL)
		return error_nomem(e, schema->dim * sizeof *b->offset);
	x->quantiser = (struct quantiser){
		.kernels = kernels, .type = schema->type, .metric = schema->metric, .dim = schema->dim,
	};
	x->measure = (struct measure){
		.kernels = kernels, .type = schema->type, .metric = schema->metric, .dim = schema->dim,
	};
	int rc = b->parent != NULL ? take_codes(b) : quantise_train(&x->quantiser, b->offset, b->gathered.vectors,
								    b->gathered.n, e);
	if (rc == 0)
		rc = group_records(&b->gathered, &x->quantiser, &b->groups, e);
	if (rc < 0)
		return rc;
	struct layout *l = &x->layout;
	l->n_records = b->gathered.n;
	l->n_vectors = b->groups.n_vectors;
	l->n_nodes = b->groups.n_nodes;
	l->n_levels = levels_count(b->groups.hashes, l->n_nodes, b->params->M, l->level_count);
	l->scale = x->quantiser.scale;
	l->n_directions = b->parent != NULL ? b->parent->layout.n_directions : layout_directions(schema);
	b->ids_size = b->gathered.id_offsets[b->gathered.n];
	layout_place(l, b->ids_size, 0);
	x->vector_size = schema_vector_size(schema);
	x->graph = (struct graph){
		.kernels = kernels, .n_nodes = l->n_nodes, .n_levels = l->n_levels,
		.code_stride = codes_stride(schema->metric, schema->dim), .metric = schema->metric, .dim = schema->dim,
	};
	memcpy(x->graph.level_count, l->level_count, sizeof l->level_count);
	return 0;
}

/* From here on the vectors are read from the file to be. */
static int map_records(struct build *b, struct cel_error *e)
{
	struct hnsw_index *x = &b->view;
	const struct layout *l = &x->layout;
	uint64_t end = l->sections[SECTION_OFFSETS].offset + l->sections[SECTION_OFFSETS].size;
	void *map = mmap(NULL, end, PROT_READ, MAP_SHARED, b->writer.file.fd, 0);
	if (map == MAP_FAILED)
		return error_set_errno(e, CEL_EIO, errno, "cannot map the index that is being built");
	x->map = map;
	x->map_size = end;
	x->vectors = x->map + l->sections[SECTION_VECTORS].offset;
	x->id_offsets = x->map + l->sections[SECTION_ID_OFFSETS].offset;
	x->ids = x->map + l->sections[SECTION_IDS].offset;
	if (l->sections[SECTION_NODE_VECTORS].size > 0)
		x->node_vectors = x->map + l->sections[SECTION_NODE_VECTORS].offset;
	if (l->sections[SECTION_VECTOR_RECORDS].size > 0)
		x->vector_records = x->map + l->sections[SECTION_VECTOR_RECORDS].offset;
	return 0;
}

static int make_codes(struct build *b, struct cel_error *e)
{
	struct hnsw_index *x = &b->view;
	size_t stride = x->graph.code_stride;
	if (codes_are_vectors(x->graph.metric)) { /* and each node has one */
		x->graph.codes = x->vectors;
		return 0;
	}
	int rc = pages_new(&b->codes, x->layout.n_nodes * stride, e);
	if (rc < 0)
		return rc;
	uint8_t *rows = b->codes.data;
	x->graph.codes = rows;
	MEM_CLEANUP float *scratch = mem_calloc(x->layout.schema.dim, sizeof *scratch);
	if (scratch == NULL)
		return error_nomem(e, x->layout.schema.dim * sizeof *scratch);
	bool is_exact = quantise_may_be_exact(&x->quantiser) && x->layout.n_nodes == x->layout.n_vectors;
	for (uint32_t i = 0; i < x->layout.n_nodes; i++) {
		quantise_row(&x->quantiser, index_vector(x, b->groups.node_first[i]), scratch, rows + i * stride);
		is_exact = is_exact && quantise_is_exact(&x->quantiser, scratch, rows + i * stride);
	}
	x->layout.is_exact = is_exact;
	return 0;
}

static int put_provisional(void *context, const uint8_t *rows, size_t size, struct cel_error *e)
{
	struct build *b = context;
	int rc = tempfile_write(&b->writer.file, rows, size, (long long)b->provisional.offset, e);
	b->provisional.offset += size;
	return rc;
}

/* The graph so far as a search will see it. The rows with their sketches lie in the file for the time being: in memory they
 * would be more than all the rest. The final ones overwrite them, and are the same but for a few. */
static int map_provisional(struct build *b, struct graph *graph, struct cel_error *e)
{
	struct provisional *p = &b->provisional;
	const struct layout *l = &b->view.layout;
	uint64_t start = l->sections[SECTION_LINKS].offset, skip = start % 4096;
	p->offset = start;
	int rc = rows_make(graph, &b->view.sketcher, l, NULL, b->team, &(struct rows_sink){put_provisional, b}, e);
	if (rc < 0)
		return rc;
	size_t size = l->sections[SECTION_LINKS].size + skip;
	void *map = mmap(NULL, size, PROT_READ, MAP_SHARED, b->writer.file.fd, (off_t)(start - skip));
	if (map == MAP_FAILED)
		return error_set_errno(e, CEL_EIO, errno, "cannot map the index that is being built");
	p->map = map;
	p->map_size = size;
	p->rows = p->map + skip;
	const void *rows = p->rows;
	graph->links[0] = rows;
	graph->width[0] = 2 * l->params.M;
	graph->pitch[0] = (uint32_t)layout_row_size(l->params.M, l->n_directions) / 4;
	graph->sketcher = &b->view.sketcher;
	return 0;
}

static int measure_recall(struct build *b, uint32_t held_out, struct cel_error *e)
{
	struct hnsw_index seen = b->view;
	seen.graph = *builder_graph(b->builder);
	struct recall_row rows[RECALL_ROWS_MAX];
	int n_rows = b->view.layout.n_directions > 0 ? map_provisional(b, &seen.graph, e) : 0;
	if (n_rows == 0)
		n_rows = recall_measure(&seen, held_out, b->team, rows, e);
	if (n_rows < 0)
		return n_rows;
	for (int i = 0; i < n_rows; i++)
		recall_row_encode(&rows[i], b->recall + (size_t)i * RECALL_ROW_SIZE);
	b->n_recall = (uint32_t)n_rows;
	return 0;
}

static int build_graph(struct build *b, struct cel_error *e)
{
	uint32_t n_nodes = b->view.layout.n_nodes;
	uint32_t held_out = recall_held_out(n_nodes, b->view.graph.metric);
	int rc = builder_insert(b->builder, n_nodes - held_out, &b->progress, e);
	if (rc == 0 && held_out > 0) {
		builder_trim(b->builder);
		rc = measure_recall(b, held_out, e);
		if (rc == 0)
			rc = builder_insert(b->builder, n_nodes, &b->progress, e);
	}
	if (rc < 0)
		return rc;
	builder_trim(b->builder);
	return builder_reach(b->builder, NULL, e);
}

static int grow_graph(struct build *b, struct cel_error *e)
{
	int rc = builder_new(&b->view.graph, b->params, b->team, &b->builder, e);
	if (rc < 0)
		return rc;
	if (b->parent == NULL)
		return build_graph(b, e);
	b->n_recall = b->parent->n_recall;
	memcpy(b->recall, b->parent->recall, (size_t)b->n_recall * RECALL_ROW_SIZE);
	return carry_graph(b->parent, &b->view, b->builder, &b->progress, e);
}

/* ---- the rest of the file */

static int put_rows(void *context, const uint8_t *rows, size_t size, struct cel_error *e)
{
	struct build *b = context;
	return file_writer_put(&b->writer, rows, size, e);
}

static int put_upper_links(struct build *b, uint32_t level, uint32_t width, struct cel_error *e)
{
	const struct graph *g = builder_graph(b->builder);
	uint8_t row[M_MAX * 4];
	int rc = 0;
	for (uint32_t node = 0; node < g->level_count[level] && rc == 0; node++) {
		const uint32_t *links = graph_row(g, level, node);
		for (uint32_t i = 0; i < width; i++)
			store_le32(row + (size_t)i * 4, links[i]);
		rc = file_writer_put(&b->writer, row, (size_t)width * 4, e);
	}
	return rc;
}

static int put_checksums(struct build *b, struct cel_error *e)
{
	const struct hnsw_index *x = &b->view;
	int rc = begin_section(b, SECTION_CHECKSUMS, e);
	for (uint32_t v = 0; v < x->layout.n_vectors && rc == 0; v++) {
		uint8_t word[8];
		store_le64(word, index_checksum(x, v));
		rc = file_writer_put(&b->writer, word, 8, e);
	}
	return rc;
}

static int write_graph(struct build *b, struct cel_error *e)
{
	struct layout *l = &b->view.layout;
	layout_place(l, b->ids_size, b->n_recall); /* only what comes last has changed */
	int rc = begin_section(b, SECTION_CODES, e);
	if (rc == 0)
		rc = file_writer_put(&b->writer, b->codes.data, l->sections[SECTION_CODES].size, e);
	if (rc == 0)
		rc = put_checksums(b, e);
	if (rc == 0)
		rc = begin_section(b, SECTION_LINKS, e);
	if (rc == 0)
		rc = rows_make(builder_graph(b->builder), &b->view.sketcher, l, b->provisional.rows, b->team,
			       &(struct rows_sink){put_rows, b}, e);
	if (rc == 0)
		rc = begin_section(b, SECTION_UPPER_LINKS, e);
	for (uint32_t level = 1; level < l->n_levels && rc == 0; level++)
		rc = put_upper_links(b, level, l->params.M, e);
	if (rc == 0)
		rc = begin_section(b, SECTION_RECALL, e);
	if (rc == 0)
		rc = file_writer_put(&b->writer, b->recall, (size_t)b->n_recall * RECALL_ROW_SIZE, e);
	return rc < 0 ? rc : file_writer_commit(&b->writer, l, e);
}

/* ---- all of it */

static int check_arguments(const struct cel_schema *schema, const struct hnsw_params *params, struct cel_error *e)
{
	if (params->M < M_MIN || params->M > M_MAX)
		return error_set(e, CEL_EUSAGE, "M = %u is not in %u..%u", params->M, M_MIN, M_MAX);
	if (params->ef_construction < 8 || params->ef_construction > 4096)
		return error_set(e, CEL_EUSAGE, "ef_construction = %u is not in 8..4096", params->ef_construction);
	return schema_check(schema, e);
}

static int run(struct build *b, struct hnsw_input *input, uint32_t threads, struct cel_error *e)
{
	const struct cel_schema *schema = &b->view.layout.schema;
	const struct simd_kernels *kernels = simd_select();
	if (kernels == NULL)
		return error_set(e, CEL_EUNAVAILABLE, "%s", simd_select_error());
	int rc = gather(schema, input, b->path, &b->gathered, e);
	if (rc == 0)
		rc = prepare(b, schema, kernels, e);
	if (rc == 0)
		rc = write_records(b, e);
	if (rc == 0)
		rc = map_records(b, e);
	if (rc < 0)
		return rc;
	gathered_release(&b->gathered);
	rc = make_codes(b, e);
	groups_release(&b->groups);
	if (rc == 0)
		rc = index_set_sketcher(&b->view, kernels, e);
	if (rc == 0)
		rc = team_new(threads > 0 ? threads : 1, &b->team, e);
	if (rc == 0)
		rc = grow_graph(b, e);
	return rc < 0 ? rc : write_graph(b, e);
}

static void build_release(struct build *b)
{
	builder_free(b->builder);
	sketcher_release(&b->view.sketcher);
	team_free(b->team);
	pages_release(&b->codes);
	groups_release(&b->groups);
	gathered_release(&b->gathered);
	mem_free(b->offset);
	if (b->view.map != NULL)
		munmap((void *)(uintptr_t)b->view.map, b->view.map_size);
	if (b->provisional.map != NULL)
		munmap(b->provisional.map, b->provisional.map_size);
	if (b->is_writing)
		file_writer_release(&b->writer);
}

static int make(struct build *b, const struct cid *tree, const struct cel_schema *schema,
		const struct hnsw_params *params, struct hnsw_input *input, uint32_t threads, struct cel_error *e)
{
	b->params = params;
	b->view.layout.tree = *tree;
	b->view.layout.schema = *schema;
	b->view.layout.params = *params;
	memset(b->view.layout.schema.model, 0, sizeof b->view.layout.schema.model);
	int rc = run(b, input, threads, e);
	build_release(b);
	mem_free(b);
	return rc;
}

int hnsw_build(const struct cel_schema *schema, const struct hnsw_params *params, const struct cid *tree,
	       struct hnsw_input *input, uint32_t threads, const char *path,
	       int (*progress)(void *context, uint64_t done, uint64_t total), void *progress_context,
	       struct cel_error *e)
{
	int rc = check_arguments(schema, params, e);
	if (rc < 0)
		return rc;
	struct build *b = mem_calloc(1, sizeof *b);
	if (b == NULL)
		return error_nomem(e, sizeof *b);
	b->path = path;
	b->progress = (struct progress){.told = progress, .context = progress_context};
	return make(b, tree, schema, params, input, threads, e);
}

int hnsw_carry(const struct hnsw_index *parent, const struct cid *tree, struct hnsw_input *input, uint64_t changes,
	       uint32_t threads, const char *path, int (*progress)(void *context, uint64_t done, uint64_t total),
	       void *progress_context, struct cel_error *e)
{
	int rc = hnsw_verify(parent, e);
	if (rc < 0)
		return rc;
	struct build *b = mem_calloc(1, sizeof *b);
	if (b == NULL)
		return error_nomem(e, sizeof *b);
	const struct layout *from = &parent->layout;
	b->path = path;
	b->parent = parent;
	b->progress = (struct progress){.told = progress, .context = progress_context};
	struct hnsw_lineage *lineage = &b->view.layout.lineage;
	*lineage = from->lineage;
	lineage->is_carried = true;
	lineage->origin = from->lineage.is_carried ? from->lineage.origin : from->tree;
	lineage->churn += changes;
	memcpy(lineage->parent, parent->digest, SHA256_SIZE);
	return make(b, tree, &from->schema, &from->params, input, threads, e);
}
