# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs the corpus against a real daemon and compares what it told with what really happened.

    driver.py [--tries 100] [--load] [--no-bpf] [--cases NAME,...]      by hand: prints the table; `make attribution` runs it idle and under load

A try is right when PID and path of the event are those of the sender; wrong when it names somebody else; unknown when it
names nobody; missing when there was no event at all. Without eBPF it is shared when several processes have the socket, or the
port, and nothing in the kernel tells which of them sent: then the event must name one of them, say so (`shared_socket` in
`process.flags`), and never be `exact` or `likely`.

Exit code 0 when no try was wrong with confidence `exact` or `likely`, at least 99.9 % were right of those that can be known,
and nothing was unknown or shared but what CANNOT explains.
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

# Why the sender of these cannot be known where eBPF does not see it, and what is told instead.
ONE_OF = "a send on a connected socket passes nothing that is traced"
CANNOT = {
    "fork-child-connected": f"{ONE_OF}: parent and child have it, the parent is told, and that it shares it",
    "fork-exec-connected": f"{ONE_OF}: parent and child have it, the parent is told, and that it shares it",
    "fork-two-connected": f"{ONE_OF}: two children have it, one of them is told, and that it shares it",
}

# What /proc says of these is not true, and only eBPF sees it.
UNSEEN = "only eBPF sees which file was executed"
BY_EXECS = {name: UNSEEN for name in ("bind-mount-gone", "overlay-gone", "exe-forged-gone", "exe-forged-relative")}

Expected = collections.namedtuple("Expected", "protocol ip port source_port pid path more")
Row = collections.namedtuple("Row", "name tries right wrong shared unknown missing sure marks skip note complaints bad cannot")
SURE = ("exact", "likely")
SHARED = "shared_socket"


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


def is_seen(daemon):
    """Whether eBPF sees who sends, so that it is always known."""
    return "senders" in daemon.status()["attribution"]["why"]


def judge(want, event, seen):
    """(verdict, complaint)"""
    process = event["process"]
    if not process:
        return "unknown", f"{want} and nobody is told"
    path_right = process["path"] != want.path[1:] if want.path.startswith("!") else want.path in ("-", process["path"])
    may_be_another = SHARED in process["flags"] and event["attribution"]["confidence"] not in SURE
    # Both processes of a twin send this flow, and one event tells of it. Who connected counts where nobody sees who sends.
    others = ["twin"] if seen else ["twin", "connector"]
    if (process["pid"] == want.pid or str(process["pid"]) in [want.more.get(o) for o in others]) and path_right:
        return "right", None
    if not seen and str(process["pid"]) == want.more.get("sharer") and may_be_another:
        return "shared", None
    return "wrong", f"{want} but told {process['pid']} {process['path']} ({event['attribution']['confidence']})"


def marks_missing(want, event, seen):
    process = event["process"] or {}
    if not seen and "unseen" in want.more and want.more["unseen"] not in process.get("flags", []):
        return f"no flag {want.more['unseen']}: {process.get('flags')}"
    # Who made the socket: of one that it never used only where it is seen.
    creator = (process.get("socket_creator") or {}).get("pid")
    if seen and "maker" in want.more and str(creator) != want.more["maker"]:
        return f"creator {creator} instead of {want.more['maker']}"
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
        self.seen = is_seen(daemon)
        self.cannot = {} if self.seen else CANNOT
        self.unseen = {} if "executed files" in daemon.status()["attribution"]["why"] else BY_EXECS
        # The events of one case at a time, by destination.
        self.first = 0

    def names(self):
        out = subprocess.run([program(), "list"], stdout=subprocess.PIPE, text=True, check=True).stdout
        return dict(line.split("\t", 1) for line in out.splitlines())

    def run(self, name, tries, note=""):
        if name in self.unseen:
            return Row(name, 0, 0, 0, 0, 0, 0, {}, 0, self.unseen[name], note, [], 0, False)
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
                return [e if e and is_of(w, e) else self.recorded(w) or e for w, e in zip(wanted, found)]
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
            verdict, complaint = judge(want, event, self.seen)
            counts[verdict] += 1
            sure[event["attribution"]["confidence"]] += 1
            bad += verdict == "wrong" and event["attribution"]["confidence"] in SURE
            lacks = marks_missing(want, event, self.seen)
            marks += lacks is not None
            complaints += [c for c in (complaint, lacks) if c]
        return Row(name, len(wanted), counts["right"], counts["wrong"], counts["shared"], counts["unknown"],
                   counts["missing"], sure, marks, skipped, self.cannot.get(name, note), complaints, bad, name in self.cannot)


HEAD = f"{'case':22}{'tries':>6}{'right':>7}{'wrong':>7}{'shared':>7}{'unknown':>8}{'missing':>8}  how sure; note"


def row_text(r):
    if r.skip:
        return f"{r.name:22}  skipped: {r.skip}"
    sure = " ".join(f"{k}:{n}" for k, n in sorted(r.sure.items()))
    marks = f"; {r.marks} without their mark" if r.marks else ""
    return (f"{r.name:22}{r.tries:6}{r.right:7}{r.wrong:7}{r.shared:7}{r.unknown:8}{r.missing:8}  {sure}{marks}"
            + (f"; {r.note}" if r.note else ""))


def totals(rows):
    """What the issue asks for, over all cases that ran: a dictionary of counts, and the share of right ones."""
    known = [r for r in rows if not r.cannot]
    silent = {True: 0, False: 0}
    for r in rows:
        silent[r.cannot] += r.shared + r.unknown
    tries, right = sum(r.tries for r in known), sum(r.right for r in known)
    return {"tries": sum(r.tries for r in rows), "knowable": tries, "right": right, "share": right / tries if tries else 1.0,
            "wrong": sum(r.wrong for r in rows), "wrong_sure": sum(r.bad for r in rows), "missing": sum(r.missing for r in rows),
            "explained": silent[True], "unexplained": silent[False]}


def totals_text(t):
    return (f"{t['tries']} tries, {t['knowable']} that can be known: {t['right']} right ({t['share']:.3%}); wrong as exact or likely: "
            f"{t['wrong_sure']}, wrong at all: {t['wrong']}; unknown or shared: {t['explained']} explained, "
            f"{t['unexplained']} unexplained; missing: {t['missing']}")


def verdict(rows):
    """Sentences about what was not reached; empty when all was."""
    t = totals(rows)
    failed = [f"{r.name}: {r.bad} wrong though told as exact or likely" for r in rows if r.bad]
    if t["share"] < GOAL:
        failed.append(f"only {t['right']} of {t['knowable']} are right")
    failed += [f"{r.name}: {r.shared + r.unknown} unknown or shared, and nothing says why" for r in rows
               if r.shared + r.unknown and not r.cannot]
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
    p = subprocess.Popen(["nsenter", f"--net=/run/netns/{net.world}", sys.executable, "-c", ECHO],
                         stdout=subprocess.PIPE, preexec_fn=lab._die_with_parent)
    try:
        p.stdout.readline()
        yield
    finally:
        p.kill()
        p.wait()
        p.stdout.close()


@contextlib.contextmanager
def world(bpf=True):
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
        with Daemon(net, rules=[ALLOW_ALL], args=[] if bpf else ["--no-bpf"]) as daemon:
            lab.wait_until(lambda: daemon.status()["interception"]["enabled"], what="filtering")
            yield Corpus(net, daemon, directory)


# Each ends with the driver, however that ends: it has the other end of the pipe, and is the parent.
BUSY = """
import os, sys
while os.getppid() == int(sys.argv[1]):
    for i in range(1000000):
        pass
"""
SLEEPERS = """
import os
for i in range(1000):
    if os.fork() == 0:
        os.read(0, 1)
        os._exit(0)
print("ready", flush=True)
for i in range(1000):
    os.wait()
"""


@contextlib.contextmanager
def load():
    """Both cores busy, and 1,000 other processes."""
    busy = [subprocess.Popen([sys.executable, "-c", BUSY, str(os.getpid())]) for _ in range(os.cpu_count() or 1)]
    idle = subprocess.Popen([sys.executable, "-c", SLEEPERS], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
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


def run_all(corpus, tries, only=None, told=lambda row: None):
    """The rows, in the order of the cases; `told` gets each when it is there."""
    rows = []
    for name, note in corpus.names().items():
        if not only or name in only:
            rows.append(corpus.run(name, tries, note))
            told(rows[-1])
    corpus.first += tries
    return rows


def tell(row):
    print(row_text(row), flush=True)
    for complaint in row.complaints[:3]:
        print(f"  {complaint}", flush=True)


def measure(corpus, name, tries, only):
    """Prints the table of one round; sentences about what it did not reach."""
    begin = time.monotonic()
    print(f"\n{name}:\n{HEAD}", flush=True)
    rows = run_all(corpus, tries, only, tell)
    print(f"{name}: {totals_text(totals(rows))}; {time.monotonic() - begin:.0f} s", flush=True)
    return [f"{name}: {f}" for f in verdict(rows)]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tries", type=int, default=100)
    parser.add_argument("--cases")
    parser.add_argument("--load", action="store_true", help="once more under load")
    parser.add_argument("--no-idle", action="store_true", help="under load only")
    parser.add_argument("--no-bpf", action="store_true", help="by tracing alone")
    args = parser.parse_args()
    only = args.cases.split(",") if args.cases else None
    failed = []
    with world(not args.no_bpf) as corpus:
        if not args.no_idle:
            failed += measure(corpus, "idle", args.tries, only)
        if args.load or args.no_idle:
            with load():
                failed += measure(corpus, "load", args.tries, only)
        counters = corpus.daemon.status()["counters"]
        print({k: v for k, v in counters.items() if "trace" in k or "scan" in k})
    for f in failed:
        print(f"NOT REACHED: {f}")
    if not failed:
        print("reached")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
