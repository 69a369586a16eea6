/* SPDX-License-Identifier: Apache-2.0 */
/* The refs are listed once, at the beginning; what this transfer adds and takes away is noted as it goes. If somebody else
 * takes one away meanwhile (gc), the batch that counts on it fails at its compare-and-swap. */
#include "quarantine.h"

#include <stdio.h>
#include <stdlib.h>

#include "alloc.h"
#include "error.h"

struct kept_since {
	uint64_t time; /* in the ref's name */
	uint32_t is_own; /* kept by this transfer */
	uint32_t is_gone;
};

uint64_t quarantine_time(const char *ref)
{
	size_t size = strlen(QUARANTINE_PREFIX);
	const char *time = strncmp(ref, QUARANTINE_PREFIX, size) == 0 ? strchr(ref + size, '/') : NULL;
	return time == NULL ? 0 : strtoull(time + 1, NULL, 16);
}

/* Not one set for both: a value whose bytes are those of a node says nothing of what is below the node. */
static struct kept_since *find(const struct quarantine *q, const struct cid *cid)
{
	return digest_set_value(cid->codec == CID_RAW ? &q->values : &q->kept, cid->digest);
}

bool quarantine_has(const struct quarantine *q, const struct cid *cid)
{
	const struct kept_since *kept = find(q, cid);
	return kept != NULL && !kept->is_gone;
}

static int note(struct quarantine *q, const struct cid *cid, uint64_t time, bool is_own, struct cel_error *e)
{
	int rc = digest_set_add(cid->codec == CID_RAW ? &q->values : &q->kept, cid->digest, e);
	if (rc < 0)
		return rc;
	struct kept_since *kept = find(q, cid);
	if (kept != NULL)
		*kept = (struct kept_since){.time = time, .is_own = is_own};
	return 0;
}

int quarantine_load(struct quarantine *q, struct store_read *read, const char *name, uint64_t now, struct cel_error *e)
{
	char position[STORE_REF_MAX] = "";
	struct cid cid;
	int rc;
	*q = (struct quarantine){.now = now > 0 ? now : 1};
	snprintf(q->prefix, sizeof q->prefix, QUARANTINE_PREFIX "%s/", name);
	q->kept.value_size = q->values.value_size = sizeof(struct kept_since);
	while ((rc = store_read_next_ref(read, q->prefix, position, &cid, e)) > 0) {
		uint64_t time = quarantine_time(position);
		rc = time > 0 && !quarantine_has(q, &cid) ? note(q, &cid, time, false, e) : 0;
		if (rc < 0)
			break;
	}
	if (rc < 0)
		quarantine_release(q);
	return rc;
}

void quarantine_release(struct quarantine *q)
{
	digest_set_release(&q->kept);
	digest_set_release(&q->values);
	mem_free(q->updates);
	mem_free(q->refs);
	*q = (struct quarantine){0};
}

int quarantine_add(struct quarantine *q, const struct store_ref_update *update, struct cel_error *e)
{
	if (q->n == q->capacity) {
		size_t capacity = q->capacity;
		if (mem_grow(&q->refs, &capacity, q->n + 1, sizeof *q->refs, e) < 0 ||
		    mem_grow(&q->updates, &q->capacity, q->n + 1, sizeof *q->updates, e) < 0)
			return CEL_ENOMEM;
		for (size_t i = 0; i < q->n; i++)
			q->updates[i].ref = q->refs[i];
	}
	snprintf(q->refs[q->n], STORE_REF_MAX, "%s", update->ref);
	q->updates[q->n] = *update;
	q->updates[q->n].ref = q->refs[q->n];
	q->n++;
	return 0;
}

static int add(struct quarantine *q, const struct cid *cid, uint64_t time, bool is_new, struct cel_error *e)
{
	char ref[STORE_REF_MAX], text[CEL_CID_TEXT_SIZE];
	cid_format(cid, text);
	snprintf(ref, sizeof ref, "%s%016llx/%s", q->prefix, (unsigned long long)time, text);
	struct store_ref_update update = {.ref = ref, .has_old = !is_new, .has_new = is_new, .is_unlogged = true, .old = *cid,
					  .new = *cid};
	return quarantine_add(q, &update, e);
}

/* One batch cannot take a ref away and make it: if it is to go in this one, it stays. */
static bool stays(struct quarantine *q, const struct cid *cid)
{
	for (size_t i = 0; i < q->n; i++) {
		if (q->updates[i].has_new || !cid_equal(&q->updates[i].old, cid) || quarantine_time(q->refs[i]) == 0)
			continue;
		q->n--;
		memmove(q->refs[i], q->refs[q->n], STORE_REF_MAX);
		q->updates[i] = q->updates[q->n];
		q->updates[i].ref = q->refs[i];
		return true;
	}
	return false;
}

int quarantine_keep(struct quarantine *q, const struct cid *cid, struct cel_error *e)
{
	struct kept_since *kept = find(q, cid);
	if (kept != NULL && (!kept->is_gone || stays(q, cid))) {
		kept->is_gone = 0;
		return 0;
	}
	int rc = note(q, cid, q->now, true, e);
	return rc < 0 ? rc : add(q, cid, q->now, true, e);
}

int quarantine_drop(struct quarantine *q, const struct cid *cid, struct cel_error *e)
{
	struct kept_since *kept = find(q, cid);
	if (kept == NULL || kept->is_gone)
		return 0;
	kept->is_gone = 1;
	return add(q, cid, kept->time, false, e);
}

int quarantine_drop_own(struct quarantine *q, struct store_read *read, struct cel_error *e)
{
	char position[STORE_REF_MAX] = "";
	struct cid cid;
	int rc;
	while ((rc = store_read_next_ref(read, q->prefix, position, &cid, e)) > 0) {
		const struct kept_since *kept = find(q, &cid);
		if (kept != NULL && kept->is_own != 0 && kept->time == quarantine_time(position))
			rc = add(q, &cid, kept->time, false, e); /* also if a batch that failed was to take it away */
		if (rc < 0)
			break;
	}
	return rc;
}

void quarantine_clear(struct quarantine *q)
{
	q->n = 0;
}
