# SPDX-License-Identifier: Apache-2.0
# cel-merge --patch: what cel-diff --patch wrote goes into another store, whole or not at all.
load helper

# Two stores, a and b, with the same first commits; a has three more.
prepare() {
	export CEL_STORE=a
	cel init -q a
	cel init -q b
	rows -n 300 -d 100 --metadata base.jsonl base.ids
	make_collection words --dim 100
	cel-build -q --no-index words base.jsonl
	cel create -q --store b --dim 100 words
	cel-merge -q --no-index --store b words ./a:words
	rows -n 30 -d 100 --seed 2 --metadata changed.jsonl
	rows -n 10 -d 100 --seed 3 --prefix new --metadata added.jsonl
	cel-build -q --no-index words changed.jsonl
	cel-build -q --no-index words added.jsonl
	tail -n 20 base.ids >gone
	cel-build -q --no-index words --delete gone
	cel-diff --patch words~3 words >patch && return 1
	[ -s patch ]
}

commit_in() { cel show --store "$1" --json words | sed 's/.*"commit":"\([a-z0-9]*\)".*/\1/'; }
tree_in() { cel show --store "$1" --json "${2:-words}" | sed 's/.*"tree":"\([a-z0-9]*\)".*/\1/'; }
json() { python3 -c 'import json, sys
r = [json.loads(line) for line in sys.stdin]
print(eval(sys.argv[1]))' "$1"; }

@test "a patch from a pipe makes the records those of the other store, by one commit" {
	exits 0 sh -c 'cel-diff words~3 words --patch | cel-merge --json --no-index --patch - -m text --author me --time 2001-01-01T00:00:00Z --store b words'
	[ "$(json '[r[0][k] for k in ("outcome", "added", "replaced", "deleted", "records", "conflicts")]' <<<"$output")" = \
		"['merged', 10, 30, 20, 290, 0]" ]
	[ "$(tree_in b)" = "$(tree_in a)" ]
	[ "$(cel log --store b words | head -n 1 | cut -f 2-5)" = $'2001-01-01T00:00:00Z\t290\tme\ttext' ]
	cel fsck -q --store b
	exits 0 cel-merge --patch patch --store b words
	[[ "$stderr" == *"nothing changed, no commit made; 290 records"* ]]
	cel-diff --patch words words~3 >back || true
	exits 0 cel-merge --no-index --patch back --store b words
	[ "$(tree_in b)" = "$(tree_in a words~3)" ]
}

@test "what the collection holds by now is kept; the index follows" {
	rows -n 5 -d 100 --seed 9 --prefix mine mine.jsonl
	cel-build -q --no-index --store b words mine.jsonl
	cel-build -q --no-index --store b words <(sed -n 100,110p base.jsonl | sed 's/"id":"r/"id":"copy/')
	local before
	before=$(commit_in b)
	exits 0 cel-merge --dry-run --patch patch --store b words
	[[ "$stderr" == *"dry run: words: 10 added, 30 replaced, 20 deleted; 306 records"* ]]
	[ "$(commit_in b)" = "$before" ]
	exits 0 cel-merge --patch patch --store b words
	exits 0 cel get --store b words mine0 copy100 new3
	cel-build -q --no-index words mine.jsonl
	cel-build -q --no-index words <(sed -n 100,110p base.jsonl | sed 's/"id":"r/"id":"copy/')
	[ "$(tree_in b)" = "$(tree_in a)" ]
	cel-query --store b words -k 1 mine.jsonl | cut -f 3 | cmp - <(printf 'mine%d\n' 0 1 2 3 4)
	cel fsck -q --store b
}

@test "conflicts with what changed meanwhile, by each policy" {
	rows -n 3 -d 100 --seed 8 other.jsonl
	cel-build -q --no-index --store b words other.jsonl --delete <(printf 'r5\nr299\n')
	cel-build -q --no-index --store b words <(tail -n 1 changed.jsonl) # the same change is none
	local before policy
	before=$(commit_in b)
	exits 1 cel-merge --patch patch --store b words
	[ "$output" = $'r0\tchanged\t-\nr1\tchanged\t-\nr2\tchanged\t-\nr5\tours-deleted\t-' ]
	[ "$(commit_in b)" = "$before" ]
	exits 64 cel-merge --patch patch --policy newest --store b words
	for policy in ours theirs; do
		cel reset -q --store b words "$before"
		exits 0 cel-merge --no-index --patch patch --policy $policy --json --store b words
		[ "$(json '{x["decision"] for x in r[:-1]}, r[-1]["overruled_ours"], r[-1]["overruled_theirs"]' <<<"$output")" = \
			"({'$policy'}, $([ $policy = ours ] && echo '0, 4' || echo '4, 0'))" ]
		cel get --store b words r0 | cmp - <(if [ $policy = ours ]; then cel get --store b "$before" r0; else cel get words r0; fi)
	done
	cel fsck -q --store b
}

@test "cut at any length or altered anywhere: nothing is changed" {
	local before
	before=$(commit_in b)
	state() { cel log --moves --store b words && ls b/segments b/index b/tmp b/cache; }
	state >state.before
	python3 - <<'END'
import random, subprocess
patch = open("patch", "rb").read()
ends, at = [], 0
while at < len(patch):  # the frames: a varint, and so many bytes
    size = shift = 0
    while True:
        byte = patch[at]
        at += 1
        size |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            break
    at += size
    ends.append(at)
assert ends[-1] == len(patch)
r = random.Random(1)
picked = ends[:4] + r.sample(ends[4:-2], 4) + ends[-2:]
cuts = {0, 1, 5, 12, 13} | {e + d for e in picked for d in (-1, 0, 1)} | {r.randrange(len(patch)) for _ in range(5)}
bad = [patch[:n] for n in sorted(cuts) if n < len(patch)] + [patch + b"\0", patch + patch]
for place in [0, 3, 12, 20] + [r.randrange(len(patch)) for _ in range(25)] + [len(patch) - 1, len(patch) - 40]:
    bad.append(patch[:place] + bytes([patch[place] ^ 1 << r.randrange(8)]) + patch[place + 1:])
for data in bad:
    done = subprocess.run(["cel-merge", "-q", "--no-index", "--patch", "-", "--store", "b", "words"], input=data, capture_output=True)
    # a root that is altered is noticed as a tree that nobody has
    assert done.returncode in (65, 69) and done.stderr.count(b"\n") == 1 and not done.stdout, (len(data), done)
END
	[ "$(commit_in b)" = "$before" ]
	state | cmp - state.before
	cel fsck -q --store b
	exits 0 cel-merge -q --no-index --patch patch --store b words
}

@test "a sound patch that lies about its records is refused" {
	python3 - <<'END'
import hashlib, struct, subprocess
patch = open("patch", "rb").read()
def frames(data):
    at, out = 0, []
    while at < len(data):
        start = size = shift = 0
        start = at
        while True:
            byte = data[at]
            at += 1
            size |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                break
        out.append(data[start:at + size])
        at += size
    return out
all = frames(patch)
def signed(some):  # the end frame made anew
    body = b"".join(some)
    n = len(some) - 3
    count = bytes([n]) if n < 24 else bytes([0x18, n]) if n < 256 else b"\x19" + struct.pack(">H", n)
    end = b"\x83\x63end" + count + b"\x58\x20" + hashlib.sha256(body).digest()
    return body + bytes([len(end)]) + end
assert signed(all[:-1]) == patch
put = next(f for f in all[3:] if len(f) > 400)
at = len(put) - 30 if b'"n"' not in put else put.index(b'"n"') + 1
nan = bytearray(put)
vector = nan.index(b"\x59\x01\x90") + 3  # 400 bytes
nan[vector:vector + 4] = struct.pack("<f", float("nan"))
other = bytearray(put)
other[vector] ^= 1
i = all.index(put)
for what, some in (("NaN", all[:i] + [bytes(nan)] + all[i + 1:-1]), ("announced", all[:i] + [bytes(other)] + all[i + 1:-1]),
                   ("announced", all[:i] + all[i + 1:-1]), ("announced", all[:3])):
    done = subprocess.run(["cel-merge", "--no-index", "--patch", "-", "--store", "b", "words"], input=signed(some), capture_output=True, text=False)
    assert done.returncode == 65 and what.encode() in done.stderr, (what, done)
END
	[ "$(cel log --store b words | wc -l)" -eq 2 ]
	cel fsck -q --store b
}

@test "what is refused" {
	cel create -q --store b --dim 100 empty
	refuses 69 "which no commit of 'empty' has here" cel-merge --patch patch --store b empty
	cel create -q --store b --dim 100 --metric ip inner
	refuses 65 "metric" cel-merge --patch patch --store b inner
	refuses 66 "nosuch" cel-merge --patch patch --store b nosuch
	refuses 66 "nofile" cel-merge --patch nofile --store b words
	refuses 65 "no patch" cel-merge --patch base.jsonl --store b words
	refuses 65 "empty" cel-merge --patch /dev/null --store b words
	exits 64 cel-merge --patch patch --store b words words
	exits 64 cel-merge --patch patch --store b
	cel create -q --store b --dim 100 own
	cel-build -q --no-index --store b --time 1000000000 own base.jsonl # commits that no other collection has
	cel-build -q --no-index --store b --time 1000000001 own changed.jsonl
	cel forget -q --store b own --keep-last 1
	refuses 69 "begins from the tree $(tree_in a words~3)" cel-merge --patch patch --store b own
}

@test "a slow pipe keeps no writer waiting, and the head may move meanwhile" {
	rows -n 2 -d 100 --seed 7 --prefix late late.jsonl
	{ head -c 5000 patch && sleep 2 && tail -c +5001 patch; } | cel-merge -q --no-index --patch - --store b words &
	sleep 0.7
	exits 0 cel-build --no-index --store b words late.jsonl
	wait $!
	exits 0 cel get --store b words late1 new1
	[ "$(cel log --store b words | wc -l)" -eq 4 ]
}
