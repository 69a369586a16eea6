/* SPDX-License-Identifier: Apache-2.0 */
/* A conflict is one line: its id, what kind it is, and which side it was decided for. In JSON it has all of the base and
 * both sides. The last line of JSON is the result. */
#include "merged.h"

#include <inttypes.h>
#include <string.h>

#include "json_line.h"
#include "progress.h"
#include "stats.h"

static const char *const KINDS[] = {
	[CEL_CONFLICT_CHANGED] = "changed",
	[CEL_CONFLICT_ADDED] = "added",
	[CEL_CONFLICT_OURS_DELETED] = "ours-deleted",
	[CEL_CONFLICT_THEIRS_DELETED] = "theirs-deleted",
};
static const char *const DECISIONS[] = {
	[CEL_DECISION_NONE] = "-", [CEL_DECISION_OURS] = "ours", [CEL_DECISION_THEIRS] = "theirs"};
static const char *const OUTCOMES[] = {
	[CEL_MERGE_UP_TO_DATE] = "up-to-date", [CEL_MERGE_FAST_FORWARD] = "fast-forward",
	[CEL_MERGE_ADOPTED] = "adopted",       [CEL_MERGE_KEPT] = "kept",
	[CEL_MERGE_MERGED] = "merged",	       [CEL_MERGE_UNCHANGED] = "unchanged",
	[CEL_MERGE_CONFLICTS] = "conflicts",
};

static void print_json_side(struct json *j, const char *name, const struct cel_schema *schema, const struct cel_side *side)
{
	if (!side->is_present) {
		json_null(j, name);
		return;
	}
	json_object(j, name);
	json_vector(j, "vector", schema->type, side->vector, schema->dim);
	if (side->metadata_size > 0)
		json_value(j, "metadata", side->metadata, side->metadata_size);
	json_object_end(j);
}

static void print_json_conflict(const struct cel_conflict *c)
{
	struct json j;
	json_begin(&j, stdout);
	json_text(&j, "conflict", KINDS[c->kind]);
	json_string(&j, "id", c->id, c->id_size);
	json_optional(&j, "decision", c->decision == CEL_DECISION_NONE ? NULL : DECISIONS[c->decision]);
	json_flag(&j, "is_base_contested", c->is_base_contested);
	print_json_side(&j, "base", c->schema, &c->base);
	print_json_side(&j, "ours", c->schema, &c->ours);
	print_json_side(&j, "theirs", c->schema, &c->theirs);
	json_end(&j);
}

static int on_conflict(void *context, const struct cel_conflict *c, struct cel_error *e)
{
	struct merged *m = context;
	progress_clear();
	if (m->cli->is_json) {
		print_json_conflict(c);
	} else {
		fwrite(c->id, 1, c->id_size, stdout);
		printf("\t%s\t%s\n", KINDS[c->kind], DECISIONS[c->decision]);
	}
	if (!ferror(stdout))
		return 0;
	e->code = CEL_EIO;
	snprintf(e->message, sizeof e->message, "cannot write to standard output");
	return CEL_EIO;
}

void merged_init(struct merged *m, const struct cli *cli, struct cel_merge_options *options)
{
	m->cli = cli;
	options->on_conflict = on_conflict;
	options->on_progress = progress_tell;
	options->context = m;
	options->is_without_counts = cli->is_quiet && !cli->is_json && stats_result() == NULL; /* nobody would see them */
}

static void print_json_result(FILE *out, const char *collection, bool is_dry_run, const struct cel_merge_result *r)
{
	struct json j;
	json_begin(&j, out);
	json_text(&j, "collection", collection);
	json_text(&j, "outcome", OUTCOMES[r->outcome]);
	json_flag(&j, "is_dry_run", is_dry_run);
	json_flag(&j, "is_moved", r->is_moved);
	json_count(&j, "added", r->added);
	json_count(&j, "replaced", r->replaced);
	json_count(&j, "deleted", r->deleted);
	json_count(&j, "records", r->records);
	json_count(&j, "conflicts", r->conflicts);
	json_count(&j, "overruled_ours", r->overruled_ours);
	json_count(&j, "overruled_theirs", r->overruled_theirs);
	json_count(&j, "commits", r->commits);
	json_count(&j, "merge_bases", r->n_bases);
	json_optional(&j, "base", r->base);
	json_optional(&j, "ours", r->ours);
	json_optional(&j, "theirs", r->theirs);
	json_optional(&j, "commit", r->commit);
	json_optional(&j, "tree", r->tree);
	json_number(&j, "merge_seconds", "%.3f", r->merge_seconds);
	json_number(&j, "index_seconds", "%.3f", r->index_seconds);
	json_end(&j);
}

static void say_outcome(const struct cli *cli, const char *collection, bool is_dry_run, const struct cel_merge_result *r)
{
	const char *would = is_dry_run ? "dry run: " : "";
	char records[120], commit[CEL_CID_TEXT_SIZE + 10] = "";
	snprintf(records, sizeof records, "%" PRIu64 " added, %" PRIu64 " replaced, %" PRIu64 " deleted; %" PRIu64 " records",
		 r->added, r->replaced, r->deleted, r->records);
	if (r->commit[0] != '\0')
		snprintf(commit, sizeof commit, "; commit %s", r->commit);
	if (r->overruled_ours + r->overruled_theirs > 0)
		cli_say(cli, "%s%s: %" PRIu64 " conflicts; overruled: ours in %" PRIu64 ", theirs in %" PRIu64, would, collection,
			r->conflicts, r->overruled_ours, r->overruled_theirs);
	switch (r->outcome) {
	case CEL_MERGE_UP_TO_DATE:
		cli_say(cli, "%s%s: up to date already, nothing to merge", would, collection);
		break;
	case CEL_MERGE_FAST_FORWARD:
		cli_say(cli, "%s%s: fast-forward; %s%s", would, collection, records, commit);
		break;
	case CEL_MERGE_ADOPTED:
		cli_say(cli, "%s%s: the same records, their commit is taken%s", would, collection, commit);
		break;
	case CEL_MERGE_KEPT:
		cli_say(cli, "%s%s: the same records, our commit stays%s", would, collection, commit);
		break;
	case CEL_MERGE_MERGED:
		cli_say(cli, "%s%s: %s%s", would, collection, records, commit);
		break;
	case CEL_MERGE_UNCHANGED:
		cli_say(cli, "%s%s: nothing changed, no commit made; %" PRIu64 " records", would, collection, r->records);
		break;
	case CEL_MERGE_CONFLICTS:
		cli_say(cli, "%s%s: %" PRIu64 " conflicts, nothing was changed (--policy decides them)", would,
			collection, r->conflicts);
		break;
	}
}

int merged_report(struct merged *m, const char *collection, const struct cel_merge_options *options, int rc,
		  const struct cel_merge_result *result, const struct cel_error *e)
{
	if (rc == 0 || result->is_moved) {
		if (m->cli->is_json)
			print_json_result(stdout, collection, options->is_dry_run, result);
		if (stats_result() != NULL)
			print_json_result(stats_result(), collection, options->is_dry_run, result);
		say_outcome(m->cli, collection, options->is_dry_run, result);
	}
	if (rc < 0)
		return cli_fail(m->cli, e);
	return result->outcome == CEL_MERGE_CONFLICTS ? 1 : 0;
}
