#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes files of vectors for the tests, with nothing but Python's own library; the same seed gives the same bytes.

    rows.py [OPTION]... FILE...      one FILE each of the same rows, in the format of its ending:
                                     .npy .fvecs .bvecs .jsonl, and .ids for the ids alone

Elements are multiples of 1/8 between -4 and 4 (0..255 for u8, -128..127 for i8), so every element type holds them
exactly and sums of their squares are exact in a float: ties are real ties, whoever computes them.
"""
import argparse
import array
import json
import random
import struct
import sys

NPY_TYPES = {"f2": "<f2", "f4": "<f4", "f8": "<f8", "i1": "|i1", "u1": "|u1"}


def make_rows(n, dim, seed, kind):
    source = random.Random(seed)
    flat = source.randbytes(n * dim)
    if kind == "u8":
        values = list(flat)
    elif kind == "i8":
        values = [b - 128 for b in flat]
    else:
        values = [((b & 63) - 32) / 8 for b in flat]
        for i in range(0, n * dim, dim):
            if not any(values[i:i + dim]):
                values[i] = 1.0
    return [values[i:i + dim] for i in range(0, n * dim, dim)]


def npy_header(descr, shape, version=1, fortran=False):
    text = "{'descr': '%s', 'fortran_order': %s, 'shape': %s, }" % (descr, fortran, shape)
    head = 10 if version == 1 else 12
    text += " " * (-(head + len(text) + 1) % 64) + "\n"
    size = struct.pack("<H" if version == 1 else "<I", len(text))
    return b"\x93NUMPY" + bytes([version, 0]) + size + text.encode()


def pack(values, descr):
    code = {"f2": "e", "f4": "f", "f8": "d", "i1": "b", "u1": "B"}[descr]
    if code != "e":
        return array.array(code, values if code in "fd" else map(int, values)).tobytes()
    return struct.pack("<%de" % len(values), *values)


def write(path, ids, rows, dim, npy="f4", metadata=False, numbers=()):
    ending = path.rsplit(".", 1)[-1]
    with open(path, "wb") as out:
        if ending == "npy":
            out.write(npy_header(NPY_TYPES[npy], (len(rows), dim)))
            for row in rows:
                out.write(pack(row, npy))
        elif ending in ("fvecs", "bvecs"):
            for row in rows:
                out.write(struct.pack("<i", dim) + pack(row, "f4" if ending == "fvecs" else "u1"))
        elif ending == "jsonl":
            for name, row, number in zip(ids, rows, numbers):
                record = {"id": name, "vector": row}
                if metadata and number % 3 == 0:
                    record["metadata"] = {"n": number, "a": "x" * (number % 400)}
                out.write(json.dumps(record, separators=(",", ":")).encode() + b"\n")
        elif ending == "ids":
            out.write("".join(name + "\n" for name in ids).encode())
        else:
            sys.exit("rows.py: no format for %s" % path)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("-n", type=int, default=200, help="rows")
    parser.add_argument("-d", type=int, default=16, help="elements a row")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kind", default="f32", help="f32, i8 or u8: which numbers")
    parser.add_argument("--npy", default="f4", help="the type of .npy: f2 f4 f8 i1 u1")
    parser.add_argument("--prefix", default="r", help="of the ids")
    parser.add_argument("--shuffle", type=int, help="another order, by this seed")
    parser.add_argument("--slice", help="FROM:TO, only these rows (after the shuffle)")
    parser.add_argument("--same", type=int, default=1, help="each vector this many times in a row")
    parser.add_argument("--metadata", action="store_true", help="for every third row of .jsonl")
    parser.add_argument("files", nargs="+")
    args = parser.parse_args()

    rows = make_rows((args.n + args.same - 1) // args.same, args.d, args.seed, args.kind)
    rows = [row for row in rows for _ in range(args.same)][:args.n]
    ids = ["%s%d" % (args.prefix, i) for i in range(args.n)]
    order = list(range(args.n))
    if args.shuffle is not None:
        random.Random(args.shuffle).shuffle(order)
    if args.slice:
        first, last = args.slice.split(":")
        order = order[int(first or 0):int(last or args.n)]
    for path in args.files:
        write(path, [ids[i] for i in order], [rows[i] for i in order], args.d, args.npy, args.metadata, order)


if __name__ == "__main__":
    main()
