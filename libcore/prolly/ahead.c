/* SPDX-License-Identifier: Apache-2.0 */
/* The thread has snapshots of its own, the same ones as the caller's (store_read_beside), so it shares nothing with it but a
 * flag that tells it to stop. It gathers changes until they are GATHERED_MAX of memory; where it stopped the caller goes on by
 * itself. So there is no queue, nobody waits but for the end, and a merge of any size takes no more memory than that. */
#include "ahead.h"

#include <pthread.h>
#include <stdatomic.h>

#include "alloc.h"
#include "error.h"

#define GATHERED_MAX ((size_t)4 << 20)

struct found {
	struct sided_change change; /* of which the ids are in the bytes */
	struct cid twin;
	size_t id, id_size;
};

struct ahead {
	struct sides sides;
	struct store_read *reads[3]; /* beside those of ours, theirs and base; NULL: one of those before it is that one too */
	size_t cut_size;
	uint8_t cut[CEL_ID_MAX];
	/* the thread's, until it is joined */
	struct found *found;
	size_t n, capacity, max;
	struct buf ids;
	bool is_short;
	uint64_t nodes_read;
	int result;
	struct cel_error error;
	/* the caller's */
	pthread_t thread;
	bool is_running;
	atomic_bool is_unwanted;
	size_t next;
};

/* ---- where to cut */

/* The end of the leaf that has the record of that rank: 1, 0 if it is the last one. */
static int find_cut(struct ahead *a, struct node *node, const struct prolly_merge *m, uint64_t rank, struct cel_error *e)
{
	bool is_last = true;
	int rc = node_read(a->reads[0], m->ours, node, e);
	while (rc == 0 && node->level > 0) {
		struct cid child;
		uint64_t count;
		uint32_t i = 0;
		for (;; i++, rank -= count) {
			node_inner_entry(node, i, &child, &count);
			if (rank < count || i + 1 == node->n)
				break;
		}
		is_last = is_last && i + 1 == node->n;
		a->cut_size = node_key(node, i, a->cut);
		if (node->level == 1)
			break;
		rc = node_read(a->reads[0], &child, node, e);
	}
	return rc < 0 ? rc : !is_last;
}

/* Half of the records that are left, about: of all, or of the later half of those, and so on. */
static int choose_cut(struct ahead *a, const struct prolly_merge *m, struct slice after, struct cel_error *e)
{
	uint64_t count;
	MEM_CLEANUP struct node *node = mem_alloc(sizeof *node);
	if (node == NULL)
		return error_nomem(e, sizeof *node);
	int rc = prolly_count(a->reads[0], m->ours, &count, e);
	for (uint64_t rank = count / 2; rc == 0 && rank < count; rank += (count - rank + 1) / 2) {
		rc = find_cut(a, node, m, rank, e);
		if (rc <= 0 || slice_compare(ahead_cut(a), after) > 0)
			return rc;
		rc = 0;
	}
	return rc;
}

/* ---- the thread */

static int keep(struct ahead *a, const struct sided_change *change, struct cel_error *e)
{
	if (mem_grow(&a->found, &a->capacity, a->n + 1, sizeof *a->found, e) < 0)
		return CEL_ENOMEM;
	struct found *f = &a->found[a->n];
	bool is_deleted = change->change.kind == PROLLY_DELETED;
	struct slice id = is_deleted ? change->change.before.id : change->change.after.id;
	*f = (struct found){.change = *change, .id = a->ids.size, .id_size = id.size};
	if (change->change.twin != NULL)
		f->twin = *change->change.twin;
	int rc = buf_append(&a->ids, id.data, id.size, e);
	a->n += rc == 0;
	return rc;
}

static int gather(struct ahead *a, struct cel_error *e)
{
	struct sided_change change;
	int rc = sides_seek(&a->sides, ahead_cut(a), e);
	while (rc == 0 && !atomic_load_explicit(&a->is_unwanted, memory_order_relaxed)) {
		a->is_short = a->n * sizeof *a->found + a->ids.size > a->max;
		if (a->is_short || (rc = sides_next(&a->sides, &change, e)) <= 0)
			return rc < 0 ? rc : 0;
		rc = keep(a, &change, e);
	}
	return rc;
}

static void *run(void *ahead)
{
	struct ahead *a = ahead;
	a->result = gather(a, &a->error);
	a->nodes_read = sides_nodes_read(&a->sides);
	return NULL;
}

/* ---- the caller */

static int begin_reads(struct ahead *a, const struct prolly_merge *m, struct sides_reads *out, struct cel_error *e)
{
	struct store_read *theirs[3] = {m->read_ours, m->read_theirs, m->read_base}, *mine[3] = {NULL};
	for (int i = 0; i < 3; i++) {
		for (int j = 0; j < i; j++)
			if (theirs[j] == theirs[i])
				mine[i] = mine[j];
		if (mine[i] != NULL || theirs[i] == NULL)
			continue;
		int rc = store_read_beside(theirs[i], &a->reads[i], e);
		if (rc <= 0)
			return rc;
		mine[i] = a->reads[i];
	}
	*out = (struct sides_reads){.ours = mine[0], .theirs = mine[1], .base = mine[2]};
	return 1;
}

static int start(struct ahead *a, const struct prolly_merge *m, struct slice after, struct cel_error *e)
{
	struct sides_reads reads;
	int rc = begin_reads(a, m, &reads, e);
	if (rc > 0)
		rc = choose_cut(a, m, after, e);
	if (rc <= 0)
		return rc;
	rc = sides_open(&a->sides, m, &reads, e);
	if (rc < 0)
		return rc;
	a->is_running = pthread_create(&a->thread, NULL, run, a) == 0;
	return a->is_running;
}

int ahead_start(struct ahead **out, const struct prolly_merge *m, struct slice after, struct cel_error *e)
{
	*out = NULL;
	struct ahead *a = mem_calloc(1, sizeof *a);
	if (a == NULL)
		return error_nomem(e, sizeof *a);
	a->max = m->ahead_max > 0 ? m->ahead_max : GATHERED_MAX;
	int rc = start(a, m, after, e);
	if (rc > 0)
		*out = a;
	else
		ahead_free(a);
	return rc < 0 ? rc : 0;
}

struct slice ahead_cut(const struct ahead *a)
{
	return slice_make(a->cut, a->cut_size);
}

static void join(struct ahead *a)
{
	if (a->is_running)
		pthread_join(a->thread, NULL);
	a->is_running = false;
}

static struct slice id_of(const struct ahead *a, const struct found *f)
{
	return slice_make(a->ids.data + f->id, f->id_size);
}

int ahead_next(struct ahead *a, struct sided_change *out, struct cel_error *e)
{
	join(a);
	if (a->next == a->n) {
		if (a->result < 0 && e != NULL)
			*e = a->error;
		return a->result;
	}
	const struct found *f = &a->found[a->next++];
	struct prolly_change *change = &out->change;
	*out = f->change;
	if (change->kind != PROLLY_ADDED)
		change->before.id = id_of(a, f);
	if (change->kind != PROLLY_DELETED)
		change->after.id = id_of(a, f);
	if (change->twin != NULL)
		change->twin = &f->twin;
	return 1;
}

struct slice ahead_rest(const struct ahead *a)
{
	return a->is_short ? id_of(a, &a->found[a->n - 1]) : slice_make(NULL, 0);
}

uint64_t ahead_nodes_read(const struct ahead *a)
{
	return a->nodes_read;
}

void ahead_free(struct ahead *a)
{
	if (a == NULL)
		return;
	atomic_store_explicit(&a->is_unwanted, true, memory_order_relaxed);
	join(a);
	sides_close(&a->sides);
	for (int i = 0; i < 3; i++)
		store_read_end(a->reads[i]);
	buf_release(&a->ids);
	mem_free(a->found);
	mem_free(a);
}
