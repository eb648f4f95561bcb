# SPDX-License-Identifier: GPL-2.0-or-later
"""The trial: this firewall on a small internet of its own, without touching the machine's network.

    sudo ./quickstart trial [--port N] [--queue-num N]

Two network namespaces (tests/harness/lab.py) hold a world of web, DNS and time servers, and a desktop on which programs
of several users connect there now and then. The daemon guards the desktop with --netns; its dashboard listens on the
machine's loopback. All of it is gone when the trial ends: by Ctrl-C, SIGTERM, or the terminal being closed.
"""
import argparse
import heapq
import os
import random
import select
import shutil
import signal
import subprocess
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(TOP, "tests", "harness"))

import daemon as daemon_module  # noqa: E402
import lab  # noqa: E402
from daemon import Daemon, rule  # noqa: E402

PORT, QUEUE = 7373, 7380

# Long enough to read a prompt in peace, short enough to see one end by itself.
CONFIG = {"prompt_without_clients": True, "prompt": {"timeout": "90s", "timeout_action": "deny"}}


def rules(folder):
    """What stands in the rules folder at first; `folder` has the programs of the desktop."""
    return [
        rule("000-allow-dns", "allow", ("dest.port", "53"), description="Names are looked up without asking."),
        rule("100-allow-updates", "allow", ("process.path", f"{folder}/updater"), ("dest.host", "updates.example.test"),
             description="The updater may talk to its own server."),
        rule("200-deny-trackers", "deny", ("dest.host", r"(^|\.)ads\.test$", "regexp"),
             description="Nobody needs to know what is read here."),
        rule("210-reject-telemetry", "reject", ("dest.host", "telemetry.example.test"),
             description="Refused at once, so that the program goes on."),
    ]


SITES = {
    "telemetry.example.test": {"A": ["198.51.100.31"], "AAAA": ["2001:db8:100::31"]},
    "mail.example.test": {"A": ["198.51.100.25"], "AAAA": ["2001:db8:100::25"]},
    "chat.example.test": {"A": ["203.0.113.77"]},
}

# Programs with a name of their own: curl under other paths, which is all that a firewall knows them by.
COPIES = ("browser", "updater", "weather", "chat")

UDP = """
import socket, sys
host, port = sys.argv[1], int(sys.argv[2])
family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
s = socket.socket(family, kind, proto)
s.settimeout(20)
s.sendto(b"what time is it?", address)
s.recvfrom(100)
"""
FETCH = "import sys, urllib.request as u; u.urlopen(sys.argv[1], timeout=100).read()"


def fetch(program, *urls):
    """Somebody's curl: one of the URLs each time. A program without a slash is one of COPIES."""
    return lambda folder: [program if "/" in program else f"{folder}/{program}",
                           "-s", "-o", "/dev/null", "--max-time", "100", random.choice(urls)]


# who, how often (seconds), what
HABITS = [
    ("nobody", 20, fetch("/usr/bin/curl", "http://www.example.test/", "http://v4only.test/", "http://v6only.test/")),
    ("www-data", 25, lambda _folder: [sys.executable, "-c", FETCH, "http://news.example.test/feed.xml"]),
    ("games", 30, fetch("weather", "http://api.weather.test:8080/today")),
    ("daemon", 35, lambda _folder: [sys.executable, "-c", UDP, "time.test", "123"]),
    ("root", 12, fetch("updater", "http://updates.example.test/packages")),
    ("nobody", 9, lambda folder: [f"{folder}/browser", "-s", "-o", "/dev/null", "--max-time", "3",
                           f"http://tracker.ads.test/pixel?visitor={random.randrange(10 ** 6)}"]),
    ("nobody", 15, fetch("browser", "http://shop.test/", "http://blog.test/", "http://news.example.test/",
                         "http://telemetry.example.test/hello")),
    ("mail", 40, fetch("/usr/bin/curl", "http://mail.example.test:8080/inbox")),
    ("games", 45, fetch("chat", "http://chat.example.test:8080/", "http://telemetry.example.test/chat")),
]


class Numbers:
    """The port and queue numbers of the trial's daemon, as Daemon takes them."""

    def __init__(self, port, queue):
        self.port, self.queue = port, queue

    def release(self):
        """Nothing is reserved."""


def stop(message):
    """One line that says what is missing and what to do."""
    sys.exit(f"trial: {message}")


def furnish(net):
    """A folder with the programs of the desktop, gone with the lab. Returns its path."""
    folder = os.path.join(net.dir, "bin")
    os.mkdir(folder)
    for name in COPIES:
        shutil.copy(shutil.which("curl"), os.path.join(folder, name))
    return folder


class Desktop:
    """Runs the habits, each at most once at a time."""

    def __init__(self, net, folder):
        self.net, self.folder = net, folder
        self.running = {}
        now = time.monotonic()
        self.plan = [(now + i * 0.7, i) for i in range(len(HABITS))]
        heapq.heapify(self.plan)

    def step(self):
        """Starts what is due; how many seconds until the next."""
        now = time.monotonic()
        while self.plan[0][0] <= now:
            _, i = heapq.heappop(self.plan)
            user, period, argv = HABITS[i]
            before = self.running.get(i)
            if before is None or before.poll() is not None:
                self.net.forget(before)
                self.running[i] = self.net.popen(argv(self.folder), user=user, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            heapq.heappush(self.plan, (now + period * random.uniform(0.7, 1.3), i))
        return max(0.05, self.plan[0][0] - now)


def url_of(d):
    """A URL that logs in once, or None with the reason on stderr."""
    done = subprocess.run([f"{d.builddir}/opensnitch-ui", "--print", "--runtime-dir", d.runtime_dir],
                          stdout=subprocess.PIPE, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else None


def say_url(d):
    url = url_of(d)
    if url:
        print(f"\n    {url}\n", flush=True)


def start(d):
    """Starts the daemon; where it ends at once, its own last line says why."""
    try:
        d.start()
    except AssertionError as e:
        lines = [line for line in d.log().splitlines() if line.strip()]
        stop(lines[-1] if d.proc.poll() is not None and lines else str(e))


def greet(d):
    print("The trial runs: a desktop in a network namespace, guarded; this machine's own network is left alone.\n"
          "Open this URL in a browser of this machine (it works once, within a minute):")
    say_url(d)
    print(f"From another machine: ssh -L {d.port}:localhost:{d.port} HOST, then open the URL there.\n"
          f"By hand: curl -s --unix-socket {d.socket_path} http://localhost/api/v1/prompts\n"
          f"A shell on the desktop: sudo {' '.join(d.net.command(['bash']))}\n"
          "Enter prints another URL; Ctrl-C ends the trial and leaves nothing behind.", flush=True)


def loop(d, folder):
    desktop = Desktop(d.net, folder)
    sources = [sys.stdin]
    while True:
        timeout = desktop.step()
        ready = select.select(sources, [], [], min(timeout, 1))[0]
        if ready:
            if sys.stdin.readline():
                say_url(d)
            else:
                sources = []  # no terminal: go on until a signal
        if not d.is_running():
            stop("the daemon ended: " + "\n".join(d.log().splitlines()[-3:]))


def on_signal(signum, _frame):
    # The first one is obeyed; those that follow must not break the cleaning up.
    for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(sig, signal.SIG_IGN)
    raise SystemExit(0 if signum == signal.SIGINT else 128 + signum)


def main():
    parser = argparse.ArgumentParser(prog="quickstart trial", description="the firewall on a small internet of its own")
    parser.add_argument("--port", type=int, default=PORT, help=f"of the dashboard, on this machine's loopback [{PORT}]")
    parser.add_argument("--queue-num", type=int, default=QUEUE, help=f"netfilter queue, and the one after it [{QUEUE}]")
    options = parser.parse_args()
    for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(sig, on_signal)
    reason = lab.why_not()
    if reason:
        stop(reason)
    if not os.path.isdir(f"{daemon_module.TRACEFS}/instances"):
        print(f"trial: no tracefs at {daemon_module.TRACEFS}: programs are found by searching /proc alone, which misses some "
              "that live briefly; mount -t tracefs none /sys/kernel/tracing", file=sys.stderr)
    try:
        with lab.Lab(prefix="opensnitch-trial", zone=SITES, echo=(7, 123, 9000)) as net:
            folder = furnish(net)
            numbers = Numbers(options.port, options.queue_num)
            with Daemon(net, config=CONFIG, rules=rules(folder), start=False, slot=numbers) as d:
                start(d)
                greet(d)
                loop(d, folder)
    except lab.LabError as e:
        stop(str(e))


if __name__ == "__main__":
    main()
