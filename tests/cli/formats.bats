# SPDX-License-Identifier: Apache-2.0
# What files the commands take: every format gives the same records, what is wrong in a file is named.
load helper

prepare() {
	make_store
	make_collection c --dim 3
	HEAD=$(commit_of c)
}

# builds_same FILE [OPTION]...: a new collection of these rows has the root of c.
builds_same() {
	local file=$1 name=n$((++COUNT))
	shift
	cel create -q --dim 3 $name
	exits 0 cel-build -q --no-index "$@" $name "$file" || return 1
	[ "$(tree_of $name)" = "$(tree_of c)" ] || {
		echo "$file $*: another tree"
		cel get $name a r0
		return 1
	}
}

@test "gzip, zstd and xz are undone, for each format and for ids, from files and pipes" {
	local tool ending file
	rows -n 60 -d 3 v.npy v.fvecs v.jsonl v.ids
	cel-build -q --no-index c v.jsonl
	for tool in gzip zstd xz; do
		case $tool in gzip) ending=gz ;; zstd) ending=zst ;; xz) ending=xz ;; esac
		for file in v.*; do
			case $file in *.npy | *.fvecs | *.jsonl | *.ids) $tool -c "$file" >"$file.$ending" ;; esac
		done
		builds_same v.jsonl.$ending
		builds_same v.npy.$ending --ids v.ids.$ending
		builds_same v.fvecs.$ending --ids v.ids
		builds_same - --format fvecs --ids v.ids.$ending <v.fvecs.$ending
		builds_same - < <(cat v.jsonl.$ending)
		head -n 20 v.jsonl | $tool -c >parts
		tail -n +21 v.jsonl | $tool -c >>parts
		builds_same parts
		exits 0 cel-query -k 1 c v.npy.$ending
		[ "$(wc -l <<<"$output")" -eq 60 ]
	done
}

@test "a compressed file that is cut short, damaged, or goes on with something else is refused" {
	rows -n 500 -d 3 v.jsonl
	local tool
	for tool in gzip zstd xz; do
		$tool -c v.jsonl >whole
		head -c 900 whole >cut
		refuses 65 "cut: |$tool data is cut short" cel-build c cut
		head -c $(($(stat -c %s whole) - 1)) whole >cut
		refuses 65 "(standard input): |$tool data is cut short" cel-build --skip-bad c - <cut
		cat whole v.jsonl >more
		refuses 65 "more: |$tool" cel-build c more
		(head -c 900 whole; printf 'XXXXXXXX'; tail -c +909 whole) >bad
		refuses 65 "bad: |$tool data is damaged" cel-build c bad
	done
	rows -n 5 -d 3 v.npy v.ids
	gzip -c v.ids | head -c 20 >ids.gz
	refuses 65 "ids.gz|cut short" cel-build --skip-bad --ids ids.gz c v.npy
	[ "$(commit_of c)" = "$HEAD" ]
}

@test "CSV and TSV, by name, by content and forced, with columns by name and by number" {
	rows -n 50 -d 3 v.jsonl
	cel-build -q --no-index c v.jsonl
	python3 - <<-'END'
		import csv, json
		records = [json.loads(line) for line in open("v.jsonl")]
		def write(path, delimiter, header, rows):
		    with open(path, "w", newline="") as out:
		        table = csv.writer(out, delimiter=delimiter)
		        if header:
		            table.writerow(header)
		        table.writerows(rows)
		flat = [[*r["vector"], r["id"]] for r in records]
		whole = [[r["id"], json.dumps(r["vector"])] for r in records]
		write("flat.csv", ",", ["x", "y", "z", "name"], flat)
		write("flat.tsv", "\t", ["x", "y", "z", "name"], flat)
		write("bare", ",", None, flat)
		write("whole.csv", ",", ["id", "vector"], whole)
		write("whole", "\t", ["id", "vector"], whole)
	END
	builds_same flat.csv --id-column name --vector-columns x..z
	builds_same flat.tsv --id-column 4 --vector-columns x,y,z
	builds_same bare --no-header --id-column 4 --vector-columns 1..3
	builds_same whole.csv
	builds_same - <whole
	gzip whole
	builds_same whole.gz
	LC_ALL=de_DE.UTF-8 builds_same flat.csv --id-column name --vector-columns x..z
	exits 0 cel-query -k 1 c --id-column name --vector-columns x..z flat.csv
	[ "$(awk -F '\t' '$1 == $3 && $4 == 0' <<<"$output" | wc -l)" -eq 50 ]
	exits 0 cel-query -k 1 c whole.csv --json
}

@test "metadata from a table: numbers, text, and nothing" {
	printf 'id,vector,year,zip,note,b\na,1 2 3,2019,02139,"say ""hi""",\nb,1 2 3,"2019",-1.50e3,"",true\nc,1 2 3,,,,\n' >m.csv
	exits 0 cel-build -q c m.csv
	[ "$(cel get c a)" = '{"id":"a","vector":[1,2,3],"metadata":{"note":"say \"hi\"","year":2019,"zip":"02139"}}' ]
	[ "$(cel get c b)" = '{"id":"b","vector":[1,2,3],"metadata":{"b":"true","note":"","year":"2019","zip":-1.50e3}}' ]
	[ "$(cel get c c)" = '{"id":"c","vector":[1,2,3]}' ]
}

@test "what is wrong in a table is named by file, line and column" {
	printf 'id,x,y,z\na,1,2,3\nb,1,2\n' >t.csv
	refuses 65 't.csv: line 3: |3 fields, not 4|"z" is missing' cel-build c --vector-columns x..z t.csv
	printf 'id,x,y,z\na,1,2,3\nb,1,2,3,4\n' >t.csv
	refuses 65 't.csv: line 3: |5 fields, not 4' cel-build c --vector-columns x..z t.csv
	printf 'id,x,y,z\n\n"b",1,"2,5",3\n' >t.csv
	refuses 65 't.csv: line 3: id "b"|column "y"|"2,5" is no number' cel-build c --vector-columns x..z t.csv
	refuses 65 't.csv: |no column "w"' cel-build c --vector-columns w..z t.csv
	refuses 65 't.csv: |no column "vector"' cel-build c t.csv
	refuses 65 't.csv: |2 columns, not 3' cel-build c --vector-columns x,y t.csv
	refuses 65 't.csv: |no column "name"' cel-build c --id-column name --vector-columns x..z t.csv
	rows -n 2 -d 3 v.jsonl
	refuses 64 'v.jsonl: |columns' cel-build c --id-column name v.jsonl
	exits 0 cel-build --skip-bad c --vector-columns x..z t.csv - <<<$'id,x,y,z\na,1,2,3'
	grep -q "1 bad rows left out" <<<"$stderr"
}

@test "raw rows of every type" {
	rows -n 40 -d 3 v.jsonl v.ids
	cel-build -q --no-index c v.jsonl
	python3 - <<-'END'
		import json, struct
		flat = [x for line in open("v.jsonl") for x in json.loads(line)["vector"]]
		for name, code in ("f32", "f"), ("f64", "d"), ("f16", "e"):
		    open("v." + name, "wb").write(struct.pack("<%d%s" % (len(flat), code), *flat))
		singles = struct.pack("<%df" % len(flat), *flat)
		open("v.bf16", "wb").write(b"".join(singles[i + 2:i + 4] for i in range(0, len(singles), 4)))
	END
	local type
	for type in f32 f64 f16 bf16; do
		builds_same v.$type --raw $type --dim 3 --ids v.ids
		gzip -k v.$type
		builds_same v.$type.gz --raw $type --dim 3 --ids v.ids
		builds_same - --format raw --raw $type --dim 3 --ids v.ids <v.$type
	done
	printf '\x1f\x8b\x08' | cel-build -q c --raw u8 --dim 3 --id-prefix u
	[ "$(cel get c u0)" = '{"id":"u0","vector":[31,139,8]}' ]
	printf '\xff\x80\x08' | cel-build -q c --raw i8 --dim 3 --id-prefix i
	[ "$(cel get c i0)" = '{"id":"i0","vector":[-1,-128,8]}' ]
	refuses 65 "v.f32: |dimension is 4, not 3" cel-build c --raw f32 --dim 4 --id-prefix x v.f32
	head -c 100 v.f32 >cut
	refuses 65 "cut: row 9: |truncated" cel-build c --raw f32 --dim 3 --id-prefix x cut
	refuses 64 "dim" cel-build c --raw f32 --id-prefix x v.f32
	refuses 64 "raw" cel-build c --dim 3 --id-prefix x v.f32
	refuses 64 "raw" cel-build c --format raw --dim 3 --id-prefix x v.f32
	refuses 64 "'f8'" cel-build c --raw f8 --dim 3 --id-prefix x v.f32
	refuses 64 "format" cel-build c --format npy --raw f32 --dim 3 --id-prefix x v.f32
	refuses 64 "no ids" cel-build c --raw f32 --dim 3 v.f32
	exits 0 cel-query -k 1 c --raw f32 --dim 3 v.f32
	[ "$(wc -l <<<"$output")" -eq 40 ]
}

# zip FILE NAME=CONTENT-FILE...: deflated
make_zip() {
	python3 - "$@" <<-'END'
		import sys, zipfile
		with zipfile.ZipFile(sys.argv[1], "w", zipfile.ZIP_DEFLATED) as archive:
		    for member in sys.argv[2:]:
		        name, path = member.split("=")
		        with archive.open(name, "w", force_zip64=True) as out:
		            out.write(open(path, "rb").read())
	END
}

needs_helper() {
	[ -x "$(dirname "$(command -v cel-build)")/../libexec/celestica/$1" ] || skip "built without $1"
}

@test ".npz: the only array, or the one that is named" {
	needs_helper read-npz
	rows -n 400 -d 3 v.npy v.jsonl v.ids
	rows -n 4 -d 5 other.npy
	cel-build -q --no-index c v.jsonl
	make_zip one.npz arr_0.npy=v.npy
	make_zip two.npz a.npy=other.npy b.npy=v.npy notes.txt=v.ids
	make_zip none.npz notes.txt=v.ids
	builds_same one.npz --ids v.ids
	builds_same two.npz --ids v.ids --member b
	builds_same two.npz --ids v.ids --member b.npy --format npz
	builds_same - --ids v.ids <one.npz
	builds_same - --ids v.ids < <(cat one.npz)
	TMPDIR=/dev/shm builds_same - --ids v.ids < <(gzip -c one.npz)
	exits 0 cel-query -k 1 c one.npz
	[ "$(wc -l <<<"$output")" -eq 400 ]
	refuses 65 "two.npz: |2 arrays|a, b" cel-build --ids v.ids c two.npz
	refuses 65 "two.npz: |no member 'd'" cel-build --ids v.ids --member d c two.npz
	refuses 65 "two.npz: |dimension is 5" cel-build --ids v.ids --member a c two.npz
	refuses 65 "none.npz: |without arrays" cel-build --ids v.ids c none.npz
	refuses 64 "v.npy: |member" cel-build --ids v.ids --member b c v.npy
	head -c 1000 one.npz >cut.npz
	refuses 65 "cut.npz: |not a whole zip archive" cel-build --ids v.ids c cut.npz
	(head -c 900 one.npz; printf XXXX; tail -c +905 one.npz) >bad.npz
	refuses 65 "bad.npz: |damaged" cel-build --skip-bad --ids v.ids c bad.npz
	CEL_HELPERS=. refuses 69 "one.npz: |read-npz" cel-build --ids v.ids c one.npz
	[ "$(show_field c generation)" -eq 1 ]
}

@test "HDF5 as ann-benchmarks has it: train, or the dataset that is named" {
	needs_helper read-hdf5
	command -v h5import || skip "no h5import (Debian package hdf5-tools)"
	rows -n 400 -d 3 v.npy v.jsonl v.ids
	cel-build -q --no-index c v.jsonl
	tail -c 4800 v.npy >v.f32
	h5import v.f32 -dims 400,3 -path train -type FP -size 32 -o base.hdf5
	cat >conf <<-'END'
		PATH test
		INPUT-CLASS FP
		INPUT-SIZE 32
		RANK 2
		DIMENSION-SIZES 400 3
		OUTPUT-CLASS FP
		OUTPUT-SIZE 64
		CHUNKED-DIMENSION-SIZES 7 2
		COMPRESSION-TYPE GZIP
		COMPRESSION-PARAM 6
	END
	h5import v.f32 -c conf -o packed.hdf5
	builds_same base.hdf5 --ids v.ids
	builds_same packed.hdf5 --ids v.ids --member test
	builds_same - --ids v.ids --format hdf5 <base.hdf5
	builds_same - --ids v.ids < <(cat base.hdf5)
	TMPDIR=/dev/shm builds_same - --ids v.ids < <(gzip -c base.hdf5)
	exits 0 cel-query -k 1 c --member test packed.hdf5
	[ "$(wc -l <<<"$output")" -eq 400 ]
	refuses 65 "packed.hdf5: |no dataset 'train'|test" cel-build --ids v.ids c packed.hdf5
	head -c 3000 base.hdf5 >cut.hdf5
	refuses 65 "cut.hdf5: |HDF5" cel-build --ids v.ids c cut.hdf5
	CEL_HELPERS=. refuses 69 "base.hdf5: |read-hdf5" cel-build --ids v.ids c base.hdf5
	[ "$(show_field c generation)" -eq 1 ]
}

@test "Parquet and Arrow, with columns by name" {
	[ -z "${CEL_TEST_ARROW-}" ] || PATH=$CEL_TEST_ARROW:$PATH
	rows -n 40 -d 3 v.jsonl
	cel-build -q --no-index c v.jsonl
	printf 'PAR1....' >bad.parquet
	python3 -c 'import pyarrow' || {
		refuses 69 "bad.parquet: |pip install pyarrow" cel-build c bad.parquet
		skip "no pyarrow (pip install pyarrow; CEL_TEST_ARROW names its bin directory)"
	}
	python3 - <<-'END'
		import datetime, json
		import pyarrow as pa, pyarrow.feather, pyarrow.parquet as pq
		rows = [json.loads(line) for line in open("v.jsonl")]
		ids, vectors = [r["id"] for r in rows], [r["vector"] for r in rows]
		pq.write_table(pa.table({"id": ids, "vector": pa.array(vectors, pa.list_(pa.float32(), 3))}), "fixed.parquet",
		               row_group_size=13)
		lists = pa.table({"name": ids, "emb": pa.array(vectors, pa.list_(pa.float64()))})
		with pa.ipc.new_file("list.arrow", lists.schema) as out:
		    out.write_table(lists, max_chunksize=7)
		with pa.ipc.new_stream("list.arrows", lists.schema) as out:
		    out.write_table(lists, max_chunksize=7)
		wide = {"v%d" % k: pa.array([v[k] for v in vectors], pa.float32()) for k in range(3)}
		pyarrow.feather.write_feather(pa.table({"id": ids, **wide}), "wide.feather")
		pq.write_table(pa.table({"id": [1, 2], "vector": [[1.0, 2, 3], [4, 5, None]], "day": [datetime.date(2020, 1, 2)] * 2,
		                         "x": [1.5, float("nan")], "n": pa.array([None, 1])}), "meta.parquet")
	END
	builds_same fixed.parquet
	builds_same - < <(cat fixed.parquet)
	builds_same list.arrow --id-column name --vector-columns emb
	builds_same list.arrows --id-column name --vector-columns emb
	builds_same wide.feather --vector-columns v0..v2
	builds_same wide.feather --vector-columns v0,v1,v2 --format arrow
	exits 0 cel-query -k 1 c fixed.parquet
	[ "$(wc -l <<<"$output")" -eq 40 ]
	exits 0 cel-build --skip-bad c meta.parquet
	is_one_line "$(head -n 1 <<<"$stderr")" "meta.parquet: line 2" "element 3"
	[ "$(cel get c 1)" = '{"id":"1","vector":[1,2,3],"metadata":{"day":"2020-01-02","x":1.5}}' ]
	refuses 65 "fixed.parquet: |no column 'foo'|id, vector" cel-build c --vector-columns foo fixed.parquet
	refuses 65 "bad.parquet: " cel-build c bad.parquet
	refuses 64 "fixed.parquet: |member" cel-build c --member x fixed.parquet
}

@test "export and import again: the same root, for each format and type" {
	local type format
	for type in f32 f16 bf16 i8 u8; do
		local kind=""
		case $type in i8 | u8) kind="--kind $type" ;; esac
		# shellcheck disable=SC2086 # two words or none
		rows -n 3000 -d 5 $kind --metadata v.jsonl v.ids
		cel create -q --dim 5 --type $type $type
		cel-build -q --no-index $type v.jsonl
		cel create -q --dim 5 --type $type $type-jsonl
		exits 0 cel export $type
		cel export $type | cel-build -q --no-index $type-jsonl
		[ "$(tree_of $type)" = "$(tree_of $type-jsonl)" ]
		sed 's/,"metadata":.*/}/' v.jsonl >plain.jsonl # what these formats can hold
		cel create -q --dim 5 --type $type plain
		cel-build -q --no-index plain plain.jsonl
		for format in npy fvecs; do
			cel create -q --dim 5 --type $type $type-$format
			cel export plain --format $format --ids out.ids >out.$format
			cel-build -q --no-index --ids out.ids $type-$format out.$format
			[ "$(tree_of plain)" = "$(tree_of $type-$format)" ]
		done
		exits 0 cel export $type --format npy --ids out.ids
		is_one_line "$stderr" "metadata of 1000 records"
		cel delete -q plain
	done
}

@test "export: older revs, empty collections, NUL ids, what is refused" {
	rows -n 20 -d 3 v.jsonl
	cel-build -q --no-index c v.jsonl
	echo '{"id":"late","vector":[1,2,3]}' | cel-build -q --no-index c
	[ "$(cel export c | wc -l)" -eq 21 ]
	[ "$(cel export c~1 | wc -l)" -eq 20 ]
	cel export c --format fvecs -0 --ids ids0 >v.fvecs
	[ "$(tr -dc '\0' <ids0 | wc -c)" -eq 21 ]
	builds_same v.fvecs -0 --ids ids0
	make_collection empty --dim 3
	exits 0 cel export empty
	[ -z "$output" ]
	cel export empty --format npy --ids none >none.npy
	exits 0 cel-build -q --ids none c none.npy
	refuses 64 "ids" cel export c --format npy
	refuses 64 "ids" cel export c --ids x
	refuses 64 "csv" cel export c --format csv
	refuses 66 "nothing" cel export nothing
	refuses 73 "no/such" cel export c --format npy --ids no/such
	exits 74 sh -c 'cel export c >/dev/full'
	exits 74 sh -c 'cel export c --format npy --ids /dev/full >/dev/null'
}

@test "export holds no snapshot while its reader waits, and takes no memory for the size" {
	command -v mdb_stat || skip "no mdb_stat (Debian package lmdb-utils)"
	local readers pid line
	rows -n 30000 -d 16 v.jsonl
	make_collection wide
	cel-build -q --no-index wide v.jsonl
	mkfifo pipe
	cel export wide >pipe &
	pid=$!
	exec 5<pipe
	IFS= read -r line <&5
	sleep 0.2
	readers=$(mdb_stat -r "$CEL_STORE" 2>&1 || :)
	grep RssAnon "/proc/$pid/status" | awk '$2 > 20000 { exit 1 }' || is_sanitized
	echo '{"id":"more","vector":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16]}' | cel-build -q --no-index wide
	[ "$( (printf '%s\n' "$line"; cat <&5) | wc -l)" -eq 30000 ]
	wait "$pid"
	grep -q "Reader Table" <<<"$readers"
	awk -v pid="$pid" '$1 == pid && $3 != "-" { exit 1 }' <<<"$readers"
}
