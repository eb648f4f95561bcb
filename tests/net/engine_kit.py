# SPDX-License-Identifier: GPL-2.0-or-later
"""What the end-to-end tests of the engine share: a test class with a lab, and programs inside that do as they are told."""
import json
import os
import select
import shutil
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "harness"))

import tap  # noqa: E402,F401
from daemon import ALLOW_DNS, Daemon  # noqa: E402
from lab import DEADLINE, PORTS_HAD, Lab, wait_until, why_not  # noqa: E402

# The system's, which every user may execute; a private one serves root alone.
PYTHON = os.path.realpath(shutil.which("python3", path="/usr/bin:/bin") or sys.executable)
CURL = os.path.realpath(shutil.which("curl") or "/usr/bin/curl")

# Addresses of the lab's zone.
WWW4, WWW6 = "198.51.100.10", "2001:db8:100::10"
NEWS4, NEWS6 = "198.51.100.11", "2001:db8:100::11"
API4, UPDATES4, TRACKER4 = "198.51.100.12", "198.51.100.13", "198.51.100.30"
TIME4, TIME6 = "198.51.100.40", "2001:db8:100::40"

_PUPPET = r"""
import errno, json, os, select, socket, sys, time

kept = {}

def family(host):
    return socket.AF_INET6 if ":" in host else socket.AF_INET

def tcp(host, port, timeout=40, keep=None):
    s = socket.create_connection((host, port), timeout=timeout)
    port = s.getsockname()[1]
    if keep:
        kept[keep] = s
    else:
        s.close()
    return port

def udp(name, host, port=9000):
    "Opens a connected datagram socket under a name, with a port that no program had before (see PORTS_HAD)."
    had = int(sys.argv[1])
    while True:
        s = socket.socket(family(host), socket.SOCK_DGRAM)
        s.connect((host, port))
        own = s.getsockname()[1]
        if os.pread(had, 1, own) == b"\0":
            break
        s.close()
    os.pwrite(had, b"\1", own)
    kept[name] = s
    return own

def send(name, *texts):
    return [kept[name].send(t.encode()) for t in texts]

def receive(name, timeout=40):
    kept[name].settimeout(timeout)
    return kept[name].recv(2000).decode()

def talk(host, port=9000, text="x", timeout=40):
    "One datagram and its echo."
    udp("talk", host, port)
    send("talk", text)
    return receive("talk", timeout)

def dial(host, ports, prefix="c"):
    "Starts to connect to each port (or (host, port)), without waiting."
    for i, port in enumerate(ports):
        where = (host, port) if isinstance(port, int) else tuple(port)
        s = kept[prefix + str(i)] = socket.socket(family(where[0]), socket.SOCK_STREAM)
        s.setblocking(False)
        s.connect_ex(where)
    return len(ports)

def dialled(name, timeout=40):
    "What became of a connect that was started."
    if not select.select([], [kept[name]], [], timeout)[1]:
        return "waits"
    code = kept[name].getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    return errno.errorcode[code] if code else "connected"

def fates(prefix="c"):
    "What became of all connects with this prefix: {fate: how many}."
    found = [dialled(name) for name in kept if name.startswith(prefix)]
    return {fate: found.count(fate) for fate in found}

def drop(*names):
    for name in names or list(kept):
        kept.pop(name).close()

print(json.dumps({"pid": os.getpid()}), flush=True)
for line in sys.stdin:
    name, args, options = json.loads(line)
    start = time.monotonic()
    try:
        out = {"value": globals()[name](*args, **options)}
    except OSError as e:
        out = {"error": errno.errorcode.get(e.errno, type(e).__name__)}
    out["seconds"] = time.monotonic() - start
    print(json.dumps(out), flush=True)
"""


class Result:
    """value, or error ("ECONNREFUSED", "timeout" ...); seconds it took."""

    def __init__(self, line):
        data = json.loads(line)
        self.value, self.error, self.seconds = data.get("value"), data.get("error"), data["seconds"]
        if self.error == "TimeoutError":
            self.error = "timeout"

    def __repr__(self):
        return f"<{self.error or self.value!r} after {self.seconds:.3f} s>"


class Puppet:
    """One program in the client namespace that runs the functions above when told to."""

    def __init__(self, net, user="nobody"):
        self.proc = net.popen([PYTHON, "-u", "-c", _PUPPET, str(PORTS_HAD)], user=user, stdin=-1, pass_fds=(PORTS_HAD,))
        first = self.proc.stdout.readline()
        if not first:
            raise AssertionError(f"no program runs inside: {self.proc.stderr.read()}")
        self.pid = json.loads(first)["pid"]

    def begin(self, name, *args, **options):
        self.proc.stdin.write(json.dumps([name, args, options]) + "\n")
        self.proc.stdin.flush()

    def is_done(self):
        return bool(select.select([self.proc.stdout], [], [], 0)[0])

    def result(self, deadline=DEADLINE):
        if not select.select([self.proc.stdout], [], [], deadline)[0]:
            raise AssertionError(f"the program inside does not come back within {deadline} s")
        return Result(self.proc.stdout.readline())

    def call(self, name, *args, **options):
        self.begin(name, *args, **options)
        return self.result()

    def close(self):
        self.proc.stdin.close()
        self.proc.wait()
        self.proc.stdout.close()
        self.proc.stderr.close()


def dest(data):
    """(address, port) of a prompt or a connection."""
    c = data.get("connection", data)
    return c["dest"]["ip"], c["dest"]["port"]


@unittest.skipIf(why_not(), why_not())
class EngineTest(unittest.TestCase):
    """A lab for the class; daemons and programs for each test."""

    ZONE = None

    @classmethod
    def setUpClass(cls):
        cls.net = Lab(prefix="opensnitch-engine", zone=cls.ZONE).start()
        cls.addClassCleanup(cls.net.close)

    def start_daemon(self, config=None, rules=(ALLOW_DNS,), **options):
        # Prompts that wait as long as they may, unless the test is about that: a slow machine takes its time to answer.
        d = Daemon(self.net, config={"prompt": {"timeout": "120s"}, **(config or {})}, rules=rules, **options)
        self.addCleanup(d.close)
        return d

    def puppet(self, user="nobody", **options):
        p = Puppet(self.net, user, **options)
        self.addCleanup(p.close)
        return p

    def watch(self, daemon, *types):
        """The event stream until the test's end: while it is open somebody is there to answer."""
        events = daemon.events(*types)
        self.addCleanup(events.close)
        self.assertEqual(events.status, 200)
        self.wait_clients(daemon, 1)
        return events

    def waiting(self):
        """The packets that have no verdict yet (see nfnetlink_queue's seq_show())."""
        queues = self.net.inside(["cat", "/proc/net/netfilter/nfnetlink_queue"]).stdout
        return sum(int(line.split()[2]) for line in queues.splitlines())

    def wait_clients(self, daemon, n):
        wait_until(lambda: daemon.status()["console"]["clients"] >= n, what="the engine to know of a client")

    def answer(self, daemon, prompt, action, duration="once", **more):
        got = daemon.api.answer(prompt, action, duration, **more)
        self.assertEqual(got.status, 200, got)
        return got.json

    def connections(self, daemon, count=None, **query):
        """The recorded decisions, newest first; waits until there are at least `count`."""
        if count is None:
            return daemon.api.connections(**query)
        return wait_until(lambda: (lambda l: l if len(l) >= count else None)(daemon.api.connections(**query)),
                          what=f"{count} connections in the history")

    def curl(self, *args, user="nobody"):
        return self.net.popen(["curl", "-sS", "-m", "50", *args], user=user)

    def assert_curl(self, proc, body=None, code=0):
        out, err = proc.communicate(timeout=DEADLINE + 10)
        self.assertEqual(proc.returncode, code, err)
        if body is not None:
            self.assertIn(body, out)
        return err


def packets(daemon, n_decisions):
    """How many were looked at when so many connections had been decided: counters come once a second, all of one moment."""
    return wait_until(lambda: (lambda c: c["packets"] if sum(c["decisions"].values()) == n_decisions else None)(daemon.status()["counters"]),
                      what=f"{n_decisions} decisions in the counters")


def counter(daemon, name):
    value = daemon.status()["counters"]
    for part in name.split("."):
        value = value[part]
    return value
