#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every long option that a command's --help lists stands under OPTIONS of its manual page, and the other way round; so
# do the verbs of cel, in cel(1) or in a page of their own. What is listed is taken, what is not is refused with status 64.
# shellcheck source=tests/check/tap.sh
. "$(dirname "$0")/tap.sh"
tools=$build/tools

# listed COMMAND...: the long options under "Options:" of its help.
listed() {
	"$@" --help | sed -n '/^Options:/,/^$/p' | sed -n 's/^ *\(-[a-zA-Z0-9], *\)\{0,1\}--\([a-zA-Z][a-zA-Z-]*\).*/\2/p'
}
# documented PAGE: the long options of its OPTIONS items (mdoc: .It Fl j , Fl -jobs Ar n).
documented() {
	sed -n '/^\.Sh OPTIONS/,/^\.Sh [^O]/p' "$1" | grep '^\.It' | grep -oE 'Fl -[a-zA-Z][a-zA-Z-]*' | sed 's/Fl -//' | LC_ALL=C sort -u
}
verbs() {
	"$tools/cel" --help | sed -n '/^Verbs/,/^$/p' | sed -n 's/^  \([a-z][a-z-]*\) .*/\1/p'
}
# compare NAME PAGE LIST: the difference between a list and a page.
compare() {
	documented "$2" >"$work/documented"
	{
		LC_ALL=C comm -23 "$3" "$work/documented" | sed "s|.*|$1: --& is not in $(basename "$2")|"
		LC_ALL=C comm -13 "$3" "$work/documented" | sed "s|.*|$1: --& of $(basename "$2") is not in --help|"
	} >"$work/found"
}
# taken COMMAND...: each listed option is known to the command (it may miss an argument), a made-up one is not.
taken() {
	for option in $(listed "$@"); do
		"$@" "--$option" </dev/null 2>&1 | grep -E "there is no option|invalid option|unrecognized" | sed "s|^|$* --$option: |"
	done
	"$@" --planted </dev/null >/dev/null 2>&1
	[ $? -eq 64 ] || echo "$*: --planted does not end with status 64"
}

commands=$(cd "$tools" && find . -maxdepth 1 -type f -name 'cel-*' ! -name '*.*' -perm -u+x | sed 's|^\./||' | LC_ALL=C sort)
mkdir "$work/empty"
cd "$work/empty" || exit
for command in $commands; do
	listed "$tools/$command" | LC_ALL=C sort -u >"$work/listed"
	[ "$(wc -l <"$work/listed")" -gt 3 ] || echo "$command: only $(wc -l <"$work/listed") options found" >"$work/few"
	compare "$command" "$source/man/$command.1" "$work/listed"
	cat "$work/few" >>"$work/found" 2>/dev/null
	result "$command: --help and manual page have the same options"
	taken "$tools/$command" >"$work/found"
	result "$command takes them, and no others"
done

: >"$work/listed"
: >"$work/taken"
for verb in $(verbs); do
	case " $commands " in *"cel-$verb"*) continue ;; esac
	if [ -f "$source/man/cel-$verb.1" ]; then # a verb with a page of its own
		listed "$tools/cel" "$verb" | LC_ALL=C sort -u >"$work/own"
		compare "cel $verb" "$source/man/cel-$verb.1" "$work/own"
		[ -s "$work/own" ] || echo "cel $verb: no options found" >>"$work/found"
		taken "$tools/cel" "$verb" >>"$work/found"
		result "cel $verb: --help and its manual page have the same options, and it takes them"
		continue
	fi
	listed "$tools/cel" "$verb" >>"$work/listed"
	taken "$tools/cel" "$verb" >>"$work/taken"
	grep -qE "^\.(Cm|It|Nm).*[ ]$verb( |$)" "$source/man/cel.1" || echo "cel.1 does not know the verb $verb" >>"$work/taken"
done
LC_ALL=C sort -u -o "$work/listed" "$work/listed"
[ -s "$work/listed" ] || echo "no verbs found" >>"$work/taken"
compare cel "$source/man/cel.1" "$work/listed"
result "cel: --help of the verbs and manual page have the same options"
cat "$work/taken" >"$work/found"
result "cel: the verbs take them, and no others"

sed 's/^\.It Fl -store.*/.It Fl -planted/' "$source/man/cel.1" >"$work/planted.1"
compare cel "$work/planted.1" "$work/listed"
[ "$(grep -cE -e '--(store is not in|planted of)' "$work/found")" = 2 ] || : >"$work/found"
control "an option that the page lacks, and one too many"
finish
