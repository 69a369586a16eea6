/* SPDX-License-Identifier: Apache-2.0 */
/* Temporary files: DIR/tmp/OWNER/, one directory a process and opened store, swept by others once its owner is gone. */
#ifndef STORE_TMP_H
#define STORE_TMP_H

struct cel_error;

struct tmp {
	char *path; /* of the directory */
	int fd;     /* holds its lock */
};

int tmp_open(const char *parent, struct tmp *tmp, struct cel_error *e); /* makes parent too if it is missing */
void tmp_close(struct tmp *tmp);    /* removes the directory and what is in it; a zeroed tmp is fine */
/* All directories of this process, with what is in them. A handler of a signal that ends the process may call it. */
void tmp_abandon_all(void);
void tmp_sweep(const char *parent); /* removes the directories of dead owners; never fails */

#endif
