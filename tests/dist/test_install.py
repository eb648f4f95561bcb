#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""make install into a folder and make uninstall out of it again; make dist holds every file that is tracked."""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

TOP = pathlib.Path(os.environ.get("TOP_SRCDIR", pathlib.Path(__file__).resolve().parents[2]))
BUILD = pathlib.Path(os.environ.get("TOP_BUILDDIR", os.getcwd()))
sys.path.insert(0, str(TOP / "tests/harness"))
import tap  # noqa: E402

ENV = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
# Only of use where a version control is.
NOT_SHIPPED = re.compile(r"(^|/)\.gitignore$|^\.github/")


def make(*args):
    done = subprocess.run(["make", "-s", "-C", str(BUILD), *args], capture_output=True, text=True, check=False, env=ENV)
    assert done.returncode == 0, f"make {' '.join(args)}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done.stdout


def variable(name):
    text = (BUILD / "Makefile").read_text(encoding="utf-8")
    value = re.search(rf"(?m)^{name} = (.*)$", text)[1]
    while "${" in value or "$(" in value:
        value = re.sub(r"\$[{(](\w+)[})]", lambda m: variable(m[1]), value)
    return value


class TestInstall(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="opensnitch-install-")
        self.addCleanup(folder.cleanup)
        self.dest = pathlib.Path(folder.name)

    def at(self, name, *rest):
        return self.dest / pathlib.Path(variable(name), *rest).relative_to("/")

    def files(self):
        return sorted(p for p in self.dest.rglob("*") if not p.is_dir())

    def test_install_and_uninstall(self):
        make("install", f"DESTDIR={self.dest}")
        for path in (self.at("sbindir", "opensnitchd"), self.at("bindir", "opensnitch-ui"), self.at("bindir", "opensnitch-ruleman"),
                     self.at("libexecdir", "opensnitch", "opensnitch-console"),
                     self.at("libexecdir", "opensnitch", "opensnitch-fetcher"),
                     self.at("libexecdir", "opensnitch", "opensnitch-exporter"), self.at("mandir", "man8", "opensnitchd.8"),
                     self.at("mandir", "man5", "opensnitchd.json.5"), self.at("prefix", "lib", "sysusers.d", "opensnitchd.conf"),
                     self.at("prefix", "lib", "tmpfiles.d", "opensnitchd.conf"),
                     self.at("prefix", "lib", "modules-load.d", "opensnitchd.conf"),
                     self.at("systemdsystemunitdir", "opensnitchd.service"),
                     self.at("sysconfdir", "opensnitchd", "rules", "000-allow-loopback.json"),
                     *(self.at("docdir", "examples", *name.split("/")) for name in (
                         "prometheus/prometheus.yml", "prometheus/opensnitch.rules.yml", "grafana/opensnitch.json", "logrotate/opensnitch"))):
            self.assertTrue(path.is_file(), f"{path} is not installed")
        done = subprocess.run([self.at("sbindir", "opensnitchd"), "--version"], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        # What reaches out into the world is all that holds libcurl in memory.
        for program, wants in (("opensnitch-console", False), ("opensnitch-fetcher", True), ("opensnitch-exporter", True)):
            done = subprocess.run(["readelf", "-d", self.at("libexecdir", "opensnitch", program)], capture_output=True, text=True, check=True)
            self.assertEqual("libcurl" in done.stdout, wants, program)
        unit = self.at("systemdsystemunitdir", "opensnitchd.service").read_text(encoding="utf-8")
        self.assertIn(f"ExecStart={variable('sbindir')}/opensnitchd", unit)
        self.assertIsNone(re.search(r"@\w+@", unit))
        for conf in ("sysusers.d", "tmpfiles.d"):
            self.assertIsNone(re.search(r"@\w+@", self.at("prefix", "lib", conf, "opensnitchd.conf").read_text(encoding="utf-8")))

        make("uninstall", f"DESTDIR={self.dest}")
        self.assertEqual(self.files(), [])
        ours = [p for p in self.dest.rglob("*") if "opensnitch" in p.name]
        self.assertEqual(ours, [])

    def test_uninstall_keeps_what_the_user_made(self):
        make("install", f"DESTDIR={self.dest}")
        mine = self.at("sysconfdir", "opensnitchd", "rules", "mine.json")
        mine.write_text("{}", encoding="ascii")
        make("uninstall", f"DESTDIR={self.dest}")
        self.assertEqual(self.files(), [mine])

    def test_systemd_understands_the_unit(self):
        if shutil.which("systemd-analyze") is None:
            self.skipTest("systemd-analyze is not installed")
        unit = self.dest / "opensnitchd.service"
        text = (BUILD / "contrib/systemd/opensnitchd.service").read_text(encoding="utf-8")
        unit.write_text(re.sub(r"(?m)^ExecStart=\S+", f"ExecStart={BUILD}/opensnitchd", text).replace(
            "Documentation=", "#Documentation="), encoding="utf-8")
        done = subprocess.run(["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(unit)], capture_output=True, text=True,
                              check=False)
        said = [line for line in done.stderr.splitlines() if "opensnitchd" in line]
        self.assertEqual((done.returncode, said), (0, []), done.stderr)

    def test_a_release_holds_every_tracked_file(self):
        tracked = subprocess.run(["git", "-C", str(TOP), "ls-files", "-z"], capture_output=True, text=True, check=False)
        if tracked.returncode != 0:
            self.skipTest("not a clone")
        release = self.dest / "release"
        make("distdir", f"distdir={release}")
        missing = [f for f in tracked.stdout.split("\0")
                   if f and (TOP / f).exists() and not (release / f).exists() and not NOT_SHIPPED.search(f)]
        self.assertEqual(missing, [])


if __name__ == "__main__":
    tap.main()
