# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154,SC2034 # bats sets status, output and stderr; tests use WORDS
# What the bats files of the commands share. Every test works in a directory of its own, with a store in $CEL_STORE.
bats_require_minimum_version 1.5.0

CLI="${CEL_SRCDIR:-$(cd "$BATS_TEST_DIRNAME/../.." && pwd)}/tests/cli"
WORDS="$CLI/../../examples/words"

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	umask 022
	unset CEL_STORE CEL_SIMD CEL_IO CEL_FAULT CEL_MAP_SIZE
	export CEL_AUTHOR=tester
	if declare -F prepare >/dev/null; then prepare; fi
}

rows() { python3 "$CLI/rows.py" "$@"; }
nearest() { python3 "$CLI/nearest.py" "$@"; }

make_store() {
	cel init -q "$BATS_TEST_TMPDIR/store"
	export CEL_STORE="$BATS_TEST_TMPDIR/store"
}

# make_collection NAME [OPTION]...: dimension 16 unless an option says otherwise
make_collection() {
	local name=$1
	shift
	cel create -q --dim 16 "$@" "$name"
}

# show_field REV NAME: nothing if there is no such line
show_field() {
	local shown
	shown=$'\n'$(cel show "$1") || true
	[[ $shown == *$'\n'"$2"$'\t'* ]] || return 0
	shown=${shown#*$'\n'"$2"$'\t'}
	echo "${shown%%[$'\t\n']*}"
}
tree_of() { show_field "$1" tree; }
commit_of() { show_field "$1" commit; }
index_file() { cel show --json "$1" | sed -n 's/.*"path":"\([^"]*\)".*/\1/p'; }

# exits STATUS COMMAND...: runs it; what it printed is in $output, its lines in $lines, and $stderr. That is
# `run --separate-stderr`, of which there are thousands, with half as many processes.
exits() {
	local wanted=$1 flags=$- messages=$BATS_TEST_TMPDIR/.stderr-$BASHPID
	shift
	set +eET
	output=$("$@" 2>"$messages") && status=0 || status=$?
	set "-$flags"
	lines=()
	IFS=$'\n' read -d '' -r -a lines <<<"$output" || true
	read -d '' -r stderr <"$messages" || true
	[ "$status" -eq "$wanted" ] && return 0
	echo "exit status $status, not $wanted, of: $*"
	echo "stdout: $output"
	echo "stderr: $stderr"
	return 1
}

# The text is one line that begins with "NAME: " and has all of the words.
is_one_line() {
	local text=$1 word
	shift
	case $text in
	'' | *$'\n'*)
		echo "not one line: '$text'"
		return 1
		;;
	esac
	for word in "$@"; do
		case $text in
		*"$word"*) ;;
		*)
			echo "no '$word' in: $text"
			return 1
			;;
		esac
	done
}

# refuses STATUS "WORD|WORD..." COMMAND...: it exits so, prints nothing, and says why in one line with these words.
refuses() {
	local wanted=$1 words=$2
	shift 2
	exits "$wanted" "$@" || return 1
	if [ -n "$output" ]; then
		echo "it printed: $output"
		return 1
	fi
	local -a list
	IFS='|' read -r -a list <<<"$words"
	is_one_line "$stderr" "cel" ": " "${list[@]}"
}

# Whoever fetches this Debian package gets it from $CEL_TEST_DEBS, where tests/run.sh keeps what the pages fetch; without that,
# from the mirror, if it can be reached.
needs_debian_package() {
	if [ -n "${CEL_TEST_DEBS-}" ]; then
		mkdir -p "$BATS_TEST_TMPDIR/bin"
		printf '#!/bin/sh\nfor name in "$@"; do :; done\nexec cp "%s/$name"_*.deb .\n' "$CEL_TEST_DEBS" >"$BATS_TEST_TMPDIR/bin/apt-get"
		chmod +x "$BATS_TEST_TMPDIR/bin/apt-get"
		PATH=$BATS_TEST_TMPDIR/bin:$PATH
	else
		(mkdir -p "$BATS_TEST_TMPDIR/bin" && cd "$BATS_TEST_TMPDIR/bin" && apt-get download -q "$1") || skip "cannot fetch $1"
	fi
	command -v dpkg || skip "no dpkg"
}

is_json_lines() { python3 -c 'import json, sys
for line in sys.stdin: assert isinstance(json.loads(line), dict)'; }

# The instruction sets that this machine has.
simd_names() {
	local name
	for name in scalar avx2 avx512 neon; do
		if CEL_SIMD=$name cel list --version >/dev/null 2>&1; then echo "$name"; fi
	done
}

# Whether the tools are built with AddressSanitizer or the like, whose shadow memory upsets memory limits.
is_sanitized() {
	local program
	program=$(command -v cel)
	[ -x "$(dirname "$program")/.libs/cel" ] && program="$(dirname "$program")/.libs/cel"
	grep -q -a -e __asan_init -e __tsan_init "$program"
}
