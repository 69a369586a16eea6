#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Records of cel export as Parquet or an Arrow IPC file, on standard output. Debian has no Arrow library, so this helper uses
pyarrow (pip install pyarrow) if it is there.

    write-arrow parquet|arrow        what comes in is told in tools/export_arrow.c

Columns: id (string), vector (fixed-size list: float, halffloat, int8 or uint8; bf16 as float, bits as uint8 of eight, the
first in the highest bit), and metadata (JSON text, null where there is none). The schema of the collection stands in the
file's metadata, key "celestica", as JSON: read-arrow knows by it what metadata and bits are.
"""
import json
import os
import struct
import sys

EX_DATAERR, EX_UNAVAILABLE, EX_IOERR = 65, 69, 74


def fail(status, text):
    sys.stderr.write(text.replace("\n", " ") + "\n")
    sys.stderr.flush()
    os._exit(status)


try:
    import pyarrow
    import pyarrow.ipc
    import pyarrow.parquet
except ImportError:
    fail(EX_UNAVAILABLE, "Parquet and Arrow are written by pyarrow, which this python3 has not: pip install pyarrow")

ELEMENTS = {"f32": pyarrow.float32(), "f16": pyarrow.float16(), "bf16": pyarrow.float32(), "i8": pyarrow.int8(),
            "u8": pyarrow.uint8(), "b1": pyarrow.uint8()}


class Output:
    """Standard output, also where it is a pipe, which cannot tell its position."""
    closed = False

    def __init__(self):
        self.position = 0

    def write(self, data):
        view = memoryview(data).cast("B")
        size = len(view)
        while len(view) > 0:
            view = view[os.write(1, view):]
        self.position += size
        return size

    def tell(self):
        return self.position

    def flush(self):
        pass

    def close(self):
        self.closed = True

    def readable(self):
        return False

    def writable(self):
        return True

    def seekable(self):
        return False


def read(size):
    data = sys.stdin.buffer.read(size)
    if len(data) < size:
        fail(EX_DATAERR, "what is exported ended too soon")
    return pyarrow.py_buffer(data)


def batches(schema, width):
    """Record batches, zero-copy from the buffers that come in."""
    element = schema.field("vector").type.value_type
    while True:
        rows, id_size, metadata_size = struct.unpack("<3I", read(12))
        if rows == 0:
            return
        offsets, ids = read(4 * rows + 4), read(id_size)
        columns = [pyarrow.StringArray.from_buffers(rows, offsets, ids)]
        present, offsets, texts = read((rows + 7) // 8), read(4 * rows + 4), read(metadata_size)
        vectors = read(rows * width * element.bit_width // 8)
        elements = pyarrow.Array.from_buffers(element, rows * width, [None, vectors])
        columns.append(pyarrow.FixedSizeListArray.from_arrays(elements, width))
        columns.append(pyarrow.StringArray.from_buffers(rows, offsets, texts, present))
        yield pyarrow.RecordBatch.from_arrays(columns, schema=schema)


def main():
    about = sys.stdin.buffer.readline()
    collection = json.loads(about)
    width = (collection["dim"] + 7) // 8 if collection["type"] == "b1" else collection["dim"]
    schema = pyarrow.schema([
        pyarrow.field("id", pyarrow.string(), nullable=False),
        pyarrow.field("vector", pyarrow.list_(pyarrow.field("element", ELEMENTS[collection["type"]], nullable=False), width),
                      nullable=False),
        pyarrow.field("metadata", pyarrow.string()),
    ], metadata={"celestica": about.strip()})
    output = pyarrow.PythonFile(Output(), "w")
    if sys.argv[1] == "parquet":
        writer = pyarrow.parquet.ParquetWriter(output, schema, compression="zstd", use_dictionary=False)
    else:
        writer = pyarrow.ipc.new_file(output, schema)
    for batch in batches(schema, width):
        writer.write_batch(batch)
    writer.close()


try:
    main()
except BrokenPipeError:
    import signal
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGPIPE)
except OSError as problem:
    fail(EX_IOERR, "standard output: %s" % problem.strerror if problem.strerror else str(problem))
except (pyarrow.ArrowException, ValueError) as problem:
    fail(EX_DATAERR, "not written: %s" % problem)
except MemoryError:
    fail(EX_UNAVAILABLE, "out of memory")
