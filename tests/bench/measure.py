#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Time and memory of a command: measure.py [-n RUNS] [-o OUTPUT] COMMAND...

Prints, tab-separated, the median wall time in milliseconds and the largest RssAnon seen in KiB. With RUNS > 1 half as many
runs again go in front to warm up and, as looking costs time, memory is looked at in runs of its own. The command's output goes
to OUTPUT (default /dev/null); a command that fails ends this program with its status."""
import argparse
import os
import statistics
import sys
import time


def rss_anon(pid):
    try:
        with open("/proc/%d/status" % pid) as file:
            for line in file:
                if line.startswith("RssAnon:"):
                    return int(line.split()[1])
    except (FileNotFoundError, ProcessLookupError):
        pass
    return 0


def run(command, output, interval):
    """One run; looks every `interval` seconds (None: never)."""
    out = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    begin = time.perf_counter()
    pid = os.posix_spawnp(command[0], command, os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, out, 1)])
    peak = 0
    if interval is None:
        _, status = os.waitpid(pid, 0)
    else:
        while True:
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                break
            peak = max(peak, rss_anon(pid))
            if interval > 0:
                time.sleep(interval)
    seconds = time.perf_counter() - begin
    os.close(out)
    code = os.waitstatus_to_exitcode(status)
    if code != 0:
        print("measure.py: %s: status %d" % (" ".join(command), code), file=sys.stderr)
        sys.exit(code if code > 0 else 1)
    return seconds * 1000, peak


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("-n", type=int, default=1)
    parser.add_argument("-o", default="/dev/null")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    args = parser.parse_args()
    if args.n == 1:
        wall, peak = run(args.command, args.o, 0.01)
    else:
        for _ in range(args.n // 2):
            run(args.command, args.o, None)
        wall = statistics.median(run(args.command, args.o, None)[0] for _ in range(args.n))
        peak = max(run(args.command, args.o, 0)[1] for _ in range(args.n))
    print("%.2f\t%d" % (wall, peak))


if __name__ == "__main__":
    main()
