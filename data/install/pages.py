#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes what tells of the program's own tables: barua.1, barua.conf.5, the completion for bash and the
commented sample of barua.conf.  The tables are asked from the program: `--help` of every command, and
`barua serve --show-config`, whose comments are the summaries of gateway/config.c.

    pages.py BARUA VERSION CONFIG-FILE OUT-FOLDER [GROUP.KEY=VALUE…]

The values at the end stand uncommented in the sample, if there is such a key."""

import os
import re
import subprocess
import sys
import tempfile
import textwrap

OPTION = re.compile(r"^  (?:-(\w), )?--([a-z0-9-]+)(?:=(\S+))?\s{2,}(.*)$")
COMMAND = re.compile(r"^  ([a-z-]+) {2,}(.*)$")


def run(barua, *args):
    """What the program prints; nothing of our environment and configuration gets in."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("BARUA_")}
    env.update(LC_ALL="C.UTF-8", LANGUAGE="")
    if "detect_leaks" not in env.get("ASAN_OPTIONS", ""):
        env["ASAN_OPTIONS"] = "detect_leaks=0"  # GLib ends the process in the middle of --help
    return subprocess.run([barua, *args], env=env, check=True, capture_output=True).stdout.decode()


class Command:
    """One command as its --help tells of it."""

    def __init__(self, barua, words, summary):
        self.words = words
        text = run(barua, *words, "--help")
        self.usage, self.before, self.options, self.commands = "", [], [], []
        self.after, self.summary = [], summary
        section = ""
        for line in text.splitlines():
            if re.match(r"^[A-Z][A-Za-z ]*:$", line):
                section = line[:-1]
            elif section == "Usage" and line.startswith("  "):
                self.usage = line.strip()
            elif section == "Usage" and line:
                self.before.append(line)
            elif section == "Commands" and COMMAND.match(line):
                name, what = COMMAND.match(line).groups()
                self.commands.append(Command(barua, words + [name], what))
            elif section.endswith("Options") and OPTION.match(line):
                self.options.append(OPTION.match(line).groups())
            elif section.endswith("Options") and line:
                self.after.append(line)
        form, dash, what = re.split(r"( — | - )", self.usage + " — ", maxsplit=1)
        self.synopsis = form.removeprefix("barua ").removeprefix(" ".join(words)).strip()
        if what.strip(" —"):
            self.synopsis_summary = what.removesuffix(" — ").strip()
        else:
            self.synopsis_summary = summary.split("— ", 1)[-1]

    def leaves(self):
        return [leaf for c in self.commands for leaf in c.leaves()] if self.commands else [self]


def configuration(barua):
    """[(group, summary, [(key, summary, default)…])…]"""
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as empty:
        text = run(barua, "serve", "--config", empty.name, "--show-config")
    groups, comment = [], ""
    for line in text.splitlines():
        if line.startswith("# set by: "):
            continue
        if line.startswith("# "):
            comment = line[2:]
        elif line.startswith("["):
            groups.append((line[1:-1], comment, []))
            comment = ""
        elif " = " in line:
            key, value = line.split(" = ", 1)
            groups[-1][2].append((key, comment, value.strip()))
            comment = ""
    return groups


def variable(group, key):
    return f"BARUA_{group}_{key}".upper().replace("-", "_")


# ---- man pages ----

def roff(text):
    """Text in which nothing is a request or an escape."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("…", "...").replace("—", "\\(em")
    text = "".join(c if ord(c) < 128 else f"\\[u{ord(c):04X}]" for c in text)
    text = re.sub(r"`([^`]*)`", r"\\fB\1\\fR", text)
    return re.sub(r"(?m)^([.'])", r"\\&\1", text)


def title(name, section, version, what):
    return [f'.TH {name} {section} "" "barua {version}" "{what}"', ".nh", ".ad l"]


def options_of(command):
    lines = []
    for short, name, value, what in command.options:
        if name == "help":
            continue
        flag = (f"\\-{short}, " if short else "") + "\\-\\-" + name.replace("-", "\\-")
        lines += [".TP", f"\\fB{flag}\\fR" + (f"=\\fI{roff(value)}\\fR" if value else ""), roff(what)]
    return lines


def page_of_program(top, groups, version, config_file):
    out = title("BARUA", 1, version, "User Commands")
    out += [".SH NAME", "barua \\- SMS gateway server and record\\-parsing engine", ".SH SYNOPSIS"]
    for leaf in top.leaves():
        out += [f"\\fBbarua {' '.join(leaf.words)}\\fR {roff(leaf.synopsis)}", ".br"]
    out += ["\\fBbarua \\-\\-help\\fR | \\fB\\-\\-version\\fR", ".SH DESCRIPTION"]
    out += [roff("Phones hand SMS in over HTTP; barua makes checked records of them by JSON form definitions,\n"
                 "keeps them in one SQLite file, and queues the answers that the phones fetch. The protocols are\n"
                 "those of the Community Health Toolkit. A message that was acknowledged is on the disk."),
            ".PP", roff("Every command knows `--help`. Results go to standard output, everything else to\n"
                        "standard error.")]
    out += [".SH COMMANDS"]
    for leaf in top.leaves():
        out += [f'.SS "barua {" ".join(leaf.words)} {roff(leaf.synopsis)}"',
                roff(leaf.synopsis_summary[0].upper() + leaf.synopsis_summary[1:].rstrip(".") + ".")]
        for text in (leaf.before, leaf.after):
            if text:
                out += [".PP", *[roff(line) for line in text]]
        out += options_of(leaf)
    out += [".SH \"EXIT STATUS\"", ".TP", "0", "done", ".TP", "1",
            "the work failed: a form is wrong, a file cannot be read", ".TP", "2", "wrong usage",
            ".SH ENVIRONMENT", ".TP", "\\fBBARUA_ADMIN_PASSWORD\\fR",
            "password of the account \\fBadmin\\fR that the first start makes; without any, one is made up and",
            "printed once", ".TP", f"\\fB{variable('GROUP', 'KEY')}\\fR",
            "a key of the configuration, over that of the file, for example "
            f"\\fB{variable(groups[0][0], groups[0][2][0][0])}\\fR", ".SH FILES", ".TP",
            f"\\fI{roff(config_file)}\\fR", "the configuration, see \\fBbarua.conf\\fR(5)", ".TP",
            "\\fI/var/lib/barua/barua.db\\fR", "the database of the packaged service",
            ".SH EXAMPLES", "A server on all addresses, with a database of its own:", ".PP",
            ".nf", ".RS", roff("barua serve --database clinic.db --listen 0.0.0.0:5988"), ".RE", ".fi", ".PP",
            "The records that messages would become:", ".PP", ".nf", ".RS",
            roff("barua parse --settings settings.json --explain < messages.jsonl"), ".RE", ".fi",
            ".SH \"SEE ALSO\"", "\\fBbarua.conf\\fR(5), \\fBsystemctl\\fR(1)"]
    return "\n".join(out) + "\n"


def page_of_configuration(groups, version, config_file):
    out = title("BARUA.CONF", 5, version, "File Formats")
    out += [".SH NAME", "barua.conf \\- configuration of the barua server", ".SH SYNOPSIS",
            f"\\fI{roff(config_file)}\\fR", ".SH DESCRIPTION",
            roff("Groups in brackets, and in them lines `key = value`. A line that begins with # is a comment; there\n"
                 "are none behind a value. Lists are separated by semicolons. A key that does not exist is refused,\n"
                 "with its name, as is a value that cannot be used: `barua serve --check-config` tries a file,\n"
                 "`barua serve --show-config` prints every value and where it comes from."),
            ".PP", roff("An option of the command line goes over the environment, the environment over this file, and\n"
                        "this file over the default. The name of the environment variable is given with each key.\n"
                        "What form designers decide is not here but in the application settings."),
            ".SH KEYS"]
    for group, summary, keys in groups:
        out += [f'.SS "[{group}]"'] + ([roff(summary)] if summary else [])
        for key, what, _ in keys:
            out += [".TP", f"\\fB{roff(key)}\\fR", roff(what + "."), ".br", f"\\fI{variable(group, key)}\\fR"]
    out += [".SH EXAMPLES", "Behind a proxy on the same machine, with two phones:", ".PP", ".nf", ".RS",
            roff("[server]\nlisten = 127.0.0.1:5988\n\n[http]\ntrusted-proxies = 127.0.0.1\n\n"
                 "[gateways]\nroutes = +2547:safaricom; *:spare"),
            ".RE", ".fi", ".SH \"SEE ALSO\"", "\\fBbarua\\fR(1)"]
    return "\n".join(out) + "\n"


# ---- the sample file ----

def sample(groups, values):
    out = ["# Configuration of the barua server: barua.conf(5). What is commented out says the default.",
           "# `barua serve --check-config` tries it; reload the server (SIGHUP) to let it take effect, or restart it",
           "# where that is said."]
    for group, summary, keys in groups:
        out += [""] + textwrap.wrap(summary, 98, initial_indent="# ", subsequent_indent="# ") + [f"[{group}]"]
        for key, what, default in keys:
            out += textwrap.wrap(what, 98, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False)
            value = values.get(f"{group}.{key}")
            out += [f"{key} = {value}" if value is not None else f"#{key} = {default}".rstrip()]
    return "\n".join(out) + "\n"


# ---- completion ----

COMPLETION = r"""# bash completion for barua; made from the program's own tables by data/install/pages.py
_barua ()
{
  local cur=${COMP_WORDS[COMP_CWORD]} prev= command= word options= values= files= word_list= i
  [ "$COMP_CWORD" -gt 0 ] && prev=${COMP_WORDS[COMP_CWORD-1]}
  # --option=value comes as three words
  if [ "$cur" = "=" ]; then cur=
  elif [ "$prev" = "=" ]; then prev=${COMP_WORDS[COMP_CWORD-2]}
  fi
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    case "$command:$word" in
%(steps)s
    esac
  done
  case "$command" in
%(tables)s
  esac
  if [[ " $values " == *" $prev "* ]]; then
    if [[ " $files " == *" $prev "* ]]; then
      compopt -o filenames 2> /dev/null
      mapfile -t COMPREPLY < <(compgen -f -- "$cur")
    fi
  elif [[ $cur == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$options --help" -- "$cur")
  elif [[ " $files " == *" FILE "* ]]; then
    compopt -o filenames 2> /dev/null
    mapfile -t COMPREPLY < <(compgen -f -- "$cur")
  elif [ -n "$word_list" ]; then
    mapfile -t COMPREPLY < <(compgen -W "$word_list" -- "$cur")
  fi
}
complete -F _barua barua
"""


def completion(top):
    steps, tables = [], []

    def add(command):
        name = " ".join(command.words)
        for child in command.commands:
            steps.append(f'      "{name}:{child.words[-1]}") command="{" ".join(child.words)}" ;;')
            add(child)
        flags = ["--" + o[1] for o in command.options if o[1] != "help"]
        if not command.words:
            flags = ["--version"]
        values = ["--" + o[1] for o in command.options if o[2]]
        files = ["--" + o[1] for o in command.options if o[2] == "FILE"]
        if re.search(r"\bFILE", re.sub(r"\[[^]]*\]|--\S+ \S+", "", command.synopsis)):
            files.append("FILE")
        words = [c.words[-1] for c in command.commands]
        tables.append(f'    "{name}")\n      options="{" ".join(flags)}" values="{" ".join(values)}"'
                      f' files="{" ".join(files)}" word_list="{" ".join(words)}" ;;')

    add(top)
    return COMPLETION % {"steps": "\n".join(steps), "tables": "\n".join(tables)}


def main():
    barua, version, config_file, folder, *pairs = sys.argv[1:]
    top = Command(barua, [], "")
    groups = configuration(barua)
    files = {"barua.1": page_of_program(top, groups, version, config_file),
             "barua.conf.5": page_of_configuration(groups, version, config_file),
             "barua": completion(top),
             "barua.conf": sample(groups, dict(pair.split("=", 1) for pair in pairs))}
    for name, text in files.items():
        with open(os.path.join(folder, name), "w", encoding="utf-8") as f:
            f.write(text)


if __name__ == "__main__":
    main()
