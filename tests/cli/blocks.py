#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Where the blocks of a store lie, byte by byte, found without any of its programs: the tables of data.mdb by walking
LMDB's pages, and the sections of every segment.

    blocks.py STORE [CODEC...]      prints a line for each: CID, file, offset, size
"""
import base64
import os
import struct
import sys

PAGE_BRANCH, PAGE_LEAF, PAGE_OVERFLOW = 1, 2, 4
NODE_BIG, NODE_TABLE = 1, 2


class Lmdb:
    def __init__(self, path):
        with open(path, "rb") as f:
            self.data = f.read()
        metas = [self.meta(at) for at in (0, 4096)]
        newest = max(metas, key=lambda m: m[1])
        self.size, self.main = newest[0], newest[2]

    def meta(self, at):
        """Page size, transaction, root of the main table."""
        magic, version = struct.unpack_from("<II", self.data, at + 16)
        assert magic == 0xBEEFC0DE and version == 1, "no LMDB file"
        page_size = struct.unpack_from("<I", self.data, at + 16 + 24)[0]
        root = struct.unpack_from("<Q", self.data, at + 16 + 24 + 48 + 40)[0]
        txn = struct.unpack_from("<Q", self.data, at + 16 + 24 + 96 + 8)[0]
        return page_size, txn, root

    def entries(self, root):
        """(key, flags, offset of the value, its size)"""
        if root == 2 ** 64 - 1:
            return
        page = root * self.size
        flags, lower = struct.unpack_from("<HH", self.data, page + 10)
        for i in range((lower - 16) // 2):
            node = page + struct.unpack_from("<H", self.data, page + 16 + 2 * i)[0]
            low, high, node_flags, key_size = struct.unpack_from("<HHHH", self.data, node)
            if flags & PAGE_BRANCH:
                yield from self.entries(low | high << 16 | node_flags << 32)
                continue
            key = self.data[node + 8:node + 8 + key_size]
            value = node + 8 + key_size
            if node_flags & NODE_BIG:
                value = struct.unpack_from("<Q", self.data, value)[0] * self.size + 16
            yield key, node_flags, value, low | high << 16

    def table(self, name):
        for key, flags, value, _ in self.entries(self.main):
            if key == name and flags & NODE_TABLE:
                return self.entries(struct.unpack_from("<Q", self.data, value + 40)[0])
        return iter(())

    def gaps(self):
        """(offset, size) of bytes that nothing is in: between the pointers and the nodes of the pages of what has blocks."""
        found = []

        def walk(root):
            if root == 2 ** 64 - 1:
                return
            page = root * self.size
            flags, lower, upper = struct.unpack_from("<HHH", self.data, page + 10)
            if upper - lower > 16:
                found.append((page + lower, upper - lower))
            if flags & PAGE_BRANCH:
                for i in range((lower - 16) // 2):
                    node = page + struct.unpack_from("<H", self.data, page + 16 + 2 * i)[0]
                    low, high, above = struct.unpack_from("<HHH", self.data, node)
                    walk(low | high << 16 | above << 32)

        for key, flags, value, _ in self.entries(self.main):
            if key in (b"blocks", b"packs", b"places") and flags & NODE_TABLE:
                walk(struct.unpack_from("<Q", self.data, value + 40)[0])
        return found

    def packs(self):
        """Where each pack begins, by number; those that are open."""
        meta = {key: at for key, _, at, _ in self.table(b"meta")}
        closed = struct.unpack_from("<Q", self.data, meta[b"closed"])[0] if b"closed" in meta else 0
        packs = {struct.unpack(">Q", key)[0]: at for key, _, at, _ in self.table(b"packs")}
        return packs, [packs[number] for number in packs if number > closed]

    def packed(self):
        """(codec, digest, offset, size) of the blocks in packs."""
        packs, opened = self.packs()
        for key, _, at, _ in self.table(b"places"):
            number, offset, size = struct.unpack_from("<QII", self.data, at)
            yield key[0], key[1:], packs[number] + offset, size
        for pack in opened:
            n = struct.unpack_from("<I", self.data, pack)[0]
            buckets = 1
            while buckets < n // 2:
                buckets *= 2
            keys = pack + 4 + 4 * buckets
            for i in range(n):
                key = self.data[keys + 33 * i:keys + 33 * (i + 1)]
                offset, size = struct.unpack_from("<II", self.data, keys + 33 * n + 8 * i)
                yield key[0], key[1:], pack + offset, size

    def blocks(self):
        """(codec, digest, offset, size) of every block."""
        yield from self.packed()
        for key, _, value, size in self.table(b"blocks"):
            if key[0] == UPPER_NODE:
                size -= 2 + struct.unpack_from("<H", self.data, value + size - 2)[0]
            yield DAG_CBOR if key[0] == UPPER_NODE else key[0], key[1:], value, size


UPPER_NODE, DAG_CBOR = 0x01, 0x71


def cid_text(codec, digest):
    return "b" + base64.b32encode(bytes([1, codec, 0x12, 0x20]) + digest).decode().lower().rstrip("=")


def segment_blocks(path):
    with open(path, "rb") as f:
        data = f.read()
    at, end = 110, 51 + struct.unpack_from("<Q", data, 35)[0]
    while at < end:
        length = shift = 0
        while True:
            byte = data[at]
            at += 1
            length |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                break
        yield cid_text(data[at + 1], data[at + 4:at + 36]), path, at + 36, length - 36
        at += length


def blocks(store):
    """(CID, path, offset, size) of every block."""
    path = os.path.join(store, "data.mdb")
    for codec, digest, value, size in Lmdb(path).blocks():
        yield cid_text(codec, digest), path, value, size
    folder = os.path.join(store, "segments")
    for name in sorted(os.listdir(folder)):
        yield from segment_blocks(os.path.join(folder, name))


if __name__ == "__main__":
    for block in blocks(sys.argv[1]):
        print("%s\t%s\t%d\t%d" % block)
