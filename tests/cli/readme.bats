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

@test "CSV in, answers out" {
	needs_debian_package python3-vega-datasets
	run run_lines < <(section "CSV in, answers out" "$README")
	echo "$output"
	[ "$status" -eq 0 ]
	[ "${output%% *}" -ge 15 ]
	# What the remarks say is what came out, and so is what the file says.
	grep -q "^SFO	1	HAF	16.14295$" out
	grep -q "^SFO	2	SQL	16.24628$" out
	grep -q "^-	HAF$" out
	grep -q "^~	SQL	-	~name$" out
	[ "$(grep -c '^SFO	1	HAF' out)" -eq 2 ]
	[ "$(wc -l <airports.jsonl)" -eq 3375 ]
	python3 - <<-'END'
		import csv, math
		def kilometres(a, b):
		    (p, q), (r, s) = (tuple(map(math.radians, x)) for x in (a, b))
		    h = math.sin((r - p) / 2) ** 2 + math.cos(p) * math.cos(r) * math.sin((s - q) / 2) ** 2
		    return 2 * 6371.0088 * math.asin(math.sqrt(h))
		rows = list(csv.DictReader(open("airports.csv")))
		answers = [line.split("\t") for line in open("out")]
		for place in csv.DictReader(open("places.csv")):
		    for state in None, "NV":
		        near = sorted((kilometres([float(x[k]) for k in ("latitude", "longitude")],
		                                  [float(place[k]) for k in ("latitude", "longitude")]), x["iata"])
		                      for x in rows if state in (None, x["state"]))[:3]
		        got = [a for a in answers if a[0] == place["id"]][3 * (state is not None):][:3]
		        assert [a[2] for a in got] == [iata for _, iata in near], (got, near)
		        assert all(abs(float(a[3]) - d) < 0.01 for a, (d, _) in zip(got, near)), (got, near)
	END
}

@test "the main job" {
	run run_lines < <(section "The main job" "$README")
	echo "$output"
	[ "$status" -eq 0 ]
	[ "${output%% *}" -ge 10 ]
	grep -q "^king	1	prince	" out
	[ "$(cel show --store store words | sed -n 's/^records	//p')" -eq 3980 ]
}

@test "looking around" {
	run run_lines < <(section "The main job" "$README"; section "Looking around" "$README")
	echo "$output"
	[ "$status" -eq 0 ]
	[ "${output%% *}" -ge 18 ]
	[ "$(grep -c "^king	1	prince	" out)" -eq 2 ]
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
