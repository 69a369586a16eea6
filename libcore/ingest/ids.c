/* SPDX-License-Identifier: Apache-2.0 */
/* The terminator is looked for within the longest id; what goes on beyond that is skipped piece by piece, so a file
 * without any terminator costs no memory. */
#include "ids.h"

#include <string.h>

#include "alloc.h"
#include "cel.h"
#include "error.h"
#include "stream.h"

#define PEEK (CEL_ID_MAX + 3u) /* an id too long by one, CR, LF */

struct ids {
	struct stream *stream;
	bool is_nul;
	uint8_t id[PEEK];
};

int ids_open(const char *path, bool is_nul, struct ids **out, struct cel_error *e)
{
	struct ids *ids = mem_calloc(1, sizeof *ids);
	if (ids == NULL)
		return error_nomem(e, sizeof *ids);
	ids->is_nul = is_nul;
	int rc = stream_open(path, &ids->stream, e);
	if (rc == 0)
		rc = stream_unpack(&ids->stream, e);
	if (rc < 0) {
		ids_free(ids);
		return rc;
	}
	*out = ids;
	return 0;
}

void ids_free(struct ids *ids)
{
	if (ids == NULL)
		return;
	stream_free(ids->stream);
	mem_free(ids);
}

const char *ids_name(const struct ids *ids)
{
	return stream_name(ids->stream);
}

/* Consumes up to and including the terminator; keeps the first bytes. */
int ids_next(struct ids *ids, struct slice *out, struct cel_error *e)
{
	size_t kept = 0;
	bool has_any = false;
	for (;;) {
		struct slice got;
		int rc = stream_peek(ids->stream, PEEK, &got, e);
		if (rc < 0 && stream_is_unpacked(ids->stream))
			error_context(e, "%s", ids_name(ids));
		if (rc < 0)
			return rc;
		if (got.size == 0)
			break;
		has_any = true;
		const uint8_t *stop = memchr(got.data, ids->is_nul ? '\0' : '\n', got.size);
		size_t length = stop != NULL ? (size_t)(stop - got.data) : got.size;
		size_t take = length < PEEK - kept ? length : PEEK - kept;
		memcpy(ids->id + kept, got.data, take);
		kept += take;
		stream_consume(ids->stream, length + (stop != NULL));
		if (stop != NULL)
			break;
	}
	if (!ids->is_nul && kept > 0 && ids->id[kept - 1] == '\r')
		kept--;
	*out = slice_make(ids->id, kept < CEL_ID_MAX + 1 ? kept : CEL_ID_MAX + 1);
	return has_any;
}
