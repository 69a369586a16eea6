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
