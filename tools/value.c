/* SPDX-License-Identifier: Apache-2.0 */
/* One function a kind; each refuses what it does not understand to the last letter. */
#include "value.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "array.h"
#include "nearest.h"
#include "words.h"

/* strtoull takes signs and blanks, which nobody means here. */
static bool parse_digits(const char *text, const char **end, uint64_t *out)
{
	char *rest;
	errno = 0;
	*out = strtoull(text, &rest, 10);
	*end = rest;
	return text[0] >= '0' && text[0] <= '9' && errno == 0;
}

static uint32_t take_count(const struct cli *cli, const struct cli_target *to, const char *text)
{
	const char *end;
	uint64_t value;
	if (!parse_digits(text, &end, &value) || *end != '\0' || (double)value < to->low || (double)value > to->high)
		exit(cli_usage(cli, "'%s' is no whole number in %.0f..%.0f", text, to->low, to->high));
	return (uint32_t)value;
}

static uint64_t take_size(const struct cli *cli, const char *text)
{
	static const char UNITS[] = "KMGT";
	const char *end;
	uint64_t value;
	unsigned shift = 0;
	bool is_good = parse_digits(text, &end, &value);
	const char *unit = *end != '\0' ? strchr(UNITS, *end) : NULL;
	if (unit != NULL) {
		shift = 10 * (unsigned)(unit - UNITS + 1);
		end++;
	}
	if (!is_good || *end != '\0' || value > UINT64_MAX >> shift)
		exit(cli_usage(cli, "'%s' is no size in bytes, such as 4096, 256M or 2G", text));
	return value << shift;
}

/* As print_time prints it, or Unix seconds. */
static int64_t take_time(const struct cli *cli, const char *text)
{
	struct tm tm = {0};
	const char *end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm);
	int64_t seconds = end != NULL && *end == '\0' ? (int64_t)timegm(&tm) : -1;
	uint64_t value;
	if (seconds >= 0)
		return seconds;
	if (!parse_digits(text + (text[0] == '@'), &end, &value) || *end != '\0' || value > INT64_MAX)
		exit(cli_usage(cli, "'%s' is no time: 2026-11-22T07:00:00Z or Unix seconds", text));
	return (int64_t)value;
}

static double take_real(const struct cli *cli, const struct cli_target *to, const char *text)
{
	char *end;
	double value = strtod(text, &end);
	if (end == text || *end != '\0' || !(value >= to->low && value <= to->high))
		exit(cli_usage(cli, "'%s' is no number in %g..%g", text, to->low, to->high));
	return value;
}

static int wrong_word(const struct cli *cli, const char *words, const char *text)
{
	char list[512] = "", word[WORD_SIZE], candidates[32][WORD_SIZE];
	struct nearest nearest;
	size_t length = 0, n = 0;
	nearest_init(&nearest, text);
	while (n < 32 && length < sizeof list && word_next(&words, " /", candidates[n], NULL)) {
		length += (size_t)snprintf(list + length, sizeof list - length, "%s%s", n > 0 ? ", " : "", candidates[n]);
		nearest_show(&nearest, candidates[n++]);
	}
	if (nearest.best != NULL)
		snprintf(word, sizeof word, "%s", nearest.best);
	return cli_usage(cli, "'%s' is none of %s%s%s%s", text, list, nearest.best != NULL ? "; did you mean '" : "",
			 nearest.best != NULL ? word : "", nearest.best != NULL ? "'?" : "");
}

static int take_choice(const struct cli *cli, const char *words, const char *text)
{
	char word[WORD_SIZE], end;
	const char *rest = words;
	for (int number = 0; word_next(&rest, " /", word, &end); number += end == ' ')
		if (strcmp(word, text) == 0)
			return number;
	exit(wrong_word(cli, words, text));
}

static void take_item(struct cli_list *list, const char *text)
{
	if (array_room(&list->items, list->n, 1, sizeof *list->items, NULL) < 0) {
		fprintf(stderr, "out of memory\n");
		exit(cel_error_exit_status(CEL_ENOMEM));
	}
	list->items[list->n++] = text;
}

void value_take(struct cli *cli, const struct cli_option *option, const char *text)
{
	const struct cli_target *to = &option->to;
	void *field = (char *)(to->is_shared ? cli : cli->tool) + to->offset;
	switch (to->kind) {
	case CLI_KIND_HELP:
	case CLI_KIND_VERSION:
		break;
	case CLI_KIND_FLAG:
		*(bool *)field = true;
		break;
	case CLI_KIND_WORD:
		take_choice(cli, to->words, text);
		*(const char **)field = text;
		break;
	case CLI_KIND_TEXT:
		*(const char **)field = text;
		break;
	case CLI_KIND_LIST:
		take_item(field, text);
		break;
	case CLI_KIND_COUNT:
		*(uint32_t *)field = take_count(cli, to, text);
		break;
	case CLI_KIND_SIZE:
		*(uint64_t *)field = take_size(cli, text);
		break;
	case CLI_KIND_TIME:
		*(int64_t *)field = take_time(cli, text);
		break;
	case CLI_KIND_REAL:
		*(double *)field = take_real(cli, to, text);
		break;
	case CLI_KIND_CHOICE:
		*(int *)field = (int)to->low + take_choice(cli, to->words, text);
		break;
	}
}
