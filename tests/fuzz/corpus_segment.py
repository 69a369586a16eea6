#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the corpus of fuzz_segment: small CARv2 files by the specification, independent of the C code, and broken ones.

usage: corpus_segment.py DIRECTORY"""
import hashlib, os, struct, sys


def cid(block, codec=0x55):
    return bytes([1, codec, 0x12, 0x20]) + hashlib.sha256(block).digest()


def varint(n):
    out = b""
    while n >= 0x80:
        out += bytes([n & 0x7F | 0x80])
        n >>= 7
    return out + bytes([n])


def segment(blocks, codec=0x55, move=0):
    data = b"\x3a\xa2\x65roots\x81\xd8\x2a\x58\x25\x00" + cid(b"root", 0x71) + b"\x67version\x01"
    entries = []
    for block in blocks:
        entries.append((hashlib.sha256(block).digest(), len(data) + move))
        data += varint(36 + len(block)) + cid(block, codec) + block
    header = b"\x80" + bytes(15) + struct.pack("<QQQ", 51, len(data), 51 + len(data))
    index = b"\x81\x08" + struct.pack("<iQiIQ", 1, 0x12, 1, 40, 40 * len(entries))
    index += b"".join(digest + struct.pack("<Q", offset) for digest, offset in sorted(entries))
    return b"\x0a\xa1\x67version\x02" + header + data + index


blocks = [bytes([i]) * (i * 7) for i in range(1, 30)]
good = segment(blocks)
files = {
    "empty": segment([]), "one": segment([b"one"]), "many": good, "nodes": segment(blocks[:3], 0x71),
    "long": segment([b"x" * 20000]), "moved": segment(blocks[:4], move=1), "outside": segment(blocks[:4], move=1 << 40),
    "cut": good[:-17], "longer": good + b"\0", "no-index": good[:200],
    "swapped": good[:-80] + good[-40:] + good[-80:-40],
}
for name, data in files.items():
    with open(os.path.join(sys.argv[1], name), "wb") as f:
        f.write(data)
