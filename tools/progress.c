/* SPDX-License-Identifier: Apache-2.0 */
/* What was told last is kept in atomics, so that the handler of SIGUSR1 can say it at any moment, also while nothing is told
 * because a read waits for input.
 *
 * The line on the terminal appears after a second and is written anew at most five times a second. It is overwritten, by
 * blanks where it has become shorter, with no escape sequence at all: so there is no colour to be asked for, and it works on every
 * terminal. */
#include "progress.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "progress_line.h"
#include "seconds.h"
#include "stats.h"

#define FIRST_MS 1000u
#define EVERY_MS 200u
#define WIDTH_DEFAULT 80u
#define WIDTH_MIN 10u

static struct {
	const char *command;
	const struct cli *cli;
	uint64_t start; /* milliseconds, as all times here */
	uint64_t last;  /* that the line was written */
	uint64_t expected;
	bool is_streaming;
	_Atomic size_t width; /* of what stands on the terminal's line */
	_Atomic uint64_t phase_start, done, total, bytes, bytes_total;
	_Atomic(const char *) phase, unit;
} now;

static uint64_t milliseconds(void)
{
	return (uint64_t)(1e3 * seconds_now());
}

void progress_begin(const struct cli *cli)
{
	now.cli = cli;
	now.command = cli->command->name;
	now.start = milliseconds();
	now.phase_start = now.start;
}

void progress_expect(uint64_t bytes)
{
	now.expected = bytes;
}

void progress_streams(void)
{
	now.is_streaming = true;
}

static size_t format(char *line, size_t size)
{
	struct cel_progress p = {.phase = now.phase, .unit = now.unit, .done = now.done, .total = now.total, .bytes = now.bytes,
				 .bytes_total = now.bytes_total};
	return progress_line(line, size, now.command, &p, milliseconds() - now.phase_start);
}

/* One call, so that lines of several processes do not mix. What cannot be written is not said. */
static void put(const char *text, size_t size)
{
	ssize_t written = write(STDERR_FILENO, text, size);
	(void)written;
}

void progress_clear(void)
{
	char line[PROGRESS_LINE_MAX + 2];
	size_t width = atomic_exchange(&now.width, 0);
	if (width == 0)
		return;
	memset(line, ' ', sizeof line);
	line[0] = line[width + 1] = '\r';
	put(line, width + 2);
}

void progress_answer(void)
{
	char line[PROGRESS_LINE_MAX + 1];
	if (now.command == NULL)
		return;
	progress_clear();
	size_t size = format(line, PROGRESS_LINE_MAX);
	line[size] = '\n';
	put(line, size + 1);
}

/* Columns of the terminal, of which the last stays free: some wrap when it is written. */
static size_t room(void)
{
	struct winsize window;
	size_t width = ioctl(STDERR_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 0 ? window.ws_col : WIDTH_DEFAULT;
	width = width < WIDTH_MIN ? WIDTH_MIN : width;
	return width <= PROGRESS_LINE_MAX ? width - 1 : PROGRESS_LINE_MAX - 1;
}

static void draw(void)
{
	char line[2 * PROGRESS_LINE_MAX + 2];
	size_t before = now.width;
	line[0] = '\r';
	size_t size = format(line + 1, room() + 1);
	now.width = size;
	for (; size < before; size++)
		line[1 + size] = ' ';
	put(line, 1 + size);
}

/* Not from the background: there the terminal is somebody else's. */
static bool is_wanted(void)
{
	return !now.cli->is_quiet && isatty(STDERR_FILENO) == 1 && !(now.is_streaming && isatty(STDOUT_FILENO) == 1) &&
	       (tcgetpgrp(STDERR_FILENO) < 0 || tcgetpgrp(STDERR_FILENO) == getpgrp());
}

int progress_tell(void *nothing, const struct cel_progress *p)
{
	(void)nothing;
	int problem = errno;
	uint64_t time = milliseconds();
	const char *phase = now.phase;
	if (phase == NULL || strcmp(phase, p->phase) != 0)
		now.phase_start = time;
	now.phase = p->phase;
	now.unit = p->unit;
	now.done = p->done;
	now.total = p->total;
	now.bytes = p->bytes;
	now.bytes_total = p->bytes > 0 && now.expected > 0 ? now.expected : p->bytes_total;
	stats_tell(p);
	if (time - now.start >= FIRST_MS && time - now.last >= EVERY_MS) {
		now.last = time;
		if (is_wanted())
			draw();
	}
	errno = problem;
	return 0;
}
