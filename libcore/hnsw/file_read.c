/* SPDX-License-Identifier: Apache-2.0 */
/* Opening maps the file and checks the header, which fixes where every section lies; nothing else is read, so the cost
 * does not depend on the size. What stands in the sections is checked where it is used: every ordinal and offset
 * before it leads anywhere, and what answers come from against its checksum. */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc.h"
#include "bytes.h"
#include "codes.h"
#include "error.h"
#include "index.h"

static int map_file(struct hnsw_index *x, const char *path, struct cel_error *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_set_errno(e, errno == ENOENT ? CEL_ENOTFOUND : CEL_EIO, errno, "cannot open index %s", path);
	struct stat status;
	int rc = 0;
	if (fstat(fd, &status) < 0)
		rc = error_set_errno(e, CEL_EIO, errno, "cannot stat index %s", path);
	else if (!S_ISREG(status.st_mode) || status.st_size < (off_t)LAYOUT_HEADER_SIZE)
		rc = error_set(e, CEL_ECORRUPT, "%s is too short for an index file", path);
	if (rc == 0) {
		void *map = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_SHARED, fd, 0);
		if (map == MAP_FAILED) {
			rc = error_set_errno(e, CEL_EIO, errno, "cannot map index %s", path);
		} else {
			x->map = map;
			x->map_size = (size_t)status.st_size;
		}
	}
	close(fd);
	return rc;
}

void index_set_links(struct graph *g, const struct layout *l, const uint8_t *links, const uint8_t *upper)
{
	uint32_t M = l->params.M;
	const void *row = links; /* sections are aligned to 64 */
	g->links[0] = row;
	g->width[0] = 2 * M;
	g->pitch[0] = (uint32_t)layout_row_size(M, l->n_directions) / 4;
	for (uint32_t level = 1; level < g->n_levels; level++) {
		row = upper;
		g->links[level] = row;
		g->width[level] = g->pitch[level] = M;
		upper += (size_t)g->level_count[level] * M * 4;
	}
}

int index_set_sketcher(struct hnsw_index *x, const struct simd_kernels *kernels, struct cel_error *e)
{
	const struct layout *l = &x->layout;
	if (l->n_directions == 0)
		return 0;
	return sketcher_init(&x->sketcher, kernels, l->schema.dim, l->n_directions, SKETCH_CAUTION, e);
}

static const uint8_t *section(const struct hnsw_index *x, enum section number)
{
	return x->map + x->layout.sections[number].offset;
}

/* The kernels are kept in three places so that each part can be used alone. */
static void set_views(struct hnsw_index *x, const struct simd_kernels *kernels)
{
	const struct layout *l = &x->layout;
	const void *offset = section(x, SECTION_OFFSETS);
	x->quantiser = (struct quantiser){
		.kernels = kernels, .type = l->schema.type, .metric = l->schema.metric, .dim = l->schema.dim,
		.scale = l->scale, .offset = offset,
	};
	x->measure = (struct measure){
		.kernels = kernels, .type = l->schema.type, .metric = l->schema.metric, .dim = l->schema.dim,
	};
	x->graph = (struct graph){
		.kernels = kernels, .n_nodes = l->n_nodes, .n_levels = l->n_levels,
		.codes = section(x, codes_are_vectors(l->schema.metric) ? SECTION_VECTORS : SECTION_CODES),
		.code_stride = codes_stride(l->schema.metric, l->schema.dim),
		.metric = l->schema.metric, .dim = l->schema.dim,
	};
	memcpy(x->graph.level_count, l->level_count, sizeof l->level_count);
	x->graph.sketcher = l->n_directions > 0 ? &x->sketcher : NULL;
	index_set_links(&x->graph, l, section(x, SECTION_LINKS), section(x, SECTION_UPPER_LINKS));
	x->vector_size = cel_vector_size(l->schema.type, l->schema.dim);
	x->vectors = section(x, SECTION_VECTORS);
	x->checksums = section(x, SECTION_CHECKSUMS);
	x->id_offsets = section(x, SECTION_ID_OFFSETS);
	x->ids = section(x, SECTION_IDS);
	x->by_id = section(x, SECTION_BY_ID);
	x->node_vectors = l->sections[SECTION_NODE_VECTORS].size > 0 ? section(x, SECTION_NODE_VECTORS) : NULL;
	x->vector_records = l->sections[SECTION_VECTOR_RECORDS].size > 0 ? section(x, SECTION_VECTOR_RECORDS) : NULL;
	x->recall = section(x, SECTION_RECALL);
	x->n_recall = (uint32_t)(l->sections[SECTION_RECALL].size / RECALL_ROW_SIZE);
}

int hnsw_open(const char *path, struct hnsw_index **out, struct cel_error *e)
{
	const struct simd_kernels *kernels = simd_select();
	if (kernels == NULL)
		return error_set(e, CEL_EUNAVAILABLE, "%s", simd_select_error());
	struct hnsw_index *x = mem_calloc(1, sizeof *x);
	if (x == NULL)
		return error_nomem(e, sizeof *x);
	int rc = map_file(x, path, e);
	if (rc == 0) {
		rc = layout_decode(x->map, x->map_size, &x->layout, e);
		if (rc < 0)
			error_context(e, "index %s", path);
	}
	if (rc == 0) {
		/* Zero pages until touched: this does not grow with the file either. */
		x->checked = mem_calloc(x->layout.n_vectors / 64 + 1, sizeof *x->checked);
		if (x->checked == NULL)
			rc = error_nomem(e, x->layout.n_vectors / 8);
	}
	if (rc == 0)
		rc = index_set_sketcher(x, kernels, e);
	if (rc < 0) {
		hnsw_close(x);
		return rc;
	}
	memcpy(x->digest, layout_digest(x->map), SHA256_SIZE);
	set_views(x, kernels);
	madvise((void *)(uintptr_t)x->map, x->map_size, MADV_RANDOM); /* a walk has no use for read-ahead */
	*out = x;
	return 0;
}

void hnsw_close(struct hnsw_index *x)
{
	if (x == NULL)
		return;
	if (x->map != NULL)
		munmap((void *)(uintptr_t)x->map, x->map_size);
	sketcher_release(&x->sketcher);
	mem_free(x->checked);
	mem_free(x);
}

int hnsw_verify(const struct hnsw_index *x, struct cel_error *e)
{
	struct sha256 root;
	uint8_t digest[SHA256_SIZE];
	sha256_init(&root);
	madvise((void *)(uintptr_t)x->map, x->map_size, MADV_SEQUENTIAL);
	for (size_t start = LAYOUT_HEADER_SIZE; start < x->map_size; start += LAYOUT_CHUNK_SIZE) {
		size_t left = x->map_size - start;
		sha256(x->map + start, left < LAYOUT_CHUNK_SIZE ? left : LAYOUT_CHUNK_SIZE, digest);
		sha256_update(&root, digest, sizeof digest);
	}
	madvise((void *)(uintptr_t)x->map, x->map_size, MADV_RANDOM);
	sha256_final(&root, digest);
	if (memcmp(digest, x->layout.body_digest, sizeof digest) != 0)
		return error_set(e, CEL_ECORRUPT, "the index file does not match its digest: build it again");
	return 0;
}

void hnsw_info(const struct hnsw_index *x, struct hnsw_info *out)
{
	*out = (struct hnsw_info){
		.tree = x->layout.tree, .schema = x->layout.schema, .params = x->layout.params,
		.n_records = x->layout.n_records, .n_nodes = x->layout.n_vectors, .file_size = x->layout.file_size,
		.lineage = x->layout.lineage,
	};
	memcpy(out->digest, x->digest, SHA256_SIZE);
}

static int range_check(struct range range, uint64_t limit, const char *what, struct cel_error *e)
{
	if (range.start >= range.end || range.end > limit)
		return error_set(e, CEL_ECORRUPT, "the index file has a bad %s: build it again", what);
	return 0;
}

int index_node_vectors(const struct hnsw_index *x, uint32_t node, struct range *out, struct cel_error *e)
{
	*out = (struct range){node, node + 1};
	if (x->node_vectors == NULL)
		return 0;
	const uint8_t *p = x->node_vectors + (size_t)node * 4;
	*out = (struct range){load_le32(p), load_le32(p + 4)};
	return range_check(*out, x->layout.n_vectors, "list of vectors", e);
}

int index_vector_records(const struct hnsw_index *x, uint32_t vector, struct range *out, struct cel_error *e)
{
	*out = (struct range){vector, vector + 1};
	if (x->vector_records == NULL)
		return 0;
	const uint8_t *p = x->vector_records + (size_t)vector * 4;
	*out = (struct range){load_le32(p), load_le32(p + 4)};
	return range_check(*out, x->layout.n_records, "list of records", e);
}

int index_id(const struct hnsw_index *x, uint32_t record, struct slice *out, struct cel_error *e)
{
	const uint8_t *p = x->id_offsets + (size_t)record * 8;
	uint64_t start = load_le64(p), end = load_le64(p + 8);
	if (start >= end || end > x->layout.sections[SECTION_IDS].size || end - start > CEL_ID_MAX)
		return error_set(e, CEL_ECORRUPT, "the index file has a bad id: build it again");
	*out = slice_make(x->ids + start, end - start);
	return 0;
}
