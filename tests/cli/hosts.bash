# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154,SC2016,SC2034
# What the tests of other hosts share: programs that stand for ssh, and stores.

# fake_ssh NAME LINES: makes ./NAME, a program called as ssh is: $host, and $command for a shell. Each call is noted in ./calls.
fake_ssh() {
	cat >"$1" <<-END
		#!/bin/sh
		[ \$# = 2 ] || exit 255
		host=\$1 command=\$2
		printf '%s\t%s\n' "\$host" "\$command" >>"$BATS_TEST_TMPDIR/calls"
		$2
	END
	chmod +x "$1"
}

# use_ssh NAME
use_ssh() { export CEL_SSH="$BATS_TEST_TMPDIR/$1"; }

# two_stores: ./store with the collection words, 200 records, and its clone ./other; here is ssh to this very host.
two_stores() {
	fake_ssh here 'exec sh -c "$command"'
	use_ssh here
	make_store
	make_collection words
	rows -n 200 --metadata rows.jsonl
	cel-build -q words rows.jsonl
	there="host:$BATS_TEST_TMPDIR/other"
	cel clone -q "host:$CEL_STORE" other
}

# add STORE SEED [N]: N new or other records of that seed, one commit
add() {
	rows -n "${3:-3}" --seed "$2" --prefix "s$2_" add.jsonl
	cel-build -q --no-index --store "$1" words add.jsonl
}

# change STORE SEED: the first 5 records get other vectors
change() {
	rows -n 5 --seed "$2" change.jsonl
	cel-build -q --no-index --store "$1" words change.jsonl
}

commit_at() { cel show --store "$1" "$2" | awk -F '\t' '$1 == "commit" { print $2 }'; }
same_commit() {
	if [ "$(commit_at "$1" words)" != "$(commit_at "$2" words)" ]; then
		echo "$1 and $2 are at different commits"
		return 1
	fi
}

milliseconds() { echo $(($(date +%s%N) / 1000000)); }
