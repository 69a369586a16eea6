# SPDX-License-Identifier: Apache-2.0
# cel export FILE, and Parquet and Arrow out: read back by the library, and by pyarrow itself.
load helper

prepare() {
	make_store
	[ -z "${CEL_TEST_ARROW-}" ] || PATH=$CEL_TEST_ARROW:$PATH
	rows -n 300 -d 3 --metadata v.jsonl
	make_collection c --dim 3 --model 'the "best"'
	cel-build -q --no-index c v.jsonl
}

needs_pyarrow() { python3 -c 'import pyarrow' || skip "no pyarrow (pip install pyarrow; CEL_TEST_ARROW names its bin directory)"; }

@test "export and import again: the same root, for both formats and each type" {
	needs_pyarrow
	printf '%s\n' '{"id":"odd \"id\" é","vector":[0,-0.0,1e-7,5],"metadata":{"n":1.50e3,"x":[null,"ü",{"y":"\u0001"}]}}' \
		'{"id":"b","vector":[1,2,3,4],"metadata":{}}' '{"id":"c","vector":[1,2,3,4]}' >odd.jsonl
	printf '%s\n' '{"id":"a","vector":"ff8"}' '{"id":"b","vector":"01c","metadata":{"k":1}}' >bits.jsonl
	sed -i 's/ff8/ff80/; s/01c/01c0/' bits.jsonl
	local type input dim format formats
	for type in f32 f16 bf16 i8 u8 b1; do
		input=odd.jsonl dim=4
		case $type in b1) input=bits.jsonl dim=11 ;; esac
		cel create -q --dim $dim --type $type $type
		case $type in
		i8 | u8) sed 's/1e-7/7/; s/-0.0/9/' $input | cel-build -q --no-index $type ;;
		*) cel-build -q --no-index $type $input ;;
		esac
		formats=parquet
		[ $type = i8 ] || [ $type = u8 ] || [ $type = bf16 ] || formats="parquet arrow"
		for format in $formats; do
			exits 0 cel export $type out.$format
			[ -z "$output$stderr" ]
			cel create -q --dim $dim --type $type $type-$format
			exits 0 cel-build -q --no-index $type-$format out.$format
			[ "$(tree_of $type)" = "$(tree_of $type-$format)" ]
		done
	done
	cel export $type --format parquet - | cat >piped
	cmp piped out.parquet
}

@test "what others read is what JSON Lines say" {
	needs_pyarrow
	cel export c c.parquet
	cel export c c.arrow
	cel export c c.jsonl
	cel export --prefix r29 c few.parquet
	make_collection empty
	cel export empty empty.parquet
	cel export empty empty.arrow
	python3 - <<-'END'
		import json
		import pyarrow as pa, pyarrow.feather, pyarrow.parquet as pq
		rows = [json.loads(line) for line in open("c.jsonl")]
		file = pq.ParquetFile("c.parquet")
		assert file.metadata.row_group(0).column(0).compression == "ZSTD"
		for table in file.read(), pyarrow.feather.read_table("c.arrow"):
		    assert table.schema.names == ["id", "vector", "metadata"]
		    assert table.schema.field("vector").type.list_size == 3
		    assert table.schema.field("vector").type.value_type == pa.float32()
		    about = json.loads(table.schema.metadata[b"celestica"])
		    assert about == {"dim": 3, "type": "f32", "metric": "l2", "model": 'the "best"'}, about
		    got = table.to_pylist()
		    assert [r["id"] for r in got] == [r["id"] for r in rows]
		    assert [r["vector"] for r in got] == [r["vector"] for r in rows]
		    assert [r["metadata"] and json.loads(r["metadata"]) for r in got] == [r.get("metadata") for r in rows]
		    assert table.column("metadata").null_count == 200
		assert pq.read_table("few.parquet").num_rows == 11
		assert pq.read_table("empty.parquet").num_rows == 0
		assert pyarrow.feather.read_table("empty.arrow").num_rows == 0
	END
}

@test "several batches, of rows and of bytes" {
	needs_pyarrow
	rows -n 70000 -d 2 many.jsonl
	cel create -q --dim 2 many
	cel-build -q --no-index many many.jsonl
	cel export many many.arrow
	python3 - <<-'END'
		import pyarrow as pa
		file = pa.ipc.open_file("many.arrow")
		assert [file.get_batch(i).num_rows for i in range(file.num_record_batches)] == [65536, 4464]
		assert sorted(file.read_all().column("id").to_pylist()) == sorted("r%d" % i for i in range(70000))
	END
	cel create -q --dim 2 again
	cel-build -q --no-index again many.arrow
	[ "$(tree_of many)" = "$(tree_of again)" ]
}

@test "FILE is there as a whole or not at all; its name tells the format" {
	local ending
	for ending in jsonl ndjson; do
		exits 0 cel export c out.$ending
		cmp out.$ending <(cel export c)
		[ "$(stat -c %a out.$ending)" = 644 ]
	done
	cel export c out.npy --ids ids -q
	cmp out.npy <(cel export c --format npy --ids ids -q)
	cel export c out.fvecs --ids ids -q
	cmp out.fvecs <(cel export c --format fvecs --ids ids -q)
	cel export c odd-name --format jsonl
	cmp odd-name out.jsonl
	echo before >out.jsonl
	ln out.jsonl other
	cel export --prefix r1 c out.jsonl # replaced, not written over
	[ "$(cat other)" = before ]
	[ "$(wc -l <out.jsonl)" -eq 111 ]
	exits 0 cel export c -
	[ "$(wc -l <<<"$output")" -eq 300 ]
	cel export c /dev/stdout >out2.jsonl --format jsonl
	cel export c /dev/null --format jsonl
	[ -c /dev/null ]
	refuses 64 "odd-name|--format" cel export c odd-name
	refuses 64 "ids" cel export c out.npy
	refuses 64 "--ids" cel export c out.parquet --ids ids
	refuses 73 "no/such.jsonl" cel export c no/such.jsonl
	refuses 66 "nothing" cel export nothing new.jsonl
	exits 74 cel export c /dev/full --format jsonl
	is_one_line "$stderr" "No space left"
	[ -z "$(find . -name '*.jsonl.*')" ]
}

@test "without pyarrow or the helper, with a full disk, with a reader that leaves" {
	mkdir bin
	printf '#!/bin/sh\nexec /usr/bin/python3 -I -S "$@"\n' >bin/python3
	chmod +x bin/python3
	echo before >out.parquet
	PATH=$PWD/bin:$PATH refuses 69 "cel export: |pip install pyarrow" cel export c out.parquet
	CEL_HELPERS=. refuses 69 "write-arrow" cel export c out.parquet
	[ "$(cat out.parquet)" = before ]
	needs_pyarrow
	exits 74 cel export c /dev/full --format parquet
	is_one_line "$stderr" "No space left"
	exits 74 sh -c 'cel export c --format arrow >/dev/full'
	rows -n 20000 -d 3 many.jsonl
	cel-build -q --no-index c many.jsonl
	cel export c --format arrow 2>said | head -c 10 >/dev/null
	[[ ${PIPESTATUS[0]} == @(0|141) ]]
	[ ! -s said ]
	mkdir helpers # one that stops in the middle is told, and what was there stays
	printf '#!/bin/sh\nhead -c 100 >/dev/null; echo "something broke" >&2; exit 70\n' >helpers/write-arrow
	chmod +x helpers/write-arrow
	CEL_HELPERS=helpers refuses 70 "something broke" cel export c out.parquet
	printf '#!/bin/sh\nkill -KILL $$\n' >helpers/write-arrow
	CEL_HELPERS=helpers refuses 70 "ended by signal 9" cel export c out.parquet
	[ "$(cat out.parquet)" = before ]
}

@test "control: a file with another value has another root" {
	needs_pyarrow
	cel export c c.parquet
	python3 - <<-'END'
		import pyarrow as pa, pyarrow.parquet as pq
		table = pq.read_table("c.parquet")
		metadata = table.column("metadata").to_pylist()
		metadata[5] = '{"n":5}'
		pq.write_table(table.set_column(2, table.schema.field("metadata"), pa.array(metadata)), "other.parquet")
	END
	make_collection same --dim 3
	make_collection other --dim 3
	cel-build -q --no-index same c.parquet
	cel-build -q --no-index other other.parquet
	[ "$(tree_of c)" = "$(tree_of same)" ]
	[ "$(tree_of same)" != "$(tree_of other)" ]
}
