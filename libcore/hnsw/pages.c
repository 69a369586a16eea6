/* SPDX-License-Identifier: Apache-2.0 */
/* The advice must come before the first touch, so this cannot be mem_alloc_aligned, which clears. Huge pages save
 * page walks (a walk over 40 MB of codes misses the TLB at nearly every node); if the system refuses, nothing is lost. */
#include "pages.h"

#include <stdint.h>
#include <sys/mman.h>

#include "alloc.h"
#include "error.h"

#define HUGE_PAGE (2u << 20)

int pages_new(struct pages *p, size_t bytes, struct cel_error *e)
{
	size_t alignment = bytes >= HUGE_PAGE ? HUGE_PAGE : 64;
	size_t room;
	*p = (struct pages){0};
	if (__builtin_add_overflow(bytes, alignment, &room) || (p->allocation = mem_alloc(room)) == NULL)
		return error_nomem(e, bytes);
	size_t skip = (alignment - (uintptr_t)p->allocation % alignment) % alignment;
	p->data = (uint8_t *)p->allocation + skip;
	if (alignment == HUGE_PAGE)
		madvise(p->data, bytes / HUGE_PAGE * HUGE_PAGE, MADV_HUGEPAGE);
	return 0;
}

void pages_release(struct pages *p)
{
	mem_free(p->allocation);
	*p = (struct pages){0};
}
