/* SPDX-License-Identifier: Apache-2.0 */
/* libedit edits the line; ~/.editrc configures it, as for other programs. Its own way to read a character begins anew after
 * a signal, so it gets one that does not: signals are blocked but while ppoll waits for a key, and what was caught is seen to
 * before the next one. SIGINT gives up the line, SIGTSTP stops with the terminal as it was found, SIGTERM and SIGHUP end. */
#include "shell_edit.h"

#include <errno.h>
#include <histedit.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include "shell_complete.h"
#include "shell_history.h"

static const int SIGNALS[] = {SIGINT, SIGTSTP, SIGWINCH, SIGTERM, SIGHUP};
#define N_SIGNALS (sizeof SIGNALS / sizeof *SIGNALS)
static volatile sig_atomic_t caught[N_SIGNALS];

static void catch(int number)
{
	for (size_t i = 0; i < N_SIGNALS; i++)
		if (SIGNALS[i] == number)
			caught[i] = 1;
}

struct editor {
	const struct shell *shell;
	EditLine *el;
	History *lines;
	struct shell_history *history;
	FILE *out;
	sigset_t outside; /* the signal mask while no line is read */
	char prompt[CEL_NAME_MAX + 3];
	bool is_given_up;
	int ended_by; /* a signal, or 0 */
};

static struct editor *editor_of(EditLine *el)
{
	void *editor = NULL;
	el_get(el, EL_CLIENTDATA, &editor);
	return editor;
}

static char *prompt(EditLine *el)
{
	return editor_of(el)->prompt;
}

static void suspend(EditLine *el)
{
	struct sigaction ours, theirs = {.sa_handler = SIG_DFL};
	sigset_t only, before;
	el_set(el, EL_PREP_TERM, 0);
	sigaction(SIGTSTP, &theirs, &ours);
	sigemptyset(&only);
	sigaddset(&only, SIGTSTP);
	sigprocmask(SIG_UNBLOCK, &only, &before);
	raise(SIGTSTP);
	sigprocmask(SIG_SETMASK, &before, NULL);
	sigaction(SIGTSTP, &ours, NULL);
	el_set(el, EL_PREP_TERM, 1);
	el_set(el, EL_REFRESH);
}

/* Sees to what was caught; false if this line is over. */
static bool see_to_signals(struct editor *editor)
{
	for (size_t i = 0; i < N_SIGNALS; i++) {
		if (!caught[i])
			continue;
		caught[i] = 0;
		switch (SIGNALS[i]) {
		case SIGTSTP:
			suspend(editor->el);
			break;
		case SIGWINCH:
			el_resize(editor->el);
			break;
		case SIGINT:
			editor->is_given_up = true;
			break;
		default:
			editor->ended_by = SIGNALS[i];
		}
	}
	return !editor->is_given_up && editor->ended_by == 0;
}

/* An el_rfunc_t: one character, of UTF-8 or whatever the locale has. */
static int read_character(EditLine *el, wchar_t *out)
{
	struct editor *editor = editor_of(el);
	struct pollfd key = {.fd = STDIN_FILENO, .events = POLLIN};
	mbstate_t state = {0};
	for (;;) {
		char byte;
		if (!see_to_signals(editor))
			return -1;
		if (ppoll(&key, 1, NULL, &editor->outside) < 0 && errno == EINTR)
			continue;
		ssize_t n = read(STDIN_FILENO, &byte, 1);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n <= 0)
			return (int)n;
		size_t length = mbrtowc(out, &byte, 1, &state);
		if (length == (size_t)-2)
			continue;
		if (length != (size_t)-1)
			return 1;
		state = (mbstate_t){0}; /* no character of this locale */
	}
}

static size_t common_length(const struct completions *c)
{
	size_t length = strlen(c->items[0]);
	for (size_t i = 1; i < c->n; i++) {
		size_t same = 0;
		while (same < length && c->items[i][same] == c->items[0][same])
			same++;
		length = same;
	}
	while (length > 0 && (c->items[0][length] & 0xc0) == 0x80)
		length--; /* not in the middle of a character */
	return length;
}

/* The choices below the line, in columns. */
static void show_choices(struct editor *editor, const struct completions *c)
{
	struct winsize window = {0};
	size_t widest = 0;
	for (size_t i = 0; i < c->n; i++)
		if (strlen(c->items[i]) > widest)
			widest = strlen(c->items[i]);
	ioctl(STDIN_FILENO, TIOCGWINSZ, &window);
	size_t columns = (window.ws_col > 0 ? window.ws_col : 80u) / (widest + 2);
	size_t rows = columns > 0 ? (c->n + columns - 1) / columns : c->n;
	putc('\n', editor->out);
	for (size_t row = 0; row < rows; row++)
		for (size_t i = row; i < c->n; i += rows)
			if (i + rows < c->n)
				fprintf(editor->out, "%-*s", (int)widest + 2, c->items[i]);
			else
				fprintf(editor->out, "%s\n", c->items[i]);
}

/* Replaces the text between `start` and the cursor. */
static bool replace(EditLine *el, const char *old, const char *text)
{
	size_t characters = mbstowcs(NULL, old, 0);
	el_deletestr(el, (int)(characters != (size_t)-1 ? characters : strlen(old)));
	return el_insertstr(el, text) == 0;
}

/* The function of the key TAB. */
static unsigned char complete(EditLine *el, wint_t key)
{
	(void)key;
	struct editor *editor = editor_of(el);
	const LineInfo *info = el_line(el);
	struct completions c;
	char *line = strndup(info->buffer, (size_t)(info->cursor - info->buffer));
	if (line == NULL)
		return CC_ERROR;
	shell_complete(editor->shell, line, &c);
	unsigned char result = CC_ERROR;
	if (c.n > 0) {
		size_t length = common_length(&c);
		bool is_whole = c.n == 1 && length > 0 && strchr("/=", c.items[0][length - 1]) == NULL;
		char *word = strndup(c.items[0], length), *quoted = word != NULL ? command_line_quote(word) : NULL;
		bool is_longer = quoted != NULL && strcmp(quoted, line + c.start) != 0;
		if (is_longer || is_whole)
			result = quoted != NULL && replace(el, line + c.start, quoted) && (!is_whole || el_insertstr(el, " ") == 0)
					 ? CC_REFRESH
					 : CC_ERROR;
		if (c.n > 1 && !is_longer) {
			show_choices(editor, &c);
			result = CC_REDISPLAY;
		}
		free(word);
		free(quoted);
	}
	completions_free(&c);
	free(line);
	return result;
}

static void remember(void *context, const char *text)
{
	struct editor *editor = context;
	HistEvent event;
	history(editor->lines, &event, H_ENTER, text);
}

struct editor *editor_new(const struct shell *shell)
{
	struct editor *editor = calloc(1, sizeof *editor);
	HistEvent event;
	setlocale(LC_CTYPE, ""); /* which bytes are a character; numbers stay as they are */
	if (editor == NULL)
		return NULL;
	editor->shell = shell;
	editor->out = isatty(STDOUT_FILENO) ? stdout : stderr; /* what is piped away is data alone */
	editor->el = el_init("cel-shell", stdin, editor->out, stderr);
	editor->lines = history_init();
	if (editor->el == NULL || editor->lines == NULL) {
		fprintf(stderr, "cel-shell: this terminal cannot be used for editing: %s\n", strerror(errno));
		editor_free(editor);
		return NULL;
	}
	history(editor->lines, &event, H_SETSIZE, SHELL_HISTORY_LINES);
	history(editor->lines, &event, H_SETUNIQUE, 1);
	editor->history = shell_history_open(remember, editor);
	el_set(editor->el, EL_CLIENTDATA, editor);
	el_set(editor->el, EL_PROMPT, prompt);
	el_set(editor->el, EL_EDITOR, "emacs");
	el_set(editor->el, EL_HIST, history, editor->lines);
	el_set(editor->el, EL_GETCFN, read_character);
	el_wset(editor->el, EL_ADDFN, L"cel-complete", L"complete the word", complete); /* el_set would copy and lose the names */
	el_set(editor->el, EL_BIND, "^I", "cel-complete", NULL);
	el_set(editor->el, EL_BIND, "^R", "em-inc-search-prev", NULL);
	el_source(editor->el, NULL);
	return editor;
}

void editor_free(struct editor *editor)
{
	if (editor == NULL)
		return;
	shell_history_close(editor->history);
	if (editor->lines != NULL)
		history_end(editor->lines);
	if (editor->el != NULL)
		el_end(editor->el);
	int ended_by = editor->ended_by;
	free(editor);
	if (ended_by != 0)
		raise(ended_by);
}

/* Reads with the signals of SIGNALS caught, and sees to it that they are as before afterwards. */
static const char *read_line(struct editor *editor, int *n)
{
	struct sigaction action = {.sa_handler = catch}, before[N_SIGNALS];
	sigset_t ours;
	sigemptyset(&ours);
	for (size_t i = 0; i < N_SIGNALS; i++)
		sigaddset(&ours, SIGNALS[i]);
	sigprocmask(SIG_BLOCK, &ours, &editor->outside);
	for (size_t i = 0; i < N_SIGNALS; i++) {
		sigaction(SIGNALS[i], &action, &before[i]);
		caught[i] = 0;
	}
	el_set(editor->el, EL_PREP_TERM, 1); /* before the prompt, else what is typed at once is echoed by the terminal too */
	const char *line = el_gets(editor->el, n);
	for (size_t i = 0; i < N_SIGNALS; i++)
		sigaction(SIGNALS[i], &before[i], NULL);
	sigprocmask(SIG_SETMASK, &editor->outside, NULL);
	return line;
}

int editor_next(struct editor *editor, char **line)
{
	int n = 0;
	const char *name = editor->shell->collection;
	snprintf(editor->prompt, sizeof editor->prompt, "%s> ", name[0] != '\0' ? name : "cel");
	editor->is_given_up = false;
	const char *text = read_line(editor, &n);
	if (editor->is_given_up) {
		fputs("^C\n", editor->out);
		el_reset(editor->el);
		return -1;
	}
	if (text == NULL || n <= 0) {
		putc('\n', editor->out);
		return 0;
	}
	*line = strndup(text, strcspn(text, "\n"));
	if (*line != NULL && (*line)[0] != ' ' && (*line)[0] != '\0') {
		remember(editor, *line);
		shell_history_add(editor->history, *line);
	}
	return *line != NULL;
}
