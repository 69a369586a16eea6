/* SPDX-License-Identifier: Apache-2.0 */
/* A phase lasts from when it is told first until another one is; one that comes again adds to what it had. Memory is looked at when a
 * phase ends and now and then in between, as the kernel keeps no peak of RssAnon. The file is made empty at the start and
 * written at the end, so an empty one is that of a run which was killed, and none is that of another run. */
#include "stats.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "json_line.h"
#include "progress_line.h"
#include "seconds.h"

#define PHASES_MAX 16
#define SAMPLE_EVERY 0.2

struct moment {
	double wall, cpu; /* seconds */
};

static struct {
	bool is_wanted;
	int argc;
	char **argv;
	FILE *file, *result;
	char *result_text;
	size_t result_size;
	char error[1000];
	struct moment start, phase_start;
	double sampled;
	uint64_t rss_anon, threads; /* the most that was seen */
	struct phase {
		const char *name, *unit;
		struct moment took;
		uint64_t done, bytes, done_before, bytes_before; /* before: of the times that it was there before */
	} phases[PHASES_MAX], *phase;
	size_t n_phases;
} stats;

static struct moment moment_now(void)
{
	struct rusage u;
	getrusage(RUSAGE_SELF, &u);
	return (struct moment){.wall = seconds_now(),
			       .cpu = (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
				      1e-6 * (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec)};
}

/* Of a line "NAME: number" of /proc/self/status. */
static bool read_field(const char *line, const char *name, uint64_t *most)
{
	size_t size = strlen(name);
	if (strncmp(line, name, size) != 0)
		return false;
	uint64_t value = strtoull(line + size, NULL, 10);
	*most = value > *most ? value : *most;
	return true;
}

static void sample(double time)
{
	char line[128];
	uint64_t kilobytes = 0;
	FILE *f = fopen("/proc/self/status", "re");
	stats.sampled = time;
	if (f == NULL)
		return;
	while (fgets(line, sizeof line, f) != NULL && !read_field(line, "Threads:", &stats.threads))
		read_field(line, "RssAnon:", &kilobytes);
	fclose(f);
	if (kilobytes * 1024 > stats.rss_anon)
		stats.rss_anon = kilobytes * 1024;
}

static void open_file(const struct cli *cli)
{
	if (strcmp(cli->stats_path, "-") == 0)
		exit(cli_usage(cli, "--stats-json needs a file; /dev/stderr is one"));
	/* opened by its name, a log that stderr goes to would be cut */
	bool is_stderr = strcmp(cli->stats_path, "/dev/stderr") == 0;
	stats.file = is_stderr ? fdopen(dup(STDERR_FILENO), "w") : fopen(cli->stats_path, "we");
	stats.result = stats.file != NULL ? open_memstream(&stats.result_text, &stats.result_size) : NULL;
	if (stats.result == NULL) {
		fprintf(stderr, "%s: %s: %s\n", cli->command->name, cli->stats_path, strerror(errno));
		exit(cel_error_exit_status(CEL_ECANTCREAT));
	}
}

void stats_begin(const struct cli *cli, int argc, char **argv)
{
	stats.argc = argc;
	stats.argv = argv;
	stats.start = moment_now();
	stats.is_wanted = cli->is_verbose || cli->stats_path != NULL;
	if (cli->stats_path != NULL)
		open_file(cli);
}

static void end_phase(struct moment time)
{
	if (stats.phase == NULL)
		return;
	stats.phase->took.wall += time.wall - stats.phase_start.wall;
	stats.phase->took.cpu += time.cpu - stats.phase_start.cpu;
	stats.phase = NULL;
	sample(time.wall);
}

static void begin_phase(const struct cel_progress *p)
{
	struct moment time = moment_now();
	size_t i = 0;
	end_phase(time);
	stats.phase_start = time;
	while (i < stats.n_phases && strcmp(stats.phases[i].name, p->phase) != 0)
		i++;
	if (i == PHASES_MAX)
		return;
	if (i == stats.n_phases)
		stats.phases[stats.n_phases++] = (struct phase){.name = p->phase};
	stats.phase = &stats.phases[i];
	stats.phase->unit = p->unit;
}

void stats_tell(const struct cel_progress *p)
{
	if (!stats.is_wanted)
		return;
	if (stats.phase == NULL || strcmp(stats.phase->name, p->phase) != 0)
		begin_phase(p);
	struct phase *phase = stats.phase;
	if (phase == NULL)
		return;
	if (p->done < phase->done - phase->done_before) /* it begins again, for another collection */
		phase->done_before = phase->done;
	if (p->bytes < phase->bytes - phase->bytes_before)
		phase->bytes_before = phase->bytes;
	phase->done = phase->done_before + p->done;
	phase->bytes = phase->bytes_before + p->bytes;
	double time = seconds_now();
	if (time - stats.sampled >= SAMPLE_EVERY)
		sample(time);
}

void stats_error(const char *message)
{
	snprintf(stats.error, sizeof stats.error, "%s", message);
}

FILE *stats_result(void)
{
	return stats.result;
}

void stats_result_count(const char *key, uint64_t value)
{
	struct json j;
	if (stats.result == NULL)
		return;
	json_begin(&j, stats.result);
	json_count(&j, key, value);
	json_end(&j);
}

/* ---- the end */

static double megabytes_per_second(const struct phase *p)
{
	return p->took.wall > 0 ? (double)p->bytes / 1e6 / p->took.wall : 0;
}

static void say_phases(const struct cli *cli)
{
	for (size_t i = 0; i < stats.n_phases; i++) {
		const struct phase *p = &stats.phases[i];
		char size[PROGRESS_SIZE_MAX], done[64] = "", bytes[96] = "";
		if (p->done > 0)
			snprintf(done, sizeof done, " %" PRIu64 " %s,", p->done, p->unit);
		progress_size(size, p->bytes);
		if (p->bytes > 0)
			snprintf(bytes, sizeof bytes, " %s (%.1f MB/s),", size, megabytes_per_second(p));
		cli_say(cli, "%s:%s%s %.3f s, %.3f s of processors", p->name, done, bytes, p->took.wall, p->took.cpu);
	}
}

static void say_figures(const struct cli *cli, const struct cel_figures *f)
{
	char size[PROGRESS_SIZE_MAX], own[PROGRESS_SIZE_MAX];
	const char *simd;
	struct rusage u;
	getrusage(RUSAGE_SELF, &u);
	progress_size(size, f->input_bytes);
	if (f->input[0] != '\0')
		cli_say(cli, "input: %s%s%s by %s", size, f->format[0] != '\0' ? " of " : "", f->format, f->input);
	if (f->nodes_read + f->nodes_written > 0)
		cli_say(cli, "tree: %" PRIu64 " nodes read, %" PRIu64 " written", f->nodes_read, f->nodes_written);
	progress_size(size, f->segment_bytes);
	if (f->values_written > 0)
		cli_say(cli, "values: %" PRIu64 " written; %" PRIu64 " segments of %s", f->values_written, f->segments_written, size);
	if (f->index[0] != '\0')
		cli_say(cli, "index: %s", f->index);
	progress_size(size, (uint64_t)u.ru_maxrss * 1024);
	progress_size(own, stats.rss_anon);
	cli_say(cli, "threads: %" PRIu64 " at most; memory: %s at most, %s of its own; kernels: %s", f->threads, size, own,
		cel_simd_name(&simd, NULL) == 0 ? simd : "none");
}

static void print_phases(struct json *j)
{
	json_array(j, "phases");
	for (size_t i = 0; i < stats.n_phases; i++) {
		const struct phase *p = &stats.phases[i];
		json_object(j, NULL);
		json_text(j, "phase", p->name);
		json_number(j, "seconds", "%.6f", p->took.wall);
		json_number(j, "cpu_seconds", "%.6f", p->took.cpu);
		json_text(j, "unit", p->unit);
		json_count(j, "done", p->done);
		json_count(j, "bytes", p->bytes);
		json_number(j, "mb_per_second", "%.3f", megabytes_per_second(p));
		json_object_end(j);
	}
	json_array_end(j);
}

static void print_figures(struct json *j, const struct cel_figures *f)
{
	const char *simd;
	struct rusage u;
	getrusage(RUSAGE_SELF, &u);
	json_count(j, "input_bytes", f->input_bytes);
	json_optional(j, "input", f->input);
	json_optional(j, "format", f->format);
	json_count(j, "nodes_read", f->nodes_read);
	json_count(j, "nodes_written", f->nodes_written);
	json_count(j, "values_written", f->values_written);
	json_count(j, "segments_written", f->segments_written);
	json_count(j, "segment_bytes", f->segment_bytes);
	json_optional(j, "index", f->index);
	json_count(j, "threads", f->threads);
	json_count(j, "peak_rss", (uint64_t)u.ru_maxrss * 1024);
	json_count(j, "peak_rss_anon", stats.rss_anon);
	json_optional(j, "simd", cel_simd_name(&simd, NULL) == 0 ? simd : NULL);
}

static void print_result(struct json *j)
{
	fclose(stats.result);
	while (stats.result_size > 0 && stats.result_text[stats.result_size - 1] == '\n')
		stats.result_size--;
	if (stats.result_size > 0)
		json_value(j, "result", stats.result_text, stats.result_size);
	else
		json_null(j, "result");
	free(stats.result_text);
}

static void print_all(FILE *out, const struct cli *cli, int status, struct moment end, const struct cel_figures *f)
{
	struct json j;
	json_begin(&j, out);
	json_text(&j, "command", cli->command->name);
	json_text(&j, "version", CEL_VERSION);
	json_array(&j, "arguments");
	for (int i = 1; i < stats.argc; i++)
		json_text(&j, NULL, stats.argv[i]);
	json_array_end(&j);
	json_number(&j, "status", "%d", status);
	json_optional(&j, "error", stats.error);
	json_number(&j, "seconds", "%.6f", end.wall - stats.start.wall);
	json_number(&j, "cpu_seconds", "%.6f", end.cpu);
	print_phases(&j);
	print_figures(&j, f);
	print_result(&j);
	json_end(&j);
}

int stats_end(const struct cli *cli, int status)
{
	struct cel_figures figures;
	if (!stats.is_wanted)
		return status;
	struct moment end = moment_now();
	end_phase(end);
	sample(end.wall);
	cel_figures_get(&figures);
	if (stats.threads > figures.threads) /* those that read ahead, too */
		figures.threads = stats.threads;
	if (cli->is_verbose) {
		say_phases(cli);
		say_figures(cli, &figures);
	}
	if (stats.file == NULL)
		return status;
	print_all(stats.file, cli, status, end, &figures);
	bool has_failed = ferror(stats.file) != 0;
	errno = 0;
	if (fclose(stats.file) != 0)
		has_failed = true;
	stats.is_wanted = false;
	if (!has_failed)
		return status;
	fprintf(stderr, "%s: %s: %s\n", cli->command->name, cli->stats_path, errno != 0 ? strerror(errno) : "cannot write");
	return status <= 1 ? 74 : status;
}
