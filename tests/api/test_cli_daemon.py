#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""opensnitch-ui and opensnitch-ruleman with a real daemon that guards a namespace."""
import grp
import json
import os
import pathlib
import pwd
import shutil
import subprocess
import sys
import unittest
from urllib.parse import urlsplit

TOP = pathlib.Path(os.environ.get("TOP_SRCDIR", pathlib.Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(TOP / "tests/harness"))
import tap  # noqa: E402
from client import Api  # noqa: E402
from daemon import ALLOW_DNS, Daemon, builddir  # noqa: E402
from lab import Lab, wait_until, why_not  # noqa: E402

BUILD = pathlib.Path(builddir())
CURL = os.path.realpath(shutil.which("curl") or "/usr/bin/curl")
SITE = "http://www.example.test/"
DEADLINE_S = 60


@unittest.skipIf(why_not(), why_not())
class TestCliWithDaemon(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.net = Lab(prefix="opensnitch-cli").__enter__()
        cls.addClassCleanup(cls.net.__exit__, None, None, None)
        cls.daemon = Daemon(cls.net, config={"default_action": "reject"}, rules=[ALLOW_DNS])
        cls.addClassCleanup(cls.daemon.close)

    def ruleman(self, *argv, code=0, where=None, **options):
        where = where or ["--runtime-dir", self.daemon.runtime_dir]
        done = subprocess.run([BUILD / "opensnitch-ruleman", *where, *argv], capture_output=True,
                              text=True, timeout=DEADLINE_S, check=False, **options)
        self.assertEqual(done.returncode, code, f"{argv}: {done.stdout}{done.stderr}")
        return done

    def delete_later(self, name):
        self.addCleanup(self.daemon.api.delete, f"/api/v1/rules/{name}")

    def reaches(self, url=SITE):
        return self.net.run(["curl", "-sf", "-m", "50", "-o", "/dev/null", url]).returncode == 0

    def test_a_rule_works_from_the_moment_its_command_returns(self):
        self.delete_later("cli-curl")
        self.assertFalse(self.reaches())
        added = self.ruleman("add", "--action", "allow", "--path", CURL, "--host", "www.example.test",
                             "--port", "80", "--protocol", "tcp", "--name", "cli-curl")
        self.assertEqual(added.stdout, "cli-curl\n")
        self.assertTrue(self.reaches())
        self.assertIn("cli-curl.json", self.daemon.rule_files())
        self.ruleman("disable", "cli-curl")
        self.assertFalse(self.reaches())
        self.ruleman("enable", "cli-curl")
        self.assertTrue(self.reaches())
        self.ruleman("delete", "cli-curl")
        self.assertFalse(self.reaches())
        self.assertNotIn("cli-curl.json", self.daemon.rule_files())

    def test_export_and_import(self):
        self.delete_later("cli-moved")
        self.ruleman("add", "--action", "deny", "--host", "moved.test", "--name", "cli-moved")
        exported = json.loads(self.ruleman("export").stdout)
        mine = [r for r in exported if r["name"] == "cli-moved"]
        self.assertEqual(len(mine), 1)
        self.assertNotIn("hits", mine[0])
        self.ruleman("import", "-", code=5, input=json.dumps(mine))
        mine[0]["action"] = "reject"
        self.ruleman("import", "--replace", "--dry-run", "-", input=json.dumps(mine))
        self.assertEqual(self.daemon.api.rule("cli-moved").json["action"], "deny")
        self.ruleman("import", "--replace", "-", input=json.dumps(mine))
        self.assertEqual(self.daemon.api.rule("cli-moved").json["action"], "reject")
        file = f"{self.daemon.dir}/exported.json"
        self.ruleman("export", file)
        with open(file, encoding="utf-8") as f:
            self.assertEqual({r["name"] for r in json.load(f)}, {r["name"] for r in exported})

    def test_edit(self):
        self.delete_later("cli-edit")
        self.ruleman("add", "--action", "deny", "--host", "edit.test", "--name", "cli-edit")
        editor = {**os.environ, "VISUAL": "sed -i s/deny/reject/"}
        self.ruleman("edit", "cli-edit", env=editor)
        self.assertEqual(self.daemon.api.rule("cli-edit").json["action"], "reject")
        same = self.ruleman("edit", "cli-edit", env={**os.environ, "VISUAL": "true"})
        self.assertIn("nothing was changed", same.stderr)
        self.ruleman("edit", "cli-edit", code=1, env={**os.environ, "VISUAL": "false"})
        self.ruleman("edit", "cli-edit", code=4, env={**os.environ, "VISUAL": "sed -i s/reject/smoke/"})
        # somebody else was quicker
        other = f"{BUILD}/opensnitch-ruleman --runtime-dir {self.daemon.runtime_dir} disable cli-edit; sed -i s/reject/deny/"
        self.ruleman("edit", "cli-edit", code=5, env={**os.environ, "VISUAL": other})

    def test_history_and_revert(self):
        self.delete_later("cli-history")
        self.ruleman("add", "--action", "deny", "--host", "h.test", "--name", "cli-history")
        self.ruleman("disable", "cli-history")
        self.ruleman("delete", "cli-history")
        rows = [line.split("\t") for line in self.ruleman("history", "cli-history").stdout.splitlines()]
        self.assertEqual([row[2] for row in rows], ["deleted", "updated", "created"])
        self.assertEqual({row[3] for row in rows}, {"user root"})
        self.ruleman("revert", "cli-history")
        self.assertFalse(self.daemon.api.rule("cli-history").json["enabled"])
        self.ruleman("revert", "cli-history", "--change", rows[1][0])
        self.assertTrue(self.daemon.api.rule("cli-history").json["enabled"])
        self.ruleman("history", "nobody", code=3)
        self.ruleman("revert", "nobody", code=3)

    def test_explain_test_and_report(self):
        self.delete_later("cli-wide")
        self.ruleman("add", "--action", "allow", "--protocol", "tcp", "--name", "cli-wide")
        explained = self.ruleman("explain", "--path", CURL, "--protocol", "tcp", "--port", "80").stdout
        self.assertIn("* cli-wide  [allow]", explained)
        self.assertIn("    + protocol = tcp   (it is tcp)", explained)
        self.assertIn("    - dest.port = 53   (it is 80)", explained)
        self.assertEqual(json.loads(self.ruleman("explain", "--json", "--protocol", "tcp").stdout)["rule"], "cli-wide")
        self.ruleman("explain", "99999999", code=3)
        self.ruleman("explain", "-", code=4, input='{"dest":{"port":"x"}}')
        self.assertTrue(self.reaches())
        tested = self.ruleman("test", "--action", "deny", "--path", CURL, "--name", "000-cli-test").stdout
        self.assertRegex(tested, r"(?m)^ *\d+  allow -> deny$")
        self.ruleman("test", "--remove", "nobody", code=4)
        report = self.ruleman("report").stdout
        self.assertIn("too_wide\tcli-wide\t", report)

    def test_learn_and_suggest(self):
        # The dashboard calls them the same.
        names = {"/usr/bin/curl": "learning-usr-bin-curl-soeo72", "/opt/ü 🦊/a": "learning-opt-a-1yb5p1p", "/...": "learning-program-uzmn",
                 "/" + "x" * 100 + "-": "learning-" + "x" * 80 + "-1t4wi1q", "/opt/--x..": "learning-opt-x-1qd2a5p",
                 "everything": "learning-everything"}
        for program, name in names.items():
            self.delete_later(name)
            self.assertEqual(self.ruleman("learn", program, "--duration", "12h").stdout, name + "\n")
            self.ruleman("learn", program, code=5)
            self.ruleman("learn", "--stop", program)
            self.ruleman("learn", "--stop", program, code=3)
        self.assertFalse(self.reaches())
        before = self.daemon.api.rule(self.ruleman("learn", CURL).stdout.strip()).json
        self.delete_later(before["name"])
        self.assertEqual((before["duration"], before["operator"]["data"]), ("1h", CURL))
        self.assertTrue(self.reaches())
        found = [line.split("\t") for line in self.ruleman("learn").stdout.splitlines()]
        self.assertEqual([row for row in found if row[1] == "learning"], [[CURL, "learning", before["created"], before["expires"]]])
        self.ruleman("learn", "--stop", CURL)
        self.assertFalse(self.reaches())
        wait_until(lambda: any(row.startswith(f"{CURL}\tover\t") for row in self.ruleman("learn").stdout.splitlines()),
                   what="the learning that is over")
        listed = json.loads(self.ruleman("learn", "--json").stdout)
        over = next(item for item in listed if item["program"] == CURL)
        self.assertEqual((over["runs"], over["name"]), (False, before["name"]))
        # What it let through becomes rules.
        span = ("--from", over["from"])
        # The history is written in order: with what was denied after the learning, all that it let through is there.
        wait_until(lambda: any(c["action"] != "allow" for c in self.daemon.api.get(
            f"/api/v1/connections?process.path={CURL}&from={over['from']}").json["items"]), what="the history")
        rows = [line.split("\t") for line in self.ruleman("suggest", CURL, *span).stdout.splitlines()]
        self.assertEqual([row[0] for row in rows], [str(n + 1) for n in range(len(rows))])
        self.assertTrue(any("example.test" in row[3] for row in rows), rows)
        for row in rows:
            self.delete_later(row[2])
        self.ruleman("suggest", CURL, str(len(rows) + 1), "--accept", *span, code=3)
        self.assertEqual(self.ruleman("suggest", CURL, "1", "--accept", *span).stdout, rows[0][2] + "\n")
        self.ruleman("delete", rows[0][2])
        self.assertEqual(self.ruleman("suggest", CURL, "--accept", *span).stdout.splitlines(), [row[2] for row in rows])
        self.assertTrue(self.reaches())
        self.ruleman("suggest", CURL, "--accept", *span, code=5)

    def test_check_needs_no_daemon(self):
        folder = pathlib.Path(self.daemon.dir) / "checked"
        folder.mkdir()
        good = {"name": "a", "action": "allow", "duration": "always",
                "operator": {"type": "simple", "operand": "dest.port", "data": "1"}}
        (folder / "a.json").write_text(json.dumps(good))
        judged = json.loads(self.ruleman("check", str(folder), where=["--json"]).stdout)
        self.assertEqual(judged, {"rules": 1, "problems": [], "warnings": []})
        done = self.ruleman("check", str(folder), where=["--runtime-dir", "/nowhere"])
        self.assertEqual((done.stdout, done.stderr), ("", "1 rules, 0 wrong\n"))
        (folder / "b.json").write_text(json.dumps(good))
        (folder / "c.json").write_text('{"name": "c",')
        (folder / "d.json").write_text(json.dumps({**good, "name": "d", "duration": "5m"}))
        (folder / "e.json").write_text(json.dumps({**good, "name": "e", "operator": {
            "type": "regexp", "operand": "dest.host", "data": "(?=x)y"}}))
        done = self.ruleman("check", str(folder), code=4)
        self.assertIn("b.json: name: the file 'a.json' has a rule of this name\n", done.stdout)
        self.assertRegex(done.stdout, r"(?m)^c\.json: 1:\d+: ")
        self.assertIn("d.json: duration: a rule in a file lasts always\n", done.stdout)
        self.assertIn("e.json: operator.data: warning: looks ahead, which RE2 cannot\n", done.stdout)
        self.ruleman("check", f"{self.daemon.dir}/none", code=1)

    def test_list_and_show(self):
        self.delete_later("cli-list")
        self.ruleman("add", "--action", "deny", "--host", "*.ads.test", "--name", "cli-list",
                     "--description", "no ads")
        rows = [line.split("\t") for line in self.ruleman("list").stdout.splitlines()]
        self.assertEqual([row[0] for row in rows], sorted(row[0] for row in rows))
        row = next(row for row in rows if row[0] == "cli-list")
        self.assertEqual(row, ["cli-list", "yes", "deny", "always", "0", r"dest.host ~ \.ads\.test$"])
        listed = json.loads(self.ruleman("list", "--json").stdout)
        shown = json.loads(self.ruleman("show", "--json", "cli-list").stdout)
        self.assertEqual(next(rule for rule in listed if rule["name"] == "cli-list"), shown)
        self.assertEqual(shown["description"], "no ads")
        self.assertIn("no ads", self.ruleman("show", "cli-list").stdout)
        # and what is shown can be added again, under another name
        self.delete_later("cli-copy")
        shown["name"] = "cli-copy"
        self.assertEqual(self.ruleman("add", "-", input=json.dumps(shown)).stdout, "cli-copy\n")

    def test_options_that_make_every_kind_of_operator(self):
        self.delete_later("cli-all")
        self.ruleman("add", "--action", "allow", "--name", "cli-all", "--path", "/usr/bin/x", "--user", "0",
                     "--net", "198.51.100.0/24", "--ip", "198.51.100.10", "--port", "1-1024",
                     "--protocol", "tcp", "--duration", "until restart", "--disabled")
        rule = json.loads(self.ruleman("show", "--json", "cli-all").stdout)
        self.assertEqual([o["operand"] for o in rule["operator"]["list"]],
                         ["process.path", "user.id", "dest.ip", "dest.network", "dest.port", "protocol"])
        self.assertFalse(rule["enabled"])
        self.delete_later("cli-any")
        self.ruleman("add", "--action", "allow", "--name", "cli-any", "--any", "--disabled")
        self.delete_later("cli-user")
        self.ruleman("add", "--action", "allow", "--name", "cli-user", "--user", "nobody", "--disabled")

    def test_refusals(self):
        self.ruleman("show", "no-such-rule", code=3)
        self.ruleman("delete", "no-such-rule", code=3)
        self.delete_later("cli-twice")
        self.ruleman("add", "--action", "allow", "--path", "/x", "--name", "cli-twice")
        self.ruleman("add", "--action", "deny", "--path", "/x", "--name", "cli-twice", code=5)
        done = self.ruleman("add", "--action", "allow", "--path", "/x", "--port", "http", "--name", "n",
                            code=4)
        self.assertIn(" operator.list[1].data: ", done.stderr)
        done = self.ruleman("add", "--action", "maybe", "--path", "/x", "--name", "n", code=4)
        self.assertIn(" action: ", done.stderr)
        self.ruleman("add", "-", input="{}", code=4)

    def test_odd_names(self):
        for name in ("with space", "ümlaut", "a%2fb", "--dashes"):
            self.addCleanup(self.daemon.api.delete, f"/api/v1/rules/{name.encode().hex()}")
            added = self.ruleman("add", "-", input=json.dumps({
                "name": name, "enabled": False, "action": "allow", "duration": "always",
                "operator": {"type": "simple", "operand": "true", "data": ""}}))
            self.assertEqual(added.stdout, name + "\n")
            self.assertEqual(json.loads(self.ruleman("show", "--json", "--", name).stdout)["name"], name)
            self.ruleman("delete", "--", name)

    def test_token(self):
        where = ["--url", self.daemon.url, "--token-file", f"{self.daemon.runtime_dir}/token"]
        self.assertIn("000-allow-dns", self.ruleman("list", where=where).stdout)
        self.ruleman("list", where=["--url", self.daemon.url, "--token", "wrong"], code=1)
        self.ruleman("list", where=["--url", self.daemon.url], code=1)

    def test_who_may_use_the_socket(self):
        nobody = pwd.getpwnam("nobody")
        # the build directory may be closed to other users
        program = shutil.copy(BUILD / "opensnitch-ruleman", self.daemon.dir)
        argv = [program, "--runtime-dir", self.daemon.runtime_dir, "list"]
        done = subprocess.run(argv, user=nobody.pw_uid, group=nobody.pw_gid, extra_groups=[],
                              capture_output=True, text=True, timeout=DEADLINE_S, check=False)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("group opensnitch", done.stderr)
        member = grp.getgrnam("opensnitch").gr_gid
        done = subprocess.run(argv, user=nobody.pw_uid, group=nobody.pw_gid, extra_groups=[member],
                              capture_output=True, text=True, timeout=DEADLINE_S, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("000-allow-dns", done.stdout)

    def test_one_time_url(self):
        done = subprocess.run([BUILD / "opensnitch-ui", "--print", "--runtime-dir", self.daemon.runtime_dir],
                              capture_output=True, text=True, timeout=DEADLINE_S, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        url = urlsplit(done.stdout.strip())
        self.assertEqual((url.scheme, url.port, url.path), ("http", self.daemon.port, "/login"))
        name, _, code = url.fragment.partition("=")
        self.assertEqual(name, "code")
        stranger = Api(self.daemon.port)
        opened = stranger.post("/api/v1/session", {"code": code})
        self.assertEqual(opened.status, 201)
        self.assertIn("HttpOnly", opened.headers["Set-Cookie"])
        self.assertEqual(stranger.post("/api/v1/session", {"code": code}).status, 401)


if __name__ == "__main__":
    tap.main()
