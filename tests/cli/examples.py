#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the EXAMPLES of a manual page, in order, by one bash in the working directory.

In the literal blocks a line "$ command" is a command, "> ..." behind it goes on with it. Each must exit 0. Lines
under a command are what it prints (both streams), and are compared if there are any: "..." stands for any text, and
alone on a line for any lines. Blanks at the end of a line do not count.
"""
import re
import shlex
import subprocess
import sys


def plain(line):
    for escape, text in (("\\(aq", "'"), ("\\(dq", '"'), ("\\&", ""), ("\\-", "-"), ("\\e", "\\")):
        line = line.replace(escape, text)
    return line.rstrip()


def read_examples(path):
    """[[command, [line of output...]]...]"""
    examples, is_section, is_literal = [], False, False
    for line in open(path):
        line = line.rstrip("\n")
        if line.startswith(".Sh"):
            is_section = line == ".Sh EXAMPLES"
        elif line.startswith((".Bd", ".Ed")):
            is_literal = line.startswith(".Bd -literal")
        elif is_section and is_literal:
            line = plain(line)
            if line.startswith("$ "):
                examples.append([line[2:], []])
            elif line.startswith("> ") and not examples[-1][1]:
                examples[-1][0] += "\n" + line[2:]
            else:
                examples[-1][1].append(line)
    return examples


def pattern(lines):
    parts = [r"(?:.*\n)*" if line == "..." else ".*".join(map(re.escape, line.split("..."))) + r"\n" for line in lines]
    return re.compile("".join(parts))


def main():
    examples = read_examples(sys.argv[1])
    if not examples:
        sys.exit("examples.py: no examples in " + sys.argv[1])
    script = []
    for i, (command, _) in enumerate(examples):
        script.append("eval %s >.out%d 2>&1; echo $? >.status%d" % (shlex.quote(command), i, i))
    subprocess.run(["bash", "-c", "\n".join(script)], stdin=subprocess.DEVNULL, check=True)
    failures = 0
    for i, (command, expected) in enumerate(examples):
        status = int(open(".status%d" % i).read())
        printed = "".join(line.rstrip() + "\n" for line in open(".out%d" % i))
        is_good = status == 0 and (not expected or pattern(expected).fullmatch(printed))
        if not is_good:
            failures += 1
            print("$ %s\nexit status %d, printed:\n%s" % (command, status, printed))
            if expected:
                print("where the page says:\n%s\n" % "\n".join(expected))
    print("%d examples, %d failures" % (len(examples), failures))
    sys.exit(1 if failures else 0)


main()
