/* SPDX-License-Identifier: Apache-2.0 */
/* Elements of vectors: conversion between double or float and the stored little-endian forms. Portable and exact:
 * rounding is to nearest even, done on bits; subnormals and -0 are kept. */
#ifndef BASE_ELEMENT_H
#define BASE_ELEMENT_H

#include "cel.h"

/* One element to its stored bytes (cel_type_size(type) of them; b1: a byte 0 or 1, to be packed with bit_set). CEL_EDATA if
 * value is NaN or infinite, overflows the type, or is not exact for an integer type. */
int element_store(enum cel_type type, double value, uint8_t *out, struct cel_error *e);

/* Bits are packed with the first in the highest bit of the first byte. */
static inline bool bit_get(const uint8_t *bits, size_t position)
{
	return (bits[position / 8] >> (7 - position % 8) & 1) != 0;
}

static inline void bit_set(uint8_t *bits, size_t position)
{
	bits[position / 8] = (uint8_t)(bits[position / 8] | 0x80u >> position % 8);
}

/* count elements from stored bytes to float (exact for every type). */
void element_widen(enum cel_type type, const uint8_t *in, size_t count, float *out);

float f16_to_f32(uint16_t bits);
float bf16_to_f32(uint16_t bits);
uint16_t f64_to_f16(double value);  /* nearest even; overflow gives infinity */
uint16_t f64_to_bf16(double value); /* the same; from double directly, no double rounding */

#endif
