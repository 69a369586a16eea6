#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Each command's --help, manual page, completion, exit statuses and --version agree; commands.py looks.
# shellcheck source=tests/check/tap.sh
. "$(dirname "$0")/tap.sh"
if ! command -v mandoc >/dev/null || ! command -v python3 >/dev/null; then
	skip "commands and their pages" "no mandoc or no python3"
	finish
fi
look() {
	python3 "$source/tests/check/commands.py" "$build/tools" "$source/man" "$@" >"$work/found" 2>&1 || echo "commands.py failed" >>"$work/found"
}
# plant PAGE SED: the page with something wrong in it.
plant() {
	sed "$2" "$source/$1" >"$work/$(basename "$1")"
	if cmp -s "$source/$1" "$work/$(basename "$1")"; then echo "nothing was planted in $1" >&2; fi
}
# found_only TEXT: a control has failed unless exactly this was found.
found_only() {
	if [ "$(wc -l <"$work/found")" -ne 1 ] || ! grep -q -e "$1" "$work/found"; then
		cat "$work/found" >&2
		: >"$work/found"
	fi
}

look words
result "options take arguments of the same word in --help and manual page"
look completion
result "completion has the options of --help, and the page the words of each choice"
look synopsis
result "the forms of --help stand in SYNOPSIS"
look status
result "EXIT STATUS has what the command can give, and nothing but CEL_ERRORS; there are EXAMPLES"
look version
result "--version tells version, kernels and formats"
look scripts
result "the scripts for completion know every program"
look sources
result "the tools end with no status but those of CEL_ERRORS, which celestica(7) lists"

plant man/cel-query.1 's/^\.It Fl -radius Ar d/.It Fl -radius Ar x/'
look words "$work/cel-query.1"
found_only "--radius takes 'D' in --help, 'x'"
control "an argument by another word"
plant man/cel-pull.1 's/newest/latest/g'
look completion "$work/cel-pull.1"
found_only "--policy newest is not in cel-pull.1"
control "a choice that the page does not know"
plant man/cel-forget.1 's/^\.Ar collection \.\.\.$/.Ar collection/'
look synopsis "$work/cel-forget.1"
found_only "'COLLECTION...' is not in SYNOPSIS"
control "an operand that may be repeated in one of them only"
plant man/cel-bisect.1 's/^\.It 66/.It 67/'
look status "$work/cel-bisect.1"
[ "$(grep -c -e 'exit status 67, which is none' -e 'lacks exit status 66' "$work/found")" = 2 ] || : >"$work/found"
control "an exit status that there is not, and one that is missing"
plant man/cel-merge.1 's/^\.Sh EXAMPLES/.Sh NOTES/'
look status "$work/cel-merge.1"
found_only "cel-merge.1 has no EXAMPLES"
control "a page without EXAMPLES"
plant completion/cel.fish 's/cel-query cel-serve/cel-serve/'
look scripts "$work/cel.fish"
found_only "cel.fish does not know cel-query"
control "a program that a script does not know"
mkdir "$work/tools"
ln -s "$build"/tools/cel "$build"/tools/cel-* "$work/tools"
rm "$work/tools/cel-serve"
# shellcheck disable=SC2016 # the made script expands it
printf '#!/bin/sh\ncase $1 in --version) echo "cel-serve (Celestica) 1" ;; *) exec "%s/tools/cel-serve" "$@" ;; esac\n' "$build" >"$work/tools/cel-serve"
chmod +x "$work/tools/cel-serve"
python3 "$source/tests/check/commands.py" "$work/tools" "$source/man" version >"$work/found" 2>&1
found_only "cel-serve: --version says"
control "a version without kernels and formats"
plant tools/verb_export.c 's/return 73;/return 72;/'
look sources "$work/verb_export.c"
found_only "72 is no exit status"
control "a status in a source that is none"
finish
