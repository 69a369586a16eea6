/* SPDX-License-Identifier: Apache-2.0 */
/* The figures of a run: for -v in words, for --stats-json as one JSON object (celestica(7) has the table of its members). */
#ifndef TOOLS_STATS_H
#define TOOLS_STATS_H

#include "cli.h"

/* When the options are known. Exits if the file of --stats-json cannot be made: better now than in an hour. */
void stats_begin(const struct cli *cli, int argc, char **argv);
/* Whoever is told of progress tells it here. */
void stats_tell(const struct cel_progress *progress);
void stats_error(const char *message); /* what ended the run */
/* Where the command's own figures go, as one JSON object; NULL if nobody asked. */
FILE *stats_result(void);
void stats_result_count(const char *key, uint64_t value); /* of a command that has one count to tell */
/* The end, with the exit status so far; returns that, or another one if the figures cannot be written. */
int stats_end(const struct cli *cli, int status);

#endif
