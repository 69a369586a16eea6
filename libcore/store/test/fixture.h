/* SPDX-License-Identifier: Apache-2.0 */
/* The fixture of the store's tests: each test has an empty store at `path`, in a directory of its own. */
#ifndef STORE_TEST_FIXTURE_H
#define STORE_TEST_FIXTURE_H

#include "helper.h"

static char directory[256], path[300];
static struct cel_error e;

static int setup(void **state)
{
	(void)state;
	make_directory(directory);
	snprintf(path, sizeof path, "%s/s", directory);
	return store_init(path, &e);
}

static int teardown(void **state)
{
	(void)state;
	unsetenv("CEL_MAP_SIZE");
	remove_tree(directory);
	return 0;
}

#endif
