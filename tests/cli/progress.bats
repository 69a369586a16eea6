# SPDX-License-Identifier: Apache-2.0
# Long work shows itself: the line on a terminal, SIGUSR1, -v, --stats-json; and what signals that end it leave behind.
load helper

prepare() {
	make_store
	make_collection c
}

on_terminal() { python3 "$CLI/terminal.py" "$@"; }

# field FILE EXPRESSION: of a JSON object, as Python prints it
field() { python3 -c 'import json, sys; o = json.load(open(sys.argv[1])); print(eval(sys.argv[2]))' "$1" "$2"; }

# ask_until PHASE PID LOG: sends SIGUSR1 until an answer names the phase
ask_until() {
	until grep -q cel-build "/proc/$2/comm"; do sleep 0.05; done
	sleep 0.1 # until it has its handlers
	for _ in $(seq 200); do
		kill -USR1 "$2" || return 1
		sleep 0.05
		grep -q "^cel-build: $1" "$3" && return 0
	done
	return 1
}

@test "a line on a terminal: cut to its width, cleared at the end, without escape sequences" {
	rows -n 6000 slow.jsonl
	on_terminal 50 1.3 slow.jsonl cel-build --no-index c - >seen
	grep -q 'cel-build: read [0-9]* rows' seen
	grep -q 'cel-build: c: 6000 added' seen
	run -1 grep -q $'\033' seen
	python3 - seen <<'END'
import sys
text = open(sys.argv[1], newline="").read()
lines = text.split("\r")
shown = [l for l in lines if "read" in l and "\n" not in l]
assert shown and all(len(l) <= 49 for l in shown), shown
before = text[: text.index("cel-build: c: 6000 added")]
assert before.endswith("\r") and before.rstrip("\r").split("\r")[-1].strip() == "", before[-200:]
END
	NO_COLOR=1 TERM=dumb on_terminal 80 1.2 slow.jsonl cel-build --no-index --replace c - >seen
	grep -q 'cel-build: read' seen
	run -1 grep -q $'\033' seen
}

@test "no line: with -q, and where stderr is no terminal" {
	rows -n 3000 slow.jsonl
	on_terminal 80 1.2 slow.jsonl cel-build -q --no-index c - >seen
	[ ! -s seen ]
	{ head -n 2000 slow.jsonl; sleep 1.2; tail -n 1000 slow.jsonl; } | cel-build --no-index --replace c - 2>err
	is_one_line "$(cat err)" "cel-build: c: "
}

@test "SIGUSR1: a line at once, also with -q and while a read waits; the work goes on" {
	rows -n 3000 slow.jsonl
	mkfifo pipe
	cel-build -q --no-index c - <pipe 2>err &
	local pid=$!
	exec 7>pipe
	head -n 2000 slow.jsonl >&7
	ask_until "read" $pid err
	tail -n 1000 slow.jsonl >&7
	exec 7>&-
	wait $pid
	run -1 grep -v -E '^cel-build: (read [0-9]+ rows, [0-9.]+ [KM]?B|at work for 0:0)' err
	[ "$(cel get --ids-only c | wc -l)" -eq 3000 ] || [ "$(cel list | cut -f 2)" = 3000 ]
}

@test "SIGUSR1 ends no command" {
	local command
	mkfifo pipe
	rows -n 20 few.jsonl
	cel-build -q c few.jsonl
	for command in "cel get c -" "cel-query -k 1 c -" "cel-merge --patch - c"; do
		echo "$command"
		$command <pipe >out 2>err &
		local pid=$!
		exec 7>pipe
		sleep 0.2
		kill -USR1 $pid
		sleep 0.2
		kill -0 $pid
		[ "$(grep -c '^cel' err)" -eq 1 ]
		exec 7>&-
		wait $pid || true
	done
}

@test "-v: phases and what was chosen" {
	rows -n 500 rows.npy
	exits 0 cel-build -v --id-prefix r c rows.npy
	[ -z "$output" ]
	local word
	for word in "read: 500 rows, " "sort: " "tree: 500 rows, " "commit: " "index: 500 records" "of npy by read" "nodes read" "index: built" "kernels: "; do
		[[ $stderr == *"$word"* ]] || { echo "no '$word' in: $stderr"; return 1; }
	done
	CEL_IO=uring cel-build -v --replace --id-prefix r c rows.npy 2>err && grep -q "by io_uring" err || grep -q "io_uring" err
	exits 0 cel-build -qv --replace --id-prefix x c rows.npy
	[ -z "$stderr" ]
}

@test "--stats-json: of a run that did its work, and of one that failed" {
	rows -n 500 rows.npy
	rows -n 50 --seed 2 queries.npy
	cel-build -q --id-prefix r --stats-json stats c rows.npy
	[ "$(field stats 'o["command"], o["status"], o["error"]')" = "('cel-build', 0, None)" ]
	[ "$(field stats '[p["phase"] for p in o["phases"]]')" = "['read', 'sort', 'tree', 'commit', 'index']" ]
	[ "$(field stats 'o["phases"][0]["done"], o["phases"][0]["bytes"], o["format"], o["index"]')" = "(500, $(stat -c %s rows.npy), 'npy', 'built')" ]
	[ "$(field stats 'o["result"]["added"], o["result"]["commit"]')" = "(500, '$(commit_of c)')" ]
	[ "$(field stats 'o["seconds"] >= sum(p["seconds"] for p in o["phases"]) and o["peak_rss"] > o["peak_rss_anon"] > 0')" = True ]
	[ "$(field stats 'o["arguments"][:2]')" = "['-q', '--id-prefix']" ]
	exits 64 cel-build -q --stats-json stats c queries.npy
	[ "$(field stats 'o["status"], o["result"]')" = "(64, None)" ]
	[[ $stderr == *"$(field stats 'o["error"]')"* ]]
	cel-query --ef 50 --stats-json stats c queries.npy >out
	[ "$(field stats 'o["result"]["queries"], o["result"]["method"], o["result"]["ef"], o["result"]["k"]')" = "(50, 'graph', 50, 10)" ]
	[ "$(field stats '0 < o["result"]["latency_seconds"]["p50"] <= o["result"]["latency_seconds"]["p99"] <= o["result"]["latency_seconds"]["most"]')" = True ]
	cel get --stats-json stats -q c r1 r2 none >out || true
	[ "$(field stats 'o["result"], o["status"]')" = "({'records': 2}, 1)" ]
	cel forget --stats-json stats -qn --keep-last 1 c >out
	[ "$(field stats 'o["result"]["kept"] + o["result"]["forgotten"]')" -eq "$(cel log c | wc -l)" ]
	local command
	for command in "cel-diff c~1 c" "cel-diff --stat c~1 c" "cel-merge c c" "cel index c" "cel fsck" "cel gc" "cel export c" \
		"cel get c r1" "cel get c --sample 3" "cel stat" "cel stat c" "cel forget c --keep-last 1" \
		"cel clone store new" "cel push c ./new:c" "cel pull c ./new:c"; do
		echo "$command"
		rm -f stats
		exits "$([[ $command == cel-diff* ]] && echo 1 || echo 0)" $command --stats-json stats -q
		[ "$(field stats 'o["version"]')" = "$(cel --version | sed -n '1s/.*) //p')" ]
	done
}

@test "--stats-json: files that are none" {
	rows -n 5 rows.jsonl
	refuses 64 "needs a file" cel-build --stats-json - c rows.jsonl
	refuses 73 "none/stats" cel-build --stats-json none/stats c rows.jsonl
	cel-build -q --stats-json /dev/stderr c rows.jsonl 2>err
	[ "$(field err 'o["status"]')" = 0 ]
	[ -w /dev/full ] || skip "no /dev/full"
	exits 74 cel-build -q --replace --stats-json /dev/full c rows.jsonl
}

@test "SIGINT, SIGTERM, SIGHUP while the index is built: ended by the signal, no half a file" {
	rows -n 60000 -d 16 rows.npy # whose index takes longer than it takes to send a signal
	local signal before
	for signal in INT TERM HUP; do
		before=$(ls store/index store/cache)
		# an interactive shell's job: & alone would ignore SIGINT, and nohup SIGHUP
		python3 -c 'import os, signal, sys
for number in signal.SIGINT, signal.SIGTERM, signal.SIGHUP:
    signal.signal(number, signal.SIG_DFL)
os.execvp(sys.argv[1], sys.argv[1:])' cel-build --replace --id-prefix $signal c rows.npy 2>err &
		local pid=$! status=0
		ask_until "index" $pid err
		kill -$signal $pid
		wait $pid || status=$?
		[ "$status" -eq $((128 + $(kill -l $signal))) ]
		[ "$(ls store/index store/cache)" = "$before" ]
		[ -z "$(ls store/tmp 2>/dev/null)" ]
	done
	exits 0 cel fsck
}

@test "SIGTERM while sorting from a pipe that gives nothing: temporary files are gone, the store is as it was" {
	rows -n 20000 -d 16 rows.jsonl
	local before part
	before=$(commit_of c)
	mkfifo pipe
	cel-build --memory 8M -j 1 --no-index c - <pipe 2>err &
	local pid=$! status=0
	exec 7>pipe
	for part in $(seq 8); do sed "s/\"id\":\"/&$part/" rows.jsonl >&7 || { cat err; return 1; }; done
	ask_until "read" $pid err
	[ -n "$(ls store/tmp)" ]
	kill -TERM $pid
	wait $pid || status=$?
	exec 7>&-
	[ "$status" -eq 143 ]
	[ -z "$(ls store/tmp)" ]
	[ "$(commit_of c)" = "$before" ]
	exits 0 cel fsck
}
