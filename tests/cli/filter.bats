# SPDX-License-Identifier: Apache-2.0
# Answers from some of the records: --filter, --prefix, --radius; what a filter may say, and how long.
load helper

prepare() {
	make_store
	[ -x "$(dirname "$(command -v cel)")/../libexec/celestica/match-metadata" ] || skip "built without jq"
}

# make_set N [OPTION]...: base.jsonl with metadata for all but every 5th row; 9 queries
make_set() {
	local n=$1
	shift
	rows -n "$n" plain.jsonl
	rows -n 9 --seed 2 --prefix q queries.jsonl
	python3 - >base.jsonl <<-'END'
		import json
		for i, line in enumerate(open("plain.jsonl")):
		    row = json.loads(line)
		    if i % 5:
		        row["metadata"] = {"n": i, "even": i % 2 == 0, "name": "é%d" % i}
		    print(json.dumps(row))
	END
	make_collection c "$@"
	cel-build -q c base.jsonl
}

# subset EXPRESSION: of base.jsonl the rows for which this Python expression over m (a dict or None) and id holds
subset() {
	python3 -c 'import json, sys
for line in open("base.jsonl"):
    row = json.loads(line)
    if eval(sys.argv[1], {"m": row.get("metadata"), "id": row["id"]}): print(line, end="")' "$1"
}

@test "a filter's answers are those of the set of its records: by tree, scan and graph, every metric" {
	local metric
	make_set 2500
	for metric in l2 ip cosine; do
		cel create -q --dim 16 --metric $metric $metric
		cel-build -q $metric base.jsonl
		subset 'm and m["n"] % 7 == 0' >some.jsonl
		cel-query -v --exact --filter '.n and .n % 7 == 0' $metric queries.jsonl >scan.tsv 2>how
		grep -q "by scan" how && grep -q "286 of 2500 records" how
		nearest $metric 10 some.jsonl queries.jsonl scan.tsv
		cel-query -v --ef 60 --filter '.n and .n % 7 == 0' $metric queries.jsonl >graph.tsv 2>how
		grep -q "by graph" how && grep -q "evaluated before" how
		nearest $metric 10 some.jsonl queries.jsonl graph.tsv --recall 0.9
		rm store/index/*
		cel-query -v --filter '.n and .n % 7 == 0' $metric queries.jsonl >tree.tsv 2>how
		grep -q "by tree" how
		cmp scan.tsv tree.tsv
	done
}

@test "control: the comparison notices a filter that was not asked for" {
	make_set 300
	subset 'm and m["even"]' >some.jsonl
	cel-query --filter .even c queries.jsonl >good.tsv
	nearest l2 10 some.jsonl queries.jsonl good.tsv
	cel-query c queries.jsonl >all.tsv
	run ! nearest l2 10 some.jsonl queries.jsonl all.tsv
}

@test "always k answers when there are k, fewer when there are fewer, exit 1 when there are none" {
	make_set 3000
	[ "$(cel-query --ef 10 -k 10 --filter '.n == 7 or .n == 9 or .n == 1201' c queries.jsonl | wc -l)" -eq 27 ]
	[ "$(cel-query --ef 10 -k 3 --filter '.n == 7 or .n == 9 or .n == 1201' c queries.jsonl | wc -l)" -eq 27 ]
	[ "$(cel-query --ef 10 -k 2 --filter '.n == 7 or .n == 9 or .n == 1201' c queries.jsonl | wc -l)" -eq 18 ]
	exits 1 cel-query --filter '.n == -1' c queries.jsonl
	[ -z "$output" ]
	exits 1 cel-query --filter '.n == -1' --ef 10 c queries.jsonl
	exits 1 cel-query --prefix nosuch c queries.jsonl
	[ "$(cel-query --json --filter 'false' c queries.jsonl | grep -c '"hits":\[\]')" -eq 9 ]
}

@test "--prefix is a range of ids, --filter and --prefix go together, \$id is the id" {
	make_set 1200
	subset 'id.startswith("r11")' >some.jsonl
	cel-query --prefix r11 c queries.jsonl >prefix.tsv
	nearest l2 10 some.jsonl queries.jsonl prefix.tsv
	cel-query --filter '$id | startswith("r11")' c queries.jsonl | cmp - prefix.tsv
	subset 'id.startswith("r11") and m and m["even"]' >some.jsonl
	cel-query --prefix r11 --filter .even c queries.jsonl >both.tsv
	nearest l2 10 some.jsonl queries.jsonl both.tsv
	cel-query -v --filter .even c queries.jsonl >/dev/null
	cel-query -v --prefix r11 --filter .even c queries.jsonl 2>how | cmp - both.tsv
	grep -q "evaluated before" how
	cel-query --prefix '' c queries.jsonl | cmp - <(cel-query c queries.jsonl)
	rm store/index/*
	cel-query --prefix r11 --filter .even c queries.jsonl | cmp - both.tsv
}

@test "revs without an index of their own: the overlay is filtered, too" {
	make_set 2000
	rows -n 60 --seed 3 --prefix s more.jsonl
	sed 's/}$/,"metadata":{"n":1}}/' more.jsonl >new.jsonl
	sed -n '1,40p' base.jsonl | sed 's/"vector": \[[^,]*,/"vector": [0.125,/; s/"metadata": {/"metadata": {"x": 1, /' >>new.jsonl
	printf 'r%d\n' 100 101 102 103 >gone
	cel-build -q --no-index --delete gone c new.jsonl
	local filter='.n and .n % 2 == 1'
	cel-query -v --filter "$filter" c queries.jsonl >over.tsv 2>how
	cel-query -v --exact --filter "$filter" c queries.jsonl >scan.tsv
	cel-query -v --ef 50 --filter "$filter" c queries.jsonl >graph.tsv

	cel export --filter "$filter" c >some.jsonl
	[ "$(wc -l <some.jsonl)" -gt 800 ]
	nearest l2 10 some.jsonl queries.jsonl scan.tsv
	nearest l2 10 some.jsonl queries.jsonl over.tsv --recall 0.9
	nearest l2 10 some.jsonl queries.jsonl graph.tsv --recall 0.9
	rm store/index/*
	cel-query -v --filter "$filter" c queries.jsonl 2>how | cmp - scan.tsv
	grep -q "by tree" how
}

@test "--radius: all within the printed distance, and no others" {
	make_set 3000
	cel-query --exact -k 400 c queries.jsonl >near.tsv
	local radius
	radius=$(awk -F '\t' '$1 == "q0" && $2 == 15 { print $4 }' near.tsv)
	awk -F '\t' -v r="$radius" '$4 + 0 <= r + 0' near.tsv >wanted.tsv
	cel-query --exact --radius "$radius" c queries.jsonl | cmp - wanted.tsv
	[ "$(grep -c '^q0' wanted.tsv)" -ge 15 ]
	cel-query --ef 100 --radius "$radius" c queries.jsonl >graph.tsv
	[ "$(comm -12 <(cut -f 1,3 graph.tsv | sort) <(cut -f 1,3 wanted.tsv | sort) | wc -l)" -gt $(($(wc -l <wanted.tsv) * 9 / 10)) ]
	[ -z "$(comm -23 <(cut -f 1,3 graph.tsv | sort) <(cut -f 1,3 wanted.tsv | sort))" ]
	cel-query --exact --radius "$radius" -k 5 c queries.jsonl | cmp - <(awk -F '\t' '$2 <= 5' wanted.tsv)
	[ "$(cel-query --radius 1000 c queries.jsonl | wc -l)" -eq 27000 ]
	exits 1 cel-query --radius 0.01 c queries.jsonl
	cel-query --exact --radius "$radius" --by-id r5 c >by-id.tsv
	run ! grep -qP '\tr5\t' by-id.tsv
	rm store/index/*
	cel-query --radius "$radius" c queries.jsonl | cmp - wanted.tsv
	cel-query --radius "$radius" --prefix r1 c queries.jsonl | cut -f 1,3,4 | cmp - <(grep -P '\tr1' wanted.tsv | cut -f 1,3,4)
	refuses 64 "no number" cel-query --radius nan c queries.jsonl
}

@test "what a filter may not say is refused, with a reason; what looks like it is not" {
	make_set 50
	export SECRET=hush
	local filter
	for filter in 'env' '$ENV' '$ENV.SECRET == "hush"' '"\(env.SECRET)" == "hush"' 'input' 'import "m" as m; m::f' 'include "m"; f' 'now > 0' \
		'input_filename' 'debug' 'halt' '0 | localtime' '. as $x | $ ENV'; do
		refuses 64 "depends on the record alone" cel-query --filter "$filter" c queries.jsonl
	done
	for filter in '.env == null' '"$ENV" == "$ENV"' '"env" | length == 3 # now'; do
		exits 0 cel-query --filter "$filter" c queries.jsonl
	done
	refuses 64 "jq does not understand|syntax error" cel-query --filter '.a |' c queries.jsonl
	refuses 64 "jq does not understand|syntax error" cel-query --filter '' c queries.jsonl
	refuses 64 "jq does not understand|nosuch/0 is not defined" cel-query --filter 'nosuch' c queries.jsonl
	echo 'def nosuch: true;' >.jq
	HOME=$PWD refuses 64 "nosuch/0 is not defined" cel-query --filter 'nosuch' c queries.jsonl
	HOME=$PWD exits 0 jq -n 'nosuch' || true
}

@test "a filter comes to an end, and has no more memory than it may" {
	make_set 50
	local filter
	for filter in 'last(repeat(.))' '[range(infinite)] | length'; do
		refuses 64 "filter|record 'r0'" timeout 60 cel-query --filter "$filter" c queries.jsonl
	done
	is_sanitized && skip "the sanitizer's memory"
	for filter in 'def f: 1 + f; f' 'reduce range(10000000) as $i (null; [.])'; do
		refuses 64 "filter|record 'r0'" timeout 60 cel-query --filter "$filter" c queries.jsonl
	done
	[ -z "$(ls store/cache 2>/dev/null)" ]
}

@test "records for which it fails do not count, and that is said" {
	make_set 100
	exits 0 cel-query --filter '(.n + 1) > 0 and (.name | test("1"))' c queries.jsonl
	is_one_line "$stderr" "20 records" "do not count" "cannot be matched"
	exits 0 cel-query --filter '(.n + 1) > 0 and (.name | test("1"))' c queries.jsonl
	is_one_line "$stderr" "20 records"
	exits 0 cel-query -q --filter '(.n + 1) > 0 and (.name | test("1"))' c queries.jsonl
	[ -z "$stderr" ]
	exits 0 cel export -q --filter '.name | test("1")' c
	[ "$(cel export -q --filter '.name | test("1")' c | wc -l)" -eq "$(subset 'm and "1" in m["name"]' | wc -l)" ]
}

@test "the cache: used, remade when damaged, per tree and expression, and gone with its tree" {
	make_set 1000
	cel-query --filter .even c queries.jsonl >good.tsv
	local file
	file=$(ls store/cache/*.filter)
	cel-query -v --filter .even c queries.jsonl 2>how | cmp - good.tsv
	grep -q "evaluated before" how
	cp "$file" good.filter
	local damage
	for damage in 'truncate -s 100' 'truncate -s 0' 'python3 '"$CLI"'/flip.py' 'rm' 'cp queries.jsonl'; do
		case $damage in *flip*) printf '\x55' | dd of="$file" bs=1 seek=90 conv=notrunc status=none ;; *) $damage "$file" ;; esac
		exits 0 cel fsck # it is no finding, for:
		cel-query -v --filter .even c queries.jsonl 2>how | cmp - good.tsv
		run ! grep -q "evaluated before" how
		cmp "$file" good.filter
	done
	CEL_FAULT=rename:1:28 cel-query --filter .odd c queries.jsonl >/dev/null || true
	exits 0 cel fsck
	cel-query --filter '.n > 5' c queries.jsonl >/dev/null
	[ "$(ls store/cache/*.filter | wc -l)" -eq 2 ]
	cel delete c
	cel gc -q --grace 0
	[ -z "$(ls store/cache)" ]
}

@test "export: --filter and --prefix" {
	make_set 3000
	[ "$(cel export --filter '.n == 1201 or .n == 7' c | sed 's/,"vector.*//' | tr '\n' ' ')" = '{"id":"r1201" {"id":"r7" ' ]
	[ "$(cel export --prefix r29 c | wc -l)" -eq 111 ]
	[ "$(cel export --prefix zzz c | wc -l)" -eq 0 ]
	cel export --format npy --ids some.ids --filter .even c >some.npy
	[ "$(wc -l <some.ids)" -eq "$(subset 'm and m["even"]' | wc -l)" ]
	cel create -q --dim 16 d && cel-build -q --ids some.ids d some.npy
	cel export c | cmp - <(cel export --filter true --prefix '' c)
}
