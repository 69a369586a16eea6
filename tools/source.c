/* SPDX-License-Identifier: Apache-2.0 */
/* See source.h. */
#include "source.h"

#include <stdlib.h>

bool source_take(const struct cli *cli, int id, struct cel_source_options *source)
{
	struct cel_error e;
	switch (id) {
	case SOURCE_IDS:
		source->ids = cli->value;
		return true;
	case SOURCE_FORMAT:
		if (cel_format_parse(cli->value, &source->format, &e) < 0)
			exit(cli_usage(cli, "%s", e.message));
		return true;
	case SOURCE_ID_COLUMN:
		source->id_column = cli->value;
		return true;
	case SOURCE_VECTOR_COLUMNS:
		source->vector_columns = cli->value;
		return true;
	case SOURCE_NO_HEADER:
		source->is_without_header = true;
		return true;
	case SOURCE_RAW:
		source->raw_type = cli->value;
		return true;
	case SOURCE_DIM:
		source->raw_dim = (uint32_t)cli_count(cli, 1, CEL_DIM_MAX);
		return true;
	case SOURCE_MEMBER:
		source->member = cli->value;
		return true;
	default:
		return false;
	}
}

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
