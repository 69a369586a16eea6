# SPDX-License-Identifier: Apache-2.0
# Deleting, replacing the set, keeping metadata: the tree is always that of a fresh build of what should be there.
load helper

prepare() {
	make_store
	rows -n 300 --metadata base.jsonl base.ids
	make_collection words
	cel-build -q --no-index words base.jsonl
}

# holds_exactly FILE: `words` has the tree of a fresh collection of these rows
holds_exactly() {
	make_collection fresh
	cel-build -q --no-index fresh "$1"
	[ "$(tree_of words)" = "$(tree_of fresh)" ] || return 1
	cel delete -q fresh
}

# without_ids FILE: base.jsonl less the rows of the ids in FILE
without_ids() { python3 -c 'import json, sys
gone = set(open(sys.argv[1]).read().split("\n"))
for line in open("base.jsonl"):
    if json.loads(line)["id"] not in gone: sys.stdout.write(line)' "$1"; }

@test "--delete: the records are gone, the others stand, what was absent is counted" {
	local seed
	for seed in 1 2 3; do
		python3 -c 'import random, sys
ids = open("base.ids").read().split()
print("\n".join(random.Random(int(sys.argv[1])).sample(ids, 40)))' "$seed" >gone
		cel-build -q --no-index words base.jsonl
		without_ids gone >rest.jsonl
		[ "$(wc -l <rest.jsonl)" -eq 260 ]
		echo nosuch >>gone
		exits 0 cel-build --no-index --json words --delete gone
		[[ "$output" == *'"deleted":40,"absent":1,'* ]]
		[[ "$stderr" == *"40 deleted; 260 records"* ]]
		holds_exactly rest.jsonl
		exits 1 cel get words "$(head -n 1 gone)"
	done
}

@test "--delete: everything, from standard input, NUL ids, together with rows" {
	cel-build -q --no-index words --delete - <base.ids
	[ "$(show_field words records)" = 0 ]
	[ "$(tree_of words)" = "$(tree_of "words~2")" ] # the genesis tree
	cel-build -q --no-index words base.jsonl
	tr '\n' '\0' <base.ids >base.nul
	cel-build -q --no-index words -0 --delete base.nul
	[ "$(show_field words records)" = 0 ]
	head -n 200 base.jsonl >some.jsonl
	cel-build -q --no-index words some.jsonl
	tail -n 100 base.jsonl >others.jsonl
	head -n 50 base.ids >gone
	cel-build -q --no-index words --delete gone others.jsonl
	without_ids gone >rest.jsonl
	holds_exactly rest.jsonl
}

@test "--delete: nothing there makes no commit; a bad id and an id that is also a row are errors" {
	local before
	before=$(commit_of words)
	echo nosuch >gone
	exits 0 cel-build --no-index words --delete gone
	[[ "$stderr" == *"nothing changed"* ]]
	{ head -n 1 base.ids && printf 'a\tb\n'; } >bad
	refuses 65 "bad: line 2|control" cel-build --no-index words --delete bad
	refuses 66 "nofile" cel-build --no-index words --delete nofile
	head -n 1 base.ids >gone
	refuses 65 "gone|base.jsonl" cel-build --no-index words --delete gone base.jsonl
	[ "$(commit_of words)" = "$before" ]
	exits 0 cel-build --no-index --skip-bad words --delete bad
	[[ "$stderr" == *"left out: bad: line 2"* ]]
	[ "$(show_field words records)" = 299 ]
}

@test "--replace: the set becomes exactly the rows" {
	rows -n 200 --seed 9 --metadata other.jsonl
	head -n 60 base.jsonl | sed 's/"r/"s/' >more.jsonl
	tail -n 30 base.jsonl >kept.jsonl
	cat more.jsonl kept.jsonl >set.jsonl
	cel-build -q --no-index words --replace set.jsonl
	holds_exactly set.jsonl
	cel-build -q --no-index words --replace other.jsonl
	holds_exactly other.jsonl
	exits 0 cel-build --no-index words --replace other.jsonl
	[[ "$stderr" == *"nothing changed"* ]]
	cel-build -q --no-index words --replace - </dev/null
	[ "$(show_field words records)" = 0 ]
	refuses 64 "exclude" cel-build words --replace --delete base.ids base.jsonl
}

@test "--keep-metadata: rows without metadata leave what was there; without it they clear it" {
	head -n 100 base.jsonl | sed 's/,"metadata":.*}/}/' >bare.jsonl
	run ! grep -q metadata bare.jsonl
	exits 0 cel-build --no-index words --keep-metadata bare.jsonl
	[[ "$stderr" == *"nothing changed"* ]]
	rows -n 300 --seed 4 changed.jsonl
	python3 -c 'import json
old = {r["id"]: r for r in map(json.loads, open("base.jsonl"))}
with open("merged.jsonl", "w") as out:
    for line in open("changed.jsonl"):
        row = json.loads(line)
        if "metadata" in old.get(row["id"], {}): row["metadata"] = old[row["id"]]["metadata"]
        out.write(json.dumps(row) + "\n")'
	cel-build -q --no-index words --keep-metadata changed.jsonl
	holds_exactly merged.jsonl
	cel-build -q --no-index words --keep-metadata --replace bare.jsonl
	head -n 100 base.jsonl >first.jsonl
	holds_exactly first.jsonl
	cel-build -q --no-index words bare.jsonl
	holds_exactly bare.jsonl
}

@test "answers after deleting: what is gone never comes back, earlier commits still know it" {
	head -n 150 base.ids >gone
	cel-build -q words --delete gone
	rows -n 20 --seed 77 queries.jsonl
	cel-query words -k 10 queries.jsonl | cut -f 3 >now
	[ "$(wc -l <now)" -eq 200 ]
	run ! grep -qxFf gone now
	cel-query words~1 -k 10 queries.jsonl | cut -f 3 >then
	grep -qxFf gone then
}
