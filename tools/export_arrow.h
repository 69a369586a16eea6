/* SPDX-License-Identifier: Apache-2.0 */
/* Records as Parquet or Arrow, put together by the helper write-arrow. */
#ifndef TOOLS_EXPORT_ARROW_H
#define TOOLS_EXPORT_ARROW_H

#include "cli.h"

/* All of them to standard output. format: "parquet" or "arrow". Returns 0, or an exit status having said why. */
int export_arrow(const struct cli *cli, struct cel_records *records, const char *format);

#endif
