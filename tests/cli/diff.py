#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What cel-diff should print, computed naively from two files of JSON Lines.

    diff.py lines A.jsonl B.jsonl OUTPUT          compares with the lines that cel-diff printed (metric l2)
    diff.py json A.jsonl B.jsonl OUTPUT           the same for --json
    diff.py queries A.tsv B.tsv K N OUTPUT        with those of --queries; A and B: what cel-query prints; N queries
    diff.py edit SEED IN.jsonl OUT.jsonl          OUT: IN with records changed, added and removed at random
    diff.py page CEL-FORMAT.5 PATCH               the bytes that stand in the page are those of the file
"""
import json
import math
import random
import re
import struct
import sys


def load(path):
    return {r["id"]: r for r in map(json.loads, open(path))}


def single(x):
    return struct.unpack("<f", struct.pack("<f", x))[0]


def changes(a, b):
    for name in sorted(set(a) | set(b), key=str.encode):
        x, y = a.get(name), b.get(name)
        if x != y:
            yield name, x, y


def moved(x, y):
    if x["vector"] == y["vector"]:
        return None
    return single(math.sqrt(sum((p - q) ** 2 for p, q in zip(x["vector"], y["vector"]))))


def keys(x, y):
    """[(sign, key)...]"""
    p, q = x.get("metadata", {}), y.get("metadata", {})
    found = []
    for key in sorted(set(p) | set(q), key=str.encode):
        if p.get(key, ...) != q.get(key, ...):
            found.append(("+" if key not in p else "-" if key not in q else "~", key))
    return found


def plain(key):
    return key if re.fullmatch(r"[A-Za-z0-9_.\u0080-\U0010ffff][-A-Za-z0-9_.\u0080-\U0010ffff]*", key) else \
        json.dumps(key, ensure_ascii=False)


def lines(path_a, path_b, path):
    output = [line.rstrip("\n").split("\t") for line in open(path)]
    a, b = load(path_a), load(path_b)
    n = 0
    for got, (name, x, y) in zip(output, changes(a, b)):
        n += 1
        if x is None or y is None:
            assert got == ["+" if x is None else "-", name], (got, name)
            continue
        assert got[:2] == ["~", name], (got, name)
        distance = moved(x, y)
        assert (got[2] == "-") == (distance is None), got
        assert distance is None or abs(float(got[2]) - distance) <= 1e-6 * distance, (got, distance)
        assert got[3] == (",".join(sign + plain(key) for sign, key in keys(x, y)) or "-"), (got, keys(x, y))
    assert n == len(output) == len(list(changes(a, b))) > 0, (n, len(output))


def as_json(path_a, path_b, path):
    a, b = load(path_a), load(path_b)
    expected = []
    for name, x, y in changes(a, b):
        change = {"change": "added" if x is None else "deleted" if y is None else "changed", "id": name}
        if x is not None and y is not None:
            change["distance"] = moved(x, y)
            change["keys"] = {word: [key for s, key in keys(x, y) if s == sign]
                              for word, sign in (("added", "+"), ("deleted", "-"), ("changed", "~"))}
        for side, record in (("before", x), ("after", y)):
            if record is not None:
                change[side] = {key: value for key, value in record.items() if key != "id"}
        expected.append(change)
    output = list(map(json.loads, open(path)))
    for got, wanted in zip(output, expected):
        if wanted.get("distance") is not None:
            assert abs(got.pop("distance") - wanted["distance"]) <= 1e-6 * wanted.pop("distance")
        assert got == wanted, (got, wanted)
    assert len(output) == len(expected) > 0


def answers(path):
    found = {}
    for line in open(path):
        query, _, record, _ = line.rstrip("\n").split("\t")
        found.setdefault(query, []).append(record)
    return found


def queries(path_a, path_b, k, n, path):
    a, b = answers(path_a), answers(path_b)
    expected, total = [], 0.0
    for query in sorted(set(a) | set(b), key=int):
        x, y = a.get(query, []), b.get(query, [])
        overlap = len(set(x) & set(y)) / max(len(x), len(y))
        total += overlap
        if x != y:
            expected.append((query, overlap))
    output = [line.rstrip("\n").split("\t") for line in open(path)]
    assert output[-1][0] == "mean" and abs(float(output[-1][1]) - total / int(n)) < 1e-5, output[-1]
    assert [query for query, _ in output[:-1]] == [query for query, _ in expected]
    assert all(abs(float(x[1]) - y[1]) < 1e-5 for x, y in zip(output, expected))
    assert 0 < len(expected) < int(n), len(expected)


def edit(seed, source, target):
    chance = random.Random(int(seed))
    with open(target, "w") as out:
        for line in open(source):
            record, dice = json.loads(line), chance.random()
            if dice < 0.1:
                continue
            if dice < 0.3:
                record["vector"][chance.randrange(len(record["vector"]))] += 0.5
            if 0.2 < dice < 0.4:
                metadata = record.setdefault("metadata", {})
                metadata[chance.choice(["n", "a", "new key", 'q"', "-", "\u00e9"])] = chance.randrange(3)
                metadata.pop(chance.choice(["n", "a", ""]), None)
                if not metadata:
                    del record["metadata"]
            if dice > 0.9:
                print(json.dumps({**record, "id": record["id"] + "/new"}), file=out)
            print(json.dumps(record), file=out)


def page(path, patch):
    text = open(path).read()
    text = text[text.index(".Ss Patches"):]
    block = text[text.index(".Bd -literal"):text.index(".Ed")].split("\n")[1:]
    stated = "".join(line.split("  ")[0].replace(" ", "") for line in block)
    assert stated == open(patch, "rb").read().hex(), stated


{"lines": lines, "json": as_json, "queries": queries, "edit": edit, "page": page}[sys.argv[1]](*sys.argv[2:])
