/* SPDX-License-Identifier: Apache-2.0 */
/* Pieces of a web page made of what others wrote: nothing in a text can end the element or the attribute that it stands in,
 * and no name becomes an address that runs something. */
#ifndef TOOLS_HTML_H
#define TOOLS_HTML_H

#include <stdbool.h>
#include <stdio.h>

/* Text, also in an attribute between double quotes. */
void html_text(FILE *out, const void *text, size_t size);
/* An address for an attribute between double quotes: one that begins with http:// or https:// stays what it is, any other is
 * a path, of which all but letters, digits and - . _ ~ / is written as %XX, so that it has no scheme and no query. */
bool html_is_url(const void *text, size_t size);
void html_url(FILE *out, const void *text, size_t size);
/* All that is read from `in`, in base64, at most `limit` bytes of it. */
void html_base64(FILE *out, FILE *in, size_t limit);

#endif
