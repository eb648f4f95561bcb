#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Measures what connect() takes while rules are swapped: a daemon with 10,000 rules and a list of a million names, one of whose rules is
changed again and again, so that the whole set is built, sent, compiled and exchanged each time. Run by hand: make bench-swap."""
import argparse
import contextlib
import json
import os
import pathlib
import statistics
import sys
import tempfile
import threading
import time

import cases
import network


class Changer(threading.Thread):
    """Changes a rule of no matter through the API, until it is told to stop."""

    def __init__(self, case):
        super().__init__()
        self.case, self.over, self.n = case, threading.Event(), 0

    def run(self):
        while not self.over.is_set():
            body = json.dumps({"enabled": self.n % 2 == 0})
            connection = cases.UnixConnection(self.case.work / "runtime/api.sock")
            connection.request("PATCH", "/api/v1/rules/000001-other", body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            connection.close()
            if answer.status != 200:
                raise RuntimeError(f"the rule cannot be changed: {answer.status}")
            self.n += 1

    def stop(self):
        self.over.set()
        self.join()


def add_list(case, names):
    folder = case.work / "lists"
    folder.mkdir()
    folder.chmod(0o755)
    with open(folder / "names.list", "w", encoding="ascii") as f:
        f.writelines(f"ads{n}.tracker{n % 5000}.example\n" for n in range(names))
    rule = {"name": "900000-list", "enabled": True, "action": "deny", "duration": "always", "operator": {
        "type": "lists", "operand": "lists.domains", "sensitive": False, "data": str(folder)}}
    connection = cases.UnixConnection(case.work / "runtime/api.sock")
    connection.request("POST", "/api/v1/rules", json.dumps(rule), {"Content-Type": "application/json"})
    if connection.getresponse().status != 201:
        raise RuntimeError("the list cannot be added")
    connection.close()


def tell(what, times):
    ms = sorted(t / 1e6 for t in times)

    def part(p):
        return ms[min(len(ms) - 1, int(len(ms) * p))]
    print(f"{what:26} median {statistics.median(ms):7.3f}  p99 {part(.99):7.3f}  p99.9 {part(.999):7.3f}  longest {ms[-1]:8.3f} ms  "
          f"({sum(1 for t in ms if t > 1)} of {len(ms)} above 1 ms)")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build-dir", type=pathlib.Path, default=os.environ.get("TOP_BUILDDIR", "."))
    parser.add_argument("--rules", type=int, default=10000)
    parser.add_argument("--names", type=int, default=1000000)
    parser.add_argument("--count", type=int, default=20000, help="connects")
    parser.add_argument("--prefix", default="osswap")
    parser.add_argument("--queue", type=int, default=20410)
    parser.add_argument("--port", type=int, default=21410)
    args = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("swap: needs root, for network namespaces")
    build = args.build_dir.resolve()
    with contextlib.ExitStack() as stack:
        work = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="osswap-")))
        work.chmod(0o755)
        pair = network.Pair(args.prefix, "own", 9, build)
        stack.callback(pair.close)
        pair.open()
        (work / "own").mkdir()
        case = cases.Ours(pair, build, work / "own", args.queue, args.rules, args.port)
        stack.callback(case.stop)
        case.start()
        add_list(case, args.names)
        case.measure(500, 1)
        print(f"{args.rules} rules and a list of {args.names} names, load {os.getloadavg()[0]:.1f}")
        tell("connect(), nothing changes", case.measure(args.count, 1))
        changer = Changer(case)
        changer.start()
        began = time.monotonic()
        try:
            times = case.measure(args.count, 1)
        finally:
            changer.stop()
        tell("... while rules are swapped", times)
        print(f"{changer.n} changes in {time.monotonic() - began:.1f} s")


if __name__ == "__main__":
    main()
