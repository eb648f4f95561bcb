#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""--help, the config table, the manual pages and the completions tell the same."""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import unittest

TOP = pathlib.Path(os.environ.get("TOP_SRCDIR", pathlib.Path(__file__).resolve().parents[2]))
BUILD = pathlib.Path(os.environ.get("TOP_BUILDDIR", os.getcwd()))
sys.path.insert(0, str(TOP / "tests/harness"))
import tap  # noqa: E402

PROGRAMS = {"opensnitchd": 8, "opensnitch-ui": 1, "opensnitch-ruleman": 1}
OPTION = re.compile(r"--[a-z][a-z-]*")


def plain(page):
    """The text of a manual page as its reader sees it, without font changes and escapes."""
    source = (TOP / "contrib/man" / page).read_text(encoding="utf-8")
    source = re.sub(r"\\f[RBIP]|\\c$", "", source, flags=re.M).replace("\\-", "-").replace("\\(dq", '"')
    lines = []
    for line in source.splitlines():
        macro = re.match(r"\.([BI]|[BIR]{2}) (.*)", line)
        if macro is None:
            lines.append(line)
        elif len(macro[1]) == 2:  # alternating fonts: words without spaces between
            lines.append("".join(re.findall(r'"[^"]*"|\S+', macro[2])).replace('"', ""))
        else:
            lines.append(macro[2].replace('"', ""))
    return "\n".join(lines)


def help_of(program):
    return subprocess.run([BUILD / program, "--help"], capture_output=True, text=True, check=True).stdout


def option_table():
    """name -> (default as JSON, can change live), from the table of api/options.c."""
    source = (TOP / "api/options.c").read_text(encoding="utf-8")
    table = source[source.index("options[] = {"):source.index("n_options =")]
    entries = re.findall(r'\{ "([a-z_.]+)", OPTION_\w+,\s*AT\(\w+\),\s*("(?:[^"\\]|\\.)*")(.*?)(?=\n\t\{ "|\n\};)', table, re.S)
    return {name: (fallback[1:-1].replace('\\"', '"'), re.search(r"\b(true|false)\b", rest)[1] == "true")
            for name, fallback, rest in entries}


class TestDocuments(unittest.TestCase):
    def test_every_option_is_in_help_manual_and_completion(self):
        for program, section in PROGRAMS.items():
            with self.subTest(program):
                in_help = set(OPTION.findall(help_of(program)))
                manual = set(OPTION.findall(plain(f"{program}.{section}")))
                completion = set(OPTION.findall((TOP / "contrib/completions" / program).read_text(encoding="utf-8")))
                self.assertGreater(len(in_help), 3)
                self.assertEqual(in_help - manual, set(), "in --help, not in the manual")
                self.assertEqual(in_help - completion, set(), "in --help, not in the completion")
                self.assertEqual(completion - in_help, set(), "in the completion, not in --help")

    def test_no_manual_tells_of_an_option_that_is_not_there(self):
        known = {"--" + m for m in re.findall(r'\{ "([a-z-]+)", (?:no|required|optional)_argument',
                                              (TOP / "daemon/options.c").read_text(encoding="utf-8"))}
        self.assertEqual(known, set(OPTION.findall(help_of("opensnitchd"))))
        listed = re.findall(r"^(--[a-z-]+)", plain("opensnitchd.8").partition(".SH OPTIONS")[2].partition(".SH FILES")[0], re.M)
        self.assertEqual(sorted(listed), sorted(known))

    def test_every_command_of_ruleman_is_documented(self):
        commands = re.findall(r"^  ([a-z]+)\b", help_of("opensnitch-ruleman").partition("Commands:")[2].partition("Options:")[0], re.M)
        self.assertGreater(len(commands), 5)
        manual = plain("opensnitch-ruleman.1")
        completion = (TOP / "contrib/completions/opensnitch-ruleman").read_text(encoding="utf-8")
        for command in set(commands):
            self.assertRegex(manual, rf"(?m)^{command}\b", f"{command} is not in the manual")
            self.assertIn(command, completion)

    def test_every_setting_is_in_the_manual_with_its_default(self):
        table = option_table()
        self.assertEqual(len(table), (TOP / "api/options.c").read_text(encoding="utf-8").count(", OPTION_"))
        entries = dict(re.findall(r"(?m)^\.T[PQ]\n([a-z_]+(?:\.[a-z_]+)?) ?\((.*)\)$", plain("opensnitchd.json.5")))
        self.assertEqual(set(table) - set(entries), set(), "not in the manual")
        self.assertEqual(set(entries) - set(table), set(), "no such setting")
        for name, (fallback, live) in table.items():
            with self.subTest(name):
                said = entries[name].replace(" ", "")
                self.assertEqual(said.startswith("live;"), live)
                default = said.removeprefix("live;").replace('"', "")
                if name == "prompt.timeout_action":
                    self.assertEqual(default, "asdefault_action")
                else:
                    self.assertEqual(default, fallback.replace('"', "").replace(" ", ""))

    def test_manual_pages_are_well_formed(self):
        if shutil.which("man") is None:
            self.skipTest("man is not installed")
        for page in sorted((TOP / "contrib/man").iterdir()):
            done = subprocess.run(["man", "--warnings=w", "-E", "UTF-8", "-l", "-Tutf8", "-Z", str(page)],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False,
                                  env={**os.environ, "MANROFFSEQ": "", "MANWIDTH": "100", "LC_ALL": "C.UTF-8"})
            self.assertEqual((done.returncode, done.stderr), (0, ""), page.name)

    def test_readme_names_every_library(self):
        readme = (TOP / "README.md").read_text(encoding="utf-8").lower()
        quickstart = (TOP / "quickstart").read_text(encoding="utf-8")
        packages = re.search(r'build_packages="([^"]*)"', quickstart)[1].split()
        for package in (p for p in packages if p.endswith("-dev") and p != "libc6-dev"):
            name = {"libip4tc-dev": "libiptc", "libip6tc-dev": "libiptc", "libsqlite3-dev": "sqlite", "libcurl4-openssl-dev": "libcurl",
                    "libjansson-dev": "jansson", "libpcre2-dev": "pcre2", "libcmocka-dev": "cmocka",
                    "libgnutls28-dev": "gnutls"}.get(package, package.removesuffix("-dev"))
            self.assertTrue(name in readme or name.replace("-", "_") in readme, f"README.md does not tell why {package} is needed")


if __name__ == "__main__":
    tap.main()
