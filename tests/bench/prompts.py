#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Measures how soon a prompt is in the browsers: from a program's sendto() to the event in each of many event streams, and from an
answer to its result. Run by hand: make bench-prompts. Goal with 50 clients: median 5 ms, 99th percentile 20 ms; an answer 50 ms."""
import argparse
import json
import os
import pathlib
import re
import selectors
import socket
import statistics
import subprocess
import sys
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests/harness"))
from client import Api  # noqa: E402
from daemon import ALLOW_DNS, Daemon  # noqa: E402
from lab import Lab, why_not  # noqa: E402

GOAL_MEDIAN_MS, GOAL_P99_MS, GOAL_ANSWER_MS = 5, 20, 50
FIRST_PORT = 10000
DEADLINE_S = 20

# Inside the namespace: sends a datagram to each port that is asked for, and says when.
SENDER = """
import socket, sys, time
for line in sys.stdin:
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    t = time.monotonic_ns()
    s.sendto(b"x", ("198.51.100.10", int(line)))
    print(t, flush=True)
"""
OPENED = re.compile(rb'event: prompt\.opened\ndata: \{"id":(\d+),[^\n]*?"dest":\{"ip":"[^"]*","port":(\d+)')


class Stream:
    """One browser's event stream."""

    def __init__(self, daemon, selector):
        self.sock = socket.create_connection(("127.0.0.1", daemon.port))
        self.sock.sendall(f"GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {daemon.token()}\r\n\r\n".encode())
        self.buf, self.seen = b"", {}
        selector.register(self.sock, selectors.EVENT_READ, self)

    def read(self):
        self.buf += self.sock.recv(262144)
        now = time.monotonic_ns()
        whole, _, self.buf = self.buf.rpartition(b"\n\n")
        for ident, port in OPENED.findall(whole):
            self.seen[int(port)] = (now, int(ident))


def percentile(values, part):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


def wait_all(selector, streams, port):
    deadline = time.monotonic() + DEADLINE_S
    while any(port not in s.seen for s in streams):
        if time.monotonic() > deadline:
            sys.exit(f"prompts: no event for port {port} within {DEADLINE_S} s")
        for key, _ in selector.select(1):
            key.data.read()


def slow_clients(daemon, n):
    """Connections with half a request, of which the server ends as many as it has no room for."""
    crowd = []
    for _ in range(n):
        sock = socket.create_connection(("127.0.0.1", daemon.port))
        sock.sendall(b"GET /api/v1/health HTTP/1.1\r\nHost: loc")
        crowd.append(sock)
    return crowd


def measure(net, daemon, args):
    selector = selectors.DefaultSelector()
    streams = [Stream(daemon, selector) for _ in range(args.clients)]
    deadline = time.monotonic() + DEADLINE_S
    while daemon.status()["console"]["clients"] < args.clients and time.monotonic() < deadline:
        for key, _ in selector.select(0.1):
            key.data.read()
    crowd = slow_clients(daemon, args.slow)
    sender = net.popen([sys.executable, "-c", SENDER], stdin=subprocess.PIPE)
    api, delivered, answered = Api(unix=daemon.socket_path), [], []
    for n in range(args.count):
        port = FIRST_PORT + n
        sender.stdin.write(f"{port}\n")
        sender.stdin.flush()
        sent = int(sender.stdout.readline())
        wait_all(selector, streams, port)
        delivered += [(s.seen[port][0] - sent) / 1e6 for s in streams]
        start = time.monotonic_ns()
        got = api.answer({"id": streams[0].seen[port][1]}, "deny")
        answered.append((time.monotonic_ns() - start) / 1e6)
        if got.status != 200 or got.json["released"] != 1:
            sys.exit(f"prompts: the answer got {got}")
    for sock in crowd:
        sock.close()
    return delivered, answered


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--count", type=int, default=200, help="prompts")
    parser.add_argument("--slow", type=int, default=0, help="clients besides that never end their request")
    parser.add_argument("--json", type=pathlib.Path, help="write the measurements there")
    args = parser.parse_args()
    if why_not():
        sys.exit(f"prompts: {why_not()}")
    with Lab(prefix="osbench-prompts") as net, Daemon(net, config={"default_action": "deny"}, rules=[ALLOW_DNS]) as daemon:
        delivered, answered = measure(net, daemon, args)
    median, p99 = statistics.median(delivered), percentile(delivered, 0.99)
    reached = median <= GOAL_MEDIAN_MS and p99 <= GOAL_P99_MS
    print(f"{args.count} prompts to {args.clients} clients each, {args.slow} slow ones besides, load {os.getloadavg()[0]:.1f}")
    print(f"  packet to browser: median {median:.2f} ms, p99 {p99:.2f} ms, worst {max(delivered):.2f} ms; "
          f"goal {GOAL_MEDIAN_MS} and {GOAL_P99_MS} ms: {'reached' if reached else 'MISSED'}")
    worst = percentile(answered, 0.99)
    print(f"  answer to result:  median {statistics.median(answered):.2f} ms, p99 {worst:.2f} ms; "
          f"goal {GOAL_ANSWER_MS} ms: {'reached' if worst <= GOAL_ANSWER_MS else 'MISSED'}")
    if args.json:
        args.json.write_text(json.dumps({"delivered_ms": delivered, "answered_ms": answered}))


if __name__ == "__main__":
    main()
