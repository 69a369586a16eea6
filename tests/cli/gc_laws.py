#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What must hold of `cel gc`, from outside.

    gc_laws.py history DIRECTORY STEPS    random histories: builds, deletes, tags, resets, merges, forgotten commits, deleted
                                          collections, killed writers; gc at random moments. After each: every name has the
                                          records it had, fsck is clean, and, found without any of our programs, the
                                          store has every block that its refs lead to and no other (but dead ones of
                                          segments that are at least half live)
    gc_laws.py kill DIRECTORY ROUNDS      kill -9 at random moments of a gc, with a waiting writer and a reader that reads on
    --control                             something live is removed by hand behind the last gc, and that is noticed

CEL_TEST_SEED, CEL_TEST_SCALE.
"""
import base64
import json
import os
import random
import subprocess
import sys
import time

sys.dont_write_bytecode = True
import blocks

DIM = 300
ROWS_PY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "rows.py")


def run(*command, wanted=(0,)):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode not in wanted:
        sys.exit("%s: exit status %d: %s" % (" ".join(command), done.returncode, done.stderr))
    return done.stdout


# ---- a store read without our programs

def decode(data, at=0):
    """One item of DAG-CBOR; links are ("link", CID)."""
    major, info = data[at] >> 5, data[at] & 31
    at += 1
    if info >= 24:
        size = 1 << (info - 24)
        info = int.from_bytes(data[at:at + size], "big")
        at += size
    if major == 0:
        return info, at
    if major in (2, 3):
        return data[at:at + info], at + info
    if major == 4:
        items = []
        for _ in range(info):
            item, at = decode(data, at)
            items.append(item)
        return items, at
    if major == 6:
        item, at = decode(data, at)
        return ("link", "b" + base64.b32encode(item[1:]).decode().lower().rstrip("=")), at
    return None, at  # null


def links(item):
    if isinstance(item, tuple):
        yield item[1]
    elif isinstance(item, list):
        for inner in item:
            yield from links(inner)


class Store:
    def __init__(self, path):
        mdb = blocks.Lmdb(os.path.join(path, "data.mdb"))
        self.nodes, self.values, self.segments = {}, set(), {}
        for codec, digest, at, size in mdb.blocks():
            cid = blocks.cid_text(codec, digest)
            if codec == 0x55:
                self.values.add(cid)
            else:
                self.nodes[cid] = mdb.data[at:at + size]
        self.refs = {key.decode(): "b" + base64.b32encode(mdb.data[at:at + size]).decode().lower().rstrip("=")
                     for key, _, at, size in mdb.table(b"refs")}
        folder = os.path.join(path, "segments")
        for name in os.listdir(folder):
            self.segments[name] = {block[0] for block in blocks.segment_blocks(os.path.join(folder, name))}

    def reachable(self):
        live, todo = set(), []
        forgotten = {cid for name, cid in self.refs.items() if name.startswith("forgotten/")}
        tips = {cid for name, cid in self.refs.items() if not name.startswith("forgotten/")}
        commits = list(tips)
        while commits:
            cid = commits.pop()
            if cid in live:
                continue
            live.add(cid)
            commit = decode(self.nodes[cid])[0]
            live.add(commit[2][1])
            commits += links(commit[4])
            tree = commit[3][1]
            if cid in tips or (cid not in forgotten and tree in self.nodes):
                todo.append(tree)
        while todo:
            cid = todo.pop()
            if cid in live:
                continue
            live.add(cid)
            if cid.startswith("bafyrei"):
                todo += links(decode(self.nodes[cid])[0])
        return live

    def check(self):
        live = self.reachable()
        dead = [cid for cid in self.nodes if cid not in live] + [cid for cid in self.values if cid not in live]
        if dead:
            sys.exit("%d dead blocks are left in data.mdb, such as %s" % (len(dead), dead[0]))
        everywhere = set(self.nodes) | self.values | set().union(*self.segments.values())
        lost = [cid for cid in live if cid not in everywhere]
        if lost:
            sys.exit("%d live blocks are gone, such as %s" % (len(lost), lost[0]))
        for name, cids in self.segments.items():
            if 2 * len(cids & live) < len(cids):
                sys.exit("%s has %d live blocks of %d" % (name, len(cids & live), len(cids)))


# ---- random histories

class History:
    def __init__(self, directory, source):
        os.makedirs(directory, exist_ok=True)
        os.chdir(directory)
        os.environ["CEL_STORE"] = os.path.join(os.getcwd(), "store")
        self.random = source
        run("cel", "init", "-q", "store")
        self.content = {}  # rev -> its tree; a name or NAME@TAG
        self.files = {}
        for n in (1, 5, 60, 4000):
            for seed in range(3):
                self.files[n, seed] = "%d-%d.npy" % (n, seed)
                run("python3", ROWS_PY, "-n", str(n), "-d", str(DIM), "--seed", str(seed), self.files[n, seed])
        self.version = 0
        self.n_gc = self.n_removed = 0

    def digest(self, rev):
        """The root CID, which stands for the records: that they are there is for fsck to say."""
        return json.loads(run("cel", "show", "--json", rev))["tree"]

    def names(self):
        return [rev for rev in self.content if "@" not in rev]

    def pick(self):
        return self.random.choice(self.names())

    def create(self):
        name = "c%d" % self.version
        if self.names() and self.random.random() < 0.5:
            run("cel", "create", "-q", "--from", self.pick(), name)
        else:
            run("cel", "create", "-q", "--dim", str(DIM), name)
        self.content[name] = self.digest(name)

    def rows(self, name, n, first):
        """The command that puts n rows of new vectors from id `first` on."""
        ids = "%d.ids" % self.version
        with open(ids, "w") as f:
            f.write("".join("r%d\n" % (first + i) for i in range(n)))
        return ["cel-build", "-q", "--no-index", "--lock-wait", "60", "--ids", ids, name,
                self.files[n, self.version % 3]]

    def build(self, n=None):
        name = self.pick()
        run(*self.rows(name, n or self.random.choice([1, 5, 60]), self.random.randrange(3000)))
        self.content[name] = self.digest(name)

    def build_large(self):
        self.build(4000)

    def build_killed(self):
        victim = subprocess.Popen(self.rows(self.pick(), 4000, self.random.randrange(3000)))
        time.sleep(self.random.uniform(0, 0.15))
        victim.kill()
        victim.wait()
        for name in self.names():  # either state will do
            self.content[name] = self.digest(name)

    def delete_records(self):
        name, first = self.pick(), self.random.randrange(3000)
        with open("gone", "w") as f:
            f.write("".join("r%d\n" % i for i in range(first, first + self.random.choice([1, 50, 1500]))))
        run("cel-build", "-q", "--no-index", "--delete", "gone", name)
        self.content[name] = self.digest(name)

    def tag(self):
        name = self.pick()
        run("cel", "tag", "-q", "--force", "t%d" % self.random.randrange(2), name)
        for rev in [r for r in self.content if "@" in r]:
            del self.content[rev]
        for line in run("cel", "tag", "--list").splitlines():
            rev = line.split("\t")[0]
            self.content[rev] = self.digest(rev)

    def reset(self):
        name = self.pick()
        if subprocess.run(["cel", "reset", "-q", name, name + "~1"], capture_output=True).returncode == 0:
            self.content[name] = self.digest(name)

    def merge(self):
        ours, theirs = self.pick(), self.pick()
        done = subprocess.run(["cel-merge", "-q", "--policy", "newest", ours, theirs], capture_output=True, text=True)
        if done.returncode not in (0, 1, 64, 69, 75):
            sys.exit("cel-merge: %d %s" % (done.returncode, done.stderr))
        self.content[ours] = self.digest(ours)

    def forget(self):
        run("cel", "forget", *self.names(), "--keep-last", "1")

    def drop(self):
        if len(self.names()) > 1:
            name = self.pick()
            run("cel", "delete", "-q", name)
            self.content = {rev: d for rev, d in self.content.items() if rev != name and not rev.startswith(name + "@")}
            for line in run("cel", "tag", "--list").splitlines():
                self.content.setdefault(line.split("\t")[0], self.digest(line.split("\t")[0]))

    def index(self):
        run("cel", "index", self.pick())

    def gc(self):
        self.n_gc += 1
        expected = run("cel", "gc", "-q", "--grace", "0", "--dry-run")
        done = run("cel", "gc", "-q", "--grace", "0")
        if done != expected:
            sys.exit("gc did not do what the dry run said: %s, %s" % (done, expected))
        self.n_removed += int(done.split()[1])

    def check(self, is_swept):
        for rev, digest in self.content.items():
            if self.digest(rev) != digest:
                sys.exit("%s has other records than before" % rev)
        run("cel", "fsck", "-q", "--read-data")
        if is_swept:
            Store("store").check()
            again = run("cel", "gc", "-q", "--grace", "0")
            if any(line.split("\t")[1] != "0" for line in again.splitlines()):
                sys.exit("a second gc found more: %s" % again)

    def step(self):
        self.version += 1
        moves = {self.build: 8, self.delete_records: 4, self.create: 2, self.tag: 1, self.reset: 3, self.merge: 2,
                 self.forget: 2, self.drop: 2, self.build_large: 2, self.build_killed: 1, self.index: 1, self.gc: 5}
        move = self.create if not self.names() else self.random.choices(list(moves), list(moves.values()))[0]
        move()
        if move == self.gc:
            self.check(True)


def histories(directory, steps, source, is_control):
    history = History(directory, source)
    for i in range(steps):
        try:
            history.step()
        except SystemExit as failure:
            sys.exit("step %d: %s" % (i + 1, failure))
    history.gc()
    if is_control:
        history.build_large()
        segments = os.listdir("store/segments")
        os.unlink("store/segments/" + segments[0])
    history.check(True)
    print("%d steps, %d times gc, %d blocks removed, %d names and tags at the end"
          % (steps, history.n_gc, history.n_removed, len(history.content)))


# ---- kill -9

class Kills(History):
    """c: all or half of its values are replaced each round and the old commit is forgotten, so that a segment is rewritten
    each time; g comes and goes."""

    def __init__(self, directory, source):
        super().__init__(directory, source)
        for name in ("c", "w"):
            run("cel", "create", "-q", "--dim", str(DIM), name)
        self.version = 1
        self.replace("c", 0, 4000)
        self.replace("w", 0, 60)
        self.seconds = 0.1
        self.n_killed = 0

    def replace(self, name, first, n):
        run(*self.rows(name, n, first))
        self.content[name] = self.digest(name)

    def make_garbage(self):
        self.version += 1
        self.replace("c", 2000 * (self.version % 2), 4000)
        run("cel", "forget", "c", "--keep-last", "1")
        if self.version % 3 == 0:
            run("cel", "create", "-q", "--dim", str(DIM), "g")
            self.replace("g", 0, 4000)
            run("cel", "delete", "-q", "g")
            del self.content["g"]

    def round(self):
        self.make_garbage()
        wanted = subprocess.run(["cel", "export", "--format", "fvecs", "--ids", "out.ids", "c"], capture_output=True).stdout
        reader = None
        if self.random.random() < 0.4:
            reader = subprocess.Popen(["cel", "export", "--format", "fvecs", "--ids", "out.ids", "c"],
                                      stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        victim = subprocess.Popen(["cel", "gc", "-q", "--grace", "0", "--lock-wait", "60"], stdout=subprocess.DEVNULL)
        writer = None
        at = self.random.uniform(0, 1.5 * self.seconds)
        if self.random.random() < 0.5:
            writer = subprocess.Popen(self.rows("w", 60, 0))
        time.sleep(at)
        victim.kill()
        has_finished = victim.wait() == 0
        self.seconds *= 0.6 if has_finished else 1.3
        self.n_killed += not has_finished
        if reader is not None:
            out, error = reader.communicate()
            if reader.returncode != 0 or out != wanted:
                sys.exit("the reader: %d %s" % (reader.returncode, error.decode()))
        if writer is not None:
            if writer.wait() != 0:
                sys.exit("the writer: %d" % writer.returncode)
            self.content["w"] = self.digest("w")
        self.check(False)


def kills(directory, rounds, source, is_control):
    sweep = Kills(directory, source)
    for i in range(rounds):
        try:
            sweep.round()
        except SystemExit as failure:
            sys.exit("round %d: %s" % (i + 1, failure))
    run("cel", "gc", "-q", "--grace", "0")
    if is_control:
        os.unlink("store/segments/" + os.listdir("store/segments")[0])
    sweep.check(True)
    if os.listdir("store/tmp"):
        sys.exit("temporary files are left behind")
    print("%d rounds, %d killed in time" % (rounds, sweep.n_killed))


def main():
    what, directory, n = sys.argv[1], sys.argv[2], int(sys.argv[3])
    seed = int(os.environ.get("CEL_TEST_SEED", "20261122"))
    print("seed %d" % seed, flush=True)
    n *= int(os.environ.get("CEL_TEST_SCALE", "1"))
    {"history": histories, "kill": kills}[what](directory, n, random.Random(seed), "--control" in sys.argv)


main()
