# SPDX-License-Identifier: Apache-2.0
# What another host may not do, and what goes wrong on the way to it: access, silence, noise, ends in the middle. And sockets.
# shellcheck disable=SC2154,SC2016 # $there; programs in quotes
load helper
load hosts

teardown() {
	if [ -n "${SERVER:-}" ]; then kill "$SERVER" 2>/dev/null || true; fi
}

# forced OPTION...: ssh to a host where the key has a forced command, whatever is asked for
forced() {
	fake_ssh forced "SSH_ORIGINAL_COMMAND=\$command exec cel-serve --stdio $*"
	use_ssh forced
}

@test "a forced command: that store, those collections, those rights" {
	two_stores
	cel create -q --store other secret --dim 2
	forced --store "$BATS_TEST_TMPDIR/other" --allow words:rw
	add store 1
	exits 0 cel push -q words "$there:words"
	exits 0 cel pull -q copy "$there:words"
	refuses 77 "secret" cel pull -q secret "$there:secret"
	refuses 77 "secret" cel push -q words "$there:secret"
	refuses 77 "new" cel push -q words "$there:new"
	exits 0 cel clone -q "$there" all
	[ "$(cel list --store all | cut -f 1)" = words ]
	forced --store "$BATS_TEST_TMPDIR/other" --allow 'w*:r' --allow new
	exits 0 cel pull -q words "$there:words"
	add store 2
	refuses 77 "words" cel push -q words "$there:words"
	exits 0 cel push -q words "$there:new"
	exits 0 cel push -q words "$there:new"
	forced --store "$BATS_TEST_TMPDIR/other" --read-only
	refuses 77 "words" cel push -q words "$there:words"
	exits 0 cel pull -q words "$there:words"
}

@test "another store than the one that is served is refused, not answered" {
	two_stores
	cel init -q third
	cel create -q --store third words --dim 16
	forced --store "$BATS_TEST_TMPDIR/third"
	refuses 77 "other|not served" cel pull -q words "$there:words"
	refuses 77 "other|not served" cel clone -q "$there" new
	[ ! -e new ]
	refuses 77 "not served" cel pull -q words "host:words:words"
	ln -s third link # control: the same directory, however it is called
	exits 0 cel pull -q words "host:$BATS_TEST_TMPDIR/link/../third/:words"
	exits 0 cel pull -q words "host:$BATS_TEST_TMPDIR/link:words"
}

@test "a hash is no permission: a commit that is in no collection that may be read" {
	two_stores
	cel create -q --store other secret --from words
	rows -n 3 --seed 77 secret.jsonl
	cel-build -q --store other secret secret.jsonl
	forced --store "$BATS_TEST_TMPDIR/other" --allow words
	exits 77 cel pull -q x "$there:$(commit_at other secret)" || exits 66 cel pull -q x "$there:$(commit_at other secret)" ||
		exits 64 cel pull -q x "$there:$(commit_at other secret)"
	refuses 66 "x" cel show x
	refuses 66 "" cel show "$(commit_at other secret)"
}

@test "--max-push: more than that is refused, and nothing of it stays" {
	two_stores
	rows -n 3000 -d 128 many.npy
	cel create -q many --dim 128
	cel-build -q --no-index --id-prefix x many many.npy # 1.5 MB
	forced --store "$BATS_TEST_TMPDIR/other" --max-push 1M
	(cd other && find . | sort) >before
	refuses 76 "--max-push" cel push -q many "$there:many"
	refuses 66 "many" cel show --store other many
	(cd other && find . | sort) | diff before -
	exits 0 cel gc --store other --dry-run --grace 0
	[[ "$output" == $'blocks\t0\t0\nsegments\t0\t0\n'* ]]
	add store 1
	exits 0 cel push -q words "$there:words" # control: a small one
	for bound in 0 64M; do
		forced --store "$BATS_TEST_TMPDIR/other" --no-index --max-push $bound
		exits 0 cel push -q many "$there:many-${bound,,}"
	done
}

@test "--max-fetch: more than that is refused, and nothing of it stays" {
	two_stores
	cel create -q --store other --dim 128 many
	rows -n 3000 -d 128 many.npy
	cel-build -q --no-index --store other --id-prefix x many many.npy # 1.5 MB
	(cd store && find . | sort) >before
	refuses 76 "--max-fetch" cel pull -q --max-fetch 1M many "$there:many"
	refuses 66 "many" cel show many
	refuses 76 "--max-fetch" cel pull -q --max-fetch 1M many ./other:many
	refuses 76 "--max-fetch" cel-merge -q --max-fetch 1M words "$there:many"
	refuses 76 "--max-fetch" cel-diff --max-fetch 1M words "$there:many"
	(cd store && find . | sort) | diff before -
	exits 0 cel gc --dry-run --grace 0
	[[ "$output" == $'blocks\t0\t0\nsegments\t0\t0\n'* ]]
	add other 1
	exits 0 cel pull -q --max-fetch 1M words "$there:words" # control: a small one
	exits 0 cel pull -q --max-fetch 0 many "$there:many"
	exits 64 cel pull --max-fetch much many "$there:many"

	# of a clone it is a bound for all collections together
	cel create -q --store other --dim 128 again
	rows -n 1500 -d 128 --seed 2 again.npy
	cel-build -q --no-index --store other --id-prefix y again again.npy
	refuses 76 "--max-fetch" cel clone -q --max-fetch 500K "$there" copy
	[ ! -e copy ]
	exits 76 cel clone --no-index --max-fetch 2M "$there" copy
	[[ $stderr == *"again: "*"fetched"*"--max-fetch"* ]]
	exits 0 cel clone -q --no-index --max-fetch 3M "$there" copy
	CEL_STORE=copy cel fsck
}

@test "wrong options of cel-serve" {
	two_stores
	refuses 64 "either --stdio or --socket PATH is needed" cel-serve --store other
	refuses 64 "exclude each other" cel-serve --store other --stdio --socket x
	refuses 64 "--store DIR is needed" cel-serve --stdio
	exits 64 cel-serve --stdio --store other --allow 'Words'
	exits 64 cel-serve --stdio --store other --allow 'words:w'
	exits 64 cel-serve --stdio --store other --max-push much
	exits 66 cel-serve --stdio --store nowhere
	exits 0 cel-serve --stdio --store other </dev/null # nobody came
	exits 76 cel-serve --stdio --store other <rows.jsonl
}

@test "no such host, no such command, no such store: each is told" {
	two_stores
	fake_ssh down 'echo "ssh: connect to host $host: No route to host" >&2; exit 255'
	use_ssh down
	exits 69 cel pull words "$there:words"
	[[ "$stderr" == "ssh: connect to host host: No route to host"*"cannot be reached"* ]]
	use_ssh here
	exits 69 cel pull --remote-command no-such-command words "$there:words"
	[[ "$stderr" == *"no-such-command"*"--remote-command"* ]]
	exits 66 cel pull words "host:/nowhere:words"
	[[ "$stderr" == *"/nowhere"* ]]
	CEL_SSH=/nowhere/ssh refuses 69 "CEL_SSH" cel pull words "$there:words"
	fake_ssh quiet 'exit 0'
	use_ssh quiet
	refuses 76 "is it cel-serve" cel pull words "$there:words"
}

@test "what is no cel-serve, and one of another version" {
	two_stores
	fake_ssh chatty 'echo Welcome to this host; exec sh -c "$command"'
	use_ssh chatty
	refuses 76 "Welcome" timeout 20 cel pull words "$there:words"
	fake_ssh newer 'sh -c "$command" | python3 -c "
import os
data = bytearray(os.read(0, 8))
at = data.index(b\"cel\") + 3
assert data[at] == 1
data[at] = 2
while data:
    os.write(1, data)
    data = os.read(0, 65536)
" 2>/dev/null'
	use_ssh newer
	refuses 76 "version 2" timeout 20 cel pull words "$there:words"
}

@test "--timeout: a host that says nothing, and one that stops in the middle" {
	two_stores
	add other 1 300
	fake_ssh silent 'exec sleep 20 3>&-'
	use_ssh silent
	local start took
	start=$(milliseconds)
	refuses 69 "no answer within 0.5 seconds" cel pull -q --timeout 0.5 words "$there:words"
	fake_ssh stops "exec python3 $CLI/cut.py stop 1500"' "$command" 3>&-'
	use_ssh stops
	refuses 75 "try again" cel pull -q --timeout 4 words "$there:words"
	took=$(($(milliseconds) - start))
	echo "took $took ms"
	[ $took -lt 60000 ]
	use_ssh here
	exits 0 cel pull -q --timeout 60 words "$there:words"
}

@test "cut in the middle, again and again: nothing is seen of it, and in the end all is there" {
	two_stores
	cel create -q --store other many --dim 128
	rows -n 3000 -d 128 many.npy
	cel-build -q --no-index --store other --id-prefix x many many.npy
	local cut got wanted
	fake_ssh cut "exec python3 $CLI/cut.py end"' "$CUT" "$command"'
	use_ssh cut
	for cut in 20 100 700 30000 500000; do
		got=0
		CUT=$cut cel pull -q --no-index many "$there:many" 2>said || got=$?
		cat said
		if [ "$cut" -eq 20 ]; then wanted=69; else wanted=75; fi # before it has greeted it was never there
		[ $got -eq $wanted ]
		refuses 66 "many" cel show many
	done
	use_ssh here
	exits 0 cel pull -q --no-index many "$there:many"
	[ "$(show_field many records)" -eq 3000 ]
	exits 0 cel fsck --read-data
}

@test "killed in the middle of a clone: the same command goes on, and need not fetch all again" {
	two_stores
	cel create -q --store other many --dim 128
	rows -n 6000 -d 128 many.npy
	cel-build -q --no-index --store other --id-prefix x many many.npy
	fake_ssh cut "exec python3 $CLI/cut.py end"' 700000 "$command"'
	use_ssh cut
	exits 75 cel clone -q --no-index "$there" new many
	[ -e new/data.mdb ]
	use_ssh here
	exits 0 cel clone --no-index "$there" new many
	[[ "$stderr" =~ ([0-9]+)" blocks fetched, "[1-9][0-9]*" parts of the tree had come before" ]]
	[ "${BASH_REMATCH[1]}" -lt 4000 ] # of 6132
	[ "$(cel show --store new many | sed -n 's/^records	//p')" -eq 6000 ]
	exits 0 cel fsck --store new --read-data
}

@test "--bwlimit" {
	two_stores
	rows -n 500 --seed 5 --prefix z more.jsonl
	cel-build -q --no-index --store other words more.jsonl
	local start took
	start=$(milliseconds)
	exits 0 cel pull -q --no-index --bwlimit 8K words "$there:words"
	took=$(($(milliseconds) - start))
	echo "took $took ms"
	[ $took -gt 500 ]
	same_commit store other
}

@test "a socket: for its owner alone, several clients, gone with its server" {
	two_stores
	cel-serve -q --socket ./socket --store other --allow words 3>&- &
	SERVER=$!
	for _ in {1..100}; do
		if [ -S socket ]; then break; fi
		sleep 0.02
	done
	[ "$(stat -c %a socket)" = 600 ]
	refuses 73 "socket" cel-serve --socket ./socket --store other
	add other 1
	exits 0 cel pull -q words ./socket:words
	same_commit store other
	add store 2
	exits 0 cel push -q words "$PWD/socket:words"
	same_commit store other
	refuses 77 "new" cel push -q words ./socket:new
	cel remote add -q near ./socket
	local i pids=()
	for i in {1..4}; do
		cel clone -q --no-index ./socket "copy$i" 3>&- &
		pids+=($!)
	done
	for i in "${pids[@]}"; do wait "$i"; done
	same_commit copy4 other
	exits 0 cel-diff -q words near:words
	kill "$SERVER"
	wait "$SERVER"
	SERVER=
	[ ! -e socket ]
	refuses 66 "socket" cel pull words ./socket:words
}
