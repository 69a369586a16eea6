# SPDX-License-Identifier: Apache-2.0
# --memory bounds what cel-build takes, whatever the size and order of its input.
load helper

ROWS=65536

prepare() {
	is_sanitized && skip "shadow memory counts too"
	make_store
	make_collection c --dim 256
	# 64 MiB of f32 between 2 and 4, and ids in order and out of it.
	python3 - $ROWS <<-'EOF'
		import random, sys
		n, source = int(sys.argv[1]), random.Random(1)
		rows = bytearray(1024 * n)
		for at in 1, 5, 9, 13, 17, 1021:
		    rows[at::1024] = source.randbytes(n)
		rows[3::4] = b"\x40" * (256 * n)
		names = ["%07d\n" % i for i in range(n)]
		open("base", "wb").write(rows)
		open("ids", "w").writelines(names)
		order = list(range(n))
		source.shuffle(order)
		with open("shuffled", "wb") as out:
		    out.writelines(rows[1024 * i:1024 * (i + 1)] for i in order)
		open("shuffled.ids", "w").writelines(names[i] for i in order)
	EOF
}

# build MEMORY OPTION...: sets PEAK (KiB)
build() {
	local memory=$1
	shift
	PEAK=$(python3 "$CLI/peak.py" cel-build -q --no-index --memory "$memory" --raw f32 --dim 256 "$@")
	echo "# $memory $*: $PEAK KiB" >&3
}

@test "64 MiB within 8M: sorted, shuffled, from a pipe, again, and all of it deleted" {
	local tree
	build 8M --ids ids c base
	[ "$PEAK" -le 8192 ]
	tree=$(tree_of c)
	[ "$(show_field c records)" = $ROWS ]
	build 8M --ids ids c base # nothing changes
	[ "$PEAK" -le 8192 ]
	[ "$(tree_of c)" = "$tree" ]
	make_collection d --dim 256
	build 8M --ids shuffled.ids -j 4 d - <shuffled
	[ "$PEAK" -le 8192 ]
	[ "$(tree_of d)" = "$tree" ]
	PEAK=$(python3 "$CLI/peak.py" cel-build -q --no-index --memory 8M --delete shuffled.ids d)
	[ "$PEAK" -le 8192 ]
	[ "$(show_field d records)" = 0 ]
	[ -z "$(find store/tmp -type f)" ]
}

@test "control: what is allowed is taken, and seen" {
	build 64M --ids shuffled.ids c shuffled
	[ "$PEAK" -gt 16384 ]
	[ "$PEAK" -le 65536 ]
}

@test "less than 8M is refused" {
	exits 64 cel-build --memory 7M --no-index c base
	[[ $stderr == *"8388608 bytes (8M)"* ]]
}
