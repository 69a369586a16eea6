#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The shared library exports the functions that cel.h declares, and nothing else.
# shellcheck source=tests/check/tap.sh
. "$(dirname "$0")/tap.sh"
library=$build/.libs/libcelestica.so
if [ ! -e "$library" ]; then
	skip "exported symbols" "no shared library in this build"
	finish
fi

# The names before the "(" of declarations: with comments, structs and macros out of the way a function is
# "cel_name(" at the end of some type.
declared() {
	"${CC:-cc}" -E -P -x c "$1" | tr '\n' ' ' | sed 's/{[^{}]*}//g; s/{[^{}]*}//g' | tr ';' '\n' |
		sed -n '/typedef/d; s/^[^(]*[ *]\(cel_[a-z0-9_]*\)(.*/\1/p' | LC_ALL=C sort
}
exported() {
	nm -D --defined-only "$1" | awk '{ print $3 }' | LC_ALL=C sort
}

declared "$source/libcore/include/cel.h" >"$work/declared"
exported "$library" >"$work/exported"
[ "$(wc -l <"$work/declared")" -gt 30 ] || echo "only $(wc -l <"$work/declared") functions found in cel.h" >"$work/found"
result "functions are found in cel.h"
LC_ALL=C comm -13 "$work/declared" "$work/exported" >"$work/found"
result "nothing is exported that cel.h does not declare"
LC_ALL=C comm -23 "$work/declared" "$work/exported" >"$work/found"
result "everything that cel.h declares is exported"

echo 'void prolly_planted(void); void prolly_planted(void) {}' >"$work/planted.c"
"${CC:-cc}" -shared -fPIC -o "$work/planted.so" "$work/planted.c"
exported "$work/planted.so" | LC_ALL=C comm -13 "$work/declared" - >"$work/found"
control "an internal function that leaks"
LC_ALL=C comm -23 "$work/declared" /dev/null >"$work/found"
control "declared functions that are missing"
finish
