/* SPDX-License-Identifier: Apache-2.0 */
/* A patch is read to its end into a temporary file before the writer lock is taken. Then it is gone through twice:
 *
 *     1   applied to the tree that it begins from, which must give the announced tree. If that is the head's tree this is
 *         the result already; else the batch is dropped, so nothing of that tree is left in the store.
 *     2   merged with what the collection holds by now, record by record: the base is the tree it begins from
 *
 * A patch that was cut off or altered is found in the first pass at the latest, when nothing was written. */
#include <errno.h>
#include <unistd.h>

#include "error.h"
#include "history.h"
#include "merging.h"
#include "patch.h"
#include "run.h"
#include "stream.h"
#include "threeway.h"

enum { BUFFER = 1 << 16 };

struct input {
	struct run_file file;
	char name[256];
	uint8_t buffer[BUFFER];
};

/* ---- reading */

static int copy_all(struct stream *s, struct input *in, struct cel_error *e)
{
	struct slice window;
	int rc;
	while ((rc = stream_peek(s, 1, &window, e)) == 0 && window.size > 0) {
		rc = run_file_write(&in->file, window, e);
		if (rc < 0)
			return rc;
		stream_consume(s, window.size);
	}
	return rc < 0 ? rc : run_file_flush(&in->file, e);
}

static int input_open(struct input *in, const char *path, const char *tmp_directory, struct cel_error *e)
{
	struct stream *s;
	int rc = stream_open(path, &s, e);
	if (rc < 0)
		return rc;
	strncpy(in->name, stream_name(s), sizeof in->name - 1);
	rc = run_file_open(&in->file, tmp_directory, in->buffer, BUFFER, e);
	if (rc == 0)
		rc = copy_all(s, in, e);
	stream_free(s);
	return rc;
}

/* The patch from its beginning. */
static int input_reader(const struct input *in, struct patch_reader **out, struct cel_error *e)
{
	struct stream *s;
	int fd = dup(in->file.fd);
	*out = NULL;
	if (fd < 0 || lseek(fd, 0, SEEK_SET) != 0) {
		int problem = errno;
		if (fd >= 0)
			close(fd);
		return error_set_errno(e, CEL_EIO, problem, "%s", in->name);
	}
	int rc = stream_open_fd(fd, in->name, &s, e);
	if (rc < 0) {
		close(fd);
		return rc;
	}
	return patch_reader_new(s, out, e);
}

/* The tree must be that of a commit in the collection's history, and here. */
static int find_base(const struct merging *m, const struct input *in, const struct cid *tree, struct cel_error *e)
{
	struct history *h;
	const struct history_item *item;
	int rc = history_new(m->ours, NULL, &h, e);
	if (rc < 0)
		return rc;
	int is_found = 0;
	rc = history_push(h, &m->head.cid, 0, e);
	while (rc == 0 && is_found == 0 && (rc = history_next(h, &item, e)) > 0) {
		struct db_rev rev = {.cid = item->cid, .commit = item->commit};
		rc = 0;
		if (cid_equal(&item->commit.tree, tree))
			is_found = db_rev_has_tree(m->ours, &rev, e);
	}
	history_free(h);
	if (rc < 0 || is_found != 0)
		return rc < 0 ? rc : is_found < 0 ? is_found : 0;
	char text[CEL_CID_TEXT_SIZE];
	cid_format(tree, text);
	return error_set(e, CEL_EUNAVAILABLE, "%s: the patch begins from the tree %s, which no commit of '%s' has here", in->name,
			 text, m->collection);
}

/* ---- the second pass */

/* Values that are too long for a leaf stand there as links. */
static struct prolly_value value_of(struct slice bytes)
{
	if (bytes.size <= PROLLY_INLINE_MAX)
		return (struct prolly_value){.bytes = bytes};
	return (struct prolly_value){.is_link = true, .link = cid_of(CID_RAW, bytes)};
}

static int take(struct merging *m, const struct change *change, const struct prolly_record *ours, struct cel_error *e)
{
	struct prolly_entry entry = {
		.id = change->id, .vector.bytes = change->vector, .metadata.bytes = change->metadata};
	*(change->is_delete               ? &m->result->deleted
	  : ours->state == PROLLY_PRESENT ? &m->result->replaced
					  : &m->result->added) += 1;
	int rc = 0;
	if (m->update != NULL)
		rc = change->is_delete ? prolly_update_delete(m->update, change->id, e)
				       : prolly_update_put(m->update, &entry, e);
	return rc < 0 ? rc : merging_took(m, e);
}

static int merge_change(struct merging *m, struct prolly_cursor *head, const struct change *change, struct cel_error *e)
{
	struct prolly_record base, ours, theirs = {.state = PROLLY_ABSENT};
	if (!change->is_delete)
		theirs = (struct prolly_record){PROLLY_PRESENT, value_of(change->vector), value_of(change->metadata)};
	int rc = merge_base_find(m->base, change->id, &base, e);
	if (rc == 0)
		rc = prolly_record_find(head, change->id, &ours, e);
	if (rc < 0)
		return rc;
	int verdict = (int)prolly_merge_record(&base, &ours, &theirs);
	m->change = change;
	if (verdict == PROLLY_CONFLICT)
		verdict = merging_decide(m, change->id, &base, &ours, &theirs, e);
	m->change = NULL;
	return verdict == PROLLY_THEIRS ? take(m, change, &ours, e) : verdict < 0 ? verdict : 0;
}

static int merge_patch(struct merging *m, const struct changes *changes, const struct cid *base, struct cid *root,
		       struct cel_error *e)
{
	struct prolly_cursor *head;
	struct change change;
	int rc = merge_base_of_tree(m->ours, base, &m->base, e);
	if (rc == 0)
		rc = merging_open_update(m, e);
	if (rc == 0)
		rc = prolly_cursor_new(m->ours, &m->head.commit.tree, &head, e);
	if (rc < 0)
		return rc;
	while (rc == 0 && (rc = changes->next(changes->context, &change, e)) > 0)
		rc = merge_change(m, head, &change, e);
	prolly_cursor_free(head);
	if (rc == 0)
		rc = prolly_count(m->ours, &m->head.commit.tree, &m->result->records, e);
	m->result->records += m->result->added - m->result->deleted;
	return rc < 0 ? rc : merging_close_update(m, root, e);
}

/* ---- both */

static int begin(struct merging *m, const struct input *in, bool is_writing, struct patch_reader **reader,
		 struct cel_error *e)
{
	*reader = NULL;
	int rc = merging_begin(m, NULL, is_writing, e);
	if (rc == 0)
		rc = input_reader(in, reader, e);
	if (rc == 0 && (rc = db_schemas_agree(&m->head.schema, &patch_reader_header(*reader)->schema, e)) < 0)
		error_context(e, "%s: the patch is not for '%s'", in->name, m->collection);
	return rc < 0 ? rc : find_base(m, in, &patch_reader_header(*reader)->base, e);
}

/* 1 if that was all. */
static int first_pass(struct merging *m, const struct input *in, struct cel_error *e)
{
	struct patch_reader *reader;
	struct prolly_update_stats stats;
	int rc = begin(m, in, true, &reader, e);
	if (rc < 0) {
		patch_reader_free(reader);
		return rc;
	}
	struct patch_header header = *patch_reader_header(reader);
	struct changes changes = patch_reader_changes(reader);
	rc = changes_apply(m->batch, m->ours, &header.base, &changes, &header.schema, &header.target, &stats, e);
	patch_reader_free(reader);
	if (rc < 0) {
		error_context(e, "%s", in->name);
		return rc;
	}
	if (m->options.is_dry_run || !cid_equal(&header.base, &m->head.commit.tree)) {
		merging_end(m);
		return 0;
	}
	m->result->added = stats.added;
	m->result->replaced = stats.replaced;
	m->result->deleted = stats.deleted;
	m->result->records = stats.records;
	rc = merging_commit_tree(m, &header.target, "patch", m->options.message, e);
	return rc < 0 ? rc : 1;
}

static int second_pass(struct merging *m, const struct input *in, struct cel_error *e)
{
	struct patch_reader *reader;
	struct cid root;
	int rc = begin(m, in, !m->options.is_dry_run, &reader, e);
	if (rc == 0) {
		struct changes changes = patch_reader_changes(reader);
		rc = merge_patch(m, &changes, &patch_reader_header(reader)->base, &root, e);
	}
	patch_reader_free(reader);
	return rc < 0 ? rc : merging_commit_tree(m, &root, "patch", m->options.message, e);
}

int cel_patch_apply(struct cel_store *store, const char *collection, const char *path,
		    const struct cel_merge_options *options, struct cel_merge_result *out, struct cel_error *e)
{
	struct merging m;
	struct input in = {.file.fd = -1};
	int rc = merging_init(&m, store, collection, options, out, e);
	if (rc == 0 && m.options.policy == CEL_POLICY_NEWEST)
		rc = error_set(e, CEL_EUSAGE, "the policy newest goes with two lines of history: a patch has no time");
	if (rc == 0)
		rc = input_open(&in, path, store_tmp_path(store->store), e);
	if (rc == 0)
		rc = first_pass(&m, &in, e);
	if (rc == 0)
		rc = second_pass(&m, &in, e);
	run_file_close(&in.file);
	return merging_finish(&m, rc > 0 ? 0 : rc, e);
}
