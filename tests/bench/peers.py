#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures cel beside other libraries: peers.py DATA build|ask|one-shot|instructions SET [NUMBER]

build SET ROUNDS    makes each library's index of SET with 2 threads, one after the other; ours and hnswlib's ROUNDS times in turns
                    (0: keep what is there and only build what is missing), the others' once
ask SET ROUND       one round of queries. Every library is loaded in a process of its own on the same CPU; they take turns, one ef
                    each, on the same part of the queries (part ROUND, from 0), with one thread. Ours and hnswlib are there twice: for the best instruction set and for AVX2. Also ours with 2 threads, and as whole processes of cel-query
one-shot SET        whole processes of cel-query that answer one query
instructions SET    callgrind's counts of our query loop and its kernels, with AVX2

What is measured goes, a line of JSON each, to DATA/peers/results/SET.jsonl; peers_report.py reads it. Recall is that of the very
answers that were timed: share of answers no farther than the exact 10th nearest."""
import json
import os
import re
import subprocess
import sys

import numpy as np

from measure import run as run_once

K = 10
HERE = os.path.dirname(os.path.abspath(__file__))
ASK = os.environ.get("BENCH_ASK", "./bench-ask")
OURS_BUILD = os.environ.get("BENCH_BUILD_OPTIONS", "").split()  # of `cel index`
CPUS = sorted(os.sched_getaffinity(0))


def metric_of(name):
    return "cosine" if name == "words" else "l2"


def beams_of(name):
    if name == "words":
        return [32, 64, 100, 150, 220, 320, 450]
    return [10, 12, 16, 24, 32, 48, 64, 100, 150]


def part_of(name):
    """Queries a round."""
    return {"fashion": 2000, "words": 500}.get(name, 1000)


def builders_of(name):
    rest = ["faiss", "faiss-sq8", "usearch", "usearch-bf16"]
    return ["cel", "hnswlib"] + ([] if name.startswith("growth") else rest)


def askers_of(name):
    avx2 = [] if name.startswith("growth") or os.uname().machine != "x86_64" else ["cel-avx2", "hnswlib-avx2"]
    return builders_of(name) + avx2


class Bench:
    def __init__(self, data, name):
        self.name, self.metric = name, metric_of(name)
        self.set = os.path.join(data, name)
        self.peers = os.path.join(data, "peers")
        self.store = os.path.join(self.peers, "stores", name)
        self.indexes = os.path.join(self.peers, "index", name)
        self.answers = os.path.join(self.peers, "answers")
        for directory in (self.indexes, self.answers, os.path.join(self.peers, "results"), os.path.dirname(self.store)):
            os.makedirs(directory, exist_ok=True)
        self.results = os.path.join(self.peers, "results", name + ".jsonl")
        # Mixed: words stand in the order of how frequent they are, and the frequent ones are found easily.
        self.order = np.random.default_rng(1).permutation(len(np.load(self.path("query.npy"), mmap_mode="r")))
        self.queries = os.path.join(self.answers, name + ".query.npy")
        if not os.path.exists(self.queries):
            np.save(self.queries, np.load(self.path("query.npy"))[self.order])

    def write(self, **result):
        with open(self.results, "a", encoding="ascii") as file:
            file.write(json.dumps(result) + "\n")
        print(result, file=sys.stderr)

    def path(self, file):
        return os.path.join(self.set, file)

    def peer(self, library, what, vectors):
        """Command and environment of one of the other libraries."""
        kind = library.split("-")[0]
        environment = dict(os.environ, OMP_WAIT_POLICY="passive")
        if kind == "hnswlib":
            copy = "hnswlib-avx2" if library.endswith("avx2") else "hnswlib-native"
            environment["PYTHONPATH"] = os.path.join(self.peers, copy)
        index = os.path.join(self.indexes, library.replace("-avx2", ""))
        return [os.path.join(self.peers, "venv/bin/python3"), os.path.join(HERE, "peer.py"), what, library, self.metric, index,
                vectors], environment

    # ---- building

    def build_peer(self, library):
        command, environment = self.peer(library, "build", self.path("base.npy"))
        done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
        wall, cpu, peak, before = done.stdout.split()
        size = os.path.getsize(command[-2])
        self.write(kind="build", library=library, wall=float(wall), cpu=float(cpu), bytes=size, peak_kib=int(peak) - int(before))

    def index_files(self):
        directory = os.path.join(self.store, "index")
        return [os.path.join(directory, f) for f in os.listdir(directory)] if os.path.isdir(directory) else []

    def build_ours(self):
        if not os.path.isdir(self.store):
            base = np.load(self.path("base.npy"), mmap_mode="r")
            subprocess.run(["cel", "init", self.store], check=True, stdout=sys.stderr)
            subprocess.run(["cel", "create", "--store", self.store, self.name, "--dim", str(base.shape[1]), "--metric", self.metric],
                           check=True, stdout=sys.stderr)
            before = os.times()
            subprocess.run(["cel-build", "--store", self.store, self.name, "--no-index", "-j", "2", "--id-prefix", "n",
                            self.path("base.npy")], check=True, stdout=sys.stderr)
            after = os.times()
            self.write(kind="tree", library="cel", wall=after.elapsed - before.elapsed,
                       cpu=sum(after[2:4]) - sum(before[2:4]))
        for file in self.index_files():
            os.remove(file)
        before = os.times()
        command = ["cel", "index", "--store", self.store, self.name, "-j", "2", "--quiet"] + OURS_BUILD
        milliseconds, peak = run_once(command, "/dev/null", 0.01)
        after = os.times()
        self.write(kind="build", library="cel", wall=milliseconds / 1000, cpu=sum(after[2:4]) - sum(before[2:4]),
                   bytes=sum(os.path.getsize(f) for f in self.index_files()), peak_kib=peak)

    def build(self, rounds):
        for turn in range(max(rounds, 1)):
            for library in builders_of(self.name):
                is_there = self.index_files() if library == "cel" else os.path.exists(os.path.join(self.indexes, library))
                is_wanted = rounds > 0 and (turn == 0 or library in ("cel", "hnswlib"))
                if is_wanted or not is_there:
                    self.build_ours() if library == "cel" else self.build_peer(library)

    # ---- asking

    def recall(self, rows, distances, first):
        """rows: count x K row numbers. Counts those that are no farther than the exact K-th; checks distances if there are any."""
        asked = self.order[first:first + len(rows)]
        exact = np.load(self.path("exact.npy"), mmap_mode="r")[asked]
        true = np.load(self.path("exact-distances.npy"), mmap_mode="r")[asked]
        near = true <= true[:, K - 1:K] * (1 + 1e-9) + 1e-12
        hits = 0
        for i, row in enumerate(rows):
            known = {int(r): (d, n) for r, d, n in zip(exact[i], true[i], near[i])}
            if len(set(row.tolist())) != K:
                sys.exit("%s: query %d: an answer twice" % (self.name, first + i))
            for j, r in enumerate(row.tolist()):
                distance, is_near = known.get(r, (None, False))
                hits += bool(is_near)
                if distance is not None and distances is not None and abs(distances[i, j] - distance) > 1e-4 * max(distance, 1e-2):
                    sys.exit("%s: query %d: wrong distance %g, it is %g" % (self.name, first + i, distances[i, j], distance))
        return hits / rows.size

    def start(self, library):
        if library.startswith("cel"):
            environment = dict(os.environ)
            if library == "cel-avx2":
                environment["CEL_SIMD"] = "avx2"
            command = [ASK, self.store, self.name, self.queries]
        else:
            command, environment = self.peer(library, "serve", self.queries)
        return subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask_one(self, library, process, turn, ef, threads=1, kind="ask"):
        # Two threads are compared with one on all queries: a part takes but 20 ms of two threads.
        count = len(self.order) if kind == "threads" else part_of(self.name)
        first = 0 if kind == "threads" else turn * count
        file = os.path.join(self.answers, "%s.%s" % (self.name, library))
        os.sched_setaffinity(process.pid, CPUS[-threads:])
        # Ours maps its file anew for each ef; what was touched before is the same as with libraries that have read theirs.
        warm = 3000 if library.startswith("cel") else 100
        process.stdin.write("ask %d %d %d %d %d %s\n" % (first, count, ef, threads, warm, file))
        process.stdin.flush()
        line = process.stdout.readline()
        if not line:
            sys.exit("%s: %s ended" % (self.name, library))
        wall, cpu = map(float, line.split())
        answers = np.fromfile(file, [("row", "<i4"), ("distance", "<f4")]).reshape(count, K)
        recall = self.recall(answers["row"], answers["distance"] if library.startswith("cel") else None, first)
        self.write(kind=kind, library=library, round=turn, ef=ef, threads=threads, n=count, wall=wall, cpu=cpu, recall=recall)

    def ask_process(self, turn, ef):
        """A whole process: start, all queries of the set, printing."""
        queries = np.load(self.queries, mmap_mode="r")
        file = os.path.join(self.answers, self.name + ".cel-query")
        command = ["taskset", "-c", str(CPUS[-1]), "cel-query", "--store", self.store, self.name, "-k", str(K), "-j", "1", "--ef",
                   str(ef), self.queries]
        before = os.times()
        milliseconds, _ = run_once(command, file, None)
        after = os.times()
        rows = np.full((len(queries), K), -1, np.int64)
        with open(file, encoding="ascii") as lines:
            for line in lines:
                query, rank, name, _ = line.split("\t")
                rows[int(query), int(rank) - 1] = int(name[1:])
        self.write(kind="ask", library="cel-query", round=turn, ef=ef, threads=1, n=len(queries), wall=milliseconds / 1000,
                   cpu=sum(after[2:4]) - sum(before[2:4]), recall=self.recall(rows, None, 0))

    def ask(self, turn):
        libraries, beams = askers_of(self.name), beams_of(self.name)
        processes = {library: self.start(library) for library in libraries}
        for step, ef in enumerate(beams):
            at = (turn + step) % len(libraries)  # whoever comes first is another one each time
            for library in libraries[at:] + libraries[:at]:
                self.ask_one(library, processes[library], turn, ef)
            if ef == beams[len(beams) // 2]:
                for threads in (2, 1):
                    if len(CPUS) >= 2:
                        self.ask_one("cel", processes["cel"], turn, ef, threads, "threads")
        for library, process in processes.items():
            with open("/proc/%d/status" % process.pid, encoding="ascii") as file:
                status = dict(line.split(":", 1) for line in file)
            self.write(kind="memory", library=library, anon_kib=int(status["RssAnon"].split()[0]),
                       file_kib=int(status["RssFile"].split()[0]))
            process.stdin.close()
            process.wait()
        if not self.name.startswith("growth"):
            for ef in beams[::3]:
                self.ask_process(turn, ef)

    def one_shot(self, runs):
        command = ["cel-query", "--store", self.store, self.name, "-k", str(K), "-j", "1", self.path("one-query.npy")]
        times = [run_once(command, "/dev/null", None)[0] for _ in range(runs + 5)][5:]
        peak = max(run_once(command, "/dev/null", 0)[1] for _ in range(runs))
        self.write(kind="one-shot", library="cel", milliseconds=sorted(times)[len(times) // 2], anon_kib=peak)

    # ---- instructions

    def instructions(self, count):
        """Only what happens inside of cel_query_vectors counts: two runs of different length, so that opening cancels out."""
        ef = beams_of(self.name)[len(beams_of(self.name)) // 2]
        out = os.path.join(self.answers, self.name + ".callgrind")
        totals = []
        for n in (count, 2 * count):
            command = ["valgrind", "-q", "--tool=callgrind", "--callgrind-out-file=" + out, "--toggle-collect=cel_query_vectors", ASK,
                       self.store, self.name, self.queries]
            subprocess.run(command, env=dict(os.environ, CEL_SIMD="avx2"), check=True, text=True, stdout=subprocess.DEVNULL,
                           input="ask 0 %d %d 1 0 %s\n" % (n, ef, out + ".answers"))
            totals.append(read_callgrind(out))
        (small, small_calls), (large, large_calls) = totals
        cost = {f: (large[f] - small.get(f, 0)) / count for f in large}
        calls = {f: (large_calls.get(f, 0) - small_calls.get(f, 0)) / count for f in large}
        self.write(kind="instructions", library="cel-avx2", ef=ef, function="(all)", cost=sum(cost.values()), calls=1)
        for function in sorted(cost, key=cost.get, reverse=True)[:12]:
            self.write(kind="instructions", library="cel-avx2", ef=ef, function=function, cost=cost[function], calls=calls[function])


def read_callgrind(path):
    """Own instructions of each function, and how often each was called."""
    names, cost, calls, function, is_call = {}, {}, {}, None, False

    def name(text):
        number, _, rest = text.partition(" ")
        if rest:
            names[number] = rest
        return names[number]
    with open(path, encoding="utf-8") as file:
        for line in file:
            line = line.rstrip("\n")
            if line.startswith("fn="):
                function = name(line[3:])
            elif line.startswith("cfn="):
                callee = name(line[4:])
            elif line.startswith("calls="):
                calls[callee] = calls.get(callee, 0) + int(line[6:].split()[0])
                is_call = True
            elif re.match(r"[+\-*\d]", line):
                if not is_call:
                    cost[function] = cost.get(function, 0) + int(line.split()[1])
                is_call = False
    return cost, calls


def main():
    data, what, name = sys.argv[1:4]
    bench = Bench(os.path.abspath(data), name)
    number = int(sys.argv[4]) if len(sys.argv) > 4 else None
    if what == "build":
        bench.build(5 if number is None else number)
    elif what == "ask":
        bench.ask(number or 0)
    elif what == "one-shot":
        bench.one_shot(number or 25)
    elif what == "instructions":
        bench.instructions(number or 100)
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
