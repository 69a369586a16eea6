/* SPDX-License-Identifier: Apache-2.0 */
/* The one allocator of the library: overflow-checked sizes and a hook that makes the Nth call fail in tests.
 * What returns a pointer returns NULL when memory is short; the caller turns that into error_nomem(). */
#ifndef BASE_ALLOC_H
#define BASE_ALLOC_H

#include <stddef.h>
#include <stdint.h>

struct cel_error;

void *mem_alloc(size_t size) __attribute__((malloc));
void *mem_calloc(size_t count, size_t size) __attribute__((malloc)); /* zeroed */
void *mem_realloc(void *p, size_t count, size_t size);               /* p stays valid on NULL */
void *mem_alloc_aligned(size_t alignment, size_t size);              /* zeroed; size is rounded up */
/* Room for `needed` items of that size in an array that grows: *array and *capacity (items; NULL and 0 at first) are as they were if
 * it cannot be had. `array` is the address of the pointer. CEL_ENOMEM. */
int mem_grow(void *array, size_t *capacity, size_t needed, size_t size, struct cel_error *e);
void *mem_dup(const void *data, size_t size);
char *mem_strdup(const char *text);
void mem_free(void *p); /* also what mem_alloc_aligned returned */

/* Many pages, zeroed, of which only those that are touched cost anything: from the system, past malloc, of which a debugging one
 * marks every byte. Given back by mem_unmap alone, with the same size. */
void *mem_map(size_t size);
void mem_unmap(void *p, size_t size); /* NULL is fine */

/* Tests: the Nth allocation from now on fails (1 = the next), every later one succeeds; 0 turns it off. */
void mem_fault_set(uint64_t nth);
/* Allocations since mem_fault_set; lets a test stop when the fault was never reached. */
uint64_t mem_fault_count(void);

#define MEM_CLEANUP __attribute__((cleanup(mem_cleanup)))
void mem_cleanup(void *pointer_to_pointer); /* for MEM_CLEANUP: frees *(void **)arg */

#endif
