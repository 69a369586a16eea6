/* SPDX-License-Identifier: Apache-2.0 */
/* The plot is a rectangle in a picture of fixed size that scales. Ticks stand at 1, 2 and 5 times powers of ten; of the
 * logarithmic axis only at powers where it spans many. Colours are variables that the page's choice of light or dark sets. */
#include "chart.h"

#include <math.h>
#include <string.h>

#include "html.h"

#define WIDTH 720.0
#define HEIGHT 460.0
#define LEFT 84.0
#define RIGHT (WIDTH - 28)
#define TOP 74.0
#define BOTTOM (HEIGHT - 58)

struct axes {
	double x_min, x_max, y_min, y_max; /* y: logarithms to base 10 */
};

static double x_of(const struct axes *a, double x)
{
	return LEFT + (x - a->x_min) / (a->x_max - a->x_min) * (RIGHT - LEFT);
}

static double y_of(const struct axes *a, double y)
{
	return BOTTOM - (log10(y) - a->y_min) / (a->y_max - a->y_min) * (BOTTOM - TOP);
}

/* The smallest of 1, 2, 5 times a power of ten that divides the span into at most `most` parts. */
static double tick_step(double span, double most)
{
	double power = pow(10, floor(log10(span / most)));
	double parts = span / most / power;
	return power * (parts <= 1 ? 1 : parts <= 2 ? 2 : parts <= 5 ? 5 : 10);
}

static void take_extent(double y, struct axes *a)
{
	a->y_min = fmin(a->y_min, log10(y));
	a->y_max = fmax(a->y_max, log10(y));
}

static struct axes make_axes(const struct chart *c)
{
	struct axes a = {.x_min = c->x_max, .x_max = c->x_max, .y_min = INFINITY, .y_max = -INFINITY};
	for (size_t i = 0; i < c->n; i++) {
		a.x_min = fmin(a.x_min, c->points[i].x);
		take_extent(c->points[i].y, &a);
	}
	if (c->line > 0)
		take_extent(c->line, &a);
	double span = fmax(a.x_max - a.x_min, 1e-3 * fmax(fabs(a.x_max), 1e-9));
	double step = tick_step(span, 5);
	a.x_min = floor((a.x_max - span) / step + 1e-9) * step;
	a.y_min -= 0.12;
	a.y_max += 0.12;
	return a;
}

static void print_text(FILE *out, double x, double y, const char *kind, const char *text)
{
	fprintf(out, "<text x=\"%.1f\" y=\"%.1f\" class=\"%s\">", x, y, kind);
	html_text(out, text, strlen(text));
	fputs("</text>\n", out);
}

static void print_x_axis(FILE *out, const struct axes *a)
{
	double step = tick_step(a->x_max - a->x_min, 6);
	for (long i = lround(ceil(a->x_min / step - 1e-9)); (double)i * step <= a->x_max + 1e-9; i++) {
		char text[32];
		double x = x_of(a, (double)i * step);
		snprintf(text, sizeof text, "%.6g", (double)i * step);
		fprintf(out, "<path class=\"tick\" d=\"M%.1f %.1fV%.1f\"/>\n", x, TOP, BOTTOM);
		print_text(out, x, BOTTOM + 18, "x", text);
	}
}

static void print_y_axis(FILE *out, const struct axes *a)
{
	static const double PARTS[] = {1, 2, 5};
	size_t n = a->y_max - a->y_min < 2.5 ? 3 : 1;
	for (double power = floor(a->y_min); power <= a->y_max; power++) {
		for (size_t i = 0; i < n; i++) {
			char text[32];
			double value = PARTS[i] * pow(10, power);
			if (log10(value) < a->y_min || log10(value) > a->y_max)
				continue;
			snprintf(text, sizeof text, value < 1e6 ? "%.6g" : "%.0e", value);
			fprintf(out, "<path class=\"tick\" d=\"M%.1f %.1fH%.1f\"/>\n", LEFT, y_of(a, value), RIGHT);
			print_text(out, LEFT - 8, y_of(a, value) + 4, "y", text);
		}
	}
}

static const char STYLE[] =
	"<style>\n"
	".chart { --back: #fff; --ink: #1d1d1b; --dim: #6a6a64; --grid: #e2e2dc; --mark: #0b62c4; --other: #b3541e }\n"
	"@media (prefers-color-scheme: dark) { .chart { --back: #181816; --ink: #ececE6; --dim: #a0a098; --grid: #34342f; --mark: #7db7ff; --other: #f0a06a } }\n"
	".chart rect { fill: var(--back) }\n"
	".chart text { font: 12px system-ui, sans-serif; fill: var(--dim) }\n"
	".chart .title { font-size: 16px; font-weight: 600; fill: var(--ink) }\n"
	".chart .x, .chart .name { text-anchor: middle }\n"
	".chart .y { text-anchor: end }\n"
	".chart .label { fill: var(--ink) }\n"
	".chart .tick { stroke: var(--grid); fill: none }\n"
	".chart .line { stroke: var(--mark); stroke-width: 2; fill: none; stroke-linejoin: round }\n"
	".chart .level { stroke: var(--other); stroke-width: 1.5; stroke-dasharray: 6 4; fill: none }\n"
	".chart .of-level { fill: var(--other); text-anchor: start }\n"
	".chart circle { fill: var(--mark); stroke: var(--back); stroke-width: 1.5 }\n"
	"</style>\n";

static void print_points(FILE *out, const struct chart *c, const struct axes *a)
{
	double label_x = -INFINITY, label_y = -INFINITY;
	for (size_t i = 0; i < c->n; i++)
		fprintf(out, "%s%.1f %.1f", i == 0 ? "<path class=\"line\" d=\"M" : "L", x_of(a, c->points[i].x), y_of(a, c->points[i].y));
	if (c->n > 0)
		fputs("\"/>\n", out);
	for (size_t i = 0; i < c->n; i++) {
		const struct chart_point *p = &c->points[i];
		double x = x_of(a, p->x), y = y_of(a, p->y);
		fprintf(out, "<circle cx=\"%.2f\" cy=\"%.2f\" r=\"4.5\"><title>", x, y);
		html_text(out, p->label, strlen(p->label));
		fprintf(out, ": %.6g, %.6g</title></circle>\n", p->x, p->y);
		if (fabs(x - label_x) < 44 && fabs(y - label_y) < 15)
			continue; /* no room for it */
		bool is_at_end = x > RIGHT - 60; /* curves fall: above to the right, or below to the left, is free */
		fprintf(out, "<text x=\"%.1f\" y=\"%.1f\" class=\"label\" text-anchor=\"%s\">", x + (is_at_end ? -9 : 8),
			y + (is_at_end ? 14 : -7), is_at_end ? "end" : "start");
		html_text(out, p->label, strlen(p->label));
		fputs("</text>\n", out);
		label_x = x;
		label_y = y;
	}
}

void chart_print(FILE *out, const struct chart *c, bool is_page)
{
	struct axes a = make_axes(c);
	if (!is_page)
		fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n", out);
	fprintf(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"chart\" viewBox=\"0 0 %.0f %.0f\" role=\"img\">\n<title>", WIDTH, HEIGHT);
	html_text(out, c->title, strlen(c->title));
	fputs("</title>\n", out);
	fputs(STYLE, out);
	fprintf(out, "<rect width=\"%.0f\" height=\"%.0f\"/>\n", WIDTH, HEIGHT);
	print_text(out, LEFT, 28, "title", c->title);
	print_text(out, LEFT, 48, "subtitle", c->subtitle);
	print_x_axis(out, &a);
	print_y_axis(out, &a);
	print_text(out, (LEFT + RIGHT) / 2, HEIGHT - 16, "name", c->x_label);
	fprintf(out, "<g transform=\"translate(20 %.1f) rotate(-90)\">\n", (TOP + BOTTOM) / 2);
	print_text(out, 0, 0, "name", c->y_label);
	fputs("</g>\n", out);
	if (c->line > 0) {
		fprintf(out, "<path class=\"level\" d=\"M%.1f %.1fH%.1f\"/>\n", LEFT, y_of(&a, c->line), RIGHT);
		print_text(out, LEFT + 6, y_of(&a, c->line) - 6, "of-level", c->line_label);
	}
	print_points(out, c, &a);
	fputs("</svg>\n", out);
}
