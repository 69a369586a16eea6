/* SPDX-License-Identifier: Apache-2.0 */
/* The size that a frame says is looked at before any memory is taken for it, and nothing is unpacked beyond it: what
 * comes out is at most what the caller has allowed, whatever the bytes are. The contexts are made when they are first
 * needed, as most sessions go one way. */
#include "pack.h"

#include <zstd.h>

#include "alloc.h"
#include "error.h"

enum { LEVEL = 3 };

struct packer {
	ZSTD_CCtx *in;
	ZSTD_DCtx *out;
};

int packer_new(struct packer **out, struct cel_error *e)
{
	*out = mem_calloc(1, sizeof **out);
	return *out == NULL ? error_nomem(e, sizeof **out) : 0;
}

void packer_free(struct packer *p)
{
	if (p == NULL)
		return;
	ZSTD_freeCCtx(p->in);
	ZSTD_freeDCtx(p->out);
	mem_free(p);
}

int pack(struct packer *p, struct slice bytes, struct buf *out, struct cel_error *e)
{
	if (p->in == NULL && (p->in = ZSTD_createCCtx()) == NULL)
		return error_nomem(e, sizeof *p);
	size_t room = bytes.size - bytes.size / 20;
	int rc = buf_reserve(out, room, e);
	if (rc < 0)
		return rc;
	size_t n = ZSTD_compressCCtx(p->in, out->data + out->size, room, bytes.data, bytes.size, LEVEL);
	if (ZSTD_isError(n)) /* it needs more room than that, or memory that is not there: then it goes as it is */
		return 0;
	out->size += n;
	return 1;
}

int unpack(struct packer *p, struct slice packed, size_t max, struct buf *out, struct cel_error *e)
{
	unsigned long long size = ZSTD_getFrameContentSize(packed.data, packed.size);
	if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN || size > max)
		return error_set(e, CEL_EDATA, "packed bytes that do not say their size, or more than %zu", max);
	if (ZSTD_findFrameCompressedSize(packed.data, packed.size) != packed.size)
		return error_set(e, CEL_EDATA, "packed bytes that are not one whole frame");
	if (p->out == NULL && (p->out = ZSTD_createDCtx()) == NULL)
		return error_nomem(e, sizeof *p);
	int rc = buf_reserve(out, (size_t)size, e);
	if (rc < 0)
		return rc;
	size_t n = ZSTD_decompressDCtx(p->out, out->data + out->size, (size_t)size, packed.data, packed.size);
	if (ZSTD_isError(n) || n != size)
		return error_set(e, CEL_EDATA, "packed bytes that are damaged");
	out->size += n;
	return 0;
}
