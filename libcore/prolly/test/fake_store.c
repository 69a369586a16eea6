/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks in an array, found through open addressing on the first bytes of the digest; refs in a sorted array; the log in
 * one array for all refs. */
#include "fake_store.h"

#include <assert.h>
#include <stdlib.h>

#include "bytes.h"
#include "error.h"

struct block {
	struct cid cid;
	uint8_t *data;
	size_t size;
	bool is_removed;
};

struct log_line {
	char ref[STORE_REF_MAX];
	struct store_log_entry entry;
};

struct store_batch {
	struct fake_store *s;
};

struct store_read {
	struct fake_store *s;
};

enum { REFS_MAX = 256, LOG_MAX = 1024 };

struct fake_store {
	struct block *blocks;
	size_t n, capacity;
	uint32_t *slots; /* 1 + place in blocks; twice the capacity */
	struct store_batch batch;
	struct store_read read;
	bool is_irregular;
	uint64_t fail, calls;
	struct {
		char name[STORE_REF_MAX];
		struct cid cid;
	} refs[REFS_MAX];
	size_t n_refs;
	struct log_line log[LOG_MAX];
	size_t n_log;
};

struct fake_store *fake_store_new(void)
{
	struct fake_store *s = calloc(1, sizeof *s);
	assert(s != NULL);
	s->batch.s = s->read.s = s;
	return s;
}

void fake_store_free(struct fake_store *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->blocks[i].data);
	free(s->blocks);
	free(s->slots);
	free(s);
}

struct store_batch *fake_store_batch(struct fake_store *s)
{
	return &s->batch;
}

struct store_read *fake_store_read(struct fake_store *s)
{
	return &s->read;
}

void store_batch_set_irregular(struct store_batch *b)
{
	b->s->is_irregular = true;
}

int store_batch_is_regular(struct store_batch *b, struct cel_error *e)
{
	(void)e;
	return !b->s->is_irregular;
}

size_t fake_store_count(const struct fake_store *s)
{
	return s->n;
}

const struct cid *fake_store_block(const struct fake_store *s, size_t i, struct slice *block)
{
	*block = slice_make(s->blocks[i].data, s->blocks[i].size);
	return &s->blocks[i].cid;
}

/* The slot that holds the block, or the empty one where it belongs. */
static uint32_t *find_slot(const struct fake_store *s, const struct cid *cid)
{
	size_t mask = s->capacity * 2 - 1;
	size_t i = load_le64(cid->digest) & mask;
	while (s->slots[i] != 0 && !cid_equal(&s->blocks[s->slots[i] - 1].cid, cid))
		i = (i + 1) & mask;
	return &s->slots[i];
}

static struct block *find_block(const struct fake_store *s, const struct cid *cid)
{
	uint32_t *slot = s->n > 0 ? find_slot(s, cid) : NULL;
	if (slot == NULL || *slot == 0 || s->blocks[*slot - 1].is_removed)
		return NULL;
	return &s->blocks[*slot - 1];
}

static void grow(struct fake_store *s)
{
	s->capacity = s->capacity == 0 ? 64 : s->capacity * 2;
	s->blocks = realloc(s->blocks, s->capacity * sizeof *s->blocks);
	free(s->slots);
	s->slots = calloc(s->capacity * 2, sizeof *s->slots);
	assert(s->blocks != NULL && s->slots != NULL);
	for (size_t i = 0; i < s->n; i++)
		*find_slot(s, &s->blocks[i].cid) = (uint32_t)i + 1;
}

bool fake_store_remove(struct fake_store *s, const struct cid *cid)
{
	struct block *block = find_block(s, cid);
	if (block != NULL)
		block->is_removed = true;
	return block != NULL;
}

void fake_store_flip(struct fake_store *s, const struct cid *cid, size_t bit)
{
	struct block *block = find_block(s, cid);
	assert(block != NULL && bit / 8 < block->size);
	block->data[bit / 8] ^= (uint8_t)(1 << bit % 8);
}

void fake_store_fail(struct fake_store *s, uint64_t nth)
{
	s->fail = nth;
	s->calls = 0;
}

static int is_failing(struct fake_store *s, struct cel_error *e)
{
	return s->fail != 0 && ++s->calls == s->fail ? error_set(e, CEL_EIO, "a fault on request") : 0;
}

static int put_block(struct fake_store *s, uint8_t codec, struct slice data, struct cid *out, struct cel_error *e)
{
	int rc = is_failing(s, e);
	if (rc < 0)
		return rc;
	if (s->n == s->capacity)
		grow(s);
	*out = cid_of(codec, data);
	uint32_t *slot = find_slot(s, out);
	if (*slot == 0) {
		struct block *block = &s->blocks[s->n++];
		*block = (struct block){.cid = *out, .data = malloc(data.size > 0 ? data.size : 1), .size = data.size};
		assert(block->data != NULL);
		if (data.size > 0)
			memcpy(block->data, data.data, data.size);
		*slot = (uint32_t)s->n;
	}
	s->blocks[*slot - 1].is_removed = false;
	return 0;
}

int store_batch_put(struct store_batch *b, uint8_t codec, struct slice data, struct cid *out, struct cel_error *e)
{
	return put_block(b->s, codec, data, out, e);
}

int store_batch_put_hashed(struct store_batch *b, const struct cid *cid, struct slice data, struct cel_error *e)
{
	struct cid own;
	int rc = store_batch_put(b, cid->codec, data, &own, e);
	assert(rc < 0 || cid_equal(&own, cid));
	return rc;
}

static int read_block(struct fake_store *s, const struct cid *cid, struct slice *out, struct cel_error *e)
{
	const struct block *block = find_block(s, cid);
	int rc = is_failing(s, e);
	if (rc == 0 && block == NULL)
		rc = error_set(e, CEL_ENOTFOUND, "no such block");
	else if (rc == 0)
		*out = slice_make(block->data, block->size);
	if (rc < 0)
		return rc;
	struct cid actual = cid_of(cid->codec, *out);
	return cid_equal(&actual, cid) ? 0 : error_set(e, CEL_ECORRUPT, "the bytes do not match the CID");
}

int store_batch_block(struct store_batch *b, const struct cid *cid, struct slice *out, struct cel_error *e)
{
	return read_block(b->s, cid, out, e);
}

int store_read_block(struct store_read *r, const struct cid *cid, struct slice *out, struct cel_error *e)
{
	return read_block(r->s, cid, out, e);
}

void store_read_end(struct store_read *r)
{
	(void)r; /* it lives as long as the store */
}

int store_read_has(struct store_read *r, const struct cid *cid, struct cel_error *e)
{
	int rc = is_failing(r->s, e);
	return rc < 0 ? rc : find_block(r->s, cid) != NULL;
}

void fake_store_set_ref(struct fake_store *s, const char *ref, const struct cid *cid, int64_t time)
{
	size_t i = 0;
	while (i < s->n_refs && strcmp(s->refs[i].name, ref) < 0)
		i++;
	bool is_there = i < s->n_refs && strcmp(s->refs[i].name, ref) == 0;
	assert(s->n_log < LOG_MAX && s->n_refs < REFS_MAX && strlen(ref) < STORE_REF_MAX);
	struct log_line *line = &s->log[s->n_log++];
	*line = (struct log_line){.entry = {.has_old = is_there, .has_new = cid != NULL, .time = time}};
	strcpy(line->ref, ref);
	if (is_there)
		line->entry.old = s->refs[i].cid;
	if (cid != NULL)
		line->entry.new = *cid;
	if (cid == NULL && is_there) {
		memmove(&s->refs[i], &s->refs[i + 1], (--s->n_refs - i) * sizeof s->refs[0]);
	} else if (cid != NULL) {
		if (!is_there)
			memmove(&s->refs[i + 1], &s->refs[i], (s->n_refs++ - i) * sizeof s->refs[0]);
		strcpy(s->refs[i].name, ref);
		s->refs[i].cid = *cid;
	}
}

int store_read_ref(struct store_read *r, const char *ref, struct cid *out, struct cel_error *e)
{
	int rc = is_failing(r->s, e);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < r->s->n_refs; i++) {
		if (strcmp(r->s->refs[i].name, ref) == 0) {
			*out = r->s->refs[i].cid;
			return 0;
		}
	}
	return error_set(e, CEL_ENOTFOUND, "no ref '%s'", ref);
}

int store_read_next_ref(struct store_read *r, const char *prefix, char position[STORE_REF_MAX], struct cid *out,
			struct cel_error *e)
{
	int rc = is_failing(r->s, e);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < r->s->n_refs; i++) {
		const char *name = r->s->refs[i].name;
		if (strncmp(name, prefix, strlen(prefix)) == 0 && strcmp(name, position) > 0) {
			strcpy(position, name);
			*out = r->s->refs[i].cid;
			return 1;
		}
	}
	return 0;
}

int store_read_ref_log(struct store_read *r, const char *ref, uint64_t index, struct store_log_entry *out,
		       struct cel_error *e)
{
	int rc = is_failing(r->s, e);
	if (rc < 0)
		return rc;
	for (size_t i = r->s->n_log; i-- > 0;) {
		if (strcmp(r->s->log[i].ref, ref) == 0 && index-- == 0) {
			*out = r->s->log[i].entry;
			return 0;
		}
	}
	return error_set(e, CEL_ENOTFOUND, "the log of '%s' ends", ref);
}
