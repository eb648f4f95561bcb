# SPDX-License-Identifier: GPL-2.0-or-later
"""One connection from its first packet to its end: held, then allowed, denied or rejected, by a person and by a rule."""
import os

from engine_kit import (ALLOW_DNS, CURL, NEWS4, NEWS6, PYTHON, TIME4, TIME6, WWW4, WWW6, EngineTest, counter, dest,
                        tap, wait_until)

from daemon import rule

TARGETS = {"tcp": (WWW4, 80), "tcp6": (WWW6, 80), "udp": (TIME4, 9000), "udp6": (TIME6, 9000)}
NOBODY4 = "203.0.113.99"

# A connection that is given up without an answer, when stdin ends; prints its port.
GIVES_UP = """
import socket, sys
s = socket.socket()
s.setblocking(False)
try:
    s.connect((sys.argv[1], 443))
except BlockingIOError:
    pass
print(s.getsockname()[1], flush=True)
sys.stdin.read()
"""


class VerdictTest(EngineTest):
    def open_prompt(self, daemon, events, program, protocol):
        """Lets the program begin; the prompt about it."""
        host, port = TARGETS[protocol]
        seen = len(events.all("prompt.opened"))
        if protocol.startswith("tcp"):
            program.begin("tcp", host, port)
        else:
            program.call("udp", protocol, host, port)
            program.call("send", protocol, "hello")
        prompt = events.wait_for("prompt.opened", skip=seen).data
        self.assertEqual(dest(prompt), (host, port))
        self.assertEqual(prompt["connection"]["protocol"], protocol)
        return prompt

    def decision(self, events, prompt):
        """The one event about the connection of this prompt."""
        source = prompt["connection"]["source"]
        where = lambda c: c["source"] == source and c["dest"]["ip"] == prompt["connection"]["dest"]["ip"]  # noqa: E731
        return events.wait_for("connection", where).data

    def test_answers_decide_what_is_held(self):
        d = self.start_daemon()
        events = self.watch(d)
        for protocol, (host, port) in TARGETS.items():
            is_tcp = protocol.startswith("tcp")
            kind = "tcp" if is_tcp else "udp"
            for action in ("allow", "deny", "reject"):
                with self.subTest(f"{action} {protocol}"):
                    program = self.puppet()
                    before = len(self.net.arrived(kind=kind, address=host, port=port))
                    prompt = self.open_prompt(d, events, program, protocol)
                    if is_tcp:
                        self.assertFalse(program.is_done())
                    self.assertEqual(len(self.net.arrived(kind=kind, address=host, port=port)), before)
                    got = self.answer(d, prompt, action)
                    self.assertEqual((got["action"], got["rule"]), (action, None))
                    self.check_outcome(program, protocol, action)
                    if action == "allow":
                        wait_until(lambda: len(self.net.arrived(kind=kind, address=host, port=port)) == before + 1,  # noqa: B023
                                   what="the connection to arrive")
                    else:
                        self.assertEqual(len(self.net.arrived(kind=kind, address=host, port=port)), before)
                    event = self.decision(events, prompt)
                    self.assertEqual((event["action"], event["reason"], event["rule"]), (action, "answer", None))
                    self.assertGreater(event["latency_us"], 0)
                    self.assertEqual(event["process"]["pid"], program.pid)
                    closed = events.wait_for("prompt.closed", lambda c: c["id"] == prompt["id"]).data
                    self.assertEqual((closed["end"], closed["action"]), ("answered", action))
                    self.assertEqual(d.api.answer(prompt, "allow").status, 410)
                    program.close()

    def check_outcome(self, program, protocol, action):
        if protocol.startswith("tcp"):
            if action == "deny":
                # The kernel goes on trying, in vain; nobody tells the program.
                self.assertFalse(program.is_done())
                program.proc.kill()
                return
            result = program.result()
            self.assertEqual(result.error, None if action == "allow" else "ECONNREFUSED")
            return
        if action == "allow":
            self.assertEqual(program.call("receive", protocol).value, "hello")
        elif action == "reject":
            self.assertEqual(program.call("receive", protocol).error, "ECONNREFUSED")
        else:
            self.assertEqual(program.call("receive", protocol, timeout=0.2).error, "timeout")

    def test_rules_decide_at_once(self):
        rules = [ALLOW_DNS]
        for action, v4, v6 in (("allow", WWW4, WWW6), ("reject", NEWS4, NEWS6), ("deny", TIME4, TIME6)):
            rules += [rule(f"{action}-{n}", action, ("dest.ip", ip)) for n, ip in ((4, v4), (6, v6))]
        d = self.start_daemon(config={"default_action": "deny"}, rules=rules)
        events = self.watch(d)
        program = self.puppet()
        for host in (WWW4, WWW6):
            self.assertIsNone(program.call("tcp", host, 80).error)
            self.assertEqual(program.call("talk", host).value, "x")
        for host in (NEWS4, NEWS6):
            self.assertEqual(program.call("tcp", host, 80).error, "ECONNREFUSED")
            self.assertEqual(program.call("talk", host).error, "ECONNREFUSED")
        for host in (TIME4, TIME6):
            self.assertEqual(program.call("tcp", host, 80, timeout=0.3).error, "timeout")
            self.assertEqual(program.call("talk", host, timeout=0.3).error, "timeout")
        decided = [events.wait_for("connection", skip=n).data for n in range(12)]
        self.assertEqual([c["reason"] for c in decided], ["rule"] * 12)
        names = [f"{a}-{n}" for a in ("allow", "reject", "deny") for n in (4, 6) for _ in ("tcp", "udp")]
        self.assertEqual([c["rule"] for c in decided], names)
        self.assertEqual(events.all("prompt.opened"), [])
        self.assertEqual({a["address"] for a in self.net.arrived(kind="tcp")} & {NEWS4, NEWS6, TIME4, TIME6}, set())
        hits = {r["name"]: r["hits"] for r in d.api.get("/api/v1/rules").json["items"]}
        self.assertEqual([hits[n] for n in sorted(set(names))], [2] * 6)

    def test_curl_is_held_then_gets_its_page(self):
        d = self.start_daemon()
        events = self.watch(d)
        curl = self.curl("http://www.example.test/page")
        prompt = events.wait_for("prompt.opened").data
        c = prompt["connection"]
        self.assertEqual((c["process"]["path"], c["process"]["user"]), (CURL, "nobody"))
        self.assertEqual((c["dest"]["host"], c["dest"]["port"]), ("www.example.test", 80))
        self.assertEqual(c["process"]["args"][0], "curl")
        self.assertEqual(c["process"]["parents"][0]["pid"], os.getpid())
        self.assertIsNone(curl.poll())
        listed = d.api.get("/api/v1/prompts").json["items"]
        self.assertEqual([p["id"] for p in listed], [prompt["id"]])
        self.answer(d, prompt, "allow")
        self.assert_curl(curl, "hello from www.example.test path=/page")
        self.assertEqual(d.api.get("/api/v1/prompts").json["items"], [])
        self.assertEqual(d.api.get(f"/api/v1/prompts/{prompt['id']}").status, 410)

    def test_a_decision_lasts_for_its_connection(self):
        """Data in both directions of an allowed connection is nobody's business any more: no packet of it is queued."""
        d = self.start_daemon(config={"default_action": "deny"},
                              rules=[ALLOW_DNS, rule("py", "allow", ("process.path", PYTHON))])
        program = self.puppet()
        program.call("udp", "u", TIME4)
        for i in range(50):
            program.call("send", "u", f"n{i}")
            self.assertEqual(program.call("receive", "u").value, f"n{i}")
        # Nor of one that nobody answers, which stays new to the kernel: the mark tells that it was decided.
        program.call("udp", "silent", NOBODY4)
        program.call("send", "silent", "first")
        self.connections(d, 2)
        for i in range(50):
            program.call("send", "silent", f"n{i}")
        self.assertEqual(len(self.connections(d, 2)), 2)
        wait_until(lambda: d.status()["counters"]["packets"] >= 2, what="the engine's counters")
        self.assertLess(d.status()["counters"]["packets"], 10)

    def test_another_program_cannot_go_on_where_one_gave_up(self):
        """A SYN without an answer leaves its tuple to conntrack for two minutes, with the mark of what was allowed."""
        d = self.start_daemon(config={"default_action": "deny"}, rules=[ALLOW_DNS, rule("py", "allow", ("process.path", PYTHON))])
        one = self.net.popen([PYTHON, "-c", GIVES_UP, NOBODY4], user="nobody", stdin=-1)
        self.addCleanup(lambda: (one.kill(), one.communicate()))
        port = int(one.stdout.readline())
        wait_until(lambda: counter(d, "retransmits"), what="its SYN again")
        before = counter(d, "retransmits")
        one.communicate("")
        curl = self.net.popen(["curl", "-s", "-m", "100", "--local-port", str(port), f"http://{NOBODY4}:443/"], user="nobody")
        self.addCleanup(lambda: (curl.kill(), curl.communicate()))
        second, first = self.connections(d, 2)
        self.assertEqual([(c["process"]["path"], c["action"], c["source"]["port"]) for c in (first, second)],
                         [(os.path.realpath(PYTHON), "allow", port), (os.path.realpath(CURL), "deny", port)])
        self.assertEqual(second["attribution"]["confidence"], "exact")
        # Its own SYN sent again is known.
        wait_until(lambda: counter(d, "retransmits") > before, what="the other's SYN again")
        self.assertEqual(len(self.connections(d)), 2)

    def test_the_default_decides_where_nobody_is_there(self):
        for action, error in (("allow", None), ("deny", "timeout"), ("reject", "ECONNREFUSED")):
            with self.subTest(action):
                d = self.start_daemon(config={"default_action": action})
                result = self.puppet().call("tcp", WWW4, 80, timeout=0.5 if action == "deny" else 40)
                self.assertEqual(result.error, error)
                c = self.connections(d, 1)[0]
                self.assertEqual((c["action"], c["reason"], c["rule"]), (action, "no_client", None))
                self.assertEqual(d.api.get("/api/v1/prompts").json["items"], [])
                d.close()


if __name__ == "__main__":
    tap.main()
