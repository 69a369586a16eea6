#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The tarball holds what git holds, and what the autotools make; nothing else, and nothing is missing.
# shellcheck source=tests/check/tap.sh
. "$(dirname "$0")/tap.sh"
if ! (cd "$source" && git rev-parse --is-inside-work-tree && [ "$(git rev-parse --show-prefix)" = "" ]) >/dev/null 2>&1; then
	skip "the tarball equals git" "no git checkout"
	finish
fi

# compare KEPT SHIPPED: what is only in one of the lists; generated files may be in the tarball alone.
compare() {
	LC_ALL=C comm -23 "$1" "$2" | sed 's/$/ is in git, not in the tarball/'
	LC_ALL=C comm -13 "$1" "$2" |
		grep -vE '^(configure|aclocal\.m4|Makefile\.in|build-aux/(ar-lib|compile|config\.(guess|sub)|depcomp|install-sh|ltmain\.sh|missing|tap-driver\.sh|test-driver)|m4/l(ibtool|toptions|tsugar|tversion|t~obsolete)\.m4)$' |
		sed 's/$/ is in the tarball, not in git/'
}

(
	cd "$build" || exit
	unset MAKEFLAGS MAKELEVEL MFLAGS
	make distdir top_distdir="$work/dist" distdir="$work/dist" >"$work/log" 2>&1 || tail "$work/log" >"$work/found"
)
result "make distdir"
(cd "$source" && git ls-files | LC_ALL=C sort) >"$work/kept"
(cd "$work/dist" && find . -type f | sed 's|^\./||' | LC_ALL=C sort) >"$work/shipped"
compare "$work/kept" "$work/shipped" >"$work/found"
result "the tarball equals git"

{ cat "$work/kept"; echo zzz; } >"$work/kept2"
compare "$work/kept2" "$work/shipped" >"$work/found"
control "a file that is not shipped"
{ cat "$work/shipped"; echo zzz; } >"$work/shipped2"
compare "$work/kept" "$work/shipped2" >"$work/found"
control "a file that git does not know"
finish
