#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Prompts: what is shown of a held connection, and answering it."""
import concurrent.futures
import os
import shutil
import tempfile
import time

from kit import V1, ApiCase, wait_until
import tap

CURL = shutil.which("curl") or "/usr/bin/curl"


class TestPrompts(ApiCase):
    config = {"default_action": "deny", "prompt": {"timeout": "120s"}}

    def setUp(self):
        self.addCleanup(self.forget_rules)

    def forget_rules(self):
        for item in self.api.get(f"{V1}/prompts").json["items"]:
            self.api.answer(item, "deny")
        for item in self.api.get(f"{V1}/rules").json["items"]:
            if item["name"] != "000-allow-dns":
                self.api.delete(f"{V1}/rules/{item['name']}")

    def answered(self):
        """What the answer given last was about, as the audit log has it."""
        return self.api.get(f"{V1}/audit", query={"action": "/prompts/", "limit": 1}).json["items"][0]["object"]

    def wait_curl(self, curl, code):
        self.assertEqual(curl.wait(60), code, curl.stderr.read())

    def test_a_prompt_and_its_answer(self):
        events, curl, prompt = self.ask()
        got = self.assert_status(self.api.get(f"{V1}/prompts/{prompt['id']}"), 200)
        self.assertEqual(got.json, prompt)
        self.assertEqual(self.api.get(f"{V1}/prompts").json, {"items": [prompt], "next": None})
        self.assertLess(prompt["opened"], prompt["deadline"])
        self.assertEqual(prompt["held"], 1)
        c = prompt["connection"]
        self.assertEqual(c["dest"], {"ip": c["dest"]["ip"], "port": 80, "host": "www.example.test", "host_source": "dns",
                                     "host_certainty": "exact"})
        self.assertTrue(c["process"]["path"].endswith("curl"))
        self.assertNotIn("action", c)
        self.assertTrue(all(s["match"] for s in prompt["suggestions"]))
        # By name no protocol: it would be of one address family.
        self.assertEqual(prompt["suggestions"][0]["match"], ["process.path", "dest.host", "dest.port"])

        got = self.assert_status(self.api.answer(prompt, "allow"), 200).json
        self.assertEqual(got, {"id": prompt["id"], "action": "allow", "released": 1, "rule": None})
        self.assertEqual(self.answered(), str(prompt["id"]))
        self.wait_curl(curl, 0)
        closed = events.wait_for("prompt.closed", lambda d: d["id"] == prompt["id"]).data
        self.assertEqual(closed, {"id": prompt["id"], "end": "answered", "action": "allow", "released": 1})
        decided = events.wait_for("connection", lambda d: d["source"] == c["source"] and d["dest"]["port"] == 80).data
        self.assertEqual((decided["action"], decided["reason"], decided["dest"]), ("allow", "answer", c["dest"]))
        # the second answer, and a look at what is over
        self.assert_problem(self.api.answer(prompt, "deny"), 410, "prompt-gone")
        self.assert_problem(self.api.get(f"{V1}/prompts/{prompt['id']}"), 410, "prompt-gone")
        self.assert_problem(self.api.answer({"id": prompt["id"] + 1000}, "deny"), 404)

    def test_answers_with_a_rule(self):
        _, curl, prompt = self.ask()
        got = self.assert_status(self.api.answer(prompt, "allow", "always", match=["process.path", "dest.host"]), 200).json
        self.wait_curl(curl, 0)
        rule = got["rule"]
        self.assertEqual([o["operand"] for o in rule["operator"]["list"]], ["process.path", "dest.host"])
        self.assertEqual((rule["action"], rule["duration"], rule["source"]), ("allow", "always", "prompt"))
        self.assertIn(rule["file"], self.daemon.rule_files())
        self.assertEqual(self.api.rule(rule["name"]).json["operator"], rule["operator"])
        self.assertEqual(self.answered(), rule["name"])
        self.visit()

    def test_a_program_that_changed_since_its_rule(self):
        folder = tempfile.mkdtemp(prefix="opensnitch-program-")
        self.addCleanup(shutil.rmtree, folder)
        os.chmod(folder, 0o755)
        program = os.path.join(folder, "my-curl")
        shutil.copy(CURL, program)
        _, curl, prompt = self.ask(program=program)
        self.assertIsNone(prompt["program_changed"])
        name = self.api.answer(prompt, "allow", "always", match=["process.path", "dest.port"]).json["rule"]["name"]
        self.wait_curl(curl, 0)
        # Of another port nothing is known, but the program is the same.
        _, curl, prompt = self.ask("http://www.example.test:8080/", program)
        self.assertIsNone(prompt["program_changed"])
        self.api.answer(prompt, "reject")
        self.wait_curl(curl, 7)
        before = time.gmtime()
        os.unlink(program)
        shutil.copy(CURL, program)
        os.utime(program, (1, 1))
        _, curl, prompt = self.ask("http://www.example.test:8080/", program)
        changed = prompt["program_changed"]
        self.assertEqual(changed["rules"], [name])
        self.assertIn(changed["changed"][:4], {str(t.tm_year) for t in (before, time.gmtime())}, "of the inode, not of the content")
        self.assertEqual(self.api.get(f"{V1}/prompts/{prompt['id']}").json, prompt)
        # A rule that is made now is made for what runs now.
        self.api.answer(prompt, "allow", "always", match=["process.path", "dest.port"])
        self.wait_curl(curl, 0)
        _, curl, prompt = self.ask("http://www.example.test:9999/", program)
        self.assertIsNone(prompt["program_changed"])
        self.api.answer(prompt, "reject")
        self.wait_curl(curl, 7)

    def test_a_whole_rule(self):
        _, curl, prompt = self.ask()
        rule = {"name": "whole", "action": "reject", "duration": "until restart",
                "operator": {"type": "simple", "operand": "dest.port", "data": "80"}}
        got = self.assert_status(self.api.post(f"{V1}/prompts/{prompt['id']}/answer", {"rule": rule}), 200).json
        self.assertEqual((got["action"], got["rule"]["name"]), ("reject", "whole"))
        self.wait_curl(curl, 7)
        self.assertIsNone(self.api.rule("whole").json["file"])

    def test_refusals_name_the_field_and_answer_nothing(self):
        _, curl, prompt = self.ask()
        rule = {"name": "r", "action": "allow", "operator": {"type": "simple", "operand": "dest.port", "data": "80"}}
        for body, field in (({}, "action"), ({"action": "maybe"}, "action"), ({"action": "allow", "duration": "2h"}, "duration"),
                            ({"action": "allow", "duration": 1}, "duration"), ({"action": "allow", "match": "x"}, "match"),
                            ({"action": "allow", "match": ["nonsense"]}, "match[0]"), ({"action": "allow", "match": [1]}, "match[0]"),
                            ({"action": "allow", "x": 1}, "x"), ({"rule": {}}, "rule.action"), ({"rule": rule, "match": []}, "match"),
                            ({"rule": rule, "action": "deny"}, "action"), ({"rule": rule, "duration": "1h"}, "duration"),
                            ({"rule": {**rule, "duration": "once"}}, "rule.duration"), ({"rule": {**rule, "name": ""}}, "rule.name"),
                            ({"rule": {**rule, "operator": {**rule["operator"], "data": "x"}}}, "rule.operator.data"), ([], "")):
            with self.subTest(body=body):
                self.assert_problem(self.api.post(f"{V1}/prompts/{prompt['id']}/answer", body), 422, field=field)
        taken = {**rule, "name": "000-allow-dns"}
        self.assert_problem(self.api.post(f"{V1}/prompts/{prompt['id']}/answer", {"rule": taken}), 409)
        self.assertEqual([p["id"] for p in self.api.get(f"{V1}/prompts").json["items"]], [prompt["id"]])
        self.assertEqual(len(self.api.get(f"{V1}/rules").json["items"]), 1)
        self.assert_status(self.api.answer(prompt, "reject"), 200)
        self.wait_curl(curl, 7)

    def test_of_many_answers_one_wins(self):
        _, curl, prompt = self.ask()
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            got = list(pool.map(lambda _: self.api.answer(prompt, "allow"), range(16)))
        self.assertEqual(sorted(g.status for g in got), [200] + [410] * 15)
        self.wait_curl(curl, 0)

    def test_pages_and_order(self):
        events = self.daemon.events()
        self.addCleanup(events.close)
        hosts = ["www.example.test", "news.example.test", "api.weather.test", "updates.example.test", "time.test"]
        for n, host in enumerate(hosts):
            self.net.popen(["curl", "-4sf", "-m", "100", "-o", "/dev/null", f"http://{host}/"])
            events.wait_for("prompt.opened", skip=n)
        opened = [e.data["id"] for e in events.all("prompt.opened")]
        self.assertEqual(self.pages("opened", 2), opened)
        self.assertEqual(self.pages("-opened", 2), opened[::-1])
        # a prompt that goes away between two pages moves no other one
        first = self.api.get(f"{V1}/prompts", query={"limit": 2}).json
        self.assert_status(self.api.answer(first["items"][1], "deny"), 200)
        rest = self.api.get(f"{V1}/prompts", query={"cursor": first["next"]}).json
        self.assertEqual([i["id"] for i in rest["items"]], opened[2:])
        self.assertIsNone(rest["next"])

    def pages(self, sort, limit):
        found, cursor = [], None
        while True:
            got = self.api.get(f"{V1}/prompts", query={"sort": sort, "limit": limit, **({"cursor": cursor} if cursor else {})}).json
            self.assertLessEqual(len(got["items"]), limit)
            found += [i["id"] for i in got["items"]]
            cursor = got["next"]
            if cursor is None:
                return found


class TestPromptEnds(ApiCase):
    config = {"default_action": "allow", "prompt": {"timeout": "1s", "timeout_action": "reject"}}

    def test_time_is_up(self):
        events, curl, prompt = self.ask()
        closed = events.wait_for("prompt.closed").data
        self.assertEqual((closed["id"], closed["end"], closed["action"]), (prompt["id"], "timed_out", "reject"))
        self.assertEqual(curl.wait(60), 7)
        self.assertEqual(events.wait_for("connection", lambda d: d["reason"] == "timeout").data["action"], "reject")
        self.assert_problem(self.api.answer(prompt, "allow"), 410, "prompt-gone")

    def test_one_that_ended_before_the_console_restarted(self):
        events, curl, prompt = self.ask()
        events.wait_for("prompt.closed")
        curl.wait(60)
        self.daemon.kill_console()

        def back():
            try:
                return self.api.get(f"{V1}/status").status == 200
            except OSError:
                return False

        wait_until(back, what="the console to be back")
        self.assert_problem(self.api.answer(prompt, "allow"), 410, "prompt-gone")
        self.assert_problem(self.api.get(f"{V1}/prompts/{prompt['id']}"), 410, "prompt-gone")
        self.assert_problem(self.api.answer({"id": prompt["id"] + 1}, "allow"), 404)

    def test_nobody_is_there_to_answer(self):
        with self.daemon.events("connection") as events:
            self.visit()
            decided = events.wait_for("connection", lambda d: d["dest"]["port"] == 80).data
        self.assertEqual((decided["action"], decided["reason"]), ("allow", "no_client"))


if __name__ == "__main__":
    tap.main()
