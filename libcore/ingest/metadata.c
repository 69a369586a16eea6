/* SPDX-License-Identifier: Apache-2.0 */
/* Each member is written as "key":value, where it comes; the place of every member is remembered until its object
 * ends. Only if the keys did not come in order is the object's text put together again from its sorted members:
 *
 *     out      {"b":1,"a":{"x":2},     members  b [1..7)  a [7..)
 *
 * No recursion: frames are a stack in a buffer, so that depth is bounded by number and not by the C stack. */
#include "metadata.h"

#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "error.h"
#include "metadata_writer.h"
#include "record.h"

struct member {
	struct slice key;
	size_t start, end; /* of "key":value, in out */
};

struct frame {
	size_t start;         /* of the text between the brackets, in out */
	size_t first_member;  /* index */
	bool is_object, is_sorted;
};

static struct frame *top_frame(const struct metadata_writer *w)
{
	return (struct frame *)(void *)(w->frames.data + w->frames.size - sizeof(struct frame));
}

static size_t n_members(const struct metadata_writer *w)
{
	return w->members.size / sizeof(struct member);
}

static struct member *members_of(const struct metadata_writer *w)
{
	return (struct member *)(void *)w->members.data;
}

bool metadata_writer_is_open(const struct metadata_writer *w)
{
	return w->frames.size > 0;
}

void metadata_writer_clear(struct metadata_writer *w, struct cel_error *e)
{
	buf_clear(&w->out);
	buf_clear(&w->members);
	buf_clear(&w->frames);
	w->error = e;
}

void metadata_writer_release(struct metadata_writer *w)
{
	buf_release(&w->out);
	buf_release(&w->members);
	buf_release(&w->frames);
	buf_release(&w->scratch);
}

static const char *short_escape(uint8_t c)
{
	switch (c) {
	case '"':
		return "\\\"";
	case '\\':
		return "\\\\";
	case '\b':
		return "\\b";
	case '\f':
		return "\\f";
	case '\n':
		return "\\n";
	case '\r':
		return "\\r";
	case '\t':
		return "\\t";
	default:
		return NULL;
	}
}

static int write_string(struct metadata_writer *w, struct slice text)
{
	if (!utf8_is_valid(text)) /* UTF-8 in the input is checked; an escaped lone surrogate is not */
		return error_set(w->error, CEL_EDATA, "a string with half a surrogate pair");
	int rc = buf_append_byte(&w->out, '"', w->error);
	size_t plain = 0;
	for (size_t i = 0; rc == 0 && i < text.size; i++) {
		uint8_t c = text.data[i];
		if (c >= 0x20 && c != '"' && c != '\\')
			continue;
		rc = buf_append(&w->out, text.data + plain, i - plain, w->error);
		plain = i + 1;
		const char *escape = short_escape(c);
		if (rc == 0)
			rc = escape != NULL ? buf_append_text(&w->out, escape, w->error)
					    : buf_printf(&w->out, w->error, "\\u%04x", c);
	}
	if (rc == 0)
		rc = buf_append(&w->out, text.data + plain, text.size - plain, w->error);
	return rc < 0 ? rc : buf_append_byte(&w->out, '"', w->error);
}

static int begin(struct metadata_writer *w, bool is_object)
{
	if (w->frames.size == METADATA_DEPTH_MAX * sizeof(struct frame))
		return error_set(w->error, CEL_EDATA, "metadata nested deeper than %d", METADATA_DEPTH_MAX);
	int rc = buf_append_byte(&w->out, is_object ? '{' : '[', w->error);
	if (rc < 0)
		return rc;
	struct frame frame = {
		.start = w->out.size, .first_member = n_members(w), .is_object = is_object, .is_sorted = true};
	return buf_append(&w->frames, &frame, sizeof frame, w->error);
}

static int add_key(struct metadata_writer *w, struct slice key)
{
	struct frame *frame = top_frame(w);
	size_t count = n_members(w);
	if (count > frame->first_member) {
		int order = slice_compare(members_of(w)[count - 1].key, key);
		frame->is_sorted = frame->is_sorted && order < 0;
	}
	struct member member = {.key = key, .start = w->out.size};
	int rc = buf_append(&w->members, &member, sizeof member, w->error);
	if (rc == 0)
		rc = write_string(w, key);
	return rc < 0 ? rc : buf_append_byte(&w->out, ':', w->error);
}

static int compare_members(const void *a, const void *b)
{
	const struct member *x = a, *y = b;
	int order = slice_compare(x->key, y->key);
	return order != 0 ? order : (x->start > y->start) - (x->start < y->start);
}

static int sort_object(struct metadata_writer *w, const struct frame *frame)
{
	struct member *members = members_of(w) + frame->first_member;
	size_t count = n_members(w) - frame->first_member;
	qsort(members, count, sizeof *members, compare_members);
	buf_clear(&w->scratch);
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < count; i++) {
		if (i > 0 && slice_equal(members[i - 1].key, members[i].key))
			return error_set(w->error, CEL_EDATA, "the key \"%.*s\" stands twice in one object",
					 (int)(members[i].key.size < 100 ? members[i].key.size : 100),
					 (const char *)members[i].key.data);
		rc = buf_append(&w->scratch, w->out.data + members[i].start, members[i].end - members[i].start, w->error);
		if (rc == 0)
			rc = buf_append_byte(&w->scratch, ',', w->error);
	}
	if (rc == 0)
		memcpy(w->out.data + frame->start, w->scratch.data, w->scratch.size);
	return rc;
}

/* A value is complete: its member ends here, and the comma behind it is written at once. */
static int end_value(struct metadata_writer *w)
{
	if (w->out.size > METADATA_SIZE_MAX)
		return error_set(w->error, CEL_EDATA, "the metadata has more than %u bytes", METADATA_SIZE_MAX);
	if (w->frames.size == 0)
		return 0;
	if (top_frame(w)->is_object)
		members_of(w)[n_members(w) - 1].end = w->out.size;
	return buf_append_byte(&w->out, ',', w->error);
}

static int end(struct metadata_writer *w)
{
	struct frame frame = *top_frame(w);
	int rc = frame.is_sorted ? 0 : sort_object(w, &frame);
	if (rc < 0)
		return rc;
	w->members.size = frame.first_member * sizeof(struct member);
	w->frames.size -= sizeof frame;
	if (w->out.size > frame.start)
		w->out.size--; /* the last comma */
	rc = buf_append_byte(&w->out, frame.is_object ? '}' : ']', w->error);
	return rc < 0 ? rc : end_value(w);
}

int metadata_writer_event(struct metadata_writer *w, enum json_event event, struct slice text)
{
	int rc;
	switch (event) {
	case JSON_OBJECT_BEGIN:
	case JSON_ARRAY_BEGIN:
		return begin(w, event == JSON_OBJECT_BEGIN);
	case JSON_OBJECT_END:
	case JSON_ARRAY_END:
		return end(w);
	case JSON_KEY:
		return add_key(w, text);
	case JSON_STRING:
		rc = write_string(w, text);
		return rc < 0 ? rc : end_value(w);
	case JSON_NUMBER:
	case JSON_LITERAL:
	case JSON_NUMBERS:
	default:
		rc = buf_append(&w->out, text.data, text.size, w->error);
		return rc < 0 ? rc : end_value(w);
	}
}

static int on_event(void *context, enum json_event event, const char *text, size_t size)
{
	return metadata_writer_event(context, event, slice_make(text, size));
}

static int canonicalise(struct slice json, struct json_parser *parser, struct metadata_writer *w, struct cel_error *e)
{
	struct buf padded BUF_CLEANUP = {0};
	int rc = buf_reserve(&padded, json.size + JSON_PADDING, e);
	if (rc < 0)
		return rc;
	if (json.size > 0)
		memcpy(padded.data, json.data, json.size);
	memset(padded.data + json.size, 0, JSON_PADDING);
	struct json_result result;
	metadata_writer_clear(w, e);
	switch (json_parse(parser, (const char *)padded.data, json.size, on_event, w, NULL, 0, &result)) {
	case 0:
		return 0;
	case JSON_STOPPED:
		return result.stop_code;
	case JSON_NO_MEMORY:
		return error_nomem(e, json.size);
	default:
		return error_set(e, CEL_EDATA, "the metadata is not JSON: %s", result.what);
	}
}

/* What a canonical text grows to at most, the other way round: every byte as an escape of six, and blanks. */
#define INPUT_SIZE_MAX (8u * METADATA_SIZE_MAX)

int metadata_canonicalise(struct slice json, struct buf *out, struct cel_error *e)
{
	if (json.size > INPUT_SIZE_MAX)
		return error_set(e, CEL_EDATA, "the metadata has more than %u bytes", METADATA_SIZE_MAX);
	struct json_parser *parser = json_parser_new();
	if (parser == NULL)
		return error_nomem(e, json.size);
	struct metadata_writer w = {0};
	int rc = canonicalise(json, parser, &w, e);
	if (rc == 0)
		rc = buf_append(out, w.out.data, w.out.size, e);
	metadata_writer_release(&w);
	json_parser_free(parser);
	return rc;
}

int metadata_check(struct slice bytes, struct cel_error *e)
{
	if (bytes.size > METADATA_SIZE_MAX)
		return error_set(e, CEL_EDATA, "the metadata has more than %u bytes", METADATA_SIZE_MAX);
	struct buf canonical BUF_CLEANUP = {0};
	int rc = metadata_canonicalise(bytes, &canonical, e);
	if (rc == 0 && !slice_equal(buf_slice(&canonical), bytes))
		return error_set(e, CEL_EDATA, "the metadata is not in canonical form");
	return rc;
}
