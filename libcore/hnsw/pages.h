/* SPDX-License-Identifier: Apache-2.0 */
/* Large arrays that are read at random: aligned, and on huge pages where the system gives them. Content undefined. */
#ifndef HNSW_PAGES_H
#define HNSW_PAGES_H

#include <stddef.h>

struct cel_error;

struct pages {
	void *data; /* aligned to 64 at least */
	void *allocation;
};

int pages_new(struct pages *p, size_t bytes, struct cel_error *e);
void pages_release(struct pages *p);

#endif
