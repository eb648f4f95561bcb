# SPDX-License-Identifier: GPL-2.0-or-later
"""A real opensnitchd for tests: own directories, port and queue number, guarding the client namespace of a lab.

    with Lab() as net, Daemon(net, config={"default_action": "deny"}, rules=[ALLOW_DNS]) as d:
        d.api.get("/api/v1/status")

The binary is $TOP_BUILDDIR/opensnitchd (the current directory where that is not set). Port and queue numbers come from a
machine-wide set of slots, so that test programs run side by side: base numbers in OPENSNITCH_TEST_PORT and
OPENSNITCH_TEST_QUEUE, 50 slots.
"""
import atexit
import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from client import Api, Events
from lab import DEADLINE, _die_with_parent, _is_alive, wait_until

BASE_PORT = int(os.environ.get("OPENSNITCH_TEST_PORT", "21300"))
BASE_QUEUE = int(os.environ.get("OPENSNITCH_TEST_QUEUE", "20300"))
SLOTS = 50
TRACEFS = "/sys/kernel/tracing"


def operator(operand, data, type_="simple", sensitive=False):
    return {"type": type_, "operand": operand, "sensitive": sensitive, "data": data}


def rule(name, action, *operators, duration="always", **more):
    """A rule in OpenSnitch's format: rule("000-x", "allow", ("dest.port", "53"), ("dest.host", "^a", "regexp"))."""
    parts = [operator(*o) for o in operators]
    if len(parts) == 1:
        op = parts[0]
    else:
        op = {"type": "list", "operand": "list", "sensitive": False, "data": "", "list": parts}
    out = {"created": "2026-01-01T00:00:00Z", "updated": "2026-01-01T00:00:00Z", "name": name, "description": "",
           "enabled": True, "precedence": False, "nolog": False, "action": action, "duration": duration, "operator": op}
    out.update(more)
    return out


ALLOW_DNS = rule("000-allow-dns", "allow", ("dest.port", "53"))


def builddir():
    return os.path.abspath(os.environ.get("TOP_BUILDDIR") or os.getcwd())


def instance_names(queue):
    """Instances of tracefs that a daemon has: for what tells of tasks, and for look-ups of routes."""
    return [f"opensnitch-{queue}", f"opensnitch-{queue}-routes"]


def instances(queue):
    """Those of them that are there."""
    return [n for n in instance_names(queue) if os.path.isdir(f"{TRACEFS}/instances/{n}")]


class Slot:
    """A port and a pair of queue numbers that no other test program of this machine has now."""

    def __init__(self):
        base = os.path.join(tempfile.gettempdir(), "opensnitch-test-slots")
        os.makedirs(base, mode=0o700, exist_ok=True)
        for n in range(SLOTS):
            self.file = open(f"{base}/{BASE_PORT}-{n}", "w", encoding="ascii")
            try:
                fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                self.file.close()
                continue
            self.port, self.queue = BASE_PORT + n, BASE_QUEUE + 2 * n
            if self._is_port_free():
                return
            self.file.close()
        raise RuntimeError(f"no free slot among ports {BASE_PORT} to {BASE_PORT + SLOTS - 1}")

    def _is_port_free(self):
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind(("127.0.0.1", self.port))
            except OSError:
                return False
        return True

    def release(self):
        self.file.close()


class Daemon:
    """
    One daemon and its directories, which outlive stop() and start() until close().

    config: settings for the config file. rules: rules that stand in the rules folder before the first start.
    wrap: a command prefix for the daemon (it must exec). args: more options. start=False: only prepare.
    slot: the port and queue numbers, instead of a free slot.
    """

    def __init__(self, net, config=None, rules=(), wrap=(), args=(), start=True, netns=None, slot=None):
        self.net, self.wrap, self.args = net, list(wrap), list(args)
        self.netns = netns or (net.client if net else None)
        self.builddir = builddir()
        self.binary = os.path.join(self.builddir, "opensnitchd")
        self.proc = None
        self.slot = slot or Slot()
        self.port, self.queue = self.slot.port, self.slot.queue
        self.dir = tempfile.mkdtemp(prefix="daemon-", dir=net.dir if net else None)
        os.chmod(self.dir, 0o755)
        self.config_path = f"{self.dir}/config.json"
        self.state_dir, self.runtime_dir = f"{self.dir}/state", f"{self.dir}/run"
        self.rules_dir = f"{self.dir}/rules"
        self.log_path, self.socket_path = f"{self.dir}/log", f"{self.runtime_dir}/api.sock"
        self.url = f"http://127.0.0.1:{self.port}"
        self.log_fd = os.open(self.log_path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o644)
        self.write_config(config or {})
        os.mkdir(self.rules_dir)
        for r in rules:
            self.write_rule(r)
        atexit.register(self.close)
        if start:
            try:
                self.start()
            except BaseException:
                self.close()
                raise

    def __enter__(self):
        return self

    def __exit__(self, *_exc):
        self.close()

    # ---- files

    def write_config(self, config):
        with open(self.config_path, "w", encoding="utf-8") as f:
            json.dump(config, f)

    def write_rule(self, r):
        """Whole at once: a daemon that looks in between must not take half of it for a bad rule."""
        path = f"{self.rules_dir}/{r['name']}.json"
        with open(path + ".new", "w", encoding="utf-8") as f:
            json.dump(r, f)
        os.rename(path + ".new", path)

    def rule_files(self):
        return sorted(n for n in os.listdir(self.rules_dir) if n.endswith(".json"))

    def token(self):
        with open(f"{self.runtime_dir}/token", encoding="ascii") as f:
            return f.read().strip()

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as f:
            return f.read()

    # ---- start and end

    def argv(self):
        out = [*self.wrap, self.binary, "--foreground", "--config", self.config_path, "--state-dir", self.state_dir,
               "--runtime-dir", self.runtime_dir, "--rules-dir", self.rules_dir,
               "--listen", f"127.0.0.1:{self.port}", "--queue-num", str(self.queue)]
        if self.netns:
            out += ["--netns", self.netns]
        return out + self.args

    def launch(self):
        """Starts the process and does not wait for anything."""
        self.proc = subprocess.Popen(self.argv(), stdin=subprocess.DEVNULL, stdout=self.log_fd, stderr=self.log_fd,
                                     preexec_fn=_die_with_parent)
        return self.proc

    def start(self):
        """Starts it and waits until it serves and filters."""
        self.launch()
        wait_until(self._is_up, what="the daemon to come up", deadline=DEADLINE)
        return self

    def _is_up(self):
        if self.proc.poll() is not None:
            raise AssertionError(f"opensnitchd ended with {self.proc.returncode}:\n{self.log()[-3000:]}")
        try:
            got = self.api.get("/api/v1/status")
            return got.status == 200 and got.json["engine"]["rules_ok"]
        except OSError:
            return False

    def is_running(self):
        return self.proc is not None and self.proc.poll() is None

    def pid(self):
        return self.proc.pid if self.is_running() else None

    def stop(self, sig=signal.SIGTERM, deadline=DEADLINE):
        """Ends it with the signal and waits: its exit code (None when it was not running)."""
        if self.proc is None:
            return None
        if self.proc.poll() is None:
            self.proc.send_signal(sig)
        try:
            return self.proc.wait(deadline)
        except subprocess.TimeoutExpired as e:
            self.proc.kill()
            self.proc.wait()
            raise AssertionError(f"opensnitchd did not end in {deadline} s:\n{self.log()[-3000:]}") from e

    def close(self):
        """Ends everything and removes the directories. Again is fine."""
        if self.dir is None:
            return
        try:
            self.stop()
            # A call that the sandboxes lack shows in no other way.
            log = self.log() if os.path.exists(self.log_path) else ""
            refused = [line for line in log.splitlines() if "the sandbox refuses" in line]
            assert not refused, refused
        finally:
            self._remove_instances()
            os.close(self.log_fd)
            shutil.rmtree(self.dir, ignore_errors=True)
            self.dir = None
            self.slot.release()
            atexit.unregister(self.close)

    def _remove_instances(self):
        """After a SIGKILL that no restart mended: our tracefs instances."""
        for name in self.instances():
            try:
                os.rmdir(f"{TRACEFS}/instances/{name}")
            except OSError:
                pass

    # ---- the API

    @property
    def api(self):
        """With the token, over TCP."""
        try:
            token = self.token()
        except OSError:
            token = None
        return Api(self.port, token)

    def events(self, *types, **options):
        """A reader of the event stream; with prompt types (or none named) somebody is there to answer prompts."""
        return Events(self.api, types=list(types) or None, **options)

    def status(self):
        got = self.api.get("/api/v1/status")
        assert got.status == 200, got
        return got.json

    def console_pid(self):
        return self.status()["console"]["pid"]

    def kill_console(self):
        """SIGKILL to the console; its PID. Waits until it is dead."""
        pid = self.console_pid()
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: _gone(pid), what="the console to die")
        return pid

    def kill_engine(self):
        """SIGKILL to the engine; its PID. Waits until both processes are dead."""
        pid, console = self.proc.pid, self.console_pid()
        self.proc.kill()
        self.proc.wait()
        wait_until(lambda: _gone(console), what="the console to follow its engine")
        return pid

    # ---- what it puts into the machine

    def firewall_rules(self):
        """Our netfilter rules in the guarded namespace, as iptables-save lines ("6" before those of IPv6)."""
        tag, found = f"opensnitch:{self.queue}", []
        for tool, mark in (("iptables-legacy-save", ""), ("ip6tables-legacy-save", "6")):
            done = subprocess.run(["nsenter", f"--net=/run/netns/{self.netns}", tool], stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, text=True, check=False)
            found += [mark + line for line in done.stdout.splitlines() if tag in line]
        return found

    def instance_names(self):
        return instance_names(self.queue)

    def instances(self):
        return instances(self.queue)

    def leftovers(self):
        """What a clean exit should have removed: a list of sentences, empty when all is well."""
        found = [f"netfilter rule: {r}" for r in self.firewall_rules()]
        found += [f"tracefs instance: {n}" for n in self.instances()]
        if os.path.isdir(self.runtime_dir):
            found += [f"runtime file: {n}" for n in os.listdir(self.runtime_dir) if n not in ("token",)]
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", self.port)) == 0:
                found.append(f"listener on port {self.port}")
        return found


def _gone(pid):
    """Dead, or a zombie that waits for its parent."""
    if not _is_alive(pid):
        return True
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
            return f.read().rpartition(")")[2].split()[0] in ("Z", "X")
    except OSError:
        return True


def elapsed(function):
    """(result, seconds it took)"""
    start = time.monotonic()
    return function(), time.monotonic() - start
