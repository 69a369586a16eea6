/* SPDX-License-Identifier: Apache-2.0 */
/*      0  "CELINDEX", format, header size, tree CID, schema, parameters, counts, section table, lineage
 *   4032  body digest: SHA-256 over the SHA-256 of each 1 MiB chunk of the file behind the header
 *   4064  header digest: SHA-256 of bytes 0..4063, and so a digest of the whole file
 *   4096  sections, in the order of enum section
 *
 * Where a section lies and how large it is follows from the counts, so the table in a file must be the one we would
 * have written: there is one good header for a content. A digest keeps out accidents, not malice, so every number is
 * checked after it too. */
#include "layout.h"

#include <math.h>

#include "bytes.h"
#include "codes.h"
#include "error.h"
#include "record.h"
#include "sketch.h"

#define MAGIC "CELINDEX"
#define DIRECTIONS_AT 528u
#define BODY_DIGEST_AT 4032u
#define HEADER_DIGEST_AT 4064u
#define NAME_SIZE 8u
#define BIG_SECTION 65536u
#define SHORT_CODE 256u /* sketches of such bring 14 % more queries/s on the words, for a file twice as large */

static uint64_t align_up(uint64_t offset, uint64_t alignment)
{
	return (offset + alignment - 1) / alignment * alignment;
}

uint32_t layout_directions(const struct cel_schema *schema)
{
	if (!codes_are_bytes(schema->metric) || schema->metric == CEL_IP)
		return 0;
	return quantise_stride(schema->dim) > SHORT_CODE ? 128 : 0;
}

size_t layout_links_size(uint32_t M, uint32_t n_directions)
{
	size_t size = (size_t)M * 2 * 4;
	return n_directions > 0 ? align_up(size, 64) : size;
}

size_t layout_row_size(uint32_t M, uint32_t n_directions)
{
	size_t sketches = ((size_t)M * 2 + SKETCH_PLACES - 1) / SKETCH_PLACES;
	return layout_links_size(M, n_directions) + (n_directions > 0 ? sketches * sketch_size(n_directions) : 0);
}

void layout_place(struct layout *l, uint64_t ids_size, uint32_t recall_rows)
{
	size_t stride = codes_stride(l->schema.metric, l->schema.dim);
	uint64_t upper = 0;
	for (uint32_t level = 1; level < l->n_levels; level++)
		upper += l->level_count[level];
	const uint64_t sizes[SECTIONS] = {
		[SECTION_VECTORS] = l->n_vectors * schema_vector_size(&l->schema),
		[SECTION_CHECKSUMS] = l->n_vectors * 8,
		[SECTION_ID_OFFSETS] = (l->n_records + 1) * 8,
		[SECTION_IDS] = ids_size,
		[SECTION_BY_ID] = l->n_records * 4,
		[SECTION_NODE_VECTORS] = l->n_nodes == l->n_vectors ? 0 : ((uint64_t)l->n_nodes + 1) * 4,
		[SECTION_VECTOR_RECORDS] = l->n_vectors == l->n_records ? 0 : (l->n_vectors + 1) * 4,
		[SECTION_OFFSETS] = codes_are_bytes(l->schema.metric) ? (uint64_t)l->schema.dim * 4 : 0,
		[SECTION_CODES] = codes_are_vectors(l->schema.metric) ? 0 : l->n_nodes * (uint64_t)stride,
		[SECTION_LINKS] = (uint64_t)l->n_nodes * layout_row_size(l->params.M, l->n_directions),
		[SECTION_UPPER_LINKS] = upper * l->params.M * 4,
		[SECTION_RECALL] = (uint64_t)recall_rows * RECALL_ROW_SIZE,
	};
	uint64_t end = LAYOUT_HEADER_SIZE;
	for (uint32_t i = 0; i < SECTIONS; i++) {
		l->sections[i].offset = align_up(end, sizes[i] >= BIG_SECTION ? 4096 : 64);
		l->sections[i].size = sizes[i];
		end = l->sections[i].offset + sizes[i];
	}
	l->file_size = end;
}

static void put32(uint8_t **p, uint32_t v)
{
	store_le32(*p, v);
	*p += 4;
}

static void put64(uint8_t **p, uint64_t v)
{
	store_le64(*p, v);
	*p += 8;
}

static void put_name(uint8_t **p, const char *name)
{
	memcpy(*p, name, strnlen(name, NAME_SIZE)); /* the rest is 0 */
	*p += NAME_SIZE;
}

/* All zeros for a fresh build. */
static void put_lineage(uint8_t **p, const struct hnsw_lineage *lineage)
{
	if (!lineage->is_carried)
		return;
	memcpy(*p, lineage->parent, SHA256_SIZE);
	*p += SHA256_SIZE;
	cid_encode(&lineage->origin, *p);
	*p += CID_SIZE + 4;
	put64(p, lineage->churn);
}

void layout_encode(const struct layout *l, uint8_t header[LAYOUT_HEADER_SIZE])
{
	memset(header, 0, LAYOUT_HEADER_SIZE);
	uint8_t *p = header;
	memcpy(p, MAGIC, 8);
	p += 8;
	put32(&p, CEL_FORMAT_INDEX);
	put32(&p, LAYOUT_HEADER_SIZE);
	cid_encode(&l->tree, p);
	p += CID_SIZE + 4;
	put_name(&p, cel_type_name(l->schema.type));
	put_name(&p, cel_metric_name(l->schema.metric));
	put32(&p, l->schema.dim);
	put32(&p, l->params.M);
	put32(&p, l->params.ef_construction);
	store_le_f32(p, l->scale);
	p += 4;
	put64(&p, l->n_records);
	put64(&p, l->n_vectors);
	put32(&p, l->n_nodes);
	put32(&p, l->n_levels);
	for (uint32_t level = 0; level < LEVELS_MAX; level++)
		put32(&p, l->level_count[level]);
	put64(&p, l->file_size);
	put32(&p, SECTIONS);
	put32(&p, l->is_exact);
	for (uint32_t i = 0; i < SECTIONS; i++) {
		put64(&p, l->sections[i].offset);
		put64(&p, l->sections[i].size);
	}
	put_lineage(&p, &l->lineage);
	store_le32(header + DIRECTIONS_AT, l->n_directions);
	memcpy(header + BODY_DIGEST_AT, l->body_digest, SHA256_SIZE);
	sha256(header, HEADER_DIGEST_AT, header + HEADER_DIGEST_AT);
}

const uint8_t *layout_digest(const uint8_t header[LAYOUT_HEADER_SIZE])
{
	return header + HEADER_DIGEST_AT;
}

static uint32_t get32(const uint8_t **p)
{
	*p += 4;
	return load_le32(*p - 4);
}

static uint64_t get64(const uint8_t **p)
{
	*p += 8;
	return load_le64(*p - 8);
}

static void get_name(const uint8_t **p, char name[NAME_SIZE + 1])
{
	memcpy(name, *p, NAME_SIZE);
	name[NAME_SIZE] = '\0';
	*p += NAME_SIZE;
}

static bool is_sketch_good(const struct layout *l)
{
	uint32_t n = l->n_directions;
	if (n == 0)
		return true;
	return codes_are_bytes(l->schema.metric) && l->schema.metric != CEL_IP && n >= SKETCH_DIRECTIONS_MIN &&
	       n <= SKETCH_DIRECTIONS_MAX && (n & (n - 1)) == 0;
}

static int check_counts(const struct layout *l, struct cel_error *e)
{
	bool is_good = l->n_records <= RECORDS_MAX && l->n_vectors <= l->n_records && l->n_nodes <= l->n_vectors &&
		       l->n_nodes <= NODES_MAX && (l->n_nodes == 0) == (l->n_records == 0) &&
		       l->n_levels <= LEVELS_MAX && (l->n_levels == 0) == (l->n_nodes == 0) &&
		       l->level_count[0] == l->n_nodes;
	for (uint32_t level = 0; is_good && level < LEVELS_MAX; level++) {
		is_good = (l->level_count[level] > 0) == (level < l->n_levels) &&
			  (level == 0 || l->level_count[level] <= l->level_count[level - 1]);
	}
	is_good = is_good && l->params.M >= M_MIN && l->params.M <= M_MAX && isfinite(l->scale) && l->scale >= 0;
	is_good = is_good && is_sketch_good(l);
	is_good = is_good && (!codes_are_vectors(l->schema.metric) || l->n_nodes == l->n_vectors);
	return is_good ? 0 : error_set(e, CEL_ECORRUPT, "the index header has counts that cannot be");
}

static int check_sections(const struct layout *l, const uint8_t *table, struct cel_error *e)
{
	struct layout expected = *l;
	uint64_t ids_size = load_le64(table + SECTION_IDS * 16 + 8);
	uint64_t recall_size = load_le64(table + SECTION_RECALL * 16 + 8);
	if (ids_size > l->n_records * CEL_ID_MAX || recall_size > RECALL_ROWS_MAX * RECALL_ROW_SIZE)
		return error_set(e, CEL_ECORRUPT, "the index header has a section that is too large");
	layout_place(&expected, ids_size, (uint32_t)recall_size / RECALL_ROW_SIZE);
	bool is_good = expected.file_size == l->file_size;
	for (uint32_t i = 0; i < SECTIONS; i++)
		is_good = is_good && load_le64(table + i * 16) == expected.sections[i].offset &&
			  load_le64(table + i * 16 + 8) == expected.sections[i].size;
	return is_good ? 0 : error_set(e, CEL_ECORRUPT, "the index header has a section table that cannot be");
}

/* Names are cut at NAME_SIZE, which haversine alone exceeds. */
static int decode_metric(char name[NAME_SIZE + 1], enum cel_metric *out, struct cel_error *e)
{
	const char *haversine = cel_metric_name(CEL_HAVERSINE);
	return cel_metric_parse(memcmp(name, haversine, NAME_SIZE) == 0 ? haversine : name, out, e);
}

static int decode_schema(const uint8_t **p, struct layout *l, struct cel_error *e)
{
	char type[NAME_SIZE + 1], metric[NAME_SIZE + 1];
	int rc = cid_decode(slice_make(*p, CID_SIZE), &l->tree, e);
	*p += CID_SIZE + 4;
	get_name(p, type);
	get_name(p, metric);
	l->schema.dim = get32(p);
	if (rc == 0)
		rc = cel_type_parse(type, &l->schema.type, e);
	if (rc == 0)
		rc = decode_metric(metric, &l->schema.metric, e);
	if (rc == 0)
		rc = schema_check(&l->schema, e);
	if (rc < 0 && e != NULL)
		e->code = CEL_ECORRUPT;
	return rc < 0 ? CEL_ECORRUPT : 0;
}

static int decode_lineage(const uint8_t *p, struct hnsw_lineage *out, struct cel_error *e)
{
	static const uint8_t ZEROS[SHA256_SIZE + CID_SIZE + 4 + 8];
	if (memcmp(p, ZEROS, sizeof ZEROS) == 0)
		return 0;
	out->is_carried = true;
	memcpy(out->parent, p, SHA256_SIZE);
	p += SHA256_SIZE;
	int rc = cid_decode(slice_make(p, CID_SIZE), &out->origin, e);
	p += CID_SIZE + 4;
	out->churn = get64(&p);
	if (rc < 0 && e != NULL)
		e->code = CEL_ECORRUPT;
	return rc < 0 ? CEL_ECORRUPT : 0;
}

int layout_decode(const uint8_t header[LAYOUT_HEADER_SIZE], uint64_t file_size, struct layout *out, struct cel_error *e)
{
	struct layout l = {0};
	if (memcmp(header, MAGIC, 8) != 0)
		return error_set(e, CEL_ECORRUPT, "this is no index file");
	const uint8_t *p = header + 8;
	uint32_t format = get32(&p);
	if (format != CEL_FORMAT_INDEX)
		return error_set(e, CEL_ECONFIG, "the index has format %u, this program reads %u: build it again", format,
				 CEL_FORMAT_INDEX);
	uint8_t digest[SHA256_SIZE];
	sha256(header, HEADER_DIGEST_AT, digest);
	if (memcmp(digest, header + HEADER_DIGEST_AT, SHA256_SIZE) != 0)
		return error_set(e, CEL_ECORRUPT, "the index header does not match its digest");
	bool is_size_good = get32(&p) == LAYOUT_HEADER_SIZE;
	int rc = decode_schema(&p, &l, e);
	if (rc < 0)
		return rc;
	l.params.M = get32(&p);
	l.params.ef_construction = get32(&p);
	l.scale = load_le_f32(p);
	p += 4;
	l.n_records = get64(&p);
	l.n_vectors = get64(&p);
	l.n_nodes = get32(&p);
	l.n_levels = get32(&p);
	for (uint32_t level = 0; level < LEVELS_MAX; level++)
		l.level_count[level] = get32(&p);
	l.file_size = get64(&p);
	l.n_directions = load_le32(header + DIRECTIONS_AT);
	if (!is_size_good || l.file_size != file_size)
		return error_set(e, CEL_ECORRUPT, "the index file has %llu bytes, its header says %llu",
				 (unsigned long long)file_size, (unsigned long long)l.file_size);
	bool is_table_good = get32(&p) == SECTIONS;
	uint32_t exact = get32(&p);
	l.is_exact = exact == 1;
	rc = check_counts(&l, e);
	if (rc < 0)
		return rc;
	if (exact > 1 || (l.is_exact && (l.n_nodes != l.n_vectors || l.scale != 1 || l.schema.metric != CEL_L2)))
		return error_set(e, CEL_ECORRUPT, "the index header says of its codes what cannot be");
	if (!is_table_good)
		return error_set(e, CEL_ECORRUPT, "the index header has another number of sections");
	rc = check_sections(&l, p, e);
	if (rc == 0)
		rc = decode_lineage(p + SECTIONS * 16, &l.lineage, e);
	if (rc < 0)
		return rc;
	layout_place(&l, load_le64(p + SECTION_IDS * 16 + 8),
		     (uint32_t)(load_le64(p + SECTION_RECALL * 16 + 8) / RECALL_ROW_SIZE));
	memcpy(l.body_digest, header + BODY_DIGEST_AT, SHA256_SIZE);
	*out = l;
	return 0;
}
