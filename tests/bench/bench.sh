#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `make bench`: figures of the tools in PATH on the data sets of fetch-data.sh, as TSV on stdout, talk on stderr.
#
#     tests/bench/bench.sh [SET...]          sets: fashion fashion-u8 words; default fashion words
#
#     BENCH_DATA   where the data are or go (default build/bench-data)
#     BENCH_EF     beams to measure (default "10 16 32 64 100 128 200 400")
#     BENCH_JOBS   threads of the index build (default: all)
#
# Exit status 1 if --recall 0.90, 0.95, 0.98 or 0.99 is not met, or if filters of the words set bring less than 0.95.
#
# Columns: set, ef ("0.95": --recall 0.95; "exact": --exact), recall@10, queries a second with one thread (whole process:
# start, all queries of the set, output), seconds of cel-build, bytes of the index file, largest RssAnon (KiB) of cel-build and
# of the queries; and for one query in a process of its own, everything in the page cache: median wall milliseconds of 25
# runs and the largest RssAnon (KiB). The store is made anew in BENCH_DATA/stores.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
data=${BENCH_DATA:-$here/../../build/bench-data}
beams=${BENCH_EF:-10 16 32 64 100 128 200 400}
command -v cel-query >/dev/null || {
	echo "bench.sh: no cel-query in PATH: run make bench in a build directory" >&2
	exit 69
}
"$here/fetch-data.sh" "$data"
data=$(cd "$data" && pwd)
python=$data/venv/bin/python
stores=$data/stores
mkdir -p "$stores"

measure() { "$python" "$here/measure.py" "$@"; }

# ask SET REV-FILES: answers of all queries; sets wall, memory, recall.
ask() {
	local set=$1
	shift
	IFS=$'\t' read -r wall memory < <(measure -o "$data/answers.tsv" cel-query --store "$store" "$set" -k 10 -j 1 "$@" "$queries")
	recall=$("$python" "$here/recall.py" "$truth" "$data/answers.tsv" 10)
}

row() {
	local rate
	rate=$(awk -v n="$n_queries" -v ms="$wall" 'BEGIN { printf "%.0f", n / ms * 1000 }')
	IFS=$'\t' read -r one_ms one_memory < <(measure -n 25 cel-query --store "$store" "$1" -k 10 -j 1 "${@:3}" "$one")
	printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "$1" "$2" "$recall" "$rate" "$build_s" "$bytes" "$build_memory" \
		"$memory" "$one_ms" "$one_memory"
}

# promised WHAT GOT WANTED: a recall that is below what was promised fails the bench.
promised() {
	awk -v got="$2" -v wanted="$3" 'BEGIN { exit !(got < wanted) }' || return 0
	echo "bench.sh: $1: recall $2, not $3" >&2
	failed=1
}

# filters SET: every tenth query with filters that keep 1 %, 10 %, 50 % of the records, against an exact scan of those.
filters() {
	"$python" -c 'import numpy, sys; numpy.save(sys.argv[2], numpy.load(sys.argv[1])[::10])' "$queries" "$data/some.npy"
	local share filter
	for share in 1 10 50; do
		# shellcheck disable=SC2016 # $id is jq's
		filter='($id | explode | add) % 100 < '$share
		cel-query --store "$store" "$1" -k 10 --filter "$filter" --exact "$data/some.npy" | cut -f 1,3 | LC_ALL=C sort >"$data/exact.tsv"
		cel-query --store "$store" "$1" -k 10 --filter "$filter" "$data/some.npy" | cut -f 1,3 | LC_ALL=C sort >"$data/found.tsv"
		recall=$(LC_ALL=C comm -12 "$data/exact.tsv" "$data/found.tsv" | wc -l |
			awk -v n="$(wc -l <"$data/exact.tsv")" '{ printf "%.4f", $1 / n }')
		echo "$1, a filter that keeps $share %: recall $recall" >&2
		promised "$1, a filter that keeps $share %" "$recall" 0.95
	done
}

failed=0
printf 'set\tef\trecall@10\tqueries/s\tbuild_s\tindex_bytes\tbuild_rssanon_kib\tquery_rssanon_kib\tone_shot_ms\tone_shot_rssanon_kib\n'
[ $# -gt 0 ] || set -- fashion words
for set in "$@"; do
	truth=$data/${set%-u8}
	suffix=
	type=f32
	[ "$set" = "${set%-u8}" ] || suffix=-u8 type=u8
	queries=$truth/query$suffix.npy
	one=$truth/one-query.npy
	n_queries=10000
	store=$stores/$set
	case $set in
	words) dim=100 metric=cosine ;;
	fashion*) dim=784 metric=l2 ;;
	*) echo "bench.sh: no data set '$set'" >&2 && exit 64 ;;
	esac
	rm -rf "$store"
	cel init "$store" >&2
	cel create --store "$store" "$set" --dim "$dim" --metric "$metric" --type $type >&2
	echo "building $set" >&2
	IFS=$'\t' read -r build_ms build_memory < <(measure cel-build --store "$store" ${BENCH_JOBS:+-j "$BENCH_JOBS"} "$set" \
		--ids "$truth/ids.txt" "$truth/base$suffix.npy")
	build_s=$(awk -v ms="$build_ms" 'BEGIN { printf "%.1f", ms / 1000 }')
	bytes=$(find "$store/index" -type f -printf '%s\n' | awk '{ n += $1 } END { print n + 0 }')
	for ef in $beams; do
		ask "$set" --ef "$ef"
		row "$set" "$ef" --ef "$ef"
	done
	for asked in 0.90 0.95 0.98 0.99; do
		ask "$set" --recall $asked
		row "$set" $asked --recall $asked
		promised "$set --recall $asked" "$recall" $asked
	done
	[ "$set" != words ] || filters "$set"
done
exit $failed
