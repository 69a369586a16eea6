/* SPDX-License-Identifier: Apache-2.0 */
/* Arrays of numbers are most of what is read at all. What bounds their reading is that one number can only be begun when it is
 * known where the one before it ends, so the ends come first: the commas of some hundred characters, found without looking at
 * anything else. Then the numbers do not wait for each other:
 *
 *     [0.25, -1.5, 0.125]            16 characters up to a comma, and the same moved by one
 *         ^     ^      ^             .. [   -   1   .   5      the point's place is left out by taking what stands
 *                                         .. [   -   1   .     before it from the second: 0 0 ... 0 1 5
 *
 * All of a number's digits are one integer then, and the number is that times a power of ten. With at most 16 digits it is
 * mostly below 2^53: one division of two doubles that are exact, so its result is the nearest double as well (Clinger, How to
 * read floating point numbers accurately, 1990). With more it is a product of 64 by 128 bits (Lemire, Number parsing at a gigabyte
 * per second, 2021), done by fast_float. What has another shape, an exponent, blanks elsewhere or more digits, goes the long way,
 * which also finds out whether it is a number at all. */
#include "decimal.h"

#include <cmath>
#include <fast_float/fast_float.h>

#include "decimal_lanes.h"

static_assert(DECIMAL_MARGIN >= 64, "blocks of 64 are looked at whole, and 33 characters before an end");

/* What the loop over an array consists of; a call for each number would cost a fifth. */
#define ALWAYS_INLINE __attribute__((always_inline)) inline

namespace {

const double POWERS[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
const uint64_t TEN_TO_16 = 10000000000000000;

const char *skip_blanks(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\n' || *p == '\t' || *p == '\r'))
		p++;
	return p;
}

bool read_long_way(const char *p, const char *end, double &out)
{
	p = skip_blanks(p, end);
	while (end > p && (end[-1] == ' ' || end[-1] == '\n' || end[-1] == '\t' || end[-1] == '\r'))
		end--;
	size_t size = (size_t)(end - p);
	return decimal_is_json(p, size) && decimal_read(p, size, &out) && std::isfinite(out);
}

/* Sixteen characters up to an end, as digits if they are some. */
struct part {
	lanes digits, before; /* before: the same, moved by one */
	uint32_t are_digits, are_points;
};

inline part load_part(const char *end)
{
	part p;
	p.digits = lanes_load(end - 16) ^ (unsigned char)'0';
	p.before = lanes_load(end - 17) ^ (unsigned char)'0';
	p.are_digits = lanes_mask((lanes)(p.digits <= (lanes{} + (unsigned char)9)));
	p.are_points = lanes_mask(lanes_equal(p.digits, '.' ^ '0'));
	return p;
}

/* Its value without the point, which is in that lane (less than 0: in none), and without the lanes up to `outside`. */
inline uint64_t value_of(const part &p, int point, int outside)
{
	lanes behind = lanes_behind(point);
	return lanes_value(((p.digits & behind) | (p.before & ~behind)) & lanes_behind(outside));
}

/* size characters of which bit i of the masks tells are digits but for one point with digits on both sides, or none. */
inline bool is_plain(uint32_t digits, uint32_t points, uint32_t used, const char *start, long size)
{
	uint32_t first = used & (0 - used);
	bool is_whole = (digits | (points & (0 - points))) == used;
	bool has_sides = (points & first) == 0 && (points & (uint32_t)1 << 31) == 0;
	return is_whole && has_sides && (*start != '0' || size == 1 || start[1] == '.');
}

inline double with_sign(uint64_t bits, bool is_negative)
{
	double value;
	bits |= (uint64_t)is_negative << 63;
	std::memcpy(&value, &bits, sizeof value);
	return value;
}

ALWAYS_INLINE bool read_short(const char *start, const char *end, bool is_negative, double &out)
{
	long size = end - start;
	part p = load_part(end);
	uint32_t used = ~(uint32_t)0 << (32 - size), points = p.are_points << 16 & used;
	int point = points != 0 ? __builtin_ctz(points) - 16 : -1;
	uint64_t value = value_of(p, point, 15 - (int)size + (points != 0));
	if (!is_plain(p.are_digits << 16 & used, points, used, start, size) || value > (uint64_t)1 << 53)
		return false;
	double quotient = (double)(int64_t)value / POWERS[points != 0 ? 15 - point : 0];
	uint64_t bits;
	std::memcpy(&bits, &quotient, sizeof bits);
	out = with_sign(bits, is_negative);
	return true;
}

ALWAYS_INLINE bool read_longer(const char *start, const char *end, bool is_negative, double &out)
{
	long size = end - start;
	part low = load_part(end), high = load_part(end - 16);
	uint32_t used = size == 32 ? ~(uint32_t)0 : ~(uint32_t)0 << (32 - size);
	uint32_t points = (low.are_points << 16 | high.are_points) & used;
	int point = points != 0 ? __builtin_ctz(points) : -1;
	uint64_t above = value_of(high, point, 31 - (int)size + (points != 0));
	uint64_t value = above * TEN_TO_16 + value_of(low, point - 16, -1);
	if (!is_plain((low.are_digits << 16 | high.are_digits) & used, points, used, start, size) || above >= 1844)
		return false;
	auto product = fast_float::compute_float<fast_float::binary_format<double>>(points != 0 ? point - 31 : 0, value);
	if (product.power2 < 0) /* too close to tell */
		return false;
	out = with_sign(product.mantissa | (uint64_t)product.power2 << 52, is_negative);
	return true;
}

ALWAYS_INLINE bool read_shape(const char *start, const char *end, double &out)
{
	bool is_negative = *start == '-';
	start += is_negative;
	long size = end - start;
	return size > 16 && size <= 32	? read_longer(start, end, is_negative, out)
	       : size > 0 && size <= 16 ? read_short(start, end, is_negative, out)
					: false;
}

/* The number between two commas. */
inline bool read_number(const char *text, const char *end, double &out)
{
	return __builtin_expect(read_shape(text + (*text == ' '), end, out), 1) || read_long_way(text, end, out);
}

inline unsigned count_bits(uint64_t x) /* a processor of the first generation has no instruction for it */
{
	x -= x >> 1 & 0x5555555555555555;
	x = (x & 0x3333333333333333) + (x >> 2 & 0x3333333333333333);
	return (unsigned)(((x + (x >> 4)) & 0x0f0f0f0f0f0f0f0f) * 0x0101010101010101 >> 56);
}

/* Where numbers end: commas, and the bracket behind the last one. */
struct ends {
	static const unsigned ENOUGH = 64, MOST = ENOUGH + 64;
	uint32_t at[MOST + 8]; /* from where the search began */
	unsigned n;
	bool is_closed;
};

inline void add_ends(ends &e, uint64_t mask, uint32_t offset)
{
	unsigned n = count_bits(mask);
	uint32_t *at = e.at + e.n;
	e.n += n;
	for (unsigned i = 0; i < 8; i++, mask &= mask - 1) /* mostly there are that many at most; what is too much is overwritten */
		at[i] = offset + (uint32_t)__builtin_ctzll(mask | (uint64_t)1 << 63);
	for (unsigned i = 8; i < n; i++, mask &= mask - 1)
		at[i] = offset + (uint32_t)__builtin_ctzll(mask);
}

/* Goes on from p until there are enough, in whole blocks. */
inline const char *find_ends(const char *p, const char *limit, ends &e)
{
	const char *start = p;
	e.n = 0;
	e.is_closed = false;
	for (; p < limit && e.n < ends::ENOUGH && !e.is_closed; p += 64) {
		uint64_t commas = 0, brackets = 0;
		for (int i = 0; i < 4; i++) {
			lanes v = lanes_load(p + 16 * i);
			commas |= (uint64_t)lanes_mask(lanes_equal(v, ',')) << 16 * i;
			brackets |= (uint64_t)lanes_mask(lanes_equal(v, ']')) << 16 * i;
		}
		e.is_closed = brackets != 0;
		uint64_t inside = brackets ^ (brackets - 1); /* all if there is none */
		add_ends(e, (commas | brackets) & inside, (uint32_t)(p - start));
	}
	return p;
}

} // namespace

extern "C" bool decimal_read_inside(const char *text, size_t size, double *out)
{
	return read_shape(text, text + size, *out) || decimal_read(text, size, out);
}

extern "C" bool decimal_read_array(const char *text, size_t size, double *numbers, size_t capacity, size_t *count, const char **end)
{
	const char *limit = text + size, *p = text + 1, *number = p;
	if (size < 2 || *text != '[')
		return false;
	*count = 0;
	*end = skip_blanks(p, limit);
	if (*end < limit && **end == ']') {
		++*end;
		return true;
	}
	for (ends e;;) {
		const char *start = p;
		p = find_ends(p, limit, e);
		for (unsigned i = 0; i < e.n; i++) {
			double spare, &out = *count < capacity ? numbers[*count] : spare;
			const char *number_end = start + e.at[i];
			if (number_end >= limit || !read_number(number, number_end, out))
				return false;
			number = number_end + 1;
			++*count;
		}
		if (e.is_closed || p >= limit) {
			*end = number;
			return e.is_closed;
		}
	}
}
