#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What bringing changes to another host costs on the wire, beside what rsync of the exported file and git need.

    sync.py DIRECTORY     BENCH_SYNC_RECORDS: how many (default 100000)

The tools in PATH; 128 f32 a record, 1000 scattered records get other vectors. Bytes are counted between the two ends, both directions
together, by a CEL_SSH that passes them on; a round trip is that the server answers after the client has spoken. rsync
and git get the same records as one .npy. Prints, separated by tabs: what, figure, bound, whether it holds; exits 1 if one does
not. Talk is on stderr.
"""
import array
import json
import os
import random
import re
import selectors
import shutil
import struct
import subprocess
import sys

DIM, CHANGED = 128, 1000


def relay(report, command):
    """Called as ssh is: passes bytes on and notes how many, and how often the server took its turn."""
    child = subprocess.Popen(["sh", "-c", "exec " + command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
    ways = selectors.DefaultSelector()
    ways.register(0, selectors.EVENT_READ, (0, child.stdin.fileno()))
    ways.register(child.stdout.fileno(), selectors.EVENT_READ, (1, 1))
    counts, turns, last = [0, 0], 0, 0
    while len(ways.get_map()) == 2:
        for key, _ in ways.select():
            way, out = key.data
            data = os.read(key.fd, 65536)
            if not data:
                ways.unregister(key.fd)
                continue
            turns += way == 1 and last == 0
            last = way
            counts[way] += len(data)
            view = memoryview(data)
            while view:
                view = view[os.write(out, view):]
    child.stdin.close()
    with open(report, "w") as out: # before the other side builds its index, for which nobody waits
        json.dump({"bytes": sum(counts), "turns": turns}, out)
    child.wait()


def run(*command, wanted=(0,), **more):
    done = subprocess.run(command, capture_output=True, text=True, **more)
    if done.returncode not in wanted:
        sys.exit("sync.py: %s: exit status %d: %s" % (" ".join(command), done.returncode, done.stderr))
    return done.stdout


def write_npy(path, vectors):
    header = "{'descr': '<f4', 'fortran_order': False, 'shape': (%d, %d), }" % (len(vectors), DIM)
    header += " " * (-(10 + len(header) + 1) % 64) + "\n"
    with open(path, "wb") as out:
        out.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + b"".join(vectors))


class Sync:
    def __init__(self, directory, n):
        shutil.rmtree(directory, ignore_errors=True)
        os.makedirs(directory)
        os.chdir(directory)
        self.n, self.random, self.has_failed = n, random.Random(1), False
        # random mantissas, as embeddings have: they hardly compress
        self.vectors = [self.vector() for _ in range(n)]
        with open("ssh", "w") as out:
            out.write("#!/bin/sh\nexec %s %s --relay %s/report \"$2\"\n" % (sys.executable, SELF, os.getcwd()))
        os.chmod("ssh", 0o755)
        os.environ["CEL_SSH"] = os.getcwd() + "/ssh"

    def vector(self):
        return array.array("f", [self.random.gauss(0, 1) for _ in range(DIM)]).tobytes()

    def tell(self, what, figure, bound=None, holds=None):
        self.has_failed |= holds is False
        print("\t".join([what, str(figure), "" if bound is None else str(bound),
                         "" if holds is None else "yes" if holds else "NO"]), flush=True)

    def build(self, store):
        write_npy("all.npy", self.vectors)
        run("cel-build", "-q", "--no-index", "--store", store, "--id-prefix", "v", "c", "all.npy")

    def far(self, *command):
        if os.path.exists("report"):
            os.remove("report")
        run(*command)
        with open("report") as report:
            return json.load(report)

    def change(self):
        for i in self.random.sample(range(self.n), CHANGED):
            self.vectors[i] = self.vector()

    def tell_traffic(self, what, got, most_bytes, most_turns):
        self.tell(what + ", bytes", got["bytes"], most_bytes, got["bytes"] <= most_bytes)
        self.tell(what + ", round trips", got["turns"], most_turns, got["turns"] <= most_turns)

    def celestica(self):
        here = "host:" + os.getcwd()
        run("cel", "init", "-q", "a")
        run("cel", "create", "-q", "--store", "a", "c", "--dim", str(DIM))
        self.build("a")
        write_npy("old.npy", self.vectors)
        got = self.far("cel", "clone", "-q", "--no-index", here + "/a", "b")
        self.tell("the first copy, bytes", got["bytes"])
        self.change()
        self.build("a")
        write_npy("new.npy", self.vectors)
        changed = CHANGED * (4 * DIM + len("v%d" % self.n))
        self.tell("the changed records, bytes", changed)
        bound = int(1.1 * changed) + 4096
        self.tell_traffic("cel pull of %d changes" % CHANGED,
                          self.far("cel", "pull", "-q", "--no-index", "--store", "b", "c", here + "/a:c"), bound, 3)
        self.tell_traffic("cel pull of nothing", self.far("cel", "pull", "-q", "--store", "b", "c", here + "/a:c"), 1024, 3)
        self.change()
        self.build("a")
        self.tell_traffic("cel push of %d changes" % CHANGED,
                          self.far("cel", "push", "-q", "--store", "a", "c", here + "/b:c"), bound, 3)

    def rsync(self, what, *options):
        shutil.copy("old.npy", "copy.npy")
        stats = run("rsync", "--no-whole-file", "--ignore-times", "--stats", *options, "new.npy", "copy.npy").replace(",", "")
        self.tell(what, sum(int(x) for x in re.findall(r"^Total bytes (?:sent|received): (\d+)", stats, re.M)))

    def git(self):
        git = ["git", "-C", "repository", "-c", "user.name=x", "-c", "user.email=x"]
        run("git", "init", "-q", "repository")
        for name in ("old.npy", "new.npy"):
            shutil.copy(name, "repository/all.npy")
            run(*git, "add", "all.npy")
            run(*git, "commit", "-q", "-m", name)
        pack = subprocess.run(git + ["pack-objects", "--revs", "--thin", "--stdout", "-q"], input=b"HEAD\n^HEAD~1\n",
                              capture_output=True, check=True)
        self.tell("git, the pack of that commit, bytes", len(pack.stdout))


SELF = os.path.abspath(__file__)

def main():
    if sys.argv[1] == "--relay":
        relay(sys.argv[2], sys.argv[3])
        return
    sync = Sync(sys.argv[1], int(os.environ.get("BENCH_SYNC_RECORDS", "100000")))
    sync.tell("what", "figure", "bound")
    sync.celestica()
    if shutil.which("rsync"):
        sync.rsync("rsync of the .npy, bytes")
        sync.rsync("rsync of the .npy, blocks of one record, bytes", "--block-size=512")
    if shutil.which("git"):
        sync.git()
    sys.exit(1 if sync.has_failed else 0)


main()
