#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The replay driver of the fuzz targets finds a planted bug, says in which input, and refuses an empty corpus.
# shellcheck source=tests/check/tap.sh
. "$(dirname "$0")/tap.sh"
cat >"$work/target.c" <<'C'
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == CRASH_SIZE && memcmp(data, "abc", 3) == 0)
		abort();
	return 0;
}
C
mkdir "$work/corpus" "$work/empty"
echo abcdef >"$work/corpus/seed"
for size in 99 7 4; do
	"${CC:-cc}" -D_GNU_SOURCE -DFUZZ_CORPUS='"planted"' -DCRASH_SIZE=$size -o "$work/replay$size" "$work/target.c" \
		"$source/tests/fuzz/replay.c" 2>"$work/found" || exit 1
done
"$work/replay99" "$work/corpus" >"$work/log" || cat "$work/log" >"$work/found"
result "a good target passes"
"$work/replay7" "$work/corpus" >"$work/log" 2>&1 || grep -E '^# died in .*seed, as it is 0' "$work/log" >"$work/found"
control "a corpus file that kills"
"$work/replay4" "$work/corpus" >"$work/log" 2>&1 || grep -E '^# died in .*seed, cut 4' "$work/log" >"$work/found"
control "a truncation that kills"
"$work/replay99" "$work/empty" >"$work/log" || grep '^not ok' "$work/log" >"$work/found"
control "an empty corpus"
finish
