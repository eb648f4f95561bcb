#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Measures how long a rule on trial takes over a big history: POST /api/v1/rules/test over recorded connections of 200 programs, 5,000
hosts and 2,000 addresses. Run by hand: make bench-whatif. Goal: a million of them in 3 s."""
import argparse
import os
import pathlib
import random
import sqlite3
import statistics
import sys
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests/harness"))
from daemon import ALLOW_DNS, Daemon, rule  # noqa: E402
from lab import Lab, why_not  # noqa: E402

GOAL_S = 3
PROGRAMS, HOSTS, ADDRESSES, RULES = 200, 5000, 2000, 100
SPAN_US = 23 * 3600 * 10**6  # less than the day that is looked at
INSERT = ("INSERT INTO connections (id, time_us, protocol, action, reason, src_port, dst_port, uid, pid, method, confidence, host_source,"
          " latency_us, held, src_ip, dst_ip, host, path) VALUES (?, ?, 6, ?, 2, ?, ?, 1000, ?, 1, 3, 1, 50, 1, ?, ?, ?, ?)")


def texts(db, values):
    """The ids of new strings, far from those that the daemon gives."""
    first = db.execute("SELECT max(1000000, coalesce(max(id), 0)) + 1 FROM strings").fetchone()[0]
    db.executemany("INSERT INTO strings (id, hash, last_id, text) VALUES (?, 0, 1000000000000, ?)", list(enumerate(values, first)))
    return range(first, first + len(values))


def fill(path, count):
    db = sqlite3.connect(path, timeout=60)
    rnd = random.Random(1)
    programs = texts(db, [f"/opt/program-{n}/bin/program" for n in range(PROGRAMS)])
    hosts = texts(db, [f"h{n}.site{n % 700}.example" for n in range(HOSTS)])
    addresses = texts(db, [f"198.18.{n // 250}.{n % 250}" for n in range(ADDRESSES)])
    first = (db.execute("SELECT max(id) FROM connections").fetchone()[0] or 0) + 1
    now = time.time_ns() // 1000

    def rows():
        for n in range(count):
            # As on a machine: some programs and hosts make most of it.
            host = int(HOSTS * rnd.random() ** 3)
            yield (first + n, now - SPAN_US + n * SPAN_US // count, rnd.choice((0, 0, 0, 1)), 1024 + n % 60000, rnd.choice((443, 443, 80, 5222)),
                   100 + n % 5000, addresses[0], addresses[host % ADDRESSES], hosts[host], programs[int(PROGRAMS * rnd.random() ** 2)])
    db.executemany(INSERT, rows())
    db.commit()
    db.close()


CASES = {
    "one program": [("process.path", "/opt/program-7/bin/program")],
    "a host and a port": [("dest.host", "h11.site11.example"), ("dest.port", "443")],
    "an expression": [("dest.host", r"(^|\.)site1[0-9]*\.example$", "regexp")],
    "a network": [("dest.network", "198.18.0.0/24", "network")],
    "a program's hosts": [("process.path", r"^/opt/program-1", "regexp"), ("dest.host", r"\.site[1-4]", "regexp"), ("user.id", "1000")],
    "everything": [("true", "")],
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1000000)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    if why_not():
        sys.exit(f"whatif: {why_not()}")
    rules = [ALLOW_DNS] + [rule(f"{n:03}-x", "deny" if n % 5 == 0 else "allow", ("process.path", f"/opt/program-{n}/bin/program"),
                                ("dest.host", rf"(^|\.)site{n}\.example$", "regexp")) for n in range(1, RULES)]
    worst = 0
    with Lab(prefix="opensnitch-whatif") as net, Daemon(net, config={"history": {"max_rows": 2 * args.rows}}, rules=rules) as d:
        began = time.monotonic()
        fill(f"{d.state_dir}/opensnitch.db", args.rows)
        api = d.api
        api.timeout = 300
        print(f"{args.rows} recorded connections, {RULES} rules, load {os.getloadavg()[0]:.1f} (filled in {time.monotonic() - began:.0f} s)")
        for name, operators in CASES.items():
            taken, cpu = [], []
            for _ in range(args.rounds):
                pid = d.console_pid()
                began, used = time.monotonic(), cpu_s(pid)
                got = api.request("POST", "/api/v1/rules/test", body={"rule": rule("000-trial", "deny", *operators)})
                taken.append(time.monotonic() - began)
                cpu.append(cpu_s(pid) - used)
                if got.status != 200 or got.json["examined"] < args.rows:
                    sys.exit(f"whatif: {got}")
            worst = max(worst, statistics.median(taken))
            print(f"  {name:20} {statistics.median(taken):6.2f} s ({statistics.median(cpu):5.2f} s of the processor's)"
                  f"  {got.json['matched']:8} matched, {got.json['changed']:8} decided otherwise")
    print(f"goal, at most {GOAL_S} s for a million: {'reached' if worst * 10**6 / args.rows <= GOAL_S else 'MISSED'}")


def cpu_s(pid):
    with open(f"/proc/{pid}/schedstat", encoding="ascii") as f:
        return int(f.read().split()[0]) / 1e9


if __name__ == "__main__":
    main()
