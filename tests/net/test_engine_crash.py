# SPDX-License-Identifier: GPL-2.0-or-later
"""What happens when a part of the firewall dies, or another program takes its netfilter rules away."""
import json
import os
import signal
import time

from engine_kit import (ALLOW_DNS, NEWS4, NEWS6, PYTHON, TIME4, WWW4, WWW6, EngineTest, counter, dest, tap, wait_until)

from daemon import rule

TABLES = ("mangle", "filter")
GRACE_S = 9  # less than CLIENTS_GRACE_NS of daemon/engine_internal.h, and than STUCK_NS of daemon/engine_console.c


class ConsoleTest(EngineTest):
    """The console dies: neither a prompt nor a rule is lost, and the engine goes on deciding."""

    def test_a_killed_console_loses_neither_prompt_nor_rule(self):
        d = self.start_daemon(config={"default_action": "reject"})
        program = self.puppet()
        with d.events() as events:
            self.wait_clients(d, 1)
            program.begin("tcp", WWW4, 80)
            answered = events.wait_for("prompt.opened").data
            name = self.answer(d, answered, "allow", "until restart")["rule"]["name"]
            self.assertIsNone(program.result().error)
            program.call("dial", NEWS4, [80, 80])
            opened = events.wait_for("prompt.opened", skip=1).data
            wait_until(lambda: d.api.get(f"/api/v1/prompts/{opened['id']}").json["held"] == 2, what="two held packets")
            old = d.kill_console()
        wait_until(lambda: self.console_changed(d, old), what="a new console")
        names = [r["name"] for r in d.api.get("/api/v1/rules").json["items"]]
        self.assertIn(name, names)
        self.assertIn(ALLOW_DNS["name"], names)
        prompts = wait_until(lambda: d.api.get("/api/v1/prompts").json["items"], what="the prompt to be told again")
        self.assertEqual([p["id"] for p in prompts], [opened["id"]])
        self.assertEqual({k: prompts[0][k] for k in ("opened", "deadline", "held")},
                         {"opened": opened["opened"], "deadline": opened["deadline"], "held": 2})
        self.assertEqual(prompts[0]["connection"], opened["connection"])
        self.assertEqual(program.call("dialled", "c0", timeout=0).value, "waits")
        got = self.answer(d, opened, "allow", "until restart")
        self.assertEqual(got["released"], 2)
        self.assertEqual([program.call("dialled", f"c{i}").value for i in range(2)], ["connected"] * 2)
        self.assertEqual(d.api.answer(opened, "allow").status, 410)
        # What was decided by the rule of before is decided by it still.
        self.assertIsNone(program.call("tcp", WWW4, 80).error)
        wait_until(lambda: ("rule", name) in [(c["reason"], c["rule"]) for c in self.connections(d, **{"dest.ip": WWW4})],
                   what="the rule's decision in the history")

    def console_changed(self, d, old):
        try:
            return d.console_pid() != old
        except (OSError, AssertionError, ValueError):
            return False

    def test_a_prompt_of_a_dead_console_still_ends_in_time(self):
        d = self.start_daemon(config={"default_action": "allow", "prompt": {"timeout": "1s", "timeout_action": "reject"}})
        program = self.puppet()
        with d.events() as events:
            self.wait_clients(d, 1)
            console = d.console_pid()
            program.begin("tcp", WWW4, 80)
            events.wait_for("prompt.opened")
            os.kill(console, signal.SIGSTOP)
            try:
                self.assertEqual(program.result().error, "ECONNREFUSED")
            finally:
                os.kill(console, signal.SIGCONT)
        self.assertEqual(self.connections(d, 1)[0]["reason"], "timeout")

    def test_a_console_that_hangs_makes_nobody_wait(self):
        """The engine decides by its rules, and the events come when the console goes on."""
        n = 200
        for _ in range(10):
            d = self.start_daemon(config={"default_action": "reject"}, rules=[rule("py", "allow", ("dest.port", "80"))])
            console = d.console_pid()
            program = self.puppet()
            stopped = time.monotonic()
            os.kill(console, signal.SIGSTOP)
            try:
                # All at once: one that takes nothing for ten seconds would be ended.
                program.call("dial", WWW4, [80] * n)
                self.assertEqual(program.call("fates").value, {"connected": n})
            finally:
                os.kill(console, signal.SIGCONT)
            found = self.recorded(d, n, stopped + GRACE_S)
            if found:
                break  # else the machine was so slow that the engine was free to end it: once more
            d.close()
        self.assertEqual(len(found), n)
        self.assertEqual(d.console_pid(), console)
        self.assertEqual(counter(d, "events_lost"), 0)

    def recorded(self, d, n, until):
        """The decisions that are recorded, once there are so many; None when that is not before this time."""
        try:
            found = wait_until(lambda: (lambda l: l if len(l) >= n else None)(self.connections(d, limit=1000)), until - time.monotonic())
        except (AssertionError, OSError, KeyError):
            return None  # also where there is another console, with another token
        return found if time.monotonic() < until else None

    def test_the_clients_of_a_dead_console_count_for_a_while(self):
        """A browser comes back in a second: what connects meanwhile is held, not decided by default."""
        d = self.start_daemon(config={"default_action": "reject"})
        program = self.puppet()
        for _ in range(10):
            with d.events():
                self.wait_clients(d, 1)
                old = d.console_pid()
                killed = time.monotonic()
                os.kill(old, signal.SIGKILL)
                # The new one has no clients yet, and knows it.
                wait_until(lambda: self.console_changed(d, old), what="a new console")  # noqa: B023
                program.call("dial", WWW4, [80])
            if time.monotonic() - killed < GRACE_S:
                break  # else the console took longer than they are waited for: once more
        prompt = wait_until(lambda: d.api.get("/api/v1/prompts").json["items"], what="the prompt")[0]
        self.answer(d, prompt, "allow")
        self.assertEqual(program.call("dialled", "c0").value, "connected")

    def test_sighup_starts_the_console_again_with_the_new_config(self):
        d = self.start_daemon(config={"default_action": "allow"})
        old = d.console_pid()
        program = self.puppet()
        self.assertIsNone(program.call("tcp", WWW4, 80).error)
        d.write_config({"default_action": "reject"})
        os.kill(d.pid(), signal.SIGHUP)
        wait_until(lambda: self.console_changed(d, old), what="a new console")
        wait_until(lambda: d.api.get("/api/v1/config").json["default_action"] == "reject", what="the new config")
        wait_until(lambda: program.call("tcp", WWW4, 80).error == "ECONNREFUSED", what="the engine to take it")


class EngineDeathTest(EngineTest):
    def kill_with_prompt(self, config):
        d = self.start_daemon(config=config)
        program = self.puppet()
        with d.events() as events:
            self.wait_clients(d, 1)
            program.begin("tcp", WWW4, 80)
            events.wait_for("prompt.opened")
            before = d.firewall_rules()
            d.kill_engine()
        self.assertEqual(d.firewall_rules(), before)
        return d, program, before

    def test_without_an_engine_traffic_flows(self):
        d, program, before = self.kill_with_prompt({"default_action": "reject"})
        # The kernel dropped what was held; the program's own repetition goes through.
        self.assertIsNone(program.result().error)
        self.assertIsNone(program.call("tcp", NEWS4, 80).error)
        self.assertEqual(program.call("talk", TIME4).value, "x")
        self.restart(d, program, before)

    def restart(self, d, program, before):
        d.start()
        self.assertEqual(d.firewall_rules(), before)
        self.assertEqual(program.call("tcp", NEWS4, 8080).error, "ECONNREFUSED")
        self.assertEqual(d.instances(), d.instance_names())
        self.assertEqual(d.stop(), 0)
        self.assertEqual(d.leftovers(), [])
        self.assertIsNone(program.call("tcp", NEWS4, 8080).error)

    def test_fail_closed_blocks_without_an_engine(self):
        d, program, before = self.kill_with_prompt({"default_action": "reject", "fail_closed": True})
        probe = self.puppet()
        for host in (NEWS4, NEWS6):
            self.assertEqual(probe.call("tcp", host, 80, timeout=0.5).error, "timeout")
            self.assertEqual(probe.call("talk", host, timeout=0.5).error, "timeout")
        program.proc.kill()
        self.restart(d, probe, before)

    def test_fail_closed_leaves_old_connections_and_inbound_ones(self):
        """What was allowed goes on, and a server of this machine (SSH) can be reached."""
        import subprocess
        import sys

        d = self.start_daemon(config={"default_action": "allow", "fail_closed": True})
        program = self.puppet()
        program.call("udp", "u", TIME4)
        program.call("send", "u", "a")
        self.assertEqual(program.call("receive", "u").value, "a")
        server = self.net.popen([PYTHON, "-c", "import socket; s = socket.create_server(('', 2222)); print('up', flush=True)\n"
                                 "while True: c = s.accept()[0]; c.sendall(c.recv(9)); c.close()"])
        self.assertEqual(server.stdout.readline(), "up\n")
        d.kill_engine()
        program.call("send", "u", "b")
        self.assertEqual(program.call("receive", "u").value, "b")
        reach = ("import socket; s = socket.create_connection(('10.203.0.2', 2222), 40); s.sendall(b'hi'); "
                 "print(s.recv(9).decode())")
        done = subprocess.run(["nsenter", f"--net=/run/netns/{self.net.world}", sys.executable, "-c", reach],
                              capture_output=True, text=True, check=False, timeout=60)
        self.assertEqual(done.stdout, "hi\n", done.stderr)
        d.start()
        self.assertEqual(d.stop(), 0)


class FlushTest(EngineTest):
    def test_flushed_rules_come_back_with_an_alert(self):
        d = self.start_daemon(config={"default_action": "reject"})
        events = self.watch(d)
        before = d.firewall_rules()
        self.assertTrue(before)
        flushes = [(tool, table) for tool in ("iptables-legacy", "ip6tables-legacy") for table in TABLES]
        for n, (tool, table) in enumerate(flushes):
            with self.subTest(f"{tool} {table}"):
                done = self.net.inside([tool, "-w", "-t", table, "-F"])
                self.assertEqual(done.returncode, 0, done.stderr)
                alert = events.wait_for("alert", lambda a: a["code"] == "rules_flushed", skip=n).data
                self.assertIn("netfilter rules", alert["message"])
                self.assertEqual(sorted(d.firewall_rules()), sorted(before))
                wait_until(lambda n=n: counter(d, "rules_repaired") == n + 1, what="the counter")
        self.assertTrue(d.status()["engine"]["rules_ok"])
        self.assertIn("rules_flushed", [w["code"] for w in d.status()["warnings"]])
        program = self.puppet()
        program.begin("tcp", WWW6, 80)
        self.answer(d, events.wait_for("prompt.opened").data, "reject")
        self.assertEqual(program.result().error, "ECONNREFUSED")

    def test_rules_of_others_are_left_alone(self):
        theirs = "-A OUTPUT -m comment --comment stranger -j ACCEPT"
        self.net.inside(["iptables-legacy", "-w", "-t", "mangle", "-A", "OUTPUT", "-m", "comment", "--comment",
                         "stranger", "-j", "ACCEPT"])
        d = self.start_daemon()
        saved = self.net.inside(["iptables-legacy-save", "-t", "mangle"]).stdout
        self.assertIn(theirs, saved)
        d.stop()
        self.assertIn(theirs, self.net.inside(["iptables-legacy-save", "-t", "mangle"]).stdout)
        self.assertEqual(d.leftovers(), [])
        self.net.inside(["iptables-legacy", "-w", "-t", "mangle", "-F"])

    def test_a_prompt_survives_a_flush(self):
        d = self.start_daemon()
        events = self.watch(d)
        program = self.puppet()
        program.begin("tcp", WWW4, 80)
        prompt = events.wait_for("prompt.opened").data
        self.net.inside(["iptables-legacy", "-w", "-t", "mangle", "-F"])
        events.wait_for("alert", lambda a: a["code"] == "rules_flushed")
        self.answer(d, prompt, "allow")
        self.assertIsNone(program.result().error)


class EndTest(EngineTest):
    def test_a_clean_exit_leaves_nothing(self):
        for sig in (signal.SIGTERM, signal.SIGINT):
            for fail_closed in (False, True):
                with self.subTest(f"{sig.name} fail_closed={fail_closed}"):
                    d = self.start_daemon(config={"default_action": "reject", "fail_closed": fail_closed})
                    console = d.console_pid()
                    program = self.puppet()
                    with d.events() as events:
                        self.wait_clients(d, 1)
                        program.begin("tcp", WWW4, 80)
                        events.wait_for("prompt.opened")
                        self.assertEqual(d.stop(sig), 0)
                    self.assertEqual(d.leftovers(), [])
                    self.assertFalse(os.path.exists(f"/proc/{console}"))
                    # What was held got the default action; new traffic flows.
                    self.assertEqual(program.result().error, "ECONNREFUSED")
                    self.assertIsNone(program.call("tcp", WWW4, 80).error)
                    self.assertNotIn("opensnitch", json.dumps(self.net.inside(["ip6tables-legacy-save"]).stdout))
                    d.close()

    def test_the_last_decisions_are_recorded(self):
        d = self.start_daemon()
        program = self.puppet()
        for _ in range(20):
            self.assertIsNone(program.call("tcp", WWW4, 80).error)
        self.assertEqual(d.stop(), 0)
        d.start()
        self.assertEqual(len([c for c in d.api.connections() if c["dest"]["ip"] == WWW4]), 20)


class TwoTest(EngineTest):
    def test_two_daemons_side_by_side(self):
        from lab import Lab

        with Lab(prefix="opensnitch-second") as other:
            one = self.start_daemon(config={"default_action": "reject"})
            from daemon import Daemon

            two = Daemon(other, config={"default_action": "allow", "mark_bit": 20}, rules=[ALLOW_DNS])
            self.addCleanup(two.close)
            self.assertEqual(self.puppet().call("tcp", WWW4, 80).error, "ECONNREFUSED")
            from engine_kit import Puppet

            program = Puppet(other)
            self.addCleanup(program.close)
            self.assertIsNone(program.call("tcp", WWW4, 80).error)
            for d, pid in ((one, None), (two, program.pid)):
                c = self.connections(d, 1)
                self.assertEqual(len(c), 1)
                self.assertEqual(dest(c[0]), (WWW4, 80))
                self.assertEqual(c[0]["attribution"]["confidence"], "exact")
                if pid:
                    self.assertEqual(c[0]["process"]["pid"], pid)
            self.assertEqual(one.stop(), 0)
            self.assertEqual(one.leftovers(), [])
            self.assertEqual(two.instances(), two.instance_names())
            self.assertIsNone(program.call("tcp", WWW4, 8080).error)
            self.connections(two, 2)


if __name__ == "__main__":
    tap.main()
