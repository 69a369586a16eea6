# SPDX-License-Identifier: Apache-2.0
# cel-diff against what Python finds naively, its other forms, places, refusals.
load helper

prepare() {
	make_store
	rows -n 400 --metadata a.jsonl
	rows -n 20 --seed 9 queries.npy
	difference edit 1 a.jsonl b.jsonl
	make_collection c
	cel-build -q --no-index c a.jsonl
	cel-build -q --no-index --replace c b.jsonl
}

difference() { python3 "$CLI/diff.py" "$@"; }

@test "lines and JSON are those of the naive comparison, in both directions" {
	local seed
	for seed in 1 2; do
		difference edit $seed a.jsonl b.jsonl
		cel-build -q --no-index --replace c a.jsonl
		cel-build -q --no-index --replace c b.jsonl
		exits 1 cel-diff c~1 c
		printf '%s\n' "$output" >out
		difference lines a.jsonl b.jsonl out
		run ! difference lines b.jsonl a.jsonl out # the control
		cel-diff c c~1 >out || [ $? -eq 1 ]
		difference lines b.jsonl a.jsonl out
		cel-diff --json c~1 c >out || [ $? -eq 1 ]
		difference json a.jsonl b.jsonl out
		run ! difference json b.jsonl a.jsonl out
	done
}

@test "the same records: nothing, exit 0, whichever commits they are" {
	cel-build -q --no-index --replace c a.jsonl
	local form
	for form in "" --json --ids "--queries queries.npy -q --exact"; do
		exits 0 cel-diff c c $form
		exits 0 cel-diff c~2 c $form
		[[ -z "$output" || $form == --queries* ]]
	done
	exits 0 cel-diff --stat -v c~2 c
	[ "$output" = $'added\t0\ndeleted\t0\nchanged\t0' ]
	[[ $stderr == "cel-diff: diff: "* ]]
	[ "$(cel-diff --stat --json c~2 c)" = '{"added":0,"deleted":0,"changed":0,"nodes_read":0}' ]
	cel-diff --patch c~2 c >patch
	[ "$(tail -c 41 patch | head -c 7 | od -A n -t x1)" = " 28 83 63 65 6e 64 00" ]
}

@test "--stat and --ids agree with the lines" {
	cel-diff c~1 c >lines || [ $? -eq 1 ]
	exits 1 cel-diff --stat c~1 c
	[ "$output" = "$(printf 'added\t%d\ndeleted\t%d\nchanged\t%d' "$(grep -c '^+' lines)" "$(grep -c '^-' lines)" "$(grep -c '^~' lines)")" ]
	exits 1 cel-diff --stat --json c~1 c
	[[ $output == '{"added":'*',"nodes_read":'*'}' ]]
	cel-diff --ids c~1 c >ids || [ $? -eq 1 ]
	cut -f 2 lines | cmp - ids
	cel-diff --ids -0 c~1 c >nul || [ $? -eq 1 ]
	tr '\n' '\0' <ids | cmp - nul
	exits 1 cel diff --stat c
	exits 1 cel-diff --stat "$(commit_of c~2)" c
	[ "$output" = "$(printf 'added\t%d\ndeleted\t0\nchanged\t0' "$(show_field c records)")" ]
}

@test "one operand: what that commit changed" {
	cel-diff c >out || [ $? -eq 1 ]
	difference lines a.jsonl b.jsonl out
	exits 1 cel-diff --ids c~1
	[ "${#lines[@]}" -eq 400 ]
	refuses 66 "first commit" cel-diff c~2
}

@test "places: another store, by any path; the same store by another name" {
	cel init -q other
	(CEL_STORE=other && make_collection d && cel-build -q --no-index d a.jsonl)
	mkdir -p dir:a
	(cd dir:a && unset CEL_STORE && cel init -q && make_collection d && cel-build -q --no-index d ../b.jsonl)
	ln -s store link
	cel-diff c~1 c >wanted || [ $? -eq 1 ]
	local pair
	for pair in "./other:d c" "$PWD/other:d ./dir:a:d" "./other:d@{0} ./dir:a/.cel:d" "./store:c~1 ./link:c" "./link:c~1 c" \
		"$PWD/store/../other:d c" "--store other d ./store:c" "--store=./link c~1 ./store:c@{$(date +%Y-%m-%d) 23:59}"; do
		echo "$pair"
		if [[ $pair == *@{2* ]]; then
			cel-diff --store=./link c~1 "./store:c@{$(date +%Y-%m-%d) 23:59:59}" >out || [ $? -eq 1 ]
		else
			cel-diff $pair >out || [ $? -eq 1 ]
		fi
		cmp out wanted
	done
	exits 1 cel-diff ./store:c
	(unset CEL_STORE && cd / && cel-diff --stat "$BATS_TEST_TMPDIR/store:c~1" "$BATS_TEST_TMPDIR/other:d")
}

@test "places that are refused" {
	refuses 66 "nowhere" cel-diff c ./nowhere:c
	refuses 66 "no collection 'x'" cel-diff c ./store:x
	refuses 66 "remote 'origin'|./origin" cel-diff c origin:c
	CEL_SSH=/nowhere/ssh refuses 69 "/nowhere/ssh" cel-diff c me@host:dir:c
	refuses 64 "'-'" cel-diff -- c -oProxyCommand=x:dir:c
	refuses 64 "empty" cel-diff c ./store:
	refuses 64 "PATH:REV" cel-diff c ./store
}

@test "schemas that differ: 65, and what differs" {
	cel create -q --dim 3 dim
	cel create -q --dim 16 --type f16 type
	cel create -q --dim 16 --metric ip metric
	cel create -q --dim 16 --model other model
	refuses 65 "dim 16 against 3" cel-diff c dim
	refuses 65 "type f32 against f16" cel-diff c type
	refuses 65 "metric l2 against ip" cel-diff c metric
	refuses 65 "model '' against 'other'" cel-diff --stat c model
	refuses 65 "model" cel-diff --patch c model
}

@test "--patch: the golden file, which the page explains byte by byte" {
	local golden="$CLI/../fuzz/corpus/patch/golden"
	cel create -q --dim 2 g
	printf '{"id":"a","vector":[1,2]}\n{"id":"b","vector":[3,4],"metadata":{"lang":"de"}}\n' | cel-build -q g
	printf '{"id":"b","vector":[3,5],"metadata":{"lang":"en"}}\n{"id":"c","vector":[6,7]}\n' | cel-build -q --replace g -
	exits 1 sh -c 'cel-diff --patch g >patch'
	cmp patch "$golden"
	difference page "$CLI/../../man/cel-format.5" patch
	head -c 100 patch >cut
	run ! difference page "$CLI/../../man/cel-format.5" cut
	python3 "$CLI/../fuzz/corpus_patch.py" . && cmp golden "$golden"
}

@test "--patch is not written to a terminal" {
	exits 64 python3 -c 'import os, pty, sys
sys.exit(os.waitstatus_to_exitcode(pty.spawn(["cel-diff", "--patch", "c"])))'
	[[ $output == *"a patch is no text"* ]]
}

@test "--queries: overlaps are those of the exact answers; the mean; threads; standard input" {
	local k
	for k in 1 10; do
		cel-query --exact -k $k c~1 queries.npy >a.tsv
		cel-query --exact -k $k c queries.npy >b.tsv
		exits 1 cel-diff c~1 c --exact -k $k --queries queries.npy
		is_one_line "$stderr" " of 20 queries"
		printf '%s\n' "$output" >out
		difference queries a.tsv b.tsv $k 20 out
		cel-diff c~1 c --exact -k $k -j 1 --queries - <queries.npy 2>err | cmp - out
	done
	cel get c~1 r1 r2 r3 >stored.jsonl
	cel-diff c~1 c -q --exact -k 3 --json --queries - <stored.jsonl >out.json || [ $? -eq 1 ]
	is_json_lines <out.json
	[[ $(tail -n 1 out.json) == '{"mean":'*',"k":3,"queries":3,"changed":'*'}' ]]
	seq 20 | sed 's/^/q/' >q.ids
	cel-diff c~1 c -q --exact --query-ids q.ids --queries queries.npy | head -n 1 | grep -q '^q[0-9]*	0'
}

@test "--queries: tables, and rows of numbers" {
	cel-diff c~1 c -q --exact --queries queries.npy >wanted || [ $? -eq 1 ]
	tail -c $((20 * 16 * 4)) queries.npy >queries.raw
	python3 -c 'import struct
rows = [struct.unpack("<16f", row) for row in iter(lambda f=open("queries.raw", "rb"): f.read(64), b"")]
with open("queries.csv", "w") as out:
    for row in rows: print(*row, sep=",", file=out)'
	cel-diff c~1 c -q --exact --queries - --raw f32 --dim 16 <queries.raw | cmp - wanted
	cel-diff c~1 c -q --exact --queries queries.csv --no-header --vector-columns 1..16 | cmp - wanted
	refuses 64 "--dim" cel-diff c --queries queries.raw --raw f32
}

@test "a commit whose tree was let go: 69" {
	cel forget -q c --keep-last 1 >forgotten
	refuses 69 "$(commit_of c~1)|tree" cel-diff c~1 c
	refuses 69 "tree" cel-diff --patch c
	exits 0 cel-diff c c
}

@test "--queries: another order of the same ids is an overlap of 1; empty sides; bad rows" {
	cel create -q --dim 1 o
	printf '{"id":"a","vector":[1]}\n{"id":"b","vector":[2]}\n' | cel-build -q o
	printf '{"id":"a","vector":[3]}\n' | cel-build -q o
	echo '{"vector":[0]}' >q.jsonl
	exits 1 cel-diff o -q --queries q.jsonl
	[ "$output" = $'0\t1\nmean\t1' ]
	exits 1 cel-diff o~2 o -q --queries q.jsonl
	[ "$output" = $'0\t0\nmean\t0' ]
	exits 0 cel-diff o~2 o~2 -q --queries q.jsonl
	[ "$output" = $'mean\t1' ]
	exits 0 cel-diff o~1 o -q --queries /dev/null --format jsonl
	[ "$output" = $'mean\t1' ]
	echo '{"vector":[0,1]}' >>q.jsonl
	exits 65 cel-diff o --queries q.jsonl
	[ "$output" = $'0\t1' ]
	is_one_line "$stderr" "q.jsonl" "2"
}

@test "wrong usage" {
	refuses 64 "A is missing" cel-diff
	refuses 64 "'c' is too much" cel-diff c c c
	refuses 64 "exclude" cel-diff --stat --ids c
	refuses 64 "exclude" cel-diff --patch --queries queries.npy c
	refuses 64 "--json" cel-diff --json --patch c
	refuses 64 "--json" cel-diff --json --ids c
	refuses 64 "-0" cel-diff -0 c
	refuses 64 "--k is for --queries" cel-diff -k 3 c
	refuses 64 "--queries" cel-diff --exact c
	refuses 64 "exclude" cel-diff --queries queries.npy --exact --ef 10 c
	refuses 66 "none.npy" cel-diff c --queries none.npy
}

# readers COMMAND...: the snapshots that are open while the command waits for its output to be read
readers() {
	rm -f pipe
	mkfifo pipe
	"$@" >pipe &
	exec 5<pipe
	read -r <&5
	sleep 0.3 # it waits for the pipe by now
	mdb_stat -r store >table || true
	grep -q "Reader Table Status" table || return 2
	cat <&5 >/dev/null
	exec 5<&-
	wait $! || true
	grep -c -E '^ *[0-9]+ +[0-9a-f]+ +[0-9]+$' table # pid, thread, transaction
}

@test "no snapshot is held while the output waits" {
	command -v mdb_stat || skip "no mdb_stat (Debian package lmdb-utils)"
	rows -n 9000 many.jsonl
	cel-build -q --no-index --replace c many.jsonl
	[ "$(readers cel-diff --json c)" = 0 ]
	[ "$(readers cel-diff --patch c~2 c)" = 0 ]
	[ "$(readers mdb_dump -s packs store)" = 1 ] # the control
}
