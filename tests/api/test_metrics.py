#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The metrics page: Prometheus's format, and numbers that move."""
import json
import re
import shutil
import subprocess
import unittest

from kit import TOP, ApiCase, wait_until
import tap

LINE = re.compile(r"(opensnitch_[a-z_]+)(?:\{([^}]*)\})? (-?[0-9.e+]+)$")


class TestMetrics(ApiCase):
    config = {"default_action": "allow", "export": ["json:///nowhere/decisions.jsonl"]}

    def read(self):
        """(name, labels) -> value"""
        got = self.assert_status(self.api.get("/metrics"), 200)
        self.assertEqual(got.headers["Content-Type"], "text/plain; version=0.0.4; charset=utf-8")
        out = {}
        for line in got.text.splitlines():
            if not line.startswith("#"):
                name, labels, value = LINE.match(line).groups()
                self.assertNotIn((name, labels), out)
                out[(name, labels)] = float(value)
        return out

    def test_closed_to_strangers(self):
        self.assert_problem(self.stranger.get("/metrics"), 401)
        self.assert_problem(self.api.post("/metrics"), 405)

    @unittest.skipUnless(shutil.which("promtool"), "promtool is not installed")
    def test_promtool_has_nothing_to_say(self):
        done = subprocess.run(["promtool", "check", "metrics"], input=self.api.get("/metrics").text, capture_output=True, text=True,
                              timeout=60, check=False)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))

    @unittest.skipUnless(shutil.which("promtool"), "promtool is not installed")
    def test_promtool_takes_the_examples(self):
        folder = TOP / "contrib/prometheus"
        # The token's file is not here.
        for args in (["config", "--syntax-only", str(folder / "prometheus.yml")], ["rules", str(folder / "opensnitch.rules.yml")]):
            done = subprocess.run(["promtool", "check", *args], capture_output=True, text=True, timeout=60, check=False)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_the_examples_ask_for_what_is_there(self):
        there = {name for name, _ in self.read()}
        labels = {(name, m) for name, text in self.read() if text for m in re.findall(r'(\w+)="', text)}
        rules = (TOP / "contrib/prometheus/opensnitch.rules.yml").read_text(encoding="utf-8")
        dashboard = json.loads((TOP / "contrib/grafana/opensnitch.json").read_text(encoding="utf-8"))
        asked = [t["expr"] for p in dashboard["panels"] for t in p["targets"]] + re.findall(r"expr: (.*)", rules)
        self.assertGreater(len(asked), 20)
        for expr in asked:
            with self.subTest(expr):
                names = re.findall(r"opensnitch_[a-z_]+", expr)
                self.assertEqual(set(names) - there, set())
                for label in re.findall(r"sum by \((\w+)\)", expr):
                    self.assertIn((names[0], label), labels)
        self.assertEqual(len({p["id"] for p in dashboard["panels"]}), len(dashboard["panels"]))

    def test_decisions_are_counted(self):
        before = self.read()
        self.visit()

        def moved():
            """Both processes count: the console what it was told, the engine's numbers come once a second."""
            now = self.read()
            keys = ("opensnitch_decisions_total", 'action="allow"'), ("opensnitch_connection_events_total", None)
            return now if all(now[k] >= before[k] + 2 for k in keys) else None

        now = wait_until(moved, what="the engine's counters")
        more = {k: now[k] - before[k] for k in now}
        self.assertGreaterEqual(more[("opensnitch_decision_reasons_total", 'reason="rule"')], 1)
        self.assertGreaterEqual(more[("opensnitch_connection_events_total", None)], 2)
        count = more[("opensnitch_decision_latency_seconds_count", 'held="false"')]
        self.assertEqual(count, more[("opensnitch_connection_events_total", None)])
        self.assertEqual(more[("opensnitch_decision_latency_seconds_bucket", 'held="false",le="+Inf"')], count)
        buckets = [v for (n, labels), v in now.items() if n.endswith("_bucket") and 'held="false"' in labels]
        self.assertEqual(buckets, sorted(buckets))
        for process in ("engine", "console"):
            self.assertGreater(now[("opensnitch_resident_memory_bytes", f'process="{process}"')], 1 << 20)

    def test_prompts_and_clients(self):
        before = self.read()
        events, curl, prompt = self.ask()
        now = self.read()
        self.assertEqual(now[("opensnitch_sse_clients", None)], 1)
        self.assertEqual(now[("opensnitch_sse_prompt_clients", None)], 1)
        self.api.answer(prompt, "allow")
        self.assertEqual(curl.wait(60), 0)
        events.wait_for("prompt.closed")
        ended = ("opensnitch_prompts_ended_total", 'end="answered"')
        now = self.read()
        self.assertEqual(now[ended], before[ended] + 1)
        held = ("opensnitch_decision_latency_seconds_count", 'held="true"')
        wait_until(lambda: self.read()[held] == before[held] + 1, what="the held connection in the histogram")


if __name__ == "__main__":
    tap.main()
