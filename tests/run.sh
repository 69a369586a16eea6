#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The whole suite: installs what it needs, builds under build/, and prints a line a stage. The last line is
# "N passed, N failed", summed over all test results; the exit status is 0 if nothing failed.
#
#     tests/run.sh [STAGE...]     without arguments all stages, in this order:
#
#     scripts     shellcheck
#     quickstart  examples/quickstart.sh, and whether its answers are what they should be; what it builds is the next stage's
#     gcc         gcc, warnings are errors: make check, interop
#     distcheck   make distcheck: the tarball builds, shared library too, installs and uninstalls; of the tests, those that
#                 read files of it or look at what was built
#     clang       clang, warnings are errors: make check without most of the bats files; the fuzzers are built and run for
#                 some seconds each
#     asan        AddressSanitizer and UndefinedBehaviorSanitizer: make check
#     tsan        ThreadSanitizer: the tests of building and searching
#     neon        AArch64 cross-compiled, run under qemu
#
# Logs of the stages are kept in build/logs. CEL_TEST_SEED and CEL_TEST_SCALE reach the tests.
set -u
cd "$(dirname "$0")/.." || exit 70
tree=$PWD
logs=$tree/build/logs
jobs=$(nproc)
export CI=true LC_ALL=C.UTF-8
export CONFIG_SHELL=/bin/sh # for configure and libtool, which start many thousand times: bash takes half as long again
export _G_HAVE_XSI_OPS=yes _G_HAVE_ARITH_OP=yes # libtool looks for these too late, and starts a sed for each basename until then
unset CEL_STORE CEL_SIMD CEL_IO CEL_FAULT MAKEFLAGS
# Whatever the package clients keep stays in the tree.
export npm_config_cache=$tree/build/npm-cache npm_config_update_notifier=false PIP_CACHE_DIR=$tree/build/pip-cache
mkdir -p "$logs"
exec </dev/null

passed=0
failed=0
ALL=(scripts quickstart gcc distcheck clang asan tsan neon)

# count_tap FILE...: adds the results of TAP output.
count_tap() {
	local ok not_ok
	ok=$(cat "$@" 2>/dev/null | grep -c '^ok ')
	not_ok=$(cat "$@" 2>/dev/null | grep -cE '^(not ok |Bail out!)')
	passed=$((passed + ok))
	failed=$((failed + not_ok))
}

# count_trs DIRECTORY: adds what automake's drivers wrote since $stamp.
count_trs() {
	local results
	results=$(find "$1" -name '*.trs' -newer "$stamp" -exec grep -h '^:test-result:' {} + 2>/dev/null)
	passed=$((passed + $(grep -cE '^:test-result: (PASS|SKIP|XFAIL)' <<<"$results")))
	failed=$((failed + $(grep -cE '^:test-result: (FAIL|ERROR|XPASS)' <<<"$results")))
}

# enter DIRECTORY ARGUMENT...: goes there, where there is a Makefile afterwards only if it is of these arguments to configure.
enter() {
	local directory=$tree/build/$1
	shift
	mkdir -p "$directory" && cd "$directory" || return
	if [ "$(cat arguments 2>/dev/null)" != "$*" ] || [ "$tree/configure" -nt config.status ]; then rm -f Makefile; fi
	echo "$*" >arguments
}

# configure_in DIRECTORY ARGUMENT...: configures there unless it was done with the same arguments.
configure_in() {
	enter "$@" || return
	shift
	[ -f Makefile ] || "$tree/configure" -q "$@"
}

# One test more at a time than there are processors, as some wait for locks and hosts, and for the disk.
check() {
	make -j"$jobs" && make -j$((jobs + 1)) check "$@"
}

# programs_of TEST...: those of the tests that have to be built.
programs_of() {
	printf '%s\n' "$@" | grep -vE '\.(bats|sh)$' | tr '\n' ' '
}

# check_only TEST...: builds no other test programs either.
check_only() {
	check TESTS="$*" check_PROGRAMS="$(programs_of "$@")"
}

stage_scripts() {
	local scripts n=0 status=0 script
	mapfile -t scripts < <(find tests examples autogen.sh .ci -name node_modules -prune -o -type f \
		\( -name '*.sh' -o -path '.ci/*' \) -print | sort)
	for script in "${scripts[@]}"; do
		n=$((n + 1))
		if shellcheck -x -e SC2317 "$script"; then echo "ok $n - $script"; else echo "not ok $n - $script" && status=1; fi
	done
	return $status
}

stage_quickstart() {
	local output
	(enter gcc --disable-shared "${gcc[@]}") && output=$(BUILD=build/gcc examples/quickstart.sh "${gcc[@]}") || return
	echo "$output"
	grep -qE '^king +prince ' <<<"$output" && grep -q "^king$(printf '\t')1$(printf '\t')prince" <<<"$output" &&
		echo "ok 1 - examples/quickstart.sh"
}

# interop: others read our stores and judge our distances; two thousand seeds of the simulation. Mostly one thread, or waiting for
# packages.
interop() {
	local status=0
	CEL_BUILDDIR=$PWD "$tree/tests/interop/run.sh" && CEL_BUILDDIR=$PWD "$tree/tests/interop/distances.sh" || status=1
	CMOCKA_MESSAGE_OUTPUT=TAP CEL_TEST_SEEDS=2000 ./test-db-sync-sim || status=1
	return $status
}

gcc=(CC=gcc --enable-werror)
stage_gcc() {
	configure_in gcc --disable-shared "${gcc[@]}" && check TESTS= || return
	interop >interop.tap 2>&1 & # beside the others
	local interop=$! status=0
	check || status=1
	wait $interop || status=1
	cat interop.tap
	return $status
}

stage_distcheck() {
	local tests
	configure_in gcc --disable-shared "${gcc[@]}" && tests=$(make -s print-shipped-tests) || return
	# shellcheck disable=SC2086 # a list
	make -j"$jobs" distcheck TESTS="$tests" check_PROGRAMS="$(programs_of $tests)" DISTCHECK_CONFIGURE_FLAGS=CFLAGS=-O1 &&
		echo "ok 1 - make distcheck"
}

# A linker that takes half as long, if there is one; gcc's own stages have the usual one.
command -v ld.gold >/dev/null && gold=-fuse-ld=gold || gold=

stage_clang() {
	configure_in clang CC=clang --enable-werror --disable-shared "LDFLAGS=$gold" && check TESTS="$(make -s print-compiler-tests)" || return
	configure_in fuzz CC=clang --enable-fuzzing --enable-werror --disable-shared && make -j"$jobs" fuzzers || return
	export tree
	# shellcheck disable=SC2016 # the inner shell expands it
	find . -maxdepth 1 -name 'fuzz_*' -executable -type f ! -name '*_replay*' -printf '%f\n' | sort |
		xargs -P "$jobs" -n 1 bash -c '
			mkdir -p "corpus/$1"
			"./$1" -seed=1 -max_total_time="${CEL_FUZZ_SECONDS:-5}" -rss_limit_mb=4096 -print_final_stats=1 \
				"corpus/$1" "$tree/tests/fuzz/corpus/${1#fuzz_}" >"$1.log" 2>&1
			status=$?
			cat "$1.log"
			if [ $status = 0 ]; then echo "ok - $1"; else echo "not ok - $1" && exit 1; fi' fuzz
}

# With the sanitizers inside of the programs, at fixed addresses, a command starts in two thirds of the time: there are 12,000 starts.
stage_asan() {
	configure_in asan CC=gcc --enable-asan --enable-ubsan --enable-werror --disable-shared CFLAGS="-O1 -g" \
		"LDFLAGS=-static-libasan -static-libubsan -no-pie $gold" &&
		ASAN_OPTIONS=allocator_may_return_null=1:strict_string_checks=1:detect_stack_use_after_return=1 check
}

stage_tsan() {
	configure_in tsan CC=gcc --enable-tsan --enable-werror --disable-shared CFLAGS="-O1 -g" "LDFLAGS=$gold" || return
	# shellcheck disable=SC2046 # a list
	TSAN_OPTIONS=halt_on_error=1 check_only $(make -s print-threaded-tests)
}

stage_neon() {
	NATIVE=$tree/build/gcc tests/run-neon.sh "$tree/build/neon"
}

# run_stage NAME: its log, its counts, one line.
run_stage() {
	local name=$1 log=$logs/$1.log begin=$SECONDS status before_passed=$passed before_failed=$failed
	stamp=$logs/$1.stamp
	touch "$stamp"
	(cd "$tree" && "stage_$name") >"$log" 2>&1
	status=$?
	count_trs "$tree/build/$name"
	[ "$name" != asan ] && [ "$name" != tsan ] && count_tap <(grep -E '^(ok|not ok|Bail out!) ?' "$log")
	[ "$status" = 0 ] || [ "$failed" != "$before_failed" ] || failed=$((failed + 1)) # it did not come to a test
	printf '%-10s %-6s %5d passed %3d failed %5d s\n' "$name" "$([ "$status" = 0 ] && echo ok || echo FAILED)" \
		$((passed - before_passed)) $((failed - before_failed)) $((SECONDS - begin))
	[ "$status" = 0 ] || {
		echo "---- the end of build/logs/$name.log:"
		grep -nE '(^|: )(FAIL|ERROR|not ok|error:|\*\*\*)' "$log" | tail -n 20
		tail -n 40 "$log"
		echo "----"
	}
}

stages=("$@")
[ $# -gt 0 ] || stages=("${ALL[@]}")
for name in "${stages[@]}"; do
	declare -F "stage_$name" >/dev/null || {
		echo "run.sh: no stage '$name' (${ALL[*]})" >&2
		exit 64
	}
done
begin=$SECONDS
examples/apt-install.sh build test >"$logs/packages.log" 2>&1 || {
	tail -n 20 "$logs/packages.log"
	echo "0 passed, 1 failed"
	exit 69
}
# Arrow is in no Debian package: the helper for Parquet uses Python's. Without it (no network) its test is skipped.
if ! build/arrow/bin/python3 -c 'import pyarrow' 2>/dev/null; then
	rm -rf build/arrow
	{ python3 -m venv build/arrow && build/arrow/bin/pip install -q 'pyarrow>=11'; } >"$logs/arrow.log" 2>&1 ||
		echo "no pyarrow: see build/logs/arrow.log"
fi
export CEL_TEST_ARROW=$tree/build/arrow/bin
# Python and nothing else: where python3 is a script that chooses a version, and packages have a say in every start, that start takes
# ten times as long, and there are thousands of them.
if ! build/python/bin/python3 -c '' 2>/dev/null; then
	rm -rf build/python
	python3 -m venv --without-pip build/python >"$logs/python.log" 2>&1 || echo "no venv: see build/logs/python.log"
fi
[ ! -x build/python/bin/python3 ] || PATH=$tree/build/python/bin:$PATH
# What the pages fetch of Debian. Without a network those tests are skipped.
mkdir -p build/debs
fetch() { cd build/debs && apt-get download -q python3-vega-datasets; }
if [ -n "$(find build/debs -name '*.deb')" ] || { (fetch) || { apt-get update -q && (fetch); }; } >"$logs/debs.log" 2>&1; then
	export CEL_TEST_DEBS=$tree/build/debs
else
	echo "no package from Debian: see build/logs/debs.log"
fi
printf '%-10s ok %41d s\n' packages $((SECONDS - begin))
if [ ! -x configure ] || [ -n "$(find . -path ./build -prune -o \( -name module.am -o -name Makefile.am -o -name configure.ac \) \
	-newer configure -print)" ]; then
	./autogen.sh >"$logs/autogen.log" 2>&1 || {
		tail -n 20 "$logs/autogen.log"
		echo "0 passed, 1 failed"
		exit 70
	}
fi
# A locale with a decimal comma, for the tests that nothing depends on it.
mkdir -p build/locale
[ -d build/locale/de_DE.UTF-8 ] || localedef -i de_DE -f UTF-8 build/locale/de_DE.UTF-8 >"$logs/locale.log" 2>&1
export LOCPATH=$tree/build/locale
for name in "${stages[@]}"; do
	run_stage "$name"
done
printf 'all stages took %d s\n' $((SECONDS - begin))
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
