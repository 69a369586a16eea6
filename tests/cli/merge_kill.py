#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""kill -9 at random moments of cel-merge, from another store or of a patch, with a second writer waiting.

What a merge makes is known beforehand: the same merge runs to its end in a copy of the store, and makes the same tree (and
the same commit, if no patch). After every kill the collection is at the old commit or at that one, `cel fsck` is clean over all
of its history, and merging again gives what the copy has.

    merge_kill.py DIRECTORY ROUNDS [--large]     CEL_TEST_SEED, CEL_TEST_SCALE

--large: what comes from the other store goes to a segment.  --control: a change that nobody made is noticed.
"""
import array
import json
import os
import random
import shutil
import subprocess
import sys
import time


def run(*command, wanted=(0,), **more):
    done = subprocess.run(command, capture_output=True, text=True, **more)
    if done.returncode not in wanted:
        sys.exit("%s: exit status %d: %s" % (" ".join(command), done.returncode, done.stderr))
    return done.stdout


class Sweep:
    def __init__(self, directory, is_large, seed):
        os.makedirs(directory)
        os.chdir(directory)
        self.random = random.Random(seed)
        self.n, self.dim = (900, 1400) if is_large else (150, 100)
        for store in ("ours", "theirs"):
            run("cel", "init", "-q", store)
            run("cel", "create", "-q", "--store", store, "--dim", str(self.dim), "c")
        self.build("ours", range(2 * self.n))
        run("cel-merge", "-q", "--no-index", "--store", "theirs", "c", "./ours:c")
        self.seconds = 0.15 if is_large else 0.02
        self.seen = {"old": 0, "new": 0, "finished": 0}

    def build(self, store, numbers):
        with open("rows.fvecs", "wb") as rows, open("ids", "w") as ids:
            for number in numbers:
                rows.write(self.dim.to_bytes(4, "little"))
                rows.write(array.array("f", [self.random.random()] * self.dim).tobytes())
                ids.write("id%d\n" % number)
        run("cel-build", "-q", "--no-index", "--store", store, "--lock-wait", "60", "--ids", "ids", "c", "rows.fvecs")

    def show(self, store):
        return json.loads(run("cel", "show", "--store", store, "--json", "c"))

    def merge(self, store, is_patch):
        other = ["--patch", "patch", "c"] if is_patch else ["c", "./theirs:c"]
        return ["cel-merge", "-q", "--no-index", "--lock-wait", "60", "--policy", "theirs", "--store", store, *other]

    def second(self, store):
        return ["cel-build", "-q", "--no-index", "--store", store, "--lock-wait", "60", "--ids", "second.ids", "c", "second.fvecs"]

    def prepare(self, is_patch):
        """Both sides go on; what the merge of them will be, alone and with the second writer's rows."""
        old = self.show("theirs")["commit"]
        self.build("theirs", self.random.sample(range(3 * self.n), self.n))
        if is_patch: # it must begin from a commit that ours has
            run("cel-merge", "-q", "--no-index", "--policy", "theirs", "--store", "ours", "c", "./theirs:" + old)
            with open("patch", "wb") as patch:
                subprocess.run(["cel-diff", "--store", "theirs", "--patch", old, "c"], stdout=patch)
        self.build("ours", self.random.sample(range(3 * self.n), 40))
        with open("second.ids", "w") as ids, open("second.fvecs", "wb") as rows:
            for number in self.random.sample(range(50), 10):
                rows.write(self.dim.to_bytes(4, "little"))
                rows.write(array.array("f", [self.random.random()] * self.dim).tobytes())
                ids.write("second%d\n" % number)
        self.trees = {self.show("ours")["tree"]: (False, False)}
        for has_second in (False, True):
            shutil.rmtree("copy", ignore_errors=True)
            shutil.copytree("ours", "copy")
            if has_second:
                run(*self.second("copy"))
                self.trees[self.show("copy")["tree"]] = (False, True)
            run(*self.merge("copy", is_patch))
            self.trees[self.show("copy")["tree"]] = (True, has_second)
            if not has_second:
                self.commit = self.show("copy")["commit"]
        if len(self.trees) != 4:
            sys.exit("the states are not four different trees")

    def round(self, is_breaking):
        is_patch = self.random.random() < 0.35
        self.prepare(is_patch)
        victim = subprocess.Popen(self.merge("ours", is_patch), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        at, start, second = self.random.uniform(0, 1.5 * self.seconds), time.monotonic(), None
        if self.random.random() < 0.5:
            time.sleep(self.random.uniform(0, at))
            second = subprocess.Popen(self.second("ours"), stderr=subprocess.PIPE, text=True)
        time.sleep(max(0, at - (time.monotonic() - start)))
        victim.kill()
        has_finished = victim.wait() == 0
        if second is not None:
            error = second.communicate()[1]
            if second.returncode != 0:
                sys.exit("the second writer: exit status %d: %s" % (second.returncode, error))
        if is_breaking:
            self.build("ours", [7])
        self.check(has_finished, second is not None, is_patch)

    def check(self, has_finished, has_second, is_patch):
        run("cel", "fsck", "-q", "--store", "ours")
        shown = self.show("ours")
        state = self.trees.get(shown["tree"])
        if state is None or state[1] != has_second or (has_finished and not state[0]):
            sys.exit("the collection is in none of the states that it may be in: %s, %s" % (state, shown))
        self.seen["finished" if has_finished else "new" if state[0] else "old"] += 1
        self.seconds *= 0.85 if has_finished else 1.08  # so that about a third get through
        if state[0] and not has_second and not is_patch and shown["commit"] != self.commit:
            sys.exit("the merge made the commit %s, not %s" % (shown["commit"], self.commit))
        run(*self.merge("ours", is_patch))
        if self.trees.get(self.show("ours")["tree"]) != (True, has_second):
            sys.exit("merging again did not give what it should")
        run("cel", "fsck", "-q", "--store", "ours")

    def finish(self):
        for commit in run("cel", "log", "--store", "ours", "c").splitlines()[:8]:
            commit, _, records = commit.split("\t")[:3]
            if records != "-":
                run("cel", "fsck", "-q", "--store", "ours", commit)
        self.build("ours", [1])
        left = os.listdir("ours/tmp") + [name for name in os.listdir("ours/segments") if not name.endswith(".car")]
        if left:
            sys.exit("files are left behind: %s" % left)


def main():
    directory, rounds = sys.argv[1], int(sys.argv[2])
    seed = int(os.environ.get("CEL_TEST_SEED", "20261122"))
    rounds *= int(os.environ.get("CEL_TEST_SCALE", "1"))
    sweep = Sweep(directory, "--large" in sys.argv, seed)
    start = time.monotonic()
    for i in range(rounds):
        try:
            sweep.round(is_breaking="--control" in sys.argv and i == rounds - 1)
        except SystemExit as failure:
            sys.exit("round %d (seed %d): %s" % (i + 1, seed, failure))
    sweep.finish()
    print("seed %d: %d rounds in %.0f s; killed before the commit: %d, behind it: %d, not at all: %d"
          % (seed, rounds, time.monotonic() - start, sweep.seen["old"], sweep.seen["new"], sweep.seen["finished"]))


main()
