/* SPDX-License-Identifier: Apache-2.0 */
/* What tells a row of an index file from a damaged one when it becomes an answer. It is quick rather than strong: a digest of
 * the whole file stands in its header for those who do not trust it. */
#ifndef HNSW_CHECKSUM_H
#define HNSW_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

uint64_t checksum(const uint8_t *data, size_t size);

#endif
