/* SPDX-License-Identifier: Apache-2.0 */
/* See plot.h. The picture is written when all was measured, so trouble leaves an older one as it was. */
#include "plot.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "chart.h"
#include "html.h"
#include "json_line.h"

static void print_point(const struct cli *cli, const struct survey_point *p)
{
	struct json j;
	char ef[16] = "exact";
	if (p->ef != 0)
		snprintf(ef, sizeof ef, "%" PRIu32, p->ef);
	if (!cli->is_json) {
		printf("%s\t%.4f\t%.6g\t%.4g\t%.4g\n", ef, p->recall, p->per_second, p->p50, p->p99);
		return;
	}
	json_begin(&j, stdout);
	p->ef != 0 ? json_count(&j, "ef", p->ef) : json_null(&j, "ef");
	json_number(&j, "recall", "%.6f", p->recall);
	json_number(&j, "queries_per_second", "%.6g", p->per_second);
	json_number(&j, "p50_ms", "%.4g", p->p50);
	json_number(&j, "p99_ms", "%.4g", p->p99);
	json_end(&j);
}

static void print_row(FILE *out, const struct survey_point *p)
{
	fputs("<tr><td>", out);
	if (p->ef != 0)
		fprintf(out, "%" PRIu32, p->ef);
	else
		fputs("every record", out);
	fprintf(out, "</td><td>%.4f</td><td>%.0f</td><td>%.3f</td><td>%.3f</td></tr>\n", p->recall, p->per_second, p->p50, p->p99);
}

static const char PAGE[] =
	"<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<style>\n"
	":root { color-scheme: light dark }\n"
	"body { margin: 2rem auto; padding: 0 1rem; max-width: 60rem; font: 15px/1.5 system-ui, sans-serif }\n"
	"svg { width: 100%; height: auto }\n"
	"table { border-collapse: collapse; margin: 1rem 0; font-variant-numeric: tabular-nums }\n"
	"td, th { padding: .2rem 1rem .2rem 0; text-align: right }\n"
	"</style>\n<title>";

static void print_page(FILE *out, const struct chart *chart, const struct survey *s)
{
	fputs(PAGE, out);
	html_text(out, chart->title, strlen(chart->title));
	fputs("</title>\n</head>\n<body>\n", out);
	chart_print(out, chart, true);
	fputs("<table>\n<tr><th>ef</th><th>recall</th><th>queries/s</th><th>p50 ms</th><th>p99 ms</th></tr>\n", out);
	for (uint32_t i = 0; i < s->n_points; i++)
		print_row(out, &s->points[i]);
	print_row(out, &s->exact);
	fputs("</table>\n</body>\n</html>\n", out);
}

static void print_picture(FILE *out, const struct survey *s, const char *rev, const struct cel_revision *r,
			  const struct cel_index_status *index, bool is_page)
{
	struct chart_point points[SURVEY_POINTS_MAX];
	char title[400], subtitle[300], x_label[64], line[64];
	for (uint32_t i = 0; i < s->n_points; i++) {
		points[i] = (struct chart_point){.x = s->points[i].recall, .y = s->points[i].per_second};
		snprintf(points[i].label, sizeof points[i].label, "ef %" PRIu32, s->points[i].ef);
	}
	snprintf(title, sizeof title, "%.200s: recall and queries per second", rev);
	snprintf(subtitle, sizeof subtitle,
		 "%" PRIu64 " records of dimension %" PRIu32 ", %s, %s; M %" PRIu32 ", ef_construction %" PRIu32 ", %s; %" PRIu64 " %s",
		 r->records, r->schema.dim, cel_type_name(r->schema.type), cel_metric_name(r->schema.metric), index->M,
		 index->ef_construction, index->is_overlaid ? "near commit" : index->is_carried ? "carried" : "canonical", s->n_queries,
		 s->queries != NULL ? "queries" : "stored records asked");
	snprintf(x_label, sizeof x_label, "recall@%" PRIu32, s->k);
	snprintf(line, sizeof line, "every record: %.0f/s", s->exact.per_second);
	struct chart chart = {.title = title, .subtitle = subtitle, .x_label = x_label, .y_label = "queries per second, one thread", .x_max = 1,
			      .points = points, .n = s->n_points, .line = s->exact.per_second, .line_label = line};
	if (is_page)
		print_page(out, &chart, s);
	else
		chart_print(out, &chart, false);
}

static int write_picture(const struct cli *cli, const struct survey *s, const char *rev, const struct cel_revision *r,
			 const struct cel_index_status *index, const char *path)
{
	size_t size = strlen(path);
	errno = 0;
	FILE *out = fopen(path, "we");
	int status = out != NULL ? 0 : 73;
	if (out != NULL) {
		print_picture(out, s, rev, r, index, size > 5 && strcmp(path + size - 5, ".html") == 0);
		bool has_failed = ferror(out) != 0;
		if (fclose(out) != 0 || has_failed)
			status = 74;
	}
	if (status != 0)
		fprintf(stderr, "%s: %s: %s\n", cli->command->name, path, errno != 0 ? strerror(errno) : "cannot write");
	return status;
}

int plot_run(const struct cli *cli, struct cel_store *store, const char *rev, struct survey *survey, const char *path)
{
	struct cel_error e;
	struct cel_revision *r;
	struct cel_index_status index;
	if (cel_revision_get(store, rev, &r, &e) < 0)
		return cli_fail(cli, &e);
	survey->on_progress = progress_tell;
	int rc = cel_index_get(store, r->commit, &index, &e);
	if (rc == 0)
		rc = survey_run(survey, store, r->commit, &e);
	progress_clear();
	for (uint32_t i = 0; rc == 0 && i < survey->n_points; i++)
		print_point(cli, &survey->points[i]);
	if (rc == 0)
		print_point(cli, &survey->exact);
	int status = rc < 0 ? cli_fail(cli, &e) : write_picture(cli, survey, rev, r, &index, path);
	cel_revision_free(r);
	return status;
}
