#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Rows for a collection of any element type and metric, and what cel-diff says of them, judged.

    typed.py rows TYPE METRIC        writes to the working directory, dimension 20 (haversine 2):
                                     base.jsonl    240 records, a0 ... a239
                                     more.jsonl    16 of them with other vectors, and 16 new ones
                                     both.jsonl    all 256 as they are then
                                     q.jsonl       8 queries, and the same as q.npy: f4, bits packed; q.bool.npy: bits as bool
    typed.py moved METRIC CHANGES    lines "~ ID DISTANCE" of cel-diff between base.jsonl and more.jsonl
"""
import json
import random
import struct
import sys

from nearest import distance, elements, is_near
from rows import npy_header

DIM = 20


def make_vector(source, kind, metric, centres):
    if metric == "haversine":
        if source.random() < 0.1:  # a pole, or next to the date line
            return [90.0, 17.0] if source.random() < 0.3 else [source.randrange(-64, 64) / 2, 180 - source.randrange(9) / 16]
        return [48 + source.randrange(-512, 512) / 256, 11 + source.randrange(-512, 512) / 128]
    centre = source.choice(centres)
    values = [c + source.randrange(-8, 9) for c in centre]
    if kind == "b1":
        bits = "".join("1" if v > 4 else "0" for v in values) + "0" * (-DIM % 8)
        return "%0*x" % (len(bits) // 4, int(bits, 2))
    if metric == "jsd" or kind == "u8":
        values = [max(0, v) for v in values]
        values[0] += 1
    return values if kind in ("u8", "i8") else [v / 8 for v in values]


def write_rows(path, rows):
    with open(path, "w") as out:
        for name, vector in rows:
            out.write(json.dumps({"id": name, "vector": vector} if name else {"vector": vector}) + "\n")


def write_queries(vectors, kind):
    with open("q.npy", "wb") as out:
        if kind == "b1":
            packed = [bytes.fromhex(v) for v in vectors]
            out.write(npy_header("|u1", (len(packed), len(packed[0]))) + b"".join(packed))
        else:
            out.write(npy_header("<f4", (len(vectors), len(vectors[0]))))
            out.write(b"".join(struct.pack("<%df" % len(v), *v) for v in vectors))
    if kind == "b1":
        with open("q.bool.npy", "wb") as out:
            out.write(npy_header("|b1", (len(vectors), DIM)) + b"".join(bytes(elements(v)[:DIM]) for v in vectors))


def make(kind, metric):
    source = random.Random(kind + metric)
    centres = [[source.randrange(-24, 25) for _ in range(DIM)] for _ in range(12)]
    base = [("a%d" % i, make_vector(source, kind, metric, centres)) for i in range(240)]
    names = ["a%d" % i for i in range(0, 240, 15)] + ["b%d" % i for i in range(16)]
    queries = [make_vector(source, kind, metric, centres) for _ in range(8)]
    write_rows("base.jsonl", base)
    more = [(name, make_vector(source, kind, metric, centres)) for name in names]
    write_rows("more.jsonl", more)
    write_rows("both.jsonl", list({**dict(base), **dict(more)}.items()))
    write_rows("q.jsonl", [(None, q) for q in queries])
    write_queries(queries, kind)


def judge_moves(metric, changes):
    before, after = ({r["id"]: elements(r["vector"]) for r in map(json.loads, open(f))} for f in ("base.jsonl", "more.jsonl"))
    moved = {i for i in after if i in before and after[i] != before[i]}
    for line in open(changes):
        sign, name, *rest = line.rstrip("\n").split("\t")
        if sign == "~":
            moved.remove(name)
            true = distance(metric, before[name], after[name])
            if not is_near(float(rest[0]), true):
                sys.exit("%s moved by %s, not %r" % (name, rest[0], true))
    if moved:
        sys.exit("not listed: %s" % moved)


if __name__ == "__main__":
    if sys.argv[1] == "rows":
        make(*sys.argv[2:])
    else:
        judge_moves(*sys.argv[2:])
