# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2094 # names of commands and of files
# cel log of several revs, and the picture that --graph draws. tests/cli/graph.py reads pictures back.
load helper

prepare() {
	make_store
}

add() { printf '{"id":"%s","vector":[%s,1]}\n' "$2" "$3" | cel-build -q --no-index -m "add $2" "$1"; }
graph() { python3 "$CLI/graph.py" "$@"; }

# Two lines of history that cross, and a third collection of another schema.
crossing() {
	cel create -q --dim 2 a
	add a x 1
	cel create -q b --from a
	add b y 2
	add a z 3
	cel-merge -q --no-index a b
	add b w 4
	cel-merge -q --no-index b a
	add a v 5
	cel tag -q v1 a~1
	cel create -q --dim 3 empty
}

@test "random histories: the picture gives the edges back" {
	graph random "$CEL_BUILDDIR/draw-graph"
}

@test "control: one spoiled character is noticed" {
	graph random "$CEL_BUILDDIR/draw-graph" --plant
}

@test "log --graph --all: every line of history, with the names" {
	crossing
	cel log --graph --all >picture
	cel log --all --json >truth
	graph picture picture truth
	[ "$(wc -l <truth)" -eq 9 ]
	grep -q "(a) [45] records: add v$" picture
	grep -q "(b) 4 records$\|(b) 5 records$" picture
	grep -q "(a@v1) 4 records$\|(a@v1) 3 records$" picture
	grep -q "^\* .*(empty) 0 records$" picture
	run ! grep -q ' $' picture
	cel log --graph a >picture
	cel log --json a >truth
	graph picture picture truth
	run ! grep -q empty picture
}

@test "log: several revs are one list, --limit ends it" {
	crossing
	[ "$(cel log a b | cut -f 1)" = "$(cel log --all | cut -f 1 | grep -v "$(commit_of empty)")" ]
	[ "$(cel log a a~0 | cut -f 1)" = "$(cel log a | cut -f 1)" ]
	[ "$(cel log -n 2 a)" = "$(cel log a | head -n 2)" ]
	[ "$(cel log --graph --limit 1 a | wc -l)" -eq 1 ]
	exits 0 cel log -n 0 a
	[ -z "$output" ]
	exits 0 cel log --all --store "$(cel init -q none && echo none)"
	[ -z "$output" ]
	refuses 66 "nosuch" cel log a nosuch
	refuses 64 "REV" cel log
	refuses 64 "--all" cel log --all a
	refuses 64 "--graph|--json" cel log --graph --json a
	refuses 64 "--moves" cel log --moves --graph a
	refuses 64 "COLLECTION" cel log --moves a b
}

@test "log --graph: a message cannot steer the terminal, a tree that is not here is said to be away" {
	cel create -q --dim 2 a
	add a x 1
	printf '{"id":"y","vector":[2,1]}\n' | cel-build -q --no-index -m $'red \e[31m\xc2\x9b31m\ttab' a
	[ "$(cel log --graph -n 1 a | tr -d '\n' | tr -dc '\000-\037\200-\377' | wc -c)" -eq 0 ]
	[[ $(cel log --graph -n 1 a) == *": red  [31m 31m tab" ]]
	cel forget -q --keep-last 1 a
	add a z 3
	cel forget -q --keep-last 1 a
	cel log --graph a | grep -q "no tree here: red"
}
