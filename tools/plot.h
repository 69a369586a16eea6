/* SPDX-License-Identifier: Apache-2.0 */
/* cel stat --plot: a survey as lines and as a picture. */
#ifndef TOOLS_PLOT_H
#define TOOLS_PLOT_H

#include "cli.h"
#include "progress.h"
#include "survey.h"

/* Measures, prints the figures, and writes the picture to `path`: a page if that ends in .html, else SVG. Returns an exit
 * status, having said why. */
int plot_run(const struct cli *cli, struct cel_store *store, const char *rev, struct survey *survey, const char *path);

#endif
