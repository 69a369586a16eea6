/* SPDX-License-Identifier: Apache-2.0 */
/* A process is named by (boot, pid, start time), so neither a reused pid nor a reboot can make a dead lease look alive.
 * Stored as: pid, start, begun, renewed, each 8 bytes little-endian, then the boot id as text; the key is random. */
#include "lease.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "bytes.h"
#include "env.h"
#include "error.h"
#include "fault.h"

#define LEASE_SIZE (32 + LEASE_BOOT_SIZE)

/* The beginning of a small file of /proc as text; returns its length, 0 if it cannot be read. */
static size_t read_text(const char *path, char *text, size_t size)
{
	int fd = io_open(path, O_RDONLY | O_CLOEXEC, 0);
	if (fd < 0)
		return 0;
	ssize_t n = io_read(fd, text, size - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	return n > 0 ? (size_t)n : 0;
}

/* Field 22 of /proc/PID/stat; the name in field 2 may hold anything, so count from its closing bracket. 0: none. */
static uint64_t process_start(uint64_t pid)
{
	char path[64], text[1024];
	snprintf(path, sizeof path, "/proc/%llu/stat", (unsigned long long)pid);
	if (read_text(path, text, sizeof text) == 0)
		return 0;
	const char *p = strrchr(text, ')');
	for (int field = 2; p != NULL && field < 22; field++)
		p = strchr(p + 1, ' ');
	return p != NULL ? strtoull(p, NULL, 10) : 0;
}

int64_t lease_process_time(uint64_t pid)
{
	uint64_t start = process_start(pid);
	long ticks = sysconf(_SC_CLK_TCK);
	struct timespec now, up;
	if (start == 0 || ticks <= 0 || clock_gettime(CLOCK_REALTIME, &now) != 0 || clock_gettime(CLOCK_BOOTTIME, &up) != 0)
		return 0;
	return (int64_t)now.tv_sec - (int64_t)up.tv_sec + (int64_t)(start / (uint64_t)ticks);
}

static void read_boot(char boot[LEASE_BOOT_SIZE])
{
	char text[64] = "";
	memset(boot, '0', LEASE_BOOT_SIZE);
	if (read_text("/proc/sys/kernel/random/boot_id", text, sizeof text) >= LEASE_BOOT_SIZE)
		memcpy(boot, text, LEASE_BOOT_SIZE);
}

int lease_new(struct lease *lease, struct cel_error *e)
{
	*lease = (struct lease){.pid = (uint64_t)getpid(), .begun = time(NULL)};
	if (getrandom(lease->id, sizeof lease->id, 0) != (ssize_t)sizeof lease->id)
		return error_set_errno(e, CEL_EINTERNAL, errno, "no random bytes for a lease");
	lease->start = process_start(lease->pid);
	read_boot(lease->boot);
	return 0;
}

bool lease_is_live(const struct lease *lease)
{
	char boot[LEASE_BOOT_SIZE];
	read_boot(boot);
	return memcmp(boot, lease->boot, sizeof boot) == 0 && lease->start != 0 &&
	       process_start(lease->pid) == lease->start;
}

bool lease_decode(const MDB_val *key, const MDB_val *value, struct lease *out)
{
	if (key->mv_size != LEASE_ID_SIZE || value->mv_size != LEASE_SIZE)
		return false;
	const uint8_t *p = value->mv_data;
	memcpy(out->id, key->mv_data, LEASE_ID_SIZE);
	out->pid = load_le64(p);
	out->start = load_le64(p + 8);
	out->begun = (int64_t)load_le64(p + 16);
	out->renewed = (int64_t)load_le64(p + 24);
	memcpy(out->boot, p + 32, LEASE_BOOT_SIZE);
	return true;
}

int lease_put(MDB_txn *txn, MDB_dbi leases, struct lease *lease)
{
	uint8_t bytes[LEASE_SIZE];
	lease->renewed = time(NULL);
	store_le64(bytes, lease->pid);
	store_le64(bytes + 8, lease->start);
	store_le64(bytes + 16, (uint64_t)lease->begun);
	store_le64(bytes + 24, (uint64_t)lease->renewed);
	memcpy(bytes + 32, lease->boot, LEASE_BOOT_SIZE);
	MDB_val key = val_make(lease->id, LEASE_ID_SIZE), value = val_make(bytes, sizeof bytes);
	return mdb_put(txn, leases, &key, &value, 0);
}

int lease_drop(MDB_txn *txn, MDB_dbi leases, const struct lease *lease)
{
	MDB_val key = val_make(lease->id, LEASE_ID_SIZE);
	int rc = mdb_del(txn, leases, &key, NULL);
	return rc == MDB_NOTFOUND ? 0 : rc;
}

static bool is_over(const struct lease *lease)
{
	return lease->pid == (uint64_t)getpid() || !lease_is_live(lease);
}

int lease_sweep(MDB_txn *txn, MDB_dbi leases, const struct lease *keep, size_t *n_live)
{
	MDB_cursor *cursor;
	MDB_val key, value;
	*n_live = 0;
	int rc = mdb_cursor_open(txn, leases, &cursor);
	if (rc != 0)
		return rc;
	while ((rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
		struct lease lease;
		bool is_sound = lease_decode(&key, &value, &lease);
		if (is_sound && keep != NULL && memcmp(lease.id, keep->id, LEASE_ID_SIZE) == 0)
			continue;
		if (is_sound && !is_over(&lease)) {
			++*n_live;
			continue;
		}
		rc = mdb_cursor_del(cursor, 0);
		if (rc != 0)
			break;
	}
	mdb_cursor_close(cursor);
	return rc == MDB_NOTFOUND ? 0 : rc;
}
