#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares the answers of cel-query with what Python computes.

    nearest.py METRIC K BASE.jsonl QUERIES.jsonl ANSWERS.tsv [--recall R]

Without --recall the answers must be the K nearest of every query, in the order (distance, id). Under l2 and ip the
numbers of rows.py give exact sums, and bits are counted, so the ids must be the very same ones; under cosine, jsd and
haversine those within rounding may stand for each other. Bits are hexadecimal digits. With --recall only the mean share of true neighbours, by distance, must be R, and the distances right.
Queries are named by their row from 0, or by their id if the answers do so.
"""
import heapq
import json
import math
import sys
from operator import mul, sub


def load(path):
    with open(path) as lines:
        return [(r.get("id"), elements(r["vector"])) for r in map(json.loads, lines)]


def elements(vector):
    """Numbers as they are; of hexadecimal digits the bits, those that fill up the last byte included."""
    if not isinstance(vector, str):
        return vector
    return [b >> (7 - i) & 1 for b in bytes.fromhex(vector) for i in range(8)]


def jensen_shannon(a, b):
    """By entropies, in bits."""
    def entropy(p):
        return -math.fsum(x * math.log2(x) for x in p if x > 0)
    p, q = [x / math.fsum(a) for x in a], [x / math.fsum(b) for x in b]
    return math.sqrt(max(0, entropy([(x + y) / 2 for x, y in zip(p, q)]) - (entropy(p) + entropy(q)) / 2))


def great_circle(a, b):
    """Kilometres, by Vincenty's formula on a sphere."""
    (u, l), (v, m) = (map(math.radians, x) for x in (a, b))
    x, y = math.cos(v) * math.sin(m - l), math.cos(u) * math.sin(v) - math.sin(u) * math.cos(v) * math.cos(m - l)
    z = math.sin(u) * math.sin(v) + math.cos(u) * math.cos(v) * math.cos(m - l)
    return 6371.0088 * math.atan2(math.hypot(x, y), z)


def distance(metric, a, b):
    if metric == "jsd":
        return jensen_shannon(a, b)
    if metric == "haversine":
        return great_circle(a, b)
    if metric == "hamming":
        return sum(x != y for x, y in zip(a, b))
    if metric == "jaccard":
        either = sum(x | y for x, y in zip(a, b))
        return 1 - sum(x & y for x, y in zip(a, b)) / either if either else 0
    if metric == "l2":
        d = list(map(sub, a, b))
        return math.sqrt(sum(map(mul, d, d)))
    dot = sum(map(mul, a, b))
    if metric == "ip":
        return -dot
    return 1 - dot / math.sqrt(sum(map(mul, a, a)) * sum(map(mul, b, b)))


def is_near(a, b):
    return abs(a - b) <= 2e-6 * max(1, abs(a), abs(b))


def fail(*words):
    print("nearest.py:", *words)
    sys.exit(1)


def check_query(metric, k, base, name, vector, answers, is_exact):
    """Returns how many of the answers are true neighbours."""
    true = heapq.nsmallest(k, ((distance(metric, vector, v), i.encode()) for i, v in base))
    by_id = dict(base)
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
        if is_exact and metric not in ("cosine", "jsd", "haversine") and record.encode() != true[rank][1]:
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


if __name__ == "__main__":
    main()
