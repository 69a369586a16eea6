#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""complete.py bash|zsh SCRIPT LINE...: types each LINE and a tab into a real shell, and prints a line for it: what stands on the
command line then, a tab, the candidates, sorted, with | between them. SCRIPT is the completion to load."""
import os
import pty
import select
import sys
import tempfile
import time

shell, script, lines = sys.argv[1], os.path.abspath(sys.argv[2]), sys.argv[3:]
work = tempfile.mkdtemp()
buffer, found = f"{work}/buffer", f"{work}/found"
SETUP = {
    "bash": f"""source {script}
probe() {{ _cel; printf '%s\\n' "${{COMPREPLY[@]}}" >{found}; }}
complete -F probe cel cel-build cel-diff cel-merge cel-query cel-serve cel-shell
bind 'set completion-query-items 0'; bind 'set page-completions off'; bind 'set enable-bracketed-paste off'
dump() {{ printf '%s' "$READLINE_LINE" >{buffer}.new; mv {buffer}.new {buffer}; READLINE_LINE=; }}
bind -x '"\\C-xd": dump'
echo re''ady
""",
    "zsh": f"""PS1='% '; unsetopt zle_bracketed_paste; LISTMAX=9999
fpath=({os.path.dirname(script)} $fpath); autoload -Uz compinit; compinit -u -d {work}/dump
compadd() {{ local -a hits; builtin compadd -O hits "$@"; print -rl -- $hits >>{found}; builtin compadd "$@" }}
dump() {{ print -rn -- "$BUFFER" >{buffer}.new; mv {buffer}.new {buffer}; BUFFER= }}
zle -N dump; bindkey '^Xd' dump; bindkey '^I' expand-or-complete
echo re''ady
""",
}
ARGV = {"bash": ["bash", "--norc", "--noprofile", "-i"], "zsh": ["zsh", "-f", "-i"]}

pid, fd = pty.fork()
if pid == 0:
    os.environ.update(TERM="dumb", HISTFILE="/dev/null", LC_ALL="C.UTF-8")
    os.execvp(shell, ARGV[shell])


def read_until(is_done):
    seen, end = b"", time.monotonic() + 20
    while not is_done(seen):
        if time.monotonic() > end:
            sys.exit(f"{shell} does not answer: {seen!r}")
        if select.select([fd], [], [], 0.01)[0]:
            seen += os.read(fd, 65536)


os.write(fd, SETUP[shell].encode())
read_until(lambda seen: b"ready" in seen.replace(b"re''ady", b""))
for line in lines:
    open(found, "w").close()
    os.write(fd, line.encode() + b"\t\x18d")
    read_until(lambda seen: os.path.exists(buffer))
    hits = sorted(set(open(found).read().split("\n")) - {""})
    print(open(buffer).read() + "\t" + "|".join(hits))
    os.remove(buffer)
os.close(fd)
