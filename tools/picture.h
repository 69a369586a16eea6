/* SPDX-License-Identifier: Apache-2.0 */
/* Which image belongs to a record, and how a page shows it: by a link, or with the image in the page itself. */
#ifndef TOOLS_PICTURE_H
#define TOOLS_PICTURE_H

#include <limits.h>
#include <stdio.h>

#include "cel.h"

#define PICTURE_NAME_MAX 4096
#define PICTURE_EMBED_MAX (8u << 20)        /* bytes of an image in the page */
#define PICTURE_EMBED_TOTAL (256ull << 20)  /* of all of them */

struct pictures {
	const char *field;   /* member of the metadata that names the image; NULL: image, path or url, else the id */
	const char *root;    /* where images are: a directory or an address; NULL: the working directory */
	bool is_embedding;
	char prefix[2 * PATH_MAX]; /* what leads from the page to root; ends with a slash, or is empty */
	uint64_t embedded;   /* bytes so far */
	uint64_t n_linked;   /* images that were to be in the page, but are not to be had, no images, or too large */
};

/* page: the path of the page, or "-". */
void pictures_begin(struct pictures *p, const char *page);
/* The name of the record's image; false if it has none. metadata may be NULL. */
bool pictures_find(const struct pictures *p, const void *id, size_t id_size, const char *metadata, size_t metadata_size,
		   char name[PICTURE_NAME_MAX], size_t *size);
/* The address for an attribute between double quotes; 1 if it is of a file, 0 if the image itself stands in it. */
int pictures_print(struct pictures *p, FILE *out, const char *name, size_t size);

#endif
