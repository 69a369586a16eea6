/* SPDX-License-Identifier: Apache-2.0 */
/* One member of an .npz file, as it is: .npz is a zip archive of .npy files. Its argument names the member, with or without
 * the .npy; without an argument the archive must hold a single array. libzip checks the sum of what was read when it comes
 * to its end, and the reader at the other end of the pipe keeps nothing if that fails. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zip.h>

#include "helper_program.h"

static int is_array(const char *name)
{
	size_t length = strlen(name);
	return length > 4 && strcmp(name + length - 4, ".npy") == 0;
}

/* Appends ", NAME" as long as there is room. */
static void list_name(char *list, size_t size, const char *name)
{
	size_t used = strlen(list);
	snprintf(list + used, size - used, "%s%.*s", used > 0 ? ", " : "", (int)strlen(name) - 4, name);
}

static zip_int64_t find_single(zip_t *archive)
{
	char list[200] = "";
	zip_int64_t found = -1, n_arrays = 0;
	for (zip_int64_t i = 0; i < zip_get_num_entries(archive, 0); i++) {
		const char *name = zip_get_name(archive, (zip_uint64_t)i, 0);
		if (name == NULL || !is_array(name))
			continue;
		found = i;
		n_arrays++;
		list_name(list, sizeof list, name);
	}
	if (n_arrays == 0)
		helper_fail(EX_DATAERR, "a zip archive without arrays (.npy)");
	if (n_arrays > 1)
		helper_fail(EX_DATAERR, "it holds %lld arrays, one must be chosen: %s", (long long)n_arrays, list);
	return found;
}

static zip_int64_t find_member(zip_t *archive, const char *member)
{
	char name[1024];
	zip_int64_t found = zip_name_locate(archive, member, 0);
	if (found < 0 && (size_t)snprintf(name, sizeof name, "%s.npy", member) < sizeof name)
		found = zip_name_locate(archive, name, 0);
	if (found < 0)
		helper_fail(EX_DATAERR, "it has no member '%.100s'", member);
	return found;
}

int main(int argc, char **argv)
{
	static char piece[256 << 10];
	int code;
	helper_init();
	zip_t *archive = zip_fdopen(dup(STDIN_FILENO), ZIP_RDONLY, &code);
	if (archive == NULL) {
		zip_error_t error;
		zip_error_init_with_code(&error, code);
		helper_fail(EX_DATAERR, "not a whole zip archive: %s", zip_error_strerror(&error));
	}
	zip_int64_t index = argc > 1 ? find_member(archive, argv[1]) : find_single(archive);
	zip_file_t *file = zip_fopen_index(archive, (zip_uint64_t)index, 0);
	if (file == NULL)
		helper_fail(EX_DATAERR, "the member cannot be opened: %s", zip_strerror(archive));
	zip_int64_t n;
	while ((n = zip_fread(file, piece, sizeof piece)) > 0)
		helper_write(piece, (size_t)n);
	if (n < 0)
		helper_fail(EX_DATAERR, "the member is damaged: %s", zip_file_strerror(file));
	zip_fclose(file);
	zip_discard(archive);
	return 0;
}
