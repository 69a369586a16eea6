#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One of the other libraries, in a process of its own: peer.py build|serve LIBRARY METRIC FILE VECTORS.npy

build   makes the index of VECTORS with 2 threads, prints the seconds of wall clock and of CPU that adding took, the largest
        memory of the process (KiB) and, behind it, that before the index was begun; then saves it as FILE
serve   loads FILE and answers parts of VECTORS as bench-ask does (see ask.c): the same commands, the same output

M 16 and ef_construction 200 for all. Queries are handed over as one array, in one call, as these libraries want it. faiss knows no
cosine: it gets unit vectors, made outside of the clock. What their bindings do with an array is part of their time, a
conversion of types that they would do is not: they get what they work on."""
import sys
import time

import numpy as np

K, M, EF_CONSTRUCTION, THREADS = 10, 16, 200, 2


class Hnswlib:
    def __init__(self, metric, dim):
        import hnswlib
        self.index = hnswlib.Index(space=metric, dim=dim)

    def build(self, base):
        self.index.init_index(max_elements=len(base), ef_construction=EF_CONSTRUCTION, M=M)
        self.index.set_num_threads(THREADS)
        self.index.add_items(base)

    def save(self, path):
        self.index.save_index(path)

    def load(self, path):
        self.index.load_index(path)

    def ask(self, queries, ef, threads):
        self.index.set_ef(ef)
        return self.index.knn_query(queries, k=K, num_threads=threads)[0]


class Faiss:
    """HNSW over plain vectors, or over 8-bit codes."""

    def __init__(self, metric, dim, quantiser=None):
        import faiss
        self.faiss, self.dim, self.metric, self.quantiser = faiss, dim, metric, quantiser
        self.kind = faiss.METRIC_INNER_PRODUCT if metric == "cosine" else faiss.METRIC_L2

    def prepare(self, vectors):
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True) if self.metric == "cosine" else vectors

    def build(self, base):
        self.faiss.omp_set_num_threads(THREADS)
        if self.quantiser:
            self.index = self.faiss.IndexHNSWSQ(self.dim, self.faiss.ScalarQuantizer.QT_8bit, M, self.kind)
            self.index.train(base)
        else:
            self.index = self.faiss.IndexHNSWFlat(self.dim, M, self.kind)
        self.index.hnsw.efConstruction = EF_CONSTRUCTION
        self.index.add(base)

    def save(self, path):
        self.faiss.write_index(self.index, path)

    def load(self, path):
        self.index = self.faiss.read_index(path)

    def ask(self, queries, ef, threads):
        self.faiss.omp_set_num_threads(threads)
        self.index.hnsw.efSearch = ef
        return self.index.search(queries, K)[1]


class Usearch:
    def __init__(self, metric, dim, dtype="f32"):
        from usearch.index import Index
        self.index = Index(ndim=dim, metric={"l2": "l2sq", "cosine": "cos"}[metric], dtype=dtype, connectivity=M,
                           expansion_add=EF_CONSTRUCTION)

    def build(self, base):
        self.index.add(np.arange(len(base)), base, threads=THREADS)

    def save(self, path):
        self.index.save(path)

    def load(self, path):
        self.index.load(path)

    def ask(self, queries, ef, threads):
        self.index.expansion_search = ef
        return self.index.search(queries, K, threads=threads).keys


LIBRARIES = {
    "hnswlib": Hnswlib,
    "hnswlib-avx2": Hnswlib,  # PYTHONPATH leads to another copy
    "faiss": Faiss,
    "faiss-sq8": lambda metric, dim: Faiss(metric, dim, "sq8"),
    "usearch": Usearch,
    "usearch-bf16": lambda metric, dim: Usearch(metric, dim, "bf16"),
}


def peak_kib():
    with open("/proc/self/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM:"))


def main():
    what, name, metric, path, vectors = sys.argv[1:]
    vectors = np.load(vectors)
    library = LIBRARIES[name](metric, vectors.shape[1])
    if hasattr(library, "prepare"):
        vectors = np.ascontiguousarray(library.prepare(vectors), np.float32)
    if what == "build":
        before = peak_kib()
        wall, cpu = time.perf_counter(), time.process_time()
        library.build(vectors)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        print("%.3f %.3f %d %d" % (wall, cpu, peak_kib(), before))
        library.save(path)
        return
    library.load(path)
    for line in sys.stdin:
        numbers, file = line.split()[1:6], line.split()[6]
        first, count, ef, threads, warm = map(int, numbers)
        if warm > 0:  # others than those that are timed
            library.ask(np.concatenate([vectors[first + count:], vectors[:first]])[:warm], ef, threads)
        part = vectors[first:first + count]
        wall, cpu = time.perf_counter(), time.process_time()
        rows = library.ask(part, ef, threads)
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        answers = np.zeros((count, K), [("row", "<i4"), ("distance", "<f4")])
        answers["row"] = rows
        answers.tofile(file)
        print("%.9f %.9f" % (wall, cpu), flush=True)


if __name__ == "__main__":
    main()
