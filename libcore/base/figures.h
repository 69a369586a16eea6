/* SPDX-License-Identifier: Apache-2.0 */
/* Counters of the process, for cel_figures_get. */
#ifndef BASE_FIGURES_H
#define BASE_FIGURES_H

#include <stdint.h>

enum figure { FIGURE_NODES_READ, FIGURE_NODES_WRITTEN, FIGURE_VALUES_WRITTEN, FIGURE_SEGMENTS_WRITTEN, FIGURE_SEGMENT_BYTES,
	      FIGURE_THREADS, FIGURE_INPUT_BYTES, FIGURES };
enum figure_text { FIGURE_INPUT, FIGURE_FORMAT, FIGURE_INDEX, FIGURE_TEXTS };

void figure_add(enum figure which, uint64_t n);
void figure_raise(enum figure which, uint64_t to); /* unless it is higher */
void figure_set_text(enum figure_text which, const char *text); /* a constant */

#endif
