/* SPDX-License-Identifier: Apache-2.0 */
/* C++ for simdjson: its On-Demand parser turned into events. On-Demand checks only what is visited, so
 * everything is visited, and what it does not check is checked here: the grammar of numbers whose text is kept, the
 * spelling of literals, depth, NUL bytes (which end a number for simdjson), and that nothing follows the document.
 * UTF-8, control characters in strings and quotes are checked by simdjson over the whole text before the first event.
 * No exceptions: every simdjson result is asked for its error code. */
#include "json.h"

#include <cstring>
#include <new>
#include <simdjson.h>
#include <string_view>
#include <utility>

#include "decimal.h"

namespace ondemand = simdjson::ondemand;
using simdjson::error_code;

static_assert(JSON_PADDING >= simdjson::SIMDJSON_PADDING && JSON_PADDING >= DECIMAL_MARGIN, "padding");

struct json_parser {
	ondemand::parser parser;
};

namespace {

struct walk {
	json_event_fn *event;
	void *context;
	double *numbers;
	size_t capacity;
	struct json_result *result;
	int depth;
};

const char *describe(error_code error)
{
	switch (error) {
	case simdjson::UTF8_ERROR:
		return "invalid UTF-8";
	case simdjson::UNCLOSED_STRING:
		return "a string without its closing quote";
	case simdjson::UNESCAPED_CHARS:
		return "a control character in a string";
	case simdjson::STRING_ERROR:
		return "a wrong escape in a string";
	case simdjson::NUMBER_ERROR:
		return "a wrong number";
	case simdjson::INCOMPLETE_ARRAY_OR_OBJECT:
		return "it stops half-way: an array or object is not closed";
	case simdjson::EMPTY:
		return "it is empty";
	case simdjson::OUT_OF_BOUNDS:
		return "it stops half-way";
	default:
		return "a missing or superfluous comma, colon, brace or key, or an unknown word";
	}
}

int fail(walk &w, enum json_fault fault, const char *what)
{
	w.result->fault = fault;
	w.result->what = what;
	return fault;
}

int fail(walk &w, error_code error)
{
	if (error == simdjson::MEMALLOC)
		return fail(w, JSON_NO_MEMORY, "out of memory");
	return fail(w, JSON_BAD_TEXT, describe(error));
}

int emit(walk &w, enum json_event event, std::string_view text = {})
{
	int answer = w.event(w.context, event, text.data(), text.size());
	if (answer >= 0)
		return answer;
	w.result->stop_code = answer;
	return fail(w, JSON_STOPPED, "stopped");
}

bool is_number(std::string_view text)
{
	return decimal_is_json(text.data(), text.size());
}

/* A raw token runs to the next one, blanks included. */
std::string_view trim(std::string_view token)
{
	while (!token.empty() && std::strchr(" \t\r\n", token.back()) != nullptr)
		token.remove_suffix(1);
	return token;
}

int read_numbers(walk &w, ondemand::value value)
{
	ondemand::array array;
	error_code error = value.get_array().get(array);
	if (error)
		return fail(w, error);
	std::string_view text;
	const char *end;
	error = array.raw_json().get(text);
	if (!error && decimal_read_array(text.data(), text.size(), w.numbers, w.capacity, &w.result->count, &end))
		return emit(w, JSON_NUMBERS, text.substr(0, 0));
	/* It is wrong, and a look at each element tells what. */
	bool has_elements;
	if ((error = array.reset().get(has_elements)))
		return fail(w, error);
	size_t count = 0;
	for (auto element : array) {
		w.result->count = count;
		ondemand::value item;
		double number;
		if ((error = std::move(element).get(item)))
			return fail(w, error);
		if ((error = item.get_double().get(number))) {
			std::string_view token = trim(item.raw_json_token());
			if (is_number(token))
				return fail(w, JSON_TOO_LARGE, "too large");
			bool is_broken = token.empty() || token[0] == ']' || token[0] == ',';
			return is_broken ? fail(w, error) : fail(w, JSON_BAD_ELEMENT, "not a number");
		}
		if (count < w.capacity)
			w.numbers[count] = number;
		count++;
	}
	w.result->count = count;
	return emit(w, JSON_NUMBERS, text.substr(0, 0));
}

int visit(walk &w, ondemand::value value);

int visit_array(walk &w, ondemand::value value)
{
	ondemand::array array;
	error_code error = value.get_array().get(array);
	if (error)
		return fail(w, error);
	int rc = emit(w, JSON_ARRAY_BEGIN);
	if (rc < 0)
		return rc;
	for (auto element : array) {
		ondemand::value item;
		if ((error = std::move(element).get(item)))
			return fail(w, error);
		if ((rc = visit(w, item)) < 0)
			return rc;
	}
	return emit(w, JSON_ARRAY_END);
}

int visit_members(walk &w, ondemand::object object)
{
	int rc = emit(w, JSON_OBJECT_BEGIN);
	if (rc < 0)
		return rc;
	for (auto member : object) {
		ondemand::field field;
		error_code error = std::move(member).get(field);
		if (error)
			return fail(w, error);
		std::string_view key;
		if ((error = field.unescaped_key().get(key)))
			return fail(w, error);
		if ((rc = emit(w, JSON_KEY, key)) < 0)
			return rc;
		ondemand::value value = field.value();
		ondemand::json_type type;
		if ((error = value.type().get(type)))
			return fail(w, error);
		bool is_numbers = rc == JSON_AS_NUMBERS && type == ondemand::json_type::array;
		if ((rc = is_numbers ? read_numbers(w, value) : visit(w, value)) < 0)
			return rc;
	}
	return emit(w, JSON_OBJECT_END);
}

int visit_object(walk &w, ondemand::value value)
{
	ondemand::object object;
	error_code error = value.get_object().get(object);
	return error ? fail(w, error) : visit_members(w, object);
}

int visit_scalar(walk &w, ondemand::value value, ondemand::json_type type)
{
	if (type == ondemand::json_type::string) {
		std::string_view text;
		error_code error = value.get_string().get(text);
		return error ? fail(w, error) : emit(w, JSON_STRING, text);
	}
	std::string_view token = trim(value.raw_json_token()); /* the iterator steps over what was not taken */
	if (type == ondemand::json_type::number)
		return is_number(token) ? emit(w, JSON_NUMBER, token) : fail(w, simdjson::NUMBER_ERROR);
	if (token != "true" && token != "false" && token != "null")
		return fail(w, simdjson::TAPE_ERROR);
	return emit(w, JSON_LITERAL, token);
}

int visit(walk &w, ondemand::value value)
{
	ondemand::json_type type;
	error_code error = value.type().get(type);
	if (error)
		return fail(w, error);
	if (type != ondemand::json_type::array && type != ondemand::json_type::object)
		return visit_scalar(w, value, type);
	if (w.depth == JSON_DEPTH_MAX)
		return fail(w, JSON_BAD_TEXT, "nested too deeply");
	w.depth++;
	int rc = type == ondemand::json_type::array ? visit_array(w, value) : visit_object(w, value);
	w.depth--;
	return rc;
}

} // namespace

extern "C" struct json_parser *json_parser_new(void)
{
	return new (std::nothrow) json_parser;
}

extern "C" void json_parser_free(struct json_parser *p)
{
	delete p;
}

extern "C" int json_parse(struct json_parser *p, const char *text, size_t size, json_event_fn *event, void *context,
			  double *numbers, size_t capacity, struct json_result *result)
{
	*result = {};
	walk w = {event, context, numbers, capacity, result, 1};
	if (std::memchr(text, '\0', size) != nullptr)
		return fail(w, JSON_BAD_TEXT, "a NUL byte");
	ondemand::document document;
	error_code error = p->parser.iterate(text, size, size + JSON_PADDING).get(document);
	if (error)
		return fail(w, error);
	ondemand::object object;
	error = document.get_object().get(object);
	if (error == simdjson::INCORRECT_TYPE)
		return fail(w, JSON_BAD_TEXT, "it is no object");
	if (error)
		return fail(w, error);
	int rc = visit_members(w, object);
	if (rc < 0)
		return rc;
	const char *rest;
	if (document.current_location().get(rest) == simdjson::SUCCESS)
		return fail(w, JSON_BAD_TEXT, "something follows the object");
	return 0;
}
