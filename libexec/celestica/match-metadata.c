/* SPDX-License-Identifier: Apache-2.0 */
/* Which records a predicate in jq's language holds for. Standard input brings the program, then batches of records;
 * each batch is answered with a byte a record and the first error among them (libcore/filter/match.c has the other end):
 *
 *     in   u32 size, program                     out  u32 0: it compiles
 *     in   u32 records, records of:              out  a byte a record (MATCH_...), u32 size and that much text
 *          u32 size, id, u32 size, metadata           of the first error of the batch
 *
 * A process of its own, as libjq has no limits: a program may run for ever, fill the memory, nest values until the stack
 * ends. Here each record has CPU time, all have memory, and whatever happens is one line on standard error. There is no
 * environment, so nothing of it can be read, nor a ~/.jq. Numbers are in the order of the machine: both ends are on it. */
#include <errno.h>
#include <jq.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include "helper_program.h"

#define MEMORY_MAX ((rlim_t)256 << 20)
#define STACK_MAX ((rlim_t)8 << 20)
#define PROGRAM_MAX (64u << 10)
#define TICK_MS 100
#define COMPILE_TICKS 100u  /* of CPU time */
#define RECORD_TICKS 10u
#define RECORDS_A_TICK 100u /* on average, after the first ... */
#define FREE_TICKS 600u     /* ... minute */
#define ID_MAX 512u
#define METADATA_MAX (1u << 20)
#define BATCH_MAX 4096u
#define MESSAGE_MAX 500u

enum { MATCH_NO, MATCH_YES, MATCH_FAILED };

extern char **environ;
static char *no_environment[] = {(char *)"TZ=UTC0", NULL};

/* What the signal handlers look at. */
static volatile unsigned long n_records, seen_records;
static volatile unsigned ticks, total_ticks;
static char id[ID_MAX];
static volatile size_t id_size;

static char message[MESSAGE_MAX];
static size_t message_size;

/* From signal handlers: only what is safe there. */
static void put(const void *text, size_t size)
{
	if (write(STDERR_FILENO, text, size) < 0)
		_exit(EX_IOERR);
}

static void give_up(const char *what)
{
	put(what, strlen(what));
	if (id_size > 0) {
		put(" (record '", 10);
		put(id, id_size);
		put("')", 2);
	}
	put("\n", 1);
	_exit(EX_USAGE);
}

static void on_tick(int number)
{
	(void)number;
	unsigned limit = id_size > 0 ? RECORD_TICKS : COMPILE_TICKS;
	ticks = n_records == seen_records ? ticks + 1 : 0;
	seen_records = n_records;
	total_ticks++;
	if (ticks > limit)
		give_up(id_size > 0 ? "the filter has worked on one record for a second and come to no end"
				    : "the filter is too large to be made ready");
	if (total_ticks > FREE_TICKS && (total_ticks - FREE_TICKS) > n_records / RECORDS_A_TICK)
		give_up("the filter takes more than a millisecond a record");
}

static void on_crash(int number)
{
	give_up(number == SIGABRT ? "jq gave up on the filter" : "the filter makes values that are nested too deeply");
}

static void on_no_memory(void *context)
{
	(void)context;
	give_up("the filter needs more than 256 MiB of memory");
}

static void set_limits(void)
{
	static char other_stack[64 << 10];
	struct rlimit data = {MEMORY_MAX, MEMORY_MAX}, stack;
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	setrlimit(RLIMIT_DATA, &data);
#else
	(void)data;
#endif
	if (getrlimit(RLIMIT_STACK, &stack) == 0 && (stack.rlim_cur == RLIM_INFINITY || stack.rlim_cur > STACK_MAX)) {
		stack.rlim_cur = STACK_MAX;
		setrlimit(RLIMIT_STACK, &stack);
	}
	sigaltstack(&(stack_t){.ss_sp = other_stack, .ss_size = sizeof other_stack}, NULL);
	struct sigaction crash = {.sa_handler = on_crash, .sa_flags = SA_ONSTACK | SA_RESETHAND};
	sigaction(SIGSEGV, &crash, NULL);
	sigaction(SIGBUS, &crash, NULL);
	sigaction(SIGABRT, &crash, NULL);
	struct sigaction tick = {.sa_handler = on_tick, .sa_flags = SA_RESTART | SA_ONSTACK};
	sigaction(SIGPROF, &tick, NULL);
	struct timeval interval = {.tv_usec = TICK_MS * 1000};
	setitimer(ITIMER_PROF, &(struct itimerval){interval, interval}, NULL);
}

/* 1, or 0 where the input ends before the first byte. */
static int read_all(void *data, size_t size)
{
	static char buffer[256 << 10];
	static size_t start, end;
	char *p = data;
	size_t left = size;
	while (left > 0) {
		if (start == end) {
			ssize_t n = read(STDIN_FILENO, buffer, sizeof buffer);
			if (n < 0 && errno == EINTR)
				continue;
			if (n < 0)
				helper_fail(EX_IOERR, "cannot read: %s", strerror(errno));
			if (n == 0 && left == size)
				return 0;
			if (n == 0)
				helper_fail(EX_DATAERR, "the records end in the middle of one");
			start = 0;
			end = (size_t)n;
		}
		size_t part = end - start < left ? end - start : left;
		memcpy(p, buffer + start, part);
		start += part;
		p += part;
		left -= part;
	}
	return 1;
}

/* A number that may not be over max, and so many bytes behind it. */
static uint32_t read_sized(void *data, uint32_t max)
{
	uint32_t size;
	if (!read_all(&size, sizeof size) || size > max)
		helper_fail(EX_DATAERR, "a size in the records is wrong");
	if (size > 0 && !read_all(data, size))
		helper_fail(EX_DATAERR, "the records end in the middle of one");
	return size;
}

/* "jq: error: syntax error, ... (Unix shell quoting issues?) at <top-level>, line 1:" and then the program. */
static void on_compile_error(void *context, jv error)
{
	(void)context;
	jv text = jq_format_error(error);
	const char *p = jv_string_value(text);
	if (strncmp(p, "jq: error: ", 11) == 0)
		p += 11;
	int length = (int)strcspn(p, "\n");
	const char *end = strstr(p, " (Unix shell");
	if (end == NULL)
		end = strstr(p, " at <top-level>");
	if (end != NULL && end - p < length)
		length = (int)(end - p);
	helper_fail(EX_USAGE, "jq does not understand the filter: %.*s", length, p);
}

static jq_state *compile(void)
{
	static char program[PROGRAM_MAX + 1];
	uint32_t size = read_sized(program, PROGRAM_MAX);
	program[size] = '\0';
	jq_state *jq = jq_init();
	if (jq == NULL)
		helper_fail(EX_UNAVAILABLE, "jq cannot be started");
	jq_set_nomem_handler(jq, on_no_memory, NULL);
	jq_set_error_cb(jq, on_compile_error, NULL);
	if (strlen(program) != size || !jq_compile(jq, program))
		helper_fail(EX_USAGE, "jq does not understand the filter");
	uint32_t done = 0;
	helper_write(&done, sizeof done);
	return jq;
}

static void keep_message(jv error)
{
	if (message_size > 0) {
		jv_free(error);
		return;
	}
	jv text = jv_get_kind(error) == JV_KIND_STRING ? error : jv_dump_string(error, 0);
	int length = jv_string_length_bytes(jv_copy(text));
	message_size = length < (int)MESSAGE_MAX ? (size_t)length : MESSAGE_MAX;
	memcpy(message, jv_string_value(text), message_size);
	jv_free(text);
}

/* As select(f) has it: some output that is neither false nor null. An error ends it. */
static uint8_t match(jq_state *jq, jv record)
{
	jv value;
	jq_start(jq, record, 0);
	while (jv_is_valid(value = jq_next(jq))) {
		jv_kind kind = jv_get_kind(value);
		jv_free(value);
		if (kind != JV_KIND_FALSE && kind != JV_KIND_NULL)
			return MATCH_YES;
	}
	if (jv_invalid_has_msg(jv_copy(value))) {
		keep_message(jv_invalid_get_msg(value));
		return MATCH_FAILED;
	}
	jv_free(value);
	return MATCH_NO;
}

static jv read_record(void)
{
	static char metadata[METADATA_MAX];
	id_size = read_sized(id, ID_MAX);
	n_records++;
	uint32_t size = read_sized(metadata, METADATA_MAX);
	jv value = size == 0 ? jv_null() : jv_parse_sized(metadata, (int)size);
	if (!jv_is_valid(value)) {
		keep_message(jv_invalid_get_msg(value));
		return jv_invalid();
	}
	return jv_array_append(jv_array_append(jv_array(), jv_string_sized(id, (int)id_size)), value);
}

static void answer_batch(jq_state *jq, uint32_t count)
{
	static uint8_t results[BATCH_MAX + sizeof(uint32_t) + MESSAGE_MAX];
	message_size = 0;
	for (uint32_t i = 0; i < count; i++) {
		jv record = read_record();
		results[i] = jv_is_valid(record) ? match(jq, record) : MATCH_FAILED;
	}
	uint32_t size = (uint32_t)message_size;
	memcpy(results + count, &size, sizeof size);
	memcpy(results + count + sizeof size, message, size);
	helper_write(results, count + sizeof size + size);
}

int main(void)
{
	environ = no_environment;
	helper_init();
	set_limits();
	jq_state *jq = compile();
	uint32_t count;
	while (read_all(&count, sizeof count)) {
		if (count == 0 || count > BATCH_MAX)
			helper_fail(EX_DATAERR, "a size in the records is wrong");
		answer_batch(jq, count);
	}
	return 0;
}
