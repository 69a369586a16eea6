/* SPDX-License-Identifier: Apache-2.0 */
/* The page forbids scripts by its own policy, should a text ever get out of its quotes. Of a query the image is that of the
 * stored record it is asked by, or the one that --query-images names, or its own id if that looks like an image. */
#include "grid.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "html.h"
#include "print.h"

#define ANSWERS_MAX 200u   /* a query, in the page */
#define METADATA_MAX 4000u /* bytes shown */

static const char HEAD[] =
	"<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src * data: file:; style-src 'unsafe-inline'\">\n"
	"<meta name=\"referrer\" content=\"no-referrer\">\n";

static const char STYLE[] =
	"<style>\n"
	":root { color-scheme: light dark; --page: #f6f6f4; --card: #fff; --line: #dcdcd6; --text: #1d1d1b; --dim: #6a6a64; --mark: #0b62c4 }\n"
	"@media (prefers-color-scheme: dark) {\n"
	"  :root { --page: #161615; --card: #20201e; --line: #3a3a36; --text: #ececE6; --dim: #a0a098; --mark: #7db7ff }\n"
	"}\n"
	"* { box-sizing: border-box }\n"
	"body { margin: 0 auto; padding: 1.5rem; max-width: 110rem; background: var(--page); color: var(--text); font: 15px/1.4 system-ui, sans-serif }\n"
	"h1 { font-size: 1.3rem; margin: 0 0 .3rem }\n"
	"header p, footer { color: var(--dim); margin: 0; overflow-wrap: anywhere }\n"
	"section { display: grid; grid-template-columns: minmax(9rem, 13rem) 1fr; gap: 1rem; padding: 1.2rem 0; border-top: 1px solid var(--line); margin-top: 1.2rem }\n"
	"ol { list-style: none; margin: 0; padding: 0; display: grid; grid-template-columns: repeat(auto-fill, minmax(8.5rem, 1fr)); gap: .7rem; align-content: start }\n"
	"figure { margin: 0; background: var(--card); border: 1px solid var(--line); border-radius: .5rem; overflow: hidden }\n"
	"figure.query { border: 2px solid var(--mark); align-self: start }\n"
	"figure img { display: block; width: 100%; aspect-ratio: 1; object-fit: contain; background: var(--page); color: var(--dim); font-size: .8rem }\n"
	"figcaption { padding: .4rem .55rem .5rem; font-size: .84rem; overflow-wrap: anywhere }\n"
	".rank { font-weight: 600; color: var(--mark) }\n"
	".distance { float: right; font-variant-numeric: tabular-nums; color: var(--dim) }\n"
	".id { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 3; overflow: hidden }\n"
	"details { color: var(--dim); font-size: .8rem }\n"
	"pre { margin: .2rem 0 0; white-space: pre-wrap; overflow-wrap: anywhere }\n"
	"@media (max-width: 40rem) { section { grid-template-columns: 1fr } ol { grid-template-columns: repeat(auto-fill, minmax(6.5rem, 1fr)) } }\n"
	"@media print { section { break-inside: avoid } }\n"
	"</style>\n";

static int fail(const struct cli *cli, const char *path, int status)
{
	fprintf(stderr, "%s: %s: %s\n", cli->command->name, path, errno != 0 ? strerror(errno) : "cannot write");
	return status;
}

static void print_head(struct grid *g)
{
	const struct cel_revision *r = g->revision;
	fputs(HEAD, g->out);
	fputs("<title>", g->out);
	html_text(g->out, r->name[0] != '\0' ? r->name : r->commit, strlen(r->name[0] != '\0' ? r->name : r->commit));
	fputs(": nearest records</title>\n", g->out);
	fputs(STYLE, g->out);
	fputs("</head>\n<body>\n<header>\n<h1>", g->out);
	html_text(g->out, r->name, strlen(r->name));
	fprintf(g->out, "%snearest records</h1>\n<p>%" PRIu64 " records of dimension %" PRIu32 ", %s, %s", r->name[0] != '\0' ? ": " : "",
		r->records, r->schema.dim, cel_type_name(r->schema.type), cel_metric_name(r->schema.metric));
	if (r->schema.model[0] != '\0') {
		fputs(", ", g->out);
		html_text(g->out, r->schema.model, strlen(r->schema.model));
	}
	fprintf(g->out, "<br>commit %s of ", r->commit);
	print_time(g->out, r->time);
	fputs("</p>\n</header>\n<main>\n", g->out);
}

int grid_begin(struct grid *g, const struct cli *cli, struct cel_store *store, struct cel_revision *revision)
{
	g->store = store;
	g->revision = revision;
	if (g->queries_max == 0)
		g->queries_max = 50;
	errno = 0;
	if (g->query_images != NULL && (g->names = fopen(g->query_images, "re")) == NULL)
		return fail(cli, g->query_images, 66);
	pictures_begin(&g->pictures, g->path);
	g->out = strcmp(g->path, "-") == 0 ? stdout : fopen(g->path, "we");
	if (g->out == NULL)
		return fail(cli, g->path, 73);
	print_head(g);
	return 0;
}

/* ---- one figure */

static void print_image(struct grid *g, const char *name, size_t size, const void *label, size_t label_size)
{
	fputs("<img loading=\"lazy\" decoding=\"async\" src=\"", g->out);
	pictures_print(&g->pictures, g->out, name, size);
	fputs("\" alt=\"", g->out);
	html_text(g->out, label, label_size);
	fputs("\">\n", g->out);
}

static void print_metadata(struct grid *g, const char *metadata, size_t size)
{
	size_t shown = size < METADATA_MAX ? size : METADATA_MAX;
	while (shown < size && shown > 0 && ((unsigned char)metadata[shown] & 0xc0) == 0x80)
		shown--; /* not in the middle of a character */
	fputs("<details><summary>metadata</summary><pre>", g->out);
	html_text(g->out, metadata, shown);
	fputs(shown < size ? "&hellip;</pre></details>\n" : "</pre></details>\n", g->out);
}

static void print_id(struct grid *g, const void *id, size_t size)
{
	fputs("<span class=\"id\" title=\"", g->out);
	html_text(g->out, id, size);
	fputs("\">", g->out);
	html_text(g->out, id, size);
	fputs("</span>\n", g->out);
}

static int print_hit(struct grid *g, uint32_t rank, const struct cel_hit *hit, struct cel_error *e)
{
	struct cel_record *r;
	char name[PICTURE_NAME_MAX];
	size_t size;
	int rc = cel_record_get(g->store, g->revision->commit, hit->id, hit->id_size, &r, e);
	if (rc < 0)
		return rc;
	fputs("<li><figure>\n", g->out);
	if (pictures_find(&g->pictures, hit->id, hit->id_size, r->metadata, r->metadata_size, name, &size))
		print_image(g, name, size, hit->id, hit->id_size);
	fprintf(g->out, "<figcaption><span class=\"rank\">%" PRIu32 "</span> <span class=\"distance\">", rank);
	print_float(g->out, hit->distance);
	fputs("</span>\n", g->out);
	print_id(g, hit->id, hit->id_size);
	if (r->metadata != NULL)
		print_metadata(g, r->metadata, r->metadata_size);
	fputs("</figcaption></figure></li>\n", g->out);
	cel_record_free(r);
	return 0;
}

/* ---- one query */

/* Line `row` of the names; false past the end. */
static bool read_name(struct grid *g, uint64_t row, char name[PICTURE_NAME_MAX], size_t *size)
{
	char *line = NULL;
	size_t capacity = 0;
	ssize_t n = -1;
	while (g->names != NULL && g->next_name <= row && (n = getline(&line, &capacity, g->names)) >= 0)
		g->next_name++;
	while (n > 0 && (line[n - 1] == '\n' || line[n - 1] == '\r'))
		n--;
	bool is_there = n > 0 && n <= PICTURE_NAME_MAX;
	if (is_there)
		memcpy(name, line, *size = (size_t)n);
	free(line);
	return is_there;
}

static bool find_query_image(struct grid *g, const struct cel_answer *a, char name[PICTURE_NAME_MAX], size_t *size)
{
	struct cel_record *r = NULL;
	if (read_name(g, a->row, name, size))
		return true;
	if (a->id == NULL)
		return false;
	cel_record_get(g->store, g->revision->commit, a->id, a->id_size, &r, NULL); /* there need not be one */
	bool has_image = pictures_find(&g->pictures, a->id, a->id_size, r != NULL ? r->metadata : NULL,
				       r != NULL ? r->metadata_size : 0, name, size);
	cel_record_free(r);
	return has_image;
}

static void print_query(struct grid *g, const struct cel_answer *a)
{
	char name[PICTURE_NAME_MAX], row[32];
	size_t size;
	int length = snprintf(row, sizeof row, "query %" PRIu64, a->row);
	fputs("<section>\n<figure class=\"query\">\n", g->out);
	if (find_query_image(g, a, name, &size))
		print_image(g, name, size, a->id != NULL ? (const void *)a->id : row, a->id != NULL ? a->id_size : (size_t)length);
	fprintf(g->out, "<figcaption><span class=\"rank\">%s</span>\n", row);
	if (a->id != NULL)
		print_id(g, a->id, a->id_size);
	fputs("</figcaption>\n</figure>\n<ol>\n", g->out);
}

static int check_written(struct grid *g, struct cel_error *e)
{
	if (!ferror(g->out))
		return 0;
	e->code = CEL_EIO;
	snprintf(e->message, sizeof e->message, "%.900s: cannot write", g->path);
	return CEL_EIO;
}

int grid_answer(struct grid *g, const struct cel_answer *answer, struct cel_error *e)
{
	int rc = 0;
	g->is_cut = g->n_queries == g->queries_max;
	if (g->is_cut)
		return 1;
	g->n_queries++;
	print_query(g, answer);
	for (uint32_t i = 0; rc == 0 && i < answer->n_hits && i < ANSWERS_MAX; i++)
		rc = print_hit(g, i + 1, &answer->hits[i], e);
	fputs("</ol>\n", g->out);
	if (answer->n_hits > ANSWERS_MAX)
		fprintf(g->out, "<p>and %" PRIu32 " more</p>\n", answer->n_hits - ANSWERS_MAX);
	fputs("</section>\n", g->out);
	return rc < 0 ? rc : check_written(g, e);
}

int grid_end(struct grid *g, const struct cli *cli, const char *found, int status)
{
	if (g->names != NULL)
		fclose(g->names);
	if (g->out == NULL)
		return status;
	fprintf(g->out, "</main>\n<footer>%" PRIu64 " quer%s%s, found by %s</footer>\n</body>\n</html>\n", g->n_queries,
		g->n_queries == 1 ? "y" : "ies", g->is_cut ? " (there were more)" : "", found);
	errno = 0;
	bool has_failed = ferror(g->out) != 0;
	if (g->out != stdout && fclose(g->out) != 0)
		has_failed = true;
	if (has_failed && status <= 1)
		return fail(cli, g->path, 74);
	if (g->is_cut)
		cli_say(cli, "the page has the first %" PRIu64 " queries (--grid-queries)", g->n_queries);
	if (g->pictures.n_linked > 0)
		cli_say(cli, "%" PRIu64 " images are linked, not in the page: no file below the root, no image, or too large",
			g->pictures.n_linked);
	return status;
}
