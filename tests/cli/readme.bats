# SPDX-License-Identifier: Apache-2.0
# The main job of README.md and its history as they stand there, line by line, in a directory with the files that they name.
# A line whose remark says "exit status 1" must end so. The two commands at the top are run by tests/run.sh itself (stage
# quickstart).
load helper

README="$CLI/../../README.md"

prepare() {
	cp "$WORDS"/words.txt "$WORDS"/words.npy "$WORDS"/queries.npy .
	rows -n 3 -d 3 --metadata rows.jsonl
	rows -n 2 -d 100 --seed 5 queries.jsonl
	head -n 20 words.txt >gone.txt
}

# section NAME FILE: its indented lines
section() { sed -n "/^## $1\$/,/^## /s/^    //p" "$2"; }

run_lines() {
	local line wanted got n=0
	while IFS= read -r line; do
		n=$((n + 1))
		wanted=0 got=0
		[[ $line != *"exit status 1"* ]] || wanted=1
		bash -c "set -e -o pipefail; $line" </dev/null >>out 2>>err || got=$?
		if [ "$got" -ne "$wanted" ]; then
			echo "failed: $line"
			tail -n 3 err
			return 1
		fi
	done
	echo "$n lines ran"
}

@test "the main job" {
	run run_lines < <(section "The main job" "$README")
	echo "$output"
	[ "$status" -eq 0 ]
	[ "${output%% *}" -ge 10 ]
	grep -q "^king	1	prince	" out
	[ "$(cel show --store store words | sed -n 's/^records	//p')" -eq 3980 ]
}

@test "history" {
	run run_lines < <(section "The main job" "$README"; section History "$README")
	echo "$output"
	[ "$status" -eq 0 ]
	[ "${output%% *}" -ge 24 ]
	[ "$(cel show --store store words | sed -n 's/^records	//p')" -eq 3980 ]
	[ "$(cel show --store other words | sed -n 's/^records	//p')" -eq 3975 ]
}

@test "between hosts" {
	printf '#!/bin/sh\nexec sh -c "$2"\n' >here
	chmod +x here
	export CEL_SSH="$PWD/here"
	run run_lines < <(section "The main job" "$README"; section "Between hosts" "$README")
	echo "$output"
	[ "$status" -eq 0 ]
	[ "${output%% *}" -ge 17 ]
	[ "$(cel show --store store words | sed -n 's/^records	//p')" -eq 3975 ]
}

@test "control: a line that fails is noticed" {
	sed 's/--dim 100/--dim 99/' "$README" >other.md
	run run_lines < <(section "The main job" other.md)
	[ "$status" -ne 0 ]
	[[ "$output" == "failed: cel-build "* ]]
}
