# SPDX-License-Identifier: Apache-2.0
# cel-merge between lines of history and between stores, and cel revert.
load helper

# Two stores, a and b, of the same 120 records of 100 elements: vectors are blocks of their own.
prepare() {
	export CEL_STORE=a
	cel init -q a
	cel init -q b
	rows -n 120 -d 100 --metadata base.jsonl
	make_collection words --dim 100
	cel-build -q --no-index words base.jsonl
	cel create -q --store b --dim 100 words
	cel-merge -q --no-index --store b words ./a:words
}

# row ID NUMBER: a record
row() { python3 -c 'import json, sys
print(json.dumps({"id": sys.argv[1], "vector": [float(sys.argv[2])] * 100, "metadata": {"n": int(sys.argv[2])}}))' "$@"; }

# put STORE COLLECTION ID NUMBER [ID NUMBER]... / drop STORE COLLECTION ID...
put() {
	local store=$1 name=$2
	shift 2
	while [ $# -gt 0 ]; do
		row "$1" "$2"
		shift 2
	done | cel-build -q --no-index --store "$store" "$name"
}
drop() {
	local store=$1 name=$2
	shift 2
	printf '%s\n' "$@" | cel-build -q --no-index --store "$store" "$name" --delete -
}

# number_of STORE REV ID: the n of its metadata, or "none"
number_of() { cel get --store "$1" "$2" "$3" 2>/dev/null | sed -n 's/.*"n":\([0-9]*\).*/\1/p' | grep . || echo none; }

commit_in() { cel show --store "$1" --json "${2:-words}" | sed 's/.*"commit":"\([a-z0-9]*\)".*/\1/'; }

# json EXPRESSION: of the list `r` of the JSON Lines on standard input
json() { python3 -c 'import json, sys
r = [json.loads(line) for line in sys.stdin]
print(eval(sys.argv[1]))' "$1"; }

# stays STORE COMMAND...: the command, whatever comes of it, leaves every commit, ref and file of the store alone
state_of() { for name in $(cel list --store "$1" | cut -f 1); do cel log --moves --store "$1" "$name"; done && ls "$1"/segments "$1"/index "$1"/tmp; }
stays() {
	local store=$1 before
	shift
	before=$(state_of "$store")
	"$@" || return 1
	[ "$(state_of "$store")" = "$before" ] || { echo "$store has changed"; return 1; }
}

hosts() {
	python3 "$CLI/merge_hosts.py" "$BATS_TEST_TMPDIR/hosts" "$@" 2>&1 | sed 's/^/# /' >&3
	return "${PIPESTATUS[0]}"
}

@test "two stores merge each other back and forth: one commit, then no more" { hosts apart 8; }

@test "three stores with --policy newest come to one commit" { hosts newest 10; }

@test "control: stores that do not agree are noticed" {
	run -1 python3 "$CLI/merge_hosts.py" "$BATS_TEST_TMPDIR/hosts" control 10
	[[ $output == *"two commits of one pair"* ]]
}

@test "what was fetched is all there" {
	[ "$(commit_in a)" = "$(commit_in b)" ]
	cel get --store b words r1 r100 | cmp - <(cel get words r1 r100)
	cel fsck -q --store b
	put a words new 1
	put a words new 2
	exits 0 cel-merge --json --no-index --store b words ./a:words
	[ "$(json '[r[0][k] for k in ("outcome", "added", "replaced", "deleted", "commits", "records")]' <<<"$output")" = \
		"['fast-forward', 1, 0, 0, 2, 121]" ]
	cel get --store b words~1 new | cmp - <(cel get words~1 new)
	exits 0 cel log --store b words
	[ "${#lines[@]}" -eq 4 ]
	exits 0 cel-merge --store b words ./a:words
	[[ "$stderr" == *"up to date"* ]]
	exits 0 cel-merge --store b words ./a:words~1
	[[ "$stderr" == *"up to date"* ]]
}

@test "each kind of conflict under each policy" {
	local policy
	put a words both 0 r1 10 r2 10 r3 10 mine 10 same 5
	drop a words r4 r6
	put b words both 1 r1 20 r4 20 r5 20 yours 20 same 5
	drop b words r2 r6 r7
	stays a exits 1 cel-merge words ./b:words
	[ "$output" = $'both\tadded\t-\nr1\tchanged\t-\nr2\ttheirs-deleted\t-\nr4\tours-deleted\t-' ]
	[[ "$stderr" == *"4 conflicts, nothing was changed"* ]]
	for policy in ours theirs; do
		cel create -q $policy --from words
		stays a exits 0 cel-merge --dry-run --json --policy $policy $policy ./b:words
		[ "$(json 'r[-1]["is_dry_run"], r[-1]["is_moved"], r[-1]["commit"], r[-1]["conflicts"]' <<<"$output")" = "(True, False, None, 4)" ]
		exits 0 cel-merge --no-index --policy $policy $policy ./b:words
		[ "$(cut -f 3 <<<"$output" | sort -u)" = $policy ]
		[ "${#lines[@]}" -eq 4 ]
		[[ "$stderr" == *"4 conflicts"* ]]
		[ "$(number_of a $policy r3) $(number_of a $policy mine) $(number_of a $policy yours) $(number_of a $policy r5)" = "10 10 20 20" ]
		[ "$(number_of a $policy same) $(number_of a $policy r6) $(number_of a $policy r7)" = "5 none none" ]
	done
	[ "$(number_of a ours both) $(number_of a ours r1) $(number_of a ours r2) $(number_of a ours r4)" = "0 10 10 none" ]
	[ "$(number_of a theirs both) $(number_of a theirs r1) $(number_of a theirs r2) $(number_of a theirs r4)" = "1 20 none 20" ]
	cel fsck -q
	exits 1 cel-merge --json words ./b:words
	[ "$(json '[x["conflict"] for x in r[:-1]], r[0]["base"], r[1]["base"] is not None, r[2]["theirs"], r[3]["ours"]' <<<"$output")" = \
		"(['added', 'changed', 'theirs-deleted', 'ours-deleted'], None, True, None, None)" ]
	[ "$(json 'r[1]["ours"]["metadata"]["n"], r[1]["theirs"]["vector"][:2], r[1]["decision"], r[1]["is_base_contested"]' <<<"$output")" = \
		"(10, [20, 20], None, False)" ]
}

@test "the merge commit has both parents, the later time, no author and no message" {
	row x 1 | cel-build -q --no-index --time 2101-01-01T00:00:00Z words
	row y 1 | cel-build -q --no-index --time 2102-01-01T00:00:00Z --store b words
	local ours theirs
	ours=$(commit_in a) theirs=$(commit_in b)
	cel-merge -q --no-index words ./b:words
	exits 0 cel show --json words
	# by the bytes of their CIDs, which is not quite the order of their text: base32 has its digits behind the letters
	[ "$(json 'r[0]["parents"] == sorted(r[0]["parents"], key=lambda c: ["abcdefghijklmnopqrstuvwxyz234567".index(x) for x in c]), r[0]["time"], r[0]["author"], r[0]["message"], r[0]["generation"]' <<<"$output")" = \
		"(True, '2102-01-01T00:00:00Z', '', '', 3)" ]
	[[ "$output" == *"$ours"* && "$output" == *"$theirs"* ]]
	refuses 64 "goes back through a merge|$ours" cel show words~1
}

@test "lines of history in one store; a rev, a tag and a CID are merged" {
	cel create -q feature --from words
	put a feature x 1
	cel tag -q v1 feature
	put a feature y 1
	put a words z 1
	exits 0 cel-merge words feature@v1 --no-index
	[ "$(number_of a words x) $(number_of a words y) $(number_of a words z)" = "1 none 1" ]
	exits 0 cel-merge words "$(commit_in a feature)" --no-index
	exits 0 cel-merge feature words --no-index
	[[ "$stderr" == *"fast-forward"* ]]
	exits 0 cel-merge words words
	[[ "$stderr" == *"up to date"* ]]
	[ "$(commit_in a words)" = "$(commit_in a feature)" ]
	cel fsck -q
}

@test "the same records by other commits: the larger commit is taken by both, none is made" {
	put a words x 1
	row x 1 | cel-build -q --no-index -m other --store b words
	[ "$(commit_in a)" != "$(commit_in b)" ]
	exits 0 cel-merge words ./b:words --json
	local first
	first=$(json 'r[0]["outcome"]' <<<"$output")
	exits 0 cel-merge --store b words ./a:words --json
	[ "$first $(json 'r[0]["outcome"]' <<<"$output")" = "adopted up-to-date" ] || \
		[ "$first $(json 'r[0]["outcome"]' <<<"$output")" = "kept adopted" ]
	[ "$(commit_in a)" = "$(commit_in b)" ]
	cel fsck -q --store a
	cel fsck -q --store b
}

@test "histories that have nothing to do with each other unite" {
	cel init -q c
	rows -n 50 -d 100 --seed 3 --prefix s other.jsonl
	head -n 10 base.jsonl >common.jsonl
	cel create -q --store c --dim 100 stars
	cel-build -q --no-index --store c stars other.jsonl common.jsonl
	row r20 1 | cel-build -q --no-index --store c stars
	stays a exits 1 cel-merge words ./c:stars
	[ "$output" = $'r20\tadded\t-' ]
	exits 0 cel-merge --no-index words ./c:stars --policy theirs --json
	[ "$(json '[r[-1][k] for k in ("added", "replaced", "records", "merge_bases")]' <<<"$output")" = "[50, 1, 170, 1]" ]
	[ "$(json 'r[-1]["base"]' <<<"$output")" = "$(cel log words | tail -n 1 | cut -f 1)" ]
	cel fsck -q
}

@test "much from another store comes in a segment, and queries find it" {
	rows -n 4000 -d 300 many.npy
	cel init -q c
	cel create -q --store c --dim 300 big
	cel-build -q --no-index --store c --id-prefix m big many.npy
	cel create -q --dim 300 big
	rows -n 5 -d 300 --seed 4 --prefix q few.jsonl
	cel-build -q --no-index big few.jsonl
	exits 0 cel-merge --M 8 --ef-construction 20 big ./c:big
	[ "$(show_field big records)" -eq 4005 ]
	[ -n "$(ls a/segments)" ]
	cel fsck -q big
	cel-query -k 1 big few.jsonl | cut -f 3 | cmp - <(printf 'q%d\n' 0 1 2 3 4)
	[ "$(show_field big index | cut -c 1-3)" = "M 8" ]
}

@test "what is refused" {
	cel create -q --dim 100 --metric cosine --model m1 angles
	cel create -q --dim 99 short
	refuses 65 "cannot be merged|metric" cel-merge words angles
	refuses 65 "cannot be merged|dim 100 against 99" cel-merge words short
	refuses 66 "no collection 'nosuch'" cel-merge nosuch words
	refuses 66 "nosuch" cel-merge words nosuch
	refuses 66 "nosuch" cel-merge words ./b:nosuch
	refuses 66 "nostore" cel-merge words ./nostore:words
	refuses 66 "remote 'origin'" cel-merge words origin:words
	CEL_SSH=/nowhere/ssh refuses 69 "/nowhere/ssh" cel-merge words h:/x:words
	exits 64 cel-merge words
	exits 64 cel-merge words ./b:words more
	exits 64 cel-merge words ./b:words -m text
	exits 64 cel-merge words ./b:words --policy oldest
	[[ "$stderr" == *"oldest"* ]]
	exits 64 cel-merge words ./b:-x
	python3 "$CLI/hold_lock.py" a 2 &
	sleep 0.5
	put b words x 1
	stays a refuses 75 "another" cel-merge words ./b:words
	exits 0 cel-merge --dry-run words ./b:words
	wait
	exits 0 cel-merge --no-index words ./b:words
}

@test "conflicts on a full or slow standard output: the merge is done, and no lock is held" {
	put a words r1 10 r2 10
	put b words r1 20 r2 20
	if [ -w /dev/full ]; then
		stays a exits 74 sh -c "cel-merge words ./b:words >/dev/full"
		exits 74 sh -c "cel-merge --no-index --policy ours words ./b:words >/dev/full"
		[ "$(number_of a words r1)" = 10 ]
	fi
	rows -n 3000 -d 100 --seed 5 --prefix many ours.jsonl
	rows -n 3000 -d 100 --seed 6 --prefix many theirs.jsonl
	cel-build -q --no-index words ours.jsonl
	cel-build -q --no-index --store b words theirs.jsonl
	cel-merge -q --json --no-index --policy theirs words ./b:words | { read -r first && sleep 2 && echo "$first" && wc -l; } >out &
	sleep 1.2
	exits 0 cel-build --no-index words <(row x 1) # the reader sleeps on a full pipe
	exits 0 cel-build --no-index --store b words <(row x 1)
	wait
	tail -n 1 out | grep -qx 3000
	head -n 1 out | is_json_lines
	cel get words many1 | cmp - <(cel get --store b words many1)
	[ "$(ls a/tmp)" = "" ]
}

@test "any write, sync, open or rename may fail: nothing is changed, or all of it" {
	rows -n 60 -d 100 --seed 4 changed.jsonl
	cel-build -q --no-index --store b words changed.jsonl
	put a words x 1
	cp -r a copy
	cel-merge -q --no-index --store copy words ./b:words
	local op n before after
	before=$(commit_in a) after=$(commit_in copy)
	for op in write sync open rename; do
		for n in 1 2 3 4 5 6 7 8; do
			run --separate-stderr env CEL_FAULT=$op:$n:5 cel-merge -q --no-index words ./b:words
			[ "$status" -eq 0 ] || [ "$status" -eq 74 ] || [ "$status" -eq 73 ] || [ "$status" -eq 66 ]
			if [ "$status" -eq 0 ]; then
				[ "$(commit_in a)" = "$after" ]
				cel reset -q words "$before"
				break
			fi
			[ "$(commit_in a)" = "$before" ]
		done
		cel fsck -q --store a
	done
	exits 0 cel-merge --no-index words ./b:words
	[ "$(commit_in a)" = "$after" ]
}

@test "a base that was forgotten is missed only where it decides" {
	cel create -q feature --from words
	put a words x 1
	put a feature y 1
	drop a feature r3
	cel forget -q words feature --keep-last 1
	stays a refuses 69 "$(commit_in a words~1)|forgotten" cel-merge words feature
	exits 0 cel-merge --no-index --store b words ./a:words
	exits 0 cel-merge --no-index --store b words ./a:feature # b still has the base
	[ "$(number_of b words x) $(number_of b words y) $(cel show --store b --json words | json 'r[0]["records"]')" = "1 1 121" ]
}

@test "a damaged other store changes nothing here" {
	row zebra 3 | cel-build -q --no-index --store b -m needle words
	cp b/data.mdb good.mdb
	local what
	for what in 'struct.pack("<f", 3) * 90' 'b"zebra"' 'b"needle"'; do
		python3 -c 'import struct, sys
data = bytearray(open("good.mdb", "rb").read())
wanted, at, n = eval(sys.argv[1]), -1, 0
while (at := data.find(wanted, at + 1)) >= 0:
    data[at + 2] ^= 4
    n += 1
open("b/data.mdb", "wb").write(data)
assert n > 0' "$what"
		stays a refuses 74 "damaged" cel-merge --no-index words ./b:words
	done
	cp good.mdb b/data.mdb
	exits 0 cel-merge --no-index words ./b:words
	cel fsck -q
}

@test "revert: the last commit, an older one, a merge, what is in the way" {
	put a words x 1 r5 1
	put a words y 1
	exits 0 cel revert --no-index words words
	[ "$(tree_of words)" = "$(tree_of words~2)" ]
	[ "$(show_field words message)" = "revert $(commit_in a words~1)" ]
	put a words z 1
	exits 0 cel revert --no-index -m back --author me --time 2001-01-01T00:00:00Z words words~3
	[ "$(number_of a words x) $(number_of a words z)" = "none 1" ]
	cel get words r5 | cmp - <(cel get words~5 r5)
	[ "$(show_field words message) $(show_field words author)" = "back me" ]
	put a words r9 1
	put a words r9 2
	stays a exits 1 cel revert words words~1
	[ "$output" = $'r9\tchanged\t-' ]
	exits 0 cel revert words words~1 --policy ours
	[[ "$stderr" == *"nothing changed, no commit made"* ]]
	stays a exits 0 cel revert words words~1 --policy theirs --dry-run
	exits 0 cel revert --no-index words words~1 --policy theirs
	cel get words r9 | cmp - <(cel get words~3 r9)
	local before
	before=$(commit_in a)
	put b words other 1
	cel-merge -q --no-index words ./b:words
	refuses 64 "is a merge|$before" cel revert words words
	exits 0 cel revert --no-index words words --parent "$before"
	[ "$(number_of a words other)" = none ]
	refuses 64 "no parent of" cel revert words words~1 --parent words
	refuses 64 "no parent to go back to" cel revert words "$(cel log words | tail -n 1 | cut -f 1)"
	refuses 64 "newest" cel revert words words --policy newest
	cel create -q --dim 100 empty
	refuses 64 "not in the history" cel revert empty words
	refuses 66 "nosuch" cel revert nosuch words
	exits 64 cel revert words
	cel fsck -q
}
