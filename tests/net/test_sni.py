# SPDX-License-Identifier: GPL-2.0-or-later
"""Names from the first words of a connection (read_sni): TLS over TCP, QUIC over UDP, and what is decided when."""
import os
import re
import signal
import struct
import subprocess
import time

import engine_kit  # noqa: F401
from engine_kit import DEADLINE, EngineTest, PYTHON, counter, packets
import lab
import tap
from daemon import ALLOW_DNS, rule

CORPUS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "fuzz", "corpus")
HELLO_S = 1.2  # longer than the engine waits for the rest of a greeting
SOON_S = 0.5  # less
TLS4, TLS6 = "198.51.100.12", "2001:db8:100::12"
SHARED4 = "203.0.113.20"

ALLOW_ALL = rule("000-allow-all", "allow", ("true", ""))

# TLS on port 443 of these addresses, a thread a connection: one that is stuck in its greeting must not stop the others.
SERVER = r"""
import socket, ssl, sys, threading
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1])
def serve(sock):
    try:
        with context.wrap_socket(sock, server_side=True) as s:
            s.recv(65536)
            s.sendall(b"HTTP/1.0 200 OK\r\n\r\nsecret hello\n")
    except OSError:
        sock.close()
def accept(listener):
    while True:
        threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
for address in sys.argv[2:]:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    threading.Thread(target=accept, args=(socket.create_server((address, 443), family=family),), daemon=True).start()
print("ready", flush=True)
sys.stdin.read()
"""

# A program inside: argv is HOST PORT TYPE, then pieces in hexadecimal; "." waits until its datagrams were echoed, "=" until a line
# comes on stdin; "~" keeps a silent connection alive each second; "!" tells how many seconds all so far took. Prints its port, then what
# came back.
PROGRAM = r"""
import os, socket, sys, time
had, host, port, kind, *pieces = sys.argv[1:]
began = time.monotonic()
while True:
    s = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
    s.settimeout(60)
    s.connect((host, int(port)))
    own = s.getsockname()[1]
    # A datagram from a port that another program had might be no new connection (see PORTS_HAD).
    if kind == "tcp" or os.pread(int(had), 1, own) == b"\0":
        break
    s.close()
if kind == "tcp":
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
else:
    os.pwrite(int(had), b"\1", own)
print(own, flush=True)
for p in pieces:
    if p == ".":
        print(len(s.recv(65536)), flush=True)
    elif p == "~":
        s.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 1)
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 1)
    elif p == "=":
        sys.stdin.readline()
    elif p == "!":
        print(time.monotonic() - began, flush=True)
    else:
        s.send(bytes.fromhex(p))
s.close()
"""

# A program that asks a resolver on loopback (itself) for argv[2], which has the address argv[1]; then it connects there, says
# argv[3] (in hexadecimal) and waits for an answer.
RESOLVED = r"""
import socket, struct, sys
address, name, words = sys.argv[1:]
resolver, asker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
resolver.bind(("127.0.0.1", 53))
asker.connect(("127.0.0.1", 53))
question = b"".join(bytes([len(l)]) + l.encode() for l in name.split(".")) + b"\0" + struct.pack("!HH", 1, 1)
asker.send(struct.pack("!6H", 7, 0x100, 1, 0, 0, 0) + question)
_, peer = resolver.recvfrom(512)
answer = struct.pack("!HHHIH", 0xc00c, 1, 1, 60, 4) + socket.inet_aton(address)
resolver.sendto(struct.pack("!6H", 7, 0x8180, 1, 1, 0, 0) + question + answer, peer)
asker.recv(512)
with socket.create_connection((address, 443), timeout=60) as s:
    print(s.getsockname()[1], flush=True)
    s.sendall(bytes.fromhex(words))
    s.recv(100)
"""


def words(kind, name):
    with open(f"{CORPUS}/{kind}/{name}", "rb") as f:
        return f.read()


def datagrams(name):
    data, out = words("quic_initial", name), []
    while data:
        size = struct.unpack("!H", data[:2])[0]
        out.append(data[2:2 + size])
        data = data[2 + size:]
    return out


class SniTest(EngineTest):
    @classmethod
    def setUpClass(cls):
        cls.net = lab.Lab(prefix="opensnitch-sni", http=(80, 8443), echo=(9000, 443)).start()
        cls.addClassCleanup(cls.net.close)
        pem = f"{cls.net.dir}/server.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", pem,
                        "-out", f"{pem}.cert", "-subj", "/CN=lab", "-days", "2"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with open(pem, "a", encoding="ascii") as key, open(f"{pem}.cert", encoding="ascii") as cert:
            key.write(cert.read())
        server = subprocess.Popen(["nsenter", f"--net=/run/netns/{cls.net.world}", "--", PYTHON, "-c", SERVER, pem, TLS4, TLS6, SHARED4],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        cls.addClassCleanup(server.wait)
        cls.addClassCleanup(server.stdout.close)
        cls.addClassCleanup(server.stdin.close)
        if server.stdout.readline() != "ready\n":
            raise AssertionError("the TLS server does not start")

    def setUp(self):
        super().setUp()
        self.decided = []

    def begin(self, *rules, others=ALLOW_ALL):
        d = self.start_daemon(config={"read_sni": True}, rules=[others, *rules])
        return d, self.watch(d, "connection", "prompt.opened")

    def https(self, name, address=TLS4, timeout="50"):
        where = f"[{address}]" if ":" in address else address
        return self.net.popen(["curl", "-sS", "-k", "-m", timeout, "--resolve", f"{name}:443:{where}", f"https://{name}/"], user="nobody")

    def program(self, host, port, kind, *pieces):
        p = self.net.popen([PYTHON, "-c", PROGRAM, str(lab.PORTS_HAD), host, str(port), kind, *[x if isinstance(x, str) else x.hex() for x in pieces]],
                           user="nobody", stdin=-1, pass_fds=(lab.PORTS_HAD,))
        self.addCleanup(lambda: (p.kill(), p.wait(), p.stdin.close(), p.stdout.close(), p.stderr.close()))
        return p, int(p.stdout.readline())

    def decision(self, events, port=None, host=None):
        # Each counts once: another program may get the port of one that ended.
        def fits(c):
            return (c["dest"]["port"] != 53 and (port is None or c["source"]["port"] == port) and (host is None or c["dest"]["host"] == host)
                    and not any(c is d for d in self.decided))
        self.decided.append(events.wait_for("connection", fits).data)
        return self.decided[-1]

    def whole(self, events, where, *pieces, then):
        """A program whose greeting goes out in pieces, one at once after the other, and how that was decided."""
        for _ in range(20):
            p, port = self.program(*where, *pieces, "!", *then)
            took = float(p.stdout.readline())
            decided = self.decision(events, port)
            if took < SOON_S:
                break  # else the machine stood still: what had come was judged, or the kernel sent no second piece before an answer (RFC 5681, 3.1)
        return p, decided

    def denied(self, events, name, address=TLS4):
        """How a greeting with this name was decided, to which no answer comes."""
        curl = self.https(name, address, timeout="300")
        decided = self.decision(events, host=name)
        # Meanwhile the kernel sends it again, several times.
        with self.assertRaises(subprocess.TimeoutExpired):
            curl.communicate(timeout=3)
        curl.kill()
        self.assertEqual(curl.communicate()[0], "")
        return decided

    def check(self, decided, host, source, certainty, action="allow"):
        dest = decided["dest"]
        self.assertEqual((dest["host"], dest["host_source"], dest["host_certainty"], decided["action"]), (host, source, certainty, action), decided)

    def test_01_tls_over_both_families(self):
        _, events = self.begin()
        for name, address in (("four.secret.test", TLS4), ("six.secret.test", TLS6)):
            self.assert_curl(self.https(name, address), "secret hello")
            decided = self.decision(events, host=name)
            self.check(decided, name, "sni", "exact")
            self.assertTrue(decided["process"]["path"].endswith("/curl"), decided)

    def test_02_two_hosts_of_one_address_get_their_own_rules(self):
        _, events = self.begin(rule("100-deny", "deny", ("dest.host", "bad.secret.test")),
                               rule("200-reject", "reject", ("dest.host", "refused.secret.test")))
        self.assert_curl(self.https("good.secret.test"), "secret hello")
        self.check(self.decision(events, host="good.secret.test"), "good.secret.test", "sni", "exact")
        self.check(self.denied(events, "bad.secret.test"), "bad.secret.test", "sni", "exact", "deny")
        refused = self.https("refused.secret.test")
        refused.communicate(timeout=DEADLINE)
        self.assertIn(refused.returncode, (35, 56))  # reset, long before its time is over
        self.check(self.decision(events, host="refused.secret.test"), "refused.secret.test", "sni", "exact", "reject")

    def test_03_a_person_is_asked_with_the_name(self):
        d, events = self.begin(others=ALLOW_DNS)
        for action, code in (("allow", 0), ("reject", 35)):
            with self.subTest(action=action):
                name = f"{action}.secret.test"
                curl = self.https(name)
                prompt = events.wait_for("prompt.opened", lambda p: p["connection"]["dest"]["host"] == name).data
                self.assertEqual(prompt["connection"]["dest"]["host_source"], "sni")
                self.answer(d, prompt, action)
                curl.communicate(timeout=DEADLINE)
                self.assertIn(curl.returncode, (code, 56 if code else 0))
                self.assertEqual(self.decision(events, host=name)["reason"], "answer")

    def test_04_what_is_blocked_by_any_name_does_not_begin(self):
        _, events = self.begin(rule("050-some", "allow", ("dest.host", "x.test")),
                               rule("100-port", "reject", ("dest.port", "8443")))
        done = self.net.run([PYTHON, "-c", PROGRAM, "-", lab.ZONE["www.example.test"]["A"][0], "8443", "tcp"])
        self.assertIn("ConnectionRefusedError", done.stderr)
        decided = events.wait_for("connection", lambda c: c["dest"]["port"] == 8443).data
        self.check(decided, None, "none", "none", "reject")
        self.assertEqual(self.net.arrived(kind="tcp", port=8443), [])

    def test_05_words_in_pieces(self):
        d, events = self.begin()
        hello = words("tls_hello", "openssl")
        # Every piece is a segment of its own, as each waits in the kernel until all are there.
        p, decided = self.whole(events, (TLS4, 443, "tcp"), hello[:3], hello[3:70], hello[70:], then=".")
        self.check(decided, "openssl.hello.test", "sni", "exact")
        self.assertGreater(int(p.stdout.readline()), 0)
        # One that does not go on is decided without.
        p, port = self.program(TLS4, 443, "tcp", hello[:50], "=")
        self.check(self.decision(events, port), None, "none", "none")
        d.close()
        # Decided: nothing more of it comes by.
        for _ in range(20):
            d, events = self.begin()
            p, port = self.program(lab.ZONE["www.example.test"]["A"][0], 8443, "tcp", hello, "!", *[b"x" * 1000] * 20)
            took = float(p.stdout.readline())
            self.assertEqual(p.wait(DEADLINE), 0)
            if took < SOON_S:
                break
            d.close()
        self.check(self.decision(events, port), "openssl.hello.test", "sni", "exact")
        # Counters that know of a later connection know of all before it.
        p, _ = self.program(TLS4, 9000, "udp", b"x", ".")
        self.assertGreater(int(p.stdout.readline()), 0)
        self.assertLess(packets(d, 2), 10)

    def test_06_no_tls(self):
        _, events = self.begin()
        www = lab.ZONE["www.example.test"]["A"][0]
        self.assert_curl(self.curl(f"http://{www}:8443/"), "hello from")
        self.check(events.wait_for("connection", lambda c: c["dest"]["port"] == 8443).data, None, "none", "none")
        # Who says nothing is told when it ends.
        p, port = self.program(www, 8443, "tcp")
        self.assertEqual(p.wait(DEADLINE), 0)
        self.check(self.decision(events, port), None, "none", "none")

    def test_07_quic(self):
        _, events = self.begin(rule("100-deny", "deny", ("dest.host", "localhost"), ("protocol", "udp")))
        one, two = datagrams("chromium")
        p, decided = self.whole(events, (TLS4, 443, "udp"), one, two, then="..")
        self.check(decided, "chromium.hello.test", "sni", "likely")
        self.assertCountEqual([int(p.stdout.readline()) for _ in range(2)], [len(one), len(two)])
        p, port = self.program(TLS6, 443, "udp", datagrams("rfc9001")[0], ".")
        self.check(self.decision(events, port), "example.com", "sni", "exact")
        self.assertEqual(int(p.stdout.readline()), 1200)
        # The half of a greeting, and none at all: decided without a name.
        for piece in (two, b"no QUIC"):
            p, port = self.program(TLS4, 443, "udp", piece, ".")
            self.check(self.decision(events, port), None, "none", "none")
            self.assertEqual(int(p.stdout.readline()), len(piece))
        # Half of a greeting and then another connection's: whose name it is cannot be known.
        p, port = self.program(TLS4, 443, "udp", one, datagrams("rfc9001")[0], ".", ".")
        self.check(self.decision(events, port), None, "none", "none")
        self.assertCountEqual([int(p.stdout.readline()) for _ in range(2)], [len(one), 1200])
        p, port = self.program(TLS4, 443, "udp", datagrams("ngtcp2")[0], "=")
        self.check(self.decision(events, port), "localhost", "sni", "exact", "deny")
        self.assertEqual(self.net.arrived(kind="udp", client_port=port), [])

    def test_08_an_own_question_to_dns_counts_more(self):
        _, events = self.begin()
        curl = self.net.popen(["curl", "-sS", "-k", "-m", "50", "https://api.weather.test/"], user="nobody")
        self.assert_curl(curl, "secret hello")
        self.check(self.decision(events, host="api.weather.test"), "api.weather.test", "dns", "exact")

    def test_09_another_name_than_dns_has_is_not_trusted(self):
        _, events = self.begin(rule("100-deny", "deny", ("dest.host", "blog.test")))
        self.net.run(["getent", "ahostsv4", "blog.test"])
        self.check(self.denied(events, "harmless.test", SHARED4), "harmless.test", "sni", "guess", "deny")

    def test_10_off_by_default(self):
        d = self.start_daemon(rules=[ALLOW_ALL])
        events = self.watch(d, "connection")
        self.assertFalse(d.api.get("/api/v1/config").json["restart"]["read_sni"])
        p, port = self.program(TLS4, 443, "tcp", words("tls_hello", "openssl"), ".")
        self.check(self.decision(events, port), None, "none", "none")
        self.assertGreater(int(p.stdout.readline()), 0)
        rules = self.net.inside(["iptables-legacy-save", "-t", "mangle"]).stdout
        # None of them for the queue of what is undecided, whose number is the next.
        self.assertEqual({n for n in re.findall(r"--queue-num (\d+)", rules)}, {str(d.queue)}, rules)
        self.assertEqual(rules.count("NFQUEUE"), 2, rules)

    def test_11_paused(self):
        d, events = self.begin(rule("100-deny", "deny", ("dest.host", "bad.secret.test")))
        hello = words("tls_hello", "openssl")
        p, port = self.program(TLS4, 443, "tcp", "=", hello, ".", hello)
        d.api.post("/api/v1/interception", {"enabled": False})
        d.api.get("/api/v1/names?address=192.0.2.1")  # answered by the engine, which takes one message after the other
        p.stdin.write("\n")
        p.stdin.flush()
        self.assertGreater(int(p.stdout.readline()), 0)
        self.assertEqual(self.decision(events, port)["reason"], "paused")

    def test_12_loopback_where_the_answers_are_sent_here_too(self):
        d, events = self.begin(rule("100-deny", "deny", ("dest.host", "bad.secret.test")))
        server = self.net.popen([PYTHON, "-c", SERVER, f"{self.net.dir}/server.pem", "127.0.0.1"], stdin=-1)
        self.addCleanup(lambda: (server.stdin.close(), server.wait(), server.stdout.close(), server.stderr.close()))
        self.assertEqual(server.stdout.readline(), "ready\n")
        self.assert_curl(self.https("here.secret.test", "127.0.0.1"), "secret hello")
        self.check(self.decision(events, host="here.secret.test"), "here.secret.test", "sni", "exact")
        self.check(self.denied(events, "bad.secret.test", "127.0.0.1"), "bad.secret.test", "sni", "exact", "deny")
        self.assertEqual({c["dest"]["port"] for c in self.connections(d, 2)}, {443})

    def test_13_a_flow_that_is_forgotten_is_still_undecided(self):
        d, events = self.begin(rule("100-deny", "deny", ("dest.host", "openssl.hello.test")))
        hello = words("tls_hello", "openssl")
        silent, port = self.program(TLS4, 443, "tcp", "~", "=", hello, ".")
        restarted, other_port = self.program(TLS4, 443, "tcp", "=", hello, ".")
        # It says nothing for long: told without a name, and judged by it later.
        self.check(self.decision(events, port), None, "none", "none")
        # What keeps it alive has its SYN's sequence number, and is no SYN sent again.
        seen = counter(d, "packets")
        lab.wait_until(lambda: counter(d, "packets") > seen, what="a keepalive")
        silent.stdin.write("\n")
        silent.stdin.flush()
        decided = self.decision(events, port, "openssl.hello.test")
        self.check(decided, "openssl.hello.test", "sni", "exact", "deny")
        self.assertEqual(decided["process"]["pid"], silent.pid)
        # Another daemon knows nothing of it.
        d.stop()
        d.start()
        events = self.watch(d, "connection")
        restarted.stdin.write("\n")
        restarted.stdin.flush()
        self.check(self.decision(events, other_port, "openssl.hello.test"), "openssl.hello.test", "sni", "exact", "deny")

    def test_14_a_name_of_the_hosts_file_is_not_enough(self):
        hosts = f"{self.net.dir}/hosts"
        with open(hosts, "w", encoding="ascii") as f:
            f.write(f"{TLS4} filed.secret.test\n")
        d = self.start_daemon(config={"read_sni": True}, rules=[ALLOW_ALL, rule("100-deny", "deny", ("dest.host", "bad.secret.test"))],
                              wrap=["unshare", "--mount", "--propagation", "private", "sh", "-c",
                                    f'mount --bind {hosts} /etc/hosts && exec "$@"', "sh"])
        events = self.watch(d, "connection")
        self.assert_curl(self.https("filed.secret.test"), "secret hello")
        self.check(self.decision(events, host="filed.secret.test"), "filed.secret.test", "sni", "exact")
        self.check(self.denied(events, "bad.secret.test"), "bad.secret.test", "sni", "guess", "deny")
        # Nor is it from a local resolver, which reads the file.
        done = self.net.run([PYTHON, "-c", RESOLVED, TLS4, "filed.secret.test", words("tls_hello", "openssl").hex()])
        self.assertEqual(done.returncode, 0, done)
        self.check(self.decision(events, int(done.stdout)), "openssl.hello.test", "sni", "guess")
        # Who says no name there has the file's.
        p, port = self.program(TLS4, 443, "tcp", b"no TLS", ".")
        self.check(self.decision(events, port), "filed.secret.test", "hosts", "likely")

    def test_15_what_was_sent_in_time_counts_however_late_it_is_read(self):
        d, events = self.begin()
        one, two = datagrams("chromium")
        p, port = self.program(TLS4, 443, "udp", one, "=", two, ".", ".")
        lab.wait_until(lambda: self.waiting() == 1, what="the first half in the queue")
        d.api.get("/api/v1/names?address=192.0.2.1")  # answered by the engine, which takes one message after the other
        os.kill(d.pid(), signal.SIGSTOP)
        p.stdin.write("\n")
        p.stdin.flush()
        lab.wait_until(lambda: self.waiting() == 2, what="the second half in the queue")
        late = time.monotonic() + HELLO_S
        lab.wait_until(lambda: time.monotonic() > late, what="the first half to be too old")
        os.kill(d.pid(), signal.SIGCONT)
        self.check(self.decision(events, port), "chromium.hello.test", "sni", "likely")
        self.assertCountEqual([int(p.stdout.readline()) for _ in range(2)], [len(one), len(two)])


if __name__ == "__main__":
    tap.main()
