# SPDX-License-Identifier: Apache-2.0
# The small verbs: init, create, delete, list, log, show, get, index, fsck, and the names of commits.
load helper

prepare() {
	make_store
}

commits() { cel log "$1" | cut -f 1; }

@test "init: a new or an empty directory, nothing else" {
	exits 0 cel init new
	is_one_line "$stderr" "new"
	mkdir empty
	exits 0 cel init empty
	mkdir full
	: >full/file
	refuses 73 "full" cel init full
	refuses 73 "new" cel init new
	refuses 73 "full/file" cel init full/file
	exits 73 cel init no/parent || [ "$status" -eq 66 ]
	[[ $stderr == *no/parent* ]]
	refuses 64 "'b' is too much" cel init a b
	exits 0 cel init
	[ -d .cel ]
	refuses 73 ".cel" cel init
	[ "$(ls full)" = file ]
}

@test "create: the schema, names that are none, a name that is taken" {
	local name
	exits 0 cel create --dim 3 --type bf16 --metric ip --model "a model ü" m
	exits 0 cel show m
	[[ $output == *$'records\t0\ndim\t3\ntype\tbf16\nmetric\tip\nmodel\ta model ü\ngeneration\t0\ntime\t1970-01-01T00:00:00Z\nauthor\t\nmessage\t\nindex\tnone'* ]]
	refuses 73 "'m'" cel create --dim 3 m
	refuses 64 "either --dim N or --from REV is needed" cel create x
	refuses 64 "NAME is missing" cel create --dim 2
	refuses 64 "'b' is too much" cel create --dim 2 a b
	for name in A .x -x "a b" ä "a/b" "a~1" "a@b" "" "$(printf 'x%.0s' {1..64})"; do
		refuses 64 "collection name" cel create --dim 2 -- "$name"
	done
	for name in a 0 a.b_c-d "$(printf 'x%.0s' {1..63})"; do
		exits 0 cel create --dim 2 "$name"
	done
	refuses 64 "manhattan" cel create --dim 2 --metric manhattan x
	refuses 64 "f33" cel create --dim 2 --type f33 x
	refuses 64 "255" cel create --dim 2 --model "$(printf 'x%.0s' {1..256})" x
	exits 64 cel create --dim 2 --model $'\xff' x
}

@test "the genesis commit is a constant of the schema" {
	cel create -q --dim 3 one
	cel create -q --dim 3 two
	cel create -q --dim 4 three
	[ "$(commit_of one)" = "$(commit_of two)" ]
	[ "$(commit_of one)" != "$(commit_of three)" ]
	[ "$(tree_of one)" = "$(tree_of three)" ]
}

@test "list: by name, TSV and JSON" {
	exits 0 cel list
	[ -z "$output" ]
	cel create -q --dim 3 b
	cel create -q --dim 2 --type i8 --metric cosine a
	exits 0 cel list
	[ "$output" = "a	0	2	i8	cosine	$(commit_of a)
b	0	3	f32	l2	$(commit_of b)" ]
	cel list --json | is_json_lines
	[ "$(cel list --json | python3 -c 'import json, sys
for line in sys.stdin: r = json.loads(line); print(r["name"], r["records"], r["schema"]["dim"], r["commit"])')" = \
		"a 0 2 $(commit_of a)
b 0 3 $(commit_of b)" ]
	refuses 64 "no operand" cel list a
}

@test "list --long: time, state of the index, message" {
	make_collection a
	make_collection b
	rows -n 600 one.jsonl
	cel-build -q --time 2026-01-02T03:04:05Z -m $'one\ttwo' a one.jsonl
	rows -n 600 --seed 8 other.jsonl
	cel-build -q --no-index -m "" b other.jsonl
	[ "$(cel list -l | cut -f 1,2,7-)" = $'a\t600\t2026-01-02T03:04:05Z\tcanonical\tone\\ttwo\nb\t600\t'"$(show_field b time)"$'\tnone\t' ]
	[ "$(cel list -l | cut -f 1-6)" = "$(cel list)" ]
	rows -n 1 --seed 3 two.jsonl
	cel-build -q --no-index a two.jsonl
	[ "$(cel list --long | head -n 1 | cut -f 8)" = near ]
	cel list --long --json | is_json_lines
	[ "$(cel list --long --json | grep -c '"index":null')" -eq 1 ]
	run ! grep -q '"index"' <(cel list --json)
}

@test "log and show: parents, generation, time, author, message" {
	make_collection c
	rows -n 10 one.jsonl
	rows -n 20 --seed 2 two.jsonl
	local start
	start=$(date +%s)
	cel-build -q -m "first" c one.jsonl
	cel-build -q --author Ann -m "second \"quoted\" 	tab" c two.jsonl
	exits 0 cel log c
	[ "${#lines[@]}" -eq 3 ]
	[ "$(cel log c | cut -f 3-)" = $'20\tAnn\tsecond "quoted" \\ttab\t\n10\ttester\tfirst\t\n0\t\t\t' ]
	cel log --json c | is_json_lines
	python3 - "$start" "$(cel log --json c)" <<-'END'
		import json, sys, time, calendar
		new, old, genesis = map(json.loads, sys.argv[2].splitlines())
		assert new["parents"] == [old["commit"]] and old["parents"] == [genesis["commit"]] and genesis["parents"] == []
		assert [r["generation"] for r in (new, old, genesis)] == [2, 1, 0]
		assert new["message"] == 'second "quoted" \ttab' and new["author"] == "Ann"
		at = calendar.timegm(time.strptime(new["time"], "%Y-%m-%dT%H:%M:%SZ"))
		assert int(sys.argv[1]) <= at <= time.time()
		assert genesis["time"] == "1970-01-01T00:00:00Z"
	END
	cel show --json c | python3 -m json.tool >/dev/null
	cel show --json c | python3 -c '
import json, sys, os, hashlib
r = json.load(sys.stdin)
for key in ("commit", "tree", "records", "schema", "index"): assert key in r, key
assert r["name"] == "c" and r["records"] == 20 and r["index"]["nodes"] == 20
assert r["index"]["M"] == 16 and r["index"]["ef_construction"] == 150
assert os.path.getsize(r["index"]["path"]) == r["index"]["bytes"] and len(r["index"]["digest"]) == 64'
	cel show --json c~1 | grep -q '"records":10,'
	run ! grep -q '"name"' <(cel show --json c~1)
	refuses 64 "REV is missing" cel show
	refuses 64 "REV is missing" cel log
}

@test "revs: ~, CID, prefix, what the collection was in this store" {
	make_collection c
	local i
	for i in 1 2 3; do
		rows -n $i r.jsonl
		cel-build -q --no-index c r.jsonl
	done
	local -a all
	mapfile -t all < <(commits c)
	[ "${#all[@]}" -eq 4 ]
	for i in 0 1 2 3; do
		[ "$(commit_of "c~$i")" = "${all[$i]}" ]
		[ "$(commit_of "${all[$i]}")" = "${all[$i]}" ]
		[ "$(commit_of "${all[$i]:0:20}")" = "${all[$i]}" ]
		[ "$(commit_of "c@{$i}")" = "${all[$i]}" ]
	done
	refuses 66 "c~4" cel show c~4
	refuses 66 "nosuch" cel show nosuch
	exits 66 cel show "${all[0]:0:30}xxxxxxxx" || [ "$status" -eq 64 ]
	exits 66 cel show "c@{9}"
	local rev
	[ "$(commit_of c~)" = "${all[1]}" ]
	for rev in "" "c~x" "c@" "c@{" "c@{}" "~1" "c~99999999999999999999" "../c" "c d"; do
		run cel show -- "$rev"
		[ "$status" -eq 64 ] || [ "$status" -eq 66 ]
	done
	cel get c~2 r0
	exits 1 cel get c~2 r1
}

@test "delete: the name goes, the commits stay, the name is free" {
	make_collection c
	rows -n 10 one.jsonl
	cel-build -q c one.jsonl
	local commit tree
	commit=$(commit_of c)
	tree=$(tree_of c)
	exits 0 cel delete c
	is_one_line "$stderr" "removed" " c" "cel create --from $commit c"
	eval "${stderr##*back with: }" 2>/dev/null
	[ "$(commit_of c)" = "$commit" ]
	exits 0 cel delete -q c
	[ -z "$stderr" ]
	[ "$(cel log --moves c | sed -n 2p | cut -f 3)" = "$commit" ]
	refuses 66 "'c'" cel delete c
	refuses 66 "c" cel show c
	[ -z "$(cel list)" ]
	[ "$(tree_of "$commit")" = "$tree" ]
	exits 0 cel get "$commit" r1
	cel create -q --dim 7 c
	[ "$(show_field c dim)" = 7 ]
	refuses 64 "COLLECTION is missing" cel delete
}

@test "get: all of one commit, though the collection moves on while the ids are still coming" {
	cel create -q --dim 2000 c
	rows -n 3 -d 2000 old.jsonl
	cel-build -q --no-index c old.jsonl
	cel get c r0 r1 r2 >wanted
	mkfifo ids
	cel get c - <ids >out &
	exec 7>ids
	printf 'r0\n' >&7
	local i
	for ((i = 0; i < 600; i++)); do
		[ -s out ] && break
		sleep 0.1
	done
	rows -n 3 -d 2000 --seed 2 new.jsonl
	cel-build -q --no-index c new.jsonl # and no writer waits for it
	printf 'r1\nr2\n' >&7
	exec 7>&-
	wait %1
	cmp out wanted
	run ! cmp -s wanted <(cel get c r0 r1 r2)
}

@test "get: the shortest numbers that read back exactly, for every element type" {
	python3 - >numbers.jsonl <<-'END'
		import json, random, struct
		source = random.Random(4)
		special = [0x00000001, 0x80000001, 0x007fffff, 0x00800000, 0x3f800001, 0x3dcccccd, 0x80000000, 0x00000000,
			   0x5bffffff, 0xdbffffff, 0x4b7fffff, 0x33d6bf95, 0x322bcc77, 0x42f6e979, 0x49742400, 0x4cbebc20]
		for i in range(40):
		    bits = special + [((source.getrandbits(32) & 0x807fffff) | source.randrange(1, 0xb8) << 23) for _ in range(48)]
		    print(json.dumps({"id": "n%d" % i, "vector": [struct.unpack("<f", struct.pack("<I", b))[0] for b in bits]}))
	END
	cel create -q --dim 64 c
	cel-build -q --no-index c numbers.jsonl
	seq -f 'n%g' 0 39 | cel get c - >out.jsonl
	python3 - <<-'END'
		import json, struct
		bits = lambda x: struct.pack("<f", float(x))
		for a, b in zip(open("numbers.jsonl"), open("out.jsonl")):
		    a, b = json.loads(a), json.loads(b, parse_float=str, parse_int=str)
		    assert a["id"] == b["id"]
		    for x, text in zip(a["vector"], b["vector"]):
		        assert bits(x) == bits(text), (x, text)
		        digits = len(text.lower().split("e")[0].replace("-", "").replace(".", "").strip("0")) or 1
		        shortest = next(n for n in range(1, 10) if bits("%.*g" % (n, x)) == bits(x))
		        assert digits <= shortest or abs(x) < 1e9 and "e" not in text, (x, text)
		        assert ("e" in text) == (not 1e-4 <= abs(x) < 1e9 and x != 0), (x, text)
	END
	cel create -q --dim 64 d
	cel-build -q --no-index d out.jsonl
	[ "$(tree_of c)" = "$(tree_of d)" ]
	local type
	for type in f16 bf16; do
		python3 -c '
import json, random
source = random.Random(5)
for i in range(20): print(json.dumps({"id": "n%d" % i, "vector": [source.uniform(-1, 1) * 2.0 ** source.randrange(-26, 10) for _ in range(64)]}))' >in.jsonl
		cel create -q --dim 64 --type $type $type
		cel-build -q --no-index $type in.jsonl
		seq -f 'n%g' 0 19 | cel get $type - >out.jsonl
		run ! cmp -s in.jsonl out.jsonl
		cel create -q --dim 64 --type $type again$type
		cel-build -q --no-index again$type out.jsonl
		[ "$(tree_of $type)" = "$(tree_of again$type)" ]
	done
}

@test "get: -0, numbers to elements, nearest even" {
	cel create -q --dim 4 --type f16 h
	printf '{"id":"x","vector":[-0.0,2049,2051,1e-8]}\n' | cel-build -q h
	[ "$(cel get h x)" = '{"id":"x","vector":[-0,2048,2052,0]}' ]
	cel create -q --dim 4 --type bf16 b
	printf '{"id":"x","vector":[257,259,-0.0,3.140625]}\n' | cel-build -q b
	[ "$(cel get b x)" = '{"id":"x","vector":[256,260,-0,3.14]}' ]
	cel create -q --dim 4 --type i8 i
	printf '{"id":"x","vector":[-128,127,-0.0,1e2]}\n' | cel-build -q i
	[ "$(cel get i x)" = '{"id":"x","vector":[-128,127,0,100]}' ]
}

@test "get: metadata in canonical form" {
	cel create -q --dim 1 c
	cat >in.jsonl <<-'END'
		{"id":"a","vector":[1],"metadata":{ "b": [1, 2.50, -0, 1E+2] , "a":{"\u00fc":null,"d":true}, "":"" }}
		{"metadata":{"t":"tab\t \u0007 \/ \u2028 \ud83e\uddc0 \"q\" \\"},"vector":[2],"id":"b"}
		{"id":"c","vector":[3],"metadata":{}}
		{"id":"d","vector":[4],"metadata":null}
		{"id":"e","vector":[5]}
	END
	cel-build -q c in.jsonl
	cel get c a b c d e >out
	cat >wanted <<-END
		{"id":"a","vector":[1],"metadata":{"":"","a":{"d":true,"ü":null},"b":[1,2.50,-0,1E+2]}}
		{"id":"b","vector":[2],"metadata":{"t":"tab\\t \\u0007 / $(printf '\u2028') 🧀 \\"q\\" \\\\"}}
		{"id":"c","vector":[3],"metadata":{}}
		{"id":"d","vector":[4]}
		{"id":"e","vector":[5]}
	END
	diff out wanted
	exits 0 cel-build -q --json c out
	[[ $output == *'"is_committed":false'* ]]
}

@test "get: several ids, some of them not there" {
	make_collection c
	rows -n 10 one.jsonl
	cel-build -q c one.jsonl
	exits 1 cel get c r1 nobody r2
	[ "${#lines[@]}" -eq 2 ]
	is_one_line "$stderr" "nobody"
	refuses 1 "none" cel get c none
	refuses 66 "nothing" cel get nothing r1
	refuses 64 "REV" cel get c
	exits 1 cel get c ""
	exits 1 cel get c - <<<"$(printf 'x%.0s' {1..9999})"
	cel get c r1 r1 | uniq -c | grep -q '^ *2 '
}

@test "get: what is selected, so many, the ids alone" {
	cel create -q --dim 1 c
	python3 -c '
import json
for i in range(1000): print(json.dumps({"id": "%s%03d" % ("xy"[i % 2], i), "vector": [i], "metadata": {"n": i} if i % 3 else None}))' | cel-build -q c
	seq -f 'y%03.0f' 1 2 999 >ys
	cel get c --prefix y --ids-only | cmp - ys
	[ "$(cel get c --prefix y --filter '.n > 990' --ids-only | tr '\n' ' ')" = "y991 y995 y997 " ]
	cel get c --prefix y | cmp - <(cel export c --prefix y)
	[ "$(cel get c -n 2)" = "$(cel export c | head -n 2)" ]
	[ "$(cel get c --ids-only -n 2 y5 y007 x002 y001 2>/dev/null | tr '\n' ' ')" = "y007 x002 " ]
	[ "$(cel get c --ids-only -0 --prefix x99 | tr '\0' ,)" = "x990,x992,x994,x996,x998," ]
	cel get c --ids-only -0 --prefix x99 | cel get -0 c - | cmp - <(cel get c --prefix x99)
	[ "$(cel get c --sample 4 --ids-only | tr '\n' ' ')" = "x000 x500 y001 y501 " ]
	[ "$(cel get c --sample 5 --prefix y --filter '.n % 2 == 1' --ids-only | tr '\n' ' ')" = "$(cel get c --prefix y --filter '.n % 2 == 1' --ids-only |
		awk '{ id[NR] = $1 } END { for (i = 0; i < 5; i++) printf "%s ", id[int(i * NR / 5) + 1] }')" ]
	[ "$(cel get c --sample 5000 | wc -l)" -eq 1000 ]
	[ "$(cel get c --sample 999 --ids-only | sort -u | wc -l)" -eq 999 ]
	exits 0 cel get c -n 0
	[ -z "$output" ]
	exits 1 cel get c --prefix nothing
	[ -z "$output$stderr" ]
	exits 1 cel get -q c nobody x000
	[ -z "$stderr" ]
	[ "${#lines[@]}" -eq 1 ]
	refuses 64 "--prefix" cel get c --prefix x x001
	refuses 64 "0" cel get c --sample 0
	refuses 66 "nothing" cel get nothing --sample 1
}

@test "large metadata and vectors go and come through a pipe unchanged" {
	cel create -q --dim 3000 c
	python3 -c '
import json
for i in range(5): print(json.dumps({"id": "x%d" % i, "vector": [j / 4 for j in range(i, i + 3000)], "metadata": {"t": "é" * 100000}}))' >in.jsonl
	cel-build -q c in.jsonl
	cel get c x0 x1 x2 x3 x4 >out.jsonl
	cel create -q --dim 3000 d
	cel-build -q d out.jsonl
	[ "$(tree_of c)" = "$(tree_of d)" ]
	cel fsck
}

@test "index: builds what is missing, keeps what is there" {
	make_collection c
	rows -n 100 one.jsonl
	cel-build -q --no-index c one.jsonl
	[[ $(cel show --json c) == *'"index":null'* ]]
	exits 0 cel index c
	[ -z "$output" ]
	local file inode
	file=$(index_file c)
	inode=$(stat -c %i "$file")
	exits 0 cel index c
	[ "$(stat -c %i "$file")" = "$inode" ]
	cel index --M 5 --ef-construction 300 c
	[ "$(cel show c | sed -n 's/^index\t//p' | cut -d, -f 1,2)" = "M 5, ef_construction 300" ]
	refuses 64 "3" cel index --M 3 c
	refuses 64 "REV is missing" cel index
	refuses 66 "nothing" cel index nothing
	make_collection empty
	exits 0 cel index empty
	rm -r store/index
	exits 0 cel-query -k 1 c one.jsonl
	exits 0 cel index c
	exits 0 cel-query -k 1 --ef 10 c one.jsonl
}
