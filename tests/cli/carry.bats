# SPDX-License-Identifier: Apache-2.0
# A rev without an index of its own is answered from a near one, with the difference laid over it; after commits the index is
# carried along.
load helper

prepare() {
	make_store
	rows -n 800 set.jsonl
	rows -n 20 --seed 9 --prefix q queries.jsonl
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
	for seed in 1 2 3; do
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

# ---- indexes carried along

follow() { # SEED DELETED CHANGED ADDED: one more commit, with what becomes of the index
	python3 "$CLI/churn.py" set.jsonl "$@"
	cel-build -q words --delete gone put.jsonl
}

@test "after a commit: nothing, then carried along, then built anew" {
	local first carried
	first=$(commit_of words)
	follow 1 5 5 5
	[[ $(index_line words) == *"overlay of "*" on $first" ]]
	[ -z "$(ls store/cache)" ]
	follow 2 105 0 0
	carried=$(commit_of words)
	[[ $(index_line words) == *", carried, 1"*" changes since the canonical one" ]]
	[ "$(ls store/cache | wc -l)" -eq 1 ]
	answers_exactly words set.jsonl
	answers_nearly words set.jsonl --ef 120
	follow 3 5 5 5
	[[ $(index_line words) == *"carried, "*"overlay of "*" on $carried" ]]
	answers_exactly words set.jsonl
	follow 4 95 0 0
	[[ $(index_line words) == *", canonical" ]]
	[ "$(ls store/index | wc -l)" -eq 2 ]
	answers_nearly words set.jsonl --ef 120
	[[ $(cel show --json words~2) == *'"kind":"carried","churn":1'* ]]
}

@test "cel index: carries along what little there is, builds what is much; --canonical is a fresh build" {
	local file
	churn 1 3 3 3
	exits 0 cel index -q words
	[[ $(index_line words) == *", carried, 9 changes since the canonical one" ]]
	file=$(index_file words)
	cp "$file" carried
	exits 0 cel index -q words # there is one
	[ "$(ls store/cache store/index | grep -c hnsw)" -eq 2 ]
	exits 0 cel index -q --canonical words
	[[ $(index_line words) == *", canonical" ]]
	run ! cmp -s carried "$(index_file words)"
	make_collection fresh
	cp "$(index_file words)" canonical
	rm store/index/* store/cache/*
	cel-build -q fresh set.jsonl
	cmp canonical "$(index_file fresh)"
	churn 2 250 0 0
	exits 0 cel index -q words
	[[ $(index_line words) == *", canonical" ]]
	churn 3 3 3 3
	exits 0 cel index -q --M 8 words
	[[ $(index_line words) == "M 8, ef_construction 150,"*", canonical" ]]
}

@test "a carried index is the same for 1 and 2 threads and every instruction set" {
	local file simd
	churn 1 20 20 20
	cel index -q -j 1 words
	file=$(index_file words)
	mv "$file" wanted
	cel index -q -j 2 words
	cmp "$file" wanted
	for simd in $(simd_names); do
		rm "$file"
		CEL_SIMD=$simd cel index -q words
		cmp "$file" wanted
	done
	rm store/cache/* store/index/* # all of it is derived
	answers_exactly words set.jsonl
	exits 0 cel index -q words
	[[ $(index_line words) == *", canonical" ]]
}

@test "deletes, all of them, and back: no id comes back in an answer" {
	cel-build -q words --delete - <<<"$(cut -d '"' -f 4 set.jsonl)"
	exits 1 cel-query words queries.jsonl
	head -n 60 set.jsonl >some.jsonl
	cel-build -q words some.jsonl
	answers_exactly words some.jsonl
	cel index -q words
	answers_nearly words some.jsonl --ef 60
	cel-build -q --no-index words --delete - <<<"$(head -n 10 some.jsonl | cut -d '"' -f 4)"
	cel index -q words
	tail -n 50 some.jsonl >rest.jsonl
	answers_exactly words rest.jsonl
	answers_nearly words rest.jsonl --ef 60
}

# recalls SET.jsonl EF: recall@10 of `words` and of a fresh build, against the exact answers of a tree; fails if the first is
# lower by more than 0.01
recalls() {
	rm -rf other
	cel init -q other
	cel create -q --store other --dim 16 plain
	cel-build -q --store other --no-index plain "$1"
	cel-query --store other --exact plain many.jsonl >exact.tsv
	cel index -q --store other plain
	cel-query --store other --ef "$2" plain many.jsonl >fresh.tsv
	cel-query --ef "$2" words many.jsonl >followed.tsv
	python3 - <<'END'
def answers(path):
    return [tuple(line.split("\t")[i] for i in (0, 2, 3)) for line in open(path)]
exact = set(answers("exact.tsv"))
followed, fresh = (len(exact.intersection(answers(p))) / len(exact) for p in ("followed.tsv", "fresh.tsv"))
print("recall %.4f, fresh %.4f" % (followed, fresh))
assert len(answers("followed.tsv")) == len(exact) and followed >= fresh - 0.01
END
}

@test "six revs of 1 % upserts and deletes: recall within 0.01 of a fresh build" {
	local seed
	rows -n 2000 set.jsonl
	rows -n 200 --seed 9 --prefix q many.jsonl
	cel-build -q words --replace set.jsonl
	for seed in 1 2 3 4 5 6; do
		churn $seed 20 10 10
		cel index -q words # sooner than need be
		[ $((seed % 3)) -ne 0 ] || recalls set.jsonl 64
	done
	[[ $(index_line words) == *", carried, "*" changes since the canonical one" ]]
}

@test "half of the records go at once: the rest is found" {
	rows -n 2000 set.jsonl
	rows -n 200 --seed 9 --prefix q many.jsonl
	cel-build -q words --replace set.jsonl
	follow 1 1000 0 0
	recalls set.jsonl 64
	churn 2 200 0 0 # a fifth of what is left, as an overlay, then carried
	recalls set.jsonl 64
	cel index -q words
	[[ $(index_line words) == *", carried, 200 changes"* ]]
	recalls set.jsonl 64
}
