# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether a decision takes longer where there is more of everything: files of the sender, sockets, processes. See README.md."""

import argparse
import contextlib
import os
import pathlib
import statistics
import subprocess
import tempfile

import bench
import cases
import network

GOAL_RATIO = 1.15
# Some get the ports of one that was decided a moment before, and its decision.
SEEN_LEAST = 0.95
PORT = 9200
# How it is called; what the sender has, and what the machine.
SURROUNDINGS = [
    ("nothing else", {}),
    ("100 files", {"files": 100}),
    ("10,000 files", {"files": 10000}),
    ("10,000 files, a gap", {"files": 10000, "gap": True}),
    ("5,000 sockets", {"sockets": 5000}),
    ("2,000 processes", {"processes": 2000}),
]
FEW_SOCKETS, FEW_PROCESSES = 10, 30
KINDS = {"connected": ("connected UDP", 4), "unconnected": ("unconnected UDP", 4), "tcp": ("TCP", 4), "tcp6": ("TCP over IPv6", 6)}


class Grown(cases.Ours):
    """A daemon with a rule that counts only when it knows the program."""

    def write_rules(self, directory):
        cases.write_rules(directory, self.build / "tests/bench/growth", 1)

    def run(self, kind, count, files=0, gap=False):
        family = KINDS[kind][1]
        queued, decided = self.pair.queued(self.queue), self.decided_by_rule()
        lines = self.pair.inside(self.build / "tests/bench/growth", "--to", self.pair.address if family == 4 else self.pair.address6,
                                 "--kind", kind.rstrip("6"), "--port", PORT, "--count", count, "--files", files,
                                 *(["--gap"] if gap else []))
        least = count * SEEN_LEAST
        if self.pair.queued(self.queue) - queued < least:
            raise RuntimeError(f"of {count} flows only {self.pair.queued(self.queue) - queued} were queued")
        cases.wait_for("decision of each flow by the program's rule", lambda: self.decided_by_rule() - decided >= least)
        return statistics.median(int(line) for line in lines.split()) / 1000


@contextlib.contextmanager
def standing(process):
    """Until the end of the block, once it says that it is ready."""
    try:
        network.wait_line(process, "ready")
        yield
    finally:
        process.stdin.close()
        process.wait(60)


@contextlib.contextmanager
def rest_of_machine(case, sockets=FEW_SOCKETS, processes=FEW_PROCESSES):
    holders = [case.build / "tests/bench/holders", processes, case.pair.file]
    with standing(case.pair.start(case.pair.name, case.build / "tests/bench/growth", "--hold", sockets)), \
            standing(subprocess.Popen(list(map(str, holders)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)):
        # What was born is looked at by and by.
        bench.settle([case])
        yield


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build-dir", type=pathlib.Path, default=os.environ.get("TOP_BUILDDIR", "."))
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--count", type=int, default=200, help="flows of each run")
    parser.add_argument("--prefix", default="osgrow", help="of the names of network namespaces")
    parser.add_argument("--queue", type=int, default=20460)
    parser.add_argument("--port", type=int, default=21460, help="of our dashboard")
    return parser.parse_args()


def measure(case, args, kinds):
    """{kind: {surroundings: [µs of each round]}}; each round measures every surroundings, in turn."""
    times = {kind: {name: [] for name, _ in SURROUNDINGS} for kind in kinds}
    for number in range(args.rounds):
        turn = number % len(SURROUNDINGS)
        for name, grown in SURROUNDINGS[turn:] + SURROUNDINGS[:turn]:
            machine = {key: grown[key] for key in ("sockets", "processes") if key in grown}
            own = {key: grown[key] for key in ("files", "gap") if key in grown}
            with rest_of_machine(case, **machine):
                for kind in kinds:
                    times[kind][name].append(case.run(kind, args.count, **own))
    return times


def tell(times):
    """Prints the table; what is over the goal."""
    base, missed = SURROUNDINGS[0][0], []
    print(f"{'':24}" + "".join(f"{KINDS[kind][0]:>30}" for kind in times))
    for name, _ in SURROUNDINGS:
        cells = []
        for kind, of_kind in times.items():
            ratios = [grown / plain for grown, plain in zip(of_kind[name], of_kind[base])]
            ratio = statistics.median(ratios)
            low, _, high = statistics.quantiles(ratios, n=4) if len(ratios) > 1 else (ratio, ratio, ratio)
            cells.append(f"{statistics.median(of_kind[name]):9.1f} {ratio:5.2f}x ({low:.2f} to {high:.2f})")
            if ratio > GOAL_RATIO:
                missed.append(f"{KINDS[kind][0]} with {name}")
        print(f"{name:24}" + "".join(f"{cell:>30}" for cell in cells), flush=True)
    return missed


def main():
    args = parse_arguments()
    args.build_dir = pathlib.Path(args.build_dir).resolve()
    kinds = args.kinds.split(",")
    with contextlib.ExitStack() as stack:
        pair = network.Pair(args.prefix, "grow", 43, args.build_dir)
        stack.callback(pair.close)
        pair.open()
        pair.open6()
        stack.enter_context(standing(pair.start(pair.server, args.build_dir / "tests/bench/growth", "--echo", "--port", PORT)))
        work = stack.enter_context(tempfile.TemporaryDirectory(prefix="osgrow-"))
        os.chmod(work, 0o755)
        case = Grown(pair, args.build_dir, work, args.queue, 1, args.port)
        stack.callback(case.stop)
        case.start()
        for key in ("udp_timeout", "udp_timeout_stream"):
            pair.sysctl(f"net.netfilter.nf_conntrack_{key}", 1)
        print(f"load {os.getloadavg()[0]:.2f}; µs until a new flow's first packet is through: median of {args.rounds} runs' medians, and the\n"
              f"median of its ratio to the run with nothing else in the same round (and the middle half)\n")
        missed = tell(measure(case, args, kinds))
        counters = case.status()["counters"]
    print(f"\nsearches through /proc: {counters['proc_scans']}; trace events lost: {counters['trace_lost']}")
    print(f"goal, at most {GOAL_RATIO}x everywhere: {'MISSED: ' + ', '.join(missed) if missed else 'reached'}")
    raise SystemExit(1 if missed else 0)


if __name__ == "__main__":
    main()
