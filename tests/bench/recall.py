#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Recall@k of answers: recall.py DIRECTORY ANSWERS.tsv [K]

ANSWERS is what cel-query printed (query, rank, id, distance); DIRECTORY holds ids.txt, exact.npy, exact-distances.npy.
An answer counts if it is no farther than the exact k-th (so that any choice among equals is right). Answers that are
missing count as wrong; ids that do not exist, ranks out of order and distances that are not true end the program."""
import sys

import numpy as np


def main():
    directory, answers = sys.argv[1:3]
    k = int(sys.argv[3]) if len(sys.argv) > 3 else 10
    with open(directory + "/ids.txt", encoding="utf-8") as file:
        rows = {line.rstrip("\n"): i for i, line in enumerate(file)}
    exact = np.load(directory + "/exact.npy")
    distances = np.load(directory + "/exact-distances.npy")
    limit = distances[:, k - 1]
    known = [dict(zip(e.tolist(), d.tolist())) for e, d in zip(exact, distances)]
    hits, last = 0, (-1, 0)
    with open(answers, encoding="utf-8") as file:
        for line in file:
            query, rank, name, distance = line.rstrip("\n").split("\t")
            query, rank = int(query), int(rank)
            if (query, rank) != (last[0], last[1] + 1) and (rank != 1 or query <= last[0]):
                sys.exit("answers out of order: %s after query %d rank %d" % (line.strip(), *last))
            last = (query, rank)
            true = known[query].get(rows[name])
            if true is None or rank > k:
                continue
            if abs(true - float(distance)) > 1e-4 * max(true, 1e-2):
                sys.exit("wrong distance: %s, it is %.9g" % (line.strip(), true))
            hits += true <= limit[query] * (1 + 1e-9) + 1e-12
    print("%.4f" % (hits / (len(exact) * k)))


if __name__ == "__main__":
    main()
