#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the corpus of fuzz_patch: patches by cel-format(5), independent of the C code, and broken ones. The one named
"golden" stands byte by byte in that page, and tests/cli/diff.bats compares it with what cel-diff writes.

usage: corpus_patch.py DIRECTORY"""
import hashlib, os, struct, sys


class Link(bytes):
    pass


def head(major, value):
    if value < 24:
        return bytes([major << 5 | value])
    n = 1 if value < 1 << 8 else 2 if value < 1 << 16 else 4
    return bytes([major << 5 | {1: 24, 2: 25, 4: 26}[n]]) + value.to_bytes(n, "big")


def cbor(x):
    if x is None:
        return b"\xf6"
    if isinstance(x, int):
        return head(0, x)
    if isinstance(x, Link):
        return b"\xd8\x2a" + cbor(b"\0" + bytes(x))
    if isinstance(x, bytes):
        return head(2, len(x)) + x
    if isinstance(x, str):
        return head(3, len(x.encode())) + x.encode()
    return head(4, len(x)) + b"".join(map(cbor, x))


def varint(n):
    out = b""
    while n >= 0x80:
        out += bytes([n & 0x7F | 0x80])
        n >>= 7
    return out + bytes([n])


def frame(x):
    data = cbor(x)
    return varint(len(data)) + data


def vector(*elements):
    return struct.pack("<%df" % len(elements), *elements)


def tree(records):
    """The root of a tree of one leaf."""
    ids = [r[0] for r in records]
    prefix = os.path.commonprefix([ids[0], ids[-1]]) if ids else b""
    block = cbor([0, len(records), prefix, [[r[0][len(prefix):], r[1], r[2]] for r in records]])
    return Link(bytes([1, 0x71, 0x12, 0x20]) + hashlib.sha256(block).digest())


def patch(base, target, changes, schema=("cel-schema", 1, 2, "f32", "l2", ""), word="cel-patch", count=None):
    data = frame([word, 1]) + frame(list(schema)) + frame([base, target]) + b"".join(map(frame, changes))
    return data + frame(["end", len(changes) if count is None else count, hashlib.sha256(data).digest()])


before = [[b"a", vector(1, 2), None], [b"b", vector(3, 4), b'{"lang":"de"}']]
after = [[b"b", vector(3, 5), b'{"lang":"en"}'], [b"c", vector(6, 7), None]]
base, target = tree(before), tree(after)
golden = patch(base, target, [[b"a"]] + after)
files = {
    "golden": golden,
    "empty": patch(base, base, []),
    "deletes": patch(base, tree([]), [[b"a"], [b"b"]]),
    "many": patch(base, target, [[b"id-%03d" % i, vector(i, -i), None] for i in range(40)]),
    "wide": patch(base, target, [[b"a", bytes(4 * 300), None]], ("cel-schema", 1, 300, "f32", "cosine", "a model")),
    "order": patch(base, target, [[b"b"], [b"a"]]),
    "twice": patch(base, target, [[b"a"], [b"a"]]),
    "count": patch(base, target, [[b"a"]], count=2),
    "size": patch(base, target, [[b"a", vector(1, 2, 3), None]]),
    "two": patch(base, target, [[b"a", vector(1, 2)]]),
    "word": patch(base, target, [], word="cel-pitch"),
    "cut": golden[:-40],
    "unsealed": golden[:-41],
    "longer": golden + b"\0",
    "flipped": golden[:140] + bytes([golden[140] ^ 1]) + golden[141:],
    "length": golden[:13] + b"\xff\xff\xff\x7f" + golden[14:],
}
for name, data in files.items():
    with open(os.path.join(sys.argv[1], name), "wb") as f:
        f.write(data)
