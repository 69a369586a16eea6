# SPDX-License-Identifier: Apache-2.0
# Completion: what the commands answer to --complete, and what bash, zsh and fish make of it. complete.py types into the first two.
load helper

prepare() {
	make_store
	cel create -q --dim 2 words
	cel create -q --dim 2 world
	cel create -q --dim 2 photos
	printf '{"id":"%s","vector":[1,2]}\n' 'a b1' 'a b2' "it's\$1" plain | cel build -q --no-index -m $'day\tone' words
	echo '{"id":"plain","vector":[2,2]}' | cel build -q --no-index -m 'day two' words
	cel tag -q v1 words~1
	cel tag -q v2 photos
	cel init -q other
	cel create -q --store other --dim 2 theirs
	cel remote add -q berlin ./other
	mkdir folder
	touch file.npy 'two words.npy'
	SCRIPTS="$CLI/../../completion"
}

# candidates WORD...: the first column of the answer of cel, on one line.
candidates() { cel --complete "$@" | cut -f 1 | paste -s -d ' '; }
# is TEXT COMMAND...: it prints that.
is() {
	local wanted=$1 got
	shift
	got=$("$@")
	[ "$got" = "$wanted" ] && return 0
	printf 'wanted: %s\ngot:    %s\nof:     %s\n' "$wanted" "$got" "$*"
	return 1
}

@test "verbs, options, choices, operands" {
	is query candidates que
	is "delete diff" candidates d
	is "--help --version" candidates --
	is "--policy" candidates merge --po
	is "--policy" candidates merge words world --po
	is "fail ours theirs newest" candidates merge words --policy ''
	is "ours" candidates merge --policy o
	is "--policy=theirs" candidates merge --policy=t
	is "--policy=fail --policy=ours --policy=theirs" candidates revert --policy=
	is "l2 ip cosine hamming jaccard jsd haversine" candidates create --metric ''
	is "f32 f16 bf16 i8 u8 b1" candidates create --type ''
	is "parquet" candidates build --format p
	is "jsonl npy fvecs parquet arrow" candidates export --format ''
	is "add remove list" candidates remote ''
	is "--dim --from" candidates create ''
	# what is given, or excluded by what is given, is not offered again; what may be given again is
	is "" candidates log --graph --gra
	is "" candidates diff --stat --patc
	is "--patch" candidates diff --patc
	is "--by-id" candidates query --by-id x --by-i
	is "" candidates log words --nosuch
	is "" candidates nosuch ''
	# behind -- there are no options
	is "" candidates log -- --
	# letters with arguments, alone and not
	is "--exact" candidates query -k 3 --exa
	is "words world" candidates query -qk3 wo
	is "words world" candidates query -k 3 wo
}

@test "collections, revs, tags, remotes, ids, files" {
	is "photos words world" candidates delete ''
	is "words world" candidates build wo
	is "words world" candidates log wo
	is "words words~1 words~2 words@v1" candidates log words
	is "words~1 words~2" candidates log words~
	is "words@v1" candidates log words@v
	is "words@v1 words@{1} words@{2}" candidates show words@
	is "words~1 words~2 words@v1 words@{1} words@{2}" bash -c 'for r in words~ words@; do cel --complete show "$r"; done | cut -f 1 | paste -s -d " "'
	is "v2 v1" candidates tag --delete ''
	is "v1" candidates tag --delete v1
	is "photos words world" candidates tag v9 ''
	is "berlin" candidates remote remove ''
	is "photos words world berlin: " candidates merge words ''
	is "berlin: " candidates pull words b
	is "./other:theirs" candidates diff ./other:
	is "a b1 a b2 it's\$1 plain" candidates get words ''
	is "a b1 a b2" candidates query words --by-id 'a '
	is "theirs" candidates log --store other ''
	is "theirs" candidates log --store=other ''
	is "" candidates create wo
	[ "$(cel --complete build words '')" = $'\tfiles' ]
	[ "$(cel --complete init '')" = $'\tdirs' ]
	# what stands beside a candidate has one line and no tab in it
	cel --complete log words | grep -qx $'words@v1\tday one'
	is "--keep-last" cut -f 1 <(cel --complete forget words --keep-l)
}

@test "what each command answers is what cel answers for it, and it takes it" {
	local verb option
	for verb in build diff merge query shell; do
		cmp <(cel --complete $verb --) <(cel-$verb --complete --)
		[ "$(cel --complete $verb -- | wc -l)" -ge 5 ]
	done
	# every type and metric that is offered is one
	for option in $(candidates create --type ''); do
		cel create -q --dim 8 --type "$option" "t-$option"
	done
	for option in $(candidates create --metric ''); do
		case $option in
		hamming | jaccard) cel create -q --dim 8 --type b1 --metric "$option" "m-$option" ;;
		*) cel create -q --dim 2 --metric "$option" "m-$option" ;;
		esac
	done
	[ "$(cel list | grep -c '^[tm]-')" -eq 13 ]
	cel list | awk -F '\t' '/^t-/ && $1 != "t-" $4 || /^m-/ && $1 != "m-" $5 { print; bad = 1 } END { exit bad }'
}

@test "a store that cannot be opened: no candidates, no noise, nothing made" {
	exits 0 cel --complete log --store /nonexistent ''
	[ -z "$output$stderr" ]
	mkdir empty
	exits 0 cel --complete log --store empty ''
	[ -z "$output$stderr" ]
	[ -z "$(ls -A empty)" ]
	echo broken >store/data.mdb
	exits 0 cel --complete get words ''
	[ -z "$output$stderr" ]
	unset CEL_STORE
	exits 0 cel --complete log ''
	[ -z "$output$stderr" ]
	exits 0 cel --complete
	[ -z "$output$stderr" ]
}

# asked WORD...: what the function of cel.bash finds for these words, as a script would call it.
asked() {
	(
		# shellcheck source=completion/cel.bash
		source "$SCRIPTS/cel.bash"
		COMP_WORDS=("$@")
		COMP_CWORD=$(($# - 1)) COMP_LINE=$* COMP_POINT=${#COMP_LINE}
		_cel
		printf '%s\n' "${COMPREPLY[@]}" | paste -s -d '|'
	)
}

@test "bash: the function" {
	is "words|world" asked cel log wo
	is "words|world" asked cel log --store "$CEL_STORE" wo
	is "a\\ b1|a\\ b2" asked cel get words 'a\ '
	is "folder/" asked cel init fol
}

@test "bash: a tab at the prompt" {
	is "cel log photos 	photos
cel log wor	words|world
cel log words	words|words@v1|words~1|words~2
cel log words@v1 	@v1
cel show words@	@\\{1\\}|@\\{2\\}|@v1
cel build 	build
cel-merge words --policy=ours 	ours
cel merge words berlin:	berlin:
cel merge words ./other:theirs 	theirs
cel get words a\\ b	a\\ b1|a\\ b2
cel get words a\\ b1 	a\\ b1
cel get words 'a b1' 	a b1
cel get words it\\'s\\\$1 	it\\'s\\\$1
cel build words --ids two\\ words.npy 	two words.npy
cel-build --ids=file.npy 	file.npy
cel log --nosuch	" python3 "$CLI/complete.py" bash "$SCRIPTS/cel.bash" "cel log ph" "cel log wo" "cel log words" "cel log words@v" \
		"cel show words@" "cel bui" "cel-merge words --policy=o" "cel merge words be" "cel merge words ./other:th" \
		'cel get words a\ ' 'cel get words a\ b1' "cel get words 'a b1" 'cel get words it' "cel build words --ids two" \
		"cel-build --ids=fi" "cel log --nosuch"
}

@test "zsh: a tab at the prompt" {
	command -v zsh >/dev/null || skip "no zsh"
	is "cel log photos 	photos
cel log wor	words|world
cel log words@v1 	words@v1
cel build 	build
cel-merge words --policy=ours 	--policy=ours
cel merge words berlin:	berlin:
cel merge words ./other:theirs 	./other:theirs
cel get words a\\ b1 	a b1
cel get words it\\'s\\\$1 	it's\$1
cel build words --ids two\\ words.npy 	two words.npy|two\\ words.npy
cel-build --ids=file.npy 	file.npy
cel log --nosuch	" python3 "$CLI/complete.py" zsh "$SCRIPTS/_cel" "cel log ph" "cel log wo" "cel log words@v" "cel bui" \
		"cel-merge words --policy=o" "cel merge words be" "cel merge words ./other:th" 'cel get words a\ b1' 'cel get words it' \
		"cel build words --ids two" "cel-build --ids=fi" "cel log --nosuch"
}

# fished LINE: what fish has for it, without descriptions.
fished() {
	HOME=$PWD XDG_CONFIG_HOME=$PWD fish --no-config -c "source $SCRIPTS/cel.fish; complete -C '$1'" | cut -f 1 | LC_ALL=C sort |
		paste -s -d '|'
}

@test "fish: what complete -C finds" {
	command -v fish >/dev/null || skip "no fish"
	is "words|world" fished "cel log wo"
	is "words|words@v1|words~1|words~2" fished "cel log words"
	is "fail|newest|ours|theirs" fished "cel-merge words --policy "
	is "--policy=ours" fished "cel merge words --policy=o"
	is "berlin:" fished "cel merge words ber"
	is "a b1|a b2" fished 'cel get words a\\ '
	is "build" fished "cel bui"
	is "--ids=file.npy" fished "cel build --ids=fil"
	is "folder/" fished "cel init fol"
	is "" fished "cel log --nosuch"
}

@test "the boilerplate of a new command is a command" {
	local tool="$CEL_BUILDDIR/boilerplate"
	exits 0 "$tool" --help
	[[ ${lines[0]} == "Usage: boilerplate [OPTION]... REV..." ]]
	exits 0 "$tool" -q words photos
	[ "$(cut -f 2 <<<"$output" | paste -s -d ' ')" = "4 0" ]
	exits 0 "$tool" --json --least 1 words photos
	is_json_lines <<<"$output"
	[ "${#lines[@]}" -eq 1 ]
	exits 64 "$tool"
	is_one_line "$stderr" "boilerplate: REV is missing: boilerplate [OPTION]... REV..."
	exits 66 "$tool" nothing
	is_one_line "$stderr" "boilerplate: " "nothing"
	[ "$("$tool" --complete wor | cut -f 1 | paste -s -d ' ')" = "words world" ]
}
