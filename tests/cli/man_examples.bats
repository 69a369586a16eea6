# SPDX-License-Identifier: Apache-2.0
# The EXAMPLES of every manual page do what the page says, and every page is well-formed.
load helper

PAGES="$CLI/../../man"

prepare() {
	cp "$WORDS"/*.npy "$WORDS"/*.txt .
}

examples_of() { python3 "$CLI/examples.py" "$1"; }

@test "cel(1): the examples" { examples_of "$PAGES/cel.1"; }
@test "cel-bisect(1): the examples" { examples_of "$PAGES/cel-bisect.1"; }
@test "cel-forget(1): the examples" { examples_of "$PAGES/cel-forget.1"; }
@test "cel-build(1): the examples" { examples_of "$PAGES/cel-build.1"; }
@test "cel-clone(1): the examples" { examples_of "$PAGES/cel-clone.1"; }
@test "cel-pull(1): the examples" { examples_of "$PAGES/cel-pull.1"; }
@test "cel-push(1): the examples" { examples_of "$PAGES/cel-push.1"; }
@test "cel-serve(1): the examples" { examples_of "$PAGES/cel-serve.1"; }
@test "cel-shell(1): the examples" { examples_of "$PAGES/cel-shell.1"; }
@test "cel-hosts(7): the examples" { examples_of "$PAGES/cel-hosts.7"; }
@test "cel-diff(1): the examples" { examples_of "$PAGES/cel-diff.1"; }
@test "cel-log(1): the examples" { examples_of "$PAGES/cel-log.1"; }
@test "cel-merge(1): the examples" { examples_of "$PAGES/cel-merge.1"; }
@test "cel-query(1): the examples" { examples_of "$PAGES/cel-query.1"; }
@test "cel-stat(1): the examples" { examples_of "$PAGES/cel-stat.1"; }
@test "cel-upkeep(7): the examples" { examples_of "$PAGES/cel-upkeep.7"; }
@test "celestica(7): the examples" {
	needs_debian_package python3-vega-datasets
	examples_of "$PAGES/celestica.7"
}

@test "every page has its sections, and mandoc finds no fault" {
	command -v mandoc || skip "no mandoc (Debian package mandoc)"
	local page section
	for page in "$PAGES"/*.[17]; do
		echo "$page"
		mandoc -T lint -W warning "$page"
		case $page in */cel-protocol.7) continue ;; esac # of bytes, not of a command
		for section in NAME SYNOPSIS DESCRIPTION OPTIONS "EXIT STATUS" EXAMPLES "SEE ALSO"; do
			grep -q "^\.Sh $section\$" "$page" || { echo "no $section"; return 1; }
		done
	done
}

@test "control: wrong output, a wrong status and a page without examples are noticed" {
	printf '.Sh EXAMPLES\n.Bd -literal\n$ echo one; echo two\none\n...\n$ echo "a\\e\\ea"\na\\ea\n.Ed\n' >good.1
	printf '.Sh EXAMPLES\n.Bd -literal\n$ echo one\ntwo\n.Ed\n' >output.1
	printf '.Sh EXAMPLES\n.Bd -literal\n$ false\n.Ed\n' >status.1
	printf '.Sh NAME\n' >none.1
	examples_of good.1
	run ! examples_of output.1
	run ! examples_of status.1
	run ! examples_of none.1
}
