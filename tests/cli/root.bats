# SPDX-License-Identifier: Apache-2.0
# The same set of records has the same root CID and the same index file, however it was put in.
load helper

prepare() {
	make_store
	rows -n 700 --metadata base.jsonl base.ids
	make_collection base
	cel-build -q base base.jsonl
	WANTED=$(tree_of base)
}

# same_tree FILE...: a new collection of these files has the tree of `base`
same_tree() {
	make_collection same
	cel-build -q "$@"
	[ "$(tree_of same)" = "$WANTED" ]
	cel delete -q same
}

@test "control: another id, another element, other metadata give another tree" {
	local i=0 change
	for change in 's/"r1"/"r1x"/' 's/"vector":\[[^,]*,/"vector":[3.875,/' 's/"n":0,/"n":9,/'; do
		i=$((i + 1))
		sed "$change" base.jsonl >other.jsonl
		cmp -s base.jsonl other.jsonl && return 1
		make_collection "other$i"
		cel-build -q "other$i" other.jsonl
		[ "$(tree_of "other$i")" != "$WANTED" ]
	done
}

@test "any order of the rows" {
	local seed
	for seed in 1 2 3; do
		rows -n 700 --metadata --shuffle "$seed" mixed.jsonl
		same_tree same mixed.jsonl
	done
	tac base.jsonl >reversed.jsonl
	same_tree same reversed.jsonl
}

@test "any batches: one build of several files, several builds, builds that replace" {
	rows -n 700 --metadata --shuffle 7 mixed.jsonl
	split -n l/5 mixed.jsonl part.
	same_tree same part.*
	make_collection many
	local part
	for part in part.*; do
		cel-build -q --no-index many "$part"
	done
	[ "$(tree_of many)" = "$WANTED" ]
	make_collection twice
	rows -n 700 --seed 2 wrong.jsonl
	cel-build -q --no-index twice wrong.jsonl
	[ "$(tree_of twice)" != "$WANTED" ]
	cel-build -q twice base.jsonl
	[ "$(tree_of twice)" = "$WANTED" ]
}

@test "any threads, both readers, little memory, file or pipe" {
	same_tree -j 1 same base.jsonl
	same_tree -j 2 same base.jsonl
	CEL_IO=read same_tree same base.jsonl
	CEL_IO=read same_tree same - <base.jsonl
	cat base.jsonl | same_tree same
	same_tree --memory 8M same base.jsonl
	if CEL_IO=uring exits 0 cel-build -q base base.jsonl; then
		CEL_IO=uring same_tree same base.jsonl
		cat base.jsonl | CEL_IO=uring same_tree same -
	else
		echo "# no io_uring here: $stderr" >&3
	fi
}

@test "sorting on disk gives the same tree as sorting in memory" {
	rows -n 30000 -d 64 --shuffle 3 large.npy large.ids
	make_collection large --dim 64
	cel-build -q --no-index --ids large.ids large large.npy
	make_collection small --dim 64
	cel-build -q --no-index --memory 8M --ids large.ids small large.npy
	[ "$(tree_of large)" = "$(tree_of small)" ]
	exits 0 find store/tmp -type f
	[ -z "$output" ]
}

@test "JSON Lines, .npy of each type and .fvecs of the same floats" {
	rows -n 700 plain.jsonl f4.npy plain.fvecs plain.ids
	make_collection plain
	cel-build -q plain plain.jsonl
	WANTED=$(tree_of plain)
	same_tree --ids plain.ids same f4.npy
	same_tree --id-prefix r same f4.npy
	same_tree --id-prefix r same plain.fvecs
	same_tree --id-prefix r --format fvecs same - <plain.fvecs
	same_tree --id-prefix r same - <f4.npy
	local npy
	for npy in f2 f8; do
		rows -n 700 --npy $npy $npy.npy
		same_tree --id-prefix r same $npy.npy
	done
	tr '\n' '\0' <plain.ids >null.ids
	same_tree -0 --ids null.ids same f4.npy
}

@test "integers from .npy, .bvecs and JSON Lines" {
	rows -n 300 --kind u8 --npy u1 u.npy u.bvecs u.jsonl
	make_collection u --type u8
	cel-build -q --id-prefix r u u.npy
	make_collection v --type u8
	cel-build -q --id-prefix r v u.bvecs
	[ "$(tree_of u)" = "$(tree_of v)" ]
	cel delete -q v
	make_collection v --type u8
	cel-build -q v u.jsonl
	[ "$(tree_of u)" = "$(tree_of v)" ]
	rows -n 300 --kind i8 --npy i1 i.npy i.jsonl
	make_collection i --type i8
	cel-build -q --id-prefix r i i.npy
	make_collection j --type i8
	cel-build -q j i.jsonl
	[ "$(tree_of i)" = "$(tree_of j)" ]
}

@test "vectors in segments: the same tree in one large batch and in many small ones" {
	rows -n 5600 -d 200 --shuffle 1 large.npy large.ids
	make_collection large --dim 200
	cel-build -q --no-index --ids large.ids large large.npy
	exits 0 find store/segments -type f -size +4M
	[ -n "$output" ]
	cel fsck -q large
	cel init -q other
	cel create -q --store other small --dim 200
	local slice
	for slice in :2800 2800:; do
		rows -n 5600 -d 200 --shuffle 1 --slice $slice part.npy part.ids
		cel-build -q --store other --no-index --ids part.ids small part.npy
	done
	exits 0 find other/segments -type f -size +4M
	[ -z "$output" ]
	[ "$(cel show --store other small | sed -n 's/^tree\t//p')" = "$(tree_of large)" ]
	cel fsck --store other small
}

@test "a second build of the same rows makes no commit" {
	local before
	before=$(commit_of base)
	exits 0 cel-build base base.jsonl
	is_one_line "$stderr" "nothing changed" "no commit"
	[ "$(commit_of base)" = "$before" ]
	exits 0 cel log base
	[ "${#lines[@]}" -eq 2 ]
	cel-build -q --json base base.jsonl | grep -q '"is_committed":false.*"unchanged":700'
}

@test "an empty build makes no commit" {
	local before
	before=$(commit_of base)
	: >empty.jsonl
	exits 0 cel-build base empty.jsonl
	exits 0 cel-build base - </dev/null
	[ "$(commit_of base)" = "$before" ]
}

# index_copy FILE OPTION...: builds the index of `base` anew, alone, and keeps it
index_copy() {
	local copy=$1
	shift
	rm -f store/index/*
	cel index -q base "$@"
	cp store/index/* "$copy"
}

@test "the index file is the same for 1 and 2 threads and every instruction set" {
	local simd type
	index_copy wanted
	index_copy one -j 1
	cmp wanted one
	index_copy two -j 2
	cmp wanted two
	for simd in $(simd_names); do
		CEL_SIMD=$simd index_copy "$simd"
		cmp wanted "$simd"
	done
	simd_names | grep -q scalar
}

@test "the index file is the same for every element type and metric, by every instruction set" {
	local type metric simd kind file simds
	simds=$(simd_names)
	for type in f32 f16 bf16 i8 u8; do
		case $type in i8 | u8) kind=$type ;; *) kind=f32 ;; esac
		rows -n 300 -d 33 --kind $kind set.jsonl
		for metric in l2 ip cosine; do
			cel create -q --dim 33 --type $type --metric $metric $type$metric
			cel-build -q -j 1 $type$metric set.jsonl
			file=$(index_file $type$metric)
			mv "$file" wanted
			for simd in $simds; do
				rm -f "$file"
				CEL_SIMD=$simd cel index -q -j 2 $type$metric
				cmp wanted "$file"
			done
		done
	done
}

@test "the index does not depend on history, and parameters change it" {
	make_collection again
	rows -n 700 --seed 5 other.jsonl
	cel-build -q again other.jsonl
	cel-build -q again base.jsonl
	[ "$(tree_of again)" = "$WANTED" ]
	[ "$(index_file again)" = "$(index_file base)" ]
	index_copy wanted
	index_copy other --M 8
	! cmp -s wanted other
}
