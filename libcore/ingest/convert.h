/* SPDX-License-Identifier: Apache-2.0 */
/* Elements as they stand in files, and their way into stored elements. */
#ifndef INGEST_CONVERT_H
#define INGEST_CONVERT_H

#include "cel.h"
#include "slice.h"

enum number_kind { NUMBER_BF16, NUMBER_F16, NUMBER_F32, NUMBER_F64, NUMBER_I8, NUMBER_U8, NUMBER_B1 };

struct number_type {
	enum number_kind kind;
	bool is_big_endian;
};

/* "f32", "f64", "f16", "bf16", "i8", "u8": little-endian; "b1": packed as they are stored. CEL_EUSAGE. */
int number_type_parse(const char *name, struct number_type *out, struct cel_error *e);
size_t numbers_size(struct number_type type, uint32_t count); /* bytes that count of them take */
/* Whether numbers of the type, if finite, are stored elements as they stand. */
bool convert_is_identity(struct number_type from, enum cel_type to);
/* count numbers, not b1, to count elements: for b1 0 and 1 to bits. CEL_EDATA names the element (from 1) that has no place in the type. */
int convert_numbers(struct number_type from, const uint8_t *in, size_t count, enum cel_type to, uint8_t *out,
		    struct cel_error *e);
int convert_doubles(const double *in, size_t count, enum cel_type to, uint8_t *out, struct cel_error *e);
/* Bits as two hexadecimal digits a byte, in the stored order: out has size / 2 bytes. False if it is anything else. */
bool convert_hex(struct slice text, uint8_t *out);

#endif
