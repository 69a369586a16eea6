#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Who includes whom. A header is known by its bare name, so names are unique and map to one folder; the table says which
# folders a folder may include from, and which one may touch an outside library.
# shellcheck source=tests/check/tap.sh
. "$(dirname "$0")/tap.sh"

# FOLDER: FOLDERS whose headers it may include ("include" is cel.h with its sections).
cat >"$work/table" <<'T'
simd: simd
libcore/base: libcore/base libcore/include
libcore/io: libcore/io libcore/base libcore/include
libcore/ingest: libcore/ingest libcore/io libcore/base libcore/include
libcore/store: libcore/store libcore/io libcore/base libcore/include
libcore/prolly: libcore/prolly libcore/store libcore/io libcore/base libcore/include
libcore/hnsw: libcore/hnsw libcore/base libcore/include simd
libcore/filter: libcore/filter libcore/io libcore/base libcore/include
libcore/version: libcore/version libcore/prolly libcore/store libcore/io libcore/base libcore/include
libcore/sync: libcore/sync libcore/version libcore/prolly libcore/store libcore/io libcore/base libcore/include
libcore/db: libcore/db libcore/sync libcore/version libcore/prolly libcore/hnsw libcore/filter libcore/store libcore/ingest libcore/io libcore/base libcore/include simd
libcore/include: libcore/include
tools: tools libcore/include
examples: examples libcore/include
libexec/celestica: libexec/celestica
T
# OUTSIDE HEADER: the folder that may include it.
cat >"$work/outside" <<'T'
lmdb.h libcore/store
liburing.h libcore/io
zlib.h libcore/io
zstd.h libcore/io
lzma.h libcore/io
zip.h libexec/celestica
hdf5.h libexec/celestica
jq.h libexec/celestica
histedit.h tools
simdjson.h libcore/ingest
openssl/ libcore/base
sleef.h simd
immintrin.h simd
arm_neon.h simd
T

# breaches ROOT: one line for each include that the tables do not allow, for headers of one name, for unknown folders.
breaches() {
	(
		cd "$1" || exit
		find simd libcore tools examples libexec -name '*.[ch]' -o -name '*.cc' | LC_ALL=C sort >"$work/files"
		xargs grep -HE '^[[:space:]]*#[[:space:]]*include' <"$work/files" >"$work/includes"
		awk -v files="$work/files" -v table="$work/table" -v outside="$work/outside" '
		function folder(path) { sub("/[^/]*$", "", path); sub("/include/celestica$", "/include", path); return path }
		BEGIN {
			while ((getline line < table) > 0) {
				n = split(line, part, " ")
				sub(":$", "", part[1])
				known[part[1]] = 1
				for (i = 2; i <= n; i++) may[part[1], part[i]] = 1
			}
			while ((getline line < outside) > 0) { split(line, part, " "); only[part[1]] = part[2] }
			while ((getline path < files) > 0) {
				name = path
				sub(".*/", "", name)
				if (path !~ /\.h$/) continue
				if (name in home && !(path ~ /\/test\//))
					print path ": the name " name " is taken by " home[name]
				home[name] = folder(path)
			}
		}
		{
			path = $0; sub(":.*", "", path)
			text = $0; sub("^[^:]*:[^<\"]*", "", text)
			from = folder(path)
			is_test = sub("/test$", "", from)
			if (!(from in known)) { print path ": no layer is known for this folder"; next }
			name = substr(text, 2); sub("[>\"].*", "", name); sub("^celestica/", "", name)
			if (text ~ /^"/) {
				if (!(name in home)) { print path ": includes \"" name "\", which is in no layer"; next }
				to = home[name]
				if (is_test && sub("/test$", "", to) && to == from) next
				if (!((from, to) in may)) print path ": includes \"" name "\" of " to
			} else {
				if (name in home && name != "error.h") print path ": includes <" name "> with angle brackets"
				for (prefix in only)
					if (index(name, prefix) == 1 && only[prefix] != from)
						print path ": includes <" name ">, which belongs to " only[prefix]
			}
		}' "$work/includes"
	)
}

breaches "$source" >"$work/found"
result "includes keep to the layers"

# plant FILE TEXT: a copy of the tree with one line too many must be found out.
mkdir -p "$work/tree"
(cd "$source" && find simd libcore tools examples libexec -type f -name '*.[ch]' -exec cp --parents -t "$work/tree" {} +)
chmod -R u+w "$work/tree"
mkdir -p "$work/tree/libcore/utils" "$work/tree/examples"
plant() {
	rm -f "$work/before"
	[ ! -f "$work/tree/$1" ] || cp "$work/tree/$1" "$work/before"
	printf '%s\n' "$2" >>"$work/tree/$1"
	breaches "$work/tree" | grep -F "$1" >"$work/found"
	control "$1 with $2"
	if [ -f "$work/before" ]; then cp "$work/before" "$work/tree/$1"; else rm "$work/tree/$1"; fi
}
plant libcore/base/cid.c '#include "stream.h"'
plant libcore/prolly/tree.h '#include "simd.h"'
plant libcore/prolly/tree.h '	#  include "hnsw.h"'
plant simd/scalar.c '#include "error.h"'
plant tools/planted.c '#include "alloc.h"'
plant examples/planted.c '#include <openssl/sha.h>'
plant libcore/ingest/reader.h '#include <lmdb.h>'
plant libcore/io/cid.h '/* a second header of that name */'
plant libcore/utils/planted.h '#include <stdint.h>'
finish
