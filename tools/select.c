/* SPDX-License-Identifier: Apache-2.0 */
/* See select.h. */
#include "select.h"

#include <inttypes.h>

bool select_take(const struct cli *cli, int id, struct cel_select *select)
{
	switch (id) {
	case SELECT_PREFIX:
		select->prefix = cli->value;
		return true;
	case SELECT_FILTER:
		select->filter = cli->value;
		return true;
	default:
		return false;
	}
}

void select_say(const struct cli *cli, const struct cel_selected *selected)
{
	if (selected->failed > 0)
		cli_say(cli, "the filter failed for %" PRIu64 " record%s, which do%s not count; the first: %s", selected->failed,
			selected->failed == 1 ? "" : "s", selected->failed == 1 ? "es" : "", selected->message);
}
