/* SPDX-License-Identifier: Apache-2.0 */
/* The rules every record obeys, whether it came from a file, a peer or the store. */
#ifndef BASE_RECORD_H
#define BASE_RECORD_H

#include "cel.h"
#include "slice.h"

/* Well-formed UTF-8: no overlong forms, no surrogates, at most U+10FFFF. */
bool utf8_is_valid(struct slice text);

/* 1..CEL_ID_MAX bytes of UTF-8 without control characters (U+0000..1F, 7F, 80..9F); else CEL_EDATA. */
int record_check_id(struct slice id, struct cel_error *e);

/* [a-z0-9][a-z0-9._-]{0,62}; else CEL_EUSAGE. */
int record_check_collection_name(const char *name, struct cel_error *e);

/* A vector of elements as stored: of the right size, no NaN or infinity, and for cosine not all zero, nor of a norm that a
 * float cannot hold; jsd: nothing negative, not all zero; haversine: degrees; b1: no bit behind the last element. Else
 * CEL_EDATA with the position. */
int record_check_vector(const struct cel_schema *schema, struct slice vector, struct cel_error *e);

int schema_check(const struct cel_schema *schema, struct cel_error *e); /* CEL_EUSAGE */
bool schema_equal(const struct cel_schema *a, const struct cel_schema *b);
size_t schema_vector_size(const struct cel_schema *schema); /* bytes of a vector */

#endif
