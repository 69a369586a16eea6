#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs a command whose stderr is a terminal of so many columns, its stdin a pipe that is slow; prints what the terminal got.

    terminal.py COLUMNS SECONDS FILE COMMAND...    the second half of FILE comes after SECONDS; exits as the command
"""
import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
import threading
import time

columns, seconds, path, command = int(sys.argv[1]), float(sys.argv[2]), sys.argv[3], sys.argv[4:]
master, slave = pty.openpty()
fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=slave, start_new_session=True)
os.close(slave)


def feed():
    data = open(path, "rb").read()
    try:
        child.stdin.write(data[: len(data) // 2])
        child.stdin.flush()
        time.sleep(seconds)
        for i in range(len(data) // 2, len(data), 65536):
            child.stdin.write(data[i : i + 65536])
        child.stdin.close()
    except BrokenPipeError:
        pass


feeder = threading.Thread(target=feed)
feeder.start()
seen = b""
while True:
    try:
        got = os.read(master, 65536)
    except OSError:  # the last one has closed it
        break
    if not got:
        break
    seen += got
feeder.join()
sys.stdout.buffer.write(seen)
sys.exit(child.wait())
