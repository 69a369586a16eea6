/* SPDX-License-Identifier: Apache-2.0 */
/* A web page with queries and their answers side by side, for collections of images. It is one file, runs nothing, and shows ids
 * and metadata as they are, whatever is in them. */
#ifndef TOOLS_GRID_H
#define TOOLS_GRID_H

#include "cli.h"
#include "picture.h"

struct grid {
	const char *path;          /* of the page; "-": standard output; NULL: none is wanted */
	const char *query_images;  /* file of names, one a line, for query 0, 1, ...; NULL: none */
	uint32_t queries_max;
	struct pictures pictures;
	/* its own: */
	FILE *out;
	FILE *names;
	uint64_t next_name; /* the line of names that is read next */
	struct cel_store *store;
	struct cel_revision *revision;
	uint64_t n_queries;
	bool is_cut; /* there were more queries */
};

#define GRID_OPTIONS(T, at)                                                                                             \
	{0, "grid", "FILE", "write a web page instead: queries and answers with their images", CLI_TEXT(T, at.path)},   \
	{0, "image-field", "KEY", "member of the metadata that names the image (default image, path, url; else the id)", \
	 CLI_TEXT(T, at.pictures.field)},                                                                               \
	{0, "image-root", "PLACE", "directory or address that names of images begin at (default .)",                    \
	 CLI_TEXT(T, at.pictures.root)},                                                                                \
	{0, "query-images", "FILE", "names of the images of the queries, one a line", CLI_TEXT(T, at.query_images)},    \
	{0, "grid-queries", "N", "at most N queries in the page (default 50)", CLI_COUNT(T, at.queries_max, 1, 100000)}, \
	{0, "embed", NULL, "put the images into the page, so that it can be given away",                                \
	 CLI_FLAG(T, at.pictures.is_embedding)}

/* Opens the page. Of the revision the queries are asked. Returns 0 or an exit status, having said why. */
int grid_begin(struct grid *g, const struct cli *cli, struct cel_store *store, struct cel_revision *revision);
/* 0; 1 when the page has as many queries as it may have; or an error. */
int grid_answer(struct grid *g, const struct cel_answer *answer, struct cel_error *e);
/* Ends it, also after trouble: the page has what came before. found: how the answers were found. */
int grid_end(struct grid *g, const struct cli *cli, const char *found, int status);

#endif
