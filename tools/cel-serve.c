/* SPDX-License-Identifier: Apache-2.0 */
/* cel-serve: the other end of a session. --stdio is what ssh runs, for one client; what goes wrong there the client is told and
 * tells its user, so it is not said here again. --socket waits for clients of this user, each of which gets a process: the one
 * that listens has no store open, as LMDB must not be carried over a fork. */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli.h"
#include "progress.h"
#include "signals.h"
#include "stats.h"

#define CLIENTS_MAX 64

struct serve_tool {
	struct cli cli;
	struct cli_list allow;
	struct cel_serve_options options;
	uint64_t rate;
	bool is_stdio;
};

static const struct cli_option OPTIONS[] = {
	{0, "stdio", NULL, "serve one client on standard input and output", CLI_FLAG(struct serve_tool, is_stdio)},
	{0, "socket", "PATH", "serve clients of this user on a Unix socket, until a signal comes",
	 CLI_TEXT(struct serve_tool, options.socket)},
	CLI_OPTION_STORE_FOR("the store that is served (needed)"),
	{0, "allow", "RULE", "NAME, NAME:r or NAME:rw; a * may end the name; may be repeated (default: all)",
	 CLI_LIST(struct serve_tool, allow)},
	{0, "read-only", NULL, "nothing may be written, whatever the rules say",
	 CLI_FLAG(struct serve_tool, options.is_read_only)},
	{0, "no-index", NULL, "do not build the indexes of what was pushed",
	 CLI_FLAG(struct serve_tool, options.is_without_index)},
	{0, "max-push", "SIZE", "refuse a push of more bytes, such as 500M (default 64G; 0: no bound)",
	 CLI_SIZE(struct serve_tool, options.push_max)},
	{0, "timeout", "SECONDS", "leave a client that is silent for so long (default 0: never)",
	 CLI_REAL(struct serve_tool, options.timeout, 0, 1e9)},
	{0, "bwlimit", "RATE", "bytes a second each way at most, such as 500K or 2M", CLI_SIZE(struct serve_tool, rate)},
	CLI_OPTION_LOCK_WAIT,
	CLI_OPTION_QUIET,
	CLI_OPTION_VERBOSE,
	CLI_OPTIONS_END,
};
static const struct cli_command COMMAND = {
	.name = "cel-serve",
	.forms = "--stdio --store DIR\n--socket PATH --store DIR",
	.summary = "Let another host's cel-merge, cel-diff, cel pull, cel push and cel clone reach a store: they start this over\n"
		   "ssh. As a forced command of a key it is all that the key can do.",
	.options = OPTIONS,
	.exclusive = {"stdio socket"},
	.examples = "  restrict,command=\"cel-serve --stdio --store /srv/store --allow words:rw\" ssh-ed25519 AAAA...\n"
		    "  cel-serve --socket /run/user/1000/celestica --store ./store --read-only\n",
};

static void parse_options(struct serve_tool *tool, int argc, char **argv)
{
	cli_parse(&tool->cli, &COMMAND, tool, argc, argv);
	tool->options.allow = tool->allow.items;
	tool->options.n_allow = tool->allow.n;
	tool->options.rate = (double)tool->rate;
	tool->options.on_progress = progress_tell;
	if (cli_given(&tool->cli, "max-push") != NULL && tool->options.push_max == 0)
		tool->options.push_max = UINT64_MAX;
	if (tool->is_stdio && isatty(STDIN_FILENO))
		exit(cli_usage(&tool->cli, "--stdio speaks with another celestica command, and this is a terminal"));
}

/* "~/" as a shell would have it: a path may come from one that did not. */
static const char *store_path(const char *given, char whole[PATH_MAX])
{
	const char *home = getenv("HOME");
	if (strncmp(given, "~/", 2) != 0 || home == NULL || snprintf(whole, PATH_MAX, "%s%s", home, given + 1) >= PATH_MAX)
		return given;
	return whole;
}

/* Nothing is opened for writing that nobody may write. */
static bool is_read_only(const struct serve_tool *tool)
{
	for (size_t i = 0; i < tool->options.n_allow; i++) {
		size_t length = strlen(tool->allow.items[i]);
		if (length < 2 || strcmp(tool->allow.items[i] + length - 2, ":r") != 0)
			return tool->options.is_read_only;
	}
	return tool->options.is_read_only || tool->options.n_allow > 0;
}

static int serve(struct serve_tool *tool, int in, int out)
{
	char whole[PATH_MAX], inside[PATH_MAX];
	struct cel_store *store;
	struct cel_error e;
	const char *path = store_path(tool->cli.store, whole);
	struct cel_store_options options = {.is_read_only = is_read_only(tool), .lock_wait = tool->cli.lock_wait};
	if (snprintf(inside, sizeof inside, "%s/.cel/data.mdb", path) < PATH_MAX && access(inside, F_OK) == 0) {
		inside[strlen(inside) - strlen("/data.mdb")] = '\0';
		path = inside;
	}
	if (cel_store_open(path, &options, &store, &e) < 0)
		return cli_fail(&tool->cli, &e);
	int rc = cel_serve_fd(store, &tool->options, in, out, &e);
	cel_store_free(store);
	if (rc < 0)
		rc = tool->is_stdio && rc != CEL_EUSAGE ? cel_error_exit_status(e.code) : cli_fail(&tool->cli, &e);
	return stats_end(&tool->cli, rc);
}

/* ---- the socket */

static volatile sig_atomic_t is_ending;

static void on_signal(int number)
{
	(void)number;
	is_ending = 1;
}

/* Blocks SIGINT and SIGTERM but for the moments of waiting. */
static void catch_signals(sigset_t *while_waiting)
{
	struct sigaction action = {.sa_handler = on_signal};
	sigset_t both;
	sigemptyset(&both);
	sigaddset(&both, SIGINT);
	sigaddset(&both, SIGTERM);
	sigprocmask(SIG_BLOCK, &both, while_waiting);
	sigdelset(while_waiting, SIGINT);
	sigdelset(while_waiting, SIGTERM);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

static int start_child(struct serve_tool *tool, int listener, int client, const sigset_t *signals)
{
	pid_t child = fork();
	if (child == 0) {
		progress_begin(&tool->cli);
		stats_begin(&tool->cli, 0, NULL);
		signals_begin();
		sigprocmask(SIG_SETMASK, signals, NULL);
		close(listener);
		_exit(serve(tool, client, client));
	}
	close(client);
	return child > 0 ? 1 : 0;
}

static int listen_for_clients(struct serve_tool *tool)
{
	struct cel_error e;
	sigset_t while_waiting;
	int listener, client, n_children = 0;
	if (cel_socket_listen(tool->options.socket, &listener, &e) < 0)
		return cli_fail(&tool->cli, &e);
	catch_signals(&while_waiting);
	cli_say(&tool->cli, "listening on %s", tool->options.socket);
	struct pollfd waiting = {.fd = listener, .events = POLLIN};
	while (!is_ending) {
		while (n_children > 0 && waitpid(-1, NULL, n_children < CLIENTS_MAX ? WNOHANG : 0) > 0)
			n_children--;
		if (ppoll(&waiting, 1, NULL, &while_waiting) <= 0)
			continue;
		int rc = cel_socket_accept(listener, &client, &e);
		if (rc == 0)
			n_children += start_child(tool, listener, client, &while_waiting);
		else if (rc != CEL_EBUSY)
			cli_say(&tool->cli, "%s", e.message);
	}
	close(listener);
	unlink(tool->options.socket);
	return 0;
}

int main(int argc, char **argv)
{
	static struct serve_tool tool;
	parse_options(&tool, argc, argv);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN); /* the connection is over, but an index may still be built */
	return tool.is_stdio ? serve(&tool, STDIN_FILENO, STDOUT_FILENO) : listen_for_clients(&tool);
}
