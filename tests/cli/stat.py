#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Says again what cel stat --deep --json says, from the blocks of the store alone.

    stat.py STORE LOG [REV-COMMIT]     LOG: of cel log --json, the commits in question. Prints the figures as JSON.
"""
import hashlib
import json
import os
import subprocess
import sys


def decode(data, at=0):
    """One item of DAG-CBOR and where it ends; a link is ("link", CID bytes)."""
    kind, short = data[at] >> 5, data[at] & 31
    at += 1
    size = short
    if short >= 24 and kind != 7:
        width = 1 << (short - 24)
        size = int.from_bytes(data[at:at + width], "big")
        at += width
    if kind == 0:
        return size, at
    if kind in (2, 3):
        return data[at:at + size], at + size
    if kind == 4:
        items = []
        for _ in range(size):
            item, at = decode(data, at)
            items.append(item)
        return items, at
    if kind == 6:
        item, at = decode(data, at)
        return ("link", bytes(item[1:])), at
    assert kind == 7 and short == 22, (kind, short)
    return None, at


def text(cid):
    import base64
    return "b" + base64.b32encode(cid).decode().lower().rstrip("=")


class Store:
    def __init__(self, path):
        listing = subprocess.run([sys.executable, os.path.join(os.path.dirname(__file__), "blocks.py"), path],
                                 stdout=subprocess.PIPE, text=True, check=True).stdout
        self.path, self.places = path, {}
        for line in listing.splitlines():
            cid, file, offset, size = line.split()
            self.places[cid] = file, int(offset), int(size)

    def block(self, cid):
        file, offset, size = self.places[cid]
        with open(file, "rb") as f:
            f.seek(offset)
            return f.read(size)

    def blocks_of(self, root):
        """All blocks of a tree, each as often as it is there: (CID, size, is a node), and its records."""
        data = self.block(root)
        level, _, prefix, entries = decode(data)[0]
        found, records, counts = [(root, len(data))], [], {level: 1}
        for entry in entries:
            if level > 0:
                below, more, nodes = self.blocks_of(text(entry[1][1]))
                found += below
                records += more
                for key, n in nodes.items():
                    counts[key] = counts.get(key, 0) + n
                continue
            values = []
            for value in entry[1:]:
                if isinstance(value, tuple):
                    cid = text(value[1])
                    found.append((cid, self.places[cid][2]))
                    values.append(self.block(cid))
                else:
                    values.append(value or b"")
            records.append((prefix + entry[0], values[0], values[1]))
        return found, records, counts


def main():
    store = Store(sys.argv[1])
    with open(sys.argv[2], encoding="utf-8") as f:
        commits = [json.loads(line) for line in f]
    last = sys.argv[3] if len(sys.argv) > 3 else None
    logical, others = 0, {}
    for commit in commits:
        if commit["records"] is None or commit["commit"] == last:
            continue
        blocks = store.blocks_of(commit["tree"])[0]
        logical += sum(size for _, size in blocks)
        others.update(blocks)
    out = {"commits": len(commits), "trees": sum(c["records"] is not None for c in commits)}
    stored = dict(others)
    if last:
        tree = next(c["tree"] for c in commits if c["commit"] == last)
        blocks, records, counts = store.blocks_of(tree)
        logical += sum(size for _, size in blocks)
        stored.update(blocks)
        values = {cid: size for cid, size in blocks if cid.startswith("bafk")}
        out.update({
            "own": sum(size for cid, size in dict(blocks).items() if cid not in others),
            "records": len(records), "leaves": counts[0], "count": sum(counts.values()), "height": len(counts),
            "node_bytes": sum(size for cid, size in blocks if not cid.startswith("bafk")),
            "distinct": len({hashlib.sha256(v).digest() for _, v, _ in records}),
            "with_metadata": sum(m != b"" for _, _, m in records), "metadata_bytes": sum(len(m) for _, _, m in records),
            "value_blocks": len(values), "value_bytes": sum(values.values())})
    out.update({"logical": logical, "stored": sum(stored.values())})
    print(json.dumps(out))


main()
