#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds the tree for AArch64 and runs what depends on the processor under qemu: the unit tests of simd, base and hnsw, the
# choice of kernels on processors without and with the dot product, and an index that must be the same bytes as the native
# one. Prints TAP.
#
#     tests/run-neon.sh [BUILD]      BUILD: where to work, default build/neon in the tree
#     NATIVE=DIR                     a finished native build to compare with; without one that comparison is skipped
#
# The arm64 libraries come from the machine's own Debian mirror, fetched with an apt whose state lies in BUILD: neither root
# nor `dpkg --add-architecture` is needed, nothing outside BUILD changes, and a second run fetches nothing.
set -eu

srcdir=$(cd "$(dirname "$0")/.." && pwd)
build=${1:-$srcdir/build/neon}
mkdir -p "$build"
build=$(cd "$build" && pwd)
sysroot=$build/sysroot
libdir=$sysroot/usr/lib/aarch64-linux-gnu
triple=aarch64-linux-gnu
qemu="qemu-aarch64-static -L /usr/$triple"
unset CEL_SIMD CEL_STORE
packages="libcmocka-dev libcmocka0 libsimdjson-dev libsimdjson14 libfast-float-dev liblmdb-dev liblmdb0 libsleef-dev libsleef3 libssl-dev libssl3 liburing-dev liburing2
zlib1g-dev zlib1g libzstd-dev libzstd1 liblzma-dev liblzma5"
export PKG_CONFIG_LIBDIR="$libdir/pkgconfig" PKG_CONFIG_SYSROOT_DIR="$sysroot"
export CMOCKA_MESSAGE_OUTPUT=TAP CEL_SRCDIR="$srcdir" CEL_BUILDDIR="$build/tree"
jobs=${JOBS:-$(nproc)}
count=0
failed=0

# result STATUS NAME [LOG]: one line of TAP; the end of the log as comments if it failed.
result() {
	count=$((count + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $count - $2"
		return
	fi
	failed=$((failed + 1))
	echo "not ok $count - $2"
	[ -z "${3-}" ] || tail -n 25 "$3" | sed 's/^/# /'
}

skip() {
	count=$((count + 1))
	echo "ok $count - $1 # SKIP $2"
}

finish() {
	echo "1..$count"
	[ "$failed" -eq 0 ]
	exit
}

# What an apt of its own needs to know: the machine's way to reach the mirror (Acquire), but none of its hooks.
write_apt_config() {
	apt=$build/apt
	mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
	: >"$apt/status"
	keyring=/usr/share/keyrings/debian-archive-keyring.gpg
	sources=$(apt-get indextargets --format "deb [signed-by=$keyring] \$(REPO_URI) \$(RELEASE) \$(COMPONENT)" \
		'Created-By: Packages' 'Origin: Debian' 'Component: main')
	[ -n "$sources" ] || sources="deb [signed-by=$keyring] http://deb.debian.org/debian bookworm main"
	echo "$sources" | sort -u >"$apt/sources.list"
	{
		apt-config dump | grep '^Acquire::' | grep -v '^Acquire::IndexTargets' || :
		cat <<-END
			APT::Architecture "arm64";
			APT::Architectures { "arm64"; };
			APT::Sandbox::User "";
			Acquire::Languages "none";
			Dir::State "$apt";
			Dir::State::lists "$apt/lists";
			Dir::State::status "$apt/status";
			Dir::Cache "$apt/cache";
			Dir::Etc::parts "/dev/null";
			Dir::Etc::main "/dev/null";
			Dir::Etc::sourcelist "$apt/sources.list";
			Dir::Etc::sourceparts "/dev/null";
			Dir::Etc::preferences "/dev/null";
			Dir::Etc::preferencesparts "/dev/null";
		END
	} >"$apt/apt.conf"
}

make_sysroot() {
	[ "$(cat "$sysroot/.complete" 2>/dev/null)" != "$packages" ] || return 0
	write_apt_config || return 1
	rm -rf "$sysroot" "$build/debs"
	mkdir -p "$sysroot" "$build/debs"
	(
		cd "$build/debs"
		export APT_CONFIG="$apt/apt.conf"
		# shellcheck disable=SC2086
		apt-get update && apt-get download $packages
	) || return 1
	for deb in "$build"/debs/*.deb; do
		dpkg-deb -x "$deb" "$sysroot" || return 1
	done
	rm -rf "$apt" "$build/debs"
	echo "$packages" >"$sysroot/.complete"
}

# Programs are linked against the sysroot's libraries and find them there; libc and the loader are the cross compiler's.
configure_tree() {
	if [ -e "$build/tree/config.status" ]; then
		make -C "$build/tree" am--refresh >"$build/configure.log" 2>&1
		return
	fi
	[ -x "$srcdir/configure" ] || "$srcdir/autogen.sh" || return 1
	mkdir -p "$build/tree"
	cd "$build/tree"
	"$srcdir/configure" --host=$triple \
		--disable-shared --without-libzip --without-hdf5 --without-jq --without-libedit CFLAGS="-O2 -g" \
		CPPFLAGS="-isystem $sysroot/usr/include -isystem $sysroot/usr/include/$triple" \
		LDFLAGS="-L$libdir -Wl,-rpath,$libdir -Wl,-rpath-link,$libdir" >"$build/configure.log" 2>&1
}

# The unit tests of the layers whose results could depend on the processor; those of hnsw compare index files with digests
# made elsewhere.
list_tests() {
	make -rs --no-print-directory -C "$build/tree" -f - print-tests <<-'END'
		include Makefile
		print-tests: ; @echo $(filter test-simd-% test-base-% test-hnsw-%,$(TESTS))
	END
}

# run_tests FILE: of lines "PROGRAM [KERNELS]"; as many at a time as there are processors. KERNELS is a value for CEL_SIMD.
run_tests() {
	export qemu build # to the shells of xargs
	# shellcheck disable=SC2016 # the inner shell expands it
	xargs -P "$jobs" -L 1 sh -c '
		log=$build/$0${1:+-$1}.log
		[ -z "${1-}" ] || export CEL_SIMD="$1"
		status=0
		$qemu "$build/tree/$0" >"$log" 2>&1 || status=1
		echo $status >"$log.status"' <"$1" || :
	while read -r name kernels; do
		log=$build/$name${kernels:+-$kernels}.log
		result "$(cat "$log.status" || echo 1)" "$name${kernels:+ with $kernels kernels} under qemu" "$log"
		rm -f "$log.status"
	done <"$1"
}

# On a processor without the dot product, and on one that has it; the test says which features it saw.
check_features() {
	for cpu in cortex-a57:0x10 cortex-a76:0x30; do
		log=$build/dispatch-${cpu%:*}.log
		status=0
		for program in test-simd-dispatch test-simd-kernels; do
			$qemu -cpu "${cpu%:*}" "$build/tree/$program" >>"$log.new" 2>&1 || status=1
		done
		mv "$log.new" "$log"
		grep -q "features ${cpu#*:}, best neon" "$log" || status=1
		result $status "${cpu%:*} has the features ${cpu#*:}, and its kernels agree" "$log"
	done
}

# Rows as JSON Lines: whole numbers from 0 to 255 that lie in clusters, so that the graph has something to decide.
generate_rows() {
	awk -v rows="$1" -v dim="$2" 'BEGIN {
		seed = 7
		for (i = 0; i < rows; i++) {
			printf "{\"id\":\"row-%05d\",\"vector\":[", i
			for (j = 0; j < dim; j++) {
				seed = (seed * 69069 + 12345) % 4294967296
				printf "%s%d", (j > 0 ? "," : ""), ((i % 20) * 37 + j * 11) % 200 + int(seed / 65536) % 56
			}
			print "]}"
		}
	}'
}

# An index that was carried along by each set of kernels: test-hnsw-carry prints its digest.
check_carried() {
	scalar=$(CEL_SIMD=scalar $qemu "$build/tree/test-hnsw-carry" digest)
	neon=$(CEL_SIMD=neon $qemu "$build/tree/test-hnsw-carry" digest)
	[ ${#scalar} -eq 64 ] && [ "$scalar" = "$neon" ]
	result $? "carried index: the same digest, scalar and neon"
}

# make_store RUNNER TOOLS STORE TYPE METRIC DIM ARGUMENT...: a store with one collection, and answers of both kinds.
make_store() {
	runner=$1 tools=$2 store=$3 type=$4 metric=$5 dim=$6
	shift 6
	rm -rf "$store"
	$runner "$tools/cel" init "$store" &&
		$runner "$tools/cel" create --store "$store" c --dim "$dim" --type "$type" --metric "$metric" &&
		$runner "$tools/cel-build" -q --store "$store" c "$@" &&
		$runner "$tools/cel" show --store "$store" --json c >"$store.show" || return 1
	id=$(sed -n 7p "$build/ids")
	for how in '--ef 40' '--exact'; do
		# shellcheck disable=SC2086
		$runner "$tools/cel-query" --store "$store" c -k 10 $how --by-id "$id" || return 1
	done >"$store.answers"
}

# compare_index NAME TYPE METRIC DIM ARGUMENT...: native and under qemu, the same tree, index file and answers.
compare_index() {
	name=$1
	shift
	log=$build/index-$name.log
	native=$build/native-$name
	foreign=$build/foreign-$name
	if make_store "" "$NATIVE/tools" "$native" "$@" >"$log" 2>&1 &&
		make_store "$qemu" "$build/tree/tools" "$foreign" "$@" >>"$log" 2>&1 &&
		tree_of "$native" >"$native.tree" && tree_of "$foreign" >"$foreign.tree" &&
		cmp "$native.tree" "$foreign.tree" >>"$log" 2>&1 &&
		cmp "$native.answers" "$foreign.answers" >>"$log" 2>&1 &&
		[ -s "$native.answers" ] && [ -n "$(ls "$native/index")" ] &&
		diff -r "$native/index" "$foreign/index" >>"$log" 2>&1; then
		result 0 "index of $name: the same bytes and answers"
	else
		result 1 "index of $name: the same bytes and answers" "$log"
	fi
}

tree_of() {
	sed -n 's/.*"tree": *"\([^"]*\)".*/\1/p' "$1.show" | grep .
}

check_index() {
	if [ -z "${NATIVE-}" ] || [ ! -x "$NATIVE/tools/cel-build" ] || [ ! -x "$build/tree/tools/cel-build" ]; then
		skip "index files compared" "NATIVE names no finished native build"
		return
	fi
	words=$srcdir/examples/words
	cp "$words/words.txt" "$build/ids"
	compare_index words f32 cosine 100 --ids "$words/words.txt" "$words/words.npy"
	generate_rows 1000 40 >"$build/rows.jsonl"
	sed 's/{"id":"\([^"]*\)".*/\1/' "$build/rows.jsonl" >"$build/ids"
	for type in f32 f16 bf16 u8; do
		compare_index "rows-$type" $type l2 40 "$build/rows.jsonl"
	done
	compare_index rows-ip f32 ip 40 "$build/rows.jsonl"
	# The comparison itself: other parameters make another file.
	if make_store "" "$NATIVE/tools" "$build/other" f32 l2 40 --M 8 "$build/rows.jsonl" >"$build/other.log" 2>&1 &&
		! diff -r "$build/other/index" "$build/native-rows-f32/index" >/dev/null; then
		result 0 "another index is seen to differ"
	else
		result 1 "another index is seen to differ" "$build/other.log"
	fi
	for pair in "b1 hamming 20" "b1 jaccard 20" "f16 jsd 20" "u8 jsd 20" "f32 haversine 2"; do
		# shellcheck disable=SC2086
		set -- $pair
		(cd "$build" && python3 "$srcdir/tests/cli/typed.py" rows "$1" "$2")
		sed 's/{"id": "\([^"]*\)".*/\1/' "$build/base.jsonl" >"$build/ids"
		compare_index "$1-$2" "$1" "$2" "$3" "$build/base.jsonl"
	done
}

for tool in $triple-gcc $triple-g++ qemu-aarch64-static apt-get dpkg-deb; do
	if ! command -v "$tool" >/dev/null; then
		result 1 "$tool is missing: install gcc-aarch64-linux-gnu g++-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user-static"
		finish
	fi
done
if make_sysroot >"$build/sysroot.log" 2>&1; then
	result 0 "arm64 libraries"
else
	result 1 "arm64 libraries" "$build/sysroot.log"
	finish
fi
if (configure_tree); then
	result 0 "configure for $triple"
else
	result 1 "configure for $triple" "$build/configure.log"
	finish
fi
tests=$(list_tests)
# shellcheck disable=SC2086
if make -C "$build/tree" -j"$jobs" all $tests >"$build/make.log" 2>&1; then
	result 0 "build"
else
	result 1 "build" "$build/make.log"
	finish
fi
# What takes longest must not begin last.
longest="test-hnsw-search test-hnsw-overlay test-hnsw-file test-hnsw-carry test-hnsw-accept"
# shellcheck disable=SC2086
ordered=$(printf '%s\n' $longest $tests | awk -v tests="$tests" 'index(" " tests " ", " " $1 " ") && !seen[$1]++')
for test in $ordered; do
	# A test that starts itself anew for each set of kernels cannot do that under qemu, so that is done here.
	case $test in
	test-hnsw-file* | test-hnsw-carry*) printf '%s scalar\n%s neon\n' "$test" "$test" ;;
	*) echo "$test" ;;
	esac
done >"$build/tests"
rm -f "$build/counts"
# Beside them what is no test of the tree, one thing at a time; its results are numbered behind theirs.
(
	count=$((count + $(wc -l <"$build/tests")))
	check_features
	check_carried
	check_index
	echo "$count $failed" >"$build/counts"
) >"$build/beside.tap" 2>&1 &
beside=$!
run_tests "$build/tests"
failed_tests=$failed
wait $beside || :
cat "$build/beside.tap"
read -r count failed <"$build/counts"
failed=$((failed + failed_tests))
finish
