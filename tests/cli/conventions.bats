# SPDX-License-Identifier: Apache-2.0
# What all commands do alike: standard streams, exit statuses, help, suggestions, environment, locale.
load helper

prepare() {
	make_store
	rows -n 50 base.jsonl base.npy
	rows -n 5 --seed 2 queries.npy
	make_collection c
	cel-build -q c base.jsonl
}

@test "standard input by -, by nothing, and among other files" {
	make_collection d
	cel-build -q d - <base.jsonl
	make_collection e
	cel-build -q e <base.jsonl
	make_collection f
	head -n 20 base.jsonl >one.jsonl
	tail -n 10 base.jsonl >three.jsonl
	sed -n 21,40p base.jsonl | cel-build -q f one.jsonl - three.jsonl
	[ "$(tree_of d)" = "$(tree_of c)" ]
	[ "$(tree_of e)" = "$(tree_of c)" ]
	[ "$(tree_of f)" = "$(tree_of c)" ]
	exits 0 cel-query -k 1 c <queries.npy
	[ "${#lines[@]}" -eq 5 ]
	exits 0 cel-query -k 1 c queries.npy - <queries.npy
	[ "${#lines[@]}" -eq 10 ]
	printf 'r1\nr2\n' | cel get c - | cut -c 1-9 | cmp - <(printf '{"id":"r1\n{"id":"r2\n')
	printf 'r1\0r2' | cel get -0 c - | cut -c 1-9 | cmp - <(printf '{"id":"r1\n{"id":"r2\n')
}

@test "a file whose name begins with - , and -- before operands" {
	cp queries.npy ./-q
	exits 0 cel-query -k 1 c ./-q
	exits 0 cel-query -k 1 -- c -q
	exits 0 cel-query c queries.npy -k 1
	[ "${#lines[@]}" -eq 5 ]
}

@test "a full disk on standard output is an error" {
	[ -w /dev/full ] || skip "no /dev/full"
	local command
	for command in "cel list" "cel list --json" "cel log c" "cel show c" "cel show --json c" "cel get c r1" "cel fsck -q --json" \
		"cel --help" "cel list --help" "cel-query --version" "cel-query -k 1 c queries.npy" \
		"cel-diff c~1 c" "cel-diff --ids c" "cel-diff --stat c" "cel-diff --json c" "cel-diff --patch c" \
		"cel-diff -q --queries queries.npy c c" "cel-query -k 50 --json c base.npy" "cel-build --json c base.jsonl" \
		"cel-merge -q --json c c" "cel-merge -q --dry-run --json c c" "cel revert -q --dry-run --json c c"; do
		echo "$command"
		exits 74 sh -c "$command >/dev/full"
		is_one_line "$(grep -v 'nothing changed' <<<"$stderr")" "cel" "output"
	done
}

@test "a closed standard output is an error where there is something to print" {
	local command
	for command in "cel list" "cel get c r1" "cel-query -k 1 c queries.npy" "cel-diff c" "cel --help"; do
		echo "$command"
		exits 74 sh -c "$command >&-"
	done
	exits 0 sh -c "cel-build -q c base.jsonl >&-"
	exits 0 sh -c "cel create -q --dim 2 new >&-"
}

@test "closed streams do not get mixed up with files of the store" {
	rows -n 50 --seed 3 other.jsonl
	sh -c "cel-build c other.jsonl <&- >&- 2>&-"
	sh -c "cel-query c queries.npy >&- 2>&- <&-" || true
	sh -c "cel get c nobody 2>&-" || true
	sh -c "cel list --wrong 2>&- >&-" || true
	exits 0 cel fsck c
	exits 0 cel log c
	[ "${#lines[@]}" -eq 3 ]
	sh -c "cel-query -k 1 c <&- 2>err" && return 1
	cel index -q c
	exits 0 cel-query -k 1 c queries.npy
}

@test "SIGPIPE ends quietly" {
	rows -n 3000 many.npy
	cel-query -k 50 c many.npy 2>err | head -n 1 >out
	[ -s out ]
	[ ! -s err ]
	yes r1 | cel get c - 2>err | head -n 1 >out
	[ -s out ]
	[ ! -s err ]
	cel-build -q --no-index --id-prefix m c many.npy
	cel-diff --json c 2>err | head -n 1 >out
	[ -s out ]
	[ ! -s err ]
}

@test "--help of every command: usage, every option, exit 0, nothing on stderr" {
	local command
	for command in cel-build cel-diff cel-merge cel-query "cel init" "cel create" "cel delete" "cel list" "cel log" "cel show" \
		"cel get" "cel index" "cel fsck" "cel revert"; do
		exits 0 $command --help
		[ -z "$stderr" ]
		[[ ${lines[0]} == "Usage: $command "* ]]
		[[ $output == *"--help"*"--version"*"Examples:"* ]]
	done
	exits 0 cel --help
	[[ ${lines[0]} == "Usage: cel VERB"* ]]
	local verb
	for verb in init create delete list log show revert get index fsck build diff merge query; do
		grep -q "^  $verb " <<<"$output"
	done
	exits 0 cel build --help
	[[ ${lines[0]} == "Usage: cel-build "* ]]
	exits 64 cel
	[ -z "$output" ]
}

@test "--version: version, kernels, formats" {
	local command
	for command in cel cel-build cel-diff cel-merge cel-query "cel list"; do
		exits 0 $command --version
		[[ ${lines[0]} == "$command (Celestica) "[0-9]* ]]
		[[ ${lines[1]} == "kernels: "* ]]
		[[ ${lines[2]} == "formats: store "[0-9]*", tree "[0-9]*", index "[0-9]*", patch "[0-9]*", protocol "[0-9]* ]]
	done
	CEL_SIMD=scalar exits 0 cel --version
	[ "${lines[1]}" = "kernels: scalar" ]
}

@test "unknown options and verbs: 64 and a suggestion" {
	refuses 64 "--jsonn|--json'" cel-query --jsonn c
	refuses 64 "--statt|--stat'" cel-diff --statt c
	refuses 64 "--polity|--policy'" cel-merge --polity ours c c
	refuses 64 "--exat|--exact'" cel-query --exat c
	refuses 64 "--metrik|--metric'" cel create --metrik=l2 --dim 2 x
	refuses 64 "--sotre|--store'" cel list --sotre x
	refuses 64 "--qwertyuiop" cel list --qwertyuiop
	refuses 64 "-z" cel-build -z c
	refuses 64 "needs an argument" cel-query c -k
	refuses 64 "needs an argument" cel-query c --by-id
	refuses 64 "takes no argument" cel-query --exact=yes c
	refuses 64 "'--m'" cel-build --m c
	refuses 64 "lst|list" cel lst
	refuses 64 "biuld|build" cel biuld
	refuses 64 "xyzzyxyzzy" cel xyzzyxyzzy
	refuses 64 "../cel" cel ../cel-build
	refuses 64 "VERB is missing" cel --
	refuses 64 "'cosin'|did you mean 'cosine'" cel create --dim 2 --metric cosin x
	refuses 64 "'arow'|did you mean 'arrow'" cel-build --format arow c
	refuses 64 "none of add, remove, list|did you mean 'remove'" cel remote remov x
	refuses 64 "--vresion" cel --vresion
	refuses 66 "no collection 'cc'|did you mean 'c'" cel-build cc base.jsonl
	refuses 66 "no collection 'cc'|did you mean 'c'" cel delete cc
	refuses 66 "no collection 'cc'|did you mean 'c'" cel tag cc@v1 c
	refuses 66 "no collection 'cc'|did you mean 'c'" cel log cc
	refuses 66 "no collection 'nothing'|cel create" cel-build nothing base.jsonl
	exits 0 cel-query --exa -k 1 c queries.npy
}

@test "numbers in options" {
	refuses 64 "ten" cel-query -k ten c
	refuses 64 "-1" cel-query -k -1 c
	refuses 64 "0" cel-diff --queries queries.npy -k 0 c
	refuses 64 "1e3" cel-build -j 1e3 c
	refuses 64 "99999999999999999999" cel-build -j 99999999999999999999 c
	refuses 64 "10X" cel-build --memory 10X c
	refuses 64 "1024 is less" cel-build --memory 1K c - </dev/null
	refuses 64 "99999999999G" cel-build --memory 99999999999G c
	refuses 64 "soon" cel-build --lock-wait soon c
	refuses 64 "-1" cel-build --lock-wait=-1 c
	refuses 64 "0" cel create --dim 0 x
	refuses 64 "65536" cel create --dim 65536 x
	exits 0 cel-build -q --memory 9M --lock-wait 0.5 -j 3 c base.jsonl
}

@test "another program of the name cel-WORD is a verb; a word with other characters is not" {
	mkdir bin
	printf '#!/bin/sh\necho "hello $*"; exit 7\n' >bin/cel-hello
	chmod +x bin/cel-hello
	PATH=$PWD/bin:$PATH exits 7 cel hello big world
	[ "$output" = "hello big world" ]
	exits 64 cel Hello
}

@test "a locale with a decimal comma changes nothing" {
	if [ ! -d "${LOCPATH-}/de_DE.UTF-8" ]; then # tests/run.sh makes it once
		export LOCPATH=$PWD
		localedef -i de_DE -f UTF-8 "$PWD/de_DE.UTF-8" || skip "localedef has no de_DE (package locales)"
	fi
	[ "$(LC_ALL=de_DE.UTF-8 /usr/bin/printf '%.1f' 1,5)" = "1,5" ]
	printf '{"id":"a","vector":[0.5,1.5e3,%s0.25]}\n' "" >in.jsonl
	cel create -q --dim 3 plain
	cel-build -q plain in.jsonl
	cel get plain a >wanted
	cel-query -k 3 --recall 0.5 c queries.npy >wanted.tsv
	cel-diff c --queries queries.npy >wanted.diff || [ $? -eq 1 ]
	export LC_ALL=de_DE.UTF-8
	cel create -q --dim 3 comma
	exits 0 cel-build -q --lock-wait 0.5 comma in.jsonl
	[ "$(tree_of comma)" = "$(tree_of plain)" ]
	cel get comma a | cmp - wanted
	cel-query -k 3 --recall 0.5 c queries.npy | cmp - wanted.tsv
	(cel-diff c --queries queries.npy || true) | cmp - wanted.diff
	echo "get comma a" | cel shell | cmp - wanted
	cel-build -q --json comma in.jsonl | is_json_lines
}

@test "other locales and time zones change no byte" {
	cel log c >wanted
	local locale
	for locale in C C.UTF-8 $(locale -a 2>/dev/null | grep -i -E '^(de|fr|tr)_' | head -n 2); do
		LC_ALL=$locale TZ=Asia/Tokyo cel log c | cmp - wanted
	done
	cut -f 2 wanted | grep -q -E '^20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z$'
}

@test "CEL_STORE, the nearest .cel, --store: which store is meant" {
	unset CEL_STORE
	mkdir -p tree/deep/deeper tree/other
	(cd tree && cel init -q)
	cd tree/deep/deeper
	cel create -q --dim 2 near
	[ "$(cel list | cut -f 1)" = near ]
	[ "$(cel list --store "$BATS_TEST_TMPDIR/store" | cut -f 1)" = c ]
	[ "$(CEL_STORE=$BATS_TEST_TMPDIR/store cel list | cut -f 1)" = c ]
	[ "$(CEL_STORE=$BATS_TEST_TMPDIR/store cel list --store ../../.cel | cut -f 1)" = near ]
	[ "$(CEL_STORE='' cel list | cut -f 1)" = near ]
	(cd ../../other && cel init -q && [ -z "$(cel list)" ])
	CEL_STORE=/nonexistent refuses 66 "/nonexistent" cel list
	cd "$BATS_TEST_TMPDIR"
	refuses 66 "cel init" cel list
	: >.cel
	refuses 66 "cel init" cel list
}

@test "CEL_SIMD that the machine lacks: 69" {
	CEL_SIMD=nonsense refuses 69 "nonsense" cel --version
	CEL_SIMD=nonsense refuses 69 "nonsense" cel-query -k 1 c queries.npy
	rm store/index/*
	CEL_SIMD=nonsense exits 69 cel index c
	[[ $stderr == *nonsense* ]]
	CEL_SIMD='' exits 0 cel-query -k 1 c queries.npy
}

@test "CEL_IO that is none: 78" {
	CEL_IO=nonsense refuses 78 "nonsense" cel-build c base.jsonl
	CEL_IO='' exits 0 cel-build -q c base.jsonl
}

@test "CEL_AUTHOR and --author" {
	[ "$(cel log c | head -n 1 | cut -f 4)" = tester ]
	rows -n 5 --seed 4 other.jsonl
	cel-build -q --author 'Back\slash' -m $'two\nlines\tand a tab' c other.jsonl
	[ "$(cel log c | head -n 1 | cut -f 4,5)" = 'Back\\slash	two\nlines\tand a tab' ]
	rows -n 5 --seed 6 other.jsonl
	refuses 64 "author" cel-build --author $'two\nlines' c other.jsonl
	refuses 64 "message" cel-build -m $'\xff' c other.jsonl
	cel log --json c | is_json_lines
	unset CEL_AUTHOR
	rows -n 5 --seed 5 other.jsonl
	cel-build -q c other.jsonl
	[[ $(cel log c | head -n 1 | cut -f 4) == ?*@* ]]
}

@test "a store that cannot be written to is read" {
	# root without the capability to pass over permissions is a user like any other
	local AS=
	if [ "$(id -u)" -eq 0 ]; then AS="setpriv --bounding-set=-dac_override,-dac_read_search"; fi
	$AS true || skip "no setpriv"
	chmod -R a-w store
	if $AS touch store/file 2>/dev/null; then skip "permissions do not hold here"; fi
	exits 0 $AS cel list
	exits 0 $AS cel get c r1
	exits 0 $AS cel-query -k 1 c queries.npy
	exits 0 $AS cel fsck
	exits 77 $AS cel-build c base.jsonl
	is_one_line "$stderr" "cel-build" "ermission"
	exits 77 $AS cel create --dim 2 new
	chmod -R u+w store
}

@test "input that cannot be read: 77; a directory, no file: 66" {
	refuses 66 "none" cel-build c none
	refuses 66 "is a directory" cel-build --format jsonl c .
	refuses 66 "none.ids" cel-build --ids none.ids c base.npy
	chmod a-r base.npy
	[ -r base.npy ] || refuses 77 "base.npy" cel-build --id-prefix p c base.npy
}

@test "an error of a system call while reading: 74, nothing is kept" {
	local before
	before=$(commit_of c)
	rows -n 50 --seed 5 other.jsonl
	CEL_IO=read CEL_FAULT=read:1:5 exits 74 cel-build c - <other.jsonl
	[[ $stderr == *"nput/output error"* ]]
	[ "$(commit_of c)" = "$before" ]
	CEL_FAULT=nonsense exits 74 cel-build c other.jsonl || [ "$status" -ne 0 ]
	[ "$(commit_of c)" = "$before" ]
	exits 0 cel fsck
}

@test "-q is quiet, talk goes to standard error" {
	rows -n 5 --seed 7 other.jsonl
	exits 0 cel-build c other.jsonl
	[ -z "$output" ]
	[ -n "$stderr" ]
	rows -n 5 --seed 8 other.jsonl
	exits 0 cel-build -q c other.jsonl
	[ -z "$output$stderr" ]
	exits 0 cel init --quiet new
	[ -z "$output$stderr" ]
}
