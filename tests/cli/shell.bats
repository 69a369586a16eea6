# SPDX-License-Identifier: Apache-2.0
# cel shell: commands from a pipe, and typed at a terminal.
load helper

prepare() {
	make_store
	make_collection words --dim 3
	make_collection others --dim 3
	printf '{"id":"%s","vector":[%s]}\n' a 1,0,0 b 0,1,0 'c d' 0,0,1 >rows.jsonl
	cel-build -q --no-index words rows.jsonl
	export HOME="$PWD/home" TERM=xterm LC_ALL=C.UTF-8
	unset XDG_STATE_HOME CEL_HISTORY
	mkdir home
}

# shell STATUS [OPTION]...: runs the commands on standard input
shell() {
	local wanted=$1
	shift
	cat >commands
	exits "$wanted" sh -c 'exec cel shell "$@" <commands' sh "$@"
}

# Needs the program with its line editor.
needs_editor() {
	ldd "$(dirname "$(command -v cel)")/cel-shell" | grep -q libedit || skip "built without libedit"
}
dialog() { python3 "$CLI/dialog.py" "$@"; }

@test "from a pipe: commands with the collection in use, remarks and blank lines" {
	shell 0 <<-'END'
		# a remark

		list collections
		use words
		get 'c d' # and what is behind
		get "b" a
		query -k 1 a
		build --no-index -q rows.jsonl
		create small --dim 1
		tag -q v1
		list tags
		-diff @v1 others
		quit
		no such command
	END
	[ "$(sed -n 3p <<<"$output")" = '{"id":"c d","vector":[0,0,1]}' ]
	[ "$(sed -n 4,5p <<<"$output" | cut -c 8)" = $'b\na' ]
	[ "$(sed -n 6p <<<"$output" | cut -f 1-3)" = $'a\t1\tb' ]
	[[ "$(sed -n 7p <<<"$output")" == "words@v1	bafy"* ]]
	[ "$(sed -n '8,$p' <<<"$output")" = $'-\ta\n-\tb\n-\tc d' ]
	[ "$stderr" = "cel create: made the collection small" ]
}

@test "query: a vector in the line, several of them, an id, a file" {
	printf '{"vector":[0,0,2]}\n' >q.jsonl
	shell 0 --use words <<-'END'
		query [1, 0 0] -k 1
		query -k 1 [0,1,0.5] q.jsonl [ 0,0,1 ]
		query words a 'c d' -k 1
		query --by-id b -k 1
		cel-query words -k 1 [1,0,0]
		cel query words -k 1 b
	END
	[ "$output" = "0	1	a	0
0	1	b	0.5
1	1	c d	0
2	1	c d	1
a	1	b	1.4142135
c d	1	a	1.4142135
b	1	a	1.4142135
0	1	a	0
b	1	a	1.4142135" ]
	shell 65 --use words <<<'query [1, 0]'
	shell 65 --use words <<<'query [1, 0, x]'
	shell 65 --use words <<<'query [1, 0, "1"]'
	shell 64 --use words <<<'query [1, 0, 0'
	shell 64 --use words <<<'query [1, 0, 0]x'
	shell 1 --use words <<<'query nothing-of-the-kind'
	is_one_line "$(head -n 1 <<<"$stderr")" "cel-query: " "nothing-of-the-kind"
}

@test "the collection in use stands in where one is needed and none is named" {
	cel tag -q v1 words
	printf 'a\n' >gone
	shell 0 <<-'END'
		use words
		build -q --no-index --delete gone
		build -q --no-index others rows.jsonl
		get words b
		get words~1 a
		get ~1 a
		tag -q later ~1
		-diff
		-diff @later
		reset -q ~1
		export --format fvecs --ids out.ids -q
		-show --json @v1
		forget -q --keep-last 5
		log --moves
		log --all
		log --limit 1
		tag
		use
		log words
	END
	[ "$(sed -n 1,3p <<<"$output" | cut -c 8)" = $'b\na\na' ]
	[ "$(sed -n 4,7p <<<"$output")" = $'-\ta\n+\ta\n+\tb\n+\tc d' ]
	grep -q "^words@{0}.*reset to words~1" <<<"$output"
	[ "$(cat out.ids)" = $'a\nb\nc d' ]
	[ "$(cel list | cut -f 1,2)" = $'others\t3\nwords\t3' ]
	shell 64 <<<log
	shell 64 --use words <<<'create --dim'
	shell 64 --use words <<<delete # nothing is deleted that is not named
	shell 66 <<<'use nothing'
	is_one_line "$(head -n 1 <<<"$stderr")" "cel-shell: " "no collection 'nothing'"
	shell 66 --use nothing <<<list
	shell 64 <<<'use words others'
}

@test "the first command that fails ends it, with its line and its status" {
	shell 1 <<-'END'
		list

		get words nothing
		list
	END
	[ "$(wc -l <<<"$output")" -eq 2 ]
	[ "$stderr" = "cel get: there is no record 'nothing'
cel-shell: line 3 ended with status 1" ]
	shell 1 -q <<<'get words nothing'
	[ "$stderr" = "cel get: there is no record 'nothing'" ]
	shell 66 --keep-going <<-'END'
		get words nothing
		get nothing nothing
		list
	END
	[ "$(wc -l <<<"$output")" -eq 2 ]
	[ "$(grep -c '^cel-shell: line [12] ended' <<<"$stderr")" -eq 2 ]
	shell 64 <<<'qury words a'
	is_one_line "$(head -n 1 <<<"$stderr")" "did you mean 'query'"
	shell 0 -q <<<'-get words nothing'
	shell 0 </dev/null
	shell 0 < <(printf 'list') # without a newline at the end
	[ "$(wc -l <<<"$output")" -eq 2 ]
}

@test "words are taken apart as sh does it, and nothing else is done" {
	printf '{"id":%s,"vector":[1,1,1]}\n' '"x | y"' '"*"' '"$HOME"' "\"it's\"" '"q\"\\"' '"#1"' '"[1"' '"-d"' >odd.jsonl
	cel-build -q --no-index words odd.jsonl
	shell 0 --use words <<-'END'
		get 'x | y' * $HOME "it's" it\'s "q\"\\" 'q"\' '#1' \#1 '[1' \[1
		get -- -d
	END
	[ "$(wc -l <<<"$output")" -eq 12 ]
	local line
	for line in 'get a | b' 'list; list' 'list & ' 'list >out' 'get <rows.jsonl' "get 'a" 'get "a' 'get a\'; do
		shell 64 --use words <<<"$line"
		[ -z "$output" ]
		is_one_line "$(head -n 1 <<<"$stderr")" "cel-shell: "
	done
	[ ! -e out ]
	shell 65 < <(printf 'get words a\0b\n')
}

@test "the commands' own standard input is empty, also their signals are told" {
	shell 0 --use words <<-'END'
		build -q --no-index -
		log
	END
	[ "$(wc -l <<<"$output")" -eq 2 ]
	cat >cel-crash <<-'END'
		#!/bin/sh
		kill -SEGV $$
	END
	chmod +x cel-crash
	PATH=$PWD:$PATH shell 139 <<<crash
	grep -q "crash was ended by signal 11" <<<"$stderr"
	exits 74 sh -c 'echo help | cel shell >/dev/full'
	rows -n 9000 -d 3 many.jsonl
	cel-build -q --no-index others many.jsonl
	exits 0 sh -c 'yes export others | timeout 20 cel shell -k | head -n 1'
	[ -z "$stderr" ]
	exits 64 cel shell words
	shell 0 --store "$CEL_STORE" <<<list
	CEL_STORE=/nothing shell 66 <<<list
}

@test "help tells of the shell's commands and of a verb's" {
	shell 0 <<-'END'
		help
		help query
	END
	grep -q "use COLLECTION" <<<"$output"
	grep -q "^  init " <<<"$output"
	grep -q "^Usage: cel-query" <<<"$output"
}

@test "terminal: a prompt, editing, the collection in use in it, and going on after what fails" {
	needs_editor
	dialog cel shell <<-'END'
		expect cel> $
		send lis\x01\x05t\n
		expect others	0	3[^$]*words	3	3[^$]*cel> $
		send get words nothing\n
		expect no record 'nothing'\ncel> $
		send use wrds\x02\x02\x02o\n
		expect words> $
		send get xb\x7f\x7fb\n
		expect "id":"b"[^$]*words> $
		send get words "é"\x1b[D\x7fö\x05\n
		expect no record 'ö'
		expect words> $
		send get nothing\n
		expect words> $
		send quit\n
		status 1
	END
	dialog cel shell --use others <<-'END'
		expect others> $
		send \x04
		status 0
	END
}

@test "terminal: a history that outlives the shell, for its owner alone" {
	needs_editor
	dialog cel shell <<-'END'
		expect cel> $
		send list collections\n
		expect cel> $
		send  list tags\n
		expect cel> $
		send get words a\n
		expect "a"[^$]*cel> $
		send \x1b[A\n
		expect "a"[^$]*cel> $
		send \x04
		status 0
	END
	file=home/.local/state/celestica/history
	[ "$(cat $file)" = $'list collections\nget words a' ]
	[ "$(stat -c %a $file home/.local/state/celestica)" = $'600\n700' ]
	dialog cel shell <<-'END'
		expect cel> $
		send \x1b[A\x1b[A\n
		expect words	3
		expect cel> $
		send \x12get
		expect get words a
		send \n
		expect "id":"a"[^$]*cel> $
		send \x04
		status 0
	END
	shell 0 <<<'tag --list' # nothing of a pipe
	[ "$(cat $file)" = $'list collections\nget words a\nlist collections\nget words a' ]
	seq -f 'get words n%.0f' 2500 >>$file
	printf 'expect cel>\nsend quit\\n\nstatus 0\n' | dialog cel shell
	[ "$(head -n 1 $file)" = "get words n1501" ]
	[ "$(wc -l <$file)" -eq 1001 ]
	XDG_STATE_HOME=$PWD/state dialog cel shell <<<$'expect cel>\nsend list\\n\nexpect words\nsend quit\\n\nstatus 0'
	[ "$(cat state/celestica/history)" = $'list\nquit' ]
	rm -r home/.local
	CEL_HISTORY='' dialog cel shell <<<$'expect cel>\nsend list\\n\nexpect words\nsend \\x1b[A\\n\nexpect words\nsend quit\\n\nstatus 0'
	[ ! -e home/.local ]
	CEL_HISTORY=no/such dialog cel shell <<<$'expect no history is kept\nexpect cel>\nsend quit\\n\nstatus 0'
}

@test "terminal: TAB completes" {
	needs_editor
	touch "a file" afile.npy
	cel tag -q v1 words
	dialog cel shell <<-'END'
		expect cel> $
		send que\t
		expect query $
		send wo\t
		expect words $
		send rows.j\t
		expect rows.jsonl $
		send \x15re\t\t
		expect remote +reset +revert
		expect cel> re$
		send \x15query --rad\t
		expect query --radius $
		send \x15merge --policy t\t
		expect --policy theirs $
		send \x15help bui\t
		expect help build $
		send \x15show words@v\t
		expect show words@v1 $
		send \x15use w\t\n
		expect words> $
		send get c\t\n
		expect get c. d
		expect "id":"c d"
		expect words> $
		send use o\t\n
		expect others> $
		send build 'a f\t
		expect a..?file $
		send \x15get zzz\t
		send \x15quit\n
		status 0
	END
}

@test "terminal: Ctrl-C clears the line, ends a command and nothing more; Ctrl-Z, and a window that changes" {
	needs_editor
	cat >cel-wait <<-'END'
		#!/bin/sh
		echo waiting
		exec sleep 60
	END
	chmod +x cel-wait
	PATH=$PWD:$PATH dialog cel shell <<-'END'
		expect cel> $
		send lost line
		expect lost line
		send \x03
		expect \^C\ncel> $
		send list\n
		expect words[^>]*cel> $
		send wait\n
		expect waiting
		send \x03
		expect cel> $
		size 30 120
		signal SIGWINCH
		send li
		signal SIGWINCH
		send st\n
		expect words[^>]*cel> $
		signal SIGINT
		expect \^C\ncel> $
		send \x1cquit\n
		status 0
	END
	dialog cel shell <<-'END'
		expect cel> $
		signal SIGTERM
		status 143
	END
}

@test "terminal: answers go where standard output goes, the prompt stays here" {
	needs_editor
	dialog sh -c 'cel shell >answers' <<-'END'
		expect cel> $
		send get words a\n
		expect cel> $
		send quit\n
		status 0
	END
	[ "$(cat answers)" = '{"id":"a","vector":[1,0,0]}' ]
}

@test "control: a dialog that goes otherwise is noticed" {
	export DIALOG_SECONDS=1
	run ! dialog echo hello <<<'expect goodbye'
	run ! dialog false <<<'status 0'
	run ! dialog sleep 9 <<<'status 0'
	dialog echo hello <<<$'expect hello\nstatus 0'
}
