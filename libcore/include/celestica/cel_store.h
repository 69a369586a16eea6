/* SPDX-License-Identifier: Apache-2.0 */
/* Part of cel.h: stores, and places in them. */
#ifndef CEL_H
#error "include cel.h"
#endif

struct cel_store;

/* Makes the directory `path` a new, empty store. CEL_ECANTCREAT if it exists and is not empty. */
int cel_store_init(const char *path, struct cel_error *e);

/* Which store is meant when none is named: $CEL_STORE, else the nearest ".cel" at or above the working directory.
 * Writes its path. CEL_ENOINPUT if there is none. */
int cel_store_find(char *path, size_t size, struct cel_error *e);

struct cel_store_options {
	bool is_read_only;
	double lock_wait; /* seconds to wait for another writer; 0 not at all, negative for ever */
};

/* options may be NULL (read and write, no wait). */
int cel_store_open(const char *path, const struct cel_store_options *options, struct cel_store **out,
		   struct cel_error *e);
void cel_store_free(struct cel_store *store);
/* Removes the temporary files of all stores that this process has open; for a handler of a signal that ends it (it is
 * async-signal-safe). A process that is killed leaves them to the next writer, and a store is whole in either case. */
void cel_store_abandon_all(void);

/* What commands take where a rev of another store may stand: REV, PATH:REV, REMOTE:REV or [USER@]HOST:PATH:REV. It is split
 * at the last ':' outside of braces; what stands left of that is a path if it has a '/' before any ':'. */
enum cel_place_kind { CEL_PLACE_HERE, CEL_PLACE_PATH, CEL_PLACE_REMOTE, CEL_PLACE_HOST };
struct cel_place {
	enum cel_place_kind kind;
	char user[64], host[256]; /* CEL_PLACE_HOST; user may be empty */
	char remote[64];          /* CEL_PLACE_REMOTE */
	char path[4096];          /* CEL_PLACE_PATH and CEL_PLACE_HOST: of the store's directory */
	char rev[256];
};
/* Only takes the text apart. CEL_EUSAGE if a part is empty or too long, or a name begins with '-'. */
int cel_place_parse(const char *text, struct cel_place *out, struct cel_error *e);
/* The same where a whole store is meant: PATH, REMOTE or [USER@]HOST:PATH; rev stays empty. */
int cel_place_parse_store(const char *text, struct cel_place *out, struct cel_error *e);
