# house.py: which files are ours and how they lie, for the checks beside it.
# SPDX-License-Identifier: Apache-2.0
import functools
import os
import pathlib
import re
import shutil
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent

# Includes are looked up beside the file that has them, then here, as in the builds.
INCLUDE_DIRS = ["core", ".", "tests"]


@functools.cache
def files():
    """Every file of the tree that git does not ignore, as paths from the root; new ones too."""
    if (ROOT / ".git").exists() and shutil.which("git"):
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
    else:  # an unpacked archive
        listed = [str(path.relative_to(ROOT)) for path in ROOT.rglob("*") if not re.search(
            r"(^|/)(build[^/]*|node_modules|__pycache__|\.git)/", str(path.relative_to(ROOT)))]
    return sorted(name for name in listed if name and (ROOT / name).is_file())


def of_nginx(name):
    """The shell is written in nginx's style, against nginx's headers and with nginx's flags."""
    return name.startswith("gateway/ngx_")


def named(*suffixes):
    return [name for name in files() if name.endswith(suffixes)]


def c_files():
    """Plain C: what is formatted and analysed."""
    return [name for name in named(".c", ".h") if not of_nginx(name)]


@functools.cache
def text(name):
    return (ROOT / name).read_text(encoding="utf-8")


def scripts(shebang, *suffixes):
    """Programs of a language, by the ends of their names or by their first lines."""
    found = []
    for name in files():
        if name.endswith(suffixes):
            found.append(name)
        elif "." not in os.path.basename(name) and os.access(ROOT / name, os.X_OK):
            with open(ROOT / name, "rb") as file:
                if re.match(rb"#!.*\b" + shebang.encode() + rb"\b", file.readline()):
                    found.append(name)
    return found


def shell():
    return sorted(set(scripts("sh", ".sh")) | set(scripts("bash")))


def python():
    return scripts("python3", ".py")


def javascript():
    return scripts("node", ".mjs")


@functools.cache
def includes(name):
    """The project's own files that a file names, as (line, what it says, path or None)."""
    found = []
    for number, line in enumerate(text(name).splitlines(), 1):
        match = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
        if match:
            said = match.group(1)
            places = [os.path.dirname(name), *INCLUDE_DIRS]
            paths = (os.path.normpath(os.path.join(place, said)) for place in places)
            found.append((number, said, next((p for p in paths if (ROOT / p).is_file()), None)))
    return found


@functools.cache
def closure(name):
    """The file and every file of ours that it includes, at any depth."""
    seen, ahead = set(), [name]
    while ahead:
        at = ahead.pop()
        if at not in seen:
            seen.add(at)
            ahead += [path for _, _, path in includes(at) if path]
    return sorted(seen)
