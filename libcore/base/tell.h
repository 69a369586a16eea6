/* SPDX-License-Identifier: Apache-2.0 */
/* Telling the caller how far it is. */
#ifndef BASE_TELL_H
#define BASE_TELL_H

#include "cel.h"

/* call may be NULL. CEL_EBUSY if it wants the work stopped. */
int tell_progress(cel_progress_fn *call, void *context, const struct cel_progress *progress, struct cel_error *e);
/* A phase begins. */
int tell_phase(cel_progress_fn *call, void *context, const char *phase, const char *unit, uint64_t total, struct cel_error *e);

#endif
