# SPDX-License-Identifier: Apache-2.0
# Looking back: tags, reset, other lines of history, the log of the moves, bisect, forget.
load helper

prepare() {
	make_store
}

commits() { cel log "$1" | cut -f 1; }

# grow COLLECTION N [OPTION]...: N commits of one record each, named after their generation
grow() {
	local name=$1 n=$2 first i
	shift 2
	first=$(($(show_field "$name" generation) + 1))
	for i in $(seq "$first" $((first + n - 1))); do
		printf '{"id":"r%d","vector":[%d,1]}\n' "$i" "$i" | cel-build -q --no-index -m "commit $i" "$@" "$name"
	done
}

# json EXPRESSION: of the list `r` of the JSON Lines on standard input
json() { python3 -c 'import json, sys
r = [json.loads(line) for line in sys.stdin]
print(eval(sys.argv[1]))' "$1"; }

@test "tag: names for commits that stay where they are" {
	cel create -q --dim 2 words
	grow words 3
	exits 0 cel tag v1 words
	is_one_line "$stderr" "words@v1" "words"
	exits 0 cel tag old words~2
	exits 0 cel tag -q words@first words~3
	[ -z "$stderr" ]
	exits 0 cel tag -q words@same "$(commit_of words~1)"
	grow words 1
	[ "$(commit_of words@v1)" = "$(commit_of words~1)" ]
	[ "$(commit_of words@old~1)" = "$(commit_of words@first)" ]
	cel get words@v1 r3
	exits 0 cel tag words
	[ "$(cut -f 1,4 <<<"$output")" = $'words@first\t0\nwords@old\t1\nwords@same\t2\nwords@v1\t3' ]
	[ "$(cel tag --list words)" = "$output" ]
	[ "$(cel tag)" = "$output" ]
	[ "$(cel tag --json words | json '[(x["name"], x["tag"], x["records"]) for x in r][:2]')" = \
		"[('words', 'first', 0), ('words', 'old', 1)]" ]
	[ "$(cel log words | cut -f 6 | tr '\n' ,)" = ",words@v1,words@same,words@old,words@first," ]
	[ "$(cel log --json words | json '[x["tags"] for x in r]')" = "[[], ['words@v1'], ['words@same'], ['words@old'], ['words@first']]" ]
	[ "$(show_field words@old tag)" = words@old ]
	cel-query words@v1 -k 1 --exact - <<<'{"vector":[2,1]}' | cut -f 3 | grep -qx r2
}

@test "tag: what it refuses, --force, --delete" {
	cel create -q --dim 2 words
	cel create -q --dim 3 other
	grow words 2
	cel tag -q v1 words
	refuses 73 "words@v1|$(commit_of words)" cel tag v1 words~1
	[ "$(commit_of words@v1)" = "$(commit_of words)" ]
	exits 0 cel tag --force v1 words~1
	[ "$(commit_of words@v1)" = "$(commit_of words~1)" ]
	exits 0 cel tag --force v1 words~1
	cel tag -q v1 other
	refuses 66 "v9|the tag comes first" cel tag words v9
	refuses 64 "belongs to a collection" cel tag v2 "$(commit_of words | tr b B)"
	refuses 66 "no collection" cel tag v2 "$(commit_of words)"
	refuses 66 "no collection" cel tag nosuch@v2 words
	refuses 64 "tag name" cel tag V2 words
	refuses 64 "tag name" cel tag "words@" words
	refuses 64 "tag name" cel tag a/b words
	refuses 64 "tag name" cel tag "$(printf 'x%.0s' {1..64})" words
	refuses 66 "words~9" cel tag v2 words~9
	refuses 64 "'c' is too much" cel tag a b c
	refuses 64 "REV is missing" cel tag --force v1
	refuses 64 "--list, --delete and --force exclude each other" cel tag --list --delete v1
	refuses 66 "nosuch" cel tag nosuch
	refuses 64 "COLLECTION" cel tag --delete v1
	refuses 66 "v7" cel tag --delete v7 words
	exits 0 cel tag --delete v1 words
	refuses 66 "v1" cel show words@v1
	[ "$(commit_of other@v1)" = "$(commit_of other)" ]
	exits 0 cel tag --delete other@v1
	[ -z "$(cel tag)" ]
	[ "$(commit_of words)" = "$(commits words | head -n 1)" ]
}

@test "delete takes the tags along" {
	cel create -q --dim 2 words
	cel create -q --dim 2 words.2
	grow words 1
	cel tag -q v1 words
	cel tag -q v1 words.2
	cel delete -q words
	[ "$(cel tag | cut -f 1)" = words.2@v1 ]
	cel create -q --dim 2 words
	refuses 66 "v1" cel show words@v1
}

@test "reset: the name moves, says where it was, and comes back" {
	local -a all
	cel create -q --dim 2 words
	grow words 3
	mapfile -t all < <(commits words)
	exits 0 cel reset words words~2
	is_one_line "$stderr" "${all[2]}" "${all[0]}" "words@{1}"
	[ "$(commit_of words)" = "${all[2]}" ]
	[ "$(show_field words records)" = 1 ]
	[ "$(commit_of "words@{1}")" = "${all[0]}" ]
	exits 0 cel reset words words
	is_one_line "$stderr" "already"
	[ "$(commit_of "words@{1}")" = "${all[0]}" ]
	exits 0 cel reset --json -q words "${all[1]}"
	[ "$output" = '{"collection":"words","is_moved":true,"old_commit":"'"${all[2]}"'","commit":"'"${all[1]}"'"}' ]
	exits 0 cel reset -q words "words@{2}"
	[ "$(commits words | tr '\n' ' ')" = "${all[*]} " ]
	cel reset -q words words~3
	[ "$(show_field words records)" = 0 ]
	grow words 1 # history goes on from there
	[ "$(commit_of words~1)" = "${all[3]}" ]
	cel create -q --dim 2 --metric cosine angle
	refuses 64 "cosine|l2" cel reset words angle
	refuses 66 "nosuch" cel reset words nosuch
	refuses 66 "nosuch" cel reset nosuch words
	refuses 64 "REV is missing: cel reset [OPTION]... COLLECTION REV" cel reset words
	cel fsck -q words
	[ "$(show_field words records)" = 1 ]
}

@test "log --moves: where the name was in this store" {
	cel create -q --dim 2 words
	grow words 2
	cel reset -q words words~1
	exits 0 cel log --moves words
	[ "$(cut -f 1,4 <<<"$output")" = 'words@{0}	reset to words~1
words@{1}	build
words@{2}	build
words@{3}	create' ]
	local rev commit
	while IFS=$'\t' read -r rev _ commit _; do
		[ "$(commit_of "$rev")" = "$commit" ]
	done <<<"$output"
	cel delete -q words
	exits 0 cel log --moves words
	[ "$(head -n 1 <<<"$output" | cut -f 1,3,4)" = $'words@{0}\t-\tdelete' ]
	[ "$(cel log --moves --json words | json '(r[0]["commit"], r[1]["old_commit"] == r[0]["old_commit"], len(r), r[-1]["old_commit"])')" = \
		"(None, False, 5, None)" ]
	cel create -q words --from "words@{1}"
	[ "$(show_field words records)" = 1 ]
	refuses 66 "nosuch" cel log --moves nosuch
	refuses 64 "COLLECTION" cel log --moves
}

@test "create --from: another line of history" {
	cel create -q --dim 2 --metric cosine --model m words
	grow words 3
	cel tag -q v1 words~1
	exits 0 cel create feature --from words
	[ "$(commit_of feature)" = "$(commit_of words)" ]
	cel create -q old --from words~2
	cel create -q --from words@v1 tagged
	cel create -q --from "$(commit_of words~3)" empty
	[ "$(cel list | cut -f 1-5)" = 'empty	0	2	f32	cosine
feature	3	2	f32	cosine
old	1	2	f32	cosine
tagged	2	2	f32	cosine
words	3	2	f32	cosine' ]
	printf '{"id":"new","vector":[9,9]}\n' | cel-build -q --no-index feature
	[ "$(show_field words records)" = 3 ]
	[ "$(commit_of feature~1)" = "$(commit_of words)" ]
	[ "$(cel show feature | grep -c '^model	m$')" = 1 ]
	refuses 73 "feature" cel create feature --from words
	refuses 66 "nosuch" cel create x --from nosuch
	refuses 64 "schema" cel create x --from words --dim 2
	refuses 64 "schema" cel create x --metric l2 --from words
	refuses 64 "collection name" cel create X --from words
}

# add_far COLLECTION ID NUMBER: a commit of one record that is near to no query
add_far() {
	printf '{"id":"%s","vector":[99,99,99,99,99,99,99,99,99,99,99,99,99,99,99,%d]}\n' "$2" "$3" |
		cel-build -q --no-index -m "commit $2" "$1"
}

# Twelve commits on `words`, of which the seventh loses 20 records; q.npy are queries, t.ivecs their answers at the first
# one, by row number.
plant() {
	make_collection words
	rows -n 60 base.npy base.ids
	rows -n 8 --seed 5 q.npy
	cel-build -q --no-index words --ids base.ids base.npy
	cel-query words -k 5 --exact q.npy | python3 -c '
import struct, sys
ids = open("base.ids").read().split()
rows = [line.split("\t") for line in sys.stdin]
for i in range(8):
    answer = [ids.index(r[2]) for r in rows if r[0] == str(i)]
    assert len(answer) == 5
    sys.stdout.buffer.write(struct.pack("<6i", 5, *answer))' >t.ivecs
	local i
	for i in $(seq 2 12); do
		if [ "$i" -eq 7 ]; then
			head -n 20 base.ids | cel-build -q --no-index -m culprit words --delete -
		else
			add_far words "far$i" "$i"
		fi
	done
}

@test "bisect: the first commit that answers badly" {
	plant
	exits 0 cel bisect words~11 words --queries q.npy --truth t.ivecs --id-prefix r --min-recall 0.95
	[ "$(cut -f 1,4,5 <<<"$output")" = "$(commit_of words~5)	tester	culprit" ]
	[ "$(grep -c 'step ' <<<"$stderr")" -le 4 ]
	[ "$(head -n 1 <<<"$stderr")" = "cel bisect: words~11: recall 1; words: recall $(cut -f 2 <<<"$output")" ]
	[[ $stderr == *"candidates left: 1" ]]
	local lines=$output
	exits 0 cel bisect -q words~11 words --queries q.npy --truth t.ivecs --truth-ids base.ids --min-recall 0.95 --exact -k 5
	[ "$output" = "$lines" ]
	[ -z "$stderr" ]
	exits 0 cel bisect -q words~6 words~5 --queries q.npy --truth t.ivecs --id-prefix r --min-recall 0.95
	[ "$output" = "$lines" ]
	[ "$(cel bisect -q --json words~7 words~1 --queries q.npy --truth t.ivecs --id-prefix r --min-recall 0.95 -k 3 |
		json 'r[0]["commit"], r[0]["recall"] < 0.95, r[0]["message"], len(r)')" = "('$(commit_of words~5)', True, 'culprit', 1)" ]
	refuses_loudly() {
		exits "$1" cel bisect "${@:3}"
		[ -z "$output" ]
		[[ $stderr == *$2* ]]
	}
	local -a with=(--queries q.npy --truth t.ivecs --id-prefix r)
	refuses_loudly 64 "words~5 is not good: its recall of" words~5 words "${with[@]}" --min-recall 0.95
	refuses_loudly 64 "words~6 is not bad: its recall of 1 is not below 0.95" words~11 words~6 "${with[@]}" --min-recall 0.95
	refuses_loudly 64 "no ancestor" words words~11 "${with[@]}" --min-recall 0.95 || [[ $stderr == *"descends from it"* ]]
	refuses 64 "--min-recall R is needed" cel bisect words~11 words --queries q.npy --truth t.ivecs
	refuses 64 "GOOD" cel bisect words --queries q.npy --truth t.ivecs --min-recall 0.95
	refuses 64 "a file" cel bisect words~11 words --queries - --truth t.ivecs --min-recall 0.95
	refuses 65 "t.ivecs|row 1|5 numbers, 6" cel bisect words~11 words "${with[@]}" --min-recall 0.95 -k 6
	head -n 9 base.ids >few.ids
	refuses 65 "beyond the 9 ids of few.ids" cel bisect words~11 words --queries q.npy --truth t.ivecs --truth-ids few.ids --min-recall 0.9
	rows -n 9 q9.npy
	refuses 65 "8 rows, there are more queries" cel bisect words~11 words --queries q9.npy --truth t.ivecs --id-prefix r --min-recall 0.9
	rows -n 7 q7.npy
	refuses 65 "8 rows|7 queries in q7.npy" cel bisect words~11 words --queries q7.npy --truth t.ivecs --id-prefix r --min-recall 0.9
	# A number alone is the id itself: nothing is found here.
	refuses 64 "words~11 is not good: its recall of 0" cel bisect -q words~11 words --queries q.npy --truth t.ivecs --min-recall 0.9
}

@test "bisect: over a merge, and past commits without their trees" {
	export TZ=UTC
	plant
	# words~11 ... words~5 (culprit) ... words; a side that leaves before the culprit is merged.
	cel create -q side --from words~8
	local i
	for i in 1 2 3; do add_far side "side$i" "$i"; done
	cel merge -q --no-index words side
	add_far words last 1
	local -a all=(--queries q.npy --truth t.ivecs --id-prefix r --min-recall 0.95)
	local culprit
	culprit=$(cel log words | grep culprit | cut -f 1)
	cel tag -q words@v0 "$(cel log words | grep -F '	60	' | tail -n 1 | cut -f 1)"
	exits 0 cel bisect words@v0 words "${all[@]}"
	[ "$(cut -f 1 <<<"$output")" = "$culprit" ]
	[ "$(cel log --json words | json 'sum(len(x["parents"]) == 2 for x in r)')" = 1 ]
	# The culprit's tree and that of its parent go: it is one of them, or of what comes after.
	cel forget -q words side --keep-last 4 >/dev/null
	exits 69 cel bisect words@v0 words "${all[@]}"
	[ "$(wc -l <<<"$output")" -gt 1 ]
	grep -q "^$culprit	-	" <<<"$output"
	[[ $(tail -n 1 <<<"$output" | cut -f 2) != - ]]
	[[ $stderr == *"skipped, its tree is not in this store"* ]]
	[[ $stderr == *"it is one of these"* ]]
}

# aged COLLECTION: a commit at each of these times (UTC), newest last
aged() {
	local i=0 name=$1 time
	shift
	for time in "$@"; do
		i=$((i + 1))
		printf '{"id":"r%d","vector":[%d,1]}\n' "$i" "$(date -u -d "$time" +%s)" |
			cel-build -q --no-index --time "$(date -u -d "$time" +%s)" "$name"
	done
}

@test "forget: by rules; the commits stay, their trees do not" {
	export TZ=UTC
	cel create -q --dim 2 words
	aged words '2026-01-01 10:00' '2026-01-01 11:00' '2026-01-02 09:00' '2026-01-03 09:00' '2026-01-03 10:00' '2026-02-01 09:00'
	exits 0 cel forget words --keep-last 1 --keep-daily 3 --dry-run
	[ "$(cut -f 1,3,4 <<<"$output")" = 'keep	2026-02-01T09:00:00Z	head,last,daily
keep	2026-01-03T10:00:00Z	daily
forget	2026-01-03T09:00:00Z	-
keep	2026-01-02T09:00:00Z	daily
forget	2026-01-01T11:00:00Z	-
forget	2026-01-01T10:00:00Z	-
keep	1970-01-01T00:00:00Z	first' ]
	is_one_line "$stderr" "4 commits kept, 3 would be forgotten"
	cel get words~2 r4
	local planned=$output
	exits 0 cel forget words --keep-last 1 --keep-daily 3
	[ "$output" = "$planned" ]
	is_one_line "$stderr" "4 commits kept, 3 forgotten" "cel gc"
	exits 0 cel show words~2
	[[ $output == *$'records\t-\n'* ]]
	refuses 69 "the tree of commit $(commit_of words~2) is not in this store" cel get words~2 r4
	refuses 69 "not in this store" cel-query words~2 - <<<'{"vector":[1,1]}'
	refuses 69 "not in this store" cel tag v1 words~2
	refuses 69 "not in this store" cel reset words words~2
	refuses 69 "not in this store" cel create x --from words~2
	cel get words~1 r5
	[ "$(cel log words | cut -f 3 | tr '\n' ' ')" = "6 5 - 3 - - 0 " ]
	[ "$(cel log --json words | json '[x["records"] for x in r]')" = "[6, 5, None, 3, None, None, 0]" ]
	# Again: nothing is left to be forgotten; what has no tree any more is not told of.
	exits 0 cel forget words --keep-last 1 --keep-daily 3
	[ "$(wc -l <<<"$output")" -eq 4 ]
	[ "$(cel forget -q --json words --keep-last 1 | json '[(x["is_kept"], x["reasons"]) for x in r]')" = \
		"[(True, ['head', 'last']), (False, []), (False, []), (True, ['first'])]" ]
	cel fsck words
}

@test "forget: what is always kept" {
	export TZ=UTC
	cel create -q --dim 2 words
	aged words 2026-01-0{1,2,3,4,5,6,7}
	cel tag -q v1 words~5
	cel tag -q v2 words~5
	cel create -q feature --from words~3
	exits 0 cel forget words --keep-last 1
	[ "$(cut -f 1,4 <<<"$output" | tr '\t\n' ' |')" = \
		"keep head,last|forget -|forget -|keep head,shared|keep shared|keep shared,tag words@v1,tag words@v2|keep shared|keep first,shared|" ]
	# Named together, a commit is kept by the rules of any of the two.
	exits 0 cel forget words feature --keep-last 2
	[ "$(cut -f 1,4 <<<"$output" | tr '\t\n' ' |')" = \
		"keep head,last|keep head,last|keep last|keep tag words@v1,tag words@v2|forget -|keep first|" ]
	[ "$(cel log feature | cut -f 3 | tr '\n' ' ')" = "4 3 2 - 0 " ]
	# A commit that is made again, with the same CID, is there again.
	local gone
	gone=$(commit_of feature)
	cel reset -q feature feature~1
	cel forget -q words --keep-last 1 >/dev/null
	refuses 69 "not in this store" cel get "$gone" r4
	printf '{"id":"r4","vector":[%d,1]}\n' "$(date -u -d 2026-01-04 +%s)" |
		cel-build -q --no-index --time 2026-01-04T00:00:00Z feature
	[ "$(commit_of feature)" = "$gone" ]
	cel get feature r4
	cel fsck -q feature
	[ "$(show_field feature records)" = 4 ]
}

@test "forget: what was merged last stays, so that the next merge has its base" {
	export TZ=UTC
	cel create -q --dim 2 words
	grow words 2
	cel create -q side --from words~1
	grow side 2
	cel merge -q --no-index words side
	local tip
	tip=$(commit_of side)
	grow words 2
	grow side 2
	exits 0 cel forget words side --keep-last 1
	grep -qP "^keep\t$tip\t.*\tmerged$" <<<"$output"
	[ "$(grep -c '^forget' <<<"$output")" -ge 3 ]
	exits 0 cel merge -q --no-index words side
	exits 0 cel fsck words
	cel get words r1 r2 r3 >/dev/null
}

@test "forget: local time, wrong usage, and no trace in the log of refs" {
	cel create -q --dim 2 words
	aged words '2026-01-01 20:00' '2026-01-01 22:30' '2026-01-01 23:30' '2026-01-02 20:00' '2026-01-02 21:00'
	[ "$(TZ=UTC cel forget -q --dry-run words --keep-daily 2 | cut -f 1 | tr '\n' ' ')" = "keep forget keep forget forget keep " ]
	[ "$(TZ=CET-1 cel forget -q --dry-run words --keep-daily 2 | cut -f 1 | tr '\n' ' ')" = "keep forget forget keep forget keep " ]
	[ "$(TZ=UTC cel forget -q --dry-run words --keep-within 22h | cut -f 1 | tr '\n' ' ')" = "keep keep keep forget forget keep " ]
	refuses 64 "what to keep" cel forget words
	refuses 64 "what to keep" cel forget words --dry-run
	refuses 64 "COLLECTION" cel forget --keep-last 3
	refuses 64 "no whole number" cel forget words --keep-last 0
	refuses 64 "duration" cel forget words --keep-within 3w
	refuses 66 "nosuch" cel forget words nosuch --keep-last 1
	local time
	for time in yesterday 2026-01-01 2026-01-01T00:00:00 -1 @ "" 99999999999999999999; do
		refuses 64 "no time" cel-build words --time "$time" --no-index - </dev/null
	done
	refuses 64 "collection name" cel forget words~1 --keep-last 1
	local before
	before=$(cel log --moves words)
	cel forget -q words --keep-last 1 >/dev/null
	[ "$(cel log --moves words)" = "$before" ]
}
