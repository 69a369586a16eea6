# SPDX-License-Identifier: Apache-2.0
# Sourced by the checks: results as TAP. $source and $build are the trees, $work a directory that goes away.
# shellcheck shell=sh disable=SC2034 # used by those who source it
source=${CEL_SRCDIR:-$(cd "$(dirname "$0")/../.." && pwd)}
build=${CEL_BUILDDIR:-$PWD}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tap_count=0
tap_status=0

# result NAME: ok if $work/found is empty (it holds what was found wrong), else not ok with its content.
result() {
	tap_count=$((tap_count + 1))
	if [ -s "$work/found" ]; then
		tap_status=1
		sed 's/^/# /' "$work/found"
		echo "not ok $tap_count - $1"
	else
		echo "ok $tap_count - $1"
	fi
}

# control NAME: the negative control: ok if something was found.
control() {
	if [ -s "$work/found" ]; then : >"$work/found"; else echo "the planted fault was not found" >"$work/found"; fi
	result "control: $1"
}

skip() {
	tap_count=$((tap_count + 1))
	echo "ok $tap_count - $1 # SKIP $2"
}

finish() {
	echo "1..$tap_count"
	exit "$tap_status"
}
