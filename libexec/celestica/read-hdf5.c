/* SPDX-License-Identifier: Apache-2.0 */
/* One dataset of an HDF5 file as .npy, in the layout of ann-benchmarks: "train" and "test" are arrays of rows. Its argument
 * names the dataset, "train" if there is none. HDF5 converts to the type that is written: floats of 2, 4 and 8 bytes and
 * whole numbers of 1 byte stay what they are, those of 2 and 4 bytes become doubles, which hold them exactly. Rows go out
 * some chunks at a time, so memory is bounded by what the file calls a chunk. */
#include <fcntl.h>
#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "helper_program.h"

#define PIECE_SIZE ((size_t)1 << 20)
#define CHUNK_CACHE ((size_t)64 << 20)

struct element {
	const char *descr;
	hid_t type; /* in memory */
	size_t size;
};

static herr_t list_link(hid_t group, const char *name, const H5L_info_t *info, void *context)
{
	char *list = context;
	size_t used = strlen(list);
	(void)group;
	(void)info;
	snprintf(list + used, 200 - used, "%s%s", used > 0 ? ", " : "", name);
	return used > 150;
}

static hid_t open_dataset(hid_t file, const char *name)
{
	hid_t access = H5Pcreate(H5P_DATASET_ACCESS);
	H5Pset_chunk_cache(access, 12421, CHUNK_CACHE, 1.0);
	hid_t dataset = H5Dopen2(file, name, access);
	if (dataset >= 0)
		return dataset;
	char list[200] = "";
	H5Literate(file, H5_INDEX_NAME, H5_ITER_NATIVE, NULL, list_link, list);
	helper_fail(EX_DATAERR, "it has no dataset '%.100s'; there are: %s", name, list);
}

static struct element choose_element(hid_t dataset)
{
	hid_t type = H5Dget_type(dataset);
	H5T_class_t class = H5Tget_class(type);
	size_t size = H5Tget_size(type);
	if (class == H5T_FLOAT && size == 8)
		return (struct element){"<f8", H5T_IEEE_F64LE, 8};
	if (class == H5T_FLOAT && (size == 4 || size == 2)) /* halves: a float holds them exactly */
		return (struct element){"<f4", H5T_IEEE_F32LE, 4};
	if (class == H5T_INTEGER && size == 1)
		return H5Tget_sign(type) == H5T_SGN_NONE ? (struct element){"|u1", H5T_STD_U8LE, 1}
							 : (struct element){"|i1", H5T_STD_I8LE, 1};
	if (class == H5T_INTEGER && (size == 2 || size == 4))
		return (struct element){"<f8", H5T_IEEE_F64LE, 8};
	helper_fail(EX_DATAERR, "elements are neither floats of 2, 4 or 8 bytes nor whole numbers of 1, 2 or 4");
}

/* How many rows at a time: whole chunks, about PIECE_SIZE. */
static hsize_t choose_rows(hid_t dataset, unsigned n_dims, size_t row_size)
{
	hsize_t rows = PIECE_SIZE / row_size + 1, chunk[2];
	hid_t creation = H5Dget_create_plist(dataset);
	if (H5Pget_layout(creation) == H5D_CHUNKED && H5Pget_chunk(creation, (int)n_dims, chunk) > 0 && n_dims == 2 &&
	    chunk[0] <= (CHUNK_CACHE / row_size))
		rows = (rows + chunk[0] - 1) / chunk[0] * chunk[0];
	return rows;
}

static void copy_rows(hid_t dataset, hid_t space, const hsize_t *shape, struct element element)
{
	size_t row_size = (size_t)shape[1] * element.size;
	hsize_t step = choose_rows(dataset, 2, row_size);
	char *piece = malloc((size_t)step * row_size);
	if (piece == NULL)
		helper_fail(EX_UNAVAILABLE, "out of memory");
	for (hsize_t at = 0; at < shape[0]; at += step) {
		hsize_t start[2] = {at, 0}, count[2] = {shape[0] - at < step ? shape[0] - at : step, shape[1]};
		hid_t memory = H5Screate_simple(2, count, NULL);
		if (memory < 0 || H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, count, NULL) < 0 ||
		    H5Dread(dataset, element.type, memory, space, H5P_DEFAULT, piece) < 0)
			helper_fail(EX_DATAERR, "rows from %llu on cannot be read: the file is damaged or cut short",
				    (unsigned long long)at + 1);
		H5Sclose(memory);
		helper_write(piece, (size_t)count[0] * row_size);
	}
	free(piece);
}

/* HDF5 opens names only, and looks behind links, where a temporary file without a name has nothing: such a one gets a name
 * for as long as it takes to open it. */
static hid_t open_file(void)
{
	static const char INPUT[] = "/proc/self/fd/0";
	const char *directory = getenv("TMPDIR");
	char path[4096];
	struct stat st;
	if (fstat(STDIN_FILENO, &st) == 0 && st.st_nlink > 0)
		return H5Fopen(INPUT, H5F_ACC_RDONLY, H5P_DEFAULT);
	snprintf(path, sizeof path, "%s/read-hdf5-%ld", directory != NULL && *directory != '\0' ? directory : "/var/tmp",
		 (long)getpid());
	if (linkat(AT_FDCWD, INPUT, AT_FDCWD, path, AT_SYMLINK_FOLLOW) < 0)
		helper_fail(EX_IOERR, "the temporary file cannot be opened");
	hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
	unlink(path);
	return file;
}

int main(int argc, char **argv)
{
	helper_init();
	H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
	/* No plugins: a file may ask for filters, and they would be looked for in directories and loaded. */
	H5PLset_loading_state(0);
	setenv("HDF5_USE_FILE_LOCKING", "FALSE", 1);
	hid_t file = open_file();
	if (file < 0)
		helper_fail(EX_DATAERR, "not a whole HDF5 file");
	hid_t dataset = open_dataset(file, argc > 1 ? argv[1] : "train");
	hid_t space = H5Dget_space(dataset);
	int n_dims = H5Sget_simple_extent_ndims(space);
	hsize_t shape[2];
	if (n_dims != 2)
		helper_fail(EX_DATAERR, "a dataset of %d dimensions, not of 2 (rows, elements)", n_dims);
	H5Sget_simple_extent_dims(space, shape, NULL);
	struct element element = choose_element(dataset);
	if (shape[1] < 1 || shape[1] > 65535)
		helper_fail(EX_DATAERR, "rows of %llu elements", (unsigned long long)shape[1]);
	uint64_t header[2] = {shape[0], shape[1]};
	helper_write_npy_header(element.descr, 2, header);
	copy_rows(dataset, space, shape, element);
	H5Sclose(space);
	H5Dclose(dataset);
	H5Fclose(file);
	H5close();
	_exit(0); /* all is written; what the library would do at the end of a program is of no use */
}
