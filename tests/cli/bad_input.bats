# SPDX-License-Identifier: Apache-2.0
# Bad data never gets in: exit 65, one line that names file, row and reason, no commit. --skip-bad and --duplicates.
load helper

prepare() {
	make_store
	make_collection c --dim 3
	make_collection cosine --dim 3 --metric cosine
	make_collection bytes --dim 3 --type u8
	make_collection half --dim 3 --type f16
	printf '{"id":"first","vector":[1,2,3]}\n' | cel-build -q c
	HEAD=$(commit_of c)
}

# lines_file TEXT...: a file of JSON Lines with a good row before and behind the given ones
lines_file() {
	printf '{"id":"good1","vector":[1,2,3]}\n' >in.jsonl
	printf '%s\n' "$@" >>in.jsonl
	printf '{"id":"good2","vector":[3,2,1]}\n' >>in.jsonl
}

# rejects_line COLLECTION REASON TEXT: the second line is bad, for that reason, by both readers; --skip-bad keeps the rest
rejects_line() {
	local collection=$1 reason=$2 before
	before=$(commit_of "$collection")
	lines_file "$3"
	CEL_IO=read refuses 65 "in.jsonl: line 2|$reason" cel-build "$collection" in.jsonl
	refuses 65 "line 2|$reason" cel-build "$collection" - <in.jsonl
	[ "$(commit_of "$collection")" = "$before" ]
}

# rejects_file REASON COMMAND...
rejects_file() {
	local reason=$1
	shift
	refuses 65 "$reason" "$@"
	[ "$(commit_of c)" = "$HEAD" ]
	exits 0 cel fsck c
}

@test "control: the checker of messages notices what is missing" {
	is_one_line "cel-build: in.jsonl: line 2: NaN" in.jsonl "line 2" NaN
	run ! is_one_line "cel-build: line 2: NaN" in.jsonl
	run ! is_one_line $'cel-build: in.jsonl: line 2\nNaN' in.jsonl
	run ! is_one_line "" ""
	run ! refuses 65 "line 2" true
	run ! refuses 65 "line 3" sh -c 'echo "cel: line 2" >&2; exit 65'
	run ! refuses 65 "line 2" sh -c 'echo "cel: line 2" >&2; exit 64'
	run ! refuses 65 "line 2" sh -c 'echo "cel: line 2" >&2; echo out; exit 65'
	refuses 65 "line 2" sh -c 'echo "cel: line 2" >&2; exit 65'
}

@test "a good file gets in" {
	lines_file '{"id":"x","vector":[0,-0.0,1e-45],"metadata":{"a":[null,true]}}' ''
	exits 0 cel-build c in.jsonl
	[ "$(commit_of c)" != "$HEAD" ]
}

@test "wrong numbers" {
	rejects_line c "element 2" '{"id":"x","vector":[1,NaN,3]}'
	rejects_line c "element 2" '{"id":"x","vector":[1,Infinity,3]}'
	rejects_line c "element 2" '{"id":"x","vector":[1,1e400,3]}'
	rejects_line c "element 2" '{"id":"x","vector":[1,1e39,3]}'
	rejects_line c "element 3" '{"id":"x","vector":[1,2,"3"]}'
	rejects_line c "element 1" '{"id":"x","vector":[null,2,3]}'
	rejects_line half "element 1" '{"id":"x","vector":[70000,2,3]}'
	rejects_line bytes "element 2" '{"id":"x","vector":[1,256,3]}'
	rejects_line bytes "element 2" '{"id":"x","vector":[1,-1,3]}'
	rejects_line bytes "element 2" '{"id":"x","vector":[1,2.5,3]}'
	rejects_line cosine "zero" '{"id":"x","vector":[0,0,-0.0]}'
}

@test "NaN and infinity in binary files" {
	local name
	python3 - "$CLI" <<-'END'
		import struct, sys
		sys.path.insert(0, sys.argv[1])
		import rows
		for name, bad in (("nan", float("nan")), ("inf", float("inf")), ("minus", float("-inf"))):
		    values = [[1, 2, 3], [4, bad, 6], [7, 8, 9]]
		    for descr in ("f2", "f4", "f8"):
		        rows.write("%s-%s.npy" % (name, descr), [], values, 3, descr)
		    rows.write(name + "-.fvecs", [], values, 3)
		rows.write("zero.npy", [], [[1, 2, 3], [0, 0, 0]], 3)
		rows.write("large.npy", [], [[1, 2, 3], [1e300, 0, 0]], 3, "f8")
	END
	for name in nan-f2.npy nan-f4.npy nan-f8.npy nan-.fvecs; do
		rejects_file "$name: row 2|element 2|NaN" cel-build --id-prefix p c "$name"
	done
	for name in inf-f2.npy inf-f4.npy inf-f8.npy inf-.fvecs minus-f4.npy; do
		rejects_file "$name: row 2|element 2|infinit" cel-build --id-prefix p c "$name"
	done
	rejects_file "zero.npy: row 2|zero" cel-build --id-prefix p cosine zero.npy
	rejects_file "large.npy: row 2|element 1" cel-build --id-prefix p c large.npy
}

@test "wrong dimension" {
	rejects_line c "2 elements" '{"id":"x","vector":[1,2]}'
	rejects_line c "4 elements" '{"id":"x","vector":[1,2,3,4]}'
	rejects_line c "0 elements" '{"id":"x","vector":[]}'
	rows -n 4 -d 5 five.npy five.fvecs
	rejects_file "five.npy|dimension is 5" cel-build --id-prefix p c five.npy
	rejects_file "five.fvecs: row 1|dimension is 5" cel-build --id-prefix p c five.fvecs
	rows -n 2 -d 3 three.fvecs
	cat three.fvecs five.fvecs >mixed.fvecs
	rejects_file "mixed.fvecs: row 3|dimension is 5" cel-build --id-prefix p c mixed.fvecs
}

@test "bad ids" {
	local long
	long=$(printf 'x%.0s' {1..513})
	rejects_line c "empty" '{"id":"","vector":[1,2,3]}'
	rejects_line c "control" '{"id":"a\tb","vector":[1,2,3]}'
	rejects_line c "control" '{"id":"a\u0000b","vector":[1,2,3]}'
	rejects_line c "control" '{"id":"a\u0085b","vector":[1,2,3]}'
	rejects_line c "513 bytes" "{\"id\":\"$long\",\"vector\":[1,2,3]}"
	rejects_line c "" $'{"id":"\xff\xfe","vector":[1,2,3]}'
	rejects_line c "" '{"id":"\ud800","vector":[1,2,3]}'
	rejects_line c "no string" '{"id":7,"vector":[1,2,3]}'
	rejects_line c "no id" '{"vector":[1,2,3]}'
	lines_file "{\"id\":\"${long:1}\",\"vector\":[1,2,3]}"
	exits 0 cel-build c in.jsonl
}

@test "bad ids from --ids: which row, and too many or too few" {
	rows -n 3 -d 3 v.npy
	printf 'a\n\nc\n' >ids
	rejects_file "v.npy: row 2|empty" cel-build --ids ids c v.npy
	printf 'a\nb\xff\nc\n' >ids
	rejects_file "v.npy: row 2|UTF-8" cel-build --ids ids c v.npy
	printf 'a\nb\001\nc\n' >ids
	rejects_file "v.npy: row 2|control" cel-build --ids ids c v.npy
	printf 'a\nb\n' >ids
	rejects_file "v.npy|3 rows|2 ids" cel-build --ids ids c v.npy
	printf 'a\nb\nc\nd\n' >ids
	rejects_file "v.npy|3 rows|4 ids" cel-build --ids ids c v.npy
	head -c 3000000 /dev/zero | tr '\0' x >ids
	rejects_file "v.npy|" cel-build --ids ids c v.npy
	rejects_file "v.npy: row 1|control" cel-build --id-prefix $'p\001' c v.npy
	printf 'a\r\nb\r\nc' >ids
	exits 0 cel-build --ids ids c v.npy
	exits 0 cel get c a b c
}

@test "a duplicate id names both rows" {
	printf '{"id":"%s","vector":[1,2,3]}\n' a b c b >in.jsonl
	rejects_file "in.jsonl: row 4|'b'|in.jsonl: row 2" cel-build c in.jsonl
	printf '{"id":"c","vector":[1,2,3]}\n' >more.jsonl
	head -n 3 in.jsonl >one.jsonl
	rejects_file "more.jsonl: row 1|'c'|one.jsonl: row 3" cel-build c one.jsonl more.jsonl
	rows -n 3 -d 3 v.npy
	printf 'a\nb\na\n' >ids
	rejects_file "v.npy: row 3|'a'|v.npy: row 1" cel-build --ids ids c v.npy
}

@test "--duplicates=first and =last" {
	printf '{"id":"%s","vector":[%d,0,0]}\n' a 1 b 2 a 3 a 4 >in.jsonl
	exits 0 cel-build --duplicates=first c in.jsonl
	[[ $stderr == *"2 rows of an id"* ]]
	exits 0 cel get c a
	[ "$output" = '{"id":"a","vector":[1,0,0]}' ]
	exits 0 cel-build -q --json --duplicates last c in.jsonl
	[[ $output == *'"duplicates":2'* ]]
	exits 0 cel get c a
	[ "$output" = '{"id":"a","vector":[4,0,0]}' ]
	refuses 64 "none of error, first, last" cel-build --duplicates=all c in.jsonl
}

@test "JSON that stops half-way, wrong types, unknown and double keys" {
	rejects_line c "" '{"id":"x","vector":[1,2'
	rejects_line c "" '{"id":"x"'
	rejects_line c "" '{"id":"x","vector":[1,2,3]} trailing'
	rejects_line c "" '{"id":"x","vector":[1,2,3],}'
	rejects_line c "" "{'id':'x','vector':[1,2,3]}"
	rejects_line c "vectr" '{"id":"x","vectr":[1,2,3]}'
	rejects_line c "unknown key" '{"id":"x","vector":[1,2,3],"extra":1}'
	rejects_line c "twice" '{"id":"x","id":"y","vector":[1,2,3]}'
	rejects_line c "vector" '{"id":"x"}'
	rejects_line c "vector" '{"id":"x","vector":"1,2,3"}'
	rejects_line c "vector" '{"id":"x","vector":{"0":1}}'
	rejects_line c "" '{"id":"x","vector":[[1,2,3]]}'
	rejects_line c "metadata" '{"id":"x","vector":[1,2,3],"metadata":[1]}'
	rejects_line c "twice" '{"id":"x","vector":[1,2,3],"metadata":{"a":1,"a":2}}'
	rejects_line c "" '[1,2,3]'
	rejects_line c "" '"text"'
	rejects_line c "" $'{"id":"x","vector":[1,2,3],"metadata":{"a":"\xc3\x28"}}'
	rows -n 3 -d 3 in.jsonl
	truncate -s -12 in.jsonl
	rejects_file "in.jsonl: line 3" cel-build c in.jsonl
}

@test "deep JSON and long lines" {
	python3 -c 'print("{\"id\":\"x\",\"vector\":[1,2,3],\"metadata\":" + "{\"a\":" * 100000 + "1" + "}" * 100000 + "}")' >deep.jsonl
	rejects_file "deep.jsonl: line 1" cel-build c deep.jsonl
	python3 -c 'print("{\"id\":\"x\",\"vector\":[1,2,3],\"metadata\":{\"a\":\"" + "y" * (2 << 20) + "\"}}")' >long.jsonl
	rejects_file "long.jsonl: line 1" cel-build c long.jsonl
	head -c 40000000 /dev/zero | tr '\0' ' ' >blank.jsonl
	printf '{"id":"x","vector":[1,2,3]}' >>blank.jsonl
	exits 65 cel-build c --format jsonl blank.jsonl
}

@test "a truncated .npy and .fvecs, at every place" {
	local size
	rows -n 3 -d 3 v.npy v.fvecs
	for size in 1 6 9 11 40 127 129 140 150 163; do
		head -c $size v.npy >cut.npy
		rejects_file "cut.npy" cel-build --id-prefix p c cut.npy
		CEL_IO=read rejects_file "-" cel-build --id-prefix p --format npy c - <cut.npy
	done
	rejects_file "cut.npy: row 3|truncated" cel-build --id-prefix p c cut.npy
	for size in 1 3 5 15 17 47; do
		head -c $size v.fvecs >cut.fvecs
		rejects_file "cut.fvecs: row|truncated" cel-build --id-prefix p c cut.fvecs
	done
}

# npy FILE SHAPE [DESCR [ORDER]]: a header of that, with the data of 3 rows of 3 floats
npy() {
	python3 - "$CLI" "$@" <<-'END'
		import sys
		sys.path.insert(0, sys.argv[1])
		import rows
		path, shape, descr, order = (sys.argv[2:] + ["<f4", "False"][len(sys.argv) - 4:])[:4]
		with open(path, "wb") as out:
		    out.write(rows.npy_header(descr, shape, fortran=order))
		    out.write(bytes(36))
	END
}

@test "a header that lies about its shape or is none" {
	local shape
	npy good.npy "(3, 3)"
	exits 0 cel-build --no-index --id-prefix g c good.npy
	HEAD=$(commit_of c)
	for shape in "(4, 3)" "(2, 3)" "(3, 2)" "(3, 3, 1)" "()" "(0, 3)" "(-3, 3)" "(3.0, 3)" "(3" "3" "(99999999999999999999, 3)" \
		"(1099511627776, 3)" "(4611686018427387904, 3)" "(3, 1099511627776)" "(1537228672809129302, 3)"; do
		npy lie.npy "$shape"
		rejects_file "lie.npy" cel-build --id-prefix p c lie.npy
	done
	npy type.npy "(3, 3)" "<i8"
	rejects_file "type.npy|i8" cel-build --id-prefix p c type.npy
	npy type.npy "(3, 3)" "|O"
	rejects_file "type.npy" cel-build --id-prefix p c type.npy
	npy order.npy "(3, 3)" "<f4" True
	rejects_file "order.npy|Fortran" cel-build --id-prefix p c order.npy
	printf '\x93NUMPY\x02\x00\xff\xff\xff\xff{' >huge.npy
	rejects_file "huge.npy" cel-build --id-prefix p c huge.npy
	printf '\x93NUMPY\x09\x00\x10\x00{}        ' >version.npy
	rejects_file "version.npy|version 9" cel-build --id-prefix p c version.npy
	head -c 1000 /dev/urandom | tr -d '{' >noise.npy
	printf 'x' | cat - noise.npy >noise2.npy
	rejects_file "noise2.npy" cel-build --id-prefix p c noise2.npy
	printf '\xff\xff\xff\x7f\x00\x00' >dim.fvecs
	rejects_file "dim.fvecs: row 1|2147483647" cel-build --id-prefix p c dim.fvecs
	printf '\xff\xff\xff\xff\x00\x00' >dim.fvecs
	rejects_file "dim.fvecs: row 1|negative" cel-build --id-prefix p c dim.fvecs
	echo hello >what.txt
	rejects_file "what.txt|format" cel-build --id-prefix p c what.txt
}

@test "no memory is taken on a header's word" {
	is_sanitized && skip "shadow memory counts too"
	local shape
	npy good.npy "(3, 3)"
	(ulimit -d 65536 && cel-build -q --no-index --memory 8M --id-prefix p c good.npy)
	HEAD=$(commit_of c)
	for shape in "(1000000000, 3)" "(1099511627776, 3)" "(700000000000000000, 3)"; do
		npy lie.npy "$shape"
		ulimit -S -d 65536
		rejects_file "lie.npy" cel-build --no-index --memory 8M --id-prefix p c lie.npy
		CEL_IO=read rejects_file "|" cel-build --no-index --memory 8M --id-prefix p c - <lie.npy
	done
	run ! python3 -c 'bytearray(100 << 20)'
}

@test "--skip-bad keeps the rest, counts and names what it leaves out" {
	cat >in.jsonl <<-'END'
		{"id":"a","vector":[1,2,3]}
		{"id":"b","vector":[1,2]}
		{"id":"c","vector":[1,2,3]
		{"id":"","vector":[1,2,3]}
		{"id":"d","vector":[4,5,6]}

		{"id":"e","vector":[1,"x",3]}
		{"id":"a","vector":[7,8,9]}
	END
	exits 0 cel-build --skip-bad c in.jsonl
	echo "$stderr"
	local row
	for row in 2 3 4 7; do
		[ "$(grep -c "in.jsonl: line $row:" <<<"$stderr")" -eq 1 ]
	done
	grep -q "5 bad rows left out" <<<"$stderr"
	grep -q "2 added" <<<"$stderr"
	exits 0 cel get c a d first
	exits 1 cel get c b
	[ "$(cel get c a)" = '{"id":"a","vector":[1,2,3]}' ]
	exits 0 cel-build -q --json --skip-bad c in.jsonl
	[[ $output == *'"skipped":5'* ]]
	[ -z "$stderr" ]
	rejects_dim_of_skip
}

rejects_dim_of_skip() {
	HEAD=$(commit_of c)
	rows -n 3 -d 3 v.npy
	head -c 150 v.npy >cut.npy
	rejects_file "cut.npy|truncated" cel-build --skip-bad --id-prefix p c cut.npy
	npy lie.npy "(3, 4)"
	rejects_file "lie.npy|dimension" cel-build --skip-bad --id-prefix p c lie.npy
}

@test "--skip-bad on binary rows keeps ids and rows together" {
	python3 - "$CLI" <<-'END'
		import sys
		sys.path.insert(0, sys.argv[1])
		import rows
		rows.write("v.npy", [], [[1, 1, 1], [float("nan"), 2, 2], [3, 3, 3], [4, 4, 4]], 3)
	END
	printf 'one\ntwo\n\nfour\n' >ids
	exits 0 cel-build --skip-bad --ids ids c v.npy
	grep -q "v.npy: row 2: .*NaN" <<<"$stderr"
	grep -q "v.npy: row 3: .*empty" <<<"$stderr"
	[ "$(cel get c four)" = '{"id":"four","vector":[4,4,4]}' ]
	exits 1 cel get c two
}

@test "bad queries: the good ones before are answered, then exit 65" {
	lines_file '{"id":"x","vector":[1,2]}'
	exits 65 cel-query -k 1 c in.jsonl
	[ "$output" = $'good1\t1\tfirst\t0' ]
	is_one_line "$stderr" "in.jsonl: line 2" "2 elements"
	printf '{"id":"one","vector":[1,1,1]}\n' | cel-build -q cosine
	refuses 65 "line 1|zero" cel-query cosine - <<<'{"vector":[0,0,0]}'
	rows -n 2 -d 5 q.npy
	refuses 65 "q.npy|dimension is 5" cel-query c q.npy
}

@test "good and bad files in one build: nothing is kept" {
	rows -n 3 -d 3 good.jsonl
	echo '{' >bad.jsonl
	rejects_file "bad.jsonl: line 1" cel-build c good.jsonl bad.jsonl
	refuses 66 "none.jsonl" cel-build c good.jsonl none.jsonl
	refuses 66 "|" cel-build c good.jsonl .
	[ "$(commit_of c)" = "$HEAD" ]
	exits 1 cel get c r0
}
