/* SPDX-License-Identifier: Apache-2.0 */
/* Lists that are one text: "fail ours theirs". */
#ifndef TOOLS_WORDS_H
#define TOOLS_WORDS_H

#include <stdbool.h>
#include <stddef.h>

#define WORD_SIZE 64

/* Takes the next word of *list, which ends at one of the separators; '\0' in *end where the list ends. False at its end. */
bool word_next(const char **list, const char *separators, char out[WORD_SIZE], char *end);

#endif
