/* SPDX-License-Identifier: Apache-2.0 */
/* The expression is cut into jq's tokens, as far as that is needed to tell names from the text of strings, fields (.env is a
 * field like any other) and comments; names on the list are refused. In an interpolation, "\(...)", names count again:
 * a stack of bits tells for every open parenthesis whether a string goes on behind it.
 *
 * Where this reading differs from jq's it can only be an expression that jq does not take. It is not the only guard: the
 * process that runs the filter has no environment and no input but records, and a program with something in front can
 * no longer import (libexec/celestica/match-metadata.c). */
#include "screen.h"

#include "error.h"
#include "record.h"

#define DEPTH_MAX 1000u

static const struct {
	const char *name, *why;
} REFUSED[] = {
	{"env", "the environment"},
	{"$ENV", "the environment"},
	{"$__prog_args", "the command line"},
	{"import", "modules"},
	{"include", "modules"},
	{"modulemeta", "modules"},
	{"get_search_list", "modules"},
	{"get_prog_origin", "modules"},
	{"get_jq_origin", "modules"},
	{"input", "other input than the record"},
	{"inputs", "other input than the record"},
	{"input_filename", "other input than the record"},
	{"input_line_number", "other input than the record"},
	{"now", "the time of day"},
	{"localtime", "the time zone"},
	{"strflocaltime", "the time zone"},
	{"debug", "output"},
	{"stderr", "output"},
	{"halt", "ending the work"},
	{"halt_error", "ending the work"},
};

struct lexer {
	const uint8_t *p, *end;
	bool is_dollar; /* the last token */
	uint64_t strings[DEPTH_MAX / 64 + 1]; /* by depth of parentheses: a string goes on behind it */
	uint32_t depth;
};

static bool is_name_byte(uint8_t c, bool is_first)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (!is_first && c >= '0' && c <= '9');
}

static struct slice take_name(struct lexer *x)
{
	const uint8_t *start = x->p;
	while (x->p < x->end && is_name_byte(*x->p, false))
		x->p++;
	return slice_make(start, (size_t)(x->p - start));
}

static int check_name(struct slice name, bool is_variable, struct cel_error *e)
{
	for (size_t i = 0; i < sizeof REFUSED / sizeof *REFUSED; i++) {
		const char *refused = REFUSED[i].name;
		if ((refused[0] == '$') == is_variable && slice_equal(name, slice_text(refused + is_variable)))
			return error_set(e, CEL_EUSAGE, "a filter depends on the record alone: '%s' (%s) is not allowed", refused,
					 REFUSED[i].why);
	}
	return 0;
}

/* To behind the string's end, or into an interpolation. */
static void skip_string(struct lexer *x)
{
	while (x->p < x->end) {
		uint8_t c = *x->p++;
		if (c == '"')
			return;
		if (c != '\\' || x->p == x->end)
			continue;
		if (*x->p++ == '(') {
			x->strings[x->depth / 64] |= 1ull << x->depth % 64;
			x->depth++;
			return;
		}
	}
}

static int open_parenthesis(struct lexer *x, struct cel_error *e)
{
	x->strings[x->depth / 64] &= ~(1ull << x->depth % 64);
	x->depth++;
	return x->depth < DEPTH_MAX ? 0 : error_set(e, CEL_EUSAGE, "the filter has more than %u open parentheses", DEPTH_MAX);
}

static void close_parenthesis(struct lexer *x)
{
	if (x->depth == 0)
		return; /* jq will complain */
	x->depth--;
	if ((x->strings[x->depth / 64] >> x->depth % 64 & 1) != 0)
		skip_string(x);
}

static int take_token(struct lexer *x, struct cel_error *e)
{
	uint8_t c = *x->p;
	if (is_name_byte(c, true)) {
		int rc = check_name(take_name(x), x->is_dollar, e);
		x->is_dollar = false;
		return rc;
	}
	x->p++;
	if (c == ' ' || c == '\t' || c == '\n' || c == '\r')
		return 0; /* may stand between a $ and its name */
	if (c == '#') {
		while (x->p < x->end && *x->p != '\n')
			x->p++;
		return 0;
	}
	x->is_dollar = c == '$';
	if (c == '"')
		skip_string(x);
	else if (c == '(')
		return open_parenthesis(x, e);
	else if (c == ')')
		close_parenthesis(x);
	else if ((c == '.' || c == '@') && x->p < x->end && is_name_byte(*x->p, true))
		take_name(x);
	return x->depth < DEPTH_MAX ? 0 : error_set(e, CEL_EUSAGE, "the filter has more than %u open parentheses", DEPTH_MAX);
}

int filter_screen(struct slice expression, struct cel_error *e)
{
	if (expression.size > FILTER_MAX)
		return error_set(e, CEL_EUSAGE, "the filter has %zu bytes, more than %u", expression.size, FILTER_MAX);
	if (!utf8_is_valid(expression) || memchr(expression.data, '\0', expression.size) != NULL)
		return error_set(e, CEL_EUSAGE, "the filter is not UTF-8 text");
	struct lexer x = {.p = expression.data, .end = expression.data + expression.size};
	int rc = 0;
	while (rc == 0 && x.p < x.end)
		rc = take_token(&x, e);
	return rc;
}

/* What stands in front is closed by nothing behind, so the expression cannot break out of it. */
int filter_program(struct slice expression, struct buf *out, struct cel_error *e)
{
	int rc = buf_append_text(out, ".[0] as $id | .[1] | ", e);
	return rc < 0 ? rc : buf_append(out, expression.data, expression.size, e);
}
