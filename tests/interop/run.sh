#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Reads stores with the JavaScript implementations of IPLD and IPFS and compares byte for byte: check.mjs says what.
# Prints TAP. The tools are taken from $CEL_BUILDDIR/tools, or PATH; npm packages go to $CEL_BUILDDIR/interop.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
build=${CEL_BUILDDIR:-$here/../../build}/interop
PATH=${CEL_BUILDDIR:+$CEL_BUILDDIR/tools:}$PATH
export PATH
words=$here/../../examples/words

for tool in node:nodejs npm:npm mdb_dump:lmdb-utils cel-build:celestica; do
	command -v "${tool%:*}" >/dev/null || {
		echo "Bail out! ${tool%:*} is missing: install the Debian package ${tool#*:}"
		exit 1
	}
done
mkdir -p "$build"
cp "$here/package.json" "$here"/*.mjs "$build/"
cd "$build"
# node trusts its own list of authorities alone; the machine's may know its mirror.
authorities=/etc/ssl/certs/ca-certificates.crt
[ ! -r $authorities ] || export NODE_EXTRA_CA_CERTS="${NODE_EXTRA_CA_CERTS:-$authorities}"
npm install --no-audit --no-fund >npm.log 2>&1 || {
	sed 's/^/# /' npm.log
	echo "Bail out! npm install failed"
	exit 1
}

# A small store: inline metadata and vectors, linked ones, several leaves and levels, two commits. A large one: its vectors
# are in a segment.
rm -rf small large
cel init -q small
cel create -q --store small words --dim 100 --metric cosine --model 'GloVe 100d'
cel-build -q --store small words --ids "$words/words.txt" "$words/words.npy" -m 'first'
cel create -q --store small notes --dim 3
node make.mjs notes >notes.jsonl
cel-build -q --store small notes notes.jsonl
node make.mjs more >more.jsonl
cel-build -q --store small notes more.jsonl -m 'Grüße'
cel create -q --store small empty --dim 7 --type i8 --metric ip
node make.mjs large >large.npy
cel init -q large
cel create -q --store large rows --dim 512
cel-build -q --store large --no-index --id-prefix row- rows large.npy
for store in small large; do
	mdb_dump -s blocks "$store" >"$store.blocks"
	mdb_dump -s packs "$store" >"$store.packs"
	cel list --json --store "$store" | while IFS= read -r line; do
		cel show --json --store "$store" "$(printf '%s' "$line" | node -p 'JSON.parse(require("fs").readFileSync(0)).name')"
	done >"$store.show"
done
exec node check.mjs "$words" "$here/../.."
