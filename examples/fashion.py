#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fashion-MNIST as records with images, to look at with cel-query --grid. Needs the Debian package dataset-fashion-mnist.

    cel init; cel create fashion --dim 784 --type u8
    python3 examples/fashion.py 2000 | cel build fashion       # images/*.png in this directory, JSON Lines on stdout
    cel query fashion -k 12 --by-id t00003 --by-id t00007 --grid fashion.html
"""
import gzip
import json
import os
import struct
import sys
import zlib

DATA = "/usr/share/datasets/fashion-mnist/t10k-"
LABELS = "T-shirt Trouser Pullover Dress Coat Sandal Shirt Sneaker Bag Boot".split()
SIDE = 28


def png(pixels):
    """Grey levels, row by row, dark on light as in a catalogue."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    rows = b"".join(b"\0" + bytes(255 - p for p in pixels[i:i + SIDE]) for i in range(0, SIDE * SIDE, SIDE))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", SIDE, SIDE, 8, 0, 0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def main():
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 10000
    if not os.path.exists(DATA + "images-idx3-ubyte.gz"):
        sys.exit("fashion.py: there is no %simages-idx3-ubyte.gz: apt-get install dataset-fashion-mnist" % DATA)
    os.makedirs("images", exist_ok=True)
    with gzip.open(DATA + "images-idx3-ubyte.gz") as images, gzip.open(DATA + "labels-idx1-ubyte.gz") as labels:
        images.read(16)
        labels.read(8)
        for i in range(wanted):
            pixels, label = images.read(SIDE * SIDE), labels.read(1)
            if not label:
                break
            name = "images/t%05d.png" % i
            with open(name, "wb") as file:
                file.write(png(pixels))
            print(json.dumps({"id": "t%05d" % i, "vector": list(pixels), "metadata": {"image": name, "label": LABELS[label[0]]}}))


main()
