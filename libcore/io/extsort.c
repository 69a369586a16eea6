/* SPDX-License-Identifier: Apache-2.0 */
/* One allocation of the whole limit, of which only what is used becomes resident: chunks that go round, and a buffer.
 *
 *     | sorted | sorted | full | being filled | free | free |    ...    | write buffer |
 *        first                     open
 *
 * Full chunks are sorted, and if there is no other way to have a free one the oldest is written out. A thread does both as soon
 * as there is something to do and leaves one chunk free, so the caller fills it meanwhile; without a thread the caller does them
 * when it needs a chunk. At the end the runs of the file and the chunks that never left are merged, the free chunks serving
 * as the runs' buffers.
 *
 * Of equal keys the earlier item has the lower address, or the earlier chunk, which is written earlier: so the order of
 * adding is kept. An item too large for a chunk goes to the file behind all chunks before it. */
#include "extsort.h"

#include <sys/mman.h>

#include "alloc.h"
#include "chunk.h"
#include "error.h"
#include "merge.h"
#include "spill.h"
#include "thread.h"

#define CHUNKS 8u
#define WRITE_BUFFER_MAX (1u << 20)
#define READ_BUFFER_MIN (32u << 10)   /* a run's, below which reading it is mostly seeking */
#define READ_BUFFER_GOOD (256u << 10)
#define HUGE_PAGE ((uintptr_t)2 << 20)

enum state { OPEN, FULL, SORTING, SORTED };

struct extsort {
	uint8_t *memory;
	size_t memory_size, chunk_size;
	char *own_directory;
	extsort_directory_fn *ask; /* NULL: the directory is there */
	void *ask_context;
	uint64_t count;
	uint32_t threads;
	bool is_finished, has_returned;
	bool is_broken;                    /* an error was told */
	struct merge merge;
	/* Below here what the thread also sees, under the lock; a chunk that is SORTING, and the spill while is_spilling, belong to
	 * who does it. */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	pthread_t thread;
	bool is_threaded, is_stopping;
	struct chunk chunks[CHUNKS];
	enum state states[CHUNKS];
	uint64_t first, open; /* numbers of chunks, in the order of filling; number n is chunk n % CHUNKS */
	bool is_spilling;
	bool is_draining;     /* all that is full is to be written */
	bool is_ending;       /* nothing is to be written any more */
	struct spill spill;
	int result;           /* of the first step that failed */
	struct cel_error error;
};

int extsort_new(size_t memory_limit, uint32_t threads, const char *directory, struct extsort **out, struct cel_error *e)
{
	if (memory_limit < EXTSORT_MEMORY_MIN)
		return error_set(e, CEL_EUSAGE, "%zu bytes of memory are too few for sorting (at least %u)", memory_limit,
				 EXTSORT_MEMORY_MIN);
	struct extsort *s = mem_calloc(1, sizeof *s);
	if (s == NULL)
		return error_nomem(e, sizeof *s);
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->changed, NULL);
	size_t write_size = memory_limit / 16 < WRITE_BUFFER_MAX ? memory_limit / 16 & ~(size_t)63 : WRITE_BUFFER_MAX;
	s->chunk_size = (memory_limit - write_size) / CHUNKS & ~(size_t)63;
	s->threads = threads;
	s->memory_size = memory_limit;
	s->memory = mem_map(memory_limit);
	if (directory != NULL)
		s->own_directory = mem_strdup(directory);
	s->spill.file.fd = -1;
	if ((directory != NULL && s->own_directory == NULL) || s->memory == NULL) {
		extsort_free(s);
		return error_nomem(e, memory_limit);
	}
	spill_init(&s->spill, s->memory + CHUNKS * s->chunk_size, write_size);
	s->spill.directory = s->own_directory;
	for (uint32_t i = 0; i < CHUNKS; i++)
		chunk_init(&s->chunks[i], s->memory + i * s->chunk_size, s->chunk_size);
	*out = s;
	return 0;
}

void extsort_ask_directory(struct extsort *s, extsort_directory_fn *ask, void *context)
{
	s->ask = ask;
	s->ask_context = context;
}

static void stop_thread(struct extsort *s)
{
	if (!s->is_threaded)
		return;
	pthread_mutex_lock(&s->lock);
	s->is_stopping = true;
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
	pthread_join(s->thread, NULL);
	s->is_threaded = false;
}

void extsort_free(struct extsort *s)
{
	if (s == NULL)
		return;
	stop_thread(s);
	merge_close(&s->merge);
	spill_release(&s->spill);
	pthread_cond_destroy(&s->changed);
	pthread_mutex_destroy(&s->lock);
	mem_free(s->own_directory);
	mem_unmap(s->memory, s->memory_size);
	mem_free(s);
}

uint64_t extsort_count(const struct extsort *s)
{
	return s->count;
}

/* ---- what there is to do with full chunks; with the lock held, which is let go meanwhile */

static struct chunk *chunk_at(struct extsort *s, uint64_t number)
{
	return &s->chunks[number % CHUNKS];
}

static bool sort_one(struct extsort *s)
{
	for (uint64_t n = s->first; n < s->open; n++) {
		if (s->states[n % CHUNKS] != FULL)
			continue;
		s->states[n % CHUNKS] = SORTING;
		pthread_mutex_unlock(&s->lock);
		chunk_sort(chunk_at(s, n));
		pthread_mutex_lock(&s->lock);
		s->states[n % CHUNKS] = SORTED;
		return true;
	}
	return false;
}

static bool must_spill(const struct extsort *s)
{
	uint64_t n_full = s->open - s->first;
	return s->is_draining ? n_full > 0 : !s->is_ending && n_full >= CHUNKS - s->is_threaded;
}

static bool spill_one(struct extsort *s)
{
	if (s->is_spilling || s->result < 0 || !must_spill(s) || s->states[s->first % CHUNKS] != SORTED)
		return false;
	struct cel_error error;
	s->is_spilling = true;
	pthread_mutex_unlock(&s->lock);
	int rc = spill_chunk(&s->spill, chunk_at(s, s->first), &error); /* nobody else moves `first` */
	pthread_mutex_lock(&s->lock);
	s->is_spilling = false;
	if (rc == 0) {
		s->first++;
	} else {
		s->result = rc;
		s->error = error;
	}
	return true;
}

static bool do_something(struct extsort *s)
{
	if (!sort_one(s) && !spill_one(s))
		return false;
	pthread_cond_broadcast(&s->changed);
	return true;
}

static void *thread_main(void *sort)
{
	struct extsort *s = sort;
	pthread_mutex_lock(&s->lock);
	while (!s->is_stopping)
		if (!do_something(s))
			pthread_cond_wait(&s->changed, &s->lock);
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

/* Or does without one. Now that there is much to come, memory is asked for in large pages. */
static void start_thread(struct extsort *s)
{
	uintptr_t from = ((uintptr_t)s->chunks[1].memory + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1);
	uintptr_t to = (uintptr_t)s->spill.buffer & ~(HUGE_PAGE - 1);
	if (to > from)
		(void)madvise((void *)from, to - from, MADV_HUGEPAGE);
	if (s->threads > 1)
		s->is_threaded = thread_start(&s->thread, thread_main, s);
}

/* ---- adding */

static int told(const struct extsort *s, struct cel_error *e)
{
	if (s->result < 0 && e != NULL)
		*e = s->error;
	return s->result;
}

/* Before anything can be written, and never on the thread, as who is asked need not expect that. */
static int find_directory(struct extsort *s, struct cel_error *e)
{
	return s->spill.directory == NULL ? s->ask(s->ask_context, &s->spill.directory, e) : 0;
}

/* The open chunk takes no more; the next one is open and empty. */
static int turn(struct extsort *s, struct cel_error *e)
{
	int rc = s->open + 2 >= CHUNKS ? find_directory(s, e) : 0;
	if (rc < 0)
		return rc;
	pthread_mutex_lock(&s->lock);
	if (s->open == 0)
		start_thread(s);
	s->states[s->open++ % CHUNKS] = FULL;
	pthread_cond_broadcast(&s->changed);
	while (s->result == 0 && s->open - s->first == CHUNKS)
		if (!do_something(s))
			pthread_cond_wait(&s->changed, &s->lock);
	rc = told(s, e);
	s->states[s->open % CHUNKS] = OPEN;
	pthread_mutex_unlock(&s->lock);
	chunk_clear(chunk_at(s, s->open));
	return rc;
}

/* Writes all full chunks. */
static int drain(struct extsort *s, struct cel_error *e)
{
	pthread_mutex_lock(&s->lock);
	s->is_draining = true;
	while (s->result == 0 && s->first < s->open)
		if (!do_something(s))
			pthread_cond_wait(&s->changed, &s->lock);
	s->is_draining = false;
	int rc = told(s, e);
	pthread_mutex_unlock(&s->lock);
	return rc;
}

/* It did not fit into the open chunk. */
static int add_to_next(struct extsort *s, struct slice key, const struct item_payload *payload, struct cel_error *e)
{
	int rc = chunk_at(s, s->open)->n > 0 ? turn(s, e) : 0;
	if (rc < 0 || chunk_add(chunk_at(s, s->open), key, payload))
		return rc;
	rc = find_directory(s, e);
	if (rc == 0)
		rc = drain(s, e);
	return rc < 0 ? rc : spill_item(&s->spill, key, payload, e); /* the thread has nothing to do now */
}

int extsort_add_parts(struct extsort *s, struct slice key, const struct slice *parts, size_t n, struct cel_error *e)
{
	struct item_payload payload = {.parts = parts, .n = n};
	for (size_t i = 0; i < n; i++)
		payload.size += parts[i].size;
	if (s->is_finished || s->is_broken)
		return error_set(e, CEL_EUSAGE, "sorting: an item is added after the end or an error");
	if (key.size > EXTSORT_KEY_MAX || payload.size > EXTSORT_PAYLOAD_MAX)
		return error_set(e, CEL_EUSAGE, "sorting: an item of %zu + %zu bytes is too large", key.size,
				 payload.size);
	int rc = chunk_add(chunk_at(s, s->open), key, &payload) ? 0 : add_to_next(s, key, &payload, e);
	s->count += rc == 0;
	s->is_broken = rc < 0;
	return rc;
}

int extsort_add(struct extsort *s, struct slice key, struct slice payload, struct cel_error *e)
{
	return extsort_add_parts(s, key, &payload, 1, e);
}

/* ---- the end of adding */

/* The thread helps once more and ends. */
static int sort_all(struct extsort *s, struct cel_error *e)
{
	pthread_mutex_lock(&s->lock);
	s->is_ending = true;
	if (chunk_at(s, s->open)->n > 0)
		s->states[s->open++ % CHUNKS] = FULL;
	pthread_cond_broadcast(&s->changed);
	while (sort_one(s))
		;
	pthread_mutex_unlock(&s->lock);
	stop_thread(s);
	return told(s, e);
}

static size_t n_free(const struct extsort *s)
{
	return CHUNKS - (size_t)(s->open - s->first);
}

/* Writes chunks until the free ones make good buffers for all runs. */
static int make_room(struct extsort *s, struct cel_error *e)
{
	int rc = 0;
	while (rc == 0 && s->first < s->open && n_free(s) * s->chunk_size < spill_n_runs(&s->spill) * READ_BUFFER_GOOD) {
		rc = spill_chunk(&s->spill, chunk_at(s, s->first), e);
		s->first += rc == 0;
	}
	size_t fan = CHUNKS * (s->chunk_size / READ_BUFFER_MIN);
	return rc < 0 ? rc : spill_finish(&s->spill, (uint32_t)fan, s->memory, CHUNKS * s->chunk_size, e);
}

static void set_readers(struct extsort *s, uint32_t n_runs)
{
	size_t per_chunk = (n_runs + n_free(s) - 1) / (n_free(s) > 0 ? n_free(s) : 1);
	size_t share = per_chunk > 0 ? s->chunk_size / per_chunk : 0;
	for (size_t i = 0; i < n_runs; i++) {
		uint8_t *buffer = chunk_at(s, s->open + i / per_chunk)->memory + i % per_chunk * share;
		spill_read(&s->spill, i, buffer, share, &s->merge.readers[i]);
	}
	for (uint64_t n = s->first; n < s->open; n++)
		run_reader_init_entries(&s->merge.readers[n_runs + n - s->first], chunk_at(s, n)->entries, chunk_at(s, n)->n);
}

static int start_merge(struct extsort *s, struct cel_error *e)
{
	int rc = make_room(s, e);
	uint32_t n_runs = (uint32_t)spill_n_runs(&s->spill), n = n_runs + (uint32_t)(s->open - s->first);
	if (rc < 0 || n == 0)
		return rc;
	rc = merge_open(&s->merge, n, e);
	if (rc < 0)
		return rc;
	set_readers(s, n_runs);
	return merge_start(&s->merge, e);
}

int extsort_finish(struct extsort *s, struct cel_error *e)
{
	if (s->is_finished || s->is_broken)
		return error_set(e, CEL_EUSAGE, "sorting: finished twice or after an error");
	s->is_finished = true;
	int rc = sort_all(s, e);
	if (rc == 0)
		rc = start_merge(s, e);
	s->is_broken = rc < 0;
	return rc;
}

int extsort_next(struct extsort *s, struct slice *key, struct slice *payload, struct cel_error *e)
{
	if (!s->is_finished || s->is_broken)
		return error_set(e, CEL_EUSAGE, "sorting: an item is asked for before the end of adding or after an error");
	if (s->merge.count == 0)
		return 0;
	if (s->has_returned) { /* the item of the last call may go now */
		int rc = merge_next(&s->merge, e);
		s->is_broken = rc < 0;
		if (rc < 0)
			return rc;
	}
	const uint8_t *item = merge_item(&s->merge);
	s->has_returned = item != NULL;
	if (item == NULL)
		return 0;
	*key = item_key(item);
	*payload = item_payload(item);
	return 1;
}
