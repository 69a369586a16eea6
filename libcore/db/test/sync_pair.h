/* SPDX-License-Identifier: Apache-2.0 */
/* Two stores for each test: `here` is the client's, `there` has the collection "words", empty. */
#ifndef DB_TEST_SYNC_PAIR_H
#define DB_TEST_SYNC_PAIR_H

#include "sync_world.h"

static char directory[256];
static struct host here, there;

static void pair_new(const struct cel_schema *words)
{
	make_directory(directory);
	host_new(&here, directory, 0);
	host_new(&there, directory, 1);
	host_create(&there, "words", words);
}

static int teardown(void **state)
{
	(void)state;
	host_close(&here);
	host_close(&there);
	remove_tree(directory);
	return 0;
}

#endif
