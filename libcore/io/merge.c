/* SPDX-License-Identifier: Apache-2.0 */
/* Each inner node keeps the loser of the match below it, so replacing the winner takes one match a level:
 *
 *          losers[1]                 leaves are nodes count..2*count-1, leaf i stands for run i
 *         /         \
 *     losers[2]   losers[3]
 *      /   \       /   \
 *     r0   r1     r2   r3            (count 4) */
#include "merge.h"

#include "alloc.h"
#include "error.h"
#include "keysort.h"

static bool is_before(const struct merge *m, uint32_t a, uint32_t b)
{
	const struct run_reader *x = &m->readers[a], *y = &m->readers[b];
	if (x->item == NULL || y->item == NULL)
		return x->item != NULL || (y->item == NULL && a < b);
	if (x->prefix != y->prefix)
		return x->prefix < y->prefix;
	int order = slice_compare(item_key(x->item), item_key(y->item));
	return order != 0 ? order < 0 : a < b;
}

/* Plays all matches below node and returns the winner. Recursion is as deep as the tree is high. */
static uint32_t play(struct merge *m, uint32_t node)
{
	if (node >= m->count)
		return node - m->count;
	uint32_t left = play(m, 2 * node), right = play(m, 2 * node + 1);
	bool is_left = is_before(m, left, right);
	m->losers[node] = is_left ? right : left;
	return is_left ? left : right;
}

int merge_open(struct merge *m, uint32_t count, struct cel_error *e)
{
	*m = (struct merge){.count = count};
	m->readers = mem_calloc(count, sizeof *m->readers);
	m->losers = mem_calloc(count, sizeof *m->losers);
	if (m->readers == NULL || m->losers == NULL) {
		merge_close(m);
		return error_nomem(e, count * sizeof *m->readers);
	}
	return 0;
}

int merge_start(struct merge *m, struct cel_error *e)
{
	for (uint32_t i = 0; i < m->count; i++) {
		int rc = run_reader_next(&m->readers[i], e);
		if (rc < 0)
			return rc;
	}
	m->losers[0] = m->count > 1 ? play(m, 1) : 0;
	return 0;
}

void merge_close(struct merge *m)
{
	for (uint32_t i = 0; m->readers != NULL && i < m->count; i++)
		run_reader_release(&m->readers[i]);
	mem_free(m->readers);
	mem_free(m->losers);
	*m = (struct merge){0};
}

const uint8_t *merge_item(const struct merge *m)
{
	return m->readers[m->losers[0]].item;
}

int merge_next(struct merge *m, struct cel_error *e)
{
	uint32_t winner = m->losers[0];
	int rc = run_reader_next(&m->readers[winner], e);
	if (rc < 0)
		return rc;
	for (uint32_t node = (winner + m->count) / 2; node >= 1; node /= 2) {
		if (is_before(m, m->losers[node], winner)) {
			uint32_t loser = winner;
			winner = m->losers[node];
			m->losers[node] = loser;
		}
	}
	m->losers[0] = winner;
	return 0;
}
