#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What changes cost compared with the whole: the figures that the history of a large collection has to hold.

    cost.py DIRECTORY     BENCH_RECORDS: how many (default 1000000)

The tools in PATH, as whole processes, and bench-tree (BENCH_TREE, default ./bench-tree) for what the library alone takes; 128 f32
a record, on the file system of DIRECTORY, where the store is made anew and left behind. All ratios are to the ingest without
index of the same run: the faster of two, while of what is repeated the median counts. Prints, separated by tabs: what, figure,
bound, whether it holds; exits 1 if one does not. Talk is on stderr.
"""
import array
import json
import os
import random
import re
import shutil
import statistics
import struct
import subprocess
import sys
import time

DIM = 128
COLLECTION = "c"


def run(*command, wanted=(0,)):
    """Seconds, and what was printed."""
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True)
    seconds = time.perf_counter() - start
    if done.returncode not in wanted:
        sys.exit("cost.py: %s: exit status %d: %s" % (" ".join(command), done.returncode, done.stderr))
    return seconds, done.stdout + done.stderr


def make_base(path, n):
    """n rows of multiples of 1/16, as .npy."""
    header = "{'descr': '<f4', 'fortran_order': False, 'shape': (%d, %d), }" % (n, DIM)
    header += " " * (-(10 + len(header) + 1) % 64) + "\n"
    source = random.Random(1)
    sixteenths = [i / 16 for i in range(256)]
    with open(path, "wb") as out:
        out.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode())
        for first in range(0, n, 1000):
            some = source.randbytes(DIM * min(1000, n - first))
            out.write(array.array("f", [sixteenths[b] for b in some]).tobytes())


def write_rows(path, ids, seed):
    source = random.Random(seed)
    with open(path, "w") as out:
        for name in ids:
            vector = [b / 8 for b in source.randbytes(DIM)]
            out.write(json.dumps({"id": name, "vector": vector}, separators=(",", ":")) + "\n")


class Cost:
    def __init__(self, directory, n):
        self.n = n
        self.random = random.Random(7)
        self.has_failed = False
        os.makedirs(directory, exist_ok=True)
        os.chdir(directory)
        self.base = "base-%d.npy" % n
        if not os.path.exists(self.base):
            print("making %d records" % n, file=sys.stderr)
            make_base(self.base + ".part", n)
            os.rename(self.base + ".part", self.base)

    def tell(self, what, figure, bound="", holds=None):
        self.has_failed |= holds is False
        print("%s\t%s\t%s\t%s" % (what, figure, bound, {None: "", True: "yes", False: "no"}[holds]), flush=True)

    def tell_ratio(self, what, seconds, part):
        """seconds are to be less than the part-th part of the whole."""
        self.tell(what, "%.2f ms, 1/%.0f" % (1e3 * seconds, self.whole / seconds), "1/%d" % part,
                  seconds < self.whole / part)

    def ids(self, count):
        """One of each part of the records, in their own order."""
        return ["v%d" % i for i in self.random.sample(range(self.n), count)]

    def build(self, rows, *more, collection=COLLECTION):
        """Seconds of the process, and of the commit in it: from the last row read to the head moved."""
        seconds, printed = run("cel-build", "-q", "--json", "--store", "store", "--no-index", *more, collection, rows)
        return seconds, json.loads(printed)["build_seconds"]

    def ingest(self):
        whole = []
        for _ in range(2):
            shutil.rmtree("store", ignore_errors=True)
            run("cel", "init", "-q", "store")
            run("cel", "create", "-q", "--store", "store", "--dim", str(DIM), COLLECTION)
            whole.append(self.build(self.base, "--id-prefix", "v")[0])
        self.whole = min(whole)
        self.tell("ingest of %d records without index" % self.n, "%.2f s (%.2f s)" % (self.whole, max(whole)))

    def one_record(self):
        seconds = []
        for i in range(25):
            write_rows("one.jsonl", self.ids(1), i)
            seconds.append(self.build("one.jsonl"))
        self.tell_ratio("commit of one record", statistics.median(x[1] for x in seconds), 1000)
        process = statistics.median(x[0] for x in seconds)
        start = statistics.median(run("cel-build", "--version")[0] for _ in range(25))
        self.tell("the whole process of that commit", "%.2f ms, 1/%.0f" % (1e3 * process, self.whole / process))
        self.tell("a process that does nothing", "%.2f ms" % (1e3 * start))

    def diff(self):
        write_rows("some.jsonl", self.ids(100), 99)
        self.build("some.jsonl")
        command = ("cel-diff", "-q", "--store", "store", COLLECTION + "~1", COLLECTION)
        seconds = statistics.median(run(*command, wanted=(1,))[0] for _ in range(25))
        self.tell("diff of 100 scattered changes, whole process", "%.2f ms" % (1e3 * seconds), "20 ms", seconds < 0.02)
        counts = json.loads(run("cel-diff", "-q", "--json", "--stat", "--store", "store", COLLECTION + "~1", COLLECTION,
                                wanted=(1,))[1])
        if counts["changed"] != 100:
            sys.exit("cost.py: the diff tells of %s" % counts)
        bound = 4 * 100 * self.height
        self.tell("nodes read to count them, height %d" % self.height, counts["nodes_read"], bound,
                  counts["nodes_read"] <= bound)

    def runs_of_ids(self, runs, length):
        """Records that stand beside one another in the tree, in so many places."""
        names = sorted("v%d" % i for i in range(self.n))
        places = self.random.sample(range(self.n // length), runs)
        return [name for place in places for name in names[place * length:(place + 1) * length]]

    def merge(self, what, ids_of_both):
        seconds = []
        for i in range(5):
            ids = ids_of_both()
            for side, some in (("ours", ids[:1000]), ("theirs", ids[1000:])):
                run("cel", "create", "-q", "--store", "store", side, "--from", COLLECTION)
                write_rows("side.jsonl", some, 1000 + i)
                self.build("side.jsonl", collection=side)
            seconds.append(run("cel-merge", "-q", "--store", "store", "--no-index", "ours", "theirs")[0])
            changed = json.loads(run("cel-diff", "-q", "--json", "--stat", "--store", "store", COLLECTION, "ours",
                                     wanted=(1,))[1])["changed"]
            if changed != 2000:
                sys.exit("cost.py: the merge has %d changes, not 2000" % changed)
            for side in ("ours", "theirs"):
                run("cel", "delete", "-q", "--store", "store", side)
        self.tell_ratio("merge of two sides with 1000 changes each, %s, whole process" % what, statistics.median(seconds), 100)

    def library(self):
        shutil.rmtree("store", ignore_errors=True)
        shutil.rmtree("tree", ignore_errors=True)
        printed = run(os.environ.get("BENCH_TREE", "./bench-tree"), "tree", str(self.n), str(4 * DIM))[1]
        print(printed, end="", file=sys.stderr)
        most = 0
        for kind in ("replace 1", "delete 1", "add 1"):
            line = next(x for x in printed.splitlines() if x.startswith(kind + " "))
            part = int(re.search(r"1/(\d+)", line).group(1))
            most = max(most, int(re.search(r"at most (\d+) a level", line).group(1)))
            self.tell("%s record, the library alone" % kind, "1/%d" % part, "1/1000", part > 1000)
        self.tell("nodes that these write, at most a level", most, 3, most <= 3)
        self.height = int(re.search(r"height (\d+)", printed).group(1))
        nodes = int(re.search(r"^diff of 100 scattered .*nodes read (\d+)$", printed, re.M).group(1))
        bound = 4 * 100 * self.height
        self.tell("nodes read by a diff of 100 scattered changes, the library alone", nodes, bound, nodes <= bound)
        shutil.rmtree("tree")


def main():
    tree = os.environ.get("BENCH_TREE", "./bench-tree")
    os.environ["BENCH_TREE"] = os.path.abspath(tree)
    cost = Cost(sys.argv[1], int(os.environ.get("BENCH_RECORDS", "1000000")))
    cost.tell("what", "figure", "bound", None)
    cost.library()
    cost.ingest()
    cost.one_record()
    cost.diff()
    cost.merge("in 10 runs of 100 neighbours", lambda: cost.runs_of_ids(20, 100))
    cost.merge("scattered", lambda: cost.ids(2000))
    sys.exit(1 if cost.has_failed else 0)


main()
