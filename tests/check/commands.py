#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""commands.py TOOLS MAN WHAT [PAGE]: looks at every command, and prints a line for whatever is wrong with

    words         the argument words of --help and of OPTIONS in its manual page
    completion    --help and --complete have the same options, and the words of a choice stand in the page
    synopsis      the forms of --help and SYNOPSIS
    status        EXIT STATUS: what the page must have, and nothing that CEL_ERRORS has not
    version       what --version prints
    scripts       the shells' scripts in completion/ know every program
    sources       exit statuses written as numbers in the sources of the tools

PAGE replaces the page of the same name, for negative controls."""
import glob
import os
import re
import subprocess
import sys

tools, man, what = sys.argv[1:4]
planted = {os.path.basename(path): path for path in sys.argv[4:]}
source = os.path.dirname(os.path.abspath(man))


def run(*argv):
    return subprocess.run(argv, capture_output=True, text=True, stdin=subprocess.DEVNULL, env={**os.environ, "CEL_STORE": "/nonexistent"})


def page_text(name):
    with open(planted.get(name, f"{man}/{name}")) as file:
        return file.read()


def section(page, name):
    found = re.search(rf"^\.Sh {name}\n(.*?)(?=^\.Sh |\Z)", page, re.S | re.M)
    return found.group(1) if found else ""


class Command:
    """"cel log" or "cel-build", with its help and its page, which is its own or that of cel."""

    def __init__(self, name):
        self.name = name
        self.argv = [f"{tools}/cel", name.split()[1]] if " " in name else [f"{tools}/{name}"]
        self.help = run(*self.argv, "--help").stdout
        own = name.replace(" ", "-") + ".1"
        self.has_own_page = os.path.exists(f"{man}/{own}")
        self.page_name = own if self.has_own_page else "cel.1"
        self.page = page_text(self.page_name)

    def options(self):
        """{name: argument word or ""}"""
        text = self.help.split("\nOptions:\n")[1].split("\n\n")[0]
        return dict(re.findall(r"^ +(?:-\w, )?--([\w-]+)(?: ([A-Z]+))?(?: |$)", text, re.M))

    def items(self):
        """The same of the page's OPTIONS, words in small letters there; of cel.1 those that are for this verb, or for all."""
        items = {}
        for item, body in re.findall(r"^\.It (.*)\n((?:(?!\.It |\.El).*\n)*)", section(self.page, "OPTIONS"), re.M):
            verbs = re.match(r"\.Pq Cm (.*)", body)
            if self.has_own_page or not verbs or self.name.split()[1] in re.split(r"[ ,]+", verbs.group(1)):
                items.update(re.findall(r"Fl -([\w-]+)(?: Ar (\w+))?", item))
        return items

    def forms(self):
        """What is no option of each form: ["collection", "[file ...]"]."""
        forms = []
        for line in self.help.splitlines():
            found = re.match(r"(?:Usage:|  or: ) " + re.escape(self.name) + r" (?:\[OPTION\]\.\.\.)? ?(.*)", line)
            if not found:
                break
            forms.append(found.group(1))
        return forms


def commands():
    verbs = run(f"{tools}/cel", "--help").stdout.split("\n\n")[1]
    names = [os.path.basename(path) for path in sorted(glob.glob(f"{tools}/cel-*")) if os.access(path, os.X_OK) and "." not in path[-4:]]
    for verb in re.findall(r"^  (\w[\w-]*) ", verbs, re.M):
        if f"cel-{verb}" not in names:
            names.append(f"cel {verb}")
    return [Command(name) for name in names]


def check_words(command):
    items = command.items()
    for option, word in command.options().items():
        if option in items and items[option] != word.lower():
            yield f"--{option} takes '{word}' in --help, '{items[option]}' in {command.page_name}"
        if option not in items:
            yield f"--{option} has no item in {command.page_name}"


def check_completion(command):
    answers = dict(line.split("\t", 1) for line in run(*command.argv, "--complete", "--").stdout.splitlines())
    options, items = command.options(), command.items()
    described = section(command.page, "OPTIONS") # and what it refers to for all of its input options
    described += section(page_text("cel-query.1"), "OPTIONS") if ".Xr cel-query 1" in described else ""
    for option in sorted(set(options) ^ {answer[2:] for answer in answers}):
        yield f"--{option} is in one of --help and completion only"
    for option, word in options.items():
        if not word or option not in items:
            continue
        for line in run(*command.argv, "--complete", f"--{option}", "").stdout.splitlines():
            choice = line.split("\t")[0]
            if choice and not re.search(rf"\b{re.escape(choice)}\b", described):
                yield f"--{option} {choice} is not in {command.page_name}"


def operands(text, with_argument):
    """Each alternative of "[--list] [COLLECTION]" or "add NAME PLACE | remove NAME" without its options, in small letters."""
    before = None
    while before != text:
        before, text = text, re.sub(r"\[ *(?:-|option)[^\[\]]*\]", " ", text)
    text = re.sub(r" *\.\.\.", "...", text.lower()).replace("]...", "...]")
    words, after = [], ""
    for word in text.split():
        if not word.startswith("-") and after not in with_argument:
            words.append(word)
        after = word[2:] if word.startswith("-") else ""
    return {part.strip() for part in " ".join(words).split("|")}


def check_synopsis(command):
    with_argument = {name for name, word in command.options().items() if word}
    shown = subprocess.run(["mandoc", "-T", "ascii", "-O", "width=500"], input=command.page, capture_output=True, text=True).stdout
    shown = re.search(r"^SYNOPSIS\n(.*?)^\S", re.sub(".\x08", "", shown), re.S | re.M).group(1)
    found = set()
    for line in re.split(r"\n(?= {5}\S)", "\n" + shown):
        line = " ".join(line.split()) + " "
        if line.startswith(command.name + " "):
            found |= operands(line[len(command.name):], with_argument)
    for form in command.forms():
        for text in operands(form, with_argument) - found:
            yield f"'{form}' is not in SYNOPSIS of {command.page_name}, which has: {' | '.join(sorted(found))}"


def frozen():
    with open(f"{source}/libcore/include/celestica/cel_types.h") as file:
        return {0, *(int(status) for status in re.findall(r"X\(CEL_\w+, *-?\d+, *(\d+),", file.read()))}


def statuses(page):
    return [int(n) for n in re.findall(r"^\.It (\d+)", section(page, "EXIT STATUS"), re.M)]


def check_status(command):
    listed, options = statuses(command.page), command.options()
    for status in sorted(set(listed) - frozen()):
        yield f"{command.page_name} has exit status {status}, which is none of CEL_ERRORS"
    if listed != sorted(set(listed)):
        yield f"the exit statuses of {command.page_name} are not in order"
    needed = {0, 64, 74} | ({66} if "store" in options else set()) | ({75} if "lock-wait" in options else set())
    for status in sorted(needed - set(listed)):
        yield f"{command.page_name} lacks exit status {status}"
    if not section(command.page, "EXAMPLES"):
        yield f"{command.page_name} has no EXAMPLES"


def check_version(command):
    done = run(*command.argv, "--version")
    lines = done.stdout.splitlines()
    formats = r"formats: store \d+, tree \d+, index \d+, patch \d+, protocol \d+"
    if (done.returncode or len(lines) != 3 or not re.fullmatch(re.escape(command.name) + r" \(Celestica\) \d[\w.]*", lines[0])
            or not lines[1].startswith("kernels: ") or not re.fullmatch(formats, lines[2])):
        yield f"--version says {done.stdout!r}"


def check_sources():
    known = frozen()
    for path in sorted(glob.glob(f"{source}/tools/*.c")):
        with open(planted.get(os.path.basename(path), path)) as file:
            for number, line in enumerate(file, 1):
                for where, status in re.findall(r"(return |exit\(|status = )(?:[^;]*[:?] )?(\d+)\)?;", line):
                    least = 64 if where == "return " else 2  # smaller numbers are returned for other reasons
                    if least <= int(status) < 128 and int(status) not in known:
                        yield f"{os.path.basename(path)}:{number}: {status} is no exit status of CEL_ERRORS"
    if sorted(statuses(page_text("celestica.7"))) != sorted(known):
        yield "celestica.7 does not list the exit statuses of CEL_ERRORS"


def check_scripts():
    programs = [command.name for command in commands() if " " not in command.name]
    for script in ("cel.bash", "_cel", "cel.fish", "module.am"):
        with open(planted.get(script, f"{source}/completion/{script}")) as file:
            text = file.read()
        for name in programs:
            if not re.search(rf"(?m)^(?:#compdef|complete|for command|COMPLETED).*[ =]{name}(?![\w-])", text):
                yield f"completion/{script} does not know {name}"


if what in ("sources", "scripts"):
    found = list(globals()[f"check_{what}"]())
else:
    every = commands()
    found = [f"{command.name}: {line}" for command in every for line in globals()[f"check_{what}"](command)]
    if len(every) < 20:
        found.append(f"only {len(every)} commands found")
print("\n".join(found), end="\n" if found else "")
