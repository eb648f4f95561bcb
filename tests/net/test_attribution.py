# SPDX-License-Identifier: GPL-2.0-or-later
"""A few tries of each case of the attribution corpus; `make attribution` runs all of them, idle and under load."""
import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "harness"))
sys.path.insert(0, os.path.join(HERE, "attribution"))

import driver
import lab
import tap

TRIES = 3


@unittest.skipIf(lab.why_not(), lab.why_not())
class AttributionTest(unittest.TestCase):
    def test_the_corpus(self):
        self.judge(bpf=True)

    def test_by_tracing_alone(self):
        self.judge(bpf=False)

    def judge(self, bpf):
        with driver.world(bpf) as corpus:
            rows = driver.run_all(corpus, TRIES)
            for r in rows:
                with self.subTest(r.name):
                    why = r.complaints[:3], corpus.daemon.status()["counters"]
                    self.assertEqual((r.bad, r.wrong, r.missing, r.marks), (0, 0, 0, 0), why)
                    if not r.cannot:
                        self.assertEqual(r.right, r.tries, why)
            # What is marked is marked in the history too.
            old = [c["process"] or {} for c in corpus.daemon.api.get("/api/v1/connections?limit=1000").json["items"]]
            self.assertTrue(any((p.get("script") or "").startswith("/") for p in old))
            for flag in ("traced", "memfd", "kernel"):
                self.assertTrue(any(flag in p.get("flags", []) for p in old), flag)
            if not any(r.name in ("fork-child-connected",) and r.sure["scan"] for r in rows):
                self.assertLessEqual(corpus.daemon.status()["counters"].get("proc_scans", 0), TRIES * 2)


if __name__ == "__main__":
    tap.main()
