#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `make bench-peers`: cel beside hnswlib, faiss and usearch on the same data, and whether the ratios hold that are promised.
#
#     tests/bench/peers.sh [--quick] [SET...]    sets: fashion words growth-10000 growth-100000 growth-1000000; default: all
#
# --quick: one build, three rounds, growth to 100,000: some ten minutes instead of an hour. Exit status 1 if a ratio is not held.
# stdout: the figures as TSV and the table of ratios; BENCH_DATA/peers/*.png: recall against queries a second, and growth.
#
#     BENCH_DATA           where data, environments, indexes and results go (default build/bench-data)
#     BENCH_BUILDS         rounds of building; 0 keeps the indexes that are there (default 5; quick 1)
#     BENCH_ROUNDS         rounds of asking, at most 5 (default 5; quick 3)
#     BENCH_BUILD_OPTIONS  options of `cel index`
#     BENCH_RUN            a command to put in front of each piece of measuring, each some minutes at most, such as "chrt -f 1"
#     BENCH_CLOCK          "cpu": report CPU seconds in place of wall clock, when others use the machine
#
# Use a machine that does nothing else. peers.py tells what is measured and how.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
data=${BENCH_DATA:-$here/../../build/bench-data}
builds=${BENCH_BUILDS:-5}
rounds=${BENCH_ROUNDS:-5}
sets=(fashion words growth-10000 growth-100000 growth-1000000)
if [ "${1:-}" = --quick ]; then
	builds=${BENCH_BUILDS:-1} rounds=${BENCH_ROUNDS:-3}
	sets=(fashion words growth-10000 growth-100000)
	shift
fi
[ $# -eq 0 ] || sets=("$@")
for tool in cel-query:celestica taskset:util-linux; do
	command -v "${tool%:*}" >/dev/null || {
		echo "peers.sh: no ${tool%:*} in PATH (${tool#*:}): run make bench-peers in a build directory" >&2
		exit 69
	}
done
"$here/fetch-data.sh" "$data"
data=$(cd "$data" && pwd)
"$here/fetch-peers.sh" "$data/peers"
python=$data/peers/venv/bin/python3

"$python" "$here/peers_report.py" "$data" >/dev/null # its control

measure() {
	# shellcheck disable=SC2086 # it is a command with its arguments
	${BENCH_RUN:-} "$python" "$here/peers.py" "$data" "$@"
}

for set in "${sets[@]}"; do
	echo "== $set" >&2
	case $set in
	growth-*)
		if [ ! -e "$data/$set/exact.npy" ]; then
			mkdir -p "$data/$set"
			"$python" "$here/prepare.py" growth "${set#growth-}" "$data/$set"
		fi
		;;
	esac
	if [ "$builds" -gt 0 ]; then
		rm -f "$data/peers/results/$set.jsonl"
		rm -rf "$data/peers/stores/$set"
	else # keep what building took
		touch "$data/peers/results/$set.jsonl"
		sed -i -n '/"kind": "\(build\|tree\)"/p' "$data/peers/results/$set.jsonl"
	fi
	case $builds-$set in
	[1-9]*-growth-*) measure build "$set" 1 ;;
	*) measure build "$set" "$builds" ;;
	esac
	for ((round = 0; round < rounds; round++)); do
		measure ask "$set" "$round"
	done
	measure one-shot "$set"
	if command -v valgrind >/dev/null && grep -q avx2 /proc/cpuinfo; then
		measure instructions "$set"
	fi
done
"$python" "$here/peers_report.py" "$data" "${sets[@]}"
