/* SPDX-License-Identifier: Apache-2.0 */
/* The options that say what is in the input files, the same for every command that reads vectors. */
#ifndef TOOLS_SOURCE_H
#define TOOLS_SOURCE_H

#include "cli.h"

/* Their ids begin behind those of any command. */
enum { SOURCE_IDS = CLI_OWN + 1000, SOURCE_FORMAT, SOURCE_ID_COLUMN, SOURCE_VECTOR_COLUMNS, SOURCE_NO_HEADER, SOURCE_RAW, SOURCE_DIM, SOURCE_MEMBER };
#define SOURCE_OPTIONS {SOURCE_IDS, "ids", "FILE", "ids of the rows, one a line"}, SOURCE_FORMAT_OPTIONS
/* For a command that has another --ids. */
#define SOURCE_FORMAT_OPTIONS                                                                                \
	{SOURCE_FORMAT, "format", "NAME", "npy, npz, hdf5, fvecs, bvecs, jsonl, csv, tsv, parquet, arrow, raw"}, \
	{SOURCE_ID_COLUMN, "id-column", "NAME", "the column of a table that holds the id (default id)"},     \
	{SOURCE_VECTOR_COLUMNS, "vector-columns", "LIST", "those of the vector: NAME, A,B,C or A..B (default vector)"}, \
	{SOURCE_NO_HEADER, "no-header", NULL, "tables have no header; columns are numbers from 1"},          \
	{SOURCE_RAW, "raw", "TYPE", "rows of f32, f64, f16, bf16, i8, u8 or b1 and nothing else"},               \
	{SOURCE_DIM, "dim", "D", "numbers a row, with --raw"},                                               \
	{SOURCE_MEMBER, "member", "NAME", "the array of a .npz or HDF5 file (default the only one; train)"}

/* Takes the option that cli_next has returned; false if it is none of these. */
bool source_take(const struct cli *cli, int id, struct cel_source_options *source);
/* When all options were taken: 0, or EXIT_USAGE having said why. */
int source_check(const struct cli *cli, struct cel_source_options *source);

#endif
