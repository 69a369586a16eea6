#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Makes ./configure from configure.ac (after a checkout from git; tarballs have it already).
set -eu
cd "$(dirname "$0")"
command -v autoreconf >/dev/null || {
	echo "autogen.sh: autoreconf is missing: install the Debian packages autoconf automake libtool pkgconf" >&2
	exit 69
}
mkdir -p m4
exec autoreconf -fi
