# SPDX-License-Identifier: GPL-2.0-or-later
"""What stands between a program and the network: nothing, a bare queue, this daemon, Debian's."""

import http.client
import json
import pathlib
import shutil
import signal
import socket
import subprocess
import time

import network

DEADLINE_S = 20
# A source port that comes round again within the second that conntrack remembers a closed connection may
# continue that entry: no new connection for the kernel, and so none for any queue. It is rare.
SEEN_LEAST = 0.99


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=DEADLINE_S)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def wait_for(what, condition):
    deadline = time.monotonic() + DEADLINE_S
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise RuntimeError(f"no {what} within {DEADLINE_S} s")
        time.sleep(0.05)


def end(process):
    if process is None:
        return
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


RULE = "zzz-bench"


def write_rules(directory, executable, number, operand="process.path"):
    """So many rules, the last of which every measured connection hits, and no other."""
    directory.mkdir(parents=True)

    def write(name, data, operand="process.path"):
        rule = {
            "created": "2026-01-01T00:00:00Z", "updated": "2026-01-01T00:00:00Z", "name": name,
            "enabled": True, "precedence": False, "nolog": False, "action": "allow", "duration": "always",
            "operator": {"type": "simple", "operand": operand, "sensitive": False,
                         "data": str(data), "list": []},
        }
        (directory / f"{name}.json").write_text(json.dumps(rule))

    for n in range(1, number):
        write(f"{n:06}-other", f"/opt/program-{n}/bin/program")
    write(RULE, executable, operand)


class Case:
    """Stands from start() to stop(); several at once, each in its own pair of namespaces."""

    name = title = ""
    queue = None

    def __init__(self, pair, build, work, queue, rules=1):
        self.pair, self.build, self.work = pair, build, pathlib.Path(work)
        self.rules = rules
        if self.queue is not None:
            self.queue = queue
        self.process = None

    def start(self):
        pass

    def pids(self):
        return [self.process.pid] if self.process else []

    def busy_ns(self):
        """Processor time so far of all that belongs to it."""
        total = 0
        for pid in self.pids():
            for task in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat"):
                total += int(task.read_text().split()[0])
        return total

    def forget_closed_soon(self):
        # a closed connection's conntrack entry stays for 10 s: at this rate the table would fill
        self.pair.sysctl("net.netfilter.nf_conntrack_tcp_timeout_close", 1)

    def check(self, before, connects):
        """A run counts only when every connection really went through the queue."""
        if self.queue is None:
            return
        queued = self.pair.queued(self.queue) - before
        if queued < connects * SEEN_LEAST:
            raise RuntimeError(f"{self.title}: {connects} connects, but only {queued} were queued")

    def measure(self, count, procs):
        before = self.pair.queued(self.queue) if self.queue is not None else None
        times = self.pair.connect(count, procs)
        self.check(before, count * procs)
        return times

    def stop(self):
        end(self.process)


class NoFirewall(Case):
    name, title = "none", "no firewall"


class BareQueue(Case):
    name, title, queue = "bare", "bare queue", 0

    def start(self):
        self.process = self.pair.start(self.pair.name, self.build / "tests/bench/bare_queue",
                                       self.queue)
        network.wait_line(self.process, "ready")
        self.pair.inside("iptables-legacy", "-t", "mangle", "-A", "OUTPUT", "-m", "conntrack",
                         "--ctstate", "NEW", "-j", "NFQUEUE", "--queue-num", str(self.queue),
                         "--queue-bypass")
        self.pair.inside("iptables-legacy", "-t", "mangle", "-A", "INPUT", "-p", "udp",
                         "--sport", "53", "-j", "NFQUEUE", "--queue-num", str(self.queue),
                         "--queue-bypass")
        self.forget_closed_soon()


class Ours(Case):
    """With a rule that is hit, every event stored, and the dashboard's stream of events read."""

    name, title, queue = "own", "this daemon", 0

    def __init__(self, pair, build, work, queue, rules, port):
        super().__init__(pair, build, work, queue, rules)
        self.port, self.dashboard = port, None

    def start(self):
        dirs = {name: self.work / name for name in ("state", "runtime", "rules")}
        for name in ("state", "runtime"):
            dirs[name].mkdir(parents=True)
        self.write_rules(dirs["rules"])
        config = self.work / "config.json"
        config.write_text(json.dumps({"default_action": "allow"}))
        self.work.chmod(0o755)
        self.process = subprocess.Popen(list(map(str, self.argv(config, dirs))), stderr=(self.work / "log").open("w"))
        wait_for("answer of the daemon", self.answers)
        self.dashboard = subprocess.Popen(
            ["curl", "-sN", "--unix-socket", str(dirs["runtime"] / "api.sock"), "-o", "/dev/null",
             "http://localhost/api/v1/events"])
        wait_for("open dashboard", lambda: self.status()["console"]["clients"] >= 1)
        wait_for("rule in the engine", lambda: self.get(f"/api/v1/rules/{RULE}"))
        self.forget_closed_soon()

    def write_rules(self, directory):
        write_rules(directory, self.build / "tests/bench/connect", self.rules)

    def argv(self, config, dirs):
        return [self.build / "opensnitchd", "--config", config, "--state-dir", dirs["state"],
                "--runtime-dir", dirs["runtime"], "--rules-dir", dirs["rules"],
                "--listen", f"127.0.0.1:{self.port}", "--netns", self.pair.name,
                "--queue-num", self.queue, "--foreground"]

    def get(self, path):
        connection = UnixConnection(self.work / "runtime/api.sock")
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            body = answer.read()
            return json.loads(body) if answer.status == 200 else None
        finally:
            connection.close()

    def status(self):
        return self.get("/api/v1/status")

    def answers(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"opensnitchd ended with {self.process.returncode}: "
                               f"{(self.work / 'log').read_text()[-2000:]}")
        try:
            return self.status()
        except OSError:
            return None

    def pids(self):
        status = self.status()
        return [status["engine"]["pid"], status["console"]["pid"], self.dashboard.pid]

    def forget_closed(self):
        """Waits until the kernel has forgotten all closed connections, and the daemon with it."""
        wait_for("end of all flows", lambda: not self.get("/api/v1/flows?limit=1")["items"])

    def decided_by_rule(self):
        return self.status()["counters"]["reasons"]["rule"]

    def measure(self, count, procs):
        before = self.decided_by_rule()
        times = super().measure(count, procs)
        # The engine tells its counters from time to time: wait for those of this run.
        least = count * procs * SEEN_LEAST
        try:
            wait_for("count of decisions", lambda: self.decided_by_rule() - before >= least)
        except RuntimeError as e:
            hits = self.decided_by_rule() - before
            raise RuntimeError(f"{count * procs} connects, but the rule decided only {hits}") from e
        return times

    def stop(self):
        end(self.dashboard)
        end(self.process)


class Debian(Case):
    """Debian's opensnitchd, searching /proc as it does where eBPF is not at hand, with the same rule."""

    name, title, queue = "debian", "Debian's opensnitchd", 0
    CONFIG = pathlib.Path("/etc/opensnitchd")

    def __init__(self, pair, build, work, queue, rules, program):
        super().__init__(pair, build, work, queue, rules)
        self.program = program

    @staticmethod
    def installed(program):
        """Its version; None when it is not there (this project's own daemon does not count)."""
        if not shutil.which(program):
            return None
        done = subprocess.run([program, "-version"], capture_output=True, text=True, check=False)
        version = done.stdout.strip()
        return version if done.returncode == 0 and version[:1].isdigit() else None

    def start(self):
        etc, tools = self.work / "etc", self.work / "tools"
        write_rules(self.work / "rules", self.build / "tests/bench/connect", self.rules)
        etc.mkdir()
        tools.mkdir()
        (etc / "default-config.json").write_text(json.dumps({
            "Server": {"Address": f"unix://{self.work}/no-ui.sock", "LogFile": "/dev/null"},
            "DefaultAction": "allow", "DefaultDuration": "once", "InterceptUnknown": False,
            "ProcMonitorMethod": "proc", "LogLevel": 2, "Firewall": "iptables",
            "Stats": {"MaxEvents": 150, "MaxStats": 25}}))
        (etc / "system-fw.json").write_text('{"SystemRules": []}')
        for tool in ("iptables", "ip6tables"):
            (tools / tool).symlink_to(shutil.which(f"{tool}-legacy"))
        # it reads its configuration from one fixed place: give it a view of the files with ours there
        made = not self.CONFIG.exists()
        self.CONFIG.mkdir(exist_ok=True)
        script = (f'mount --bind "{etc}" "{self.CONFIG}" && exec env PATH="{tools}:$PATH" '
                  f'"{self.program}" -process-monitor-method proc -queue-num {self.queue} '
                  f'-rules-path "{self.work}/rules" -ui-socket "unix://{self.work}/no-ui.sock" '
                  f'-log-file "{self.work}/log"')
        try:
            self.process = subprocess.Popen(
                self.pair.command(self.pair.name, "unshare", "-m", "sh", "-c", script),
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            wait_for("queue of Debian's opensnitchd", self.stands)
        finally:
            if made:
                self.CONFIG.rmdir()
        self.forget_closed_soon()

    def stands(self):
        if self.process.poll() is not None:
            log = self.work / "log"
            raise RuntimeError(f"it ended with {self.process.returncode}: "
                               f"{log.read_text()[-2000:] if log.exists() else ''}")
        rules = self.pair.inside("iptables-legacy", "-t", "mangle", "-S", "OUTPUT", check=False)
        return f"--queue-num {self.queue}" in rules and self.pair.queued(self.queue) is not None

    def stop(self):
        if self.process:
            self.process.send_signal(signal.SIGTERM)
        end(self.process)
