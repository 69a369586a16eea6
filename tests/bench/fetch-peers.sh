#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Gets the libraries that `make bench-peers` measures beside ours, from PyPI, into a throwaway virtual environment:
#
#     tests/bench/fetch-peers.sh DIRECTORY      DIRECTORY/venv: numpy, matplotlib, faiss-cpu, usearch (wheels that choose by the CPU)
#                                               DIRECTORY/hnswlib-native and -avx2: hnswlib compiled here, twice
#
# hnswlib chooses its kernels when it is compiled, so a fair comparison needs a copy for this CPU and one for AVX2.
set -eu
mkdir -p "$1"
cd "$1"
export PIP_CACHE_DIR="$PWD/pip-cache" PIP_DISABLE_PIP_VERSION_CHECK=1
pip=venv/bin/pip
if ! venv/bin/python3 -c 'import numpy, matplotlib, faiss, usearch' 2>/dev/null; then
	echo "faiss, usearch and matplotlib in a virtual environment" >&2
	rm -rf venv
	python3 -m venv venv
	$pip install -q numpy==2.4.6 matplotlib==3.11.2 faiss-cpu==1.15.1 usearch==2.26.6 setuptools==65.5.0 wheel==0.48.0 pybind11==3.1.0 >&2
fi

# copy DIRECTORY: hnswlib from its source, with the compiler's flags in the environment
copy() {
	[ ! -e "$1/done" ] || return 0
	echo "hnswlib: $1" >&2
	rm -rf "$1"
	$pip install -q --no-deps --no-build-isolation --no-binary hnswlib --no-cache-dir --target "$1" hnswlib==0.8.0 >&2
	touch "$1/done"
}
copy hnswlib-native
if [ "$(uname -m)" = x86_64 ]; then
	export HNSWLIB_NO_NATIVE=1 CFLAGS=-march=haswell
	copy hnswlib-avx2
fi
