# SPDX-License-Identifier: Apache-2.0
# Answers are right, in order, and in the form that the manual page promises.
load helper

prepare() {
	make_store
}

# a collection NAME of 600 rows, and 23 queries
make_set() {
	local name=$1
	shift
	rows -n 600 base.jsonl
	rows -n 23 --seed 2 --prefix q queries.jsonl queries.npy queries.fvecs queries.ids
	make_collection "$name" "$@"
	cel-build -q "$name" base.jsonl
}

@test "control: the comparison with Python notices wrong answers" {
	make_set c
	cel-query --exact c queries.jsonl >good.tsv
	nearest l2 10 base.jsonl queries.jsonl good.tsv
	run ! nearest ip 10 base.jsonl queries.jsonl good.tsv
	run ! nearest l2 9 base.jsonl queries.jsonl good.tsv
	sed '5s/\tr[0-9]*\t/\tr0\t/' good.tsv >id.tsv
	run ! nearest l2 10 base.jsonl queries.jsonl id.tsv
	sed '5d' good.tsv >missing.tsv
	run ! nearest l2 10 base.jsonl queries.jsonl missing.tsv
	sed '1,10d' good.tsv >query.tsv
	run ! nearest l2 10 base.jsonl queries.jsonl query.tsv
	(sed -n '11,20p' good.tsv; sed -n '1,10p' good.tsv; sed -n '21,$p' good.tsv) >order.tsv
	run ! nearest l2 10 base.jsonl queries.jsonl order.tsv
	sed '1,10d' base.jsonl >less.jsonl
	cel create -q --dim 16 less && cel-build -q less less.jsonl
	cel-query --exact -k 100 less queries.jsonl >less.tsv
	run ! nearest l2 100 base.jsonl queries.jsonl less.tsv
}

@test "the exact answers are those of Python: every metric and element type, with an index and without" {
	local type metric kind
	for type in f32 f16 bf16 i8 u8; do
		case $type in i8 | u8) kind=$type ;; *) kind=f32 ;; esac
		rows -n 400 -d 19 --kind $kind base.jsonl
		rows -n 9 -d 19 --kind $kind --seed 2 --prefix q queries.jsonl
		for metric in l2 ip cosine; do
			cel create -q --dim 19 --type $type --metric $metric $type$metric
			cel-build -q $type$metric base.jsonl
			cel-query --exact -v $type$metric queries.jsonl >scan.tsv 2>how
			grep -q "by scan" how
			nearest $metric 10 base.jsonl queries.jsonl scan.tsv
			rm store/index/*
			cel-query -v $type$metric queries.jsonl >tree.tsv 2>how
			grep -q "by tree" how
			cmp scan.tsv tree.tsv
		done
	done
}

@test "--no-index: the tree gives the same as the index" {
	make_set c
	cel create -q --dim 16 bare
	cel-build -q --no-index bare base.jsonl
	rm store/index/*
	[ "$(cel show bare | sed -n 's/^index\t//p')" = none ]
	cel-query -v bare queries.jsonl >tree.tsv 2>how
	grep -q "by tree" how
	refuses 69 "no index|cel index" cel-query --ef 20 bare queries.jsonl
	cel index bare
	[ -n "$(ls store/index)" ]
	cel-query --exact bare queries.jsonl | cmp - tree.tsv
	nearest l2 10 base.jsonl queries.jsonl tree.tsv
}

@test "--ef walks the graph, more of it finds more" {
	rows -n 3000 base.jsonl
	rows -n 40 --seed 2 --prefix q queries.jsonl
	make_collection c
	cel-build -q c base.jsonl
	cel-query -v --ef 400 c queries.jsonl >ef.tsv 2>how
	grep -q "by graph, ef 400" how
	nearest l2 10 base.jsonl queries.jsonl ef.tsv --recall 0.98
	cel-query --ef 10 c queries.jsonl >ef.tsv
	nearest l2 10 base.jsonl queries.jsonl ef.tsv --recall 0.3
	cel-query -v --ef 3 -k 20 c queries.jsonl >ef.tsv 2>how
	grep -q "by graph, ef 20" how
	nearest l2 20 base.jsonl queries.jsonl ef.tsv --recall 0.3
}

@test "--recall is reached, on the word vectors too" {
	rows -n 3000 base.jsonl
	rows -n 40 --seed 2 --prefix q queries.jsonl
	make_collection c
	cel-build -q c base.jsonl
	local r
	for r in 0.5 0.9 0.99; do
		cel-query --recall $r c queries.jsonl >found.tsv
		nearest l2 10 base.jsonl queries.jsonl found.tsv --recall "$(python3 -c "print($r - 0.03)")"
	done
	cel create -q --dim 100 --metric cosine words
	cel-build -q --ids "$WORDS/words.txt" words "$WORDS/words.npy"
	cel-query --exact words "$WORDS/queries.npy" | cut -f 1,3 | sort >exact
	cel-query --recall 0.95 words "$WORDS/queries.npy" | cut -f 1,3 | sort >found
	[ "$(comm -12 exact found | wc -l)" -ge 225 ]
	cel-query --ef 200 words "$WORDS/queries.npy" | cut -f 1,3 | sort >found
	[ "$(comm -12 exact found | wc -l)" -ge 240 ]
}

@test "distances do not depend on how the records are found, threads, instruction set or input format" {
	make_set c --metric cosine
	cel-query --exact c queries.npy >wanted.tsv
	nearest cosine 10 base.jsonl queries.jsonl wanted.tsv
	cel-query -j 1 --exact c queries.npy | cmp - wanted.tsv
	cel-query -j 7 --exact c queries.npy | cmp - wanted.tsv
	cel-query --exact c - <queries.npy | cmp - wanted.tsv
	cel-query --exact c queries.fvecs | cmp - wanted.tsv
	cel-query --exact c --format fvecs <queries.fvecs | cmp - wanted.tsv
	cel-query --ef 600 c queries.npy | cmp - wanted.tsv
	sed 's/"id":"[^"]*",//' queries.jsonl | cel-query --exact c | cmp - wanted.tsv
	local simd
	for simd in $(simd_names); do
		CEL_SIMD=$simd cel-query --exact c queries.npy | cmp - wanted.tsv
		CEL_SIMD=$simd cel-query --ef 40 -j 1 c queries.npy >$simd.tsv
		cmp scalar.tsv $simd.tsv
	done
	CEL_IO=read cel-query --exact c queries.npy | cmp - wanted.tsv
}

@test "many queries through all blocks and threads keep their order" {
	make_set c
	rows -n 9000 --seed 3 --prefix q many.npy many.ids
	cel-query -j 4 -k 2 --ids many.ids c many.npy >many.tsv
	cut -f 1 many.tsv | uniq | cmp - many.ids
	[ "$(wc -l <many.tsv)" -eq 18000 ]
	cel-query -j 1 -k 2 --ids many.ids c many.npy | cmp - many.tsv
}

@test "queries are named by row over all files, or by id" {
	make_set c
	cel-query -k 1 c queries.npy queries.npy | cut -f 1 >names
	seq 0 45 | cmp - names
	cel-query -k 1 c queries.jsonl | cut -f 1 | cmp - queries.ids
	cel-query -k 1 --ids queries.ids c queries.npy | cut -f 1 | cmp - queries.ids
	tr '\n' '\0' <queries.ids >null.ids
	cel-query -k 1 -0 --ids null.ids c queries.npy | cut -f 1 | cmp - queries.ids
	exits 65 cel-query -k 1 --ids <(head -n 5 queries.ids) c queries.npy
	printf '{"vector":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]}\n{"id":"x","vector":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]}\n' |
		cel-query -k 1 c | cut -f 1 >names
	printf '0\nx\n' | cmp - names
}

@test "TSV: four fields, rank from 1; --json: the same as JSON Lines" {
	make_set c
	cel-query --exact -k 3 c queries.jsonl >tsv
	run -0 awk -F '\t' 'NF != 4 || $2 != (NR - 1) % 3 + 1 || $4 !~ /^[0-9.e+-]+$/' tsv
	[ -z "$output" ]
	cel-query --exact -k 3 --json c queries.jsonl >json
	is_json_lines <json
	[ "$(wc -l <json)" -eq 23 ]
	python3 -c '
import json, sys
for line in sys.stdin:
    a = json.loads(line, parse_float=str, parse_int=str)
    for hit in a["hits"]: print(a["query"], hit["rank"], hit["id"], hit["distance"], sep="\t")' <json | cmp - tsv
	cel-query --json -k 1 c queries.npy | head -n 1 | grep -q '^{"query":0,"hits":\[{"rank":1,"id":"r'
}

@test "ids that need escapes are printed so that they can be read" {
	make_collection c --dim 2
	printf '%s\n' '{"id":"a\"b\\c","vector":[1,0]}' '{"id":"käse 🧀","vector":[0,1]}' | cel-build -q c
	exits 0 cel-query -k 1 --json --by-id 'a"b\c' c
	[ "$output" = '{"query":"a\"b\\c","hits":[{"rank":1,"id":"käse 🧀","distance":1.4142135}]}' ]
	exits 0 cel-query -k 1 --by-id 'käse 🧀' c
	[ "$output" = $'käse 🧀\t1\ta"b\\c\t1.4142135' ]
}

@test "--by-id leaves the record itself out, also among its equals" {
	make_set c
	cel-query --by-id r5 -k 10 c >by_id.tsv
	[ "$(wc -l <by_id.tsv)" -eq 10 ]
	[ "$(cut -f 1 by_id.tsv | sort -u)" = r5 ]
	run ! grep -q -P '\tr5\t' by_id.tsv
	cel get c r5 | cel-query --exact -k 11 c | tail -n +2 | cut -f 3,4 | cmp - <(cut -f 3,4 by_id.tsv)
	exits 0 cel-query --by-id r5 --by-id r6 -k 1 c
	[ "${#lines[@]}" -eq 2 ]
	exits 0 cel-query --by-id r5 -k 1 c queries.npy
	[ "${#lines[@]}" -eq 24 ]
	refuses 1 "no record 'nobody'" cel-query --by-id nobody c
	cel create -q --dim 2 same
	printf '{"id":"s%d","vector":[1,2]}\n' 1 2 3 | cel-build -q same
	exits 0 cel-query --by-id s2 same
	[ "$output" = $'s2\t1\ts1\t0\ns2\t2\ts3\t0' ]
}

@test "a thousand identical vectors, in id order" {
	make_collection c
	rows -n 1000 --same 1000 base.jsonl base.npy
	cel-build -q c base.jsonl
	cel-query --exact -k 1000 c - <<<"$(head -n 1 base.jsonl)" >all.tsv
	[ "$(wc -l <all.tsv)" -eq 1000 ]
	cut -f 3 all.tsv | LC_ALL=C sort -c
	[ "$(cut -f 4 all.tsv | sort -u)" = 0 ]
	cel-query --ef 10 -k 10 c - <<<"$(head -n 1 base.jsonl)" | cmp - <(head -n 10 all.tsv)
	cel-query -k 999 --ef 5 --by-id r0 c >by_id.tsv
	[ "$(wc -l <by_id.tsv)" -eq 999 ]
	rows -n 1 --seed 9 --prefix q other.jsonl
	cel-query --ef 10 -k 1000 c other.jsonl | cut -f 3 | cmp - <(cut -f 3 all.tsv)
	rm store/index/*
	cel-query -k 1000 c - <<<"$(head -n 1 base.jsonl)" | cmp - all.tsv
}

@test "half of the vectors are duplicates: they are found like any others" {
	make_collection c
	rows -n 1000 --same 2 base.jsonl
	rows -n 20 --seed 2 --prefix q queries.jsonl
	cel-build -q c base.jsonl
	[[ $(cel show --json c) == *'"nodes":500,'* ]]
	local options
	for options in --exact "--ef 500" ; do
		cel-query $options c queries.jsonl >found.tsv
		nearest l2 10 base.jsonl queries.jsonl found.tsv
		cel-query $options -k 3 c queries.jsonl >found.tsv
		nearest l2 3 base.jsonl queries.jsonl found.tsv
	done
	cel-query --ef 60 c queries.jsonl >found.tsv
	nearest l2 10 base.jsonl queries.jsonl found.tsv --recall 0.8
	rm store/index/*
	cel-query c queries.jsonl >found.tsv
	nearest l2 10 base.jsonl queries.jsonl found.tsv
}

@test "every record finds itself, through the graph" {
	make_set c
	cel-query --ef 50 -k 1 c base.jsonl | awk -F '\t' '$1 != $3 || $4 != 0' >wrong
	[ ! -s wrong ]
}

@test "small sets, k larger than the set, nothing found" {
	make_collection c --dim 2
	exits 1 cel-query c - <<<'{"vector":[1,2]}'
	[ -z "$output$stderr" ]
	exits 1 cel-query --json c - <<<'{"vector":[1,2]}'
	[ "$output" = '{"query":0,"hits":[]}' ]
	exits 1 cel-query c - </dev/null
	[ -z "$output$stderr" ]
	local n
	for n in 1 2 3; do
		echo "{\"id\":\"x$n\",\"vector\":[$n,0]}" | cel-build -q c
		exits 0 cel-query -k 100 c - <<<'{"vector":[0,0]}'
		[ "${#lines[@]}" -eq $n ]
		exits 0 cel-query --ef 5 -k 65536 c - <<<'{"vector":[0,0]}'
		[ "${#lines[@]}" -eq $n ]
		exits 0 cel-query --exact -k 100 c - <<<'{"vector":[0,0]}'
		[ "${#lines[@]}" -eq $n ]
	done
	[ "${lines[2]}" = $'0\t3\tx3\t3' ]
	exits 0 cel-query -k 3 --by-id x2 c
	[ "$output" = $'x2\t1\tx1\t1\nx2\t2\tx3\t1' ]
}

@test "what there is not: a collection, a file, a store, a rev" {
	make_set c
	refuses 66 "nothing" cel-query nothing queries.npy
	refuses 66 "none.npy" cel-query c none.npy
	refuses 66 "c~7" cel-query c~7 queries.npy
	CEL_STORE=$PWD/nowhere refuses 66 "nowhere" cel-query c queries.npy
	exits 0 cel-query -q "$(commit_of c)" queries.npy
	exits 0 cel-query "c~0" queries.npy
	exits 1 cel-query "c~1" queries.npy
}

@test "an earlier commit answers as it did" {
	make_set c
	cel-query --exact c queries.npy >before.tsv
	rows -n 600 --seed 8 other.jsonl
	cel-build -q c other.jsonl
	cel-query --exact c queries.npy >after.tsv
	run ! cmp -s before.tsv after.tsv
	cel-query --exact c~1 queries.npy | cmp - before.tsv
}

@test "a damaged index file is refused, not believed" {
	make_set c
	local file size at
	file=$(index_file c)
	cp "$file" good
	size=$(stat -c %s "$file")
	truncate -s $((size - 100)) "$file"
	exits 74 cel-query c queries.npy
	[[ $stderr == *"cel index"* ]]
	cp good "$file"
	printf '\xff\xff\xff\xff' | dd of="$file" bs=1 seek=16 conv=notrunc status=none
	exits 74 cel-query c queries.npy
	: >"$file"
	exits 74 cel-query c queries.npy
	cel index -q c
	cmp "$file" good
	exits 0 cel-query c queries.npy
	rm "$file"
	exits 0 cel-query c queries.npy
}

@test "wrong options" {
	make_set c
	refuses 64 "exclude each other" cel-query --exact --ef 10 c queries.npy
	refuses 64 "0" cel-query -k 0 c queries.npy
	refuses 64 "65537" cel-query -k 65537 c queries.npy
	refuses 64 "x" cel-query --ef x c queries.npy
	refuses 64 "1.5" cel-query --recall 1.5 c queries.npy
	refuses 64 "nan" cel-query --recall nan c queries.npy
	refuses 64 "zip" cel-query --format zip c queries.npy
	refuses 64 "one FILE" cel-query --ids queries.ids c queries.npy queries.npy
	refuses 64 "REV is missing" cel-query
}

@test "the index file's format number is the one that --version tells" {
	make_collection words
	rows -n 20 base.jsonl
	cel-build -q words base.jsonl
	local told
	told=$(cel --version | sed -n 's/^formats: .*index \([0-9]*\),.*/\1/p')
	[ "$(od -An -tu4 -j8 -N4 "$(index_file words)" | tr -d ' ')" = "$told" ]
}
