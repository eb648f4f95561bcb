#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Makes the corpus of real DNS exchanges: Debian's knot, bind9, unbound, dnsmasq and systemd-resolved answer, in a network namespace.

    sudo make capture-dns        or: sudo python3 tests/fuzz/capture_dns.py [CORPUS [EXPECTATIONS]]

By hand only: the tests read what it wrote. Needs the packages knot, bind9, unbound, dnsmasq-base and systemd-resolved; none of their
services needs to run. With DNS_SERVERS=FOLDER the programs are taken from packages unpacked there (dpkg -x), so that nothing need be installed:
systemd-resolved as a package takes over the machine's resolv.conf.

knot and bind9 serve the zone below, unbound asks knot, and the other two ask unbound. A file of the corpus is one exchange, each message behind its
length in two bytes as over TCP: the questions, then the answers. The name says who answered, what, and with "-tcp" how. A line of the
expectations is FILE HOST ADDRESS...: what the zone says the answers mean; "~" before the host: cut short, at most these addresses.
"""
import os
import random
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
SERVERS = {"knot": "127.0.0.2", "bind": "127.0.0.3", "unbound": "127.0.0.4", "dnsmasq": "127.0.0.5", "resolved": "127.0.0.53"}
A, CNAME, TXT, AAAA, SVCB, HTTPS = 1, 5, 16, 28, 64, 65
LONG = ".".join(c * 60 for c in "abc")

MANY = [f"192.0.2.{n}" for n in range(100, 200)]

ZONE = f"""$ORIGIN corpus.test.
$TTL 300
@ SOA ns hostmaster 1 3600 600 86400 60
@ NS ns
@ MX 10 a
ns A 192.0.2.53
a A 192.0.2.1
six AAAA 2001:db8::6
three A 192.0.2.11
three A 192.0.2.12
three A 192.0.2.13
short 0 A 192.0.2.14
chain1 CNAME chain2
chain2 CNAME chain3
chain3 60 CNAME chain4.deep
chain4.deep CNAME chain5
chain5 A 192.0.2.21
chain5 AAAA 2001:db8::21
nowhere CNAME missing
cross CNAME www.other.test.
*.wild A 192.0.2.31
*.alias CNAME a
old DNAME new
a.new A 192.0.2.41
b.new CNAME three
svc HTTPS 1 . alpn=h2,h3 ipv4hint=192.0.2.51,192.0.2.52 ipv6hint=2001:db8::51
svcalias CNAME svc
_8443._https.svc HTTPS 1 svc alpn=h2 port=8443 ipv4hint=192.0.2.53
_dns.svc SVCB 1 dot.corpus.test. alpn=dot ipv4hint=192.0.2.54 ipv6hint=2001:db8::54
pointer HTTPS 0 svc
words TXT "no address here"
{LONG} A 192.0.2.61
_under.score A 192.0.2.62
""" + "".join(f"many A {a}\n" for a in MANY)

OTHER = """$ORIGIN other.test.
$TTL 120
@ SOA ns hostmaster 1 3600 600 86400 60
@ NS ns
ns A 192.0.2.53
www A 198.51.100.1
www AAAA 2001:db8:1::1
"""

# file, name, type, what is meant, options
CASES = [
    ("a", "a", A, ["192.0.2.1"], {}),
    ("a-plain", "a", A, ["192.0.2.1"], {"edns": 0}),
    ("a-dnssec", "a", A, ["192.0.2.1"], {"dnssec": True}),
    ("a-cookie", "a", A, ["192.0.2.1"], {"cookie": True}),
    ("case", "ThReE", A, ["192.0.2.11", "192.0.2.12", "192.0.2.13"], {}),
    ("aaaa", "six", AAAA, ["2001:db8::6"], {}),
    ("ttl-0", "short", A, ["192.0.2.14"], {}),
    ("chain", "chain1", A, ["192.0.2.21"], {}),
    ("chain-aaaa", "chain1", AAAA, ["2001:db8::21"], {}),
    ("chain-to-nothing", "nowhere", A, [], {}),
    # Servers that do not recurse leave the other zone to who asks.
    ("other-zone", "cross", A, ["198.51.100.1"], {"not_of": ("knot", "bind")}),
    ("wildcard", "x.y.wild", A, ["192.0.2.31"], {}),
    ("wildcard-alias", "x.alias", A, ["192.0.2.1"], {}),
    ("dname", "a.old", A, ["192.0.2.41"], {}),
    ("dname-cname", "b.old", A, ["192.0.2.11", "192.0.2.12", "192.0.2.13"], {}),
    ("https", "svc", HTTPS, ["192.0.2.51", "192.0.2.52", "2001:db8::51"], {}),
    ("https-cname", "svcalias", HTTPS, ["192.0.2.51", "192.0.2.52", "2001:db8::51"], {}),
    ("https-port", "_8443._https.svc", HTTPS, ["192.0.2.53"], {"host": "svc"}),
    ("https-alias", "pointer", HTTPS, [], {}),
    ("svcb", "_dns.svc", SVCB, ["192.0.2.54", "2001:db8::54"], {"host": "svc"}),
    ("txt", "words", TXT, [], {}),
    ("no-data", "a", AAAA, [], {}),
    ("no-name", "missing", A, [], {}),
    ("long-name", LONG, A, ["192.0.2.61"], {}),
    ("underscore", "_under.score", A, ["192.0.2.62"], {}),
    ("cut", "many", A, MANY, {"edns": 0, "cut": True}),
    ("many", "many", A, MANY, {"edns": 4096}),
]
# Several questions of one connection, sent before the first answer is read.
STREAMS = [
    ("one", ["a"]),
    ("many", ["many"]),
    ("several", ["a", "aaaa", "no-name", "chain", "https", "many", "dname-cname"]),
]


def encode(name):
    return b"".join(bytes([len(l)]) + l.encode() for l in name.rstrip(".").split(".")) + b"\0"


def query(rng, name, qtype, edns=1232, dnssec=False, cookie=False):
    head = struct.pack("!6H", rng.randrange(65536), 0x0100, 1, 0, 0, 1 if edns else 0)
    options = struct.pack("!HH", 10, 8) + bytes(rng.randrange(256) for _ in range(8)) if cookie else b""
    opt = b"\0" + struct.pack("!HHIH", 41, edns, 0x8000 if dnssec else 0, len(options)) + options if edns else b""
    return head + encode(f"{name}.corpus.test") + struct.pack("!HH", qtype, 1) + opt


def framed(*messages):
    return b"".join(struct.pack("!H", len(m)) + m for m in messages)


def over_udp(server, message):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(10)
        s.connect((server, 53))
        s.send(message)
        return s.recv(65535)


def over_tcp(server, messages):
    with socket.create_connection((server, 53), timeout=10) as s:
        s.sendall(framed(*messages))
        stream = s.makefile("rb")
        return [stream.read(struct.unpack("!H", stream.read(2))[0]) for _ in messages]


class Servers:
    """All five, in the namespace that we are in."""

    def __init__(self, folder):
        self.folder, self.procs = folder, []
        self.root = os.environ.get("DNS_SERVERS", "")
        self.env = dict(os.environ)
        if self.root:
            lib = f"{self.root}/usr/lib/{os.uname().machine}-linux-gnu"
            self.env["LD_LIBRARY_PATH"] = f"{lib}:{self.root}/lib/{os.uname().machine}-linux-gnu"

    def program(self, path):
        found = self.root + path
        if not os.path.exists(found):
            sys.exit(f"capture_dns.py: {found} is missing: see the packages at the top")
        return found

    def write(self, name, text):
        path = f"{self.folder}/{name}"
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="ascii") as f:
            f.write(text)
        return path

    def run(self, *argv):
        log = open(f"{self.folder}/log-{len(self.procs)}", "w", encoding="ascii")
        self.procs.append(subprocess.Popen(argv, env=self.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log))

    def start(self):
        zone, other = self.write("corpus.zone", ZONE), self.write("other.zone", OTHER)
        d = self.folder
        self.run(self.program("/usr/sbin/knotd"), "-c", self.write("knot.conf", f"""
server:
    rundir: "{d}/knot"
    listen: {SERVERS["knot"]}@53
database:
    storage: "{d}/knot"
zone:
  - domain: corpus.test
    file: "{zone}"
  - domain: other.test
    file: "{other}"
"""))
        os.makedirs(f"{d}/knot", exist_ok=True)
        os.makedirs(f"{d}/bind", exist_ok=True)
        self.run(self.program("/usr/sbin/named"), "-g", "-u", "root", "-c", self.write("named.conf", f"""
options {{ directory "{d}/bind"; pid-file none; session-keyfile "{d}/bind/key"; listen-on {{ {SERVERS["bind"]}; }}; listen-on-v6 {{ none; }};
    recursion no; dnssec-validation no; }};
controls {{ }};
zone "corpus.test" {{ type primary; file "{zone}"; check-names ignore; }};
zone "other.test" {{ type primary; file "{other}"; }};
"""))
        self.run(self.program("/usr/sbin/unbound"), "-d", "-c", self.write("unbound.conf", f"""
server:
    interface: {SERVERS["unbound"]}
    username: ""
    chroot: ""
    directory: "{d}"
    pidfile: ""
    use-syslog: no
    do-not-query-localhost: no
    module-config: "iterator"
    domain-insecure: "test"
    local-zone: "test." nodefault
forward-zone:
    name: "."
    forward-addr: {SERVERS["knot"]}
remote-control:
    control-enable: no
"""))
        self.run(self.program("/usr/sbin/dnsmasq"), "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--user=root",
                 f"--server={SERVERS['unbound']}", f"--listen-address={SERVERS['dnsmasq']}", "--bind-interfaces", f"--pid-file={d}/dnsmasq.pid")
        conf = self.write("etc/resolved.conf", f"[Resolve]\nDNS={SERVERS['unbound']}\nFallbackDNS=\nDomains=~.\nDNSSEC=no\nCache=no\nLLMNR=no\nMulticastDNS=no\n")
        passwd = self.write("etc/passwd", "root:x:0:0::/root:/bin/sh\nsystemd-resolve:x:998:998::/:/usr/sbin/nologin\n")
        group = self.write("etc/group", "root:x:0:\nsystemd-resolve:x:998:\n")
        self.run("unshare", "--mount", "--propagation", "private", "sh", "-ec",
                 "mkdir -p /run/systemd; mount -t tmpfs none /run/systemd; mkdir /run/systemd/resolve; chown 998:998 /run/systemd/resolve;"
                 f" mkdir -p /etc/systemd; mount --bind {os.path.dirname(conf)} /etc/systemd;"
                 f' mount --bind {passwd} /etc/passwd; mount --bind {group} /etc/group; exec "$0"',
                 self.program("/lib/systemd/systemd-resolved"))

    def wait(self):
        rng = random.Random(0)
        for name, server in SERVERS.items():
            end = time.monotonic() + 30
            while True:
                try:
                    if over_udp(server, query(rng, "a", A))[3] & 15 == 0:
                        break
                except OSError:
                    pass
                if time.monotonic() > end:
                    for n in range(len(self.procs)):
                        with open(f"{self.folder}/log-{n}", encoding="ascii", errors="replace") as f:
                            sys.stderr.write(f.read()[-2000:])
                    raise SystemExit(f"capture_dns.py: {name} does not answer")
                time.sleep(0.1)

    def stop(self):
        for p in self.procs:
            p.send_signal(signal.SIGTERM)
        for p in self.procs:
            try:
                p.wait(10)
            except subprocess.TimeoutExpired:
                p.kill()
                p.wait()


def capture(corpus):
    """All exchanges, written; the lines of the expectations."""
    rng = random.Random(1)
    by_name = {c[0]: c for c in CASES}
    lines = []

    def save(name, messages):
        with open(f"{corpus}/{name}", "wb") as f:
            f.write(framed(*messages))

    def expect(name, case, answer):
        _, asked, _, addresses, options = case
        if addresses and name.split("-")[0] not in options.get("not_of", ()):
            host = options.get("host", asked).lower() + ".corpus.test"
            lines.append(" ".join([name, ("~" if answer[2] & 2 else "") + host, *addresses]))

    for server, address in SERVERS.items():
        for case in CASES:
            title, asked, qtype, _, options = case
            message = query(rng, asked, qtype, **{k: v for k, v in options.items() if k not in ("host", "cut", "not_of")})
            answer = over_udp(address, message)
            if options.get("cut") and not answer[2] & 2:
                raise SystemExit(f"capture_dns.py: {server} did not cut its answer short")
            save(f"{server}-{title}", [message, answer])
            expect(f"{server}-{title}", case, answer)
        for title, names in STREAMS:
            cases = [by_name[n] for n in names]
            messages = [query(rng, c[1], c[2]) for c in cases]
            answers = over_tcp(address, messages)
            save(f"{server}-{title}-tcp", messages + answers)
            for c, answer in zip(cases, answers):
                expect(f"{server}-{title}-tcp", c, answer)
    return lines


def main():
    corpus = sys.argv[1] if len(sys.argv) > 1 else f"{HERE}/corpus/dns_stream"
    expectations = sys.argv[2] if len(sys.argv) > 2 else f"{HERE}/../unit/dns_exchanges.txt"
    if os.environ.get("CAPTURE_DNS_INSIDE") != "yes":
        os.execvpe("unshare", ["unshare", "--net", sys.executable, *sys.argv], dict(os.environ, CAPTURE_DNS_INSIDE="yes"))
    # named listens on addresses that an interface has; systemd-resolved asks only while there is a network.
    for line in (f"address add {SERVERS['bind']}/8 dev lo", "link set lo up", "link add net0 type veth peer name net1",
                 "address add 10.0.0.2/24 dev net0", "link set net1 up", "link set net0 up"):
        subprocess.run(["ip", *line.split()], check=True)
    folder = tempfile.mkdtemp(prefix="capture-dns-")
    os.chmod(folder, 0o755)
    servers = Servers(folder)
    try:
        servers.start()
        servers.wait()
        os.makedirs(corpus, exist_ok=True)
        lines = capture(corpus)
        with open(expectations, "w", encoding="ascii") as f:
            f.write("".join(line + "\n" for line in lines))
    finally:
        servers.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
