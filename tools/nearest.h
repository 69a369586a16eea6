/* SPDX-License-Identifier: Apache-2.0 */
/* The word that a mistyped one was meant to be. */
#ifndef TOOLS_NEAREST_H
#define TOOLS_NEAREST_H

struct nearest {
	const char *word; /* the mistyped one */
	const char *best; /* the nearest of those that were shown, or NULL if none is near */
	unsigned distance;
};

void nearest_init(struct nearest *n, const char *word);
void nearest_show(struct nearest *n, const char *candidate); /* kept by reference */

#endif
