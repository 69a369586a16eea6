/* SPDX-License-Identifier: Apache-2.0 */
/* See select.h. */
#include "select.h"

#include <inttypes.h>

void select_say(const struct cli *cli, const struct cel_selected *selected)
{
	if (selected->failed > 0)
		cli_say(cli, "the filter failed for %" PRIu64 " record%s, which do%s not count; the first: %s", selected->failed,
			selected->failed == 1 ? "" : "s", selected->failed == 1 ? "es" : "", selected->message);
}
