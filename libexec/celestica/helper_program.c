/* SPDX-License-Identifier: Apache-2.0 */
/* See helper_program.h. */
#include "helper_program.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define MEMORY_MAX ((rlim_t)2 << 30)

/* A file may claim what it likes: there is an end to the memory for it. Sanitizers need more. */
void helper_init(void)
{
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	struct rlimit limit;
	if (getrlimit(RLIMIT_DATA, &limit) == 0 && (limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur > MEMORY_MAX)) {
		limit.rlim_cur = MEMORY_MAX;
		setrlimit(RLIMIT_DATA, &limit);
	}
#endif
	struct rlimit no_core = {0, 0};
	setrlimit(RLIMIT_CORE, &no_core);
}

void helper_fail(int status, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	fflush(stderr);
	_exit(status); /* whatever state the library is in */
}

void helper_write(const void *data, size_t size)
{
	const char *p = data;
	while (size > 0) {
		ssize_t n = write(STDOUT_FILENO, p, size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			helper_fail(EX_IOERR, "cannot write: %s", strerror(errno));
		p += n;
		size -= (size_t)n;
	}
}

void helper_write_npy_header(const char *descr, unsigned n_dims, const uint64_t *shape)
{
	char header[192];
	memcpy(header, "\x93NUMPY\x01\x00", 8);
	int length = snprintf(header + 10, sizeof header - 10, "{'descr': '%s', 'fortran_order': False, 'shape': (%" PRIu64 ",",
			      descr, shape[0]);
	if (n_dims == 2)
		length += snprintf(header + 10 + length, sizeof header - 10 - (size_t)length, " %" PRIu64, shape[1]);
	length += snprintf(header + 10 + length, sizeof header - 10 - (size_t)length, "), }");
	size_t size = ((size_t)length + 10 + 1 + 63) / 64 * 64;
	memset(header + 10 + length, ' ', size - 10 - (size_t)length);
	header[size - 1] = '\n';
	header[8] = (char)((size - 10) & 0xff);
	header[9] = (char)((size - 10) >> 8);
	helper_write(header, size);
}
