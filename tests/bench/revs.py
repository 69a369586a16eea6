#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Many revs of a collection, asked at each: revs.py DIRECTORY METRIC EF [--revs N] [--percent P] [--every E] [--store DIR]

DIRECTORY holds base.npy and query.npy (see prepare.py). The collection begins with two thirds of the rows; each rev deletes
PERCENT of the records and upserts as many, half of them existing ids. After each, 1000 queries are answered at EF, and it is
checked that no answer is absent or outdated. Every E revs a fresh index of the same set is asked too. TSV: rev, seconds of
cel-build with what became of the index, method, recall@10, that of the fresh index, queries per second of CPU time of both."""
import argparse
import os
import random
import resource
import shutil
import subprocess
import time

import numpy as np

QUERIES, K = 1000, 10


def run(*command, **more):
    return subprocess.run(command, check=True, capture_output=True, text=True, **more)


def nearest_distances(metric, vectors, queries):
    """The distance of the K-th nearest of each query, and a function for that of one vector."""
    if metric == "cosine":
        unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        q = queries / np.linalg.norm(queries, axis=1, keepdims=True)
        scores = 1 - q @ unit.T
    else:
        scores = (vectors ** 2).sum(1)[None, :] - 2 * queries @ vectors.T + (queries ** 2).sum(1)[:, None]
    rows = np.argpartition(scores, K, axis=1)[:, :K]
    return np.array([max(distance(metric, vectors[r], q) for r in near) for near, q in zip(rows, queries)])


def distance(metric, a, b):
    a, b = a.astype(np.float64), b.astype(np.float64)
    if metric == "cosine":
        return 1 - a @ b / np.sqrt((a @ a) * (b @ b))
    return np.sqrt(((a - b) ** 2).sum())


def ask(store, name, ef, query_file):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = run("cel-query", "--store", store, "-v", "-j", "1", "-k", str(K), "--ef", str(ef), name, query_file)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return done.stdout.splitlines(), QUERIES / seconds


def recall(metric, lines, records, base, queries, limits):
    good = 0
    for line in lines:
        query, _, name, printed = line.split("\t")
        query, printed = int(query), float(printed)
        assert name in records, "rev has no record " + name
        true = distance(metric, base[records[name]], queries[query])
        assert abs(true - printed) <= 1e-4 * max(true, 1e-2), "outdated: %s, it is %.9g" % (line, true)
        good += printed <= limits[query] * (1 + 1e-6) + 1e-9
    assert len(lines) == QUERIES * K
    return good / (QUERIES * K)


def commit(store, name, records, base, gone, put, work):
    """One cel-build; put: id -> row."""
    names = sorted(put)
    np.save(work + "/put.npy", base[[put[i] for i in names]])
    with open(work + "/put.ids", "w") as out:
        out.writelines(i + "\n" for i in names)
    with open(work + "/gone", "w") as out:
        out.writelines(i + "\n" for i in gone)
    for i in gone:
        del records[i]
    records.update(put)
    start = time.monotonic()
    run("cel-build", "--store", store, "-q", "--delete", work + "/gone", "--ids", work + "/put.ids", name, work + "/put.npy")
    return time.monotonic() - start


def index_of(store, name):
    line = [l for l in run("cel", "show", "--store", store, name).stdout.splitlines() if l.startswith("index\t")][0]
    return line.split(" bytes, ")[-1].split(" on ")[0].replace("index\t", "")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("directory")
    parser.add_argument("metric")
    parser.add_argument("ef", type=int)
    parser.add_argument("--revs", type=int, default=50)
    parser.add_argument("--percent", type=float, default=1)
    parser.add_argument("--every", type=int, default=10)
    parser.add_argument("--store", default="revs-store")
    a = parser.parse_args()
    base = np.load(a.directory + "/base.npy")
    queries = np.load(a.directory + "/query.npy")[:QUERIES]
    source, used, work = random.Random(1), len(base) * 2 // 3, a.store + "-work"
    for path in (a.store, work, a.store + "-fresh"):
        shutil.rmtree(path, ignore_errors=True)
    os.mkdir(work)
    np.save(work + "/queries.npy", queries)
    create = ("--dim", str(base.shape[1]), "--metric", a.metric)
    run("cel", "init", a.store)
    run("cel", "create", "--store", a.store, *create, "set")
    records = {}
    first = {"r%07d" % (2 * i): i for i in range(used)}
    print("rev\tbuild_s\tindex\trecall\tfresh_recall\tqueries/s\tfresh_queries/s", flush=True)
    seconds = commit(a.store, "set", records, base, [], first, work)
    for rev in range(a.revs + 1):
        if rev > 0:
            part = int(len(records) * a.percent / 100)
            touched = source.sample(sorted(records), part + part // 2)
            put = {name: (used + i) % len(base) for i, name in enumerate(touched[part:])}
            while len(put) < part:
                name = "r%07d" % source.randrange(3 * len(base))
                if name not in records:
                    put[name] = (used + len(put)) % len(base)
            used += len(put)
            seconds = commit(a.store, "set", records, base, touched[:part], put, work)
        names = sorted(records)
        limits = nearest_distances(a.metric, base[[records[i] for i in names]], queries)
        lines, rate = ask(a.store, "set", a.ef, work + "/queries.npy")
        found = recall(a.metric, lines, records, base, queries, limits)
        print("%d\t%.2f\t%s\t%.4f" % (rev, seconds, index_of(a.store, "set"), found), end="", flush=True)
        if rev % a.every == 0 or rev == a.revs:
            shutil.rmtree(a.store + "-fresh", ignore_errors=True)
            run("cel", "init", a.store + "-fresh")
            run("cel", "create", "--store", a.store + "-fresh", *create, "set")
            commit(a.store + "-fresh", "set", {}, base, [], dict(records), work)
            lines, fresh_rate = ask(a.store + "-fresh", "set", a.ef, work + "/queries.npy")
            fresh = recall(a.metric, lines, records, base, queries, limits)
            print("\t%.4f\t%.0f\t%.0f" % (fresh, rate, fresh_rate), end="")
            assert found >= fresh - 0.01
        print(flush=True)


if __name__ == "__main__":
    main()
