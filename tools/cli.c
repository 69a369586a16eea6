/* SPDX-License-Identifier: Apache-2.0 */
/* Messages, the store that is meant, and the end. Locale is never set: numbers are printed and read the same everywhere. */
#include "cli.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <string.h>

#include "progress.h"
#include "stats.h"

int cli_usage(const struct cli *cli, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	fprintf(stderr, "%s: ", cli->command->name);
	vfprintf(stderr, format, args);
	fprintf(stderr, " (see '%s --help')\n", cli->command->name);
	va_end(args);
	return EXIT_USAGE;
}

int cli_fail(const struct cli *cli, const struct cel_error *e)
{
	fflush(stdout);
	progress_clear();
	stats_error(e->message);
	fprintf(stderr, "%s: %s\n", cli->command->name, e->message);
	return cel_error_exit_status(e->code);
}

void cli_say(const struct cli *cli, const char *format, ...)
{
	if (cli->is_quiet)
		return;
	progress_clear();
	va_list args;
	va_start(args, format);
	fprintf(stderr, "%s: ", cli->command->name);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
}

int cli_open_store(const struct cli *cli, bool is_read_only, struct cel_store **out)
{
	struct cel_error e;
	char found[PATH_MAX];
	const char *path = cli->store;
	if (path == NULL) {
		if (cel_store_find(found, sizeof found, &e) < 0)
			return cli_fail(cli, &e);
		path = found;
	}
	struct cel_store_options options = {.is_read_only = is_read_only, .lock_wait = cli->lock_wait};
	return cel_store_open(path, &options, out, &e) < 0 ? cli_fail(cli, &e) : 0;
}

int cli_with_store(struct cli *cli, bool is_read_only, int (*run)(struct cli *cli, struct cel_store *store))
{
	struct cel_store *store;
	int status = cli_open_store(cli, is_read_only, &store);
	if (status == 0) {
		status = run(cli, store);
		cel_store_free(store);
	}
	return cli_finish(cli, status);
}

int cli_finish(const struct cli *cli, int status)
{
	progress_clear();
	bool has_failed = ferror(stdout) != 0;
	if (fclose(stdout) != 0)
		has_failed = true;
	if (has_failed && status <= 1) { /* a full disk matters more than that nothing was found */
		struct cel_error e = {.code = CEL_EIO};
		snprintf(e.message, sizeof e.message, "standard output: %s", errno != 0 ? strerror(errno) : "cannot write");
		status = cli_fail(cli, &e);
	}
	return stats_end(cli, status);
}
