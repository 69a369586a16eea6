# SPDX-License-Identifier: Apache-2.0
# Rows come in by io_uring or read(2), parsed by one thread or many: the tree is the same.
load helper

# large enough for a ring to be used unasked (4 MiB), and for many pieces
prepare() {
	make_store
	rows -n 6000 -d 256 --metadata --seed 4 base.npy base.jsonl base.ids
	[ "$(stat -c %s base.npy)" -gt 5000000 ]
	make_collection npy --dim 256
	cel-build -q --no-index --ids base.ids npy base.npy
	make_collection jsonl --dim 256
	cel-build -q --no-index jsonl base.jsonl
}

# same_tree COLLECTION ARGUMENT...: a new collection of these has the tree of COLLECTION
same_tree() {
	local wanted=$1
	shift
	make_collection same --dim 256
	cel-build -q --no-index "$@"
	[ "$(tree_of same)" = "$(tree_of "$wanted")" ]
	cel delete -q same
}

@test "io_uring refused at init, at registration, at the first read, at a later one: the same tree" {
	local errno at
	for at in 1:38 1:1 2:12 3:22 3:95 6:5; do
		CEL_FAULT=uring:$at same_tree npy --ids base.ids same base.npy
		CEL_FAULT=uring:$at same_tree jsonl same base.jsonl
	done
	# control: a ring that may not be done without tells that it was refused, so the faults above were met
	make_collection control --dim 256
	for at in 1:38 2:12 3:22; do
		CEL_IO=uring CEL_FAULT=uring:$at exits 69 cel-build control --no-index base.jsonl
		[[ "$stderr" == *io_uring* ]]
	done
}

@test "any number of threads, files and pipes, with a bad row in the middle" {
	local jobs
	for jobs in 1 2 3 8; do
		same_tree jsonl -j "$jobs" same base.jsonl
		cat base.jsonl | same_tree jsonl -j "$jobs" same -
	done
	sed '4000s/"vector": *\[/&null, /' base.jsonl >bad.jsonl
	sed 4000d base.jsonl >good.jsonl
	make_collection good --dim 256
	cel-build -q --no-index good good.jsonl
	for jobs in 1 4; do
		make_collection bad --dim 256
		exits 65 cel-build -j "$jobs" --no-index bad bad.jsonl
		[[ "$stderr" == *"bad.jsonl: line 4000: id \"r3999\": element 1 of the vector is no number"* ]]
		exits 0 cel-build -j "$jobs" --no-index --skip-bad bad bad.jsonl
		[[ "$stderr" == *"line 4000"* ]]
		[ "$(tree_of bad)" = "$(tree_of good)" ]
		cel delete -q bad
	done
}

@test "rows of a table over many pieces, with ends of line within quotes" {
	python3 - <<-'END'
		import csv, json
		with open("base.jsonl") as lines, open("base.csv", "w", newline="") as out:
		    rows = csv.writer(out)
		    rows.writerow(["id", "vector", "note"])
		    for i, line in enumerate(lines):
		        row = json.loads(line)
		        rows.writerow([row["id"], row["vector"], "two\nlines, \"%d\"" % i])
	END
	make_collection csv --dim 256
	cel-build -q --no-index -j 1 csv base.csv
	same_tree csv -j 4 same base.csv
	cat base.csv | same_tree csv -j 4 same --format csv -
	[ "$(cel export csv | grep -c 'two\\nlines, \\"')" -eq 6000 ]
}
