#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The event stream: ids, replay, reset, types, keep-alive, open prompts first, many clients, slow clients."""
import re
import socket

from kit import V1, ApiCase, rule, wait_until
import tap

RING = 4096  # LIMIT_SSE_RING
CLIENTS = 256  # LIMIT_SSE_CLIENTS


class TestEvents(ApiCase):
    config = {"default_action": "allow", "prompt": {"timeout": "120s"}}

    def poke(self, n=1):
        """Makes this many alert-free, cheap events: config.changed."""
        for _ in range(n):
            self.assert_status(self.api.patch(f"{V1}/config", {}), 200)

    def open(self, *types, **options):
        events = self.daemon.events(*types, **options)
        self.addCleanup(events.close)
        return events

    def test_the_head_and_the_form_of_the_stream(self):
        conn = self.raw()
        conn.send(self.head_lines(path=f"{V1}/events?types=config.changed"))
        wait_until(lambda: b"retry:" in conn.buf or not conn._more(), what="the stream's head")
        self.poke()
        wait_until(lambda: conn._more() and conn.buf.count(b"\n\n") >= 2)
        head, _, _ = conn.buf.partition(b"\r\n\r\n")
        self.assertIn(b"HTTP/1.1 200", head)
        self.assertIn(b"Content-Type: text/event-stream", head)
        self.assertIn(b"Cache-Control: no-store", head)
        text = conn.buf.decode()
        self.assertIn("retry: 2000\n", text)
        self.assertRegex(text, r"\nid: [0-9a-f]{16}-\d+\nevent: config\.changed\ndata: \{[^\n]*\}\n\n")

    def test_ids_ascend_and_name_the_process(self):
        events = self.open("config.changed")
        self.poke(3)
        events.wait_for("config.changed", skip=2)
        ids = [re.fullmatch(r"([0-9a-f]{16})-(\d+)", e.id).groups() for e in events.all("config.changed")]
        self.assertEqual(len({i[0] for i in ids}), 1)
        numbers = [int(i[1]) for i in ids]
        self.assertEqual(numbers, sorted(set(numbers)))

    def test_types(self):
        only = self.open("rule.created", "config.changed")
        star = self.open("rule.*")
        self.addCleanup(self.api.delete, f"{V1}/rules/x")
        self.api.post(f"{V1}/rules", rule("x", "deny", ("dest.port", "1")))
        self.api.patch(f"{V1}/rules/x", {"enabled": False})
        self.api.delete(f"{V1}/rules/x")
        self.poke()
        star.wait_for("rule.deleted")
        only.wait_for("config.changed")
        self.assertEqual([e.type for e in star.all()], ["rule.created", "rule.updated", "rule.deleted"])
        self.assertEqual([e.type for e in only.all()], ["rule.created", "config.changed"])
        for types in ("nonsense", "", "rule.created,", "rule", ".*", "*"):
            self.assert_problem(self.api.get(f"{V1}/events", query={"types": types}), 422, field="types")

    def test_replay(self):
        events = self.open("config.changed", "rule.created")
        self.poke(3)
        events.wait_for("config.changed", skip=2)
        first, *rest = events.all("config.changed")
        again = self.open("config.changed", last_id=first.id)
        again.wait_for("config.changed", skip=1)
        self.assertEqual([e.id for e in again.all()], [e.id for e in rest])
        # one that has all of it gets only what is new
        last = self.open("config.changed", last_id=rest[-1].id)
        self.poke()
        new = last.wait_for("config.changed")
        self.assertEqual(new.id, events.wait_for("config.changed", skip=3).id)
        self.assertEqual(last.all("reset"), [])

    def test_reset_where_the_place_is_not_known(self):
        events = self.open("config.changed")
        self.poke()
        instance, number = events.wait_for("config.changed").id.split("-")
        for last in (f"{'0' * 16}-{number}", f"{instance}-{int(number) + 100000}", "x", f"{instance}-", "9" * 200,
                     f"{instance}--1", f"{instance}-1x"):
            with self.subTest(last=last):
                with self.daemon.events("config.changed", last_id=last) as other:
                    self.assertEqual(other.wait_for("reset").data, {"reason": "not in the ring"})

    def test_reset_where_the_ring_went_round(self):
        events = self.open("config.changed")
        self.poke()
        old = events.wait_for("config.changed").id
        conn = self.raw()
        body = b"{}"
        request = self.head_lines("Content-Type: application/json", f"Content-Length: {len(body)}", method="PATCH",
                                  path=f"{V1}/config") + body
        for _ in range(RING // 64 + 1):
            conn.send(request * 64)
            for _ in range(64):
                self.assertEqual(conn.response().status, 200)
        with self.daemon.events("config.changed", last_id=old) as other:
            reset = other.wait_for("reset")
        self.assertEqual(reset.data, {"reason": "not in the ring"})
        # the reset's own id is a place to go on from
        with self.daemon.events("config.changed", last_id=reset.id) as other:
            self.poke()
            other.wait_for("config.changed")
            self.assertEqual(other.all("reset"), [])

    def test_a_restarted_console_resets(self):
        events = self.open("config.changed")
        self.poke()
        last = events.wait_for("config.changed").id
        self.daemon.kill_console()
        events.wait_end()

        def back():
            try:
                return self.api.get(f"{V1}/status").status == 200
            except OSError:
                return False

        wait_until(back, what="the new console")
        with self.daemon.events("config.changed", last_id=last) as other:
            other.wait_for("reset")

    def test_open_prompts_come_first(self):
        _, curl, prompt = self.ask()
        late = self.open()
        self.assertEqual(late.wait_for("prompt.opened").data, prompt)
        self.assertEqual(late.all()[0].type, "prompt.opened")
        # and after a reset
        with self.daemon.events("prompt.opened", last_id="x") as other:
            self.assertEqual(other.wait_for("prompt.opened").data, prompt)
            self.assertEqual([e.type for e in other.all()], ["reset", "prompt.opened"])
        # not to one that does not take them
        with self.daemon.events("config.changed") as other:
            self.poke()
            other.wait_for("config.changed")
            self.assertEqual([e.type for e in other.all()], ["config.changed"])
        self.api.answer(prompt, "allow")
        self.assertEqual(curl.wait(60), 0)

    def test_events_carry_the_resources(self):
        events = self.open()
        self.net.run(["getent", "ahostsv4", "www.example.test"])
        told = events.wait_for("connection", lambda d: d["dest"]["port"] == 53).data
        self.assertEqual(self.api.get(f"{V1}/connections/{told['id']}").json, told)
        stats = events.wait_for("stats").data
        self.assertEqual(set(stats), set(self.daemon.status()))


class TestManyClients(ApiCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.quiet = cls.daemon.events("rule.created")
        cls.addClassCleanup(cls.quiet.close)

    def test_the_last_a_stream_that_says_nothing_is_kept_alive(self):
        wait_until(lambda: self.quiet.comments >= 1, what="a comment line")
        self.assertFalse(self.quiet.ended)

    def streams(self, n, types="config.changed"):
        conns = []
        for _ in range(n):
            conn = self.raw()
            conn.send(self.head_lines(path=f"{V1}/events?types={types}"))
            conns.append(conn)
        for conn in conns:
            wait_until(lambda c=conn: b"retry:" in c.buf or not c._more(), what="the stream's head")
            self.assertIn(b"retry:", conn.buf)
        return conns

    def poke(self, n=1):
        for _ in range(n):
            self.assert_status(self.api.patch(f"{V1}/config", {}), 200)

    def test_200_at_once_and_an_end(self):
        conns = self.streams(200)
        self.poke()
        for conn in conns:
            wait_until(lambda c=conn: b"config.changed" in c.buf or not c._more())
            self.assertIn(b"event: config.changed", conn.buf)
        more = self.streams(CLIENTS - self.daemon.status()["console"]["clients"])
        self.assert_problem(self.api.get(f"{V1}/events"), 503)
        for conn in conns + more:
            conn.close()
        wait_until(lambda: self.daemon.status()["console"]["clients"] == 1, what="all clients to be gone")
        with self.daemon.events("config.changed") as events:
            self.poke()
            events.wait_for("config.changed")

    def test_a_stuck_client_costs_no_memory_and_nobody_elses_time(self):
        stuck = []
        for _ in range(20):
            sock = socket.socket()
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.connect(("127.0.0.1", self.daemon.port))
            self.addCleanup(sock.close)
            sock.sendall(self.head_lines(path=f"{V1}/events"))
            stuck.append(sock)
        wait_until(lambda: self.daemon.status()["console"]["clients"] == len(stuck) + 1)
        before = self.daemon.status()["console"]["rss_kib"]
        request = self.head_lines("Content-Type: application/json", "Content-Length: 2", method="PATCH", path=f"{V1}/config") + b"{}"
        conn = self.raw()
        with self.daemon.events("config.changed") as reader:
            for n in range(40):
                conn.send(request * 200)
                for _ in range(200):
                    self.assertEqual(conn.response().status, 200)
                # one that reads has everything all the while
                reader.wait_for("config.changed", skip=200 * (n + 1) - 1)
            self.assertEqual(reader.all("reset"), [])
        grown = self.daemon.status()["console"]["rss_kib"] - before
        self.assertLess(grown, 20 * 512 + 4096, "KiB for 20 stuck clients after 8,000 events")
        # when it reads at last, it is told what it missed: a reset
        stuck[0].settimeout(60)
        data = b""
        while b"event: reset" not in data:
            more = stuck[0].recv(65536)
            self.assertTrue(more, "the stream ended without a reset")
            data += more


if __name__ == "__main__":
    tap.main()
