/* SPDX-License-Identifier: Apache-2.0 */
/* The header of NumPy's .npy format, versions 1.0, 2.0 and 3.0 (numpy.lib.format). */
#ifndef INGEST_NPY_H
#define INGEST_NPY_H

#include "convert.h"

struct stream;

#define NPY_HEADER_MAX (64u << 10) /* bytes */
#define NPY_MAGIC "\x93NUMPY"
#define NPY_MAGIC_SIZE 6u

struct npy_header {
	struct number_type type;
	bool is_bool; /* bytes 0 and 1, type u8 */
	bool is_fortran_order;
	uint32_t n_dims; /* 0..2 are kept in shape, more are counted only */
	uint64_t shape[2];
};

/* Reads and consumes it. CEL_EDATA without context. */
int npy_read_header(struct stream *s, struct npy_header *out, struct cel_error *e);

#endif
