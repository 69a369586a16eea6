#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An ssh whose connection breaks: cut.py end|stop N COMMAND runs the command line, passes on the first N bytes of what it says,
then ends it and itself, or says nothing any more (for 20 seconds)."""
import os
import subprocess
import sys
import threading
import time

how, left, command = sys.argv[1], int(sys.argv[2]), sys.argv[3]
child = subprocess.Popen(["sh", "-c", "exec " + command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)


def pass_in():
    try:
        while data := os.read(0, 65536):
            child.stdin.write(data)
        child.stdin.close()
    except OSError:
        pass


threading.Thread(target=pass_in, daemon=True).start()
while left > 0 and (data := os.read(child.stdout.fileno(), min(left, 65536))):
    left -= len(data)
    os.write(1, data)
if left == 0 and how == "stop":
    time.sleep(20)
if left == 0:
    child.kill()
os._exit(1 if left == 0 else child.wait())
