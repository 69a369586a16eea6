#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds the writer lock of a store as a writer does:  hold_lock.py STORE SECONDS.  Says "held" once it has it."""
import fcntl
import os
import struct
import sys
import time

fd = os.open(os.path.join(sys.argv[1], "lock"), os.O_RDWR | os.O_CREAT, 0o666)
# struct flock of 64-bit Linux; F_OFD_SETLK wants l_pid 0
fcntl.fcntl(fd, fcntl.F_OFD_SETLK, struct.pack("hhxxxxqqixxxx", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
print("held", flush=True)
time.sleep(float(sys.argv[2]))
