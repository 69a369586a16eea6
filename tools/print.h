/* SPDX-License-Identifier: Apache-2.0 */
/* Pieces of output: TSV fields, numbers, times. */
#ifndef TOOLS_PRINT_H
#define TOOLS_PRINT_H

#include <stdio.h>

#include "cel.h"

/* A TSV field: tab, newline, return and backslash become \t \n \r \\. */
void print_tsv_text(FILE *out, const char *text);
/* The shortest decimal that reads back to the same float. */
size_t format_float(char text[CEL_ELEMENT_TEXT_MAX], float value); /* returns the length */
void print_float(FILE *out, float value);
/* "2026-11-22T07:00:00Z" */
void print_time(FILE *out, uint64_t unix_seconds);

void print_json_record(const struct cel_record *r); /* on stdout: a line in the form that cel-build reads */

#endif
