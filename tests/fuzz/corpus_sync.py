#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the corpora of fuzz_frame, fuzz_message and fuzz_session: messages by cel-protocol(7), independent of the C code,
and broken ones.

usage: corpus_sync.py DIRECTORY     (makes DIRECTORY/frame, message, session)"""
import hashlib, os, sys


class Link(bytes):
    pass


def head(major, value):
    if value < 24:
        return bytes([major << 5 | value])
    n, code = next((n, code) for n, code in ((1, 24), (2, 25), (4, 26), (8, 27)) if value < 1 << 8 * n)
    return bytes([major << 5 | code]) + value.to_bytes(n, "big")


def cbor(x):
    if isinstance(x, int):
        return head(0, x)
    if isinstance(x, Link):
        return b"\xd8\x2a" + cbor(b"\0" + bytes(x))
    if isinstance(x, bytes):
        return head(2, len(x)) + x
    if isinstance(x, str):
        return head(3, len(x.encode())) + x.encode()
    return head(4, len(x)) + b"".join(map(cbor, x))


def frame(body):
    n, out = len(body), b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n]) + body


def link(text):
    return Link(b"\x01\x71\x12\x20" + hashlib.sha256(text).digest())


def end(*bodies):
    frames = b"".join(frame(b) for b in bodies)
    return cbor([4, len(bodies), hashlib.sha256(frames).digest()])


ZERO = Link(b"\x01\x71\x12\x20" + bytes(32))
HELLO = cbor([1, "cel", 1, 2 << 20, 1, "corpus", bytes(16), "/there"])
SCHEMA = cbor(["cel-schema", 1, 2, "f32", "l2", ""])
COMMIT = cbor([13, 7, 9, b"commit"])
MESSAGES = {
    "hello": HELLO,
    "hello-2": cbor([1, "cel", 2, 5, "something", [1, 2]]),
    "error": cbor([2, 77, "'words' may not be read"]),
    "bye": cbor([3]),
    "end": end(HELLO),
    "packed": cbor([5, bytes.fromhex("28b52ffd0058000003000102")]),
    "list": cbor([6, ""]),
    "entry": cbor([7, "words", 1, link(b"tip"), SCHEMA, 3, 1700000000, 100]),
    "fetch": cbor([8, "words~2", 0]),
    "push": cbor([9, "words", 0, 1, 3]),
    "have": cbor([10, 1, bytes(link(b"a")) + bytes(link(b"b"))]),
    "more": cbor([11]),
    "offer": cbor([12, link(b"tip"), 2, SCHEMA]),
    "commit": COMMIT,
    "ask": cbor([14, 3, 0, 1, b"id000048"]),
    "data": cbor([15, 1, b"patch"]),
    "block": cbor([16, b"block"]),
    "next": cbor([17]),
    "done": cbor([18]),
    "result": cbor([19, 3, link(b"tip"), 0]),
    "bad-integer": b"\x81\x18\x06",
    "bad-type": cbor([99]),
    "bad-count": cbor([8, "words"]),
    "bad-bound": cbor([9, "words", 0, 1, 4]),
    "bad-huge": b"\x82\x05\x5b\x7f\xff\xff\xff\xff\xff\xff\xff",
    "bad-deep": b"\x81" * 200,
}
m = MESSAGES
FETCHED = [HELLO, cbor([12, link(b"tip"), 1, SCHEMA]), COMMIT]
SESSIONS = {
    "server-list": (0, [HELLO, m["list"], m["bye"]]),
    "server-fetch": (0, [HELLO, m["fetch"], m["have"], m["done"], m["bye"]]),
    "server-fetch-none": (0, [HELLO, m["fetch"], cbor([10, 1, b""]), m["done"]]),
    "server-fetch-asks": (0, [HELLO, m["fetch"], cbor([10, 1, bytes(link(b"a"))]), m["ask"],
                              end(HELLO, m["fetch"], cbor([10, 1, bytes(link(b"a"))]), m["ask"]), m["done"]]),
    "server-push": (0, [HELLO, m["push"], cbor([12, link(b"tip"), 1, SCHEMA]), COMMIT,
                        end(HELLO, m["push"], cbor([12, link(b"tip"), 1, SCHEMA]), COMMIT)]),
    "client-list": (1, [HELLO, m["entry"], end(HELLO, m["entry"])]),
    "client-fetch": (2, FETCHED + [end(*FETCHED), m["data"], end(m["data"])]),
    "client-more": (2, [HELLO, m["more"], m["offer"]]),
    "client-push": (3, [HELLO, m["have"], m["next"], m["result"]]),
    "client-error": (2, [HELLO, m["error"]]),
    "server-packed": (0, [HELLO, m["packed"]]),
    "server-other": (0, [m["hello-2"]]),
}


def write(directory, files):
    os.makedirs(directory, exist_ok=True)
    for name, data in files.items():
        with open(os.path.join(directory, name), "wb") as f:
            f.write(data)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    write(os.path.join(sys.argv[1], "message"), MESSAGES)
    streams = {name: b"".join(map(frame, bodies)) for name, (_, bodies) in SESSIONS.items()}
    frames = dict(streams, **{"bad-length": b"\x82\x00\x01", "bad-zero": b"\0", "bad-large": b"\x81\x80\x80\x01", "cut": b"\x05ab"})
    write(os.path.join(sys.argv[1], "frame"), frames)
    write(os.path.join(sys.argv[1], "session"),
          {f"{name}-{k}": bytes([role + 4 * k]) + streams[name] for name, (role, _) in SESSIONS.items() for k in (0, 40)})
