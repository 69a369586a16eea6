/* SPDX-License-Identifier: Apache-2.0 */
/* Whoever does long work calls this now and then, so that "stopped" is the same error everywhere. */
#include "tell.h"

#include "error.h"

int tell_progress(cel_progress_fn *call, void *context, const struct cel_progress *progress, struct cel_error *e)
{
	return call == NULL || call(context, progress) == 0 ? 0 : error_set(e, CEL_EBUSY, "stopped");
}

int tell_phase(cel_progress_fn *call, void *context, const char *phase, const char *unit, uint64_t total, struct cel_error *e)
{
	struct cel_progress progress = {.phase = phase, .unit = unit, .total = total};
	return tell_progress(call, context, &progress, e);
}
