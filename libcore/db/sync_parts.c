/* SPDX-License-Identifier: Apache-2.0 */
/* Plain linked lists. A part that is whole as soon as its block comes is still the first of the queue when it is closed. */
#include "sync_parts.h"

#include "alloc.h"
#include "error.h"

struct part *part_new(struct part *parent, struct slice key, struct cel_error *e)
{
	struct part *p = mem_calloc(1, sizeof *p + key.size);
	if (p == NULL) {
		error_nomem(e, sizeof *p + key.size);
		return NULL;
	}
	p->parent = parent;
	p->key_size = key.size;
	if (key.size > 0)
		memcpy(p->key, key.data, key.size);
	return p;
}

void part_free(struct part *p)
{
	buf_release(&p->block);
	buf_release(&p->whole);
	mem_free(p);
}

struct slice part_key(const struct part *p)
{
	return slice_make(p->key, p->key_size);
}

void parts_init(struct parts *parts)
{
	*parts = (struct parts){.asked_end = &parts->asked};
}

static void free_list(struct part *list)
{
	for (struct part *next; list != NULL; list = next) {
		next = list->next;
		if (!list->is_open)
			part_free(list);
	}
}

void parts_release(struct parts *parts)
{
	free_list(parts->todo);
	free_list(parts->asked);
	parts->todo = NULL;
	parts_answered(parts, NULL);
	while (parts->open != NULL)
		parts_close(parts, parts->open);
}

void parts_push(struct parts *parts, struct part *p)
{
	p->next = parts->todo;
	parts->todo = p;
}

struct part *parts_ask(struct parts *parts)
{
	struct part *p = parts->todo;
	parts->todo = p->next;
	p->next = NULL;
	*parts->asked_end = p;
	parts->asked_end = &p->next;
	return p;
}

void parts_answered(struct parts *parts, struct part *next)
{
	parts->asked = next;
	if (next == NULL)
		parts->asked_end = &parts->asked;
}

void parts_open(struct parts *parts, struct part *p)
{
	p->is_open = true;
	p->after = parts->open;
	if (parts->open != NULL)
		parts->open->before = p;
	parts->open = p;
}

void parts_close(struct parts *parts, struct part *p)
{
	if (p->before != NULL)
		p->before->after = p->after;
	else
		parts->open = p->after;
	if (p->after != NULL)
		p->after->before = p->before;
	if (parts->asked == p)
		parts_answered(parts, p->next);
	part_free(p);
}
