/* SPDX-License-Identifier: Apache-2.0 */
/* The one allocator of the library: overflow-checked sizes and a hook that makes the Nth call fail in tests.
 * All functions return NULL when memory is short; the caller turns that into error_nomem(). */
#ifndef BASE_ALLOC_H
#define BASE_ALLOC_H

#include <stddef.h>
#include <stdint.h>

void *mem_alloc(size_t size) __attribute__((malloc));
void *mem_calloc(size_t count, size_t size) __attribute__((malloc)); /* zeroed */
void *mem_realloc(void *p, size_t count, size_t size);               /* p stays valid on NULL */
void *mem_alloc_aligned(size_t alignment, size_t size);              /* zeroed; size is rounded up */
void *mem_dup(const void *data, size_t size);
char *mem_strdup(const char *text);
void mem_free(void *p); /* also what mem_alloc_aligned returned */

/* Tests: the Nth allocation from now on fails (1 = the next), every later one succeeds; 0 turns it off. */
void mem_fault_set(uint64_t nth);
/* Allocations since mem_fault_set; lets a test stop when the fault was never reached. */
uint64_t mem_fault_count(void);

#define MEM_CLEANUP __attribute__((cleanup(mem_cleanup)))
void mem_cleanup(void *pointer_to_pointer); /* for MEM_CLEANUP: frees *(void **)arg */

#endif
