# SPDX-License-Identifier: Apache-2.0
# cel fsck: what is sound is said to be, what is not is named, with what it touches.
load helper

# a: three commits of inline vectors with metadata, some linked; b: linked vectors in data.mdb.
make_two() {
	make_store
	make_collection a
	local i
	for i in 1 2 3; do
		rows -n 150 -d 16 --seed $i --metadata --slice "$((i * 20)):" a.jsonl
		cel-build -q --no-index a a.jsonl
	done
	cel create -q --dim 100 b
	rows -n 60 -d 100 b.npy
	cel-build -q --no-index --id-prefix r b b.npy
	cel tag -q v1 a~1
	rows -n 1 -d 16 q.npy
	rows -n 150 -d 16 --slice 60: a.ids
	mv a.ids ids
}

# c: linked vectors in a segment, to which they go soon if there is little memory.
make_all() {
	make_two
	cel create -q --dim 600 c
	rows -n 250 -d 600 c.npy
	cel-build -q --no-index --memory 8M --id-prefix r c c.npy
	[ -n "$(ls store/segments)" ]
}

flip() {
	PYTHONDONTWRITEBYTECODE=1 python3 "$CLI/flip.py" "$@" 2>&1 | sed 's/^/# /' >&3
	return "${PIPESTATUS[0]}"
}

@test "1,000 random single-bit flips in live blocks: each is found and its block named" {
	make_all
	cel fsck --read-data
	flip fsck 1000 "$CEL_STORE"
	cel fsck --read-data
}

@test "no command prints data of a damaged block" {
	make_two
	flip shown 50 "$CEL_STORE" good
}

@test "no merge takes anything from a damaged node" {
	make_store
	make_collection x
	rows -n 4000 -d 16 all.jsonl
	cel-build -q --no-index x all.jsonl
	cel create -q y --from x
	rows -n 40 -d 16 --seed 5 some.jsonl
	cel-build -q --no-index x some.jsonl
	rows -n 4000 -d 16 --seed 6 --slice 3900: more.jsonl
	cel-build -q --no-index y more.jsonl
	flip merge 40 "$CEL_STORE"
}

@test "control: flips where no block is are no damage, and values are not read without --read-data" {
	make_all
	flip free 20 "$CEL_STORE"
	flip blind 20 "$CEL_STORE"
}

@test "a sound store: nothing on stdout, a summary on stderr" {
	make_store
	make_collection a
	make_collection b
	rows -n 2000 -d 16 one.jsonl
	cel-build -q a one.jsonl
	exits 0 cel fsck
	[ -z "$output" ]
	is_one_line "$stderr" "2 commits" "2 trees (0 absent)" "2000 records" "1 derived files" "0 findings"
	exits 0 cel fsck -q
	[ -z "$output$stderr" ]
	exits 0 cel fsck a a~1
	is_one_line "$stderr" "2 commits" "0 derived files"
	exits 0 cel fsck --json -q
	is_json_lines <<<"$output"
	[[ $output == '{"checked":{"commits":2,"absent_trees":0,"trees":2,'*'"damages":0}' ]]
	refuses 66 "nothing" cel fsck nothing
	refuses 66 "nothing" cel fsck a nothing
}

damage_block() { PYTHONDONTWRITEBYTECODE=1 python3 "$CLI/flip.py" one "$1" "$CEL_STORE"; }

@test "it says which revs a block touches" {
	make_store
	cel create -q --dim 100 words
	rows -n 40 -d 100 --seed 1 1.jsonl
	cel-build -q --no-index words 1.jsonl
	local i
	for i in 2 3 4; do
		rows -n 5 -d 100 --seed $i --slice "$i:$((i + 1))" more.jsonl
		cel-build -q --no-index words more.jsonl
	done
	cel create -q --from words~1 feature
	cel tag -q first words~3
	cel delete -q feature
	cel create -q --from words~1 feature
	local tree commit older
	tree=$(tree_of words~2)
	older=$(commit_of words~2)
	commit=$(commit_of words~1)
	damage_block "$tree"
	exits 74 cel fsck
	[ "$(cut -f 1-4 <<<"$output")" = "damaged	$tree	data.mdb	feature~1, words~2" ]
	exits 74 cel fsck words~2
	[ "$(cut -f 1-4 <<<"$output")" = "damaged	$tree	data.mdb	words~2" ]
	exits 0 cel fsck words words~1 words~3
	exits 74 cel fsck --json -q
	[[ $output == *"\"commits\":[\"$older\"]"* ]]
	is_json_lines <<<"$output"
	damage_block "$tree"
	cel fsck

	# a value that is there from the first commit to the last but one
	local value
	value=$(damage_block bafkrei)
	exits 0 cel fsck
	exits 74 cel fsck --read-data
	[ "$(cut -f 1-3 <<<"$output")" = "damaged	$value	data.mdb" ]
	[[ $(cut -f 4 <<<"$output") == *"words"*" older"* ]]
	[[ $(cut -f 5 <<<"$output") == "record 'r"*"do not match"* ]]
	damage_block bafkrei

	# a commit: what it leads to is found by other ways, if there are any
	damage_block "$commit"
	exits 74 cel fsck
	[ "$(cut -f 1-4 <<<"$output")" = "damaged	$commit	data.mdb	feature, words~1" ]
	damage_block "$commit"
	cel fsck --read-data
}

@test "damaged, cut and missing segments, and an unreferenced one" {
	make_store
	cel create -q --dim 600 c
	rows -n 2500 -d 600 big.npy
	cel-build -q --no-index --id-prefix x c big.npy
	local segment name
	segment=$(find store/segments -type f -size +4M | head -n 1)
	name=segments/$(basename "$segment")
	exits 0 cel fsck --read-data c
	cp "$segment" good.car

	printf 'X' | dd of="$segment" bs=1 seek=3000000 conv=notrunc status=none
	exits 74 cel fsck --read-data -q
	[ "$(wc -l <<<"$output")" -eq 1 ]
	[[ $output == damaged$'\t'bafkrei*$'\t'"$name"$'\t'c$'\t'"record 'x"* ]]
	cp good.car "$segment"

	printf 'X' | dd of="$segment" bs=1 seek=$(($(stat -c %s "$segment") - 100)) conv=notrunc status=none
	exits 74 cel fsck -q
	[[ $output == *"damaged	-	$name	-	"*"its index does not match its name"* ]]
	cp good.car "$segment"

	truncate -s 1000000 "$segment"
	exits 74 cel fsck -q
	[ "$(grep -c '^missing' <<<"$output")" -eq 2500 ]
	[[ $output == *"damaged	-	$name	-	"* ]]
	rm "$segment"
	exits 74 cel fsck
	[ "$(grep -c '^missing	bafkrei' <<<"$output")" -eq 2500 ]
	[[ $stderr == *"2500 findings"*"2500 blocks or files are damaged"* ]]
	cp good.car "$segment"

	cel init -q other
	cel create -q --store other --dim 600 c
	rows -n 2500 -d 600 --seed 2 big.npy
	cel-build -q --store other --no-index --id-prefix x c big.npy
	cp other/segments/*.car store/segments/
	segment=$(basename other/segments/*.car)
	printf 'X' | dd of="store/segments/$segment" bs=1 seek=3000000 conv=notrunc status=none
	exits 0 cel fsck --read-data
	is_one_line "$stderr" "2 segments" "0 findings"
}

@test "a damaged index file is found, and how to mend it" {
	make_store
	make_collection c
	rows -n 600 one.jsonl
	cel-build -q c one.jsonl
	local file
	file=$(index_file c)
	printf 'X' | dd of="$file" bs=1 seek=$(($(stat -c %s "$file") - 2000)) conv=notrunc status=none
	exits 74 cel fsck
	[[ $output == "damaged	-	index/$(basename "$file")	c	"*"'cel index'"* ]]
	cel index c
	cel fsck
	printf 'X' | dd of="$file" bs=1 seek=20 conv=notrunc status=none
	exits 74 cel fsck
	rm "$file"
	cel fsck
}

# marks STORE: how often it says that all its trees are regular
marks() { mdb_dump -p -s meta "$1" | grep -c '^ regular$' || true; }

@test "a tree in which a run over the cap was cut, in a store that is marked as one without" {
	make_store
	cel create -q --dim 2 honest
	seq 1000 1999 | sed 's/.*/{"id":"&","vector":[&,1]}/' | cel-build -q --no-index honest -
	[ "$(marks store)" -eq 1 ]
	mdb_dump -s meta store >mark
	cel create -q --dim 2 made-up
	python3 "$CLI/hostile.py" 500 >made-up.jsonl
	cel-build -q --no-index made-up made-up.jsonl
	[ "$(marks store)" -eq 0 ]
	exits 0 cel fsck
	is_one_line "$stderr" "0 findings"

	mdb_load -f mark -s meta store
	[ "$(marks store)" -eq 1 ]
	cel create -q --from made-up later
	echo '{"id":"00100","vector":[1,2]}' | cel-build -q --no-index later -
	mdb_load -f mark -s meta store
	exits 74 cel fsck
	[ "$(wc -l <<<"$output")" -eq 1 ]
	[[ $output == "wrong	-	data.mdb	later	tree $(tree_of later) has a run of more than 392 ids"*"as 1 more have"*"'cel clone'"* ]]
	exits 74 cel fsck made-up
	[[ $output == "wrong	-	data.mdb	made-up	tree $(tree_of made-up) has a run"* ]]
	[[ $output != *"more have"* ]]
	exits 0 cel fsck honest

	# what it says to do
	cel clone -q store copy
	[ "$(marks copy)" -eq 0 ]
	CEL_STORE=copy exits 0 cel fsck
	is_one_line "$stderr" "0 findings"
	cel clone -q store honest-copy honest
	[ "$(marks honest-copy)" -eq 1 ]
}
