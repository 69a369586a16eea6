#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""peak.py COMMAND...: runs it and prints the most memory of its own (RssAnon, in KiB) that was seen; its exit status is that of
the command, whose standard output goes nowhere."""
import subprocess
import sys
import time

process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
peak = 0
while process.poll() is None:
    try:
        with open("/proc/%d/status" % process.pid) as status:
            peak = max([peak] + [int(line.split()[1]) for line in status if line.startswith("RssAnon:")])
    except OSError:
        pass
    time.sleep(0.001)
print(peak)
sys.exit(process.returncode)
