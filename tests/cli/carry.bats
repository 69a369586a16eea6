# SPDX-License-Identifier: Apache-2.0
# A rev without an index of its own is answered from a near one, with the difference laid over it.
load helper

prepare() {
	make_store
	rows -n 800 set.jsonl
	rows -n 30 --seed 9 --prefix q queries.jsonl
	make_collection words
	cel-build -q words set.jsonl
}

# churn SEED DELETED CHANGED ADDED: one more commit, without an index; set.jsonl is what `words` holds
churn() {
	python3 "$CLI/churn.py" set.jsonl "$@"
	cel-build -q --no-index words --delete gone put.jsonl
}

# answers_exactly REV SET.jsonl, answers_nearly REV SET.jsonl [OPTION]...
answers_exactly() {
	cel-query --exact "$1" queries.jsonl >answers.tsv
	nearest l2 10 "$2" queries.jsonl answers.tsv
}
answers_nearly() {
	local rev=$1 set=$2
	shift 2
	cel-query "$@" "$rev" queries.jsonl >answers.tsv
	nearest l2 10 "$set" queries.jsonl answers.tsv --recall 0.97
}
found_by() { cel-query -v "$@" queries.jsonl 2>&1 >/dev/null | sed -n 's/.*found by //p'; }
index_line() { cel show "$1" | sed -n 's/^index\t//p'; }

@test "successive revs: exact and by the graph, never an absent or outdated record" {
	local seed first
	first=$(commit_of words)
	[[ $(index_line words) == *", canonical" ]]
	for seed in 1 2 3 4; do
		churn "$seed" 8 7 9
		[[ $(index_line words) == *"overlay of "*" removed and "*" added on $first" ]]
		answers_exactly words set.jsonl
		answers_nearly words set.jsonl --ef 120
		answers_nearly words set.jsonl
	done
	[[ $(found_by --ef 50 words) == "graph, ef 50"* ]]
	[[ $(cel show --json words) == *'"overlay":{"commit":"'"$first"* ]]
}

@test "counts: a deleted record is removed, a new one added, a changed one both; metadata alone is nothing" {
	churn 1 5 0 0
	[[ $(index_line words) == *"overlay of 5 removed and 0 added"* ]]
	churn 2 0 0 4
	[[ $(index_line words) == *"overlay of 5 removed and 4 added"* ]]
	churn 3 0 6 0
	[[ $(index_line words) == *"overlay of "1?" removed and "*" added"* ]]
	cel create -q --dim 16 other
	cel-build -q other set.jsonl
	sed 's/}$/,"metadata":{"a":1}}/' set.jsonl >described.jsonl
	cel-build -q --no-index other described.jsonl
	[[ $(index_line other) == *"overlay of 0 removed and 0 added"* ]]
	answers_exactly other set.jsonl
}

@test "an older rev is answered from the index of a newer one, by whichever is nearer" {
	local old new
	old=$(commit_of words)
	cp set.jsonl set0.jsonl
	for seed in 1 2 3; do
		churn $seed 5 5 5
		cp set.jsonl set$seed.jsonl
	done
	cel index -q words
	new=$(commit_of words)
	[[ $(index_line words~1) == *" on $new" ]]
	[[ $(index_line words~2) == *" on $old" ]]
	answers_exactly words~1 set2.jsonl
	answers_nearly words~1 set2.jsonl --ef 120
	rm "$(index_file words~3)"
	[[ $(index_line words~3) == *" on $new" ]]
	answers_exactly words~3 set0.jsonl
	answers_nearly words~3 set0.jsonl --ef 120
}

@test "too much to lay over: the tree is scanned; --ef walks all the same" {
	churn 1 500 0 0
	[ "$(index_line words)" = none ]
	[[ $(found_by words) == "tree"* ]]
	answers_exactly words set.jsonl
	[[ $(found_by --ef 80 words) == "graph"* ]]
	answers_nearly words set.jsonl --ef 80
	cel-build -q --no-index words --delete - <<<"$(cut -d '"' -f 4 set.jsonl | tail -n +4)"
	head -n 3 set.jsonl >three.jsonl
	answers_exactly words three.jsonl
	cel-query --ef 20 words queries.jsonl >answers.tsv
	nearest l2 10 three.jsonl queries.jsonl answers.tsv
}

@test "--by-id, ties and k beyond the set are as without an overlay" {
	churn 1 10 10 10
	cel-query --exact -k 2000 words queries.jsonl >laid-over.tsv
	cel-query --exact -k 5 words --by-id "$(tail -n 1 put.jsonl | cut -d '"' -f 4)" >by-id.tsv
	[ "$(wc -l <by-id.tsv)" -eq 5 ]
	rm store/index/*
	[[ $(found_by words) == "tree"* ]]
	cel-query --exact -k 2000 words queries.jsonl | cmp - laid-over.tsv
	cel-query --exact -k 5 words --by-id "$(tail -n 1 put.jsonl | cut -d '"' -f 4)" | cmp - by-id.tsv
}

@test "another commit's damaged index is passed over" {
	local file
	file=$(index_file words)
	churn 1 5 5 5
	printf 'x' | dd of="$file" bs=1 seek=20 conv=notrunc status=none
	[ "$(index_line words)" = none ]
	answers_exactly words set.jsonl
	refuses 69 "no index" cel-query --ef 20 words queries.jsonl
}
