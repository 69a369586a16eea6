# SPDX-License-Identifier: Apache-2.0
# One writer at a time: the second waits --lock-wait seconds, then exits 75. Readers and input do not wait.
load helper

prepare() {
	make_store
	make_collection c
	rows -n 20 one.jsonl
	rows -n 20 --seed 2 two.jsonl
	cel-build -q c one.jsonl
}

teardown() {
	if [ -n "${HOLDER:-}" ]; then kill "$HOLDER" 2>/dev/null || true; fi
}

# hold SECONDS: takes the writer lock in the background
hold() {
	python3 "$CLI/hold_lock.py" store "$1" >held 3>&- &
	HOLDER=$!
	local i
	for i in {1..100}; do
		grep -q held held && return 0
		sleep 0.05
	done
	return 1
}

milliseconds() { echo $(($(date +%s%N) / 1000000)); }

@test "without --lock-wait: 75 at once, nothing is changed" {
	hold 30
	local before start
	before=$(commit_of c)
	start=$(milliseconds)
	refuses 75 "another writer" cel-build c two.jsonl
	refuses 75 "another writer" cel create --dim 2 d
	refuses 75 "another writer" cel delete c
	refuses 75 "another writer" cel tag v1 c
	refuses 75 "another writer" cel reset c c~1
	refuses 75 "another writer" cel create d --from c
	refuses 75 "another writer" cel forget c --keep-last 1
	[ $(($(milliseconds) - start)) -lt 3000 ]
	[ "$(commit_of c)" = "$before" ]
}

@test "--lock-wait: waits so long, then 75" {
	hold 30
	local start took
	start=$(milliseconds)
	refuses 75 "another writer" cel-build --lock-wait 1.5 c two.jsonl
	took=$(($(milliseconds) - start))
	echo "took $took ms"
	[ $took -ge 1500 ]
	[ $took -lt 6000 ]
}

@test "--lock-wait: goes on as soon as the other is done" {
	hold 1
	exits 0 cel-build -q --lock-wait 30 c two.jsonl
	kill "$HOLDER" 2>/dev/null && return 1
	exits 0 cel log c
	[ "${#lines[@]}" -eq 3 ]
}

@test "readers do not wait, and nor does a writer that finds bad data" {
	hold 30
	exits 0 cel list
	exits 0 cel get c r1
	exits 0 cel fsck
	exits 0 cel-query -k 1 c two.jsonl
	exits 0 cel index -q c
	refuses 65 "line 1" cel-build --lock-wait 30 c - <<<'{'
}

@test "a slow pipe keeps no other writer waiting" {
	(head -n 10 two.jsonl; sleep 2; tail -n 10 two.jsonl) | cel-build -q --lock-wait 10 c - &
	sleep 0.5
	exits 0 cel-build -q c two.jsonl
	wait $!
	exits 0 cel fsck c
}

@test "a stopped writer holds the lock; killed, it holds nothing" {
	cel create -q --dim 64 big
	rows -n 60000 -d 64 big.npy
	cel-build -q --no-index --id-prefix x big big.npy 3>&- &
	HOLDER=$!
	local i is_held=0
	for i in {1..400}; do
		sleep 0.01
		kill -STOP "$HOLDER" 2>/dev/null || break
		if ! timeout 10 cel delete -q nothing 2>err && grep -q "another writer" err; then
			is_held=1
			break
		fi
		kill -CONT "$HOLDER"
	done
	[ $is_held -eq 1 ] || skip "the moment was missed"
	refuses 75 "another writer" cel-build --lock-wait 0.3 c two.jsonl
	exits 0 cel get c r1
	kill -KILL "$HOLDER"
	wait "$HOLDER" || true
	exits 0 cel-build -q c two.jsonl
	exits 0 cel fsck
	[[ $(show_field big records) =~ ^(0|60000)$ ]]
}

@test "many writers at once: every one of them gets its turn" {
	local i pids=()
	for i in {1..8}; do
		rows -n 5 --prefix "w${i}_" w$i.jsonl
	done
	for i in {1..8}; do
		cel-build -q --no-index --lock-wait 60 c w$i.jsonl &
		pids+=($!)
	done
	for i in "${pids[@]}"; do
		wait "$i"
	done
	[ "$(cel log c | wc -l)" -eq 10 ]
	[ "$(show_field c records)" -eq 60 ]
	exits 0 cel fsck c
}

@test "two that build the same index at once" {
	rm store/index/*
	cel index -q c &
	cel index -q c
	wait $!
	[ "$(ls store/index | wc -l)" -eq 1 ]
	exits 0 cel-query -k 1 --ef 10 c two.jsonl
}

@test "a reader keeps its state while others write" {
	rows -n 20 --prefix q queries.jsonl
	cel-query --exact c queries.jsonl >wanted.tsv
	(head -n 10 queries.jsonl; sleep 1.5; tail -n 10 queries.jsonl) | cel-query --exact c - >found.tsv &
	sleep 0.5
	cel-build -q c two.jsonl
	cel delete -q c
	wait $!
	cmp found.tsv wanted.tsv
}
