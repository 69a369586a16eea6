#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Exact answers and their distances for every element type and metric, judged by SciPy: distances.py says how. Prints TAP. The
# tools are taken from $CEL_BUILDDIR/tools, or PATH; NumPy and SciPy go to $CEL_BUILDDIR/interop/venv.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
build=${CEL_BUILDDIR:-$here/../../build}/interop
PATH=${CEL_BUILDDIR:+$CEL_BUILDDIR/tools:}$PATH
export PATH
mkdir -p "$build"
cd "$build"
if [ ! -x venv/.complete ]; then
	rm -rf venv
	{ python3 -m venv venv && venv/bin/pip install -q --disable-pip-version-check 'numpy>=1.24' 'scipy>=1.10'; } >pip.log 2>&1 || {
		sed 's/^/# /' pip.log
		echo "Bail out! no venv with scipy (Debian package python3-venv; PyPI)"
		exit 1
	}
	cp /bin/true venv/.complete
fi
exec venv/bin/python "$here/distances.py"
