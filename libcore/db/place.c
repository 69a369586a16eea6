/* SPDX-License-Identifier: Apache-2.0 */
/* A place is split at its last ':' that is in no braces, for a rev may be words@{2026-11-21 10:00}. What stands left of it:
 *
 *     a '/' before any ':'     PATH            ../b-store:words      a/b:c:words
 *     a ':' before any '/'     [USER@]HOST:PATH      host:/data/vectors:words
 *     neither                  REMOTE          origin:words
 *
 * With no such ':' the whole is a rev of the store at hand. Neither a host, a user nor a remote begins with '-': ssh would
 * take it for an option. */
#include <string.h>

#include "cel.h"
#include "error.h"
#include "slice.h"
#include "utf8.h"

/* The last ':' outside of braces, or NULL. From the right, where the rev is: braces in a path need not be balanced. */
static const char *find_split(const char *text)
{
	size_t depth = 0;
	for (const char *p = text + strlen(text); p > text;) {
		p--;
		if (*p == '}')
			depth++;
		else if (*p == '{' && depth > 0)
			depth--;
		else if (*p == ':' && depth == 0)
			return p;
	}
	return NULL;
}

static bool has_control(struct slice text)
{
	for (size_t i = 0, n; i < text.size; i += n) {
		n = utf8_sequence(text.data + i, text.size - i);
		if (n == 0 || utf8_is_control(text.data + i, n))
			return true;
	}
	return false;
}

static int copy_part(const char *place, const char *what, const char *from, size_t size, char *to, size_t capacity,
		     struct cel_error *e)
{
	if (size == 0)
		return error_set(e, CEL_EUSAGE, "'%.200s' is no place: the %s is empty", place, what);
	if (size >= capacity)
		return error_set(e, CEL_EUSAGE, "'%.200s' is no place: the %s is longer than %zu bytes", place, what,
				 capacity - 1);
	memcpy(to, from, size);
	to[size] = '\0';
	return 0;
}

/* A user, a host or the name of a remote. */
static int copy_name(const char *place, const char *what, const char *from, size_t size, char *to, size_t capacity,
		     struct cel_error *e)
{
	if (size > 0 && from[0] == '-')
		return error_set(e, CEL_EUSAGE, "'%.200s' is no place: a %s never begins with '-'", place, what);
	if (memchr(from, ' ', size) != NULL || has_control(slice_make(from, size)))
		return error_set(e, CEL_EUSAGE, "'%.200s' is no place: the %s has a blank or an unprintable character", place,
				 what);
	return copy_part(place, what, from, size, to, capacity, e);
}

/* [USER@]HOST:PATH, of that size; colon is the first ':' in it. */
static int parse_host(const char *place, const char *colon, size_t size, struct cel_place *out, struct cel_error *e)
{
	const char *host = place, *path = colon + 1;
	const char *at = memchr(place, '@', (size_t)(colon - place));
	int rc = 0;
	out->kind = CEL_PLACE_HOST;
	if (at != NULL) {
		rc = copy_name(place, "user", place, (size_t)(at - place), out->user, sizeof out->user, e);
		host = at + 1;
	}
	if (rc == 0)
		rc = copy_name(place, "host", host, (size_t)(colon - host), out->host, sizeof out->host, e);
	if (rc == 0)
		rc = copy_part(place, "path", path, size - (size_t)(path - place), out->path, sizeof out->path, e);
	return rc;
}

/* What names a store: PATH, REMOTE or [USER@]HOST:PATH, the first `size` bytes of place. */
static int parse_store(const char *place, size_t size, struct cel_place *out, struct cel_error *e)
{
	const char *slash = memchr(place, '/', size), *colon = memchr(place, ':', size);
	if (slash != NULL && (colon == NULL || slash < colon)) {
		out->kind = CEL_PLACE_PATH;
		return copy_part(place, "path", place, size, out->path, sizeof out->path, e);
	}
	if (colon != NULL)
		return parse_host(place, colon, size, out, e);
	out->kind = CEL_PLACE_REMOTE;
	return copy_name(place, "remote", place, size, out->remote, sizeof out->remote, e);
}

int cel_place_parse_store(const char *text, struct cel_place *out, struct cel_error *e)
{
	*out = (struct cel_place){.kind = CEL_PLACE_HERE};
	return parse_store(text, strlen(text), out, e);
}

int cel_place_parse(const char *text, struct cel_place *out, struct cel_error *e)
{
	*out = (struct cel_place){.kind = CEL_PLACE_HERE};
	const char *split = find_split(text);
	if (split == NULL && strchr(text, '/') != NULL)
		return error_set(e, CEL_EUSAGE, "'%.200s' names a directory and no commit in it: write PATH:REV", text);
	if (split == NULL)
		return copy_part(text, "rev", text, strlen(text), out->rev, sizeof out->rev, e);
	int rc = copy_part(text, "rev", split + 1, strlen(split + 1), out->rev, sizeof out->rev, e);
	return rc < 0 ? rc : parse_store(text, (size_t)(split - text), out, e);
}
