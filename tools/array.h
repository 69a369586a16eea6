/* SPDX-License-Identifier: Apache-2.0 */
/* Arrays that grow by what is added at their end. */
#ifndef TOOLS_ARRAY_H
#define TOOLS_ARRAY_H

#include "cel.h"

/* Room for `more` items of that size behind the n of an array, which is NULL at first and belongs to free(). Only this may make it
 * larger: how large it is nobody keeps, it follows from n. `array` is the address of the pointer, left as it was on CEL_ENOMEM. */
int array_room(void *array, size_t n, size_t more, size_t size, struct cel_error *e);

#endif
