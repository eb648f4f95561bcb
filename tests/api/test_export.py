#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Decisions exported to receivers of this test: syslog over TCP, TLS, UDP and Unix sockets, JSON lines to files and pipes."""
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading

from kit import ALLOW_DNS, V1, Api, ApiCase, Daemon, rule, wait_until
from daemon import Slot
import tap

# RFC 5424, 6: the whole of a message.
MESSAGE = re.compile(r'<(?P<pri>\d{1,3})>1 (?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z) (?P<host>[!-~]{1,255}) opensnitch (?P<pid>\d+) decision '
                     r'\[meta sequenceId="(?P<sequence>\d+)"\]\[opensnitch@32473(?P<params>( [!-~]+?="([^"\\\]]|\\["\\\]])*")*)\] (?P<text>[ -~]*)')
PARAM = re.compile(r' ([!-~]+?)="((?:[^"\\\]]|\\["\\\]])*)"')
BLOCK = rule("001-block", "reject", ("dest.host", "blog.test"))


class Message:
    """A syslog message taken apart; it must be one."""

    def __init__(self, raw):
        self.raw = raw
        found = MESSAGE.fullmatch(raw.decode("utf-8"))
        if not found:
            raise AssertionError(f"not of RFC 5424: {raw!r}")
        self.pri, self.pid, self.sequence = (int(found[k]) for k in ("pri", "pid", "sequence"))
        self.host, self.text = found["host"], found["text"]
        self.params = {k: re.sub(r"\\(.)", r"\1", v) for k, v in PARAM.findall(found["params"])}


class Receiver:
    """Keeps the messages that came."""

    def __init__(self):
        self.messages, self.errors = [], []
        self.is_open = True
        self.threads = []

    def run(self, function, *args):
        def guarded():
            try:
                function(*args)
            except OSError:
                pass  # closed
            except Exception as e:  # pylint: disable=broad-except
                self.errors.append(e)
        self.threads.append(threading.Thread(target=guarded, daemon=True))
        self.threads[-1].start()

    def take(self, raw):
        self.messages.append(Message(raw))

    def where(self, **params):
        assert not self.errors, self.errors
        return [m for m in self.messages if all(m.params.get(k.replace("_", ".")) == v for k, v in params.items())]

    def wait(self, **params):
        return wait_until(lambda: self.where(**params), what=f"a message with {params}")[-1]


class Stream(Receiver):
    """A server that reads counted messages (RFC 6587)."""

    def __init__(self, sock, context=None):
        super().__init__()
        self.context, self.connections = context, []
        self.sock = sock
        self.sock.listen(8)
        self.run(self.accept)

    def accept(self):
        while self.is_open:
            conn, _ = self.sock.accept()
            self.run(self.serve, conn)

    def serve(self, conn):
        if self.context:
            conn = self.context.wrap_socket(conn, server_side=True)
        self.connections.append(conn)
        data = b""
        while self.is_open:
            more = conn.recv(65536)
            if not more:
                return
            data += more
            while found := re.match(rb"([1-9]\d{0,4}) ", data):
                end = found.end() + int(found[1])
                if len(data) < end:
                    break
                self.take(data[found.end():end])
                data = data[end:]
            if len(data) > 8:
                assert re.match(rb"[1-9]\d{0,4} ", data), data

    def close(self):
        """As a receiver that crashes: everything at once, half messages too."""
        self.is_open = False
        for sock in (self.sock, *self.connections):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            sock.close()
        for thread in self.threads:
            thread.join(5)


class Datagrams(Receiver):
    def __init__(self, sock):
        super().__init__()
        self.sock = sock
        self.run(self.read)

    def read(self):
        while self.is_open:
            self.take(self.sock.recv(65536))

    def close(self):
        self.is_open = False
        self.sock.close()


def tcp_socket(port=0):
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("127.0.0.1", port))
    return sock


def udp_socket():
    sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    sock.bind(("::1", 0))
    return sock


def unix_socket(path):
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    sock.bind(path)
    os.chmod(path, 0o666)
    return sock


def children(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
            return [int(p) for p in f.read().split()]
    except OSError:
        return []


def name_of(pid):
    try:
        with open(f"/proc/{pid}/comm", encoding="ascii") as f:
            return f.read().strip()
    except OSError:
        return ""


class ExportCase(ApiCase):
    """Sub-classes make receivers in targets(), which are closed when the class is done."""

    rules = [ALLOW_DNS, BLOCK]

    @classmethod
    def setUpClass(cls):
        cls.dir = tempfile.mkdtemp(prefix="opensnitch-export-")
        cls.addClassCleanup(shutil.rmtree, cls.dir, ignore_errors=True)
        os.chmod(cls.dir, 0o777)
        cls.config = {"default_action": "allow", "export": cls.targets()}
        super().setUpClass()

    @classmethod
    def keep(cls, receiver):
        cls.addClassCleanup(receiver.close)
        return receiver

    def exports(self):
        return self.daemon.status()["console"]["export"]

    def state(self, n=0):
        return self.exports()[n]["state"]

    def workers(self, n):
        """The PIDs of the exporter's workers, once there are so many."""
        return wait_until(lambda: (lambda w: w if len(w) == n else None)(children(self.exporter())), what=f"{n} workers")

    def exporter(self):
        """The process that starts the workers; 0: there is none."""
        found = [p for p in children(self.daemon.console_pid()) if name_of(p) == "opensnitch-send"]
        return found[0] if found else 0


class TestEverywhere(ExportCase):
    """One daemon, four targets: the same decisions arrive at each."""

    @classmethod
    def targets(cls):
        cls.tcp = cls.keep(Stream(tcp_socket()))
        cls.udp = cls.keep(Datagrams(udp_socket()))
        cls.unix = cls.keep(Datagrams(unix_socket(f"{cls.dir}/log")))
        cls.file = f"{cls.dir}/decisions.jsonl"
        return [f"syslog+tcp://127.0.0.1:{cls.tcp.sock.getsockname()[1]}", f"syslog+udp://[::1]:{cls.udp.sock.getsockname()[1]}",
                f"syslog+unix://{cls.dir}/log", f"json://{cls.file}"]

    def lines(self, **wanted):
        with open(self.file, encoding="utf-8") as f:
            text = f.read()
        found = [json.loads(line) for line in text.splitlines() if text.endswith("\n")]
        return [c for c in found if all(c.get(k) == v for k, v in wanted.items())]

    def test_a_decision_arrives_everywhere(self):
        self.visit()
        self.visit("http://blog.test/", code=7)
        for receiver in (self.tcp, self.udp, self.unix):
            allowed = receiver.wait(action="allow", dest_host="www.example.test")
            self.assertEqual((allowed.pri, allowed.pid, allowed.host), (86, self.daemon.proc.pid, socket.gethostname()))
            self.assertEqual({k: allowed.params[k] for k in ("protocol", "dest.port", "reason", "process.path", "user.id", "user.name")},
                             {"protocol": "tcp", "dest.port": "80", "reason": "no_client", "process.path": os.path.realpath(shutil.which("curl")),
                              "user.id": "0", "user.name": "root"})
            denied = receiver.wait(action="reject", dest_host="blog.test")
            self.assertEqual((denied.pri, denied.params["rule"], denied.params["reason"]), (84, "001-block", "rule"))
            self.assertIn("reject tcp", denied.text)
            numbers = [m.sequence for m in receiver.messages]
            self.assertEqual(numbers, list(range(1, len(numbers) + 1)))
        line = wait_until(lambda: self.lines(action="reject"), what="a line")[-1]
        self.assertEqual((line["dest"]["host"], line["rule"], line["process"]["args"][0]), ("blog.test", "001-block", "curl"))
        told = self.api.get(f"{V1}/connections/{line['id']}").json
        self.assertEqual({k: v for k, v in told.items() if k != "traffic"}, {k: v for k, v in line.items() if k != "traffic"})
        self.assertEqual(self.tcp.wait(id=str(line["id"])).params["dest.ip"], line["dest"]["ip"])
        got = wait_until(lambda: (e := self.exports()) and all(t["delivered"] >= 2 for t in e) and e, what="counts")
        self.assertEqual([(t["state"], t["why"], t["lost"]) for t in got], [("ok", None, 0)] * 4)
        self.assertEqual([t["target"] for t in got], self.config["export"])
        metrics = self.api.get("/metrics").text
        self.assertIn(f'opensnitch_export_up{{target="{self.config["export"][0]}"}} 1\n', metrics)
        self.assertRegex(metrics, r'opensnitch_export_delivered_total\{target="json://[^"]+"\} [1-9]')

    def test_hostile_names_stay_in_their_place(self):
        folder = f"{self.net.dir}/hostile"
        os.mkdir(folder)
        os.chmod(folder, 0o755)
        path = os.fsencode(folder) + b'/x"] \\ \n<1>1 \xff\x1b[m'
        shutil.copy(shutil.which("curl"), path)
        done = subprocess.run(self.net.command([path, "-4s", "-m", "50", "-o", "/dev/null", "http://www.example.test/"]), check=False, cwd="/")
        self.assertEqual(done.returncode, 0)
        wanted = f'{folder}/x"] \\ \\x0a<1>1 \\xff\\x1b[m'
        for receiver in (self.tcp, self.udp, self.unix):
            self.assertTrue(receiver.wait(process_path=wanted))
            self.assertFalse([m for m in receiver.messages if b"\n" in m.raw])
        wait_until(lambda: any(c["process"] and c["process"]["path"] == wanted for c in self.lines()), what="a line")

    def test_rules_with_nolog_are_left_out(self):
        made = self.assert_status(self.api.post(f"{V1}/rules", rule("002-quiet", "allow", ("dest.port", "8080"), nolog=True)), 201)
        self.addCleanup(self.api.delete, made.headers["Location"])
        self.visit("http://www.example.test:8080/")
        self.visit("http://updates.example.test/")
        self.tcp.wait(dest_host="updates.example.test")
        self.assertFalse(self.tcp.where(dest_port="8080"))

    def test_a_file_that_is_moved_away_is_begun_anew(self):
        self.visit()
        wait_until(self.lines, what="a line")
        os.rename(self.file, self.file + ".1")
        wait_until(lambda: os.path.exists(self.file), what="a new file")
        self.assertEqual(os.stat(self.file).st_mode & 0o777, 0o640)
        self.visit("http://news.example.test/")
        wait_until(lambda: [c for c in self.lines() if c["dest"]["host"] == "news.example.test"], what="a line in the new file")

    def test_a_worker_that_dies_is_started_again(self):
        exporter, workers = self.exporter(), self.workers(4)
        os.kill(workers[0], signal.SIGKILL)
        wait_until(lambda: len(children(exporter)) == 4 and workers[0] not in children(exporter), what="another worker")
        before = len(self.tcp.messages)
        wait_until(lambda: self.visit() == 0 and len(self.tcp.messages) > before, what="a message by the new worker")

    def test_the_processes_have_given_up_everything(self):
        wait_until(lambda: all(t["state"] == "ok" for t in self.exports()), what="all targets")
        for pid, opened in [(self.exporter(), {5})] + [(p, {2, 3, 4}) for p in self.workers(4)]:
            with open(f"/proc/{pid}/status", encoding="ascii") as f:
                status = dict(line.split(":\t", 1) for line in f.read().splitlines() if ":\t" in line)
            self.assertNotIn("0", status["Uid"].split())
            self.assertEqual(set(int(status[k], 16) for k in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")), {0})
            self.assertEqual((status["NoNewPrivs"], status["Seccomp"], status["Groups"].strip()), ("1", "2", ""))
            fds = {int(fd): os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")}
            self.assertIn(len([fd for fd in fds if fd > 2]), opened, fds)


class TestReceivers(ExportCase):
    """Receivers that come, go, and do not read."""

    @classmethod
    def targets(cls):
        # One that no other test gets, nor the kernel gives to a connection, while nobody listens there.
        slot = Slot()
        cls.addClassCleanup(slot.release)
        cls.port = slot.port
        cls.tcp = Stream(tcp_socket(cls.port))
        cls.addClassCleanup(lambda: cls.tcp.close())
        cls.stuck = unix_socket(f"{cls.dir}/stuck")
        cls.addClassCleanup(cls.stuck.close)
        cls.pipe = f"{cls.dir}/pipe"
        os.mkfifo(cls.pipe)
        os.chmod(cls.pipe, 0o666)
        return [f"syslog+tcp://127.0.0.1:{cls.port}", f"syslog+unix://{cls.dir}/stuck", f"json://{cls.pipe}", "json:///nowhere/x"]

    def test_a_receiver_that_comes_back_gets_what_waited(self):
        self.visit()
        last = self.tcp.wait(dest_host="www.example.test").sequence
        self.addCleanup(self.come_back)
        with self.daemon.events("alert") as events:
            self.tcp.close()
            wait_until(lambda: self.state() == "down", what="the loss of the receiver")
            self.visit("http://news.example.test/")
            alert = events.wait_for("alert", lambda a: a["code"] == "export_down" and str(self.port) in a["message"], deadline=120).data
            self.assertIn("refused", alert["message"].lower())
            self.assertIn("export_down", [w["code"] for w in self.daemon.status()["warnings"]])
            self.come_back()
            self.assertGreater(self.tcp.wait(dest_host="news.example.test").sequence, last)
            events.wait_for("alert", lambda a: a["code"] == "export_resumed" and "0 were lost" in a["message"], deadline=120)
        wait_until(lambda: self.state() == "ok", what="the state")

    def come_back(self):
        if not self.tcp.is_open:
            type(self).tcp = Stream(tcp_socket(self.port))

    def test_a_stuck_receiver_costs_its_own_messages_and_nothing_else(self):
        flood = ("import socket, sys\n"
                 "for n in range(int(sys.argv[1])):\n"
                 "    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
                 "    s.sendto(b'x', (sys.argv[2], 10000 + n % 50000))\n"
                 "    s.close()\n")
        address = self.net.zone["www.example.test"]["A"][0]

        def lost():
            self.assertEqual(self.net.run([sys.executable, "-c", flood, "400", address]).returncode, 0)
            self.visit()
            return self.exports()[1]["lost"]

        before = self.exports()[0]["lost"]
        wait_until(lost, deadline=180, what="a full buffer")
        got = self.exports()
        self.assertGreater(got[1]["waiting"], 500)
        self.assertEqual(got[0]["lost"], before, "another target lost something")
        # It reads again: what waited arrives, in order; then new ones do, and the gap shows.
        reader = self.keep(Datagrams(self.stuck))
        wait_until(lambda: (e := self.exports()[1])["waiting"] == 0 and e, deadline=180, what="an empty buffer")
        self.visit("http://updates.example.test/")
        wait_until(lambda: reader.where(dest_host="updates.example.test"), what="a new message")
        numbers = [m.sequence for m in reader.messages]
        self.assertEqual(numbers, sorted(set(numbers)))
        self.assertLess(len(numbers), numbers[-1])

    def test_a_pipe_is_written_while_somebody_reads_it(self):
        wait_until(lambda: self.state(2) == "down", what="the state")
        self.assertIn("nobody reads", self.exports()[2]["why"])
        fd = os.open(self.pipe, os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, fd)
        text = b""

        def read():
            nonlocal text
            try:
                text += os.read(fd, 65536)
            except BlockingIOError:
                pass
            return b"\n" in text
        self.visit()
        wait_until(read, deadline=120, what="a line")
        self.assertIn("dest", json.loads(text.split(b"\n")[0]))

    def test_a_file_that_cannot_be_written_is_told(self):
        wait_until(lambda: self.state(3) == "down", what="the state")
        self.assertRegex(self.exports()[3]["why"], "No such file|Permission denied")

    def test_without_the_process_that_exports_all_else_goes_on(self):
        starts = self.daemon.status()["console"]["starts"]
        os.kill(self.exporter(), signal.SIGKILL)
        wait_until(lambda: [t["why"] for t in self.exports()] == ["the process that exports has ended: restart the daemon"] * 4, what="the state")
        lost = self.exports()[0]["lost"]
        self.visit()
        wait_until(lambda: self.exports()[0]["lost"] > lost, what="a loss that is counted")
        self.assertEqual(self.daemon.status()["console"]["starts"], starts)
        self.daemon.kill_console()
        wait_until(lambda: self.api.get(f"{V1}/status").status == 200, what="the console")
        wait_until(lambda: self.visit() == 0 and self.state() == "ok", what="the export")


class TestTls(ExportCase):
    @classmethod
    def targets(cls):
        for name, subject in (("good", "siem.test"), ("other", "other.test")):
            subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                            "-keyout", f"{cls.dir}/{name}.key", "-out", f"{cls.dir}/{name}.pem", "-subj", f"/CN={subject}",
                            "-addext", "subjectAltName=IP:127.0.0.1"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            os.chmod(f"{cls.dir}/{name}.key", 0o644)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(f"{cls.dir}/good.pem", f"{cls.dir}/good.key")
        cls.plain = cls.keep(Stream(tcp_socket(), context))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(f"{cls.dir}/good.pem", f"{cls.dir}/good.key")
        context.load_verify_locations(f"{cls.dir}/other.pem")
        context.verify_mode = ssl.CERT_REQUIRED
        cls.mutual = cls.keep(Stream(tcp_socket(), context))
        plain, mutual = (f"syslog+tls://127.0.0.1:{r.sock.getsockname()[1]}" for r in (cls.plain, cls.mutual))
        return [f"{plain}?ca={cls.dir}/good.pem", f"{plain}?ca={cls.dir}/other.pem", plain,
                f"{mutual}?ca={cls.dir}/good.pem&cert={cls.dir}/other.pem&key={cls.dir}/other.key"]

    def test_only_a_receiver_with_the_right_certificate_gets_anything(self):
        self.plain.errors.clear()
        self.visit()
        wait_until(lambda: self.plain.messages and self.mutual.messages, what="messages over TLS")
        for n in (1, 2):
            wait_until(lambda: self.state(n) == "down", what="a refusal")
            self.assertRegex(self.exports()[n]["why"].lower(), "certificate|issuer")
            self.assertEqual(self.exports()[n]["delivered"], 0)
        self.assertEqual(self.state(0), "ok")
        self.assertEqual(self.plain.connections[0].version(), "TLSv1.3")
        numbers = [m.sequence for m in self.plain.messages]
        self.assertEqual(numbers, list(range(1, len(numbers) + 1)))


class TestNone(ApiCase):
    def test_without_targets_there_is_no_process(self):
        self.assertEqual(self.daemon.status()["console"]["export"], [])
        wait_until(lambda: not [p for p in children(self.daemon.console_pid()) if name_of(p) != "opensnitch-get"], what="the end of the process")


class TestEnd(ExportCase):
    @classmethod
    def targets(cls):
        cls.file = f"{cls.dir}/decisions.jsonl"
        return [f"json://{cls.file}", f"syslog+tcp://127.0.0.1:{cls.closed_port()}"]

    @classmethod
    def closed_port(cls):
        cls.held = tcp_socket()  # bound, and nobody listens
        cls.addClassCleanup(cls.held.close)
        return cls.held.getsockname()[1]

    def test_what_waits_is_written_and_nothing_stays(self):
        wait_until(lambda: self.state(0) == "ok", what="the file")
        everybody = [self.exporter(), *self.workers(2)]
        self.visit()
        self.assertEqual(self.daemon.stop(), 0)
        wait_until(lambda: not [p for p in everybody if name_of(p) == "opensnitch-send"], what="the end of the processes")
        with open(self.file, encoding="utf-8") as f:
            self.assertIn("www.example.test", [json.loads(line)["dest"]["host"] for line in f])


SWALLOW = ("import socket\n"
           "with socket.create_server(('0.0.0.0', 6514)) as s:\n"
           "    print('ready', flush=True)\n"
           "    while True:\n"
           "        with s.accept()[0] as c:\n"
           "            while c.recv(65536):\n"
           "                pass\n")


class Inside(Daemon):
    """A daemon that lives in the namespace that it guards, as on a real machine."""

    @property
    def api(self):
        return Api(unix=self.socket_path)


class TestOwnConnections(ApiCase):
    """The exporter's connections are judged as everybody's, and holding them up holds nothing else up."""

    def test_one_that_is_denied_harms_nobody(self):
        address = self.net.zone["www.example.test"]["A"][0]
        net = f"--net=/run/netns/{self.net.client}"
        siem = subprocess.Popen(["nsenter", f"--net=/run/netns/{self.net.world}", sys.executable, "-c", SWALLOW], stdout=subprocess.PIPE)
        self.addCleanup(lambda: (siem.kill(), siem.wait(), siem.stdout.close()))
        self.assertEqual(siem.stdout.readline(), b"ready\n")
        config = {"default_action": "deny", "prompt": {"timeout": "2s"}, "prompt_without_clients": True, "export": [f"syslog+tcp://{address}:6514"]}
        self.daemon.stop()
        inside = Inside(self.net, config=config, rules=[ALLOW_DNS, rule("001-web", "allow", ("dest.port", "80"))], wrap=["nsenter", net, "--"])
        self.addCleanup(inside.close)
        status = lambda: inside.status()["console"]["export"][0]  # noqa: E731
        wait_until(lambda: [p for p in inside.api.get(f"{V1}/connections").json["items"]
                            if p["dest"]["port"] == 6514 and p["process"] and p["process"]["path"].endswith("/opensnitch-exporter")], what="a decision about the exporter")
        for _ in range(5):
            self.visit()
        wait_until(lambda: status()["state"] == "down", deadline=120, what="the refusal")
        self.assert_status(inside.api.post(f"{V1}/rules", rule("002-siem", "allow", ("dest.port", "6514"))), 201)
        wait_until(lambda: status()["delivered"] >= 5, deadline=180, what="the decisions that waited")


if __name__ == "__main__":
    tap.main()
