/* SPDX-License-Identifier: Apache-2.0 */
/* Celestica: a versioned, decentralised vector database. The one header to include; its sections are files of their own.
 *
 * Ownership: inputs are borrowed; what a _new, _open or _detach function returns is the caller's until the
 * matching _free; text and slices inside a returned struct live until the next call on the object that returned
 * them, or until that object is freed, whichever is first.
 *
 * Errors: functions return 0 (or a count, where said) or a negative CEL_E code; the last parameter is a
 * caller-owned struct cel_error, filled on failure only. The library never prints and never exits.
 *
 * Iterators are named _next: 1 an item, 0 the end, negative an error.
 *
 * Threads: one cel_store may be used by several threads; every other object by one thread at a time.
 */
#ifndef CEL_H
#define CEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#ifdef __GNUC__
#pragma GCC visibility push(default) /* the library is built with hidden visibility; what stands here is exported */
#endif

#include "celestica/cel_types.h"
#include "celestica/cel_progress.h"
#include "celestica/cel_store.h"
#include "celestica/cel_collection.h"
#include "celestica/cel_history.h"
#include "celestica/cel_records.h"
#include "celestica/cel_diff.h"
#include "celestica/cel_merge.h"
#include "celestica/cel_source.h"
#include "celestica/cel_build.h"
#include "celestica/cel_query.h"
#include "celestica/cel_integrity.h"
#include "celestica/cel_stat.h"
#include "celestica/cel_peer.h"

#ifdef __GNUC__
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif

#endif
