#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# From nothing to answers: installs what the build needs (apt), builds into build/quickstart, makes a store of the 4,000
# word vectors in examples/words and asks for neighbours. Can be run again; writes nothing outside this tree.
#
#     examples/quickstart.sh [CONFIGURE-OPTION]...      BUILD=build/NAME builds there
set -eu
cd "$(dirname "$0")/.."
build=${BUILD:-build/quickstart}
store=$build/store
data=examples/words

say() { printf '\n# %s\n' "$*"; }
show() {
	printf '$ %s\n' "$*"
	"$@"
}
quietly() {
	"$@" >>"$build/log" 2>&1 || {
		tail -n 30 "$build/log" >&2
		echo "quickstart.sh: '$*' failed; all of its output is in $build/log" >&2
		exit 70
	}
}

mkdir -p "$build"
: >"$build/log"
say "Packages and build (a minute or two the first time; the log is $build/log)"
examples/apt-install.sh build
if [ ! -x configure ] || [ -n "$(find configure.ac Makefile.am ./*/module.am libcore/*/module.am -newer configure)" ]; then
	quietly ./autogen.sh
fi
# shellcheck disable=SC2016 # the inner shell expands it
[ -f "$build/Makefile" ] || quietly sh -c 'cd "$0" && ../../configure -q --disable-shared "$@"' "$build" "$@"
quietly make -C "$build" -j "$(nproc)"
PATH=$PWD/$build/tools:$PATH
export PATH
rm -rf "$store"

say "A store, a collection of word vectors, and its index"
show cel init "$store"
show cel create --store "$store" words --dim 100 --metric cosine
show cel-build --store "$store" words --ids "$data/words.txt" "$data/words.npy"
show cel log --store "$store" words

say "Neighbours of words in the collection (cosine distance)"
for word in king monday paris jazz doctor rain; do
	cel-query --store "$store" words -k 6 --by-id "$word"
done | awk -F '\t' '
	$1 != last { printf "%s%-8s", (NR > 1 ? "\n" : ""), $1; last = $1 }
	{ printf "  %s %.2f", $3, $4 }
	END { print "" }'

say "Words that are not in it, by their vectors"
cel-query --store "$store" words -k 4 "$data/queries.npy" | awk -F '\t' '
	NR == FNR { word[NR - 1] = $1; next }
	$2 == 1 { printf "%s%-12s", (FNR > 1 ? "\n" : ""), word[$1] }
	{ printf "  %s %.2f", $3, $4 }
	END { print "" }' "$data/queries.txt" - | head -n 12

say "The same as a command, tab-separated: query, rank, id, distance"
show cel-query --store "$store" words -k 3 --by-id king
printf '\n# Done. The tools are in %s/tools, the store is %s.\n' "$build" "$store"
