#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# cel.h, the one header to include, stands alone: as C99 to C17 and as C++11 to C++17, pedantically.
# shellcheck source=tests/check/tap.sh
. "$(dirname "$0")/tap.sh"
flags="-Wall -Wextra -Wpedantic -Werror -fsyntax-only"

# compile HEADER COMPILER LANGUAGE STANDARD: puts what the compiler says into found.
compile() {
	# shellcheck disable=SC2086 # a list
	printf '#include "%s"\n#include "%s"\nint main(void);\nint main(void) { return 0; }\n' "$1" "$1" |
		"$2" -x "$3" -std="$4" $flags - >"$work/found" 2>&1
}

for compiler in gcc:c clang:c g++:c++ clang++:c++; do
	name=${compiler%:*}
	language=${compiler#*:}
	if ! command -v "$name" >/dev/null; then
		skip "cel.h alone, $name" "$name is not installed"
		continue
	fi
	if [ "$language" = c ]; then standards="c99 c11 gnu17"; else standards="c++11 c++17"; fi
	for standard in $standards; do
		compile "$source/libcore/include/cel.h" "$name" "$language" "$standard"
		result "cel.h alone, $name -std=$standard"
	done
done
cp -r "$source/libcore/include/celestica" "$work"
{ cat "$source/libcore/include/cel.h"; echo 'int cel_planted(FILE *f);'; } >"$work/cel.h"
compile "$work/cel.h" gcc c c11
control "a type that cel.h does not declare"
finish
