#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A list from a URL behind the daemon's own guard: its fetcher asks and is judged like any other program, and nothing waits for itself."""
import os

from engine_kit import ALLOW_DNS, EngineTest, tap, wait_until

from client import Api, Events
from daemon import Daemon, builddir, rule

LISTS = "/api/v1/lists"
URL = "http://www.example.test/hosts.txt"
REFUSED = 7  # curl: could not connect


class InsideDaemon(Daemon):
    """One that was started where it guards, as on a machine: its own connections go through its queue."""

    def argv(self):
        out = super().argv()
        at = out.index("--netns")
        return self.net.command(out[:at] + out[at + 2:])

    @property
    def api(self):
        return Api(unix=self.socket_path)


class GuardedFetchTest(EngineTest):
    def start_inside(self, rules=(ALLOW_DNS,), **config):
        d = InsideDaemon(self.net, config=config, rules=rules)
        self.addCleanup(d.close)
        self.program = os.path.join(d.builddir, "opensnitch-fetcher")
        return d

    def add(self, d, url=URL):
        got = d.api.post(LISTS, {"name": "ads", "url": url})
        self.assertEqual(got.status, 201, got)

    def get(self, d):
        return d.api.get(f"{LISTS}/ads").json

    def fetched(self, d, after=None):
        return wait_until(lambda: (i := self.get(d))["checked"] != after and not i["refreshing"] and i, what="the end of a fetch")

    def refresh(self, d):
        before = self.get(d)["checked"]
        self.assertEqual(d.api.post(f"{LISTS}/ads/refresh").status, 202)
        return self.fetched(d, before)

    def decided(self, d, n):
        """What was recorded of the fetcher, its look-ups of names aside."""
        return wait_until(lambda: (lambda got: got if len(got) >= n else None)(self.of_fetcher(d)), what=f"{n} decisions")

    def of_fetcher(self, d):
        return [c for c in d.api.connections(**{"process.path": self.program}) if c["dest"]["port"] != 53]

    def test_it_is_asked_about_like_any_other(self):
        d = self.start_inside(rules=(), default_action="deny")
        events = Events(d.api)
        self.addCleanup(events.close)
        self.wait_clients(d, 1)
        self.add(d, "http://v4only.test/hosts.txt")
        # First its look-up of the name, then the server; somebody answers both for good.
        prompt = events.wait_for("prompt.opened").data
        self.assertEqual((prompt["connection"]["process"]["path"], prompt["connection"]["dest"]["port"]), (self.program, 53))
        # While it is held all else goes on.
        self.assertTrue(self.get(d)["refreshing"])
        self.assertEqual(d.api.get("/api/v1/rules").status, 200)
        self.answer(d, prompt, "allow", "always", match=["process.path", "dest.port"])
        prompt = events.wait_for("prompt.opened", lambda e: e["connection"]["dest"]["port"] == 80).data
        self.assertEqual((prompt["connection"]["process"]["path"], prompt["connection"]["dest"]["host"]), (self.program, "v4only.test"))
        self.answer(d, prompt, "allow", "always", match=["process.path", "dest.host"])
        item = self.fetched(d)
        self.assertEqual((item["error"], item["entries"]), (None, 2))
        self.net.wait_arrival(kind="http", path="/hosts.txt")
        # From then on the rules decide, and nobody is asked.
        asked = len(events.all("prompt.opened"))
        self.assertIsNone(self.refresh(d)["error"])
        self.assertEqual({c["action"] for c in self.decided(d, 2)}, {"allow"})
        self.assertEqual(len(events.all("prompt.opened")), asked)

    def test_a_rule_for_the_program_lets_it_through(self):
        path = os.path.join(builddir(), "opensnitch-fetcher")
        d = self.start_inside(rules=(rule("fetcher", "allow", ("process.path", path)),), default_action="deny")
        self.add(d)
        item = self.fetched(d)
        self.assertEqual((item["error"], item["entries"]), (None, 2))
        self.assertEqual({c["rule"] for c in self.decided(d, 1)}, {"fetcher"})
        # No other program profits from it.
        done = self.net.run(["curl", "-s", "-m", "2", "http://198.51.100.10/"])
        self.assertNotEqual(done.returncode, 0)

    def test_a_list_that_names_its_own_server(self):
        """It locks itself out: the last copy stays in force, with the reason beside it."""
        d = self.start_inside(rules=(ALLOW_DNS,), default_action="allow")
        self.add(d)
        item = self.fetched(d)
        self.assertEqual(item["entries"], 2)
        got = d.api.post("/api/v1/rules", rule("block", "reject", ("lists.domains", item["folder"], "lists")))
        self.assertEqual(got.status, 201, got)
        blocked = ["curl", "-s", "-m", "50", "-o", "/dev/null", "http://news.example.test/"]
        wait_until(lambda: self.net.run(blocked).returncode == REFUSED, what="the list in force")
        self.assertEqual(d.api.patch(f"{LISTS}/ads", {"url": "http://news.example.test/hosts.txt"}).status, 200)
        item = wait_until(lambda: (i := self.get(d))["error"] and not i["refreshing"] and i, what="an error")
        self.assertIn("onnect", item["error"])
        self.assertEqual(item["entries"], 2)
        self.assertEqual(self.net.run(blocked).returncode, REFUSED)
        wanted = {("reject", "block")}
        wait_until(lambda: {(c["action"], c["rule"]) for c in self.of_fetcher(d) if c["dest"]["host"] == "news.example.test"} == wanted,
                   what="its connections in the history, rejected")


if __name__ == "__main__":
    tap.main()
