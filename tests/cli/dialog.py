#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Types at a program on a terminal and reads what it shows, as told on standard input:

    dialog.py COMMAND... <<END
    expect REGEX         wait until it is shown, behind what was expected before
    send TEXT            type it; Python's escapes: \\n Enter, \\t TAB, \\x03 Ctrl-C, \\x04 Ctrl-D, \\x1b[A up
    size ROWS COLUMNS    of the window, which the program is told
    signal NAME          send it to the program
    status N             wait for its end, and compare its exit status (128 + N: signal N)
    END

Escape sequences are taken out of what is shown. Exits 1 at the first thing that is not so, with all that was shown.
"""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time

LIMIT = float(os.environ.get("DIALOG_SECONDS", "20"))
ESCAPES = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]|\x1b[()][A-Z0-9]|\x1b[=>]|\r")


class Terminal:
    def __init__(self, command):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execvp(command[0], command)
        self.raw, self.seen, self.is_open = b"", 0, True

    def read(self):
        """Takes what is shown; False at the end."""
        if not select.select([self.fd], [], [], 0.05)[0]:
            return True
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            data = b""
        self.raw += data
        self.is_open = bool(data)
        return self.is_open

    def shown(self):
        return ESCAPES.sub(b"", self.raw).decode(errors="replace")

    def fail(self, text):
        print("%s\nshown, behind what was expected before:\n%s\nall of it: %r" % (text, self.shown()[self.seen:], self.raw))
        if self.is_open:
            os.kill(self.pid, signal.SIGKILL)
        sys.exit(1)

    def expect(self, regex):
        end = time.monotonic() + LIMIT
        while True:
            match = re.compile(regex).search(self.shown(), self.seen)
            if match:
                self.seen = match.end()
                return
            if not self.is_open or time.monotonic() > end:
                self.fail("not shown: " + regex)
            self.read()

    def status(self, wanted):
        end = time.monotonic() + LIMIT
        while self.is_open and time.monotonic() < end and self.read():
            pass
        if self.is_open:
            self.fail("it does not end")
        status = os.waitpid(self.pid, 0)[1]
        got = 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
        if got != wanted:
            self.fail("status %d, not %d" % (got, wanted))


def main():
    terminal = Terminal(sys.argv[1:])
    for line in sys.stdin:
        word, _, rest = line.strip("\n").lstrip().partition(" ")
        if word == "expect":
            terminal.expect(rest)
        elif word == "send":
            os.write(terminal.fd, rest.encode().decode("unicode_escape").encode("latin-1"))
        elif word == "size":
            fcntl.ioctl(terminal.fd, termios.TIOCSWINSZ, struct.pack("4H", *map(int, rest.split()), 0, 0))
        elif word == "signal":
            os.kill(terminal.pid, getattr(signal, rest))
        elif word == "status":
            terminal.status(int(rest))
        elif word:
            sys.exit("dialog.py: " + line)


main()
