/* SPDX-License-Identifier: Apache-2.0 */
/* See html.h. Bytes that are not UTF-8 cannot be in an id; control characters, which cannot either, become U+FFFD. */
#include "html.h"

#include <string.h>
#include <strings.h>

void html_text(FILE *out, const void *text, size_t size)
{
	const unsigned char *p = text;
	for (size_t i = 0; i < size; i++) {
		switch (p[i]) {
		case '<':
			fputs("&lt;", out);
			break;
		case '>':
			fputs("&gt;", out);
			break;
		case '&':
			fputs("&amp;", out);
			break;
		case '"':
			fputs("&quot;", out);
			break;
		case '\'':
			fputs("&#39;", out);
			break;
		default:
			if ((p[i] < 0x20 && p[i] != '\n' && p[i] != '\t') || p[i] == 0x7f)
				fputs("\xef\xbf\xbd", out);
			else
				putc(p[i], out);
		}
	}
}

bool html_is_url(const void *text, size_t size)
{
	return (size > 7 && strncasecmp(text, "http://", 7) == 0) || (size > 8 && strncasecmp(text, "https://", 8) == 0);
}

void html_url(FILE *out, const void *text, size_t size)
{
	static const char PLAIN[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/";
	static const char OF_URLS[] = ":?#[]@!$()*+,;=%";
	const unsigned char *p = text;
	bool is_url = html_is_url(text, size);
	for (size_t i = 0; i < size; i++) {
		bool is_plain = p[i] != '\0' && (strchr(PLAIN, p[i]) != NULL || (is_url && strchr(OF_URLS, p[i]) != NULL));
		if (is_url && p[i] == '&')
			fputs("&amp;", out);
		else if (is_plain)
			putc(p[i], out);
		else
			fprintf(out, "%%%02X", p[i]);
	}
}

void html_base64(FILE *out, FILE *in, size_t limit)
{
	static const char DIGITS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	unsigned char b[3];
	size_t n;
	while (limit > 0 && (n = fread(b, 1, limit < 3 ? limit : 3, in)) > 0) {
		memset(b + n, 0, 3 - n);
		putc(DIGITS[b[0] >> 2], out);
		putc(DIGITS[(b[0] & 3) << 4 | b[1] >> 4], out);
		putc(n > 1 ? DIGITS[(b[1] & 15) << 2 | b[2] >> 6] : '=', out);
		putc(n > 2 ? DIGITS[b[2] & 63] : '=', out);
		limit -= n;
	}
}
