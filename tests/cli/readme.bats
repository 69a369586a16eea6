# SPDX-License-Identifier: Apache-2.0
# The main job of README.md as it stands there, line by line, in a directory with the files that it names. Its two commands
# at the top are run by tests/run.sh itself (stage quickstart).
load helper

README="$CLI/../../README.md"

prepare() {
	cp "$WORDS"/words.txt "$WORDS"/words.npy "$WORDS"/queries.npy .
	rows -n 3 -d 3 --metadata rows.jsonl
	rows -n 2 -d 100 --seed 5 queries.jsonl
	head -n 20 words.txt >gone.txt
}

# main_job FILE: the indented lines of the section
main_job() { sed -n '/^## The main job$/,/^`--store`/s/^    //p' "$1"; }

run_lines() {
	local line n=0
	while IFS= read -r line; do
		n=$((n + 1))
		if ! bash -c "set -e -o pipefail; $line" </dev/null >>out 2>>err; then
			echo "failed: $line"
			tail -n 3 err
			return 1
		fi
	done
	echo "$n lines ran"
}

@test "the main job" {
	run run_lines < <(main_job "$README")
	echo "$output"
	[ "$status" -eq 0 ]
	[ "${output%% *}" -ge 10 ]
	grep -q "^king	1	prince	" out
	[ "$(cel show --store store words | sed -n 's/^records	//p')" -eq 3980 ]
}

@test "control: a line that fails is noticed" {
	sed 's/--dim 100/--dim 99/' "$README" >other.md
	run run_lines < <(main_job other.md)
	[ "$status" -ne 0 ]
	[[ "$output" == "failed: cel-build "* ]]
}
