/* SPDX-License-Identifier: Apache-2.0 */
/* See source.h. */
#include "source.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

uint64_t source_bytes(char *const *paths, int n)
{
	uint64_t bytes = 0;
	for (int i = 0; i < n; i++) {
		struct stat st;
		bool is_known = strcmp(paths[i], "-") == 0 ? fstat(STDIN_FILENO, &st) == 0 : stat(paths[i], &st) == 0;
		if (!is_known || !S_ISREG(st.st_mode))
			return 0;
		bytes += (uint64_t)st.st_size;
	}
	return bytes;
}
