# SPDX-License-Identifier: Apache-2.0
# cel gc: what nothing leads to goes, and nothing else; see gc_laws.py.
load helper

laws() {
	python3 "$CLI/gc_laws.py" "$1" "$BATS_TEST_TMPDIR/laws" "${@:2}" 2>&1 | sed 's/^/# /' >&3
	return "${PIPESTATUS[0]}"
}

@test "random histories: what is live stays, what is dead goes" { laws history 60; }

@test "kill -9 at 25 random moments of a gc, beside a reader and a writer" { laws kill 25; }

@test "control: a live segment that is gone is noticed" {
	run -1 python3 "$CLI/gc_laws.py" history "$BATS_TEST_TMPDIR/one" 3 --control
	[[ $output == *"missing"* ]]
	run -1 python3 "$CLI/gc_laws.py" kill "$BATS_TEST_TMPDIR/two" 1 --control
	[[ $output == *"missing"* ]]
}

@test "what a name stood for in the grace time stays" {
	make_store
	make_collection words
	rows -n 300 one.jsonl
	cel-build -q words one.jsonl
	local commit
	commit=$(commit_of words)
	cel reset -q words words~1
	exits 0 cel gc
	[ "$output" = $'blocks\t0\t0\nsegments\t0\t0\nfiles\t0\t0' ]
	is_one_line "$stderr" "1 commits are kept only because of the last 14 days" "--grace 0"
	cel reset -q words 'words@{1}'
	[ "$(commit_of words)" = "$commit" ]
	cel delete -q words
	exits 0 cel gc --grace 0.5
	cel create -q --from "$commit" words
	cel fsck --read-data
	cel reset -q words words~1
	exits 0 cel gc --grace 0 --dry-run
	local planned=$output
	[[ $output != *$'blocks\t0\t'* ]]
	cel fsck -q "$commit"
	exits 0 cel gc --grace 0
	[ "$output" = "$planned" ]
	[ -z "$stderr" ]
	[ -z "$(ls store/index)" ]
	refuses 66 "" cel reset words "$commit"
	refuses 66 "gc has removed" cel show 'words@{1}'
	exits 0 cel log words
	exits 0 cel log --moves words
	cel fsck
	refuses 64 "operand" cel gc words
	refuses 64 "no number" cel gc --grace -1
}

@test "forgotten trees go, and what shares them stays" {
	make_store
	cel create -q --dim 100 words
	local i
	for i in 1 2 3 4; do
		rows -n 100 -d 100 --seed $i one.jsonl
		cel-build -q --no-index words one.jsonl
	done
	cel tag -q keep words~2
	cel create -q --from words~1 copy
	cel forget -q words copy --keep-last 1 >/dev/null
	exits 0 cel gc --grace 0 --json
	is_json_lines <<<"$output"
	[[ $output == *'"commits":5,"graced":0,"blocks":10'* ]]
	exits 0 cel fsck --read-data
	is_one_line "$stderr" "5 commits" "(1 absent)" "0 findings"
	cel get words r1
	cel get words@keep r1
	refuses 69 "forgotten" cel get words~3 r1
	# what comes again is there again
	rows -n 100 -d 100 --seed 1 one.jsonl
	cel create -q --dim 100 again
	cel-build -q --no-index again one.jsonl
	cel fsck --read-data
}

@test "in a damaged store nothing is removed" {
	make_store
	cel create -q --dim 100 words
	rows -n 100 -d 100 one.jsonl
	cel-build -q --no-index words one.jsonl
	cel create -q --dim 100 gone
	rows -n 200 -d 100 --seed 2 two.jsonl
	cel-build -q --no-index gone two.jsonl
	cel delete -q gone
	PYTHONDONTWRITEBYTECODE=1 python3 "$CLI/flip.py" one "$(tree_of words)" store
	refuses 74 "nothing is removed|cel fsck" cel gc --grace 0
	PYTHONDONTWRITEBYTECODE=1 python3 "$CLI/flip.py" one "$(tree_of words 2>&1 | grep -o 'bafyrei[a-z0-9]*' | head -n 1)" store
	exits 0 cel gc --grace 0
	[[ $output == $'blocks\t2'* ]]
	cel fsck --read-data
}

@test "space comes back" {
	make_store
	cel create -q --dim 600 big
	rows -n 8000 -d 600 big.npy
	local i before after
	before=$(du -sk store | cut -f 1)
	for i in 1 2 3; do
		cel-build -q --no-index --id-prefix x$i- big big.npy
		rows -n 1500 -d 100 --seed $i small.npy
	done
	cel create -q --dim 100 small
	for i in 1 2 3 4; do
		rows -n 5000 -d 100 --seed $i small.npy
		cel-build -q --no-index --id-prefix y small small.npy
	done
	cel delete -q big
	cel delete -q small
	cel gc -q --grace 0
	after=$(du -sk store | cut -f 1)
	echo "$before KiB before, $after KiB after"
	[ "$after" -lt $((before + 600)) ]
	cel fsck
}
