/* SPDX-License-Identifier: Apache-2.0 */
/* See source.h. */
#include "source.h"

int source_check(const struct cli *cli, struct cel_source_options *source)
{
	bool is_raw = source->raw_type != NULL;
	if (is_raw && source->format != CEL_FORMAT_AUTO && source->format != CEL_FORMAT_RAW)
		return cli_usage(cli, "--raw and another --format exclude each other");
	if ((is_raw || source->format == CEL_FORMAT_RAW) && (!is_raw || source->raw_dim == 0))
		return cli_usage(cli, "raw rows need --raw TYPE and --dim D");
	if (source->raw_dim != 0 && !is_raw)
		return cli_usage(cli, "--dim goes with --raw");
	if (is_raw)
		source->format = CEL_FORMAT_RAW;
	return 0;
}
