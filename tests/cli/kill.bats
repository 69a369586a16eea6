# SPDX-License-Identifier: Apache-2.0
# kill -9 at random moments: see kill_sweep.py and merge_kill.py. In a file of its own because it takes the longest.
load helper

sweep() {
	python3 "$CLI/kill_sweep.py" "$BATS_TEST_TMPDIR/sweep" "$@" 2>&1 | sed 's/^/# /' >&3
	return "${PIPESTATUS[0]}"
}

@test "kill -9 at 180 random moments of a build with its index" { sweep 180; }

@test "kill -9 at 30 random moments of a build with a segment, sorted on disk" { sweep 30 --large; }

@test "kill -9 at 90 random moments of updates: upsert, delete, both in one, the whole set" { sweep 90 --updates; }

@test "kill -9 at 12 random moments of updates with a segment, sorted on disk" { sweep 12 --large --updates; }

merge_sweep() {
	python3 "$CLI/merge_kill.py" "$BATS_TEST_TMPDIR/sweep" "$@" 2>&1 | sed 's/^/# /' >&3
	return "${PIPESTATUS[0]}"
}

@test "kill -9 at 40 random moments of merges: of another store, of a patch" { merge_sweep 40; }

@test "kill -9 at 10 random moments of merges that bring a segment" { merge_sweep 10 --large; }

@test "control: a state that no merge makes is noticed" {
	run -1 python3 "$CLI/merge_kill.py" "$BATS_TEST_TMPDIR/sweep" 3 --control
	[[ $output == *"none of the states"* ]]
}

@test "control: a state that must not be is noticed" {
	run -1 python3 "$CLI/kill_sweep.py" "$BATS_TEST_TMPDIR/sweep" 3 --control
	[[ $output == *"none of the states"* ]]
}
