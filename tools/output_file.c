/* SPDX-License-Identifier: Apache-2.0 */
/* Where the file system can, the file has no name while it is written (O_TMPFILE), so that nothing is left of it whatever
 * ends this process; elsewhere it has one beside its place. */
#include "output_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int fail(const struct cli *cli, const char *path, int status)
{
	fprintf(stderr, "%s: %s: %s\n", cli->command->name, path, strerror(errno));
	return status;
}

static mode_t usual_mode(void)
{
	mode_t mask = umask(0);
	umask(mask);
	return 0666 & ~mask;
}

static int open_nameless(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *directory = slash == NULL ? strdup(".") : strndup(path, (size_t)(slash - path) + 1);
	int fd = directory != NULL ? open(directory, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666) : -1;
	free(directory);
	return fd;
}

int output_file_open(struct output_file *file, const struct cli *cli, const char *path)
{
	struct stat info;
	*file = (struct output_file){.path = path, .is_direct = true};
	if (strcmp(path, "-") == 0)
		return 0;
	bool is_there = stat(path, &info) == 0;
	file->is_direct = is_there && !S_ISREG(info.st_mode);
	file->temporary = malloc(strlen(path) + sizeof ".XXXXXX");
	if (file->temporary == NULL)
		return fail(cli, path, 69);
	strcpy(stpcpy(file->temporary, path), ".XXXXXX");
	int fd = file->is_direct ? open(path, O_WRONLY | O_CLOEXEC) : open_nameless(path);
	file->is_nameless = fd >= 0;
	if (fd < 0 && !file->is_direct) {
		fd = mkostemp(file->temporary, O_CLOEXEC);
		if (fd >= 0)
			fchmod(fd, usual_mode());
	}
	if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0) {
		int status = fail(cli, path, 73);
		free(file->temporary);
		return status;
	}
	close(fd);
	return 0;
}

/* A name for the nameless: one that nobody has, as link does not replace. */
static int name_it(struct output_file *file)
{
	char *end = file->temporary + strlen(file->path);
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(end, sizeof ".XXXXXX", ".%06u", ((unsigned)getpid() * 1000u + i) % 1000000u);
		if (linkat(AT_FDCWD, "/proc/self/fd/1", AT_FDCWD, file->temporary, AT_SYMLINK_FOLLOW) == 0)
			return 0;
		if (errno != EEXIST)
			break;
	}
	return -1;
}

int output_file_close(struct output_file *file, const struct cli *cli, int status)
{
	errno = 0;
	if (fflush(stdout) != 0 && status == 0)
		status = fail(cli, file->path, 74);
	bool is_named = !file->is_direct && !file->is_nameless;
	if (status == 0 && !file->is_direct && file->is_nameless) {
		is_named = name_it(file) == 0;
		if (!is_named)
			status = fail(cli, file->path, 73);
	}
	if (status == 0 && is_named && rename(file->temporary, file->path) != 0)
		status = fail(cli, file->path, 73);
	if (status != 0 && is_named)
		unlink(file->temporary);
	free(file->temporary);
	return status;
}
