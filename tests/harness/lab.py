# SPDX-License-Identifier: GPL-2.0-or-later
"""The lab: two network namespaces joined by a veth pair, with a small internet in one of them.

    with lab.Lab() as net:
        net.run(["curl", "-s", "http://www.example.test/"], user="nobody")

The *client* namespace is the one to guard; the *world* namespace has a DNS server, web servers and UDP echo servers
on several addresses and names, IPv4 and IPv6 (ZONE below). Programs in the client namespace see a resolv.conf of the
lab's own: they enter a mount namespace of a holder process, in which /sys (and so tracefs) is left as it is.

Everything goes away at close(), also after an exception, SIGINT or SIGTERM. What a killed run left behind is removed by the
next Lab with the same prefix, once the process that made it is gone.

Command line, for tests written in other languages:

    python3 tests/harness/lab.py serve [--prefix P] [--config JSON] [--rules FILE] [--sites FILE] [--no-daemon]

sets up a lab and a daemon that guards it, and prints one JSON line:

    {"url": "http://127.0.0.1:PORT", "token": "...", "netns": "NAME", "client_cmd": ["nsenter", ...], "pid": DAEMON_PID,
     "port": N, "queue": N, "config": FILE, "state_dir": DIR, "runtime_dir": DIR, "rules_dir": DIR, "log": FILE,
     "socket": FILE, "builddir": DIR, "dns": "ADDRESS"}

A program runs inside as client_cmd + [program, arguments...]. "url", "token" and "pid" are null with --no-daemon until
start-daemon. It then stays until stdin closes or SIGTERM comes. Each line on stdin is a command, answered by one JSON line
{"ok": true, ...} or {"ok": false, "error": "..."}:

    start-daemon | stop-daemon | restart-daemon      the answer carries "pid", "url", "token" as above
    kill-console | kill-engine                       SIGKILL; the answer carries the "pid" that was killed
    status                                           the answer carries GET /api/v1/status as "status"
    arrivals                                         what arrived in the world so far, as "arrivals"
    client [--user NAME] COMMAND...                  runs a shell command line inside, to its end: "code", "stdout", "stderr"

--config is a JSON object of daemon settings; --rules is a JSON file with an array of rules to start with (a rule that allows
DNS is there by default; an empty array means none); --sites is a JSON file {"name": {"A": [...], "AAAA": [...]} | {"CNAME": "name"}}
that adds to the zone. The addresses of the world are those of the zone.
"""
import argparse
import atexit
import ctypes
import itertools
import json
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

HERE = os.path.dirname(os.path.abspath(__file__))
NETNS_DIR = "/run/netns"
DEADLINE = float(os.environ.get("OPENSNITCH_TEST_DEADLINE", "60"))

CLIENT4, CLIENT6 = "10.203.0.2", "fd00:203::2"
WORLD4, WORLD6 = "10.203.0.1", "fd00:203::1"
CLIENT_MAC, WORLD_MAC = "02:00:00:00:00:02", "02:00:00:00:00:01"
DNS4, DNS6 = "198.51.100.53", "2001:db8:100::53"
HTTP_PORTS = (80, 8080)
ECHO_PORTS = (7, 9000)

# Addresses of RFC 5737 and RFC 3849: they are nobody's, and the namespaces have no way out anyhow.
ZONE = {
    "www.example.test": {"A": ["198.51.100.10"], "AAAA": ["2001:db8:100::10"]},
    "news.example.test": {"A": ["198.51.100.11"], "AAAA": ["2001:db8:100::11"]},
    "api.weather.test": {"A": ["198.51.100.12"], "AAAA": ["2001:db8:100::12"]},
    "updates.example.test": {"A": ["198.51.100.13"], "AAAA": ["2001:db8:100::13"]},
    "tracker.ads.test": {"A": ["198.51.100.30"], "AAAA": ["2001:db8:100::30"]},
    "time.test": {"A": ["198.51.100.40"], "AAAA": ["2001:db8:100::40"]},
    "v4only.test": {"A": ["203.0.113.4"]},
    "v6only.test": {"AAAA": ["2001:db8:200::6"]},
    # Two shops behind one address, each through a chain of CNAMEs.
    "shop.test": {"CNAME": "shop.cdn.test"},
    "shop.cdn.test": {"CNAME": "edge7.cdn.test"},
    "blog.test": {"CNAME": "edge7.cdn.test"},
    "edge7.cdn.test": {"A": ["203.0.113.20"], "AAAA": ["2001:db8:200::20"]},
    "ns.test": {"A": [DNS4], "AAAA": [DNS6]},
}

# A byte for each port that a datagram socket of some program inside had: whoever gets it next and sends to the same place begins no new
# connection for the kernel. Programs inherit it (pass_fds) and take other ports.
PORTS_HAD = os.memfd_create("ports")
os.ftruncate(PORTS_HAD, 65536)

_counter = itertools.count()


class LabError(Exception):
    """The lab could not be set up; the message says why."""


def why_not():
    """A sentence why real-kernel tests cannot run here, or None."""
    if os.geteuid() != 0:
        return "needs root"
    if not os.path.exists("/proc/net/netfilter/nfnetlink_queue"):
        subprocess.run(["modprobe", "nfnetlink_queue"], stderr=subprocess.DEVNULL, check=False)
    if not os.path.exists("/proc/net/netfilter/nfnetlink_queue"):
        return "this kernel has no NFQUEUE (nfnetlink_queue)"
    for tool in ("ip", "nsenter", "unshare"):
        if shutil.which(tool) is None:
            return f"{tool} is not installed"
    return None


def wait_until(predicate, deadline=DEADLINE, what="condition"):
    """Calls predicate() until it returns something true, and returns that. AssertionError past the deadline (seconds)."""
    end = time.monotonic() + deadline
    pause = 0.01
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {deadline} s: {what}")
        time.sleep(pause)
        pause = min(pause * 1.2, 0.1)  # looking must not keep a slow machine from what is waited for


def _ip(*args, check=True):
    done = subprocess.run(["ip", *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    if check and done.returncode != 0:
        raise LabError(f"ip {' '.join(args)}: {done.stderr.strip()}")
    return done


def _is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def remove_namespace(name):
    """Ends what runs inside, then removes the namespace. Nothing there is fine."""
    if not os.path.exists(f"{NETNS_DIR}/{name}"):
        return
    for sig in (signal.SIGTERM, signal.SIGKILL):
        pids = [int(p) for p in _ip("netns", "pids", name, check=False).stdout.split()]
        for pid in pids:
            try:
                os.kill(pid, sig)
            except ProcessLookupError:
                pass
        end = time.monotonic() + 10
        while any(_is_alive(p) for p in pids) and time.monotonic() < end:
            time.sleep(0.01)
    end = time.monotonic() + 20
    while (done := _ip("netns", "del", name, check=False)).returncode != 0 and os.path.exists(f"{NETNS_DIR}/{name}"):
        if time.monotonic() > end:
            raise LabError(f"ip netns del {name}: {done.stderr.strip()}")
        time.sleep(0.01)


def remove_leftovers(prefix):
    """Removes the namespaces and directories of labs with this prefix whose creator is dead."""
    pattern = re.compile(re.escape(prefix) + r"-(\d+)-\d+-(client|world|behind\d+|dir-.*)$")

    def orphans(folder):
        names = os.listdir(folder) if os.path.isdir(folder) else []
        found = [(name, pattern.match(name)) for name in names]
        return [name for name, match in found if match and not _is_alive(int(match.group(1)))]

    for name in orphans(NETNS_DIR):
        remove_namespace(name)
    for name in orphans(tempfile.gettempdir()):
        shutil.rmtree(os.path.join(tempfile.gettempdir(), name), ignore_errors=True)


_prctl = ctypes.CDLL(None).prctl


def _die_with_parent():
    """In a child: SIGTERM when the lab's process dies without cleaning up."""
    _prctl(1, signal.SIGTERM, 0, 0, 0)


# What the holder does: a resolv.conf of the lab's own over the machine's, in a private copy of the mount table.
_HOLDER = """
set -e
mount --bind "$1/resolv.conf" "$(readlink -f /etc/resolv.conf)"
if [ -e /etc/nsswitch.conf ]; then mount --bind "$1/nsswitch.conf" "$(readlink -f /etc/nsswitch.conf)"; fi
echo ready
exec cat >/dev/null
"""


class Lab:
    """The namespaces and the servers in them. Usable as a context manager."""

    def __init__(self, prefix="opensnitch-lab", zone=None, http=HTTP_PORTS, echo=ECHO_PORTS):
        self.prefix = prefix
        self.zone = dict(ZONE, **(zone or {}))
        self.http, self.echo = http, echo
        ident = f"{prefix}-{os.getpid()}-{next(_counter)}"
        self.client, self.world = f"{ident}-client", f"{ident}-world"
        self.dir = None
        self.holder = None
        self.server = None
        self.arrivals = []
        self._arrived = threading.Condition()
        self._reader = None
        self._programs = []

    # ---- set-up and end

    def __enter__(self):
        return self.start()

    def __exit__(self, *_exc):
        self.close()

    def start(self):
        remove_leftovers(self.prefix)
        atexit.register(self.close)
        try:
            self.dir = tempfile.mkdtemp(prefix=self.client.replace("client", "dir-"))
            os.chmod(self.dir, 0o755)
            self._make_namespaces()
            self._start_holder()
            self._start_world()
        except BaseException:
            self.close()
            raise
        return self

    def close(self):
        """Ends every program, server and namespace of this lab. Again is fine."""
        for proc in self._programs:
            if proc.poll() is None:
                proc.kill()
                proc.wait()
        self._programs = []
        for proc in (self.server, self.holder):
            if proc is not None and proc.poll() is None:
                proc.stdin.close()
                try:
                    proc.wait(3)
                except subprocess.TimeoutExpired:
                    proc.kill()
                    proc.wait()
        if self._reader is not None:
            self._reader.join(3)
        self.server = self.holder = self._reader = None
        remove_namespace(self.client)
        remove_namespace(self.world)
        if self.dir is not None:
            shutil.rmtree(self.dir, ignore_errors=True)
            self.dir = None
        atexit.unregister(self.close)

    def addresses(self):
        found = [DNS4, DNS6]
        for entry in self.zone.values():
            found += entry.get("A", []) + entry.get("AAAA", [])
        return sorted(set(found))

    def _make_namespaces(self):
        for name in (self.client, self.world):
            _ip("netns", "add", name)
            _ip("-n", name, "link", "set", "lo", "up")
        _ip("-n", self.client, "link", "add", "eth0", "address", CLIENT_MAC, "type", "veth",
            "peer", "name", "eth0", "address", WORLD_MAC, "netns", self.world)
        for name, own4, own6 in ((self.client, CLIENT4, CLIENT6), (self.world, WORLD4, WORLD6)):
            _ip("-n", name, "link", "set", "eth0", "addrgenmode", "none")
            _ip("-n", name, "address", "add", f"{own4}/24", "dev", "eth0")
            _ip("-n", name, "address", "add", f"{own6}/64", "dev", "eth0", "nodad")
            _ip("-n", name, "link", "set", "eth0", "up")
        # The first IPv6 packet would wait a second for the neighbour to be found.
        _ip("-n", self.client, "neigh", "add", WORLD6, "lladdr", WORLD_MAC, "dev", "eth0", "nud", "permanent")
        _ip("-n", self.world, "neigh", "add", CLIENT6, "lladdr", CLIENT_MAC, "dev", "eth0", "nud", "permanent")
        for address in self.addresses():
            width = "128" if ":" in address else "32"
            _ip("-n", self.world, "address", "add", f"{address}/{width}", "dev", "lo", *(["nodad"] if width == "128" else []))
        _ip("-n", self.client, "route", "add", "default", "via", WORLD4)
        _ip("-n", self.client, "-6", "route", "add", "default", "via", WORLD6)

    def _start_holder(self):
        with open(f"{self.dir}/resolv.conf", "w", encoding="ascii") as f:
            f.write(f"nameserver {DNS4}\nnameserver {DNS6}\noptions timeout:5 attempts:2\n")
        with open(f"{self.dir}/nsswitch.conf", "w", encoding="ascii") as f:
            f.write("passwd: files\ngroup: files\nshadow: files\nhosts: files dns\n")
        self.holder = subprocess.Popen(
            ["nsenter", f"--net={NETNS_DIR}/{self.client}", "unshare", "--mount", "--propagation", "slave",
             "sh", "-c", _HOLDER, "sh", self.dir],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            preexec_fn=_die_with_parent)
        if self.holder.stdout.readline() != "ready\n":
            raise LabError(f"no mount namespace with an own resolv.conf: {self.holder.stderr.read().strip()}")

    def _start_world(self):
        spec = {"zone": self.zone, "dns": [DNS4, DNS6], "addresses": self.addresses(),
                "http": list(self.http), "echo": list(self.echo)}
        self.server = subprocess.Popen(
            ["nsenter", f"--net={NETNS_DIR}/{self.world}", sys.executable, f"{HERE}/world.py"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, preexec_fn=_die_with_parent)
        self.server.stdin.write(json.dumps(spec) + "\n")
        self.server.stdin.flush()
        ready = self.server.stdout.readline()
        if "ready" not in ready:
            raise LabError("the servers of the lab did not start")
        self._reader = threading.Thread(target=self._read_arrivals, args=(self.server.stdout,), daemon=True)
        self._reader.start()

    def _read_arrivals(self, stream):
        for line in stream:
            with self._arrived:
                self.arrivals.append(json.loads(line))
                self._arrived.notify_all()

    # ---- what arrived in the world

    def arrived(self, **wanted):
        """The arrivals that have all these fields, so far."""
        with self._arrived:
            return [a for a in self.arrivals if all(a.get(k) == v for k, v in wanted.items())]

    def wait_arrival(self, deadline=DEADLINE, **wanted):
        """The first arrival with these fields, waiting for it. AssertionError past the deadline."""
        end = time.monotonic() + deadline
        with self._arrived:
            while True:
                for a in self.arrivals:
                    if all(a.get(k) == v for k, v in wanted.items()):
                        return a
                left = end - time.monotonic()
                if left <= 0 or not self._arrived.wait(left):
                    raise AssertionError(f"nothing with {wanted} arrived in {deadline} s")

    # ---- programs inside

    def command(self, argv, user=None):
        """argv with what makes it run inside the client namespace, as this user."""
        prefix = ["nsenter", f"--target={self.holder.pid}", "--mount", "--net"]
        if user is not None:
            entry = pwd.getpwnam(user)
            prefix += [f"--setuid={entry.pw_uid}", f"--setgid={entry.pw_gid}"]
        return [*prefix, "--", *argv]

    def popen(self, argv, user=None, **options):
        """Starts a program inside; output is piped as text. Ended at close() if it still runs."""
        options.setdefault("stdin", subprocess.DEVNULL)
        options.setdefault("stdout", subprocess.PIPE)
        options.setdefault("stderr", subprocess.PIPE)
        options.setdefault("text", True)
        options.setdefault("cwd", "/")
        proc = subprocess.Popen(self.command(argv, user), **options)
        self._programs.append(proc)
        return proc

    def forget(self, proc):
        """A program of popen() that has ended: close() has nothing to do for it. None is fine."""
        if proc in self._programs:
            self._programs.remove(proc)

    def run(self, argv, user=None, timeout=90):
        """Runs a program inside to its end: a CompletedProcess with text output."""
        return subprocess.run(self.command(argv, user), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=timeout, check=False, cwd="/")

    def inside(self, argv, timeout=90):
        """Runs an administrator's tool in the client's network namespace, with the machine's own files."""
        return subprocess.run(["nsenter", f"--net={NETNS_DIR}/{self.client}", "--", *argv], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=timeout, check=False)


# ---- the command line


def _say(value):
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


class Server:
    """The commands of `serve`."""

    def __init__(self, net, daemon):
        self.net, self.daemon = net, daemon

    def describe(self):
        d = self.daemon
        return {"url": d.url if d.is_running() else None, "token": d.token() if d.is_running() else None,
                "pid": d.pid(), "netns": self.net.client, "client_cmd": self.net.command([]), "port": d.port,
                "queue": d.queue, "config": d.config_path, "state_dir": d.state_dir, "runtime_dir": d.runtime_dir,
                "rules_dir": d.rules_dir, "log": d.log_path, "socket": d.socket_path, "builddir": d.builddir, "dns": DNS4}

    def start_daemon(self, _args):
        self.daemon.start()
        return self.describe()

    def stop_daemon(self, _args):
        return {"code": self.daemon.stop()}

    def restart_daemon(self, _args):
        self.daemon.stop()
        self.daemon.start()
        return self.describe()

    def kill_console(self, _args):
        return {"pid": self.daemon.kill_console()}

    def kill_engine(self, _args):
        return {"pid": self.daemon.kill_engine()}

    def status(self, _args):
        return {"status": self.daemon.api.get("/api/v1/status").json}

    def arrivals(self, _args):
        return {"arrivals": self.net.arrived()}

    def client(self, args):
        user = None
        if args.startswith("--user "):
            _, user, args = args.split(" ", 2)
        done = self.net.run(["sh", "-c", args], user=user, timeout=120)
        return {"code": done.returncode, "stdout": done.stdout, "stderr": done.stderr}

    def handle(self, line):
        word, _, args = line.partition(" ")
        commands = {"start-daemon": self.start_daemon, "stop-daemon": self.stop_daemon,
                    "restart-daemon": self.restart_daemon, "kill-console": self.kill_console,
                    "kill-engine": self.kill_engine, "status": self.status, "arrivals": self.arrivals,
                    "client": self.client}
        if word not in commands:
            return {"ok": False, "error": f"no such command: {word}"}
        try:
            return {"ok": True, **commands[word](args)}
        except Exception as e:  # pylint: disable=broad-except
            return {"ok": False, "error": f"{type(e).__name__}: {e}"}


def _serve(options):
    from daemon import ALLOW_DNS, Daemon

    zone = json.load(open(options.sites, encoding="utf-8")) if options.sites else {}
    rules = json.load(open(options.rules, encoding="utf-8")) if options.rules else [ALLOW_DNS]
    config = json.loads(options.config) if options.config else {}
    with Lab(prefix=options.prefix, zone=zone) as net, Daemon(net, config=config, rules=rules, start=False) as daemon:
        server = Server(net, daemon)
        if not options.no_daemon:
            daemon.start()
        _say(server.describe())
        for line in sys.stdin:
            if line.strip():
                _say(server.handle(line.strip()))


def main():
    parser = argparse.ArgumentParser(prog="lab.py", description="a network of its own for tests and trials")
    sub = parser.add_subparsers(dest="command", required=True)
    serve = sub.add_parser("serve", help="set up a lab and a daemon, print one JSON line, obey commands on stdin")
    serve.add_argument("--prefix", default="opensnitch-lab")
    serve.add_argument("--config", help="JSON object of daemon settings")
    serve.add_argument("--rules", help="JSON file: array of rules to start with")
    serve.add_argument("--sites", help="JSON file: names to add to the zone")
    serve.add_argument("--no-daemon", action="store_true", help="set up the lab only, until start-daemon")
    options = parser.parse_args()

    def on_term(_signum, _frame):
        raise SystemExit(143)

    for sig in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(sig, on_term)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job starts with it ignored
    reason = why_not()
    if reason:
        sys.exit(f"lab.py: {reason}")
    try:
        _serve(options)
    except KeyboardInterrupt:
        sys.exit(130)
    except (LabError, AssertionError) as e:
        sys.exit(f"lab.py: {e}")


if __name__ == "__main__":
    main()
