# SPDX-License-Identifier: Apache-2.0
# What a merge brings along from another store: its commits, and every state that they were in.
load helper

prepare() {
	make_store
	cel init -q other
	for store in "$CEL_STORE" other; do cel create -q --store "$store" --dim 80 words; done
}

# change STORE PREFIX FIRST LAST: records of 320 bytes, so that vectors are linked, not inline
change() {
	python3 -c 'import sys
prefix, first, last = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
for i in range(first, last + 1):
    print("{\"id\":\"%s%04d\",\"vector\":%s}" % (prefix, i, [first + i / 16] * 80))' "$2" "$3" "$4" |
		cel-build -q --no-index --store "$1" words -
}

@test "import: every state of the other history is here afterwards" {
	for i in 1 2 3 4 5; do change other a $((i * 50)) $((i * 90)); done
	seq -f 'a%04g' 100 150 | cel-build -q --no-index --store other --delete - words
	exits 0 cel merge -q --no-index words ./other:words
	for i in 0 1 2 3 4 5; do exits 0 cel-diff "words~$i" "./other:words~$i"; done
	exits 0 cel fsck --read-data
	change "$CEL_STORE" b 1 5
	change other a 1 500
	change other a 7 8
	exits 0 cel merge -q --no-index words ./other:words
	theirs=$(cel show --store other words~1 | awk -F '\t' '$1 == "commit" { print $2 }')
	exits 0 cel-diff "$theirs" ./other:words~1
	exits 0 cel fsck --read-data
}

@test "import: a tree that was forgotten there is missing here, the ones around it are not" {
	for i in 1 2 3 4; do change other a $((i * 50)) $((i * 90)); done
	cel tag -q --store other old words~2
	cel forget -q --store other --keep-last 1 words
	exits 0 cel merge -q --no-index words ./other:words
	exits 0 cel-diff words ./other:words
	exits 0 cel-diff words~2 ./other:words@old
	exits 69 cel get words~1 a0100
	exits 0 cel log words
	[ "$(cut -f 3 <<<"$output" | tr '\n' ' ')" = "$(cel log --store other words | cut -f 3 | tr '\n' ' ')" ]
	exits 0 cel fsck --read-data
}

@test "import: leaves that are taken as they are have come along" {
	change other a 1 2000
	exits 0 cel merge -q --no-index words ./other:words
	for i in 40 400 800 1600; do
		change other a $i $((i + 1))
		change "$CEL_STORE" a $((i + 200)) $((i + 201))
	done
	exits 0 cel merge -q --no-index words ./other:words
	cel get words a0040 a0240 a1601 >got
	cel get --store other words a0040 a1601 >theirs
	cmp theirs <(sed 2d got)
	mv other gone
	exits 0 cel fsck --read-data
	[ "$(cel export words | wc -l)" -eq 2000 ]
}

@test "import: what the other store has damaged does not come over" {
	for i in 1 2 3; do change other a $((i * 50)) $((i * 90)); done
	before=$(commit_of words)
	python3 - "$(cel get --store other words a0100)" <<-'END'
	import json, struct, sys
	vector = struct.pack("<80f", *json.loads(sys.argv[1])["vector"])
	with open("other/data.mdb", "r+b") as f:
	    data = f.read()
	    at = data.find(vector)
	    assert at >= 0
	    while at >= 0:  # pages that are no longer in use may have it too
	        f.seek(at + 40)
	        f.write(bytes([data[at + 40] ^ 1]))
	        at = data.find(vector, at + 1)
	END
	exits 74 cel merge --no-index words ./other:words
	[ "$(commit_of words)" = "$before" ]
	exits 0 cel fsck --read-data
}
