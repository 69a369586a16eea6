# SPDX-License-Identifier: Apache-2.0
# Every element type with every metric that it has, from the rows to merged histories, judged by Python; and the pairs that
# make no sense.
load helper

typed() { python3 "$CLI/typed.py" "$@"; }

# check_pair TYPE METRIC DIM: scan, queries as numbers of another type, moves, the graph of a carried index; of bits export and
# back (formats.bats has that of the other types).
check_pair() {
	local type=$1 metric=$2 dim=$3 tree
	echo "$type $metric"
	typed rows "$type" "$metric"
	cel create -q --dim "$dim" --type "$type" --metric "$metric" c
	cel-build -q c base.jsonl
	cel-query -k 7 --exact c q.jsonl >exact
	nearest "$metric" 7 base.jsonl q.jsonl exact
	cel-query -k 7 --exact c q.npy | cmp - exact
	[ ! -e q.bool.npy ] || cel-query -k 7 --exact c q.bool.npy | cmp - exact

	cel-build -q c more.jsonl
	cel-diff c~1 c >changes || [ $? -eq 1 ]
	typed moved "$metric" changes
	cel index -q c
	cel show --json c | grep -q '"kind":"carried"'
	cel-query -k 7 --ef 100 c q.jsonl >graph
	nearest "$metric" 7 both.jsonl q.jsonl graph --recall 0.99

	[ "$type" = b1 ] || return 0
	for name in again packed; do cel create -q --dim "$dim" --type b1 --metric "$metric" $name; done
	tree=$(tree_of c)
	cel export c | cel-build -q --no-index again -
	[ "$(tree_of again)" = "$tree" ]
	cel export --format npy --ids ids c >c.npy
	cel-build -q --no-index packed --ids ids c.npy
	[ "$(tree_of packed)" = "$tree" ]
	cel export --format fvecs --ids ids c >c.fvecs
	cel-build --no-index packed --ids ids c.fvecs 2>said
	grep -q 'nothing changed' said
}

# check_types METRIC TYPE...: each in a store of its own, since names repeat.
check_types() {
	local metric=$1 type
	shift
	for type; do
		mkdir "$type.$metric"
		cd "$type.$metric"
		cel init -q store
		export CEL_STORE=$PWD/store
		if [ "$metric" = haversine ]; then check_pair "$type" "$metric" 2; else check_pair "$type" "$metric" 20; fi
		cd ..
	done
}

@test "l2, ip and cosine of f32 and f16" { for metric in l2 ip cosine; do check_types $metric f32 f16; done; }
@test "l2, ip and cosine of bf16" { for metric in l2 ip cosine; do check_types $metric bf16; done; }
@test "l2, ip and cosine of i8 and u8" { for metric in l2 ip cosine; do check_types $metric i8 u8; done; }
@test "jsd of f32, f16, bf16 and u8" { check_types jsd f32 f16 bf16 u8; }
@test "hamming and jaccard of bits" { for metric in hamming jaccard; do check_types $metric b1; done; }
@test "haversine of f32" { check_types haversine f32; }

@test "bits, histograms and places: the same file and answers with every instruction set" {
	local name pair first
	for pair in "b1 hamming 20" "b1 jaccard 20" "f16 jsd 20" "u8 jsd 20" "f32 haversine 2"; do
		read -r type metric dim <<<"$pair"
		typed rows "$type" "$metric"
		first=
		for name in $(simd_names); do
			export CEL_SIMD=$name CEL_STORE=$PWD/$type.$metric.$name
			cel init -q "$CEL_STORE"
			cel create -q --dim "$dim" --type "$type" --metric "$metric" c
			cel-build -q c base.jsonl
			cel-query -k 9 --exact c q.jsonl >"$CEL_STORE.exact"
			cel-query -k 9 --ef 30 c q.jsonl >"$CEL_STORE.graph"
			[ -n "$first" ] || first=$CEL_STORE
			cmp "$first.exact" "$CEL_STORE.exact"
			cmp "$first.graph" "$CEL_STORE.graph"
			diff -r "$first/index" "$CEL_STORE/index"
		done
	done
	[ -s "$first.graph" ]
}

@test "histories of bits and of histograms are merged" {
	make_store
	for pair in "b1 jaccard" "u8 jsd"; do
		read -r type metric <<<"$pair"
		typed rows "$type" "$metric"
		for name in "$type" "$type-all"; do cel create -q --dim 20 --type "$type" --metric "$metric" "$name"; done
		cel-build -q "$type" base.jsonl
		cel create -q --from "$type" "$type-more"
		tail -n 16 more.jsonl | cel-build -q "$type-more" -
		head -n 50 base.jsonl | cut -d '"' -f 4 | cel-build -q "$type" --delete -
		cel-merge -q "$type" "$type-more"
		(tail -n +51 base.jsonl && tail -n 16 more.jsonl) | cel-build -q --no-index "$type-all" -
		[ "$(tree_of "$type")" = "$(tree_of "$type-all")" ]
	done
	refuses 65 "schema" cel-merge b1 u8
}

@test "a pair of type and metric that makes no sense is refused" {
	make_store
	local type metric
	for type in f32 f16 bf16 i8 u8; do
		for metric in hamming jaccard; do
			refuses 64 "metric $metric is for bits" cel create --dim 8 --type $type --metric $metric x
		done
	done
	for metric in l2 ip cosine jsd haversine; do
		refuses 64 "b1 has the metrics hamming and jaccard, not $metric" cel create --dim 8 --type b1 --metric $metric x
	done
	refuses 64 "u8, not i8" cel create --dim 8 --type i8 --metric jsd x
	refuses 64 "too coarse" cel create --dim 2 --type f16 --metric haversine x
	refuses 64 "latitude and longitude|not 3" cel create --dim 3 --metric haversine x
	refuses 64 "hamming, jaccard, jsd, haversine" cel create --dim 3 --metric euclid x
	refuses 64 "u8, b1" cel create --dim 3 --type bit x
	cel create -q --dim 8 --type b1 x # control; and hamming is what bits have
	[ "$(show_field x metric)" = hamming ]
}

@test "a vector that the metric cannot measure is bad data, in queries too" {
	make_store
	cel create -q --dim 2 --metric haversine places
	cel create -q --dim 2 --metric jsd parts
	cel create -q --dim 12 --type b1 --metric jaccard sets
	row() { printf '{"id":"r","vector":%s}\n' "$1"; }
	row '[48.1,11.6]' | cel-build -q places -
	row '[3,0]' | cel-build -q parts -
	row '"8010"' | cel-build -q sets -
	for what in "places [90.5,0] latitude|90.5" "places [0,-181] longitude|-181" "parts [1,-0.5] element_2|negative" \
		"parts [0,0] zero" 'sets "8008" behind_the_last|12' 'sets "801" hexadecimal' 'sets [1,0] 2_elements' \
		"sets [1,0,0,0,0,0,0,0,0,0,0,2] element_12|range"; do
		read -r name vector words <<<"$what"
		row "$vector" >bad.jsonl
		refuses 65 "bad.jsonl|line 1|${words//_/ }" cel-build "$name" bad.jsonl
		refuses 65 "bad.jsonl|line 1|${words//_/ }" cel-query "$name" bad.jsonl
	done
	row '"0000"' | cel-build -q sets - # control; two sets with nothing in them are the same
	row '"0000"' | cel-query sets - | cut -f 2- >answer
	printf '1\tr\t0\n' | cmp - answer
}

@test "control: the judge notices another metric, a wrong distance and a wrong move" {
	typed rows b1 jaccard
	make_store
	cel create -q --dim 20 --type b1 --metric hamming c
	cel-build -q c base.jsonl
	cel-query -k 7 --exact c q.jsonl >exact
	nearest hamming 7 base.jsonl q.jsonl exact
	run ! nearest jaccard 7 base.jsonl q.jsonl exact
	typed rows f32 haversine
	cel create -q --dim 2 --metric haversine p
	cel-build -q p base.jsonl
	cel-query -k 7 --exact p q.jsonl | awk -F '\t' -v OFS='\t' '{ $4 *= 1.00001; print }' >exact
	run ! nearest haversine 7 base.jsonl q.jsonl exact
	cel-build -q p more.jsonl
	cel-diff p~1 p >changes || [ $? -eq 1 ]
	typed moved haversine changes
	run ! typed moved l2 changes
}
