# SPDX-License-Identifier: GPL-2.0-or-later
"""Which host name a connection gets: from DNS over UDP and TCP, local resolvers, multicast, the hosts file; and who is not believed."""
import os
import subprocess
import sys
import textwrap
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "harness"))

import lab
import tap
from daemon import Daemon, rule

MESSAGES = textwrap.dedent("""
    import socket, struct, sys
    A = 1
    def encode(name):
        return b"".join(bytes([len(l)]) + l.encode() for l in name.split(".")) + b"\\0"
    def query(name, qtype, ident=7):
        return struct.pack("!HHHHHH", ident, 0x100, 1, 0, 0, 0) + encode(name) + struct.pack("!HH", qtype, 1)
    def response(name, addr, ident=7, flags=0x8180):
        head = struct.pack("!HHHHHH", ident, flags, 1, 1, 0, 0)
        rr = b"\\xc0\\x0c" + struct.pack("!HHIH", 1, 1, 60, 4) + socket.inet_aton(addr)
        return head + encode(name) + struct.pack("!HH", 1, 1) + rr
    def record(owner, rtype, data, rclass=1):
        return encode(owner) + struct.pack("!HHIH", rtype, rclass, 60, len(data)) + data
    def family(addr):
        return socket.AF_INET6 if ":" in addr else socket.AF_INET
    def framed(message):
        return struct.pack("!H", len(message)) + message
    def unframed(f):
        return f.read(struct.unpack("!H", f.read(2))[0])
    GROUPS = {("5353", "4"): "224.0.0.251", ("5353", "6"): "ff02::fb", ("5355", "4"): "224.0.0.252", ("5355", "6"): "ff02::1:3"}
    def on_link(port, which, own):
        "A datagram socket that talks with the group on eth0, and the group's address."
        group, index = GROUPS[port, which], socket.if_nametoindex("eth0")
        s = socket.socket(family(group), socket.SOCK_DGRAM)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.settimeout(40)
        s.bind(("", own))
        raw = socket.inet_pton(family(group), group)
        if which == "6":
            s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
            s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, raw + struct.pack("@I", index))
        else:
            s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, struct.pack("@4s4si", raw, bytes(4), index))
            s.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, struct.pack("@4s4si", raw, bytes(4), index))
        return s, (group, int(port))
    def heard(s, is_response):
        while True:
            message, peer = s.recvfrom(4096)
            if bool(message[2] & 0x80) == is_response:
                return message, peer
    def said(kind, name, addr, flags=0x8000):
        "What a neighbour answers."
        head = struct.pack("!HHHHHH", 0, 0x8400, 0, 1, 0, 2 if kind == "browse" else 0)
        if kind == "mdns":
            return head + record(name, A, socket.inet_aton(addr), 0x8001)
        if kind == "browse":
            return (head + record("_http._tcp.local", 12, encode("one._http._tcp.local"))
                    + record("one._http._tcp.local", 33, bytes(6) + encode(name)) + record(name, A, socket.inet_aton(addr), 0x8001))
        return response(name, addr, flags=flags)
""")

# A program of its own in the client namespace: one word a line on stdin, each answered by a line.
PROGRAM = MESSAGES + textwrap.dedent("""
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
            s.sendall(framed(query(n, 1)))
        f = s.makefile("rb")
        for n in names:
            unframed(f)
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
        "A server on loopback that answers with a wrong ID, another name, other letters, or another address of its own."
        a, b = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        a.bind(("127.0.0.1", 53))
        b.bind(("127.0.0.1", 0))
        b.settimeout(40)
        b.sendto(query("honest.test" if wrong == "name" else name, 1), ("127.0.0.1", 53))
        _, peer = a.recvfrom(4096)
        if wrong == "server":
            a.close()
            a = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            a.bind(("127.0.0.2", 53))
        a.sendto(response(name.upper() if wrong == "letters" else name, addr, ident=8 if wrong == "id" else 7), peer)
        b.recv(4096)
        a.close()
        return "ok"
    def late(name, addr, lie):
        "Asks, and hears an answer and then another one."
        a, b = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        a.bind(("127.0.0.1", 53))
        b.settimeout(40)
        b.connect(("127.0.0.1", 53))
        b.send(query(name, 1))
        _, peer = a.recvfrom(4096)
        for where in (addr, lie):
            a.sendto(response(name, where), peer)
            b.recv(4096)
        a.close()
        return "ok"
    def asklink(port, which, name, own="0"):
        "Asks everybody on the link; whose answer is cut short is asked over TCP."
        s, group = on_link(port, which, int(own))
        s.sendto(query(name, 12 if name[0] == "_" else A, 0 if port == "5353" else 7), group)
        message, peer = heard(s, True)
        sockets[port, which] = s  # whose port it is shows while it is open
        if not message[2] & 2:
            return "udp"
        with socket.create_connection((peer[0], int(port)), timeout=40) as t:
            t.sendall(framed(query(name, A)))
            unframed(t.makefile("rb"))
        return "tcp"
    def askitself(kind, which, name, addr):
        "Asks the group, and is itself who answers: to the group, or to the port that asked."
        port = "5355" if kind == "llmnr" else "5353"
        a, group = on_link(port, which, int(port))
        b, _ = on_link(port, which, 0 if kind == "llmnr" else 5353)
        b.sendto(query(name, A, 0 if port == "5353" else 7), group)
        _, peer = heard(a, False)
        a.sendto(said(kind, name, addr), peer if kind == "llmnr" else group)
        heard(b, True)
        a.close()
        b.close()
        return "ok"
    def askloopback(kind, name, addr):
        "The same on loopback."
        port = 5355 if kind == "llmnr" else 5353
        a, b = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        a.bind(("127.0.0.1", port))
        b.settimeout(40)
        b.sendto(query(name, A, 0 if port == 5353 else 7), ("127.0.0.1", port))
        _, peer = a.recvfrom(4096)
        a.sendto(said(kind, name, addr), peer)
        b.recv(4096)
        a.close()
        return "ok"
    for line in sys.stdin:
        word, *args = line.split()
        print(globals()[word](*args), flush=True)
""")


# Another machine on the link: answers one question of this kind, and over TCP where that is cut short.
NEIGHBOUR = MESSAGES + textwrap.dedent("""
    kind, which, name, addr = sys.argv[1:]
    port = "5355" if kind in ("llmnr", "tcp") else "5353"
    s, group = on_link(port, which, int(port))
    listener = socket.create_server(("", int(port)), family=family(group[0]))
    print("ready", flush=True)
    _, peer = heard(s, False)
    s.sendto(said(kind, name, "198.51.100.99" if kind == "tcp" else addr, 0x8200 if kind == "tcp" else 0x8000), group if peer[1] == 5353 else peer)
    if kind == "tcp":
        with listener.accept()[0] as t:
            unframed(t.makefile("rb"))
            t.sendall(framed(said(kind, name, addr)))
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

    def close(self):
        self.proc.stdin.close()
        self.proc.wait(40)


@unittest.skipIf(lab.why_not(), lab.why_not())
class NamesTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        # More than a packet holds: its name stands in each record.
        cls.net = lab.Lab(prefix="namestest", zone={LONG: {"A": MANY}}).start()
        cls.addClassCleanup(cls.net.close)
        cls.hosts = os.path.join(cls.net.dir, "daemon-hosts")
        with open(cls.hosts, "w", encoding="ascii") as f:
            f.write(f"127.0.0.1 localhost\n203.0.113.4 Files.Home files\n{MANY[5]} desk.home\n")
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
        p.do("lie", "good.test", "198.51.100.53", "letters")
        p.do("lie", "good.test", "198.51.100.53", "server")
        p.do("late", "other.test", "192.0.2.7", "198.51.100.53")
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
                                   f"--server={lab.DNS4}", f"--host-record=desk.home,{MANY[5]}", "--listen-address=127.0.0.1", "--bind-interfaces", "--user=root",
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
        # What stands in the hosts file the resolver has from there.
        one.do("ask", "127.0.0.1", "desk.home")
        self.check(one, MANY[5], "desk.home", "hosts", "exact")

    def test_07_an_ambiguous_name_gets_the_most_restrictive_rule(self):
        p = Program(self.net)
        p.do("ask", lab.DNS4, "blog.test")
        p.do("ask", lab.DNS4, "shop.test")
        # curl asked for nothing, and blog.test is denied.
        curl = self.net.popen(["curl", "-s", "-m", "300", "http://203.0.113.20/"])
        seen = self.events.wait_for("connection", lambda c: (c["process"] or {}).get("path", "").endswith("/curl")).data
        # Meanwhile the kernel sends its SYN again.
        with self.assertRaises(subprocess.TimeoutExpired):
            curl.communicate(timeout=2)
        curl.kill()
        self.assertEqual(curl.communicate()[0], "")
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

    def neighbour(self, *args):
        """Another machine that answers one question."""
        proc = subprocess.Popen(["nsenter", f"--net=/run/netns/{self.net.world}", "--", sys.executable, "-c", NEIGHBOUR, *args],
                                stdout=subprocess.PIPE, text=True)
        self.addCleanup(lambda: (proc.kill(), proc.wait(), proc.stdout.close()))
        self.assertEqual(proc.stdout.readline(), "ready\n")
        return proc

    def test_09_neighbours(self):
        addr = "198.51.100.53"
        for which in ("4", "6"):
            for kind, port, question, name, own in (("mdns", "5353", f"box{which}.local", f"box{which}.local", "5353"),
                                                    ("mdns", "5353", f"old{which}.local", f"old{which}.local", "0"),
                                                    ("browse", "5353", "_http._tcp.local", f"printer{which}.local", "5353"),
                                                    ("llmnr", "5355", f"scanner{which}", f"scanner{which}", "0"),
                                                    ("tcp", "5355", f"plotter{which}", f"plotter{which}", "0")):
                with self.subTest(which=which, kind=kind, own=own):
                    p = Program(self.net)
                    neighbour = self.neighbour(kind, which, name, addr)
                    self.assertEqual(p.do("asklink", port, which, question, own), "tcp" if kind == "tcp" else "udp")
                    self.assertEqual(neighbour.wait(40), 0)
                    self.check(p, addr, name, "mdns", "exact")
                    p.close()
        self.assertEqual(self.named("198.51.100.99"), [])  # cut short

    def test_12_a_program_of_this_machine_is_no_neighbour(self):
        p = Program(self.net)
        for kind, name in (("mdns", "bank.local"), ("llmnr", "bank.test")):
            p.do("askloopback", kind, name, "198.51.100.30")
            for which in ("4", "6"):
                p.do("askitself", kind, which, name, "198.51.100.30")
        dest = self.connect(p, "198.51.100.30")
        self.assertNotIn(dest["host"], ("bank.local", "bank.test"))
        self.assertFalse({"bank.local", "bank.test"} & set(self.named("198.51.100.30")))

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
