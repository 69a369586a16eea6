#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reads the picture of a history back, and compares it with the history. Knows nothing of how the picture is made: it follows
the lines downwards as the eye does.

    graph.py random PROGRAM [--plant]   random histories through PROGRAM (draw-graph); --plant spoils one character of each
    graph.py picture FILE JSON          the output of cel log --graph against that of cel log --json
"""
import json
import os
import random
import re
import subprocess
import sys


class Wrong(Exception):
    pass


def read(rows):
    """The edges (child, parent) and the order of the commits. A row is (what is drawn, name or None)."""
    edges, order = [], []
    upright, slanting = {}, {}  # what arrives at a column from above: the children that wait there, by the way it came
    fork = None                 # the column of the commit in the row above
    for number, (drawn, name) in enumerate(rows):
        used_up, used_slant = set(), set()
        down, slant = {}, {}

        def take(column, who):
            both = column in marks and marks[column] in "|*"
            crossing = both and column - 1 in marks and marks[column - 1] == "/" and column in slanting
            if who == "upright":
                used_up.add(column)
                if crossing:
                    return upright.get(column, set())
                used_slant.add(column)
                return upright.get(column, set()) | slanting.get(column, set())
            used_slant.add(column)
            if crossing:
                return slanting.get(column, set())
            used_up.add(column)
            return upright.get(column, set()) | slanting.get(column, set())

        marks = {i: c for i, c in enumerate(drawn) if c != " "}
        commit = None
        for column in sorted(marks, reverse=True):
            mark = marks[column]
            if mark in "*|" and column % 2 or mark in "/\\_" and not column % 2:
                raise Wrong("row %d: '%s' in column %d" % (number, mark, column))
            if mark == "*":
                if commit is not None or name is None:
                    raise Wrong("row %d: a commit too many" % number)
                commit = column
                edges += [(child, name) for child in take(column, "upright")]
                down[column] = {name}
            elif mark == "|":
                found = take(column, "upright")
                if not found:
                    raise Wrong("row %d: '|' from nowhere in column %d" % (number, column))
                down[column] = down.get(column, set()) | found
            elif mark == "\\":
                if column - 1 in marks and fork != column - 1:
                    raise Wrong("row %d: a fork that is no commit's" % number)
                found = take(column - 1, "upright")
                if not found:
                    raise Wrong("row %d: '\\' from nowhere in column %d" % (number, column))
                down[column + 1] = down.get(column + 1, set()) | found
            elif marks.get(column + 2) in ("_", "/") and (mark == "_" or marks[column + 2] == "_"):
                if mark == "/":
                    raise Wrong("row %d: a line goes flat too early" % number)
                slant[column - 1] = slant.pop(column + 1)  # past an upright line
            elif mark == "/":
                found = take(column + 1, "slanting")
                if not found:
                    raise Wrong("row %d: '/' from nowhere in column %d" % (number, column))
                slant[column - 1] = found
            else:
                raise Wrong("row %d: '_' leads nowhere" % number)
        if (name is None) != (commit is None):
            raise Wrong("row %d: text without a commit" % number)
        for column in upright:
            if column not in used_up and upright[column] and not rootlike(column, upright, rows_left=order):
                raise Wrong("row %d: the line in column %d ends" % (number, column))
        for column in slanting:
            if column not in used_slant:
                raise Wrong("row %d: the slanting line in column %d ends" % (number, column))
        if name is not None:
            order.append(name)
        upright, slanting, fork = down, slant, commit
    return edges, order


def rootlike(column, upright, rows_left):
    """Only the line of the commit right above may end: then that commit has no parents."""
    return len(upright[column]) == 1 and rows_left and next(iter(upright[column])) == rows_left[-1]


def check(history, rows):
    edges, order = read(rows)
    if order != [name for name, _ in history]:
        raise Wrong("other commits, or in another order")
    wanted = sorted((name, parent) for name, parents in history for parent in parents)
    if sorted(edges) != wanted:
        raise Wrong("edges: %s missing, %s too many" % (sorted(set(wanted) - set(edges)), sorted(set(edges) - set(wanted))))


def random_history(source):
    """Commits by (generation, name), highest first, as cel log has them."""
    n = source.choice([1, 2, 3, 5, 8, 20, 60])
    roots, merges, span = source.choice([1, 1, 2, 4]), source.random(), source.choice([2, 4, 8, n])
    commits, generation = {}, {}
    for i in range(n):
        name = "%08x" % source.getrandbits(32)
        recent = list(commits)[-span:]
        count = 0 if i < roots or source.random() < 0.02 else 2 if source.random() < merges and len(recent) > 1 else 1
        parents = sorted(source.sample(recent, min(count, len(recent))))
        commits[name] = parents
        generation[name] = 1 + max([generation[p] for p in parents], default=-1)
    return sorted(commits.items(), key=lambda item: (generation[item[0]], item[0]), reverse=True)


def split(line):
    found = re.match(r"((?:\| )*\* (?:\| )*)(\w+)", line)
    return (found[1], found[2]) if found else (line, None)


def run_random(program, is_planted):
    seed = int(os.environ.get("CEL_TEST_SEED", "1"))
    scale = int(os.environ.get("CEL_TEST_SCALE", "1"))
    print("seed %d" % seed)
    found = planted = 0
    for i in range(200 * scale):
        source = random.Random(seed * 1000003 + i)
        history = random_history(source)
        text = "".join(" ".join([name] + parents) + "\n" for name, parents in history)
        picture = subprocess.run([program], input=text, stdout=subprocess.PIPE, text=True, check=True).stdout
        if any(line != line.rstrip() for line in picture.splitlines()):
            raise Wrong("history %d: blanks at the end of a line" % i)
        if is_planted:
            at = [k for k, c in enumerate(picture) if c in "|/\\_"]
            if not at:
                continue
            k = source.choice(at)
            planted += 1
            picture = picture[:k] + source.choice([c for c in " |/\\" if c != picture[k]]) + picture[k + 1:]
        try:
            check(history, [split(line) for line in picture.splitlines()])
        except Wrong as problem:
            found += 1
            if not is_planted:
                sys.exit("history %d: %s\n%s%s" % (i, problem, text, picture))
        else:
            if is_planted:
                print("history %d: not noticed\n%s" % (i, picture))
    if is_planted:
        print("%d of %d noticed" % (found, planted))
        sys.exit(0 if planted > 100 and found > 0.95 * planted else 1)


def run_picture(picture, truth):
    with open(truth, encoding="utf-8") as file:
        history = [(r["commit"], r["parents"]) for r in map(json.loads, file)]
    full = {name[:16]: name for name, _ in history}
    with open(picture, encoding="utf-8") as file:
        rows = [split(line.rstrip("\n")) for line in file]
    check(history, [(drawn, name and full[name]) for drawn, name in rows])
    print("%d commits, %d merges" % (len(history), sum(len(p) > 1 for _, p in history)))


if __name__ == "__main__":
    try:
        if sys.argv[1] == "random":
            run_random(sys.argv[2], "--plant" in sys.argv)
        else:
            run_picture(sys.argv[2], sys.argv[3])
    except Wrong as problem:
        sys.exit(str(problem))
