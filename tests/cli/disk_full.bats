# SPDX-License-Identifier: Apache-2.0
# A full disk: exit 74 and "no space", the store stays readable, and the build succeeds after space was made.
load helper

prepare() {
	[ "$(id -u)" -eq 0 ] || skip "root is needed to mount a small file system"
	mkdir disk
	mount -t tmpfs -o size=24m tmpfs disk 2>/dev/null || skip "no file system can be mounted here"
	cel init -q disk/store
	export CEL_STORE=$PWD/disk/store
	cel create -q --dim 64 c
	rows -n 500 -d 64 small.npy
	cel-build -q --id-prefix s c small.npy
	HEAD=$(commit_of c)
}

teardown() {
	cd /
	if mountpoint -q "$BATS_TEST_TMPDIR/disk"; then umount "$BATS_TEST_TMPDIR/disk"; fi
}

# fill KIB: leaves so much free
fill() {
	local free
	free=$(df --output=avail -k disk | tail -n 1)
	head -c $(((free - $1) * 1024)) /dev/zero >disk/ballast
}

# unharmed: the old state is there, whole, and answers
unharmed() {
	[ "$(commit_of c)" = "$HEAD" ]
	exits 0 cel fsck --read-data
	[ "$(show_field c records)" = 500 ]
	exits 0 cel get c s7
	exits 0 cel-query -k 1 --by-id s7 c
	exits 0 cel list
}

no_space() {
	exits 74 "$@"
	is_one_line "$stderr" "cel" "no space left"
}

@test "while the tree is written: small batch, large batch, then space is made" {
	rows -n 3000 -d 64 --seed 2 --metadata medium.jsonl
	rows -n 90000 -d 64 --seed 3 large.npy
	fill 100
	no_space cel-build --no-index c medium.jsonl
	unharmed
	no_space cel-build --no-index c medium.jsonl
	unharmed
	no_space cel-build --no-index --id-prefix l c large.npy
	unharmed
	rm disk/ballast
	no_space cel-build --no-index --id-prefix l c large.npy
	unharmed
	exits 0 cel-build -q c medium.jsonl
	[ "$(commit_of c)" != "$HEAD" ]
	HEAD=$(commit_of c)
	mount -o remount,size=120m disk
	exits 0 cel-build -q --no-index --id-prefix l c large.npy
	exits 0 cel fsck
	[ "$(show_field c records)" = 93500 ]
}

@test "while rows are sorted on disk" {
	rows -n 60000 -d 64 --seed 3 large.npy
	fill 1000
	no_space cel-build --no-index --memory 8M --id-prefix l c large.npy
	unharmed
	rm disk/ballast
	[ -z "$(find disk/store/tmp -type f)" ]
}

@test "while a segment is written" {
	cel create -q --dim 300 wide
	rows -n 25000 -d 300 --seed 3 wide.npy
	exits 74 cel-build --no-index --memory 64M --id-prefix w wide wide.npy
	[[ $stderr == *"no space left"* ]]
	cel delete -q wide
	unharmed
	mount -o remount,size=120m disk
	cel create -q --dim 300 wide
	exits 0 cel-build -q --no-index --id-prefix w wide wide.npy
	exits 0 cel fsck wide
}

@test "while the index is written: the commit stands, and 'cel index' mends it" {
	rows -n 4000 -d 64 --seed 2 medium.npy
	cel-build -q --no-index --id-prefix m c medium.npy
	fill 300
	exits 74 cel index c
	is_one_line "$stderr" "no space left"
	exits 0 cel-query -k 1 --by-id m5 c
	rows -n 10 -d 64 --seed 5 few.npy
	exits 74 cel-build --id-prefix f c few.npy
	[[ $stderr == *"no space left"* ]]
	exits 0 cel fsck
	rm disk/ballast
	exits 0 cel index c
	exits 0 cel-query -k 1 --ef 10 --by-id m5 c
	[ -z "$(find disk/store -name '*tmp*' -type f)" ]
}

@test "with no free block at all: reading, deleting, and a new build later" {
	fill 0
	unharmed
	run cel create -q --dim 2 new
	[ "$status" -eq 74 ] || [ "$status" -eq 0 ]
	exits 0 cel list
	rm disk/ballast
	run cel delete -q new
	exits 0 cel-build -q --id-prefix t c small.npy
	exits 0 cel fsck
	[ "$(show_field c records)" = 1000 ]
}

@test "init on a full disk leaves nothing that looks like a store" {
	fill 8
	run --separate-stderr cel init disk/new
	[ "$status" -ne 0 ]
	rm disk/ballast
	rm -rf disk/new
	exits 0 cel init disk/new
}

@test "while another store is merged, a patch applied" {
	cel init -q other
	cel create -q --store other --dim 64 c
	cel-merge -q --no-index --store other c disk/store:c
	rows -n 3000 -d 64 --seed 2 --metadata medium.jsonl
	rows -n 60000 -d 64 --seed 3 large.npy
	cel-build -q --no-index --store other c medium.jsonl
	cel-diff --store other --patch c >patch || true
	cel-build -q --no-index --store other --id-prefix l c large.npy
	fill 100
	no_space cel-merge --no-index c ./other:c~1
	unharmed
	no_space cel-merge --no-index c ./other:c
	unharmed
	no_space cel-merge --no-index --patch patch c
	unharmed
	rm disk/ballast
	exits 0 cel-merge -q --no-index --patch patch c
	cel fsck -q c
	[ "$(show_field c records)" = 3500 ]
}
