# SPDX-License-Identifier: Apache-2.0
# What holds for every command, whichever there are: the list is that of cel --help, so a new one cannot stay away.
load helper

# every: one a line, as it is called. cel-serve is no verb of cel.
every() {
	echo cel
	cel --help | sed -n '/^Verbs/,/^$/p' | sed -n 's/^  \([a-z][a-z-]*\) .*/cel \1/p'
	echo cel-serve
}

@test "the list of commands is the whole one" {
	every >list
	[ "$(wc -l <list)" -ge 25 ]
	local name
	for name in build query index gc shell; do grep -q "^cel $name\$" list; done
}

@test "--help and --version: on stdout, 0, nothing on stderr; a full or closed stdout: 74" {
	local command option
	while read -r command; do
		for option in --help --version; do
			$command $option >out 2>err || { echo "$command $option: $?"; return 1; }
			[ -s out ] && [ ! -s err ]
			sh -c "$command $option >&-" 2>err && return 1
			[ "$(grep -c output err)" -eq 1 ] || { echo "$command $option: $(cat err)"; return 1; }
			if [ -w /dev/full ]; then exits 74 sh -c "$command $option >/dev/full"; fi
		done
	done < <(every)
}

@test "an unknown option: 64, one line on stderr with the one that is meant, nothing on stdout" {
	local command
	while read -r command; do
		refuses 64 "--hlep|did you mean '--help'" $command --hlep
		refuses 64 "--qwertyuiop" $command --qwertyuiop
	done < <(every)
}

@test "more operands than any command takes, or none where some are needed: 64 or done, never a signal" {
	local command
	while read -r command; do
		[ "$command" = "cel shell" ] && continue
		run --separate-stderr $command </dev/null
		[ "$status" -lt 126 ] || { echo "$command: $status"; return 1; }
		[ "$status" -eq 0 ] || [ -n "$stderr" ]
	done < <(every)
}

# Read-only for everybody, root included: a mount in a namespace of its own.
@test "a store on a read-only file system: readers read, writers say why and change nothing" {
	make_store
	rows -n 50 base.jsonl base.npy
	make_collection c
	cel-build -q c base.jsonl
	mkdir mounted
	local readonly="mount --bind store mounted && mount -o remount,ro,bind mounted"
	unshare -m sh -c "$readonly" 2>/dev/null || skip "no mount namespace"
	cat >try <<END
$readonly
export CEL_STORE=mounted
set -x
for reader in "cel list" "cel log c" "cel show c" "cel get c r1" "cel-query -k 1 c base.npy" "cel export c" "cel fsck" \
	"cel stat" "cel-diff --stat c c" "cel gc --dry-run" "cel tag"; do
	\$reader >/dev/null || exit 1
done
for writer in "cel create --dim 2 d" "cel-build c base.jsonl" "cel delete c" "cel gc" "cel index --canonical c" "cel tag v c" \
	"cel reset c c~1" "cel-merge c c" "cel remote add r /x"; do
	\$writer >out 2>err
	case \$? in 73 | 74 | 77) ;; *) cat err; exit 1 ;; esac
	[ ! -s out ] && [ "\$(wc -l <err)" -eq 1 ] || { cat out err; exit 1; }
done
END
	exits 0 unshare -m sh try
	exits 0 cel fsck
	[ "$(cel log c | wc -l)" -eq 2 ]
	sed -i 's/ && mount -o remount.*//' try # control: where it can be written to, that is noticed
	run unshare -m sh try
	[ "$status" -ne 0 ]
}
