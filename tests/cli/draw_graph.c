/* SPDX-License-Identifier: Apache-2.0 */
/* Draws the commits on standard input, a line each: name, parents. For tests/cli/graph.py. */
#include <stdlib.h>
#include <string.h>

#include "lanes.h"

static void take(char out[CEL_CID_TEXT_SIZE], const char *word)
{
	if (strlen(word) >= CEL_CID_TEXT_SIZE)
		exit(64);
	strcpy(out, word);
}

int main(void)
{
	char line[1024];
	struct lanes graph = {0};
	while (fgets(line, sizeof line, stdin) != NULL) {
		struct cel_revision r = {0};
		char *word = strtok(line, " \n");
		if (word == NULL)
			return 64;
		take(r.commit, word);
		while ((word = strtok(NULL, " \n")) != NULL && r.n_parents < 2)
			take(r.parents[r.n_parents++], word);
		if (!lanes_commit(&graph, stdout, &r))
			return 69;
		printf("%s\n", r.commit);
		if (!lanes_parents(&graph, stdout, &r))
			return 69;
	}
	lanes_release(&graph);
	return 0;
}
