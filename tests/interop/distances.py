#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Judges `cel-query --exact` and the graph by SciPy and NumPy, for every element type and metric, on sets with structure.

An answer is right if its distance is what SciPy says of that record, and no more than the true k-th. Prints TAP."""
import os
import shutil
import subprocess
import sys

import numpy as np
from scipy.spatial.distance import cdist

N, QUERIES, DIM, K = 3000, 40, 100, 10
FLOATS = ("f32", "f16", "bf16")
PAIRS = [(t, m) for m in ("l2", "ip", "cosine") for t in FLOATS + ("i8", "u8")]
PAIRS += [("b1", "hamming"), ("b1", "jaccard")] + [(t, "jsd") for t in FLOATS + ("u8",)] + [("f32", "haversine")]
NAMES = {"l2": "euclidean", "cosine": "cosine", "hamming": "hamming", "jaccard": "jaccard"}
source = np.random.default_rng(20261122)


def as_bf16(x):
    """To nearest even of the upper half."""
    bits = x.astype("<f4").view("<u4").astype("u8")
    return ((bits + 0x7fff + (bits >> 16 & 1) & 0xffff0000).astype("<u4")).view("<f4")


def make(kind, metric):
    """The file's array, and the elements as the collection has them, in double."""
    if metric == "haversine":
        x = np.stack([np.degrees(np.arcsin(source.uniform(-1, 1, N + QUERIES))), source.uniform(-180, 180, N + QUERIES)], 1)
        x[::3] = np.array([48.1, 11.6]) + 0.01 * source.standard_normal(x[::3].shape)
        x = x.astype("<f4")
        return x, x.astype("f8")
    centres = source.standard_normal((60, DIM))
    x = centres[source.integers(0, 60, N + QUERIES)] + 0.6 * source.standard_normal((N + QUERIES, DIM))
    if kind == "b1":
        x = x > 0.8
        return np.packbits(x, axis=1), x
    if metric == "jsd":
        x = np.maximum(x, 0)
        x[:, 0] += 0.1
    if kind in ("i8", "u8"):
        scale, low = (60, 0) if metric == "jsd" else (24, 0 if kind == "i8" else 128)
        x = np.clip(np.rint(scale * x + low), *((-128, 127) if kind == "i8" else (0, 255)))
        x = x.astype("i1" if kind == "i8" else "u1")
    else:
        x = x.astype("<f2") if kind == "f16" else as_bf16(x) if kind == "bf16" else x.astype("<f4")
    return x, x.astype("f8")


def truth(metric, queries, base):
    if metric == "ip":
        return -(queries @ base.T)
    if metric == "jsd":
        return cdist(queries, base, "jensenshannon") / np.sqrt(np.log(2))  # cdist knows no base
    if metric == "haversine":
        u, v = (np.stack([np.cos(a) * np.cos(b), np.cos(a) * np.sin(b), np.sin(a)], 1) for a, b in
                (np.radians(x).T for x in (queries, base)))
        chord = np.linalg.norm(u[:, None] - v[None], axis=2)
        return 6371.0088 * 2 * np.arctan2(chord, np.sqrt(4 - chord * chord))
    distances = cdist(queries, base, NAMES[metric])
    return distances * queries.shape[1] if metric == "hamming" else distances


def run(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def answers(*how):
    rows = [line.split("\t") for line in run("cel-query", "-k", str(K), *how, "c", "q.npy").splitlines()]
    ids = np.array([int(r[2][1:]) for r in rows]).reshape(QUERIES, K)
    return ids, np.array([float(r[3]) for r in rows]).reshape(QUERIES, K)


def judge(distances, ids, printed):
    """The share of answers that are true neighbours; every distance must be right, and in order."""
    near = 1e-6 * (1 + abs(printed))
    assert (abs(np.take_along_axis(distances, ids, 1) - printed) <= near).all(), "a distance is wrong"
    assert (np.diff(printed, axis=1) >= 0).all(), "the answers are not in order"
    assert all(len(set(row)) == K for row in ids), "a record comes twice"
    return (printed <= np.sort(distances, 1)[:, K - 1:K] + near).mean()


def check(kind, metric):
    os.environ["CEL_STORE"] = store = os.path.join(os.getcwd(), "distances.store")
    shutil.rmtree(store, ignore_errors=True)
    rows, elements = make(kind, metric)
    np.save("base.npy", rows[:N])
    np.save("q.npy", rows[N:])
    distances = truth(metric, elements[N:], elements[:N])
    run("cel", "init", "-q", store)
    run("cel", "create", "-q", "--dim", str(elements.shape[1]), "--type", kind, "--metric", metric, "c")
    run("cel-build", "-q", "--id-prefix", "r", "c", "base.npy")
    assert judge(distances, *answers("--exact")) == 1, "the scan missed a neighbour"
    recall = judge(distances, *answers("--ef", "100"))
    assert recall >= 0.97, "recall %.4f of the graph" % recall
    ids, printed = answers("--exact")
    for wrong in (printed * 1.001 + 0.001, printed[:, ::-1]):  # controls
        try:
            judge(distances, ids, wrong)
        except AssertionError:
            continue
        raise AssertionError("the judge did not notice")
    return recall


def main():
    failures = 0
    for number, (kind, metric) in enumerate(PAIRS, 1):
        try:
            print("ok %d - %s %s (recall %.4f at ef 100)" % (number, metric, kind, check(kind, metric)), flush=True)
        except (AssertionError, subprocess.CalledProcessError) as error:
            failures += 1
            print("# %s\nnot ok %d - %s %s" % (error, number, metric, kind), flush=True)
    print("1..%d" % len(PAIRS))
    sys.exit(failures > 0)


main()
