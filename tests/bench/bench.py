#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Measures what a firewall adds to connect(), alternately, against a bare queue. See README.md."""

import argparse
import contextlib
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile
import time

import cases
import network

GOAL_RATIO = 1.3
GOAL_MEMORY_KIB = 24 * 1024


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    build = os.environ.get("TOP_BUILDDIR", ".")
    parser.add_argument("--build-dir", type=pathlib.Path, default=build)
    parser.add_argument("--cases", default="none,bare,own,debian")
    parser.add_argument("--others", default="30,1000", help="numbers of other processes")
    parser.add_argument("--procs", default="1,4", help="how many connect at once")
    parser.add_argument("--rules", type=int, default=1, help="of both firewalls; every connection hits the last one")
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--count", type=int, default=1000, help="connects of a run, all processes together")
    parser.add_argument("--memory-after", type=int, default=100000, metavar="N",
                        help="connections before memory is read; 0: not at all")
    parser.add_argument("--debian", default="/usr/bin/opensnitchd", metavar="FILE")
    parser.add_argument("--prefix", default="osbench", help="of the names of network namespaces")
    parser.add_argument("--queue", type=int, default=20400, help="the first of up to four queue numbers")
    parser.add_argument("--port", type=int, default=21400, help="of our dashboard")
    parser.add_argument("--json", type=pathlib.Path, help="write all measurements there")
    return parser.parse_args()


def make_case(name, args, index, work, stack):
    pair = network.Pair(args.prefix, name, index, args.build_dir)
    stack.callback(pair.close)
    pair.open()
    work = pathlib.Path(work) / name
    work.mkdir()
    queue = args.queue + index
    if name == "own":
        case = cases.Ours(pair, args.build_dir, work, queue, args.rules, args.port)
    elif name == "debian":
        case = cases.Debian(pair, args.build_dir, work, queue, args.rules, args.debian)
    else:
        kind = {"none": cases.NoFirewall, "bare": cases.BareQueue}[name]
        case = kind(pair, args.build_dir, work, queue)
    stack.callback(case.stop)
    case.start()
    return case


def settle(standing, still_s=0.1, deadline_s=30):
    """Waits until what is written and sent after a run is done, so that it burdens no other case."""
    deadline = time.monotonic() + deadline_s
    before = sum(case.busy_ns() for case in standing)
    while time.monotonic() < deadline:
        time.sleep(still_s)
        now = sum(case.busy_ns() for case in standing)
        # the question itself costs the daemon a request each
        if now - before < still_s * 1e9 * 0.05:
            return
        before = now
    print("note: the programs never became idle between runs", file=sys.stderr)


def percentile(values, part):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


def measure(standing, args, others, procs):
    """Runs of every case in turn; the case that begins changes with every round."""
    runs = {case.name: [] for case in standing}
    for number in range(args.rounds):
        turn = number % len(standing)
        for case in standing[turn:] + standing[:turn]:
            settle(standing)
            times = case.measure(max(1, args.count // procs), procs)
            runs[case.name].append({"median": statistics.median(times),
                                    "p99": percentile(times, 0.99)})
    return {"others": others, "procs": procs, "runs": runs}


@contextlib.contextmanager
def other_processes(args, n, standing):
    holders = subprocess.Popen(
        [args.build_dir / "tests/bench/holders", str(n), *(case.pair.file for case in standing)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        network.wait_line(holders, "ready")
        yield
    finally:
        holders.stdin.close()
        holders.wait(30)


def summarize(result, name, key):
    return statistics.median(run[key] for run in result["runs"][name])


def ratios_to_bare(result, name):
    """Of each round by itself: what was measured one after the other had the same moods of the machine."""
    pairs = zip(result["runs"][name], result["runs"]["bare"])
    return sorted(run["median"] / bare["median"] for run, bare in pairs)


def print_table(results, standing, args):
    shown = [case for case in standing]
    print(f"\nconnect() in µs: median of {args.rounds} runs' medians (and of their 99th percentiles),"
          "\nand how many times the bare queue's median of the same round that is (median of rounds)\n")
    head = f"{'':28}" + "".join(f"{case.title:>26}" for case in shown)
    print(head)
    for result in results:
        label = f"{result['procs']} at once, {result['others']} others"
        cells = []
        for case in shown:
            median, p99 = (summarize(result, case.name, key) / 1000 for key in ("median", "p99"))
            ratio = f"{statistics.median(ratios_to_bare(result, case.name)):5.2f}x" if "bare" in result["runs"] else ""
            cells.append(f"{median:9.1f} ({p99:7.1f}) {ratio:>6}")
        print(f"{label:28}" + "".join(f"{cell:>26}" for cell in cells))


def print_goal(results):
    worst = 0
    for result in results:
        if not {"own", "bare"} <= result["runs"].keys():
            return
        ratios = ratios_to_bare(result, "own")
        ratio = statistics.median(ratios)
        worst = max(worst, ratio)
        print(f"  {result['procs']} at once, {result['others']} others: {ratio:.2f}x "
              f"(half of the rounds {percentile(ratios, 0.25):.2f} to {percentile(ratios, 0.75):.2f})")
    print(f"goal, at most {GOAL_RATIO}x in every case: {'reached' if worst <= GOAL_RATIO else 'MISSED'}")


def memory_of(pid):
    def field(file, key):
        for line in pathlib.Path(f"/proc/{pid}/{file}").read_text().splitlines():
            if line.startswith(key + ":"):
                return int(line.split()[1])
        return 0

    return {"rss": field("status", "VmRSS"), "pss": field("smaps_rollup", "Pss")}


def measure_memory(own, args):
    """Connects until the daemon has seen enough of them, then reads what both processes hold."""
    seen = own.decided_by_rule()
    while seen < args.memory_after:
        own.measure(min(5000, max(500, args.memory_after - seen)) // 4 + 1, 4)
        seen = own.decided_by_rule()
    own.forget_closed()
    settle([own], still_s=1)
    status = own.status()
    memory = {"connections": seen, "engine": memory_of(status["engine"]["pid"]),
              "console": memory_of(status["console"]["pid"]), "history": status["console"]["history"],
              "events_lost": status["counters"]["events_lost"]}
    total = memory["engine"]["rss"] + memory["console"]["rss"]
    print(f"\nmemory after {seen} connections (VmRSS; proportional share of it):")
    launcher = pathlib.Path(f"/proc/{status['console']['pid']}/task/{status['console']['pid']}/children").read_text().split()
    memory["launcher"] = memory_of(launcher[0])
    for name in ("engine", "console", "launcher"):
        print(f"  {name:8} {memory[name]['rss'] / 1024:6.1f} MiB  ({memory[name]['pss'] / 1024:.1f})")
    print(f"  engine and console {total / 1024:6.1f} MiB; goal, at most {GOAL_MEMORY_KIB // 1024} MiB: "
          f"{'reached' if total <= GOAL_MEMORY_KIB else 'MISSED'}")
    print(f"  stored: {memory['history']['rows']} rows, {memory['history']['lost']} lost by the disk, "
          f"{memory['events_lost']} lost before the console")
    return memory


def wanted_cases(args):
    names = args.cases.split(",")
    if "debian" in names:
        version = cases.Debian.installed(args.debian)
        print(f"Debian's opensnitchd: {version or 'not installed'}")
        if not version:
            names.remove("debian")
    return names


def main():
    args = parse_arguments()
    args.build_dir = args.build_dir.resolve()
    if os.geteuid() != 0:
        sys.exit("bench: needs root, for network namespaces")
    print(f"{os.cpu_count()} cores, Linux {platform.release()}, {args.rounds} rounds of "
          f"{args.count} connects, {args.rules} rules, load {os.getloadavg()[0]:.1f}")
    names, results, memory = wanted_cases(args), [], None
    with contextlib.ExitStack() as stack:
        work = stack.enter_context(tempfile.TemporaryDirectory(prefix="osbench-"))
        os.chmod(work, 0o755)
        standing = [make_case(name, args, index, work, stack) for index, name in enumerate(names)]
        for others in map(int, args.others.split(",")):
            with other_processes(args, others, standing):
                for procs in map(int, args.procs.split(",")):
                    results.append(measure(standing, args, others, procs))
        print_table(results, standing, args)
        print()
        print_goal(results)
        own = next((case for case in standing if case.name == "own"), None)
        if own and args.memory_after:
            memory = measure_memory(own, args)
    if args.json:
        args.json.write_text(json.dumps({"results": results, "memory": memory}, indent=1))


if __name__ == "__main__":
    main()
