/* SPDX-License-Identifier: Apache-2.0 */
/* The options that say what is in the input files, the same for every command that reads vectors. */
#ifndef TOOLS_SOURCE_H
#define TOOLS_SOURCE_H

#include "cli.h"

#define SOURCE_OPTIONS(T, at) {0, "ids", "FILE", "ids of the rows, one a line", CLI_TEXT(T, at.ids)}, SOURCE_FORMAT_OPTIONS(T, at)
/* The names of SOURCE_FORMAT_OPTIONS, which are for a command that has another --ids. */
#define SOURCE_FORMAT_NAMES "format id-column vector-columns no-header raw dim member"
#define SOURCE_FORMAT_OPTIONS(T, at)                                                                                     \
	{0, "format", "FORMAT", "npy, npz, hdf5, fvecs, bvecs, jsonl, csv, tsv, parquet, arrow, raw or auto (default)", \
	 CLI_CHOICE(T, at.format, CEL_FORMAT_AUTO, "auto npy fvecs bvecs jsonl csv tsv raw npz hdf5 arrow/parquet")},    \
	{0, "id-column", "NAME", "the column of a table that holds the id (default id)", CLI_TEXT(T, at.id_column)},     \
	{0, "vector-columns", "LIST", "those of the vector: NAME, A,B,C or A..B (default vector)",                       \
	 CLI_TEXT(T, at.vector_columns)},                                                                                \
	{0, "no-header", NULL, "tables have no header; columns are numbers from 1", CLI_FLAG(T, at.is_without_header)},  \
	{0, "raw", "TYPE", "rows of f32, f64, f16, bf16, i8, u8 or b1 and nothing else",                                 \
	 CLI_WORD(T, at.raw_type, "f32 f64 f16 bf16 i8 u8 b1")},                                                         \
	{0, "dim", "D", "numbers a row, with --raw", CLI_COUNT(T, at.raw_dim, 1, CEL_DIM_MAX)},                          \
	{0, "member", "NAME", "the array of a .npz or HDF5 file (default the only one; train)", CLI_TEXT(T, at.member)}

/* When all options were taken: 0, or EXIT_USAGE having said why. */
int source_check(const struct cli *cli, struct cel_source_options *source);

/* Of all these files together; 0 if one of them is none whose size tells how much will be read. */
uint64_t source_bytes(char *const *paths, int n);

#endif
