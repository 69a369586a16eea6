/* SPDX-License-Identifier: Apache-2.0 */
/* Each library is driven the same way: as much input as there is, as much output as there is room for. Members (gzip),
 * frames (zstd) and streams (xz) that follow each other are one text, as their own tools see it. What differs is how
 * the end is known:
 *
 *     gzip   a member says that it is over; then comes another one or nothing
 *     zstd   the same with frames
 *     xz     the library is told that the input is over, and says whether that was a good place
 *
 * A file that stops half-way must never look like a short one, so only these places are an end. */
#include "decode.h"

#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include "alloc.h"
#include "cel.h"
#include "error.h"

#define XZ_MEMORY_MAX ((uint64_t)256 << 20)

struct decoder {
	enum decode_kind kind;
	bool is_between; /* members or frames: the input may end here, or another may begin */
	z_stream gzip;
	ZSTD_DStream *zstd;
	lzma_stream xz;
	lzma_allocator xz_allocator;
};

static const struct {
	const char *name;
	uint8_t magic[DECODE_MAGIC_MAX];
	size_t size;
} KINDS[] = {
	[DECODE_GZIP] = {"gzip", {0x1f, 0x8b, 0x08}, 3},
	[DECODE_ZSTD] = {"zstd", {0x28, 0xb5, 0x2f, 0xfd}, 4},
	[DECODE_XZ] = {"xz", {0xfd, '7', 'z', 'X', 'Z', 0x00}, 6},
};

enum decode_kind decode_detect(struct slice start)
{
	for (int kind = DECODE_GZIP; kind <= DECODE_XZ; kind++)
		if (start.size >= KINDS[kind].size && memcmp(start.data, KINDS[kind].magic, KINDS[kind].size) == 0)
			return (enum decode_kind)kind;
	return DECODE_NONE;
}

bool decode_may_begin(uint8_t first)
{
	return first == KINDS[DECODE_GZIP].magic[0] || first == KINDS[DECODE_ZSTD].magic[0] ||
	       first == KINDS[DECODE_XZ].magic[0];
}

static void *zlib_alloc(void *opaque, uInt count, uInt size)
{
	(void)opaque;
	return mem_realloc(NULL, count, size);
}

static void zlib_free(void *opaque, void *p)
{
	(void)opaque;
	mem_free(p);
}

static void *xz_alloc(void *opaque, size_t count, size_t size)
{
	(void)opaque;
	return mem_realloc(NULL, count, size);
}

static void xz_free(void *opaque, void *p)
{
	(void)opaque;
	mem_free(p);
}

static bool start(struct decoder *d)
{
	switch (d->kind) {
	case DECODE_GZIP:
		d->gzip.zalloc = zlib_alloc;
		d->gzip.zfree = zlib_free;
		return inflateInit2(&d->gzip, 15 + 16) == Z_OK;
	case DECODE_ZSTD:
		d->zstd = ZSTD_createDStream();
		return d->zstd != NULL;
	case DECODE_XZ:
		d->xz_allocator = (lzma_allocator){.alloc = xz_alloc, .free = xz_free};
		d->xz.allocator = &d->xz_allocator;
		return lzma_stream_decoder(&d->xz, XZ_MEMORY_MAX, LZMA_CONCATENATED) == LZMA_OK;
	case DECODE_NONE:
	default:
		return false;
	}
}

int decoder_new(enum decode_kind kind, struct decoder **out, struct cel_error *e)
{
	struct decoder *d = mem_calloc(1, sizeof *d);
	if (d == NULL)
		return error_nomem(e, sizeof *d);
	d->kind = kind;
	d->xz = (lzma_stream)LZMA_STREAM_INIT;
	if (!start(d)) {
		decoder_free(d);
		return error_nomem(e, 0);
	}
	*out = d;
	return 0;
}

void decoder_free(struct decoder *d)
{
	if (d == NULL)
		return;
	if (d->kind == DECODE_GZIP)
		inflateEnd(&d->gzip);
	ZSTD_freeDStream(d->zstd);
	lzma_end(&d->xz);
	mem_free(d);
}

static int damaged(const struct decoder *d, const char *why, struct cel_error *e)
{
	return error_set(e, CEL_EDATA, "the %s data is damaged: %s", KINDS[d->kind].name, why);
}

static int cut_short(const struct decoder *d, struct cel_error *e)
{
	return error_set(e, CEL_EDATA, "the %s data is cut short", KINDS[d->kind].name);
}

static int run_gzip(struct decoder *d, struct slice *in, uint8_t *out, size_t capacity, size_t *made,
		    struct cel_error *e)
{
	const size_t most = 1u << 30; /* zlib counts in 32 bits */
	z_stream *z = &d->gzip;
	if (d->is_between) {
		if (in->data[0] != KINDS[DECODE_GZIP].magic[0])
			return error_set(e, CEL_EDATA, "something that is no gzip data follows the gzip data");
		if (inflateReset(z) != Z_OK)
			return error_nomem(e, 0);
	}
	size_t offered = in->size < most ? in->size : most;
	z->next_in = (Bytef *)(uintptr_t)in->data; /* zlib does not write there */
	z->avail_in = (uInt)offered;
	z->next_out = out;
	z->avail_out = (uInt)(capacity < most ? capacity : most);
	int rc = inflate(z, Z_NO_FLUSH);
	size_t used = offered - z->avail_in;
	*in = slice_make(in->data + used, in->size - used);
	*made = (size_t)(z->next_out - out);
	d->is_between = rc == Z_STREAM_END;
	if (rc == Z_MEM_ERROR)
		return error_nomem(e, 0);
	if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR)
		return damaged(d, z->msg != NULL ? z->msg : "a dictionary is asked for", e);
	return 1;
}

static int run_zstd(struct decoder *d, struct slice *in, uint8_t *out, size_t capacity, size_t *made,
		    struct cel_error *e)
{
	ZSTD_inBuffer from = {.src = in->data, .size = in->size};
	ZSTD_outBuffer to = {.dst = out, .size = capacity};
	size_t rc = ZSTD_decompressStream(d->zstd, &to, &from);
	if (ZSTD_isError(rc))
		return damaged(d, ZSTD_getErrorName(rc), e);
	*in = slice_make(in->data + from.pos, in->size - from.pos);
	*made = to.pos;
	d->is_between = rc == 0;
	return 1;
}

static int run_xz(struct decoder *d, struct slice *in, bool is_end, uint8_t *out, size_t capacity, size_t *made,
		  struct cel_error *e)
{
	lzma_stream *x = &d->xz;
	x->next_in = in->data;
	x->avail_in = in->size;
	x->next_out = out;
	x->avail_out = capacity;
	lzma_ret rc = lzma_code(x, is_end ? LZMA_FINISH : LZMA_RUN);
	*in = slice_make(in->data + (in->size - x->avail_in), x->avail_in);
	*made = capacity - x->avail_out;
	switch (rc) {
	case LZMA_OK:
		return 1;
	case LZMA_STREAM_END:
		return 0;
	case LZMA_BUF_ERROR:
		return is_end && *made == 0 ? cut_short(d, e) : 1;
	case LZMA_MEM_ERROR:
		return error_nomem(e, 0);
	case LZMA_MEMLIMIT_ERROR:
		return error_set(e, CEL_EDATA, "the xz data wants more than %u MiB of memory",
				 (unsigned)(XZ_MEMORY_MAX >> 20));
	case LZMA_FORMAT_ERROR:
		return error_set(e, CEL_EDATA, "something that is no xz data follows the xz data");
	case LZMA_OPTIONS_ERROR:
		return damaged(d, "options that are not known here", e);
	default:
		return damaged(d, "its content does not fit its checks", e);
	}
}

int decoder_run(struct decoder *d, struct slice *in, bool is_end, uint8_t *out, size_t capacity, size_t *made,
		struct cel_error *e)
{
	*made = 0;
	if (d->kind == DECODE_XZ)
		return run_xz(d, in, is_end, out, capacity, made, e);
	size_t before = in->size;
	if (is_end && before == 0 && d->is_between)
		return 0;
	if (d->is_between && before == 0)
		return 1;
	int rc = d->kind == DECODE_GZIP ? run_gzip(d, in, out, capacity, made, e)
					: run_zstd(d, in, out, capacity, made, e);
	/* Output that was held back comes without input; when neither moves any more, the end is missing. */
	if (rc > 0 && is_end && before == 0 && *made == 0)
		return cut_short(d, e);
	return rc;
}
