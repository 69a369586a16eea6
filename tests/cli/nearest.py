#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares the answers of cel-query with what Python computes.

    nearest.py METRIC K BASE.jsonl QUERIES.jsonl ANSWERS.tsv [--recall R]

Without --recall the answers must be the K nearest of every query, in the order (distance, id). Under l2 and ip the
numbers of rows.py give exact sums, so the ids must be the very same ones; under cosine those within rounding may stand
for each other. With --recall only the mean share of true neighbours, by distance, must be R, and the distances right.
Queries are named by their row from 0, or by their id if the answers do so.
"""
import json
import math
import sys


def load(path):
    with open(path) as lines:
        return [(r.get("id"), r["vector"]) for r in map(json.loads, lines)]


def distance(metric, a, b):
    if metric == "l2":
        return math.sqrt(sum((x - y) * (x - y) for x, y in zip(a, b)))
    dot = sum(x * y for x, y in zip(a, b))
    if metric == "ip":
        return -dot
    return 1 - dot / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))


def is_near(a, b):
    return abs(a - b) <= 2e-6 * max(1, abs(a), abs(b))


def fail(*words):
    print("nearest.py:", *words)
    sys.exit(1)


def check_query(metric, k, base, name, vector, answers, is_exact):
    """Returns how many of the answers are true neighbours."""
    true = sorted((distance(metric, vector, v), i.encode()) for i, v in base)[:k]
    by_id = {i: v for i, v in base}
    if len(answers) != min(k, len(base)):
        fail("query", name, "has", len(answers), "answers, not", min(k, len(base)))
    previous, good = None, 0
    for rank, (at, record, printed) in enumerate(answers):
        if at != rank + 1:
            fail("query", name, "rank", at, "where", rank + 1, "is expected")
        if record not in by_id:
            fail("query", name, "there is no record", record)
        if not is_near(distance(metric, vector, by_id[record]), printed):
            fail("query", name, record, "distance", printed, "not", distance(metric, vector, by_id[record]))
        if previous is not None and (printed, record.encode()) <= previous:
            fail("query", name, "rank", at, "is out of order")
        previous = (printed, record.encode())
        good += printed <= true[-1][0] or is_near(printed, true[-1][0])
        if is_exact and not is_near(printed, true[rank][0]):
            fail("query", name, "rank", at, record, "distance", printed, "but the true one is", true[rank])
        if is_exact and metric != "cosine" and record.encode() != true[rank][1]:
            fail("query", name, "rank", at, record, "but the true one is", true[rank])
    if len({record for _, record, _ in answers}) != len(answers):
        fail("query", name, "has a record twice")
    return good


def main():
    metric, k, base, queries, tsv = sys.argv[1], int(sys.argv[2]), *sys.argv[3:6]
    recall = float(sys.argv[7]) if len(sys.argv) > 6 else None
    base, queries = load(base), load(queries)
    found = {}
    for line in open(tsv):
        query, rank, record, printed = line.rstrip("\n").split("\t")
        found.setdefault(query, []).append((int(rank), record, float(printed)))
    # dicts keep the order of the file, so this also checks that answers come in the order of the queries
    rows = [str(i) for i in range(len(queries))]
    names = rows if list(found) == rows else [q[0] for q in queries]
    if list(found) != names:
        fail("answers for", list(found)[:5], "... where", names[:5], "... are expected")
    good = 0
    for name, (_, vector) in zip(names, queries):
        good += check_query(metric, k, base, name, vector, found[name], recall is None)
    share = good / (k * len(queries))
    print("recall %.4f" % share)
    if recall is not None and share < recall:
        fail("recall", share, "is below", recall)


main()
