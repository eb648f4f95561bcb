# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs the corpus against a real daemon and compares what it told with what really happened.

    driver.py [--tries 100] [--load] [--cases NAME,...]      by hand: prints the table; `make attribution` runs it idle and under load

A try is right when PID and path of the event are those of the sender; wrong when it names somebody else; unknown when it
names nobody; missing when there was no event at all. Exit code 0 when no try was wrong with confidence `exact` or `likely`, and
at least 99.9 % of those that can be known were right.
"""
import argparse
import collections
import contextlib
import os
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "harness"))

import lab
from client import Events
from daemon import Daemon, builddir, rule

GOAL = 0.999
LATER_S = 1
ALLOW_ALL = rule("500-allow-all", "allow", ("true", ""))

# Why the sender of these cannot be known for certain, or what is shown instead.
CANNOT = {
    "fork-child-connected": "the child's send passes nothing that is traced: its parent is told, and never as sure",
}

Expected = collections.namedtuple("Expected", "protocol ip port source_port pid path more")
Row = collections.namedtuple("Row", "name tries right wrong unknown missing sure marks skip note complaints bad")


def program():
    return os.path.join(builddir(), "tests/net/attribution/corpus")


def parse(line):
    words = line.split()
    more = dict(w.split("=", 1) for w in words[6:])
    return Expected(words[0], words[1], int(words[2]), int(words[3]), int(words[4]), words[5], more)


def fits(want, event):
    return (event["protocol"].rstrip("6") == want.protocol and event["dest"]["ip"] == want.ip
            and (not want.port or event["dest"]["port"] == want.port)
            and (not want.source_port or event["source"]["port"] == want.source_port))


def is_of(want, event):
    return bool(event["process"]) and event["process"]["pid"] == want.pid


def best(want, events):
    """The event of this connection. One that floods may have had the same port a moment before: of several, that of the sender."""
    fitting = [e for e in events if fits(want, e)]
    return next((e for e in fitting if is_of(want, e)), fitting[0] if fitting else None)


def judge(want, event):
    """(verdict, complaint)"""
    process = event["process"]
    if not process:
        return "unknown", None
    path_right = want.path == "-" or process["path"] == want.path
    if process["pid"] == want.pid and path_right:
        return "right", None
    return "wrong", f"{want} but told {process['pid']} {process['path']} ({event['attribution']['confidence']})"


def marks_missing(want, event):
    process = event["process"] or {}
    if "flag" in want.more and want.more["flag"] not in process.get("flags", []):
        return f"no flag {want.more['flag']}: {process.get('flags')}"
    if "script" in want.more and process.get("script") != want.more["script"]:
        return f"script {process.get('script')} instead of {want.more['script']}"
    if "creator" in want.more and str((process.get("socket_creator") or {}).get("pid")) != want.more["creator"]:
        return f"creator {process.get('socket_creator')} instead of {want.more['creator']}"
    for field in ("container", "unit"):
        if field in want.more and process.get(field) != want.more[field]:
            return f"{field} {process.get(field)} instead of {want.more[field]}"
    return None


class Corpus:
    def __init__(self, net, daemon, directory):
        self.net, self.daemon, self.dir = net, daemon, directory
        # The events of one case at a time, by destination.
        self.first = 0

    def names(self):
        out = subprocess.run([program(), "list"], stdout=subprocess.PIPE, text=True, check=True).stdout
        return dict(line.split("\t", 1) for line in out.splitlines())

    def run(self, name, tries, note=""):
        stream = Events(self.daemon.api, types=["connection"])
        try:
            done = self.net.inside([program(), "run", name, str(tries), str(self.first), self.dir], timeout=600)
            return self.compare(name, tries, done, stream, note)
        finally:
            stream.close()

    def recorded(self, want):
        """From the history: a stream of very many events leaves some out, and says so."""
        cursor, found = "", []
        while True:
            page = self.daemon.api.get(f"/api/v1/connections?limit=1000&dest.ip={want.ip}{cursor}").json
            found += [e for e in page["items"] if fits(want, e)]
            if not page["next"]:
                return best(want, found)
            cursor = f"&cursor={page['next']}"

    def wait_events(self, wanted, stream):
        """event of each expectation, in order; None for one that did not come in time."""
        end, sure = time.monotonic() + lab.DEADLINE, None
        while True:
            by_ip = collections.defaultdict(list)
            for e in stream.all("connection"):
                by_ip[e.data["dest"]["ip"]].append(e.data)
            found = [best(w, by_ip[w.ip]) for w in wanted]
            if all(found):
                # Another's event with the same ports may be there before that of the sender.
                sure = sure or time.monotonic() + LATER_S
                if all(map(is_of, wanted, found)) or time.monotonic() > sure:
                    return found
            if time.monotonic() > end:
                return [e or self.recorded(w) for w, e in zip(wanted, found)]
            time.sleep(0.05)

    def compare(self, name, tries, done, stream, note):
        lines = done.stdout.splitlines()
        skipped = next((line[5:] for line in lines if line.startswith("skip ")), None)
        wanted = [parse(line) for line in lines if not line.startswith("skip ")]
        counts, sure, complaints, bad, marks = collections.Counter(), collections.Counter(), [], 0, 0
        if done.returncode != 0:
            complaints.append(f"the case itself failed: {done.returncode} {done.stderr[-300:]}")
        for want, event in zip(wanted, self.wait_events(wanted, stream)):
            if event is None:
                counts["missing"] += 1
                complaints.append(f"no event for {want}")
                continue
            verdict, complaint = judge(want, event)
            counts[verdict] += 1
            sure[event["attribution"]["confidence"]] += 1
            bad += verdict == "wrong" and event["attribution"]["confidence"] in ("exact", "likely")
            lacks = marks_missing(want, event)
            marks += lacks is not None
            complaints += [c for c in (complaint, lacks) if c]
        return Row(name, len(wanted), counts["right"], counts["wrong"], counts["unknown"], counts["missing"],
                   sure, marks, skipped, CANNOT.get(name, note), complaints, bad)


def print_table(rows, out=sys.stdout):
    out.write(f"{'case':22}{'tries':>6}{'right':>7}{'wrong':>7}{'unknown':>8}{'missing':>8}  how sure; note\n")
    for r in rows:
        if r.skip:
            out.write(f"{r.name:22}  skipped: {r.skip}\n")
            continue
        sure = " ".join(f"{k}:{n}" for k, n in sorted(r.sure.items()))
        marks = f"; {r.marks} without their mark" if r.marks else ""
        out.write(f"{r.name:22}{r.tries:6}{r.right:7}{r.wrong:7}{r.unknown:8}{r.missing:8}  {sure}{marks}; {r.note}\n")


def verdict(rows):
    """Sentences about what was not reached; empty when all was."""
    failed = [f"{r.name}: {r.bad} wrong though told as exact or likely" for r in rows if r.bad]
    tries = sum(r.tries for r in rows if r.name not in CANNOT)
    right = sum(r.right for r in rows if r.name not in CANNOT)
    if tries and right < tries * GOAL:
        failed.append(f"only {right} of {tries} are right")
    failed += [f"{r.name}: {r.marks} without their mark" for r in rows if r.marks]
    failed += [f"{r.name}: {c}" for r in rows for c in r.complaints if c.startswith("the case itself")]
    return failed


ECHO = """
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IP, 8, 1)  # IP_PKTINFO: the answer comes from where the question went
s.bind(("0.0.0.0", 4243))
print("ready", flush=True)
while True:
    data, about, _, peer = s.recvmsg(64, 64)
    s.sendmsg([data], [(0, 8, bytes(4) + about[0][2][8:12] + bytes(4))], 0, peer)
"""


@contextlib.contextmanager
def echo(net):
    """Answers datagrams to ECHO_PORT, whatever their address."""
    p = subprocess.Popen(["nsenter", f"--net=/run/netns/{net.world}", sys.executable, "-c", ECHO], stdout=subprocess.PIPE)
    try:
        p.stdout.readline()
        yield
    finally:
        p.kill()
        p.wait()
        p.stdout.close()


@contextlib.contextmanager
def world():
    """A lab in which the whole of 10.64.0.0/10 and fd99::/16 answers, and a daemon that allows everything."""
    reason = lab.why_not()
    if reason:
        raise lab.LabError(reason)
    with lab.Lab(prefix="corpus") as net, contextlib.ExitStack() as stack:
        for args in (("-4", "10.64.0.0/10"), ("-6", "fd99::/16")):
            subprocess.run(["ip", "-n", net.world, args[0], "route", "add", "local", args[1], "dev", "lo"], check=True)
        net.inside(["sh", "-c", "echo 0 2147483647 >/proc/sys/net/ipv4/ping_group_range; "
                    "echo 1 >/proc/sys/net/ipv4/tcp_fastopen"])
        stack.enter_context(echo(net))
        directory = os.path.join(net.dir, "corpus")
        os.mkdir(directory)
        os.chmod(directory, 0o777)
        with Daemon(net, rules=[ALLOW_ALL]) as daemon:
            lab.wait_until(lambda: daemon.status()["interception"]["enabled"], what="filtering")
            yield Corpus(net, daemon, directory)


@contextlib.contextmanager
def load():
    """Both cores busy, and 1,000 other processes."""
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(os.cpu_count() or 1)]
    idle = subprocess.Popen(["sh", "-c", "i=0; while [ $i -lt 1000 ]; do sleep 100000 & i=$((i+1)); done; "
                             "echo ready; read x; kill $(jobs -p)"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            stderr=subprocess.DEVNULL, text=True)
    try:
        idle.stdout.readline()
        yield
    finally:
        for p in busy:
            p.kill()
            p.wait()
        idle.stdin.close()
        idle.wait()
        idle.stdout.close()


def run_all(corpus, tries, only=None):
    rows = []
    for name, note in corpus.names().items():
        if not only or name in only:
            rows.append(corpus.run(name, tries, note))
    corpus.first += tries
    return rows


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tries", type=int, default=100)
    parser.add_argument("--cases")
    parser.add_argument("--load", action="store_true", help="once more under load")
    args = parser.parse_args()
    only = args.cases.split(",") if args.cases else None
    failed = []
    with world() as corpus:
        for name in ("idle", "load") if args.load else ("idle",):
            with load() if name == "load" else contextlib.nullcontext():
                rows = run_all(corpus, args.tries, only)
            print(f"\n{name}:")
            print_table(rows)
            for r in rows:
                for c in r.complaints[:3]:
                    print(f"  {r.name}: {c}")
            failed += [f"{name}: {f}" for f in verdict(rows)]
        counters = corpus.daemon.status()["counters"]
        print({k: v for k, v in counters.items() if "trace" in k or "scan" in k})
    for f in failed:
        print(f"NOT REACHED: {f}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
