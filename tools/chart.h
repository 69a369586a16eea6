/* SPDX-License-Identifier: Apache-2.0 */
/* One line of points as an SVG picture of its own: x linear, y logarithmic, for light and dark pages, without scripts. */
#ifndef TOOLS_CHART_H
#define TOOLS_CHART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct chart_point {
	double x, y; /* y > 0 */
	char label[32];
};
struct chart {
	const char *title, *subtitle, *x_label, *y_label;
	double x_max;                 /* where the axis ends; it begins at a tick below the least x */
	const struct chart_point *points;
	size_t n;
	double line;                  /* a level to compare with, drawn across; 0: none */
	const char *line_label;
};
/* is_page: within an HTML page, else a file of its own. */
void chart_print(FILE *out, const struct chart *c, bool is_page);

#endif
