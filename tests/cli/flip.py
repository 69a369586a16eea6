#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Flips one bit of a live block at a time and sees whether it is found, named, and never printed.

    flip.py fsck N STORE           `cel fsck --read-data` finds N random flips and names the block of each
    flip.py shown N STORE GOOD     what the commands print on a store with a flipped bit are lines of GOOD, a folder with
                                   what each printed on the sound store; who prints less exits with 74
    flip.py free N STORE           flips where no block is: nothing is found
    flip.py blind N STORE          control: flips of linked values, without --read-data, which does not look at them
    flip.py merge N STORE          a merge of y into m, made from x, reads no flipped node, or exits with 74, names it and moves nothing
    flip.py one PREFIX STORE       flips a bit of the first block whose CID begins so, prints the CID; again: flips it back

CEL_TEST_SEED, CEL_TEST_SCALE. All blocks of the store must be live.
"""
import os
import random
import shutil
import subprocess
import sys

import blocks

COMMANDS = {
    "get": "ids=$(cat ids); cel get a $ids",
    "get older": "ids=$(cat ids); cel get a~1 $ids",
    "exact": "cel-query --exact -k 2 a q.npy",
    "by id": "cel-query --exact -k 2 b --by-id r1",
    "diff": "cel-diff a~1 a",
    "patch": "cel-diff --patch a~1 a | od -An -tx1 -w64",
    "log": "cel log a",
    "show": "cel show b",
    "list": "cel list",
}

if shutil.which("cel-diff") is None:
    COMMANDS = {name: command for name, command in COMMANDS.items() if "cel-diff" not in command}


def run(command):
    argv = ["bash", "-o", "pipefail", "-c", command] if set(command) & set("$|") else command.split()
    return subprocess.run(argv, capture_output=True, text=True)


class Flipped:
    """A bit that is flipped while the `with` lasts."""
    def __init__(self, path, offset, bit):
        self.path, self.offset, self.bit = path, offset, bit

    def flip(self):
        with open(self.path, "r+b", buffering=0) as f:
            f.seek(self.offset)
            byte = f.read(1)[0]
            f.seek(self.offset)
            f.write(bytes([byte ^ 1 << self.bit]))

    def __enter__(self):
        self.flip()

    def __exit__(self, *_):
        self.flip()


def targets(source, choices, n):
    """Half of them by block, half by byte, so that small blocks and large ones both come."""
    weights = [size for _, _, _, size in choices]
    for i in range(n):
        cid, path, offset, size = source.choice(choices) if i % 2 else source.choices(choices, weights)[0]
        yield cid, Flipped(path, offset + source.randrange(size), source.randrange(8))


def fsck(n, source, store):
    choices = list(blocks.blocks(store))
    seen = set()
    for cid, flipped in targets(source, choices, n):
        with flipped:
            done = run("cel fsck --read-data -q")
        lines = [line.split("\t") for line in done.stdout.splitlines()]
        where = os.path.relpath(flipped.path, store)
        if done.returncode != 74 or not any(l[:3] == ["damaged", cid, where] for l in lines):
            sys.exit("block %s, byte %d of %s, bit %d: exit status %d, %s" %
                     (cid, flipped.offset, flipped.path, flipped.bit, done.returncode, done.stdout))
        if len(lines) != 1 or lines[0][3] == "-":
            sys.exit("block %s: not one finding that says what it touches: %s" % (cid, done.stdout))
        seen.add(cid)
    print("%d flips in %d of %d blocks, all found and named" % (n, len(seen), len(choices)))


def shown(n, source, store, good):
    choices = list(blocks.blocks(store))
    expected = {}
    for name in COMMANDS:
        with open(os.path.join(good, name)) as f:
            expected[name] = f.read()
    n_refused = 0
    for cid, flipped in targets(source, choices, n):
        with flipped:
            for name, command in COMMANDS.items():
                done = run(command)
                lines = done.stdout.splitlines()
                if name == "patch":  # a prefix, and the reader refuses what is cut off
                    is_good = expected[name].startswith("\n".join(lines[:-1]))
                else:
                    is_good = set(lines) <= set(expected[name].splitlines())
                if not is_good:
                    sys.exit("block %s: '%s' printed what it may not: %s" % (cid, name, done.stdout[:2000]))
                if done.stdout != expected[name] and done.returncode != 74:
                    sys.exit("block %s: '%s' printed less, and exit status %d: %s" %
                             (cid, name, done.returncode, done.stderr))
                n_refused += done.returncode == 74
    if n_refused < n / 2:
        sys.exit("only %d commands met a damaged block" % n_refused)
    print("%d flips, %d commands each, %d refused" % (n, len(COMMANDS), n_refused))


def free(n, source, store):
    gaps = [("gap", os.path.join(store, "data.mdb"), offset, size)
            for offset, size in blocks.Lmdb(os.path.join(store, "data.mdb")).gaps()]
    for _, flipped in targets(source, gaps, n):
        with flipped:
            done = run("cel fsck --read-data -q")
        if done.returncode != 0 or done.stdout:
            sys.exit("byte %d of %s: %d, %s" % (flipped.offset, flipped.path, done.returncode, done.stdout))
    print("%d flips in %d gaps, nothing found" % (n, len(gaps)))


def blind(n, source, store):
    choices = [block for block in blocks.blocks(store) if block[0].startswith("bafkrei")]
    for cid, flipped in targets(source, choices, n):
        with flipped:
            done = run("cel fsck -q")
        if done.returncode != 0:
            sys.exit("block %s was found" % cid)
    print("%d flips in linked values, none found without --read-data" % n)


def is_upper(block):
    _, path, offset, _ = block
    with open(path, "rb") as f:
        f.seek(offset)
        head = f.read(2)
    return head[0] == 0x84 and head[1] != 0


def merge(n, source, store):
    made = "cel create -q m --from x"
    state = "cel show --json m | jq -r .tree"
    run(made)
    before = run(state).stdout
    run("cel-merge -q --no-index m y")
    expected = run(state).stdout
    n_refused = 0
    for i in range(n):
        run("cel delete -q m")
        run(made)
        nodes = [block for block in blocks.blocks(store) if block[0].startswith("bafyrei")]
        if i % 2:  # those above the leaves are few, but it reads nearly all of them
            nodes = [block for block in nodes if is_upper(block)]
        cid, flipped = next(targets(source, nodes, 1))
        with flipped:
            done = run("cel-merge -q --no-index m y")
        after = run(state).stdout
        if done.returncode == 74:
            n_refused += 1
        if after != {0: expected, 74: before}.get(done.returncode) or (done.returncode == 74 and cid not in done.stderr):
            sys.exit("node %s: exit status %d, %s, the tree is %s" % (cid, done.returncode, done.stderr, after))
    if expected == before or not 0 < n_refused < n:
        sys.exit("%d of %d merges met the damaged node" % (n_refused, n))
    print("%d flips, %d merges refused" % (n, n_refused))


def make_good(folder):
    os.makedirs(folder, exist_ok=True)
    for name, command in COMMANDS.items():
        done = run(command)
        if done.returncode not in (0, 1):
            sys.exit("%s: %s" % (command, done.stderr))
        with open(os.path.join(folder, name), "w") as f:
            f.write(done.stdout)


def one(prefix, store):
    cid, path, offset, size = next(block for block in blocks.blocks(store) if block[0].startswith(prefix))
    Flipped(path, offset + size // 2, 2).flip()
    print(cid)


def main():
    what, store = sys.argv[1], sys.argv[3]
    if what == "one":
        return one(sys.argv[2], store)
    n = int(sys.argv[2])
    seed = int(os.environ.get("CEL_TEST_SEED", "20261122"))
    source = random.Random(seed)
    print("seed %d" % seed)
    n *= int(os.environ.get("CEL_TEST_SCALE", "1"))
    if what == "shown":
        make_good(sys.argv[4])
        shown(n, source, store, sys.argv[4])
    else:
        {"fsck": fsck, "free": free, "blind": blind, "merge": merge}[what](n, source, store)


main()
