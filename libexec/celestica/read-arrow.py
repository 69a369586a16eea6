#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Parquet and Arrow IPC (files and streams) as JSON Lines, for the readers of the library. Debian has no Arrow library, so
this helper uses pyarrow (pip install pyarrow) if it is there.

    read-arrow [ID-COLUMN [VECTOR-COLUMNS]] <FILE        empty arguments stand for "id" and "vector"

The vector is a column of lists, or several columns (A,B,C or A..B). The other columns become metadata: nulls and NaN are
left out, times are written as in ISO 8601, whole numbers as ids become text. In a file that write-arrow made (key "celestica"
of its metadata) the column metadata is the metadata, as JSON text. Standard input must be able to seek.
"""
import datetime
import decimal
import json
import math
import os
import sys

EX_DATAERR, EX_UNAVAILABLE = 65, 69
ROWS = 1024  # at a time


def fail(status, text):
    sys.stderr.write(text.replace("\n", " ") + "\n")
    sys.stderr.flush()
    os._exit(status)  # what is buffered for the reader is not to look like all of it


try:
    import pyarrow
    import pyarrow.ipc
    import pyarrow.parquet
except ImportError:
    fail(EX_UNAVAILABLE, "Parquet and Arrow are read by pyarrow, which this python3 has not: pip install pyarrow")


def open_batches():
    """The schema, and an iterator over batches of rows."""
    start = os.pread(0, 8, 0)
    source = pyarrow.PythonFile(os.fdopen(0, "rb", closefd=False), "r")
    if start[:4] == b"PAR1":
        table = pyarrow.parquet.ParquetFile(source)
        return table.schema_arrow, table.iter_batches(batch_size=ROWS)
    if start[:6] == b"ARROW1":
        table = pyarrow.ipc.open_file(source)
        return table.schema, (table.get_batch(i) for i in range(table.num_record_batches))
    table = pyarrow.ipc.open_stream(source)
    return table.schema, iter(table)


def find(names, name):
    if name in names:
        return names.index(name)
    fail(EX_DATAERR, "there is no column '%.100s'; there are: %.200s" % (name, ", ".join(names)))


def find_vector(names, wanted):
    """The columns of the vector."""
    if wanted in names:
        return [names.index(wanted)]
    columns = []
    for part in wanted.split(","):
        first, dots, last = part.partition("..")
        if part not in names and dots:
            columns += range(find(names, first), find(names, last) + 1)
        else:
            columns.append(find(names, part))
    return columns


def plain(value):
    """A value as JSON can hold it; None if there is nothing to hold."""
    if value is None or isinstance(value, (str, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, (datetime.timedelta, decimal.Decimal)):
        return str(value)
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    raise TypeError("a value of type %s, for which JSON has no form" % type(value).__name__)


def write_own_rows(batch, is_bits):
    """Rows that write-arrow wrote: their metadata is JSON already, and stays as it is."""
    vectors = batch.column("vector").to_pylist()
    lines = []
    for name, vector, metadata in zip(batch.column("id").to_pylist(), vectors, batch.column("metadata").to_pylist()):
        numbers = '"%s"' % bytes(vector).hex() if is_bits else json.dumps(vector, separators=(",", ":"), default=float)
        rest = ',"metadata":' + metadata if metadata is not None else ""
        lines.append('{"id":%s,"vector":%s%s}\n' % (json.dumps(name, ensure_ascii=False), numbers, rest))
    sys.stdout.buffer.write("".join(lines).encode())


def write_rows(batch, id_column, vector, others):
    columns = batch.columns
    vectors = columns[vector[0]].to_pylist() if len(vector) == 1 else zip(*(columns[i].to_pylist() for i in vector))
    ids = columns[id_column].to_pylist() if id_column is not None else None
    metadata = [(name, columns[i].to_pylist()) for i, name in others]
    lines = []
    for row, numbers in enumerate(vectors):
        record = {}
        if ids is not None:
            record["id"] = str(ids[row]) if isinstance(ids[row], int) else ids[row]
        record["vector"] = [numbers] if len(vector) == 1 and isinstance(numbers, (int, float)) else numbers
        values = {name: plain(values[row]) for name, values in metadata}
        values = {name: value for name, value in values.items() if value is not None}
        if values:
            record["metadata"] = values
        lines.append(json.dumps(record, ensure_ascii=False, separators=(",", ":"), default=float))
    lines.append("")
    sys.stdout.buffer.write("\n".join(lines).encode())


def main():
    arguments = sys.argv[1:] + ["", ""]
    schema, batches = open_batches()
    names = schema.names
    about = (schema.metadata or {}).get(b"celestica")
    if about and names == ["id", "vector", "metadata"] and not any(arguments):
        is_bits = json.loads(about)["type"] == "b1"
        for batch in batches:
            write_own_rows(batch, is_bits)
        sys.stdout.flush()
        return
    if len(set(names)) < len(names):
        fail(EX_DATAERR, "two columns have one name")
    id_column = find(names, arguments[0]) if arguments[0] else names.index("id") if "id" in names else None
    vector = find_vector(names, arguments[1] or "vector")
    others = [(i, name) for i, name in enumerate(names) if i != id_column and i not in vector]
    for batch in batches:
        write_rows(batch, id_column, vector, others)
    sys.stdout.flush()


try:
    main()
except BrokenPipeError:
    os._exit(74)
except (pyarrow.ArrowException, OSError, TypeError, ValueError, RecursionError) as problem:
    fail(EX_DATAERR, "not read: %s" % problem)
except MemoryError:
    fail(EX_UNAVAILABLE, "out of memory")
