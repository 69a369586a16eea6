# SPDX-License-Identifier: Apache-2.0
# Stores on other hosts, with a CEL_SSH that runs everything here: clone, pull, push, merge, diff, remotes.
# shellcheck disable=SC2154,SC2012 # $there; ls of names that are known
load helper
load hosts

@test "remote: add, list, remove" {
	make_store
	cel init -q other
	exits 0 cel remote
	[ -z "$output" ]
	exits 0 cel remote add berlin me@host:/srv/store
	exits 0 cel remote add -q near ./other
	exits 0 cel remote list
	[ "${lines[0]}" = "berlin	me@host:/srv/store" ]
	[ "${lines[1]}" = "near	$BATS_TEST_TMPDIR/other" ]
	exits 0 cel remote --json
	is_json_lines <<<"$output"
	refuses 73 "there is a remote 'berlin'" cel remote add berlin host:/x
	refuses 64 "no name of a remote" cel remote add Berlin host:/x
	refuses 64 "./words" cel remote add new words
	refuses 64 "begins with '-'" cel remote -- add new -oX:/x
	refuses 66 "nowhere" cel remote add new ./nowhere
	refuses 64 "PLACE is missing" cel remote add new
	refuses 64 "none of add" cel remote rename a b
	exits 0 cel remote remove near
	refuses 66 "no remote 'near'" cel remote remove near
	refuses 66 "no remote 'near'" cel pull words near:words
	exits 0 cel fsck
}

fetched_refs() { mdb_dump -p -s refs "$1" | sed -n 's/^ \(fetched.*\)/\1/p'; }

@test "remote remove: what was fetched goes with it, unless another remote is the same store" {
	two_stores
	cel create -q --store other --dim 16 theirs
	rows -n 3000 --seed 5 theirs.jsonl
	cel-build -q --no-index --store other theirs theirs.jsonl
	cel remote add -q berlin "$there"
	cel remote add -q near ./other
	cel remote add -q none host:/nowhere
	add other 7
	exits 1 cel-diff words berlin:words --stat
	[ "$(fetched_refs store | wc -l)" -eq 1 ]
	exits 1 cel-diff words near:theirs --stat
	[ "$(fetched_refs store | wc -l)" -eq 2 ]
	cel gc -q --grace 0
	cel show "$(commit_at other theirs)" >/dev/null
	exits 0 cel remote remove near
	[[ $stderr == *"removed the remote near"*"stays as long as the remote berlin"* ]]
	[ "$(fetched_refs store | wc -l)" -eq 2 ]
	exits 0 cel remote remove none
	is_one_line "$stderr" "removed the remote none"
	exits 0 cel remote remove berlin
	is_one_line "$stderr" "removed the remote berlin" "2 collections" "cel gc"
	[ -z "$(fetched_refs store)" ]
	exits 0 cel gc --grace 0
	cel fsck
	refuses 66 "" cel show "$(commit_at other theirs)"

	# again under that name, of another store; what comes of a place without a name is nobody's
	cel clone -q other third
	cel remote add -q berlin ./third
	exits 1 cel-diff words "$there:words" --stat
	exits 0 cel remote remove berlin
	is_one_line "$stderr" "removed the remote berlin"
	[ "$(fetched_refs store | wc -l)" -eq 1 ]
	# a clone knows its origin
	[ "$(fetched_refs third | wc -l)" -eq 2 ]
	exits 0 cel remote --store third remove origin
	is_one_line "$stderr" "2 collections"
	[ -z "$(fetched_refs third)" ]
}

@test "clone: everything, or what is named; the histories come, and so do the answers" {
	two_stores
	cel create -q --dim 2 empty
	add store 7
	cel-build -q --store store words --delete - <<<r7
	exits 0 cel clone "host:$CEL_STORE" all
	[[ "$stderr" == *"words: 4 commits, "*" received, "*" sent"* ]]
	[ "$(cel list --store all | cut -f 1,2)" = $'empty\t0\nwords\t202' ]
	[ "$(cel log --store all words)" = "$(cel log words)" ]
	[ "$(cel remote --store all)" = "origin	host:$CEL_STORE" ]
	[ "$(cel get --store all words~1 r7)" = "$(cel get words~1 r7)" ]
	exits 0 cel fsck --store all --read-data
	head -n 5 rows.jsonl >queries.jsonl
	[ "$(cel-query --store all words queries.jsonl)" = "$(cel-query words queries.jsonl)" ]
	exits 0 cel clone -q "host:$CEL_STORE" one words
	[ "$(cel list --store one | cut -f 1)" = words ]
	exits 0 cel clone -q "host:$CEL_STORE" one # goes on
	[ "$(cel list --store one | wc -l)" -eq 2 ]
	exits 0 cel clone -q store near
	same_commit near store
}

tags_at() { cel tag --store "$1" "${@:2}" | cut -f 1,2 | tr '\t\n' '= '; }

@test "tags come along: those of what is fetched, and none is ever moved" {
	two_stores
	cel tag -q first words
	add store 1
	cel tag -q second words
	cel tag -q both words~1
	cel create -q --from words side
	rows -n 2 --seed 9 --prefix side side.jsonl
	cel-build -q --no-index side side.jsonl
	cel tag -q aside side
	exits 0 cel clone -q "host:$CEL_STORE" all
	tags_at store >wanted
	tags_at all | cmp - wanted
	exits 0 cel fsck --store all
	exits 0 cel clone -q --no-tags store without
	[ -z "$(tags_at without)" ]
	exits 0 cel clone store again words
	[[ $stderr == *"words: 3 new tags: both, first, second"* ]]

	# into what was cloned before there were any: what is fetched, and what was here
	exits 0 cel pull --dry-run --store other words "host:$CEL_STORE:words"
	[[ $stderr == *"dry run: words: 3 new tags: both, first, second"* ]]
	[ -z "$(tags_at other)" ]
	exits 0 cel pull --no-tags --store other words "host:$CEL_STORE:words~1"
	[ -z "$(tags_at other)" ]
	exits 0 cel pull -v --store other words "host:$CEL_STORE:words@first"
	[[ $stderr == *"words: 2 new tags: both, first"*"outside of what was fetched: second"* ]]
	exits 0 cel pull --store other words ./store:words
	is_one_line "$(grep tag <<<"$stderr")" "words: 1 new tag: second"
	exits 0 cel pull --store other words ./store:words
	[[ $stderr != *tag* ]]

	# one that is another commit here stays; one whose merge is refused does not come
	cel tag -q --store other mine words~1
	cel tag -q mine words
	exits 0 cel pull --store other words ./store:words
	is_one_line "$(grep tag <<<"$stderr")" "words: the tag mine is commit $(commit_of words) there" "stays as it is"
	[ "$(commit_at other words@mine)" = "$(commit_of words~1)" ]
	change store 4
	change other 5
	cel tag -q third words
	exits 1 cel pull -q --store other words ./store:words
	refuses 66 "third" cel show --store other words@third
	exits 0 cel pull -q --policy ours --store other words ./store:words
	[ "$(commit_at other words@third)" = "$(commit_of words)" ]

	# a collection of another name: only if it is made
	exits 0 cel pull -q --store other words2 ./store:words~1
	[ "$(commit_at other words2@second)" = "$(commit_of words@second)" ]
	cel tag -q fourth words
	exits 0 cel pull -q --store other words2 ./store:words
	refuses 66 "fourth" cel show --store other words2@fourth
}

@test "clone: what fails leaves nothing behind" {
	two_stores
	mkdir full
	touch full/x
	refuses 73 "full" cel clone "$there" full
	refuses 73 "no clone of" cel clone "host:/elsewhere" other
	refuses 66 "nothing" cel clone -q "$there" new nothing
	[ ! -e new ]
	exits 66 cel clone -q host:/nowhere new
	[ ! -e new ]
	refuses 64 "begins with '-'" cel clone -- "-oProxyCommand=x:y" new
	[ ! -e new ]
}

@test "pull: fast-forward, merge, conflicts, a new collection, other revs" {
	two_stores
	add other 1
	exits 0 cel pull words "$there:words"
	[[ "$stderr" == *"1 commits, 3 changed records"*"fast-forward; 3 added"* ]]
	same_commit store other
	exits 0 cel pull words "$there:words"
	[[ "$stderr" == *"nothing new"*"up to date"* ]]
	add store 2
	add other 3
	exits 0 cel pull --json words "$there:words"
	[[ "$output" == *'"outcome":"merged"'* ]]
	[ "$(show_field words records)" -eq 209 ]
	change store 4
	change other 5
	exits 1 cel pull --dry-run words "$there:words"
	exits 1 cel pull words "$there:words"
	[ "${#lines[@]}" -eq 5 ]
	exits 0 cel pull -q --policy theirs words "$there:words"
	[ "$(cel get words r1)" = "$(cel get --store other words r1)" ]
	exits 0 cel pull -q new "$there:words~1"
	[ "$(commit_of new)" = "$(commit_at other words~1)" ]
	cel tag -q --store other v1 words
	exits 0 cel pull -q tagged "$there:words@v1"
	[ "$(commit_of tagged)" = "$(commit_at other words)" ]
	refuses 66 "nothing" cel pull words "$there:nothing"
	refuses 64 "names no other store" cel pull words words~1
	exits 0 cel fsck --read-data
	exits 0 cel gc -q --grace 0
	exits 0 cel fsck --read-data
}

@test "push: new, fast-forward, nothing to do, gone apart, merged there" {
	two_stores
	add store 1
	exits 0 cel push --dry-run words "$there:words"
	[[ "$stderr" == *"1 commits would go"* ]]
	[ "$(commit_at other words)" = "$(commit_of words~1)" ]
	exits 0 cel push words "$there:words"
	[[ "$stderr" == *"fast-forward; 1 commits, 3 changed records"* ]]
	same_commit store other
	exits 0 cel push words "$there:words"
	[[ "$stderr" == *"has it already"* ]]
	exits 0 cel push -q words~1 "$there:old"
	[ "$(commit_at other old)" = "$(commit_of words~1)" ]
	add store 2
	add other 3
	exits 1 cel push words "$there:words"
	[[ "$stderr" == *"cel pull"* ]]
	exits 0 cel push --json words "$there:words" --merge
	[[ "$output" == *'"outcome":"merged"'*'"round_trips":'* ]]
	[ "$(cel show --store other words | sed -n 's/^records	//p')" -eq 209 ]
	exits 0 cel pull -q words "$there:words"
	same_commit store other
	change store 4
	change other 5
	exits 1 cel push words "$there:words" --merge
	[[ "$stderr" == *"5 conflicts"* ]]
	exits 0 cel push -q words "$there:words" --merge --policy theirs
	[ "$(cel get words r1)" = "$(cel get --store other words r1)" ]
	exits 0 cel push -q words ./other:near
	exits 0 cel fsck --store other --read-data
	refuses 64 "--merge" cel push words "$there:words" --policy newest
	refuses 66 "nothing" cel push nothing "$there:words"
}

@test "a push is indexed there, unless it is not to be" {
	two_stores
	rm -rf other/index other/cache
	rows -n 150 --seed 9 --prefix new many.jsonl
	cel-build -q words many.jsonl
	exits 0 cel push -q words "$there:words"
	for _ in {1..100}; do
		if [ -n "$(ls other/index other/cache 2>/dev/null)" ]; then break; fi
		sleep 0.05
	done
	[ "$(ls other/index | wc -l)" -eq 1 ]
}

@test "merge from a host, both ways: one commit, then no more" {
	two_stores
	cel remote add -q berlin "$there"
	add store 1
	add other 2
	exits 0 cel-merge --dry-run words berlin:words
	[[ "$stderr" == *"dry run: words: 3 added"* ]]
	exits 0 cel-merge --quiet --lock-wait 600 words berlin:words --policy newest
	[ -z "$stderr" ]
	exits 0 cel-merge -q --store other words "host:$CEL_STORE:words"
	same_commit store other
	exits 0 cel-merge --json words berlin:words
	[[ "$output" == *'"outcome":"up-to-date"'* ]]
	exits 0 cel-merge -q --store other words "host:$CEL_STORE:words"
	same_commit store other
	exits 0 cel forget -q words --keep-last 1
	exits 0 cel gc -q --grace 0
	add store 3
	add other 4
	exits 0 cel-merge -q words berlin:words # its base was kept
	exits 0 cel fsck
}

@test "diff with a host, on either side" {
	two_stores
	cel remote add -q berlin "$there"
	exits 0 cel-diff words berlin:words --stat
	[ "${lines[2]}" = "changed	0" ]
	add other 1
	change other 2
	exits 1 cel-diff -q words berlin:words --stat
	[ "$output" = $'added\t3\ndeleted\t0\nchanged\t5' ]
	[ -z "$stderr" ]
	exits 1 cel-diff -q berlin:words words --ids
	[ "${#lines[@]}" -eq 8 ]
	exits 1 cel-diff -q "$there:words~2" berlin:words --ids
	[ "${#lines[@]}" -eq 8 ]
	cel-diff -q words berlin:words --patch >five.patch || true
	exits 0 cel-merge -q --patch five.patch words
	[ "$(tree_of words)" = "$(cel show --store other words | sed -n 's/^tree	//p')" ]
	refuses 66 "no remote" cel-diff words paris:words
}

@test "histories that have nothing in common, and schemas that differ" {
	two_stores
	cel init -q third
	cel create -q --store third words --dim 16
	add third 1
	exits 0 cel-merge -q words "host:$BATS_TEST_TMPDIR/third:words"
	[ "$(show_field words records)" -eq 203 ]
	cel create -q --store third small --dim 2
	refuses 65 "dim" cel-merge -q words "host:$BATS_TEST_TMPDIR/third:small"
	refuses 65 "dim" cel push -q words "host:$BATS_TEST_TMPDIR/third:small"
	exits 0 cel fsck --store third
}

@test "the command line: one word for a shell, whatever the path" {
	two_stores
	mkdir "a b'c"
	cp -r other "a b'c/\$x"
	exits 0 cel pull -q words "me@host:$BATS_TEST_TMPDIR/a b'c/\$x:words"
	[ "$(tail -n 1 calls)" = "me@host	cel-serve --stdio --store '$BATS_TEST_TMPDIR/a b'\\''c/\$x'" ]
	exits 0 cel push -q --lock-wait 5 --remote-command "$(command -v cel-serve)" words "$there:words"
	[[ "$(tail -n 1 calls)" == *"/cel-serve --stdio --store $BATS_TEST_TMPDIR/other --lock-wait=5" ]]
	(cd / && HOME=$BATS_TEST_TMPDIR exits 0 cel pull -q words "host:~/other:words")
	refuses 64 "begins with '-'" cel pull -- words "-oProxyCommand=touch:$PWD/other:words"
}

@test "two merges at once, as cron may start them: both get their turn" {
	two_stores
	cel remote add -q berlin "$there"
	add other 1 50
	python3 "$CLI/hold_lock.py" store 1 >held 3>&- &
	for _ in {1..100}; do
		if grep -q held held; then break; fi
		sleep 0.02
	done
	refuses 75 "another writer" cel-merge -q words berlin:words
	cel-merge --quiet --lock-wait 60 words berlin:words --policy newest &
	local first=$!
	cel-merge --quiet --lock-wait 60 words berlin:words --policy newest
	wait "$first"
	same_commit store other
	[ "$(cel log --moves words | wc -l)" -eq 3 ]
}

@test "a push waits there for another writer" {
	two_stores
	add store 1
	python3 "$CLI/hold_lock.py" other 1 >held 3>&- &
	for _ in {1..100}; do
		if grep -q held held; then break; fi
		sleep 0.02
	done
	refuses 75 "another writer" cel push -q words "$there:words"
	exits 0 cel push -q --lock-wait 60 words "$there:words"
	same_commit store other
}
