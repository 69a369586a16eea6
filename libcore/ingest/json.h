/* SPDX-License-Identifier: Apache-2.0 */
/* Strict JSON (RFC 8259) as events, read by simdjson behind this C interface (docs/adr/0003-json-parser.md). */
#ifndef INGEST_JSON_H
#define INGEST_JSON_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define JSON_DEPTH_MAX 66

struct json_parser;

enum json_event {
	JSON_OBJECT_BEGIN,
	JSON_OBJECT_END,
	JSON_ARRAY_BEGIN,
	JSON_ARRAY_END,
	JSON_KEY,     /* text: without escapes */
	JSON_STRING,  /* text: without escapes */
	JSON_NUMBER,  /* text: as written */
	JSON_LITERAL, /* text: true, false or null */
	JSON_NUMBERS, /* an array of numbers that a sink asked for as such; text: its place, of size 0 */
};

/* What an event function answers. */
#define JSON_GO_ON 0
#define JSON_AS_NUMBERS 1 /* to JSON_KEY: if the value is an array, as numbers please */

/* Called in the order of the text; a negative result stops and is returned. The text lives until the next parse. */
typedef int json_event_fn(void *context, enum json_event event, const char *text, size_t size);

enum json_fault {
	JSON_BAD_TEXT = -1,      /* not JSON; what says why */
	JSON_NO_MEMORY = -2,
	JSON_BAD_ELEMENT = -3,   /* the array asked for as numbers has something else in it at `count` */
	JSON_TOO_LARGE = -4,     /* a number of that array is beyond double at `count` */
	JSON_STOPPED = -5,       /* by the event function; stop_code is its answer */
};

struct json_result {
	enum json_fault fault;
	int stop_code;
	const char *what; /* static text */
	size_t count;     /* elements of the array read as numbers, stored or not */
};

/* NULL if memory is short. */
struct json_parser *json_parser_new(void);
void json_parser_free(struct json_parser *p);

/* Parses one document of `size` bytes; text must be followed by JSON_PADDING readable bytes, and where numbers are asked for
 * come after as many. Up to `capacity` numbers of an array asked for as numbers are stored; more are only counted. 0 or an enum
 * json_fault, and then *result. */
#define JSON_PADDING 64
int json_parse(struct json_parser *p, const char *text, size_t size, json_event_fn *event, void *context,
	       double *numbers, size_t capacity, struct json_result *result);

#ifdef __cplusplus
}
#endif

#endif
