# SPDX-License-Identifier: GPL-2.0-or-later
"""A UDP socket that is gone takes its flow with it: who gets its port next is judged anew."""
import json

from engine_kit import DEADLINE, PYTHON, TIME4, TIME6, EngineTest, tap, wait_until

from daemon import rule
from lab import PORTS_HAD

PROGRAM = r"""
import json, os, socket, sys
kept = {}

def family(host):
    return socket.AF_INET6 if ":" in host else socket.AF_INET

def bound(host, port):
    s = socket.socket(family(host), socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("", port))
    return s

def udp(name, host, port=0):
    "Connected; without a port from one that no program had before (see PORTS_HAD)."
    had = int(sys.argv[1])
    s = bound(host, port)
    while not port and os.pread(had, 1, s.getsockname()[1]) != b"\0":
        s.close()
        s = bound(host, port)
    own = s.getsockname()[1]
    os.pwrite(had, b"\1", own)
    s.connect((host, 9000))
    s.settimeout(40)
    kept[name] = s
    return own

def twin(name, host, port):
    kept[name] = bound(host, port)

def again(name, other):
    kept[other] = kept[name].dup()

def send(name):
    kept[name].send(b"x")

def echo(name, times=1):
    for _ in range(times):
        kept[name].send(b"x")
        kept[name].recv(99)

def close(name):
    kept.pop(name).close()

for line in sys.stdin:
    word, *args = json.loads(line)
    print(json.dumps(globals()[word](*args)), flush=True)
"""


class Program:
    def __init__(self, net, user):
        self.proc = net.popen([PYTHON, "-c", PROGRAM, str(PORTS_HAD)], user=user, stdin=-1, pass_fds=(PORTS_HAD,))

    def do(self, *words):
        self.proc.stdin.write(json.dumps(words) + "\n")
        self.proc.stdin.flush()
        line = self.proc.stdout.readline()
        if not line:
            raise AssertionError(f"the program ended at {words}: {self.proc.stderr.read()}")
        return json.loads(line)


class SocketEndsTest(EngineTest):
    def setUp(self):
        # Longer than anything here waits: no flow ends by itself.
        for name in ("udp_timeout", "udp_timeout_stream"):
            self.net.inside(["sysctl", "-qw", f"net.netfilter.nf_conntrack_{name}={10 * int(DEADLINE)}"])
        self.daemon = self.start_daemon(config={"default_action": "deny"}, rules=[rule("nobody", "allow", ("user.name", "nobody"))])
        self.nobody = self.program("nobody")

    def program(self, user):
        p = Program(self.net, user)
        self.addCleanup(lambda: (p.proc.stdin.close(), p.proc.wait(), p.proc.stdout.close(), p.proc.stderr.close()))
        return p

    def flows(self, port):
        return [f for f in self.daemon.api.get("/api/v1/flows").json["items"] if f["connection"]["source"]["port"] == port]

    def wait_gone(self, port):
        wait_until(lambda: not self.flows(port), what=f"the end of the flow from port {port}")

    def open(self, host=TIME4):
        """A socket whose flow is followed: its port."""
        port = self.nobody.do("udp", "a", host)
        self.nobody.do("echo", "a", 3)
        wait_until(lambda: self.flows(port), what=f"the flow from port {port}")
        return port

    def all_before_is_read(self):
        """Another socket ends: what was told before it was read."""
        port = self.nobody.do("udp", "z", TIME4)
        self.nobody.do("echo", "z")
        wait_until(lambda: self.flows(port), what="another flow")
        self.nobody.do("close", "z")
        self.wait_gone(port)

    def assert_goes_on(self, port, name="a"):
        ident = self.flows(port)[0]["id"]
        n = len(self.connections(self.daemon, 2))
        self.nobody.do("echo", name, 3)
        wait_until(lambda: (self.flows(port)[0].get("packets_out") or 0) >= 6, what="its packets counted")
        self.assertEqual((self.flows(port)[0]["id"], len(self.connections(self.daemon))), (ident, n))

    def test_who_takes_its_port_is_judged_anew(self):
        for n, host in enumerate((TIME4, TIME6), 1):
            with self.subTest(host):
                port = self.open(host)
                self.nobody.do("close", "a")
                self.wait_gone(port)
                other = self.program("root")
                self.assertEqual(other.do("udp", "b", host, port), port)
                other.do("send", "b")
                second, first = self.connections(self.daemon, 2 * n)[:2]
                self.assertEqual([(c["process"]["user"], c["action"], c["source"]["port"], c["dest"]["ip"]) for c in (first, second)],
                                 [("nobody", "allow", port, host), ("root", "deny", port, host)])
                self.assertEqual(second["process"]["pid"], other.proc.pid)
                self.assertEqual(self.flows(port), [])

    def test_what_it_carried_is_told_to_its_end(self):
        with self.daemon.events("flow.closed") as events:
            port = self.open()
            self.nobody.do("echo", "a", 4)
            self.nobody.do("close", "a")
            end = events.wait_for("flow.closed", lambda f: f["connection"]["source"]["port"] == port).data
        self.assertEqual((end["closed"]["why"], end["packets_out"], end["packets_in"]), ("closed", 7, 7))

    def test_a_socket_that_another_one_has_goes_on(self):
        port = self.open()
        self.nobody.do("again", "a", "b")
        self.nobody.do("close", "a")
        self.all_before_is_read()
        self.assert_goes_on(port, "b")

    def test_another_socket_of_its_port_is_another_matter(self):
        if "senders" not in self.daemon.status()["attribution"]["why"]:
            self.skipTest("eBPF does not see here which socket sends")
        port = self.open()
        self.nobody.do("twin", "t", TIME4, port)
        self.nobody.do("close", "t")
        self.all_before_is_read()
        self.assert_goes_on(port)


if __name__ == "__main__":
    tap.main()
