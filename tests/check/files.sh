#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every source file names its licence in its first three lines, and none has more than 800 lines.
# shellcheck source=tests/check/tap.sh
. "$(dirname "$0")/tap.sh"

sources() {
	(cd "$1" && find autogen.sh configure.ac Makefile.am simd libcore tools man tests examples .ci -type f \
		\( -name '*.[ch]' -o -name '*.cc' -o -name '*.sh' -o -name '*.bats' -o -name '*.py' -o -name '*.js' -o -name '*.mjs' -o -name '*.am' \
		-o -name '*.ac' -o -name '*.[157]' -o -path '.ci/*' \) ! -path '*/node_modules/*' 2>/dev/null | LC_ALL=C sort)
}
without_licence() {
	(cd "$1" && sources . | xargs awk '
		FNR <= 3 && /SPDX-License-Identifier: Apache-2.0/ { has[FILENAME] = 1 }
		END { for (i = 1; i < ARGC; i++) if (!(ARGV[i] in has)) print ARGV[i] }')
}
too_long() {
	(cd "$1" && sources . | xargs awk 'FNR == 801 { print FILENAME ": more than 800 lines" }')
}

sources "$source" >"$work/sources"
[ "$(wc -l <"$work/sources")" -gt 40 ] || echo "only $(wc -l <"$work/sources") source files found" >"$work/found"
result "source files are found"
without_licence "$source" >"$work/found"
result "every source file has its SPDX line"
too_long "$source" >"$work/found"
result "no file is over 800 lines"

mkdir -p "$work/tree/tools"
echo 'int x;' >"$work/tree/tools/planted.c"
seq 801 >"$work/tree/tools/long.c"
without_licence "$work/tree" | grep -F planted.c >"$work/found"
control "a file without SPDX line"
too_long "$work/tree" >"$work/found"
control "a file of 801 lines"
finish
