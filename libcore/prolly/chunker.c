/* SPDX-License-Identifier: Apache-2.0 */
/* A run is what lies between two closing entries of the first hash. Within w behind a closing entry no other can close
 * (the closing one has the smaller rank), and the level's first w entries may not, so in both cases the rule for
 * position p of a run is: p >= w, and the rank is smaller than those of the w entries to the left and to the right, all
 * of which lie in this run or behind it. Nothing before the run matters, which is what makes the chunker restartable.
 *
 *     run:   0 ........ w ............ p ............ p+w
 *            may not close   smaller than all  ^  candidate closes the run once p+w is seen (or the level ends)
 *
 * There is never more than one candidate: a later entry within w of it is either larger, hence none itself, or smaller,
 * and then the candidate is dead. Keys ascend, so equal hashes are ordered by position.
 *
 * Entries stay here until their node is given out: about 2w + 1 of them, and at most the cap + w with honest keys. A run
 * over the cap (hostile keys) stays until it closes; making one of L entries costs its author about L * L hashes. */
#include "chunker.h"

#include "alloc.h"
#include "bytes.h"
#include "error.h"

struct chunk_entry {
	uint64_t hash;
	uint64_t count;
	size_t offset;
	uint32_t key_size, payload_size;
	bool is_closing;
};

static const char SALT[] = "cel-prolly-1";
enum { SALT_SIZE = sizeof SALT - 1, NODE_MIN = PROLLY_W + 1 };
#define NO_CANDIDATE SIZE_MAX

uint64_t chunk_hash(uint32_t level, uint32_t attempt, struct slice key)
{
	uint8_t message[SALT_SIZE + 2 + CEL_ID_MAX], digest[SHA256_SIZE];
	size_t size = SALT_SIZE;
	memcpy(message, SALT, SALT_SIZE);
	message[size++] = (uint8_t)level;
	if (attempt > 0)
		message[size++] = (uint8_t)attempt; /* no id begins with a control character: never taken for attempt 0 */
	memcpy(message + size, key.data, key.size);
	sha256(message, size + key.size, digest);
	return load_be64(digest);
}

void chunker_init(struct chunker *c, uint32_t level, chunk_hash_fn *hash)
{
	*c = (struct chunker){.level = level, .hash = hash, .candidate = NO_CANDIDATE};
}

void chunker_release(struct chunker *c)
{
	buf_release(&c->bytes);
	mem_free(c->entries);
	*c = (struct chunker){0};
}

void chunker_clear(struct chunker *c)
{
	buf_clear(&c->bytes);
	c->n = c->run = c->front = 0;
	c->candidate = NO_CANDIDATE;
}

/* Strictly smaller than the up to w entries before it in the run. */
static bool is_left_minimum(const struct chunker *c, size_t p)
{
	for (size_t j = p; j-- > p - PROLLY_W;)
		if (c->entries[j].hash <= c->entries[p].hash)
			return false;
	return true;
}

/* One attempt at a piece of `length` entries at `start`: closing entries are strict local minima of the attempt's ranks
 * that leave more than w entries on both sides. hashes[] runs parallel to c->entries. */
static void cut_piece(struct chunker *c, uint64_t *hashes, size_t start, size_t length, uint32_t attempt)
{
	for (size_t i = start; i < start + length; i++) {
		struct slice key = slice_make(c->bytes.data + c->entries[i].offset, c->entries[i].key_size);
		hashes[i] = c->hash(c->level, attempt, key);
	}
	for (size_t i = start + PROLLY_W; i + NODE_MIN < start + length; i++) {
		bool is_minimum = true;
		for (size_t j = 1; j <= PROLLY_W && is_minimum; j++)
			is_minimum = hashes[i] < hashes[i - j] && hashes[i] <= hashes[i + j];
		c->entries[i].is_closing |= is_minimum;
	}
}

/* The last resort: at the smallest rank of the middle half, again and again. */
static void halve_piece(struct chunker *c, const uint64_t *hashes, size_t start, size_t length)
{
	while (length > CHUNK_CAP) {
		size_t best = start + length / 4;
		for (size_t i = best + 1; i < start + length - length / 4; i++)
			if (hashes[i] < hashes[best])
				best = i;
		c->entries[best].is_closing = true;
		size_t left = best + 1 - start;
		halve_piece(c, hashes, start, left); /* at most three quarters: the depth is logarithmic */
		start += left;
		length -= left;
	}
}

static size_t piece_length(const struct chunker *c, size_t start)
{
	size_t end = start;
	while (!c->entries[end].is_closing)
		end++;
	return end + 1 - start;
}

static int cut_long_run(struct chunker *c, size_t start, size_t length, struct cel_error *e)
{
	size_t end = start + length;
	c->has_cut = true;
	MEM_CLEANUP uint64_t *hashes = mem_calloc(end, sizeof *hashes);
	if (hashes == NULL)
		return error_nomem(e, end * sizeof *hashes);
	for (uint32_t attempt = 1; attempt <= CHUNK_ATTEMPTS; attempt++) {
		for (size_t p = start, n; p < end; p += n) {
			n = piece_length(c, p);
			if (n > CHUNK_CAP)
				cut_piece(c, hashes, p, n, attempt);
		}
	}
	for (size_t p = start, n; p < end; p += n) {
		n = piece_length(c, p);
		if (n > CHUNK_CAP)
			halve_piece(c, hashes, p, n);
	}
	return 0;
}

static int close_run(struct chunker *c, size_t start, size_t length, struct cel_error *e)
{
	c->entries[start + length - 1].is_closing = true;
	c->run = start + length;
	c->candidate = NO_CANDIDATE;
	return length > CHUNK_CAP ? cut_long_run(c, start, length, e) : 0;
}

static int append_entry(struct chunker *c, struct slice key, struct slice payload, uint64_t count, struct cel_error *e)
{
	if (mem_grow(&c->entries, &c->capacity, c->n + 1, sizeof *c->entries, e) < 0)
		return CEL_ENOMEM;
	int rc = buf_reserve(&c->bytes, key.size + payload.size, e);
	if (rc < 0)
		return rc;
	c->entries[c->n++] = (struct chunk_entry){
		.hash = c->hash(c->level, 0, key),
		.count = count,
		.offset = c->bytes.size,
		.key_size = (uint32_t)key.size,
		.payload_size = (uint32_t)payload.size,
	};
	buf_append(&c->bytes, key.data, key.size, e);
	return buf_append(&c->bytes, payload.data, payload.size, e);
}

int chunker_add(struct chunker *c, struct slice key, struct slice payload, uint64_t count, struct cel_error *e)
{
	int rc = append_entry(c, key, payload, count, e);
	if (rc < 0)
		return rc;
	size_t p = c->n - 1;
	if (c->candidate != NO_CANDIDATE && c->entries[p].hash < c->entries[c->candidate].hash)
		c->candidate = NO_CANDIDATE;
	if (c->candidate != NO_CANDIDATE)
		return p == c->candidate + PROLLY_W ? close_run(c, 0, c->candidate + 1, e) : 0;
	if (p >= PROLLY_W && is_left_minimum(c, p))
		c->candidate = p;
	return 0;
}

int chunker_finish(struct chunker *c, struct cel_error *e)
{
	size_t start = 0;
	if (c->candidate != NO_CANDIDATE) {
		start = c->candidate + 1;
		int rc = close_run(c, 0, start, e);
		if (rc < 0)
			return rc;
	}
	return start < c->n ? close_run(c, start, c->n - start, e) : 0;
}

size_t chunker_ready(const struct chunker *c)
{
	return c->front < c->run ? piece_length(c, c->front) : 0;
}

struct slice chunker_key(const struct chunker *c, size_t i)
{
	const struct chunk_entry *entry = &c->entries[c->front + i];
	return slice_make(c->bytes.data + entry->offset, entry->key_size);
}

struct slice chunker_payload(const struct chunker *c, size_t i)
{
	const struct chunk_entry *entry = &c->entries[c->front + i];
	return slice_make(c->bytes.data + entry->offset + entry->key_size, entry->payload_size);
}

uint64_t chunker_count(const struct chunker *c, size_t i)
{
	return c->entries[c->front + i].count;
}

void chunker_drop(struct chunker *c)
{
	c->front += chunker_ready(c);
	if (c->front < c->run)
		return;
	/* The closed run is given out: the w entries or fewer behind it begin the next one. */
	size_t kept = c->n - c->run;
	size_t offset = kept > 0 ? c->entries[c->run].offset : c->bytes.size;
	memmove(c->bytes.data, c->bytes.data + offset, c->bytes.size - offset);
	memmove(c->entries, c->entries + c->run, kept * sizeof *c->entries);
	for (size_t i = 0; i < kept; i++)
		c->entries[i].offset -= offset;
	c->bytes.size -= offset;
	c->n = kept;
	c->run = c->front = 0;
}
