/* SPDX-License-Identifier: Apache-2.0 */
/* The small commands inside cel. Each takes its own argv (argv[0] is the verb) and returns the exit status. */
#ifndef TOOLS_VERBS_H
#define TOOLS_VERBS_H

/* X(verb, function, summary) */
#define VERBS(X)                                                             \
	X("init", verb_init, "make a new store")                             \
	X("create", verb_create, "make a new collection")                    \
	X("delete", verb_delete, "remove a collection")                      \
	X("list", verb_list, "list the collections")                         \
	X("log", verb_log, "show the commits of a collection, newest first") \
	X("show", verb_show, "show one commit")                              \
	X("stat", verb_stat, "show what the store, or a commit, has and takes") \
	X("tag", verb_tag, "name a commit of a collection, list such names") \
	X("reset", verb_reset, "move a collection to another commit")        \
	X("forget", verb_forget, "let go of the trees of old commits")       \
	X("bisect", verb_bisect, "find the commit that made answers bad")    \
	X("revert", verb_revert, "take back what a commit changed")          \
	X("clone", verb_clone, "copy collections of another store to a new one") \
	X("pull", verb_pull, "fetch from another store, and merge")           \
	X("push", verb_push, "bring a commit to another store")               \
	X("remote", verb_remote, "keep short names for other stores")       \
	X("get", verb_get, "print records as JSON Lines")                    \
	X("export", verb_export, "write all records of a commit to a file")  \
	X("index", verb_index, "build the index of a commit")                \
	X("fsck", verb_fsck, "check the store, block by block")              \
	X("gc", verb_gc, "remove what no name leads to")

/* verb_show.c: the object that list, log, show and tag print a line of; index may be NULL */
struct cel_revision;
struct cel_index_status;
void print_revision_json(const struct cel_revision *r, const struct cel_index_status *index);
void print_records(const struct cel_revision *r); /* how many, or - */
const char *index_state(const struct cel_index_status *index); /* canonical, carried, near or none */

#define X(verb, function, summary) int function(int argc, char **argv);
VERBS(X)
#undef X

#endif
