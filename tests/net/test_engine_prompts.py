# SPDX-License-Identifier: GPL-2.0-or-later
"""Prompts: what joins one question, how several wait side by side, how they end, and the bounds on what is held."""
import os
import signal
import threading
import time

from engine_kit import (ALLOW_DNS, API4, NEWS4, PYTHON, TIME4, UPDATES4, WWW4, WWW6, EngineTest, counter, dest, tap,
                        wait_until)

from daemon import rule

# The bounds of lib/limits.h.
HELD_PER_FLOW, HELD_PER_PROMPT, HELD_PER_PROCESS, PROMPTS = 4, 64, 128, 256
TICK_S = 0.2  # longer than one of the engine takes
ANSWER_S = 6  # the console waits for 10 s until the engine has taken an answer


class GroupingTest(EngineTest):
    def held(self, daemon, prompt, n):
        """Waits until the prompt holds so many packets."""
        path = f"/api/v1/prompts/{prompt['id']}"
        wait_until(lambda: daemon.api.get(path).json["held"] == n, what=f"{n} held packets")

    def test_a_held_syn_is_one_packet_however_long_it_waits(self):
        d = self.start_daemon()
        events = self.watch(d)
        program = self.puppet()
        program.begin("tcp", WWW4, 80)
        prompt = events.wait_for("prompt.opened").data
        # The kernel would repeat a SYN after 1 s: another connection is made and decided meanwhile, twice as long.
        other = self.puppet()
        for n in range(4):
            self.assertEqual(other.call("dial", NEWS4, [8000 + n]).value, 1)
            self.assertEqual(other.call("dialled", "c0", timeout=0.6).value, "waits")
        self.held(d, prompt, 1)
        self.answer(d, prompt, "allow")
        self.assertIsNone(program.result().error)
        where = {"dest.ip": WWW4}
        self.assertEqual(len(self.connections(d, 1, **where)), 1)

    def test_datagrams_of_a_held_flow_join_it(self):
        d = self.start_daemon()
        events = self.watch(d)
        program = self.puppet()
        program.call("udp", "u", TIME4)
        program.call("send", "u", *[f"n{i}" for i in range(HELD_PER_FLOW + 3)])
        prompt = events.wait_for("prompt.opened").data
        self.held(d, prompt, HELD_PER_FLOW)
        program.call("send", "u", "late")
        wait_until(lambda: counter(d, "retransmits") == HELD_PER_FLOW + 3, what="the last datagram")
        self.held(d, prompt, HELD_PER_FLOW)
        got = self.answer(d, prompt, "allow")
        self.assertEqual(got["released"], HELD_PER_FLOW)
        self.assertEqual([program.call("receive", "u").value for _ in range(HELD_PER_FLOW)],
                         [f"n{i}" for i in range(HELD_PER_FLOW)])
        self.assertEqual(len(events.all("prompt.opened")), 1)
        self.assertEqual(len(self.connections(d, 1)), 1)

    def test_datagrams_after_the_answer_get_the_same(self):
        for action, error, wait in (("reject", "ECONNREFUSED", 40), ("deny", "timeout", 0.3)):
            with self.subTest(action):
                d = self.start_daemon()
                events = self.watch(d)
                program = self.puppet()
                program.call("udp", "u", TIME4)
                program.call("send", "u", "first")
                self.answer(d, events.wait_for("prompt.opened").data, action)
                self.assertEqual(program.call("receive", "u", timeout=wait).error, error)
                for _ in range(3):
                    program.call("send", "u", "again")
                    self.assertEqual(program.call("receive", "u", timeout=wait).error, error)
                self.assertEqual(len(events.all("prompt.opened")), 1)
                self.assertEqual(len(self.connections(d, 1)), 1)
                self.assertEqual(self.net.arrived(kind="udp", data="again"), [])
                d.close()

    def test_one_program_host_and_port_is_one_question(self):
        d = self.start_daemon()
        events = self.watch(d)
        program, twin = self.puppet(), self.puppet()
        program.call("dial", WWW4, [80] * 3)
        prompt = events.wait_for("prompt.opened").data
        twin.call("dial", WWW4, [80] * 2)
        self.held(d, prompt, 5)
        self.assertEqual(len(events.all("prompt.opened")), 1)
        # Another port, another address, another protocol, another program: questions of their own.
        program.call("dial", WWW4, [8080], prefix="port")
        program.call("dial", NEWS4, [80], prefix="address")
        program.call("udp", "u", WWW4, 80)
        program.call("send", "u", "x")
        curl = self.curl(f"http://{WWW4}/")
        opened = [events.wait_for("prompt.opened", skip=n).data for n in range(5)]
        self.assertEqual([(p["connection"]["protocol"], dest(p)) for p in opened[1:4]],
                         [("tcp", (WWW4, 8080)), ("tcp", (NEWS4, 80)), ("udp", (WWW4, 80))])
        got = self.answer(d, prompt, "allow")
        self.assertEqual(got["released"], 5)
        for p, n in ((program, 3), (twin, 2)):
            self.assertEqual([p.call("dialled", f"c{i}").value for i in range(n)], ["connected"] * n)
        self.assertEqual(program.call("dialled", "port0", timeout=0).value, "waits")
        self.assertIsNone(curl.poll())
        decided = self.connections(d, 5, **{"dest.ip": WWW4, "dest.port": 80, "protocol": "tcp"})
        self.assertEqual({c["process"]["pid"] for c in decided}, {program.pid, twin.pid})
        self.assertEqual(len(decided), 5)

    def test_both_families_of_one_host_are_one_question(self):
        d = self.start_daemon()
        events = self.watch(d)
        # curl's happy eyeballs: IPv6 first, IPv4 some 200 ms later.
        curl = self.curl("http://www.example.test/")
        prompt = events.wait_for("prompt.opened").data
        self.held(d, prompt, 2)
        self.answer(d, prompt, "allow")
        self.assert_curl(curl, "hello from www.example.test")
        self.assertEqual(len(events.all("prompt.opened")), 1)


class ManyTest(EngineTest):
    PORTS = [8080, 8081, 8082, 8083, 8084]

    def open_several(self, d, events, program):
        program.call("dial", WWW4, self.PORTS)
        opened = [events.wait_for("prompt.opened", skip=n).data for n in range(len(self.PORTS))]
        self.assertEqual([dest(p)[1] for p in opened], self.PORTS)
        self.assertEqual([p["id"] for p in d.api.get("/api/v1/prompts").json["items"]], [p["id"] for p in opened])
        return opened

    def test_answers_in_any_order(self):
        d = self.start_daemon()
        events = self.watch(d)
        program = self.puppet()
        opened = self.open_several(d, events, program)
        # Nobody listens on the ports but the first: allowed means refused by the world, at once as well.
        plan = [(3, "reject", "ECONNREFUSED"), (0, "allow", "connected"), (4, "deny", "waits"),
                (1, "allow", "ECONNREFUSED"), (2, "reject", "ECONNREFUSED")]
        waiting = set(range(5))
        for i, action, outcome in plan:
            self.answer(d, opened[i], action)
            waiting.remove(i)
            self.assertEqual(program.call("dialled", f"c{i}", timeout=0.3 if action == "deny" else 40).value, outcome)
            for other in waiting:
                self.assertEqual(program.call("dialled", f"c{other}", timeout=0).value, "waits")
        decided = {c["dest"]["port"]: c["action"] for c in self.connections(d, 5)}
        self.assertEqual(decided, {self.PORTS[i]: action for i, action, _ in plan})

    def test_a_rule_that_matches_others_decides_them(self):
        d = self.start_daemon()
        events = self.watch(d)
        program = self.puppet()
        opened = self.open_several(d, events, program)
        curl = self.curl(f"http://{WWW4}/")
        stranger = events.wait_for("prompt.opened", skip=5).data
        got = self.answer(d, opened[2], "reject", "until restart", match=["process.path", "dest.ip"])
        name = got["rule"]["name"]
        for i in range(5):
            self.assertEqual(program.call("dialled", f"c{i}").value, "ECONNREFUSED")
        closed = {c.data["id"]: c.data["end"] for c in
                  [events.wait_for("prompt.closed", skip=n) for n in range(5)]}
        self.assertEqual(closed, {p["id"]: "answered" if p is opened[2] else "rule" for p in opened})
        decided = self.connections(d, 5, **{"process.path": PYTHON})
        self.assertEqual({c["dest"]["port"]: (c["reason"], c["rule"]) for c in decided},
                         {port: ("answer" if port == self.PORTS[2] else "rule", name) for port in self.PORTS})
        for p in opened:
            self.assertEqual(d.api.answer(p, "allow").status, 410)
        self.assertEqual([p["id"] for p in d.api.get("/api/v1/prompts").json["items"]], [stranger["id"]])
        self.answer(d, stranger, "allow")
        self.assert_curl(curl, "hello")

    def test_a_new_rule_decides_what_waits(self):
        d = self.start_daemon()
        events = self.watch(d)
        program = self.puppet()
        program.call("dial", WWW4, [80, 8080])
        for n in range(2):
            events.wait_for("prompt.opened", skip=n)
        self.assertEqual(d.api.post("/api/v1/rules", rule("port", "allow", ("dest.port", "8080"))).status, 201)
        self.assertEqual(program.call("dialled", "c1").value, "connected")
        self.assertEqual(program.call("dialled", "c0", timeout=0).value, "waits")
        self.assertEqual(events.wait_for("prompt.closed").data["end"], "rule")
        # The same by a file that an administrator puts into the folder.
        d.write_rule(rule("file", "reject", ("dest.ip", WWW4)))
        self.assertEqual(program.call("dialled", "c0").value, "ECONNREFUSED")

    def test_two_answers_at_once_have_one_winner(self):
        d = self.start_daemon()
        events = self.watch(d)
        program = self.puppet()
        for turn in range(5):
            program.call("dial", WWW4, [8080], prefix=f"t{turn}-")
            prompt = events.wait_for("prompt.opened", skip=turn).data
            actions = ["allow", "reject", "allow", "reject"]
            got = [None] * len(actions)

            def reply(i, prompt=prompt, got=got, actions=actions):
                got[i] = d.api.answer(prompt, actions[i])

            threads = [threading.Thread(target=reply, args=(i,)) for i in range(len(actions))]
            for t in threads:
                t.start()
            for t in threads:
                t.join()
            self.assertEqual(sorted(g.status for g in got), [200, 410, 410, 410])
            winner = next(a for a, g in zip(actions, got) if g.status == 200)
            outcome = program.call("dialled", f"t{turn}-0").value
            self.assertEqual(outcome, "connected" if winner == "allow" else "ECONNREFUSED")


class EndTest(EngineTest):
    def test_the_timeout_action(self):
        for action, outcome in (("allow", "connected"), ("reject", "ECONNREFUSED"), ("deny", "waits")):
            with self.subTest(action):
                # The default action is another one, so that it cannot pass for this.
                d = self.start_daemon(config={"default_action": "deny" if action == "reject" else "reject",
                                              "prompt": {"timeout": "1s", "timeout_action": action}})
                events = self.watch(d)
                program = self.puppet()
                program.call("dial", WWW4, [80])
                prompt = events.wait_for("prompt.opened").data
                closed = events.wait_for("prompt.closed").data
                self.assertEqual((closed["id"], closed["end"], closed["action"]), (prompt["id"], "timed_out", action))
                self.assertEqual(program.call("dialled", "c0", timeout=0.3 if action == "deny" else 40).value, outcome)
                c = self.connections(d, 1)[0]
                self.assertEqual((c["action"], c["reason"]), (action, "timeout"))
                self.assertGreater(c["latency_us"], 990000)
                self.assertEqual(d.api.answer(prompt, "allow").status, 410)
                d.close()

    def test_the_default_is_the_timeout_action_where_none_is_set(self):
        d = self.start_daemon(config={"default_action": "reject", "prompt": {"timeout": "1s"}})
        self.watch(d)
        program = self.puppet()
        self.assertEqual(program.call("tcp", WWW4, 80).error, "ECONNREFUSED")
        self.assertEqual(self.connections(d, 1)[0]["reason"], "timeout")

    def unread(self, daemon):
        """Bytes that the console has said and the engine has not read."""
        fds = f"/proc/{daemon.pid()}/fd"
        own = {os.readlink(f"{fds}/{n}").removeprefix("socket:[").rstrip("]") for n in os.listdir(fds)}
        rows = [line.split() for line in self.net.inside(["ss", "-Hxn"]).stdout.splitlines()]
        return sum(int(row[2]) for row in rows if row[0] == "u_seq" and row[5] in own)

    def test_an_answer_in_time_counts_however_late_it_is_read(self):
        # So many rules that the engine loads them beside its other work: the answer stands behind them.
        many = [rule(f"{n:03}-elsewhere", "deny", ("dest.host", f"host-{n:03}.elsewhere.test")) for n in range(200)]
        d = self.start_daemon(config={"default_action": "reject", "prompt": {"timeout": f"{ANSWER_S}s"}}, rules=[ALLOW_DNS, *many])
        events = self.watch(d)
        program = self.puppet()
        program.begin("tcp", WWW4, 80)
        prompt = events.wait_for("prompt.opened").data
        over = time.monotonic() + ANSWER_S
        os.kill(d.pid(), signal.SIGSTOP)
        self.addCleanup(os.kill, d.pid(), signal.SIGCONT)
        answer = threading.Thread(target=d.api.answer, args=(prompt, "allow", "until restart"))
        answer.start()
        wait_until(lambda: self.unread(d) > 0, what="the answer in the channel")
        wait_until(lambda: time.monotonic() > over, what="the prompt to be too old")
        os.kill(d.pid(), signal.SIGCONT)
        self.assertIsNone(program.result().error)
        self.assertEqual(events.wait_for("prompt.closed").data["end"], "answered")
        answer.join()

    def test_without_clients_only_when_the_config_says_so(self):
        d = self.start_daemon(config={"default_action": "reject", "prompt_without_clients": True})
        program = self.puppet()
        program.call("dial", WWW4, [80])
        prompt = wait_until(lambda: d.api.get("/api/v1/prompts").json["items"], what="a prompt")[0]
        self.answer(d, prompt, "allow")
        self.assertEqual(program.call("dialled", "c0").value, "connected")
        self.assertEqual(d.api.patch("/api/v1/config", {"prompt_without_clients": False}).status, 200)
        self.assertEqual(program.call("tcp", WWW4, 8080).error, "ECONNREFUSED")
        self.assertEqual(self.connections(d, 2)[0]["reason"], "no_client")

    def test_a_stream_without_prompts_is_nobody(self):
        d = self.start_daemon(config={"default_action": "reject"})
        with d.events("connection", "alert"):
            self.assertEqual(self.puppet().call("tcp", WWW4, 80).error, "ECONNREFUSED")
        self.assertEqual(self.connections(d, 1)[0]["reason"], "no_client")

    def test_who_listens_is_asked_however_late_that_is_read(self):
        d = self.start_daemon(config={"default_action": "reject"})
        program = self.puppet()
        os.kill(d.pid(), signal.SIGSTOP)
        self.addCleanup(os.kill, d.pid(), signal.SIGCONT)
        late = time.monotonic() + TICK_S
        wait_until(lambda: time.monotonic() > late, what="the tick, which the engine will see first")
        events = d.events()
        self.addCleanup(events.close)
        self.assertEqual(events.status, 200)
        program.begin("tcp", WWW4, 80)
        wait_until(lambda: self.waiting() == 1, what="the packet in the queue")
        os.kill(d.pid(), signal.SIGCONT)
        self.answer(d, events.wait_for("prompt.opened").data, "allow")
        self.assertIsNone(program.result().error)

    def test_a_prompt_outlives_the_client_that_saw_it_open(self):
        d = self.start_daemon()
        with d.events() as events:
            self.wait_clients(d, 1)
            program = self.puppet()
            program.call("dial", WWW4, [80])
            prompt = events.wait_for("prompt.opened").data
        # Another one finds it when it comes.
        with d.events() as events:
            self.assertEqual(events.wait_for("prompt.opened").data["id"], prompt["id"])
        self.answer(d, prompt, "allow")
        self.assertEqual(program.call("dialled", "c0").value, "connected")


class BoundsTest(EngineTest):
    """Past a bound the default action decides at once, and the event says why."""

    def assert_overflow(self, d, n_held, n_more):
        decided = self.connections(d, n_more, limit=1000)
        self.assertEqual([c["reason"] for c in decided], ["overflow"] * n_more)
        self.assertEqual({c["action"] for c in decided}, {"reject"})
        wait_until(lambda: counter(d, "overflow") == n_more, what="the counter")
        wait_until(lambda: counter(d, "held_now") == n_held, what="the held packets")

    def test_per_prompt(self):
        d = self.start_daemon(config={"default_action": "reject"})
        events = self.watch(d)
        program = self.puppet()
        program.call("dial", WWW4, [80] * (HELD_PER_PROMPT + 5))
        self.assert_overflow(d, HELD_PER_PROMPT, 5)
        for i in range(HELD_PER_PROMPT, HELD_PER_PROMPT + 5):
            self.assertEqual(program.call("dialled", f"c{i}").value, "ECONNREFUSED")
        got = self.answer(d, events.wait_for("prompt.opened").data, "allow")
        self.assertEqual(got["released"], HELD_PER_PROMPT)
        self.assertEqual(program.call("dialled", "c0").value, "connected")
        self.assertEqual(program.call("dialled", f"c{HELD_PER_PROMPT - 1}").value, "connected")

    def test_per_process_and_room_for_others(self):
        d = self.start_daemon(config={"default_action": "reject"})
        events = self.watch(d)
        program = self.puppet()
        program.call("dial", WWW4, list(range(10000, 10000 + HELD_PER_PROCESS + 3)))
        self.assert_overflow(d, HELD_PER_PROCESS, 3)
        # One greedy program does not take the prompts of another.
        other = self.puppet()
        other.call("dial", NEWS4, [80])
        prompt = events.wait_for("prompt.opened", lambda p: p["connection"]["process"]["pid"] == other.pid).data
        self.answer(d, prompt, "allow")
        self.assertEqual(other.call("dialled", "c0").value, "connected")

    def test_prompts_at_once(self):
        d = self.start_daemon(config={"default_action": "reject"})
        events = self.watch(d, "prompt.opened", "prompt.closed")
        programs = [self.puppet() for _ in range(3)]
        for i, program in enumerate(programs):
            program.call("dial", (WWW4, API4, UPDATES4)[i], list(range(10000, 10000 + PROMPTS // 2 - 10)))
        left = 3 * (PROMPTS // 2 - 10) - PROMPTS
        self.assert_overflow(d, PROMPTS, left)
        self.assertEqual(d.status()["prompts"], PROMPTS)
        # One rule decides them all.
        self.assertEqual(d.api.post("/api/v1/rules", rule("all", "reject", ("process.path", PYTHON))).status, 201)
        wait_until(lambda: counter(d, "held_now") == 0 and d.status()["prompts"] == 0, what="everything to be decided")
        events.wait_for("prompt.closed", skip=PROMPTS - 1)
        self.assertEqual(len(events.all("prompt.closed")), PROMPTS)
        self.assertEqual(counter(d, "verdict_lost"), 0)


if __name__ == "__main__":
    tap.main()
