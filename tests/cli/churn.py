#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A random change of a set of records: churn.py SET.jsonl SEED DELETED CHANGED ADDED

Writes gone (ids, one a line), put.jsonl (changed and added rows), and the set that results over SET.jsonl. Rows are like
those of rows.py; new ids begin with the seed, so that they fall anywhere among the others."""
import json
import random
import sys


def main():
    path, seed, deleted, changed, added = sys.argv[1], *map(int, sys.argv[2:])
    source = random.Random(seed)
    rows = {r["id"]: r for r in map(json.loads, open(path))}
    dim = len(next(iter(rows.values()))["vector"])
    vector = lambda: [source.randrange(-32, 32) / 8 for _ in range(dim - 1)] + [1.0]
    touched = source.sample(sorted(rows), deleted + changed)
    put = [{"id": name, "vector": vector()} for name in touched[deleted:]]
    put += [{"id": "%03x-%d" % (source.randrange(4096), seed * 100000 + i), "vector": vector()} for i in range(added)]
    with open("gone", "w") as out:
        out.writelines(name + "\n" for name in touched[:deleted])
    for name in touched[:deleted]:
        del rows[name]
    rows.update((r["id"], r) for r in put)
    for name, records in (("put.jsonl", put), (path, [rows[i] for i in sorted(rows)])):
        with open(name, "w") as out:
            out.writelines(json.dumps(r, separators=(",", ":")) + "\n" for r in records)


if __name__ == "__main__":
    main()
