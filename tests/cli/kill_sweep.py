#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""kill -9 at random moments of cel-build, with a second writer waiting.

Two writers work on one collection at a time: A replaces the records a0.. and B the records b0.., each by the other one
of two versions. A is killed at a random moment, B waits for the lock and must succeed. The root CID of each of the
possible states is known beforehand, so after every round it can be said that the collection is exactly one of them:
B's rows new, A's rows all old or all new. Every round also checks that the store opens, `cel fsck` is clean, and the
history has grown by exactly the commits that are visible.

    kill_sweep.py DIRECTORY ROUNDS [--large] [--updates]     CEL_TEST_SEED, CEL_TEST_SCALE

--large: batches with a segment of their own, sorted on disk.  --updates: A also deletes half of its records, replaces the
whole set, or deletes and replaces in one batch.  --control: a "writer" that breaks the rule is noticed.
"""
import json
import os
import random
import subprocess
import sys
import time

ROWS_PY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "rows.py")


def run(*command, wanted=0):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != wanted:
        sys.exit("%s: exit status %d: %s" % (" ".join(command), done.returncode, done.stderr))
    return done.stdout


class Sweep:
    def __init__(self, directory, is_large, is_updating, seed):
        os.makedirs(directory, exist_ok=True)
        os.chdir(directory)
        self.random = random.Random(seed)
        self.options = ["--no-index", "--memory", "8M"] if is_large else []
        self.dim, self.n_a = (300, 6000) if is_large else (16, 800)
        for who, rows in (("a", self.n_a), ("b", 40)):
            for version in (0, 1):
                self.make_rows(who, version, "-n", str(rows))
        self.is_updating = is_updating
        self.a_states = [None, 0, 1]
        if is_updating:  # 2 and 3: what is left of 0 and 1 when half of the records are deleted
            self.a_states += [2, 3]
            half = self.n_a // 2
            for version in (0, 1):
                self.make_rows("a", version + 2, "-n", str(self.n_a), "--slice", ":%d" % half, seed=1 + version)
            with open("gone.ids", "w") as out:
                out.write("".join("a%d\n" % i for i in range(half, self.n_a)))
        self.find_states()
        self.make_store("store")
        self.state = (None, None)
        self.n_commits = 1
        self.seen = {"old": 0, "new": 0, "finished": 0}

    def make_rows(self, who, version, *options, seed=None):
        run("python3", ROWS_PY, "-d", str(self.dim), "--seed", str(seed or 1 + version), "--prefix", who, *options,
            self.file(who, version), self.file(who, version)[:-3] + "jsonl")

    def file(self, who, version):
        return "%s%d.npy" % (who, version)

    def make_store(self, path):
        run("cel", "init", "-q", path)
        run("cel", "create", "-q", "--store", path, "--dim", str(self.dim), "c")

    def build(self, store, who, version, *more):
        return ["cel-build", "-q", "--store", store, "--lock-wait", "60", "--id-prefix", who, *self.options, *more, "c",
                self.file(who, version)]

    def show(self, store):
        return json.loads(run("cel", "show", "--store", store, "--json", "c"))

    def find_states(self):
        """The tree of each (version of A, version of B), and how long a build of A takes."""
        self.trees = {}
        took = []
        for a in self.a_states:
            for b in (None, 0, 1):
                store = "known%s%s" % (a, b)
                self.make_store(store)
                for who, version in (("a", a), ("b", b)):
                    if version is None:
                        continue
                    start = time.monotonic()
                    run(*self.build(store, who, version))
                    if who == "a":
                        took.append(time.monotonic() - start)
                self.trees[(a, b)] = self.show(store)["tree"]
        if len(set(self.trees.values())) != 3 * len(self.a_states):
            sys.exit("the states are not all different trees")
        self.seconds = sorted(took)[len(took) // 2]

    def other(self, version):
        return 1 if version == 0 else 0

    def plan(self, a, b):
        """What the first writer is to do: the version that it makes, its command, and whether a second one may wait, whose
        records a replacement of the whole set would take back or not."""
        kind = self.random.choice(("upsert", "delete", "both", "replace") if self.is_updating else ("upsert",))
        if kind == "replace":
            target = self.random.choice([x for x in (0, 1, 2, 3) if x != a])
            files = [self.file(who, x)[:-3] + "jsonl" for who, x in (("a", target), ("b", b)) if x is not None]
            return target, ["cel-build", "-q", "--store", "store", *self.options, "--replace", "c", *files], False
        if kind == "upsert" or a not in (0, 1):
            target = self.random.choice([x for x in (0, 1) if x != a]) if self.is_updating else self.other(a)
            return target, self.build("store", "a", target), True
        if kind == "delete":
            return a + 2, ["cel-build", "-q", "--store", "store", *self.options, "c", "--delete", "gone.ids"], True
        return 3 - a, self.build("store", "a", 3 - a, "--delete", "gone.ids"), True

    def round(self, is_breaking=False):
        a, b = self.state
        target, command, may_be_joined = self.plan(a, b)
        victim = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        is_with_second = self.random.random() < 0.6 and may_be_joined
        second = None
        at = self.random.uniform(0, 1.5 * self.seconds)
        start = time.monotonic()
        if is_with_second:
            time.sleep(self.random.uniform(0, at))
            second = subprocess.Popen(self.build("store", "b", self.other(b)), stderr=subprocess.PIPE, text=True)
        time.sleep(max(0, at - (time.monotonic() - start)))
        victim.kill()
        has_finished = victim.wait() == 0
        n_new = 0
        if second is not None:
            error = second.communicate()[1]
            if second.returncode != 0:
                sys.exit("the second writer: exit status %d: %s" % (second.returncode, error))
            b = self.other(b)
            n_new += 1
        if is_breaking:
            run("python3", ROWS_PY, "-n", "1", "-d", str(self.dim), "--prefix", "a", "--seed", "9", "broken.jsonl")
            run("cel-build", "-q", "--store", "store", "--no-index", "c", "broken.jsonl")
        self.check_state(a, b, target, has_finished, n_new)

    def check_state(self, a, b, target, has_finished, n_new):
        run("cel", "fsck", "-q", "--read-data", "--store", "store", "c")
        shown = self.show("store")
        if shown["tree"] == self.trees[(a, b)] and not has_finished:
            self.seen["old"] += 1
        elif shown["tree"] == self.trees[(target, b)]:
            self.seen["finished" if has_finished else "new"] += 1
            a = target
            n_new += 1
        else:
            names = {tree: name for name, tree in self.trees.items()}
            sys.exit("the collection is in none of the states that it may be in: it is in %s, the last round left %s, the "
                     "first writer %s, the second made %d commits: %s"
                     % (names.get(shown["tree"]), self.state, "had finished" if has_finished else "was killed", n_new, shown))
        # Aim so that about a third of the builds get through, however busy the machine is.
        self.seconds *= 0.85 if has_finished else 1.08
        self.n_commits += n_new
        if shown["generation"] + 1 != self.n_commits:
            sys.exit("%d commits are visible, not %d" % (shown["generation"] + 1, self.n_commits))
        if shown["index"] is not None:
            run("cel-query", "--store", "store", "--ef", "10", "-k", "1", "c", self.file("b", 0))
        self.state = (a, b)

    def finish(self):
        """History is whole from end to end, and nothing is left lying about."""
        log = [json.loads(line) for line in run("cel", "log", "--store", "store", "--json", "c").splitlines()]
        if len(log) != self.n_commits or any(r["tree"] not in self.trees.values() for r in log):
            sys.exit("the history has other states in it")
        run("cel", "fsck", "-q", "--read-data", "--store", "store")
        run(*self.build("store", "a", self.other(self.state[0])))
        left = os.listdir("store/tmp")
        if left:
            sys.exit("temporary files are left behind: %s" % left)
        left = [name for name in os.listdir("store/index") + os.listdir("store/segments")
                if not name.endswith((".hnsw", ".car"))]
        if left:
            sys.exit("unfinished files are left behind: %s" % left)


def main():
    directory, rounds = sys.argv[1], int(sys.argv[2])
    seed = int(os.environ.get("CEL_TEST_SEED", "20261122"))
    rounds *= int(os.environ.get("CEL_TEST_SCALE", "1"))
    sweep = Sweep(directory, "--large" in sys.argv, "--updates" in sys.argv, seed)
    print("seed %d, a build takes %.3f s" % (seed, sweep.seconds), flush=True)
    start = time.monotonic()
    for i in range(rounds):
        try:
            sweep.round(is_breaking="--control" in sys.argv and i == rounds - 1)
        except SystemExit as failure:
            sys.exit("round %d (seed %d): %s" % (i + 1, seed, failure))
    sweep.finish()
    print("%d rounds in %.0f s; killed before the commit: %d, behind it: %d, not at all: %d"
          % (rounds, time.monotonic() - start, sweep.seen["old"], sweep.seen["new"], sweep.seen["finished"]))


main()
