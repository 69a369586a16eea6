/* SPDX-License-Identifier: Apache-2.0 */
/* Names come from ids and metadata, which anybody may have made. A name is an address if it begins with http:// or https://,
 * else the path of a file below the root, whatever it looks like. An image that goes into the page is a file that begins as
 * images do, named without ".." and not by an absolute path: a page that is given away has nothing else of this host in it. */
#include "picture.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "html.h"
#include "member.h"

/* ---- from the page to the root */

/* "../../images/" from one directory to the other; both paths are absolute and without links. */
static void make_relative(const char *from, const char *to, char *out, size_t size)
{
	size_t common = 0, n = 0;
	from += strcmp(from, "/") == 0;
	to += strcmp(to, "/") == 0;
	for (size_t i = 0;; i++) {
		if ((from[i] == '/' || from[i] == '\0') && (to[i] == '/' || to[i] == '\0'))
			common = i;
		if (from[i] != to[i] || from[i] == '\0')
			break;
	}
	out[0] = '\0';
	for (const char *p = strchr(from + common, '/'); p != NULL && n + 4 < size; p = strchr(p + 1, '/'))
		n += (size_t)snprintf(out + n, size - n, "../");
	if (to[common] != '\0')
		snprintf(out + n, size - n, "%s/", to + common + 1);
}

void pictures_begin(struct pictures *p, const char *page)
{
	char directory[PATH_MAX], from[PATH_MAX], to[PATH_MAX];
	const char *root = p->root != NULL ? p->root : ".";
	p->prefix[0] = '\0';
	if (html_is_url(root, strlen(root))) {
		snprintf(p->prefix, sizeof p->prefix, "%s%s", root, root[strlen(root) - 1] == '/' ? "" : "/");
		return;
	}
	const char *slash = strrchr(page, '/');
	snprintf(directory, sizeof directory, "%.*s", slash != NULL ? (int)(slash - page) + 1 : 1, slash != NULL ? page : ".");
	bool is_known = strcmp(page, "-") != 0 && realpath(directory, from) != NULL && realpath(root, to) != NULL;
	if (is_known)
		make_relative(from, to, p->prefix, sizeof p->prefix);
	else if (p->root != NULL)
		snprintf(p->prefix, sizeof p->prefix, "%s%s", root, root[strlen(root) - 1] == '/' ? "" : "/");
}

/* ---- which image */

static bool is_image_name(const char *name, size_t size)
{
	static const char *const ENDINGS[] = {".png", ".jpg", ".jpeg", ".gif", ".webp", ".avif", ".bmp", ".svg", ".ico"};
	if (html_is_url(name, size)) {
		const char *mark = memchr(name, '?', size);
		size = mark != NULL ? (size_t)(mark - name) : size;
	}
	for (size_t i = 0; i < sizeof ENDINGS / sizeof *ENDINGS; i++) {
		size_t tail = strlen(ENDINGS[i]);
		if (size > tail && strncasecmp(name + size - tail, ENDINGS[i], tail) == 0)
			return true;
	}
	return false;
}

bool pictures_find(const struct pictures *p, const void *id, size_t id_size, const char *metadata, size_t metadata_size,
		   char name[PICTURE_NAME_MAX], size_t *size)
{
	static const char *const KEYS[] = {"image", "path", "url"};
	if (p->field != NULL)
		return metadata != NULL && member_text(metadata, metadata_size, p->field, name, PICTURE_NAME_MAX, size) && *size > 0;
	for (size_t i = 0; metadata != NULL && i < sizeof KEYS / sizeof *KEYS; i++)
		if (member_text(metadata, metadata_size, KEYS[i], name, PICTURE_NAME_MAX, size) && *size > 0)
			return true;
	if (!is_image_name(id, id_size))
		return false;
	memcpy(name, id, id_size);
	*size = id_size;
	return true;
}

/* ---- showing it */

static const char *media_type(const unsigned char *head, size_t size)
{
	static const struct {
		size_t at, size;
		const char *bytes, *type;
	} KINDS[] = {
		{0, 8, "\x89PNG\r\n\x1a\n", "image/png"}, {0, 3, "\xff\xd8\xff", "image/jpeg"}, {0, 4, "GIF8", "image/gif"},
		{8, 4, "WEBP", "image/webp"},             {4, 8, "ftypavif", "image/avif"},      {0, 2, "BM", "image/bmp"},
	};
	for (size_t i = 0; i < sizeof KINDS / sizeof *KINDS; i++)
		if (size >= KINDS[i].at + KINDS[i].size && memcmp(head + KINDS[i].at, KINDS[i].bytes, KINDS[i].size) == 0)
			return KINDS[i].type;
	return NULL;
}

static bool is_below(const char *name, size_t size)
{
	if (size == 0 || name[0] == '/' || memchr(name, '\0', size) != NULL)
		return false;
	for (size_t at = 0; at < size;) {
		const char *slash = memchr(name + at, '/', size - at);
		size_t part = slash != NULL ? (size_t)(slash - name) - at : size - at;
		if (part == 2 && name[at] == '.' && name[at + 1] == '.')
			return false;
		at += part + 1;
	}
	return true;
}

static FILE *open_image(const struct pictures *p, const char *name, size_t size, size_t *bytes)
{
	char path[2 * PATH_MAX];
	struct stat st;
	const char *root = p->root != NULL ? p->root : ".";
	if (html_is_url(name, size) || html_is_url(root, strlen(root)) || !is_below(name, size))
		return NULL;
	int length = snprintf(path, sizeof path, "%s/%.*s", root, (int)size, name);
	int fd = length < (int)sizeof path ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY) : -1;
	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size > (off_t)PICTURE_EMBED_MAX ||
	    p->embedded + (uint64_t)st.st_size > PICTURE_EMBED_TOTAL) {
		close(fd);
		return NULL;
	}
	*bytes = (size_t)st.st_size;
	FILE *file = fdopen(fd, "r");
	if (file == NULL)
		close(fd);
	return file;
}

static bool embed(struct pictures *p, FILE *out, const char *name, size_t size)
{
	unsigned char head[16];
	size_t bytes;
	FILE *file = open_image(p, name, size, &bytes);
	if (file == NULL)
		return false;
	const char *type = media_type(head, fread(head, 1, sizeof head, file));
	rewind(file);
	if (type != NULL) {
		fprintf(out, "data:%s;base64,", type);
		html_base64(out, file, bytes);
		p->embedded += bytes;
	}
	fclose(file);
	return type != NULL;
}

int pictures_print(struct pictures *p, FILE *out, const char *name, size_t size)
{
	if (p->is_embedding && embed(p, out, name, size))
		return 0;
	p->n_linked += p->is_embedding;
	if (!html_is_url(name, size)) {
		bool is_absolute = size > 0 && name[0] == '/';
		if (is_absolute && p->root == NULL)
			putc('/', out); /* one, as two would name a host */
		else
			html_url(out, p->prefix, strlen(p->prefix));
		while (size > 0 && name[0] == '/') {
			name++;
			size--;
		}
	}
	html_url(out, name, size);
	return 1;
}
