#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Records whose ids somebody has made up so that none may end a node by the first hash, as JSON Lines of dimension 2.

    hostile.py N

The hashes rise from id to id, so none is smaller than the 24 before it; each takes about N tries.
"""
import hashlib
import itertools
import sys


def rank(key):
    return int.from_bytes(hashlib.sha256(b"cel-prolly-1\0" + key).digest()[:8], "big")


n = int(sys.argv[1])
for i in range(n):
    for j in itertools.count():
        text = "%05d-%d" % (i, j)
        if i << 64 <= rank(text.encode()) * n < (i + 1) << 64:
            break
    print('{"id":"%s","vector":[%d,1]}' % (text, i))
