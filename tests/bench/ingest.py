#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What it costs to take rows in without an index: the figures that ingest has to hold.

    ingest.py DIRECTORY [PART...]     parts: copy, memory, growth, core, text, tables (default: all)

The tools in PATH, as whole processes, on the file system of DIRECTORY, where input files are kept for the next run and stores
are made anew. What is compared runs in turn, and the median of each counts. Memory is RssAnon, looked at every 5 ms.

    BENCH_RUNS            of each thing that is compared (default 3)
    BENCH_RECORDS         rows of 128 f32 for the copy (default 1000000)
    BENCH_INGEST_MIB      size of the input that is four times --memory (default 1024)
    BENCH_INGEST_GROWTH   MiB of the small and the large input that must need the same memory (default "100 4000")
    BENCH_PARSE           a program that parses JSON Lines as the best C parser does (default ./bench-parse, left out if there is none)

Prints, separated by tabs: what, figure, bound, whether it holds; exits 1 if one does not. Talk is on stderr.
"""
import json
import os
import random
import shutil
import statistics
import struct
import subprocess
import sys
import threading
import time

from measure import rss_anon

BLOCK = 16 << 20


def npy_header(rows, dim):
    header = "{'descr': '<f4', 'fortran_order': False, 'shape': (%d, %d), }" % (rows, dim)
    header += " " * (-(10 + len(header) + 1) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode()


def floats(source, size):
    """Bytes of f32 between 2 and 4: whatever stands in the middle of one, it is finite."""
    block = bytearray(size)
    block[1::4] = source.randbytes(size // 4)
    block[2::4] = source.randbytes(size // 4)
    block[3::4] = b"\x40" * (size // 4)
    for i in range(2, size, 4096):
        block[i] &= 0x7f
    return block


def write_rows(out, rows, dim, seed):
    """No two rows are equal, but the generator must be faster than what is measured: one block again and again, of which some
    bytes of every row are new each time."""
    size = 4 * dim
    source = random.Random(seed)
    per_block = max(1, BLOCK // size)
    block = floats(source, per_block * size)
    for first in range(0, rows, per_block):
        for at in (1, 5, 9, 13, 17):
            block[at::size] = source.randbytes(per_block)
        out.write(memoryview(block)[:size * min(per_block, rows - first)])


def spawn(command, feed=None):
    """Seconds, largest RssAnon in KiB, stdout; feed writes into the command's standard input."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdin=subprocess.PIPE if feed else subprocess.DEVNULL, stdout=subprocess.PIPE)
    feeder = threading.Thread(target=lambda: (feed(process.stdin), process.stdin.close())) if feed else None
    if feeder:
        feeder.start()
    peak = 0
    while process.poll() is None:
        peak = max(peak, rss_anon(process.pid))
        time.sleep(0.005)
    seconds = time.perf_counter() - start
    if feeder:
        feeder.join()
    if process.returncode != 0:
        sys.exit("ingest.py: %s: exit status %d" % (" ".join(command), process.returncode))
    return seconds, peak, process.stdout.read().decode()


def timed(*command):
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def in_turn(runs, **ways):
    """The median of each of the ways, which run one after the other, again and again."""
    seconds = {name: [] for name in ways}
    for _ in range(runs):
        for name, way in ways.items():
            seconds[name].append(way())
    return {name: statistics.median(some) for name, some in seconds.items()}


class Ingest:
    def __init__(self, directory):
        self.has_failed = False
        self.runs = int(os.environ.get("BENCH_RUNS", "3"))
        self.parse = os.path.abspath(os.environ.get("BENCH_PARSE", "./bench-parse"))
        os.makedirs(directory, exist_ok=True)
        os.chdir(directory)

    def tell(self, what, figure, bound="", holds=None):
        self.has_failed |= holds is False
        print("%s\t%s\t%s\t%s" % (what, figure, bound, {None: "", True: "yes", False: "no"}[holds]), flush=True)

    def make(self, name, write):
        """The file, made if it is not there."""
        if not os.path.exists(name):
            print("making %s" % name, file=sys.stderr)
            with open(name + ".part", "wb") as out:
                write(out)
            os.rename(name + ".part", name)
        with open(name, "rb") as file:  # into the page cache
            while file.read(BLOCK):
                pass
        return name

    def make_npy(self, rows, dim):
        def write(out):
            out.write(npy_header(rows, dim))
            write_rows(out, rows, dim, 1)
        return self.make("base-%dx%d.npy" % (rows, dim), write)

    def new_store(self, dim):
        shutil.rmtree("store", ignore_errors=True)
        subprocess.run(["cel", "init", "-q", "store"], check=True)
        subprocess.run(["cel", "create", "-q", "--store", "store", "--dim", str(dim), "c"], check=True)

    def build(self, dim, *arguments, feed=None, before=()):
        """Seconds, RssAnon and the result of an ingest into a new store."""
        self.new_store(dim)
        seconds, peak, printed = spawn([*before, "cel-build", "-q", "--json", "--no-index", "--store", "store", "c", *arguments],
                                       feed)
        return seconds, peak, json.loads(printed)

    # ---- the parts

    def copy(self):
        """Against hashing and copying the same bytes. cel-build syncs what it writes, cp does not."""
        rows = int(os.environ.get("BENCH_RECORDS", "1000000"))
        base = self.make_npy(rows, 128)
        size = os.path.getsize(base)

        def plain_copy():
            if os.path.exists("copied"):
                os.unlink("copied")
            return timed("cp", base, "copied")

        ways = {"build": lambda: self.build(128, "--id-prefix", "v", base)[0],
                "sha256sum": lambda: timed("sha256sum", base),
                "cp": plain_copy,
                "sync": lambda: timed("sync", "copied")}
        if shutil.which("openssl"):
            ways["openssl"] = lambda: timed("openssl", "dgst", "-sha256", base)
        median = in_turn(self.runs, **ways)
        os.unlink("copied")
        bound = 2 * (median["sha256sum"] + median["cp"])
        self.tell("ingest of %d x 128 f32 from .npy" % rows, "%.2f s, %.0f MB/s" % (median["build"], size / 1e6 / median["build"]),
                  "%.2f s" % bound, median["build"] <= bound)
        self.tell("sha256sum, cp, sync of the copy", "%.2f s, %.2f s, %.2f s" % tuple(median[x] for x in ("sha256sum", "cp", "sync")))
        if "openssl" in median:
            self.tell("ingest / (openssl dgst -sha256 + cp)", "%.2f" % (median["build"] / (median["openssl"] + median["cp"])))
            self.tell("ingest / (openssl dgst -sha256 + cp + sync)",
                      "%.2f" % (median["build"] / (median["openssl"] + median["cp"] + median["sync"])))

    def memory(self):
        """Sorted or shuffled, four times more than --memory: the same root, within that memory."""
        mib, dim = int(os.environ.get("BENCH_INGEST_MIB", "1024")), 256
        rows = (mib << 20) // (4 * dim)
        base = self.make_npy(rows, dim)
        order = list(range(rows))
        random.Random(2).shuffle(order)

        def write_shuffled(out):
            with open(base, "rb") as file:
                data = memoryview(file.read())[-4 * dim * rows:]
            out.write(npy_header(rows, dim))
            for first in range(0, rows, 4096):
                out.write(b"".join(data[4 * dim * i:4 * dim * (i + 1)] for i in order[first:first + 4096]))

        shuffled = self.make("shuffled-%dx%d.npy" % (rows, dim), write_shuffled)
        bound = (mib >> 2) * 1024
        roots = {}
        for what, file, numbers in (("sorted", base, range(rows)), ("shuffled", shuffled, order)):
            with open("ids", "w") as ids:
                ids.writelines("%09d\n" % i for i in numbers)
            seconds, peak, result = self.build(dim, "--memory", "%dM" % (mib >> 2), "--ids", "ids", file)
            roots[what] = result["tree"]
            self.tell("RssAnon, %d MiB %s with --memory %dM (%.2f s)" % (mib, what, mib >> 2, seconds), "%d KiB" % peak,
                      "%d KiB" % bound, peak <= bound)
        self.tell("their roots", "equal" if roots["sorted"] == roots["shuffled"] else "differ", "equal",
                  roots["sorted"] == roots["shuffled"])

    def growth(self):
        """The memory of a large input from a pipe is that of a small one."""
        small, large = (int(x) for x in os.environ.get("BENCH_INGEST_GROWTH", "100 4000").split())
        dim, peaks = 256, []
        for mb in (small, large):
            rows = mb * 1000000 // (4 * dim)
            seconds, peak, _ = self.build(dim, "--memory", "64M", "--raw", "f32", "--dim", str(dim), "--id-prefix", "v", "-",
                                          feed=lambda out: write_rows(out, rows, dim, 3))
            peaks.append(peak)
            bound = 1.1 * peaks[0] + 8192
            self.tell("RssAnon, %d MB from a pipe with --memory 64M (%.2f s)" % (mb, seconds), "%d KiB" % peak,
                      "" if mb == small else "%.0f KiB" % bound, None if mb == small else peak <= bound)

    def core(self):
        """Rows of 768, one processor."""
        rows, dim = 100000, 768
        base = self.make_npy(rows, dim)
        seconds = statistics.median(self.build(dim, "-j", "1", "--id-prefix", "v", base, before=("taskset", "-c", "0"))[0]
                                    for _ in range(self.runs))
        rate = 4 * dim * rows / 1e6 / seconds
        self.tell("%d x %d f32 from .npy on one processor" % (rows, dim), "%.0f MB/s" % rate, "300 MB/s", rate >= 300)

    def make_text(self, rows, dim):
        def write(out):
            source = random.Random(4)
            for i in range(rows):
                row = {"id": "row-%07d" % source.randrange(10**7 - rows), "vector": [source.gauss(0, 1) for _ in range(dim)]}
                row["id"] += "-%d" % i
                out.write(json.dumps(row, separators=(",", ":")).encode() + b"\n")
        return self.make("rows-%d.jsonl" % rows, write)

    def text(self):
        """JSON Lines against Python's parser and the best one in C, which both only parse."""
        rows, dim = 40000, 128
        file = self.make_text(rows, dim)
        size = os.path.getsize(file)
        loop = "import json, sys\nfor line in open(sys.argv[1], 'rb'): json.loads(line)"
        ways = {"build": lambda: self.build(dim, file)[0], "python": lambda: timed(sys.executable, "-c", loop, file)}
        if os.path.isfile(self.parse):
            ways["parse"] = lambda: timed(self.parse, file)
        median = in_turn(self.runs, **ways)
        self.tell("ingest of %d rows of 128 numbers of JSON Lines" % rows,
                  "%.0f MB/s, %.0f rows/s" % (size / 1e6 / median["build"], rows / median["build"]))
        ratio = median["python"] / median["build"]
        self.tell("times a loop of Python's json.loads", "%.2f" % ratio, "5", ratio >= 5)
        if "parse" in median:
            ratio = median["build"] / median["parse"]
            self.tell("its time / that of the best C parser (%.0f MB/s)" % (size / 1e6 / median["parse"]), "%.2f" % ratio, "2",
                      ratio <= 2)

    def tables(self):
        """The same rows as CSV and as Parquet: figures without a bound."""
        rows, dim = 40000, 128
        source = self.make_text(rows, dim)

        def write_csv(out):
            out.write(b"id," + b",".join(b"v%d" % i for i in range(dim)) + b"\n")
            with open(source, "rb") as lines:
                for line in lines:
                    row = json.loads(line)
                    out.write(("%s,%s\n" % (row["id"], ",".join(map(repr, row["vector"])))).encode())

        def write_parquet(out):
            self.build(dim, source)
            subprocess.run(["cel", "export", "-q", "--store", "store", "--format", "parquet", "c"], check=True, stdout=out)

        files = {"CSV": (self.make("rows-%d.csv" % rows, write_csv), ("--vector-columns", "v0..v%d" % (dim - 1)))}
        if subprocess.run([sys.executable, "-c", "import pyarrow"], stderr=subprocess.DEVNULL).returncode == 0:
            files["Parquet"] = (self.make("rows-%d.parquet" % rows, write_parquet), ())
        else:
            print("no pyarrow: Parquet is left out", file=sys.stderr)
        median = in_turn(self.runs, **{name: lambda file=file, more=more: self.build(dim, *more, file)[0]
                                       for name, (file, more) in files.items()})
        for name, (file, _) in files.items():
            self.tell("ingest of %d rows of 128 numbers of %s" % (rows, name),
                      "%.0f MB/s, %.0f rows/s" % (os.path.getsize(file) / 1e6 / median[name], rows / median[name]))


def main():
    ingest = Ingest(sys.argv[1])
    ingest.tell("what", "figure", "bound")
    for part in sys.argv[2:] or ["copy", "memory", "growth", "core", "text", "tables"]:
        getattr(ingest, part)()
    shutil.rmtree("store", ignore_errors=True)
    sys.exit(1 if ingest.has_failed else 0)


main()
