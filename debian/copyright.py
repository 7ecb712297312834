#!/usr/bin/env python3
"""Prints debian/copyright: ebb itself, and every crate that is linked into its binaries, with its notices.

    copyright.py TARGET

Everything comes from Cargo.lock and the sources that cargo has fetched for the build; nothing is asked of the network."""

import json
import re
import subprocess
import sys
from pathlib import Path

HEAD = """\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: ebb
Comment:
 The binaries are linked statically. What is linked into them is listed below,
 one stanza a crate; each crate is used under the MIT license.

Files: *
Copyright: 2026 The ebb authors
License: MIT or Apache-2.0

Files: rust/library/*
Copyright: The Rust Project Developers (see https://thanks.rust-lang.org)
License: MIT or Apache-2.0
Comment: The standard library, linked statically.
"""

MUSL = """
Files: musl/*
Copyright: 2005-2020 Rich Felker, et al.
License: MIT
Comment: The C library, linked statically.
"""

TAIL = """
License: Apache-2.0
 On Debian systems, the complete text of the Apache License, Version 2.0, is in
 /usr/share/common-licenses/Apache-2.0.
"""

NOTICE = re.compile(r"^\W*((?:portions )?copyright\b.*\d{4}.*|copyright (?:\(c\)|©|\(c\)).*)$", re.I)


def cargo(*words: str) -> str:
    command = ["cargo", *words, "--locked", "--offline"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def linked(target: str) -> list[tuple[str, str]]:
    """Name and version of each crate whose code is in the binaries: no build scripts, no procedural macros."""
    tree = ["tree", "--edges", "normal,no-proc-macro", "--target", target, "--prefix", "none", "--format", "{p}"]
    words = {tuple(line.split()[:2]) for line in cargo(*tree).splitlines()}
    return sorted((name, version.removeprefix("v")) for name, version in words if name != "ebb")


def notices(directory: Path, authors: list[str]) -> list[str]:
    """The copyright lines of a crate's license files, else its authors, else its name."""
    found: list[str] = []
    for path in sorted(directory.iterdir()):
        if re.match(r"(licen[sc]e|copying|copyright|notice)", path.name, re.I) and path.is_file():
            for line in path.read_text(errors="replace").splitlines():
                match = NOTICE.match(line.strip())
                # The Apache license's own appendix is no notice.
                if match and "[yyyy]" not in line and "{yyyy}" not in line:
                    text = re.sub(r"^copyright\s*", "", match[1], flags=re.I).strip().rstrip(".")
                    found += [text] if text not in found else []
    return found or [re.sub(r"\s*<.*>", "", author) for author in authors]


def stanza(package: dict) -> str:
    directory = Path(package["manifest_path"]).parent
    holders = notices(directory, package["authors"]) or [f"The authors of {package['name']}"]
    license_id = package["license"].replace(" OR ", " or ").replace("/", " or ").replace(" WITH ", " with ")
    if not re.search(r"\bMIT\b", license_id):
        sys.exit(f"{package['name']}: {license_id} is not MIT; say here how it is used")
    lines = "\n ".join(holders)
    return (
        f"\nFiles: crates/{package['name']}-{package['version']}/*\nCopyright: {lines}\nLicense: MIT\n"
        f"Comment: {package['repository'] or package['name']} (offered as {license_id})\n"
    )


def mit_text() -> str:
    text = Path("LICENSE-MIT").read_text().split("Permission is hereby", 1)[1]
    lines = ("Permission is hereby" + text).rstrip().splitlines()
    return "\nLicense: MIT\n" + "".join(f" {line}\n" if line.strip() else " .\n" for line in lines)


def main() -> None:
    target = sys.argv[1]
    metadata = json.loads(cargo("metadata", "--format-version", "1", "--filter-platform", target))
    packages = {(p["name"], p["version"]): p for p in metadata["packages"]}
    crates = [stanza(packages[key]) for key in linked(target)]
    print(HEAD + (MUSL if "musl" in target else "") + "".join(crates) + mit_text() + TAIL, end="")


main()
