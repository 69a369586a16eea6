/* SPDX-License-Identifier: Apache-2.0 */
/* Pieces of memory packed by zstd, each by itself. */
#ifndef IO_PACK_H
#define IO_PACK_H

#include "buf.h"

struct packer;
int packer_new(struct packer **out, struct cel_error *e);
void packer_free(struct packer *p);

/* Appends one frame of zstd: 1, or 0 and nothing if it would save less than a twentieth. */
int pack(struct packer *p, struct slice bytes, struct buf *out, struct cel_error *e);
/* Appends what is in the frame. CEL_EDATA unless it is one whole frame that says its size, at most max. */
int unpack(struct packer *p, struct slice packed, size_t max, struct buf *out, struct cel_error *e);

#endif
