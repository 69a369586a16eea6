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

#define ALLOW_MAX 256
#define CLIENTS_MAX 64

enum { OPT_STDIO = CLI_OWN, OPT_SOCKET, OPT_ALLOW, OPT_READ_ONLY, OPT_NO_INDEX, OPT_TIMEOUT, OPT_BWLIMIT, OPT_MAX_PUSH };

static const struct cli_option OPTIONS[] = {
	{OPT_STDIO, "stdio", NULL, "serve one client on standard input and output"},
	{OPT_SOCKET, "socket", "PATH", "serve clients of this user on a Unix socket, until a signal comes"},
	{CLI_STORE, "store", "DIR", "the store that is served (needed)"},
	{OPT_ALLOW, "allow", "RULE", "NAME, NAME:r or NAME:rw; a * may end the name; may be repeated (default: all)"},
	{OPT_READ_ONLY, "read-only", NULL, "nothing may be written, whatever the rules say"},
	{OPT_NO_INDEX, "no-index", NULL, "do not build the indexes of what was pushed"},
	{OPT_MAX_PUSH, "max-push", "SIZE", "refuse a push of more bytes, such as 500M (default 64G; 0: no bound)"},
	{OPT_TIMEOUT, "timeout", "SECONDS", "leave a client that is silent for so long (default 0: never)"},
	{OPT_BWLIMIT, "bwlimit", "RATE", "bytes a second each way at most, such as 500K or 2M"},
	CLI_OPTION_LOCK_WAIT,
	CLI_OPTION_QUIET,
	CLI_OPTIONS_END,
};
static const struct cli_command COMMAND = {
	.name = "cel-serve",
	.usage = "[OPTION]... --stdio | --socket PATH --store DIR",
	.summary = "Let another host's cel-merge, cel-diff, cel pull, cel push and cel clone reach a store: they start this over\n"
		   "ssh. As a forced command of a key it is all that the key can do.",
	.options = OPTIONS,
	.examples = "  restrict,command=\"cel-serve --stdio --store /srv/store --allow words:rw\" ssh-ed25519 AAAA...\n"
		    "  cel-serve --socket /run/user/1000/celestica --store ./store --read-only\n",
};

struct serve_tool {
	struct cli cli;
	const char *allow[ALLOW_MAX];
	struct cel_serve_options options;
	bool is_stdio;
};

static void parse_options(struct serve_tool *tool)
{
	struct cli *cli = &tool->cli;
	tool->options.allow = tool->allow;
	for (int id; (id = cli_next(cli)) != 0;) {
		switch (id) {
		case OPT_STDIO:
			tool->is_stdio = true;
			break;
		case OPT_SOCKET:
			tool->options.socket = cli->value;
			break;
		case OPT_ALLOW:
			if (tool->options.n_allow == ALLOW_MAX)
				exit(cli_usage(cli, "more than %d rules", ALLOW_MAX));
			tool->allow[tool->options.n_allow++] = cli->value;
			break;
		case OPT_READ_ONLY:
			tool->options.is_read_only = true;
			break;
		case OPT_NO_INDEX:
			tool->options.is_without_index = true;
			break;
		case OPT_MAX_PUSH:
			tool->options.push_max = cli_size(cli);
			if (tool->options.push_max == 0)
				tool->options.push_max = UINT64_MAX;
			break;
		case OPT_TIMEOUT:
			tool->options.timeout = cli_real(cli, 0, 1e9);
			break;
		case OPT_BWLIMIT:
			tool->options.rate = (double)cli_size(cli);
			break;
		}
	}
}

static int check_usage(const struct serve_tool *tool)
{
	const struct cli *cli = &tool->cli;
	if (cli->n_operands > 0)
		return cli_usage(cli, "'%s' is too much: only options are taken", cli->operands[0]);
	if (tool->is_stdio == (tool->options.socket != NULL))
		return cli_usage(cli, "either --stdio or --socket PATH");
	if (cli->store == NULL)
		return cli_usage(cli, "which store? --store DIR is needed");
	if (tool->is_stdio && isatty(STDIN_FILENO))
		return cli_usage(cli, "--stdio speaks with another celestica command, and this is a terminal");
	return 0;
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
		size_t length = strlen(tool->allow[i]);
		if (length < 2 || strcmp(tool->allow[i] + length - 2, ":r") != 0)
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
	if (rc == 0)
		return 0;
	return tool->is_stdio && rc != CEL_EUSAGE ? cel_error_exit_status(e.code) : cli_fail(&tool->cli, &e);
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
		signal(SIGINT, SIG_DFL);
		signal(SIGTERM, SIG_DFL);
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
	cli_init(&tool.cli, &COMMAND, argc, argv);
	parse_options(&tool);
	int status = check_usage(&tool);
	if (status != 0)
		return status;
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN); /* the connection is over, but an index may still be built */
	return tool.is_stdio ? serve(&tool, STDIN_FILENO, STDOUT_FILENO) : listen_for_clients(&tool);
}
