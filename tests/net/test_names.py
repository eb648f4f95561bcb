# SPDX-License-Identifier: GPL-2.0-or-later
"""Which host name a connection gets: from DNS over UDP and TCP, local resolvers, multicast, the hosts file; and who is not believed."""
import os
import sys
import textwrap
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "harness"))

import lab
import tap
from daemon import Daemon, rule

# A program of its own in the client namespace: one word a line on stdin, each answered by a line.
PROGRAM = textwrap.dedent("""
    import socket, struct, sys
    def encode(name):
        return b"".join(bytes([len(l)]) + l.encode() for l in name.split(".")) + b"\\0"
    def query(name, qtype, ident=7):
        return struct.pack("!HHHHHH", ident, 0x100, 1, 0, 0, 0) + encode(name) + struct.pack("!HH", qtype, 1)
    def response(name, addr, ident=7, flags=0x8180):
        head = struct.pack("!HHHHHH", ident, flags, 1, 1, 0, 0)
        rr = b"\\xc0\\x0c" + struct.pack("!HHIH", 1, 1, 60, 4) + socket.inet_aton(addr)
        return head + encode(name) + struct.pack("!HH", 1, 1) + rr
    def family(addr):
        return socket.AF_INET6 if ":" in addr else socket.AF_INET
    sockets = {}
    def ask(server, name, qtype="1"):
        s = sockets.get(server)
        if s is None:
            s = sockets[server] = socket.socket(family(server), socket.SOCK_DGRAM)
            s.settimeout(40)
            s.connect((server, 53))
        s.send(query(name, int(qtype)))
        return len(s.recv(4096))
    def asktcp(server, *names):
        s = socket.create_connection((server, 53), timeout=40)
        for n in names:
            q = query(n, 1)
            s.sendall(struct.pack("!H", len(q)) + q)
        f = s.makefile("rb")
        for n in names:
            f.read(struct.unpack("!H", f.read(2))[0])
        return "ok"
    def connect(addr, port="80"):
        s = socket.create_connection((addr, int(port)), timeout=40)
        me = s.getsockname()[1]
        s.close()
        return me
    def forge(name, addr):
        "An answer from port 53 that nobody asked for."
        a, b = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        a.bind(("127.0.0.1", 53))
        b.bind(("127.0.0.1", 0))
        b.settimeout(40)
        a.sendto(response(name, addr), b.getsockname())
        b.recv(4096)
        a.close()
        return "ok"
    def lie(name, addr, wrong):
        "A server on loopback that answers with a wrong ID or another name."
        a, b = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        a.bind(("127.0.0.1", 53))
        b.settimeout(40)
        b.connect(("127.0.0.1", 53))
        b.send(query("honest.test" if wrong == "name" else name, 1))
        _, peer = a.recvfrom(4096)
        a.sendto(response(name, addr, ident=8 if wrong == "id" else 7), peer)
        b.recv(4096)
        a.close()
        return "ok"
    def neighbour(port, question, answer):
        "Asks at this port, and hears an answer."
        a, b = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        a.bind(("127.0.0.1", port))
        b.bind(("127.0.0.1", 0))
        b.settimeout(40)
        b.sendto(question, ("127.0.0.1", port))
        a.recvfrom(4096)
        a.sendto(answer, b.getsockname())
        b.recv(4096)
        a.close()
        return "ok"
    def record(owner, rtype, data, rclass=1):
        return encode(owner) + struct.pack("!HHIH", rtype, rclass, 60, len(data)) + data
    def mdns(name, addr):
        head = struct.pack("!HHHHHH", 0, 0x8400, 0, 1, 0, 0)
        return neighbour(5353, query(name, 1, 0), head + record(name, 1, socket.inet_aton(addr), 0x8001))
    def browse(kind, one, name, addr):
        head = struct.pack("!HHHHHH", 0, 0x8400, 0, 1, 0, 2)
        return neighbour(5353, query(kind, 12, 0), head + record(kind, 12, encode(one)) + record(one, 33, bytes(6) + encode(name))
                         + record(name, 1, socket.inet_aton(addr), 0x8001))
    def llmnr(name, addr):
        return neighbour(5355, query(name, 1), response(name, addr, flags=0x8000))
    for line in sys.stdin:
        word, *args = line.split()
        print(globals()[word](*args), flush=True)
""")


LONG = ".".join(c * 60 for c in "abc") + ".test"
MANY = [f"203.0.113.{n}" for n in range(100, 120)]


class Program:
    def __init__(self, net):
        self.proc = net.popen([sys.executable, "-c", PROGRAM], stdin=-1, stderr=None)

    def do(self, *words):
        self.proc.stdin.write(" ".join(words) + "\n")
        self.proc.stdin.flush()
        line = self.proc.stdout.readline().strip()
        assert line, f"the program died at {words}"
        return line


@unittest.skipIf(lab.why_not(), lab.why_not())
class NamesTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        # More than a packet holds: its name stands in each record.
        cls.net = lab.Lab(prefix="namestest", zone={LONG: {"A": MANY}}).start()
        cls.addClassCleanup(cls.net.close)
        cls.hosts = os.path.join(cls.net.dir, "daemon-hosts")
        with open(cls.hosts, "w", encoding="ascii") as f:
            f.write("127.0.0.1 localhost\n203.0.113.4 Files.Home files\n")
        wrap = ["unshare", "--mount", "--propagation", "private", "sh", "-c",
                f'mount --bind {cls.hosts} /etc/hosts && exec "$@"', "sh"]
        cls.daemon = Daemon(cls.net, wrap=wrap, rules=[rule("000-deny-secret", "deny", ("dest.host", "blog.test"))])
        cls.addClassCleanup(cls.daemon.close)
        cls.events = cls.daemon.events("connection")
        cls.addClassCleanup(cls.events.close)

    def connect(self, program, addr, port="80"):
        """Where the program's connection went. Another one to another place may have had the same source port."""
        own = int(program.do("connect", addr, port))
        return self.events.wait_for("connection", lambda c: (c["source"]["port"], c["dest"]["ip"], c["dest"]["port"]) == (own, addr, int(port))).data["dest"]

    def check(self, program, addr, host, source, certainty, port="80"):
        dest = self.connect(program, addr, port)
        self.assertEqual((dest["host"], dest["host_source"], dest["host_certainty"]), (host, source, certainty), dest)

    def named(self, address):
        return [n["name"] for n in self.daemon.api.get(f"/api/v1/names?address={address}").json["items"]]

    def test_01_udp_over_both_families(self):
        p = Program(self.net)
        for server, name, addr in ((lab.DNS4, "www.example.test", "198.51.100.10"), (lab.DNS6, "news.example.test", "198.51.100.11")):
            p.do("ask", server, name)
            self.check(p, addr, name, "dns", "exact")
        p.do("ask", lab.DNS6, "www.example.test", "28")
        self.check(p, "2001:db8:100::10", "www.example.test", "dns", "exact")

    def test_02_later_questions_of_one_socket(self):
        p = Program(self.net)
        for name, addr in (("api.weather.test", "198.51.100.12"), ("updates.example.test", "198.51.100.13"),
                           ("tracker.ads.test", "198.51.100.30")):
            p.do("ask", lab.DNS4, name)
            self.check(p, addr, name, "dns", "exact")

    def test_03_tcp(self):
        p = Program(self.net)
        p.do("asktcp", lab.DNS4, "time.test", "www.example.test")
        self.check(p, "198.51.100.40", "time.test", "dns", "exact")
        self.check(p, "198.51.100.10", "www.example.test", "dns", "exact")
        p.do("asktcp", lab.DNS6, "news.example.test")
        self.check(p, "198.51.100.11", "news.example.test", "dns", "exact")

    def test_04_answers_that_nobody_asked_for(self):
        p = Program(self.net)
        p.do("forge", "good.test", "198.51.100.53")
        p.do("lie", "good.test", "198.51.100.53", "id")
        p.do("lie", "good.test", "198.51.100.53", "name")
        dest = self.connect(p, "198.51.100.53", "8080")
        self.assertEqual((dest["host"], dest["host_source"], dest["host_certainty"]), (None, "none", "none"))
        p.do("lie", "good.test", "198.51.100.53", "nothing")
        self.check(p, "198.51.100.53", "good.test", "dns", "exact", port="8080")

    def test_05_each_program_has_the_name_it_asked_for(self):
        shop, news = Program(self.net), Program(self.net)
        shop.do("ask", lab.DNS4, "shop.test")
        news.do("ask", lab.DNS4, "edge7.cdn.test")
        self.check(shop, "203.0.113.20", "shop.test", "dns", "exact")
        self.check(news, "203.0.113.20", "edge7.cdn.test", "dns", "exact")
        self.check(shop, "203.0.113.20", "shop.test", "dns", "exact")

    def test_06_local_resolver(self):
        resolver = self.net.popen(["dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts",
                                   f"--server={lab.DNS4}", "--listen-address=127.0.0.1", "--bind-interfaces", "--user=root",
                                   f"--pid-file={self.net.dir}/dnsmasq.pid"])
        self.addCleanup(resolver.wait, 40)
        self.addCleanup(resolver.terminate)
        lab.wait_until(lambda: "127.0.0.1:53" in self.net.inside(["ss", "-Hlun", "sport", "=", ":53"]).stdout,
                       what="dnsmasq to listen")
        one, two, three = Program(self.net), Program(self.net), Program(self.net)
        one.do("ask", "127.0.0.1", "shop.test")
        two.do("ask", "127.0.0.1", "edge7.cdn.test")
        three.do("ask", "127.0.0.1", "shop.test")  # out of the resolver's cache
        self.check(one, "203.0.113.20", "shop.test", "dns", "exact")
        self.check(two, "203.0.113.20", "edge7.cdn.test", "dns", "exact")
        self.check(three, "203.0.113.20", "shop.test", "dns", "exact")

    def test_07_an_ambiguous_name_gets_the_most_restrictive_rule(self):
        p = Program(self.net)
        p.do("ask", lab.DNS4, "blog.test")
        p.do("ask", lab.DNS4, "shop.test")
        # curl asked for nothing, and blog.test is denied.
        done = self.net.run(["curl", "-s", "-m", "2", "http://203.0.113.20/"])
        self.assertEqual(done.returncode, 28, done)
        seen = self.events.wait_for("connection", lambda c: (c["process"] or {}).get("path", "").endswith("/curl")).data
        self.assertEqual((seen["action"], seen["rule"], seen["dest"]["host_certainty"]), ("deny", "000-deny-secret", "guess"))
        # Who asked for the other name is not meant.
        self.check(p, "203.0.113.20", "shop.test", "dns", "exact")

    def test_08_hosts_file(self):
        p = Program(self.net)
        self.check(p, "203.0.113.4", "files.home", "hosts", "likely")
        # An edit is seen when it is done; without being told the daemon would look again only after a minute.
        with open(self.hosts, "w", encoding="ascii") as f:
            f.write("127.0.0.1 localhost\n203.0.113.4 Moved.Home\n203.0.113.5 printer.home\n")
        # Its being told and the packet of a connection are two things that may come at once.
        lab.wait_until(lambda: self.named("203.0.113.5") == ["printer.home"], what="the new line")
        self.check(p, "203.0.113.4", "moved.home", "hosts", "likely")

    def test_09_neighbours(self):
        p = Program(self.net)
        p.do("mdns", "box.local", "198.51.100.53")
        self.check(p, "198.51.100.53", "box.local", "mdns", "exact")
        p.do("browse", "_http._tcp.local", "printer._http._tcp.local", "printer.local", "198.51.100.53")
        self.check(p, "198.51.100.53", "printer.local", "mdns", "exact")
        p.do("llmnr", "scanner", "198.51.100.53")
        self.check(p, "198.51.100.53", "scanner", "mdns", "exact")

    def test_10_nothing_is_learnt_while_switched_off(self):
        self.daemon.api.patch("/api/v1/config", {"intercept_dns": False})
        self.addCleanup(self.daemon.api.patch, "/api/v1/config", {"intercept_dns": True})
        p = Program(self.net)
        p.do("ask", lab.DNS4, "v6only.test", "28")
        dest = self.connect(p, "2001:db8:200::6")
        self.assertIsNone(dest["host"])

    def test_11_an_answer_in_fragments(self):
        for server in (lab.DNS4, lab.DNS6):
            p = Program(self.net)
            self.assertGreater(int(p.do("ask", server, LONG)), 3000)
            for addr in (MANY[0], MANY[-1]):
                self.check(p, addr, LONG, "dns", "exact")


if __name__ == "__main__":
    tap.main()
