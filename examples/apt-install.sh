#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs what is missing of the Debian packages that stand behind the given words:
#
#     build   compiling (also what configure asks for)
#     test    the whole test suite, tests/run.sh
#
# As root, or with sudo. Asks nothing, and needs no root if nothing is missing.
set -eu

packages=
for set in "$@"; do
	case $set in
	build)
		packages="$packages gcc g++ libc6-dev make autoconf automake libtool pkg-config"
		packages="$packages liburing-dev liblmdb-dev libsleef-dev libssl-dev libsimdjson-dev libfast-float-dev"
		packages="$packages zlib1g-dev libzstd-dev liblzma-dev libzip-dev libhdf5-dev libjq-dev libedit-dev"
		;;
	test)
		packages="$packages clang libclang-rt-14-dev libcmocka-dev bats shellcheck mandoc git"
		packages="$packages gcc-aarch64-linux-gnu g++-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user-static"
		packages="$packages nodejs npm lmdb-utils python3 valgrind procps locales ca-certificates"
		packages="$packages gzip zstd xz-utils hdf5-tools python3-venv openssh-server openssh-client rsync zsh fish"
		;;
	*)
		echo "usage: apt-install.sh build|test..." >&2
		exit 64
		;;
	esac
done

is_installed() {
	dpkg-query -W -f '${db:Status-Abbrev}\n' "$1" 2>/dev/null | grep -q '^.i'
}

missing=
for package in $packages; do
	case $package in
	python3-venv) python3 -c 'import ensurepip' 2>/dev/null && continue ;;
	nodejs | npm | python3) command -v "${package%js}" >/dev/null && continue ;; # from wherever it comes
	esac
	is_installed "$package" || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

sudo=
if [ "$(id -u)" != 0 ]; then
	sudo=sudo
	command -v sudo >/dev/null || {
		echo "apt-install.sh: neither root nor sudo here; ask for these packages:$missing" >&2
		exit 77
	}
fi
echo "installing:$missing" >&2
run() {
	# shellcheck disable=SC2086 # $sudo may be empty
	$sudo env DEBIAN_FRONTEND=noninteractive apt-get -q -o Dpkg::Use-Pty=0 "$@" </dev/null >&2
}
# shellcheck disable=SC2086 # a list
run install -y --no-install-recommends $missing || {
	run update
	run install -y --no-install-recommends $missing
}
