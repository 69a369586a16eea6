# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2094 # names of commands and of files
# cel stat: counts against what the files say, deep figures against tests/cli/stat.py, which reads the blocks by itself.
load helper

prepare() {
	make_store
}

# field KEY, from lines on standard input
field() { awk -F '\t' -v key="$1" '$1 == key { print $2 }'; }
# json EXPRESSION [FILE...]: of the objects `r` on standard input
json() { python3 -c 'import json, sys
r = json.load(sys.stdin)
print(eval(sys.argv[1]))' "$1"; }

# A history whose trees share much: linked vectors, linked and inline metadata, equal vectors, a branch and a merge.
history() {
	cel create -q --dim 100 a
	python3 -c '
import json, random
s = random.Random(3)
for i in range(1500):
    print(json.dumps({"id": "r%04d" % i, "vector": [s.randrange(50) for _ in range(100)] if i % 10 else [1] * 100,
        "metadata": {"t": "x" * (400 if i % 7 == 0 else 5)} if i % 3 else None}))' | cel-build -q a
	cel create -q b --from a
	printf '{"id":"new","vector":%s}\n' "[$(seq -s, 100)]" | cel-build -q --no-index b
	printf '{"id":"r0500","vector":%s}\n' "[$(seq -s, 100)]" | cel-build -q --no-index a
	cel-merge -q --no-index a b
	printf 'r0001\n' | cel-build -q --no-index --delete - a
	cel create -q --dim 3 --metric cosine small
	printf '{"id":"x","vector":[1,2,3]}\n' | cel-build -q small
}

@test "stat: what a store takes, as the files say" {
	history
	cel create -q --dim 1000 wide
	rows -n 1200 -d 1000 wide.npy wide.ids
	cel-build -q --no-index --ids wide.ids wide wide.npy
	[ "$(find store/segments -name '*.car' | wc -l)" -eq 1 ]
	cel stat >out
	[ "$(field path <out)" = "$CEL_STORE" ]
	[ "$(field data.bytes <out)" -eq "$(stat -c %s store/data.mdb)" ]
	[ $(($(field data.used <out) + $(field data.free <out))) -le "$(field data.bytes <out)" ]
	[ "$(field segments.files <out)" -eq "$(find store/segments -name '*.car' | wc -l)" ]
	[ "$(field segments.bytes <out)" -eq "$(cat store/segments/*.car | wc -c)" ]
	[ "$(field indexes.files <out)" -eq 2 ]
	[ "$(field indexes.bytes <out)" -eq "$(cat store/index/*.hnsw | wc -c)" ]
	[ "$(field data.blocks <out)" -eq "$(python3 "$CLI/blocks.py" store | grep -c data.mdb)" ]
	[ "$(field writing <out)" = no ]
	[ "$(field history.commits <out)" -eq "$(cel log --all | wc -l)" ]
	[ "$(grep ^collection out | cut -f 2,3 | tr '\n' ' ')" = $'a\t1500 b\t1501 small\t1 wide\t1200 ' ]
	run ! grep -q '^reader' out
	cel-query a --filter '.t != null' -k 1 --by-id r0002 >/dev/null
	[ "$(cel stat | field filters.files)" -eq 1 ]
	cel stat --json | json '(r["data"]["bytes"], r["collections"][2]["name"], r["readers"], r["leases"])' >json
	[ "$(cat json)" = "($(field data.bytes <out), 'small', [], [])" ]
}

@test "stat: deep figures are those of the blocks" {
	history
	local rev commit
	for rev in a b small; do
		commit=$(commit_of $rev)
		cel log --json $rev >log
		python3 "$CLI/stat.py" store log "$commit" >wanted
		cel stat --deep --json $rev >found
		python3 - <<-'END'
			import json
			w, f = json.load(open("wanted")), json.load(open("found"))
			n, h = f["nodes"], f["history"]
			got = {"commits": h["commits"], "trees": h["trees"], "own": h["own"], "logical": h["logical"], "stored": h["stored"],
			       "records": f["records"], "leaves": n["leaves"], "count": n["count"], "height": n["height"],
			       "node_bytes": n["bytes"], "distinct": f["vectors"]["distinct"], "with_metadata": f["metadata"]["records"],
			       "metadata_bytes": f["metadata"]["bytes"], "value_blocks": f["values"]["blocks"], "value_bytes": f["values"]["bytes"]}
			assert got == w, {k: (got[k], w[k]) for k in w if got[k] != w[k]}
			assert abs(h["dedup"] - h["logical"] / h["stored"]) < 1e-4 * h["dedup"]
		END
	done
	cel stat --json a | json '(r["records"], r["nodes"]["leaves"], r["nodes"]["count"], r["nodes"]["height"])' >shallow
	cel stat --json --deep a | json '(r["records"], r["nodes"]["leaves"], r["nodes"]["count"], r["nodes"]["height"])' | cmp - shallow
	cel log --all --json >log
	python3 "$CLI/stat.py" store log | json '(r["commits"], r["logical"], r["stored"])' >wanted
	cel stat --deep --json | json '(r["history"]["commits"], r["history"]["logical"], r["history"]["stored"])' | cmp - wanted
	# the control: a commit more and the figures are others
	cel log --json a~0 | tail -n +2 >log
	python3 "$CLI/stat.py" store log | json '(r["commits"], r["logical"], r["stored"])' >other
	run ! cmp -s other wanted
}

@test "stat: what nothing leads to is garbage, once the grace is over" {
	history
	[ "$(cel stat --deep | field garbage.bytes)" -eq 0 ]
	cel stat --deep | field history.stored >before
	cel forget -q --keep-last 1 a b
	[ "$(cel stat --deep | field garbage.bytes)" -gt 0 ]
	[ "$(cel stat --deep a | field history.trees)" -lt "$(cel stat --deep a | field history.commits)" ]
	[ "$(cel stat --deep | field history.stored)" -lt "$(cat before)" ]
	cel gc -q --grace 0
	[ "$(cel stat --deep | field garbage.bytes)" -eq 0 ]
}

@test "stat: the state of the index" {
	make_collection c
	rows -n 2000 one.jsonl
	[ "$(cel stat c | field index.state)" = none ]
	cel-build -q c one.jsonl
	cel stat c >out
	[ "$(field index.state <out)" = canonical ]
	[ "$(field index.files <out)" -eq 1 ]
	[ "$(field index.bytes <out)" -eq "$(stat -c %s "$(index_file c)")" ]
	[ "$(field records <out)" -eq 2000 ]
	[ "$(field vectors.bytes <out)" -eq 128000 ]
	[ "$(field schema.dim <out)" -eq 16 ]
	[ "$(grep -c ^index.recall out)" -gt 1 ]
	grep ^index.recall out | awk -F '\t' '$2 <= ef || $3 < 0.5 || $3 > 1 || $4 != 100 { exit 1 } { ef = $2 }'
	rows -n 3 --seed 9 two.jsonl
	cel-build -q --no-index c two.jsonl
	cel stat c >out
	[ "$(field index.state <out)" = near ]
	[ "$(field index.files <out)" -eq 0 ]
	[ "$(field index.added <out)" -eq 3 ]
	[ "$(field index.of <out)" = "$(commit_of c~1)" ]
	cel stat c~1 c | field rev | tr '\n' ' ' | grep -qx "c~1 c "
	refuses 66 "nosuch" cel stat nosuch
	exits 0 cel stat --json c c~1
	is_json_lines <<<"$output"
}

@test "stat: readers, dead readers, a writer" {
	make_collection c
	local pid
	python3 "$CLI/hold_reader.py" store 60 >held &
	pid=$!
	for _ in {1..100}; do grep -q held held && break; kill -0 $pid 2>/dev/null || break; sleep 0.1; done
	grep -q held held || skip "no liblmdb.so.0"
	cel stat >out
	[ "$(grep ^reader out | cut -f 2,4,5)" = "$pid	yes	0" ]
	[ "$(date -d "$(grep ^reader out | cut -f 3)" +%s)" -le "$(date +%s)" ]
	[ "$(date -d "$(grep ^reader out | cut -f 3)" +%s)" -ge $(($(date +%s) - 60)) ]
	cel create -q --dim 2 d
	[ "$(cel stat | grep ^reader | cut -f 5)" -ge 1 ]
	[ "$(cel stat --json | json 'r["readers"][0]["pid"]')" = "$pid" ]
	python3 "$CLI/hold_reader.py" store 60 >held2 & # or the next who comes begins a new table
	local other=$!
	for _ in {1..100}; do grep -q held held2 && break; sleep 0.1; done
	[ "$(cel stat | grep -c ^reader)" -eq 2 ]
	kill -9 $pid
	wait $pid || true
	[ "$(cel stat | field stale_readers)" -eq 1 ]
	[ "$(cel stat | field stale_readers)" -eq 0 ]
	[ "$(cel stat | grep ^reader | cut -f 2)" = $other ]
	kill $other
	python3 "$CLI/hold_lock.py" store 60 >held &
	pid=$!
	for _ in {1..100}; do grep -q held held && break; sleep 0.1; done
	[ "$(cel stat | field writing)" = yes ]
	kill $pid
}

@test "stat: a damaged segment is named" {
	cel create -q --dim 1000 wide
	rows -n 1200 -d 1000 wide.jsonl
	cel-build -q --no-index wide wide.jsonl
	exits 0 cel stat --deep wide
	truncate -s 1000 store/segments/*.car
	exits 74 cel stat
	is_one_line "$stderr" "cel stat: " ".car"
}

@test "stat --plot: figures, and a picture of them" {
	cel create -q --dim 100 --metric cosine words
	cel-build -q words --ids "$WORDS/words.txt" "$WORDS/words.npy"
	cel stat --plot p.svg --queries "$WORDS/queries.npy" words >tsv
	python3 "$CLI/chart.py" p.svg tsv
	cel stat --plot p.html --sample 50 -k 5 words >tsv
	python3 "$CLI/chart.py" p.html tsv
	grep -q "recall@5" p.html
	grep -q "50 stored records asked" p.html
	[ "$(grep -c '<tr><td>' p.html)" -eq "$(wc -l <tsv)" ]
	awk -F '\t' '$2 < 0.5 || $2 > 1 || $3 <= 0 || $4 <= 0 || $5 < $4 { exit 1 }' tsv
	[ "$(tail -n 1 tsv | cut -f 1,2)" = "exact	1.0000" ]
	[ "$(head -n -1 tsv | cut -f 1 | sort -n)" = "$(head -n -1 tsv | cut -f 1)" ]
	# the control: a point that is elsewhere
	sed '0,/cy="/s//cy="9/' p.html >bad.html
	run ! python3 "$CLI/chart.py" bad.html tsv
	cel stat --json --plot p.svg --sample 20 words | is_json_lines
}

@test "stat --plot: the recall is that of the answers" {
	make_collection c
	rows -n 3000 one.jsonl
	rows -n 100 --seed 5 q.jsonl
	cel-build -q c one.jsonl
	cel stat --plot p.svg --queries q.jsonl c >tsv
	cel-query c --exact -k 10 q.jsonl | cut -f 1,2,4 | awk '$2 == 10 { print $1, $3 }' >tenth
	local ef
	for ef in 10 16; do
		cel-query c --ef $ef -k 10 q.jsonl | cut -f 1,4 |
			awk 'NR == FNR { last[$1] = $2; next } { n += $2 <= last[$1] } END { printf "%.4f\n", n / 1000 }' tenth - >recall
		[ "$(awk -v ef=$ef '$1 == ef { print $2 }' tsv)" = "$(cat recall)" ]
	done
}

@test "stat --plot: what it refuses" {
	make_collection c
	rows -n 600 one.jsonl
	cel-build -q --no-index c one.jsonl
	refuses 69 "index" cel stat --plot p.svg c
	[ ! -e p.svg ]
	cel index -q c
	refuses 64 "--plot" cel stat --sample 5 c
	exits 64 cel stat --plot p.svg
	refuses 64 "--deep" cel stat --plot p.svg --deep c
	refuses 66 "none.npy" cel stat --plot p.svg --queries none.npy c
	exits 73 cel stat --plot no/p.svg --sample 5 c
	is_one_line "$stderr" "no/p.svg"
	exits 74 cel stat --plot /dev/full --sample 5 c
	make_collection empty
	cel index -q empty
	exits 65 cel stat --plot p.svg empty || [ "$status" -eq 69 ]
}
