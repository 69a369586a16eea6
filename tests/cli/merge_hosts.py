#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Stores that merge each other, as hosts do: random edits, random pairs, until all have the same commit.

    merge_hosts.py DIRECTORY apart|newest|control ROUNDS     CEL_TEST_SEED, CEL_TEST_SCALE

apart: each host edits ids of its own, so there are never conflicts, and the result is known: the tree must be that of a
fresh build of the union.  newest: three hosts edit the same ids at equal and unequal times; whoever merges whom, both ways make
the same commit, and they come to one that all have.  Then nobody makes commits any more.
control: policy ours on both sides, which need not agree, is noticed.
"""
import json
import os
import random
import subprocess
import sys


def run(*command, wanted=(0,), **more):
    done = subprocess.run(command, capture_output=True, text=True, **more)
    if done.returncode not in wanted:
        sys.exit("%s: exit status %d: %s" % (" ".join(command), done.returncode, done.stderr))
    return done.stdout


class Hosts:
    def __init__(self, directory, names, policy, seed):
        os.makedirs(directory)
        os.chdir(directory)
        self.random = random.Random(seed)
        self.names, self.policy, self.time = names, policy, 1000
        self.records = {}
        self.n_conflicts = self.n_crosswise = self.n_made = self.n_several_bases = 0
        for name in names:
            run("cel", "init", "-q", name)
            run("cel", "create", "-q", "--store", name, "--dim", "100", "words")

    def head(self, host):
        return json.loads(run("cel", "show", "--store", host, "--json", "words"))

    def edit(self, host, ids):
        """Vectors of 400 bytes are blocks of their own; some records get metadata, some are deleted."""
        rows, gone = [], []
        for name in ids:
            if self.random.random() < 0.25:
                gone.append(name)
                self.records.pop(name, None)
                continue
            row = {"id": name, "vector": [self.random.randint(-8, 8) / 2 or 1 for _ in range(100)]}
            if self.random.random() < 0.5:
                row["metadata"] = {"by": host, "x": "y" * self.random.randint(0, 400)}
            rows.append(row)
            self.records[name] = row
        open("gone", "w").write("".join(name + "\n" for name in gone))
        self.time += self.random.randint(0, 1)
        run("cel-build", "-q", "--store", host, "--no-index", "--time", str(self.time), "--delete", "gone", "words", "-",
            input="".join(json.dumps(row) + "\n" for row in rows))

    def merge(self, host, other, rev="words"):
        lines = run("cel-merge", "-q", "--json", "--no-index", "--store", host, "--policy", self.policy, "words",
                    "./%s:%s" % (other, rev)).splitlines()
        result = json.loads(lines[-1])
        self.n_conflicts += result["conflicts"]
        self.n_several_bases += result["merge_bases"] > 1
        if len(lines) - 1 != result["conflicts"] or result["conflicts"] != result["overruled_ours"] + result["overruled_theirs"]:
            sys.exit("a side was overruled and not listed: %s" % lines)
        return result

    def merge_pair(self, host, other):
        """One merges the other; then the other merges it, as it is now or as it was (as if at the same time)."""
        before = self.head(other)["commit"]
        first = self.merge(host, other)
        if first["outcome"] != "merged":
            return
        self.n_made += 1
        if self.random.random() < 0.5:
            second = self.merge(other, host, "words@{1}")
            self.n_crosswise += 1
        else:
            second = self.merge(other, host)
        if second["commit"] != first["commit"]:
            sys.exit("%s and %s made two commits of one pair, %s of %s: %s and %s" %
                     (host, other, before, first["ours"], first["commit"], second["commit"]))

    def is_settled(self):
        return len({self.head(name)["commit"] for name in self.names}) == 1

    def settle(self):
        """Random pairs, one direction at a time, until all are equal; and then nothing moves."""
        for _ in range(40):
            if self.is_settled():
                break
            host, other = self.random.sample(self.names, 2)
            if self.random.random() < 0.3:
                self.merge_pair(host, other)
            else:
                self.n_made += self.merge(host, other)["outcome"] == "merged"
        if not self.is_settled():
            sys.exit("40 merges did not bring the hosts together")
        commit = self.head(self.names[0])["commit"]
        for host in self.names:
            for other in self.names:
                if host != other and self.merge(host, other)["outcome"] != "up-to-date":
                    sys.exit("%s still merges %s" % (host, other))
            if self.head(host)["commit"] != commit:
                sys.exit("%s has moved without a reason" % host)

    def check_union(self):
        run("cel", "create", "-q", "--store", self.names[0], "--dim", "100", "fresh")
        run("cel-build", "-q", "--store", self.names[0], "--no-index", "fresh", "-",
            input="".join(json.dumps(row) + "\n" for row in self.records.values()))
        trees = [json.loads(line) for line in run("cel", "list", "--store", self.names[0], "--json").splitlines()]
        trees = {r["name"]: r["tree"] for r in trees}
        if trees["fresh"] != trees["words"]:
            sys.exit("the merged set is not the union of the edits")
        run("cel", "delete", "-q", "--store", self.names[0], "fresh")

    def round(self, mode):
        for host in self.names:
            if self.random.random() < 0.2:
                continue
            prefix = host if mode == "apart" else ""
            self.edit(host, ["%s%d" % (prefix, i) for i in self.random.sample(range(40), self.random.randint(1, 12))])
        if self.random.random() < 0.5:
            self.merge_pair(*self.random.sample(self.names, 2))
            host = self.random.choice(self.names)
            self.edit(host, ["%s%d" % (host if mode == "apart" else "", i) for i in self.random.sample(range(40), 3)])
        if self.random.random() < 0.7:
            self.settle()
            if mode == "apart":
                self.check_union()


def main():
    directory, mode, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
    seed = int(os.environ.get("CEL_TEST_SEED", "20261122"))
    rounds *= int(os.environ.get("CEL_TEST_SCALE", "1"))
    policy = {"apart": "fail", "newest": "newest", "control": "ours"}[mode]
    hosts = Hosts(directory, ["a", "b"] if mode == "apart" else ["a", "b", "c"], policy, seed)
    for i in range(rounds):
        try:
            hosts.round(mode)
        except SystemExit as failure:
            sys.exit("round %d (seed %d): %s" % (i + 1, seed, failure))
    hosts.settle()
    for name in hosts.names:
        run("cel", "fsck", "-q", "--store", name)
    if (hosts.n_conflicts > 0) != (mode == "newest"):
        sys.exit("%d conflicts" % hosts.n_conflicts)
    print("seed %d: %d rounds, %d merge commits, %d pairs crosswise, %d conflicts, %d merges with several bases" %
          (seed, rounds, hosts.n_made, hosts.n_crosswise, hosts.n_conflicts, hosts.n_several_bases))


main()
