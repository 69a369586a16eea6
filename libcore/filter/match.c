/* SPDX-License-Identifier: Apache-2.0 */
/* Records go out through a socket, so that a helper that has ended is an error and no signal; answers come back through
 * a pipe. They are small: of the two batches that are under way at most they fit into it, so the helper never waits for
 * us to read, and neither side for the other. If the helper ends early, its exit status and its words say why. */
#include "match.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "alloc.h"
#include "buf.h"
#include "child.h"
#include "error.h"
#include "fault.h"
#include "screen.h"
#include "utf8.h"

#define HELPER "match-metadata"
#define BATCHES_AHEAD 2u

struct matcher {
	struct child *child;
	int to, from; /* -1: closed */
	struct buf batch;
	uint32_t n;
	uint32_t sent[BATCHES_AHEAD]; /* sizes of batches without an answer, oldest first */
	uint32_t n_sent;
	uint8_t results[MATCH_BATCH_MAX];
	struct match_answer answer;
};

static void close_ends(struct matcher *m)
{
	if (m->to >= 0)
		close(m->to);
	if (m->from >= 0)
		close(m->from);
	m->to = m->from = -1;
}

/* The connection is broken: what the helper says of it. */
static int explain(struct matcher *m, struct cel_error *e)
{
	close_ends(m);
	int rc = child_finish(m->child, e);
	return rc < 0 ? rc : error_set(e, CEL_EINTERNAL, "%s has ended early", HELPER);
}

static int send_all(struct matcher *m, const void *data, size_t size, struct cel_error *e)
{
	const uint8_t *p = data;
	while (size > 0) {
		ssize_t n = send(m->to, p, size, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return explain(m, e);
		p += n;
		size -= (size_t)n;
	}
	return 0;
}

static int receive_all(struct matcher *m, void *data, size_t size, struct cel_error *e)
{
	uint8_t *p = data;
	while (size > 0) {
		ssize_t n = io_read(m->from, p, size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return explain(m, e);
		p += n;
		size -= (size_t)n;
	}
	return 0;
}

static int send_program(struct matcher *m, struct slice expression, struct cel_error *e)
{
	struct buf program BUF_CLEANUP = {0};
	uint32_t size = 0;
	int rc = filter_program(expression, &program, e);
	if (rc == 0) {
		size = (uint32_t)program.size;
		rc = send_all(m, &size, sizeof size, e);
	}
	if (rc == 0)
		rc = send_all(m, program.data, program.size, e);
	return rc < 0 ? rc : receive_all(m, &size, sizeof size, e);
}

int matcher_new(struct slice expression, struct matcher **out, struct cel_error *e)
{
	static const char *const NO_ARGUMENTS[2] = {NULL, NULL};
	*out = NULL;
	int rc = filter_screen(expression, e);
	if (rc < 0)
		return rc;
	struct matcher *m = mem_calloc(1, sizeof *m);
	if (m == NULL)
		return error_nomem(e, sizeof *m);
	m->to = m->from = -1;
	int ends[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) {
		rc = error_set_errno(e, CEL_EIO, errno, "cannot start %s", HELPER);
	} else {
		m->to = ends[0];
		rc = child_start(HELPER, NO_ARGUMENTS, ends[1], &m->child, &m->from, e);
		close(ends[1]);
	}
	if (rc == 0)
		rc = send_program(m, expression, e);
	if (rc < 0) {
		matcher_free(m);
		return rc;
	}
	*out = m;
	return 0;
}

void matcher_free(struct matcher *m)
{
	if (m == NULL)
		return;
	close_ends(m);
	child_free(m->child);
	buf_release(&m->batch);
	mem_free(m);
}

static int add_sized(struct buf *b, struct slice s, struct cel_error *e)
{
	uint32_t size = (uint32_t)s.size;
	int rc = buf_append(b, &size, sizeof size, e);
	return rc < 0 ? rc : buf_append(b, s.data, s.size, e);
}

int matcher_add(struct matcher *m, struct slice id, struct slice metadata, struct cel_error *e)
{
	size_t before = m->batch.size;
	if (m->n == MATCH_BATCH_MAX || id.size > CEL_ID_MAX || metadata.size > UINT32_MAX)
		return error_set(e, CEL_EINTERNAL, "more than a batch of a filter holds");
	int rc = add_sized(&m->batch, id, e);
	if (rc == 0)
		rc = add_sized(&m->batch, metadata, e);
	if (rc < 0)
		m->batch.size = before;
	else
		m->n++;
	return rc;
}

uint32_t matcher_batch(const struct matcher *m)
{
	return m->n;
}

size_t matcher_batch_bytes(const struct matcher *m)
{
	return m->batch.size;
}

int matcher_send(struct matcher *m, struct cel_error *e)
{
	if (m->n == 0 || m->n_sent == BATCHES_AHEAD)
		return error_set(e, CEL_EINTERNAL, "a batch of a filter that cannot be sent now");
	int rc = send_all(m, &m->n, sizeof m->n, e);
	if (rc == 0)
		rc = send_all(m, m->batch.data, m->batch.size, e);
	m->sent[m->n_sent++] = m->n;
	m->n = 0;
	buf_clear(&m->batch);
	return rc;
}

static void clean(char *text)
{
	for (char *p = text; *p != '\0';) {
		size_t length = utf8_sequence((const uint8_t *)p, strlen(p));
		bool is_plain = length > 0 && !utf8_is_control((const uint8_t *)p, length);
		length = length > 0 ? length : 1;
		if (!is_plain)
			memset(p, '?', length);
		p += length;
	}
}

int matcher_receive(struct matcher *m, const struct match_answer **out, struct cel_error *e)
{
	if (m->n_sent == 0)
		return error_set(e, CEL_EINTERNAL, "no batch of the filter is without an answer");
	uint32_t n = m->sent[0], size = 0;
	m->n_sent--;
	memmove(m->sent, m->sent + 1, m->n_sent * sizeof *m->sent);
	int rc = receive_all(m, m->results, n, e);
	if (rc == 0)
		rc = receive_all(m, &size, sizeof size, e);
	if (rc == 0 && size > MATCH_MESSAGE_MAX)
		rc = error_set(e, CEL_EINTERNAL, "%s gives an answer that is none", HELPER);
	if (rc == 0)
		rc = receive_all(m, m->answer.message, size, e);
	for (uint32_t i = 0; rc == 0 && i < n; i++)
		if (m->results[i] > MATCH_FAILED)
			rc = error_set(e, CEL_EINTERNAL, "%s gives an answer that is none", HELPER);
	if (rc < 0)
		return rc;
	m->answer.message[size] = '\0';
	clean(m->answer.message);
	m->answer.results = m->results;
	m->answer.n = n;
	*out = &m->answer;
	return 0;
}
