#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
Rule files as users of OpenSnitch have them (tests/api/foreign_rules): of its versions 1.0 to 1.7, of tools and of people, and broken ones.
What must come out of each stands in the tables below; it comes out of the rules folder, of `opensnitch-ruleman check` and of the import.
"""
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from kit import V1, ApiCase, wait_until
from daemon import ALLOW_DNS, builddir
import tap

HERE = pathlib.Path(__file__).resolve().parent / "foreign_rules"
RULEMAN = os.path.join(builddir(), "opensnitch-ruleman")


def to(port=None, host=None, ip=None):
    return {"dest": {k: v for k, v in (("port", port), ("host", host), ("ip", ip)) if v is not None}}


def by(path=None, **more):
    return {"process": {**({"path": path} if path else {}), **more}}


def both(*parts):
    out = {}
    for part in parts:
        for key, value in part.items():
            out[key] = {**out.get(key, {}), **value} if isinstance(value, dict) else value
    return out


CURL, TCP, UDP6 = by("/usr/bin/curl"), {"protocol": "tcp"}, both({"protocol": "udp6"}, to(ip="2001:db8::1"))
FIREFOX = both(by("/usr/lib/firefox/firefox", uid=1000), to(443, "addons.mozilla.org"))
EMPTY_MD5, EMPTY_SHA1 = "d41d8cd98f00b204e9800998ecf8427e", "da39a3ee5e6b4b0d3255bfef95601890afd80709"

# File: connections that it matches, connections that it does not.
GOOD = {
    "v1.0-go-time": ([to(443)], [to(80), {}]),
    "v1.0-simple": ([by("/opt/google/chrome/chrome")], [by("/opt/google/chrome")]),
    "v1.3-list-as-text": ([both(by("/usr/bin/curl", uid=1000), to(443))], [both(CURL, to(443)), both(by("/usr/bin/curl", uid=1000), to(80))]),
    "v1.3-list-twice": ([both(CURL, to(80))], [both(CURL, to(443))]),
    "v1.3-no-precedence": ([], [by("/usr/bin/telnet")]),  # it is off
    "v1.3-seconds": ([to(host="www.example.com")], [to(host="example.com")]),
    "v1.5-command": ([by("/usr/bin/python3", args=["/usr/bin/python3", "/usr/bin/software-properties-gtk"])], [by("/usr/bin/python3", args=["x"])]),
    "v1.5-command-regexp": ([by("/x", args=["/usr/bin/python3", "/home/a/youtube-dl", "-f"])], [by("/x", args=["python3", "youtube-dl", "-f"])]),
    "v1.5-env": ([by("/x", env={}), {}], [by("/x", env={"LD_PRELOAD": "/tmp/a.so"})]),
    "v1.5-env-regexp": ([by("/x", env={"APPIMAGE": "/home/a/App.AppImage"})], [by("/x", env={}), {}]),
    "v1.5-gui-list": ([FIREFOX], [both(FIREFOX, to(80)), both(FIREFOX, by(uid=1001))]),
    "v1.5-host": ([to(host="www.example.com"), to(host="WWW.EXAMPLE.COM")], [to(host="example.com"), {}]),
    "v1.5-host-regexp": ([to(host="github.com"), to(host="api.github.com")], [to(host="github.com.example"), to(host="notgithub.com")]),
    "v1.5-ip": ([to(ip="192.0.2.7")], [to(ip="192.0.2.70"), {}]),
    "v1.5-ip6": ([to(ip="2001:db8::7"), to(ip="2001:db8:0:0::7")], [to(ip="2001:db8::8")]),
    "v1.5-ip-regexp": ([to(ip="10.0.0.1"), to(ip="192.168.7.7")], [to(ip="110.0.0.1"), to(ip="192.0.2.1")]),
    "v1.5-lists-as-simple": ([], [to(host="a.example")]),
    "v1.5-lists-domains": ([], [to(host="a.example")]),  # its folder is not there
    "v1.5-lists-in-list": ([], [both(FIREFOX)]),
    "v1.5-lists-ips": ([], [to(ip="192.0.2.7")]),
    "v1.5-lists-nets": ([], [to(ip="192.0.2.7")]),
    "v1.5-lists-regexp": ([], [to(host="a.example")]),
    "v1.5-network": ([to(ip="192.168.1.255")], [to(ip="192.168.2.1"), to(ip="2001:db8::1")]),
    "v1.5-network6": ([to(ip="2001:db8:ffff::1")], [to(ip="2001:db9::1")]),
    "v1.5-network-alias": ([to(ip="10.0.0.1"), to(ip="172.31.0.1"), to(ip="fc00::1"), to(ip="127.0.0.1")], [to(ip="172.32.0.1"), to(ip="192.0.2.1")]),
    "v1.5-network-host-bits": ([to(ip="10.255.0.1")], [to(ip="11.0.0.1")]),
    "v1.5-path": ([CURL, by("/USR/bin/curl")], [by("/usr/bin/curl2"), {}]),
    "v1.5-path-any-case": ([by("/opt/app/run")], [by("/opt/app/run2")]),
    "v1.5-path-regexp": ([by("/usr/bin/apt"), by("/usr/sbin/dpkg")], [by("/usr/bin/aptitude"), by("/opt/usr/bin/apt")]),
    "v1.5-path-sensitive": ([by("/opt/App/Run")], [by("/opt/app/run")]),
    "v1.5-port": ([to(53)], [to(5353)]),
    "v1.5-port-regexp": ([to(80), to(8080)], [to(8081), to(180)]),
    "v1.5-precedence": ([to(host="telemetry.example.com")], [to(host="example.com")]),
    "v1.5-protocol": ([TCP, UDP6], [{"protocol": "icmp"}, {"protocol": "udplite"}]),
    "v1.5-protocol-simple": ([{"protocol": "udp"}], [UDP6, TCP]),
    "v1.5-true": ([{}, FIREFOX], []),
    "v1.5-user": ([by(uid=1000)], [by(uid=0), {}]),
    "v1.5-user-regexp": ([by(uid=1000), by(uid=1001)], [by(uid=10000)]),
    "v1.6-appimage": ([by("/tmp/.mount_AppXYz12/usr/bin/app")], [by("/tmp/mount_AppXYz12/usr/bin/app")]),
    "v1.6-description": ([to(22)], [to(2222)]),
    "v1.6-iface": ([{"iface": {"out": "tun0"}}], [{"iface": {"out": "tun1"}}, {}]),
    "v1.6-iface-in": ([{"iface": {"in": "eth0"}}], [{"iface": {"out": "eth0"}}]),
    "v1.6-iface-regexp": ([{"iface": {"out": "wg12"}}], [{"iface": {"out": "wlan0"}}]),
    "v1.6-kernel": ([by("Kernel connection")], [CURL, {}]),
    "v1.6-md5": ([by("/x", hash={"md5": EMPTY_MD5})], [by("/x", hash={"md5": "0" * 32}), by("/x")]),
    "v1.6-nested": ([both(CURL, to(443, "www.example.com"), TCP)], [both(CURL, to(443, "www.example.org"), TCP), both(CURL, to(80, "www.example.com"), TCP)]),
    "v1.6-nolog": ([to(123)], [to(124)]),
    "v1.6-parent": ([by("/x", parents=[{"path": "/usr/bin/bash"}, {"path": "/usr/bin/make"}])], [by("/usr/bin/make"), by("/x", parents=[])]),
    "v1.6-parent-regexp": ([by("/x", parents=[{"path": "/usr/bin/zsh"}])], [by("/x", parents=[{"path": "/usr/bin/fish"}])]),
    "v1.6-snap": ([by("/snap/firefox/4173/usr/lib/firefox/firefox")], [by("/snap/firefox/current/usr/lib/firefox/firefox")]),
    "v1.6-source": ([both({"source": {"port": 68, "ip": "10.0.0.2"}}, to(67))], [both({"source": {"port": 68, "ip": "192.0.2.1"}}, to(67)), to(67)]),
    "v1.6-source-ip": ([{"source": {"ip": "10.0.0.2"}}], [to(ip="10.0.0.2")]),
    "v1.7-lists-md5": ([], [by("/x", hash={"md5": EMPTY_MD5})]),
    "v1.7-multicast": ([to(ip="224.0.0.251"), to(ip="ff02::fb")], [to(ip="192.0.2.1")]),
    "v1.7-range": ([to(1024), to(65535)], [to(1023)]),
    "v1.7-range-user": ([by(uid=1000), by(uid=60000)], [by(uid=999), by(uid=60001), {}]),
    "v1.7-sha1": ([by("/x", hash={"sha1": EMPTY_SHA1})], [by("/x")]),
    "v1.7-umlaut": ([to(host="münchen.example")], [to(host="munchen.example")]),
    "v1.7-user-name": ([by(user="alice")], [by(user="bob"), {}]),
    "odd-crlf": ([CURL], [{}]),
    "odd-date": ([to(4)], [to(5)]),
    "odd-empty-list-field": ([CURL], [{}]),
    "odd-go-regexp": ([to(host="WWW.example.com")], [to(host="www.example.com.org"), to(host="a.b.example.com")]),
    "odd-minimal": ([to(1)], [to(2)]),
    "odd-name-with-slash": ([CURL], [{}]),
    "odd-no-name": ([to(2)], [to(1)]),
    "odd-null-fields": ([to(5)], [to(4)]),
    "odd-port-big": ([], [to(65535), to(0)]),
    "odd-unknown-fields": ([CURL], [{}]),
}
# Names that are not the file's.
NAMES = {"v1.0-simple": "deny-always-simple-opt-google-chrome-chrome", "odd-name-with-slash": "allow/always/x y"}
# Files that are a rule, but not one that a file may hold: elsewhere they are good.
TEMPORARY = {"v1.5-pid": ([by("/x", pid=4321)], [by("/x", pid=1)]), "odd-duration-old": ([to(6)], [to(7)])}
# What an import refuses, though a file may say it: nobody can be asked about a file.
ONLY_IN_FILES = {"odd-date": "created", "odd-no-name": "name", "v1.3-seconds": "created"}
# File: the place that is told.
BAD = {
    "bad-action": "action", "bad-action-case": "action", "bad-array": "", "bad-data-number": "operator.data",
    "bad-deep": "operator.list[0].list[0].list[0].list", "bad-duration": "duration", "bad-enabled-text": "enabled",
    "bad-ip": "operator.data", "bad-list-empty": "operator.list", "bad-list-in-text": "operator.list[1].data",
    "bad-list-nested": "operator.list[1].list[0].data", "bad-list-of-text": "operator.list[0]", "bad-list-second": "operator.list[1].data",
    "bad-list-text": "operator.data", "bad-lists-operand": "operator.operand", "bad-lists-relative": "operator.data",
    "bad-many": "operator.list", "bad-md5": "operator.data", "bad-name-control": "name", "bad-name-empty": "name", "bad-name-long": "name",
    "bad-name-number": "name", "bad-network": "operator.data", "bad-network-alias": "operator.data", "bad-network-operand": "operator.type",
    "bad-network-simple": "operator.type", "bad-no-action": "action", "bad-no-operator": "operator", "bad-operand": "operator.operand",
    "bad-operand-missing": "operator.operand", "bad-operator-text": "operator", "bad-port": "operator.data",
    "bad-precedence-number": "precedence", "bad-range": "operator.data", "bad-range-text": "operator.type", "bad-regexp": "operator.data",
    "bad-regexp-empty": "operator.data", "bad-type": "operator.type", "bad-type-missing": "operator.type",
}
# No JSON, or not what Go's reader takes for the same: line and column.
NO_JSON = {"bad-cut-off": "1:33", "bad-duplicate-key": "1:53", "bad-empty": "1:0", "bad-text": "1:6", "bad-utf8": "1:115", "odd-bom": "1:1",
           "odd-comments": "2:3", "odd-trailing-comma": "1:128"}


def name_of(file):
    return NAMES.get(file, file)


def document(file):
    with open(HERE / f"{file}.json", encoding="utf-8") as f:
        return json.load(f)


def problems_of_files():
    """What a folder with all of them is told: file -> place."""
    out = {**BAD, **NO_JSON, **{f: "duration" for f in TEMPORARY}}
    return {f"{file}.json": place for file, place in out.items()}


class TestTheTables(unittest.TestCase):
    def test_every_file_has_a_line(self):
        tables = [GOOD, TEMPORARY, BAD, NO_JSON]
        self.assertEqual(sorted(f for table in tables for f in table), sorted(p.stem for p in HERE.iterdir()))
        self.assertGreater(sum(map(len, tables)), 100)
        self.assertEqual(set(NAMES) | set(ONLY_IN_FILES), (set(NAMES) | set(ONLY_IN_FILES)) & set(GOOD))


class TestCheck(unittest.TestCase):
    def check(self, folder):
        done = subprocess.run([RULEMAN, "--json", "check", str(folder)], capture_output=True, text=True, check=False)
        got = json.loads(done.stdout)
        self.assertEqual(done.returncode, 4 if got["problems"] else 0, done.stderr)
        return got

    def test_check(self):
        got = self.check(HERE)
        self.assertEqual({p["file"]: p["place"] for p in got["problems"]}, problems_of_files())
        self.assertEqual(len(got["problems"]), len(problems_of_files()))
        self.assertTrue(all(p["message"] for p in got["problems"]))
        self.assertEqual((got["rules"], got["warnings"]), (len(GOOD) + len(TEMPORARY), []))

    def test_aliases_beside_the_folder_are_known(self):
        with tempfile.TemporaryDirectory(prefix="opensnitch-rules-") as top:
            shutil.copytree(HERE, f"{top}/rules")
            with open(f"{top}/network_aliases.json", "w", encoding="ascii") as f:
                json.dump({"OFFICE": ["192.0.2.0/24"]}, f)
            told = {p["file"] for p in self.check(f"{top}/rules")["problems"]}
        self.assertEqual(told, set(problems_of_files()) - {"bad-network-alias.json"})


class TestFolder(ApiCase):
    rules = [ALLOW_DNS]

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # Each whole at once: half of a file is another mistake.
        with tempfile.TemporaryDirectory(dir=cls.net.dir) as folder:
            for path in HERE.iterdir():
                shutil.copy(path, folder)
                os.rename(f"{folder}/{path.name}", f"{cls.daemon.rules_dir}/{path.name}")

    def listed(self):
        got = self.assert_status(self.api.get(f"{V1}/rules", query={"limit": 1000}), 200).json
        self.assertIsNone(got["next"])
        return got

    def loaded(self):
        def look():
            got = self.listed()
            return got if len(got["items"]) > len(GOOD) and len(got["problems"]) >= len(problems_of_files()) else None
        return wait_until(look, what="the folder to be read")

    def test_the_folder(self):
        got = self.loaded()
        self.assertEqual({p["file"]: p["place"] or "" for p in got["problems"]}, problems_of_files())
        rules = {r["file"]: r for r in got["items"] if r["name"] != ALLOW_DNS["name"]}
        self.assertEqual(set(rules), {f"{file}.json" for file in GOOD})
        for file in GOOD:
            with self.subTest(file=file):
                there, here = rules[f"{file}.json"], document(file)
                self.assertEqual(there["name"], name_of(file))
                self.assertEqual(there["operator"], here["operator"])
                self.assertEqual(there["action"], here["action"])
                for field, fallback in (("enabled", True), ("precedence", False), ("nolog", False), ("description", "")):
                    value = here.get(field)
                    self.assertEqual(there[field], fallback if value is None else value)
                for field in set(here) - {"created", "updated", "name", "duration", *("enabled", "precedence", "nolog", "description")}:
                    self.assertEqual(there[field], here[field])
                self.assertEqual(there["duration"], "always")
        self.assertEqual(rules["v1.0-go-time.json"]["created"], "2020-02-07T13:16:20.550255Z")
        self.assertEqual(rules["v1.0-go-time.json"]["updated"], "2020-02-07T14:16:20.000000Z")
        self.assertEqual(rules["v1.5-path.json"]["created"], "2022-01-09T11:31:45.345120Z")
        self.assertIsNone(rules["odd-date.json"]["created"])
        # Nobody's file was written to.
        for path in HERE.iterdir():
            with open(os.path.join(self.daemon.rules_dir, path.name), "rb") as f:
                self.assertEqual(f.read(), path.read_bytes(), path.name)

    def test_what_they_match(self):
        for file, (matches, misses) in {**GOOD, **TEMPORARY}.items():
            rule = {**document(file), "name": "on trial"}
            rule.update({f: None for f in ("created", "updated")})
            for connection in [*matches, *misses]:
                with self.subTest(file=file, connection=connection):
                    got = self.assert_status(self.api.post(f"{V1}/rules/test", {"rule": rule, "connection": connection}), 200).json
                    self.assertEqual(got["matched"], connection in matches)


class TestImport(ApiCase):
    rules = [ALLOW_DNS]

    def bring(self, rules, dry_run=False):
        return self.api.post(f"{V1}/rules/import", rules, query={"dry_run": str(dry_run).lower()})

    def names(self):
        items = self.assert_status(self.api.get(f"{V1}/rules", query={"limit": 1000}), 200).json["items"]
        return {r["name"] for r in items} - {ALLOW_DNS["name"]}

    def test_bad_ones_are_refused_with_their_place(self):
        for file, place in {**BAD, **ONLY_IN_FILES}.items():
            with self.subTest(file=file):
                self.assert_problem(self.bring([document(file)]), 422, field="[0]" + ("." if place else "") + place)
        for file in set(NO_JSON) - {"bad-empty"}:  # a list of nothing is good
            with self.subTest(file=file):
                raw = b"[" + (HERE / f"{file}.json").read_bytes() + b"]"
                got = self.api.post(f"{V1}/rules/import", raw)
                self.assertIn(got.status, (400, 422), got)
        self.assertEqual(self.names(), set())

    def test_good_ones_come_in_at_once_and_go_out_as_they_were(self):
        files = sorted(set(GOOD) - set(ONLY_IN_FILES) | set(TEMPORARY))
        self.assert_status(self.bring([document(f) for f in files], dry_run=True), 200)
        self.assertEqual(self.names(), set())
        self.assert_status(self.bring([document(f) for f in files]), 200)
        exported = {r["name"]: r for r in self.assert_status(self.api.get(f"{V1}/rules/export"), 200).json if r["name"] != ALLOW_DNS["name"]}
        self.assertEqual(set(exported), {name_of(f) for f in files})
        for file in files:
            with self.subTest(file=file):
                self.assertEqual(exported[name_of(file)]["operator"], document(file)["operator"])
        for name in exported:
            self.assert_status(self.api.delete(f"{V1}/rules/{name.replace('/', '%2F').replace(' ', '%20')}"), 204)


if __name__ == "__main__":
    tap.main()
