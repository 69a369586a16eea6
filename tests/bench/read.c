/* SPDX-License-Identifier: Apache-2.0 */
/* bench-read FILE DIM [THREADS [ROUNDS]]: what reading a file costs below the sort: all rows through a reader, with ids by number where the
 * format has none. Prints rows, bytes of the file, the best seconds of the rounds (3) and the processor's seconds of that one. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "clock.h"
#include "reader.h"

static int read_all(const char *path, const struct reader_options *options, uint64_t *rows, struct cel_error *e)
{
	struct reader *reader;
	struct reader_row row;
	int rc = reader_open(path, options, &reader, e);
	if (rc < 0)
		return rc;
	*rows = 0;
	while ((rc = reader_next(reader, &row, e)) > 0)
		++*rows;
	reader_free(reader);
	return rc;
}

int main(int argc, char **argv)
{
	if (argc < 3) {
		fprintf(stderr, "usage: bench-read FILE DIM [THREADS [ROUNDS]]\n");
		return 64;
	}
	struct cel_schema schema = {.dim = (uint32_t)atoi(argv[2]), .type = CEL_F32, .metric = CEL_L2};
	struct reader_options options = {.schema = &schema, .is_id_optional = true, .vector_columns = getenv("BENCH_COLUMNS")};
	options.threads = argc > 3 ? (uint32_t)atoi(argv[3]) : 1;
	double best = 1e9, processor = 0;
	uint64_t rows = 0;
	for (int round = argc > 4 ? atoi(argv[4]) : 3; round > 0; round--) {
		double start = seconds_now(), used = clock_seconds(CLOCK_PROCESS_CPUTIME_ID);
		struct cel_error error;
		int rc = read_all(argv[1], &options, &rows, &error);
		if (rc < 0) {
			fprintf(stderr, "bench-read: %s\n", error.message);
			return 1;
		}
		start = seconds_now() - start;
		if (start >= best)
			continue;
		best = start;
		processor = clock_seconds(CLOCK_PROCESS_CPUTIME_ID) - used;
	}
	struct stat st;
	if (stat(argv[1], &st) != 0)
		return 1;
	printf("%s\t%" PRIu64 " rows\t%.0f MB\t%.3f s\t%.3f s of processor\t%.0f MB/s\n", argv[1], rows, 1e-6 * (double)st.st_size, best,
	       processor, 1e-6 * (double)st.st_size / best);
	return 0;
}
