#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds a state of a store as a reader does:  hold_reader.py STORE SECONDS.  Says "held" once it has it; exit 77: no liblmdb."""
import ctypes
import sys
import time

try:
    lmdb = ctypes.CDLL("liblmdb.so.0")
except OSError:
    sys.exit(77)
NOTLS, RDONLY = 0x200000, 0x20000
env, txn = ctypes.c_void_p(), ctypes.c_void_p()
lmdb.mdb_env_create(ctypes.byref(env))
lmdb.mdb_env_set_maxdbs(env, 8)
if lmdb.mdb_env_open(env, sys.argv[1].encode(), NOTLS | RDONLY, 0o600) != 0 or \
        lmdb.mdb_txn_begin(env, None, RDONLY, ctypes.byref(txn)) != 0:
    sys.exit(1)
print("held", flush=True)
time.sleep(float(sys.argv[2]))
