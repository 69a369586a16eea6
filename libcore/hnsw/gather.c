/* SPDX-License-Identifier: Apache-2.0 */
/* Records come in id order, the index wants vectors in the order of a hash, several times. So they are written
 * once to a scratch file, mapped, and read from there; the kernel may drop those pages, unlike ours. */
#include "gather.h"

#include <errno.h>
#include <sys/mman.h>

#include "alloc.h"
#include "buf.h"
#include "error.h"
#include "layout.h"
#include "record.h"
#include "tempfile.h"

#define BLOCK_SIZE (1u << 20)

struct gatherer {
	struct gathered *out;
	struct tempfile file;
	struct buf ids, block;
	long long written;
};

static int flush(struct gatherer *g, struct cel_error *e)
{
	int rc = tempfile_write(&g->file, g->block.data, g->block.size, g->written, e);
	g->written += (long long)g->block.size;
	buf_clear(&g->block);
	return rc;
}

static int add(struct gatherer *g, struct slice id, struct slice vector, struct cel_error *e)
{
	struct gathered *out = g->out;
	if (vector.size != out->vector_size)
		return error_set(e, CEL_EDATA, "a vector has %zu bytes, not %zu", vector.size, out->vector_size);
	if (id.size == 0 || id.size > CEL_ID_MAX)
		return error_set(e, CEL_EDATA, "an id has %zu bytes", id.size);
	if (out->n > 0) {
		size_t start = out->id_offsets[out->n - 1];
		if (slice_compare(slice_make(g->ids.data + start, g->ids.size - start), id) >= 0)
			return error_set(e, CEL_EINTERNAL, "records for the index are not in id order");
	}
	int rc = buf_append(&g->ids, id.data, id.size, e);
	if (rc == 0)
		rc = buf_append(&g->block, vector.data, vector.size, e);
	if (rc < 0)
		return rc;
	out->id_offsets[++out->n] = g->ids.size;
	return g->block.size >= BLOCK_SIZE ? flush(g, e) : 0;
}

static int read_input(struct gatherer *g, struct hnsw_input *input, struct cel_error *e)
{
	struct slice id, vector;
	int rc;
	while ((rc = input->next(input->context, &id, &vector, e)) > 0) {
		if (g->out->n == input->count)
			return error_set(e, CEL_EINTERNAL, "more records for the index than announced");
		rc = add(g, id, vector, e);
		if (rc < 0)
			return rc;
	}
	if (rc == 0 && g->out->n != input->count)
		return error_set(e, CEL_EINTERNAL, "%llu records for the index, not %llu", (unsigned long long)g->out->n,
				 (unsigned long long)input->count);
	return rc < 0 ? rc : flush(g, e);
}

static int map_vectors(struct gatherer *g, struct cel_error *e)
{
	struct gathered *out = g->out;
	out->ids = g->ids.data;
	g->ids = (struct buf){0};
	if (g->written == 0)
		return 0;
	void *map = mmap(NULL, (size_t)g->written, PROT_READ, MAP_SHARED, g->file.fd, 0);
	if (map == MAP_FAILED)
		return error_set_errno(e, CEL_EIO, errno, "cannot map the scratch file of the index");
	out->vectors = map;
	out->map_size = (size_t)g->written;
	return 0;
}

int gather(const struct cel_schema *schema, struct hnsw_input *input, const char *path, struct gathered *out,
	   struct cel_error *e)
{
	*out = (struct gathered){.vector_size = schema_vector_size(schema)};
	if (input->count > RECORDS_MAX)
		return error_set(e, CEL_EDATA, "an index holds at most %u records", RECORDS_MAX);
	struct gatherer g = {.out = out};
	int rc = tempfile_open(&g.file, path, e);
	if (rc < 0)
		return rc;
	out->id_offsets = mem_calloc(input->count + 1, sizeof *out->id_offsets);
	if (out->id_offsets == NULL)
		rc = error_nomem(e, input->count * sizeof *out->id_offsets);
	if (rc == 0)
		rc = read_input(&g, input, e);
	if (rc == 0)
		rc = map_vectors(&g, e);
	tempfile_discard(&g.file);
	buf_release(&g.ids);
	buf_release(&g.block);
	if (rc < 0)
		gathered_release(out);
	return rc;
}

void gathered_release(struct gathered *g)
{
	if (g->vectors != NULL)
		munmap((void *)(uintptr_t)g->vectors, g->map_size);
	mem_free(g->ids);
	mem_free(g->id_offsets);
	*g = (struct gathered){0};
}
