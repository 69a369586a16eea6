// SPDX-License-Identifier: Apache-2.0
// parse FILE: what the fastest parser we know of takes for JSON Lines, on one thread and with nothing done to what was parsed: every
// field of every line is looked at, every number converted. Prints how many and their sum, so that nothing can be left out.
#include <simdjson.h>

#include <cstdio>

using namespace simdjson;

static double total;
static unsigned long n_numbers, n_texts;

static void look_at(ondemand::value value)
{
	switch (value.type()) {
	case ondemand::json_type::array:
		for (ondemand::value item : value.get_array())
			look_at(item);
		break;
	case ondemand::json_type::object:
		for (auto field : value.get_object())
			look_at(field.value());
		break;
	case ondemand::json_type::number:
		total += value.get_double();
		n_numbers++;
		break;
	case ondemand::json_type::string:
		n_texts += value.get_string().value().size() > 0;
		break;
	default:
		break;
	}
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 64;
	try {
		padded_string text = padded_string::load(argv[1]);
		ondemand::parser parser;
		ondemand::document_stream lines = parser.iterate_many(text, 1 << 20);
		for (auto line : lines)
			for (auto field : line.get_object())
				look_at(field.value());
	} catch (const simdjson_error &e) {
		std::fprintf(stderr, "parse: %s: %s\n", argv[1], e.what());
		return 65;
	}
	std::printf("%lu numbers, %lu texts, sum %.17g\n", n_numbers, n_texts, total);
	return 0;
}
