/* SPDX-License-Identifier: Apache-2.0 */
/* malloc with checked sizes. The fault hook counts every call while it is armed, so a test can let the first,
 * second, third ... allocation of an operation fail until the operation gets through. */
#include "alloc.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "error.h"

static _Atomic uint64_t fault_nth;
static _Atomic uint64_t fault_count;

void mem_fault_set(uint64_t nth)
{
	atomic_store(&fault_count, 0);
	atomic_store(&fault_nth, nth);
}

uint64_t mem_fault_count(void)
{
	return atomic_load(&fault_count);
}

static int is_failing(void)
{
	uint64_t nth = atomic_load_explicit(&fault_nth, memory_order_relaxed);
	return nth != 0 && atomic_fetch_add(&fault_count, 1) + 1 == nth;
}

void *mem_alloc(size_t size)
{
	return is_failing() ? NULL : malloc(size > 0 ? size : 1);
}

void *mem_calloc(size_t count, size_t size)
{
	return is_failing() ? NULL : calloc(count > 0 ? count : 1, size > 0 ? size : 1);
}

void *mem_realloc(void *p, size_t count, size_t size)
{
	size_t bytes;
	if (__builtin_mul_overflow(count, size, &bytes) || is_failing())
		return NULL;
	return realloc(p, bytes > 0 ? bytes : 1);
}

int mem_grow(void *array, size_t *capacity, size_t needed, size_t size, struct cel_error *e)
{
	if (needed <= *capacity)
		return 0;
	size_t larger = *capacity <= SIZE_MAX / 2 - 8 ? *capacity * 2 + 8 : SIZE_MAX;
	if (larger < needed)
		larger = needed;
	void *items;
	memcpy(&items, array, sizeof items);
	items = mem_realloc(items, larger, size);
	if (items == NULL)
		return error_nomem(e, larger > SIZE_MAX / size ? SIZE_MAX : larger * size);
	memcpy(array, &items, sizeof items);
	*capacity = larger;
	return 0;
}

void *mem_alloc_aligned(size_t alignment, size_t size)
{
	size_t rounded;
	if (__builtin_add_overflow(size, alignment - 1, &rounded) || is_failing())
		return NULL;
	rounded -= rounded % alignment;
	void *p = aligned_alloc(alignment, rounded > 0 ? rounded : alignment);
	if (p != NULL)
		memset(p, 0, rounded);
	return p;
}

void *mem_map(size_t size)
{
	if (is_failing())
		return NULL;
	void *p = mmap(NULL, size > 0 ? size : 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return p != MAP_FAILED ? p : NULL;
}

void mem_unmap(void *p, size_t size)
{
	if (p != NULL)
		munmap(p, size > 0 ? size : 1);
}

void *mem_dup(const void *data, size_t size)
{
	void *copy = mem_alloc(size);
	if (copy != NULL && size > 0)
		memcpy(copy, data, size);
	return copy;
}

char *mem_strdup(const char *text)
{
	return mem_dup(text, strlen(text) + 1);
}

void mem_free(void *p)
{
	free(p);
}

void mem_cleanup(void *pointer_to_pointer)
{
	void *p;
	memcpy(&p, pointer_to_pointer, sizeof p);
	free(p);
}
