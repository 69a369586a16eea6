/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of store.h that trees and commits use, over a hash map in memory: no files, faults on request. Reads verify
 * the hash as the real store does. Its own memory is not from mem_alloc, so allocation faults hit only the code under
 * test. */
#ifndef PROLLY_TEST_FAKE_STORE_H
#define PROLLY_TEST_FAKE_STORE_H

#include "store.h"

struct fake_store;
struct fake_store *fake_store_new(void);
void fake_store_free(struct fake_store *s);
struct store_batch *fake_store_batch(struct fake_store *s); /* both live as long as the store */
struct store_read *fake_store_read(struct fake_store *s);

size_t fake_store_count(const struct fake_store *s); /* blocks */
/* The i-th block in the order in which they were put. */
const struct cid *fake_store_block(const struct fake_store *s, size_t i, struct slice *block);
bool fake_store_remove(struct fake_store *s, const struct cid *cid);
void fake_store_flip(struct fake_store *s, const struct cid *cid, size_t bit); /* of the stored bytes */
/* The Nth put or read from now on fails with CEL_EIO (1 = the next); 0: none. */
void fake_store_fail(struct fake_store *s, uint64_t nth);

/* Sets a ref (NULL: removes it) and writes its log. */
void fake_store_set_ref(struct fake_store *s, const char *ref, const struct cid *cid, int64_t time);

#endif
