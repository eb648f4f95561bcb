#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Makes the corpus of real multicast exchanges: Debian's avahi-daemon (mDNS) and systemd-resolved (mDNS, LLMNR) answer, on a bridge.

    sudo make capture-multicast        or: sudo python3 tests/fuzz/capture_multicast.py [CORPUS [EXPECTATIONS]]

By hand only: the tests read what it wrote. Needs the packages avahi-daemon and systemd-resolved, or DNS_SERVERS=FOLDER with them unpacked,
as capture_dns.py says. Each answers in a network namespace of its own, with a host name of its own.

Files and expectations have the form of capture_dns.py's: the questions, then what was heard. The name says who answered and by which
protocol, and with "-asks-" who asked; otherwise this program did.
"""
import contextlib
import os
import random
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

import capture_dns
from capture_dns import A, AAAA, HERE, encode, framed

PTR, ANY = 12, 255
MDNS, LLMNR = 5353, 5355
GROUPS = {(MDNS, 4): "224.0.0.251", (MDNS, 6): "ff02::fb", (LLMNR, 4): "224.0.0.252", (LLMNR, 6): "ff02::1:3"}
US = "10.0.0.1"
BOXES = {name: (f"10.0.0.{n}", f"fd00::{n}", f"fe80::{n}") for n, name in enumerate(("avahi", "resolved", "asker"), 2)}
PRINTER = "192.0.2.10"
SERVICE = """<?xml version="1.0" standalone='no'?><!DOCTYPE service-group SYSTEM "avahi-service.dtd">
<service-group><name>Web on avahibox</name><service><type>_http._tcp</type><port>80</port><txt-record>path=/</txt-record></service></service-group>
"""

# title, box, port, names asked, type, what is meant, options
CASES = [
    *[(title, box, MDNS, names, qtype, meant, options) for box in ("avahi", "resolved") for title, names, qtype, meant, options in (
        ("a", ["{box}.local"], A, [0], {}),
        ("aaaa", ["{box}.local"], AAAA, [1] if box == "avahi" else [1, 2], {"family": 6}),
        ("unicast", ["{box}.local"], A, [0], {"qclass": 0x8001}),
        ("case", ["{BOX}.Local"], A, [0], {}),
        ("two", ["{box}.local", "absent.local"], A, [0], {}),
    )],
    # systemd-resolved 252 tells addresses over their own family alone, and has no ear for who asks from another port.
    ("any", "avahi", MDNS, ["avahibox.local"], ANY, [0, 1], {}),
    ("any", "resolved", MDNS, ["resolvedbox.local"], ANY, [0], {}),
    ("aaaa-over-ipv4", "avahi", MDNS, ["avahibox.local"], AAAA, [1], {}),
    ("legacy", "avahi", MDNS, ["avahibox.local"], A, [0], {"from": 0}),
    ("legacy-aaaa", "avahi", MDNS, ["avahibox.local"], AAAA, [1], {"from": 0}),
    ("more", "avahi", MDNS, ["avahibox.local", "printer.local"], A, None, {"hosts": [("avahibox.local", [0]), ("printer.local", [PRINTER])]}),
    ("printer", "avahi", MDNS, ["printer.local"], A, [PRINTER], {}),
    ("known", "avahi", MDNS, ["avahibox.local"], ANY, [1], {"known": True}),
    ("browse", "avahi", MDNS, ["_http._tcp.local"], PTR, None, {"hosts": [("avahibox.local", [0, 1])]}),
    *[(title, "resolved", LLMNR, names, qtype, meant, options) for title, names, qtype, meant, options in (
        ("a", ["{box}"], A, [0], {}),
        ("aaaa", ["{box}"], AAAA, [1, 2], {"family": 6}),
        ("any", ["{box}"], ANY, [0], {}),
        ("case", ["{BOX}"], A, [0], {}),
        ("tcp", ["{box}"], A, [0], {"tcp": True}),
        ("aaaa-tcp", ["{box}"], AAAA, [1, 2], {"tcp": True, "family": 6}),
    )],
]


def question(rng, port, names, qtype, options):
    known = b""
    if options.get("known"):
        known = encode(names[0]) + struct.pack("!HHIH", A, 1, 120, 4) + socket.inet_aton(BOXES["avahi"][0])
    ident = 0 if port == MDNS and "from" not in options else rng.randrange(65536)
    head = struct.pack("!6H", ident, 0, len(names), 1 if known else 0, 0, 0)
    return head + b"".join(encode(n) + struct.pack("!HH", qtype, options.get("qclass", 1)) for n in names) + known


class Wire:
    """What goes over the bridge: (source address, payload) of each datagram of mDNS and LLMNR."""

    def __init__(self, interface):
        self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
        self.sock.bind((interface, 0))

    @staticmethod
    def parse(ip):
        if ip[0] >> 4 == 4:
            at, proto, source = (ip[0] & 15) * 4, ip[9], socket.inet_ntop(socket.AF_INET, ip[12:16])
        else:
            at, proto, source = 40, ip[6], socket.inet_ntop(socket.AF_INET6, ip[8:24])
        if proto != 17 or not {MDNS, LLMNR} & set(struct.unpack("!HH", ip[at:at + 4])):
            return None
        return source, ip[at + 8:at + struct.unpack("!H", ip[at + 4:at + 6])[0]]

    def read(self, seconds):
        """The next datagram, or None when none comes."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if not select.select([self.sock], [], [], left)[0]:
                return None
            found = self.parse(self.sock.recv(65536))
            if found:
                return found
        return None

    def hear(self, first=3, more=0.6):
        """What is said until it is silent for a while."""
        heard = []
        while (found := self.read(more if heard else first)) is not None:
            if found not in heard:
                heard.append(found)
        return heard


class Box:
    """A machine on the bridge: its own network, host name and mounts."""

    def __init__(self, servers, name, program, setup):
        self.name = name
        script = f'hostname {name}box; echo ready; read go; {setup}; exec "$@"'
        self.proc = subprocess.Popen(["unshare", "--net", "--uts", "--mount", "--propagation", "private", "sh", "-ec", script, "sh", *program],
                                     env=servers.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if self.proc.stdout.readline() != "ready\n":
            raise SystemExit(f"capture_multicast.py: {name} does not start")
        ip = "ip link add {0}0 type veth peer name net0 netns {1}; ip link set {0}0 master br0 up"
        inside = "ip link set lo up; ip link set net0 addrgenmode none; ip link set net0 up; ip address add {2}/24 dev net0; ip address add {3}/64 dev net0 nodad; ip address add {4}/64 dev net0 nodad"
        subprocess.run(["sh", "-ec", ip.format(name, self.proc.pid)], check=True)
        self.inside(["sh", "-ec", inside.format(0, 0, *BOXES[name])])
        self.proc.stdin.write("go\n")
        self.proc.stdin.flush()

    def inside(self, argv):
        return subprocess.run(["nsenter", f"--target={self.proc.pid}", "--net", *argv], check=True)

    def stop(self):
        self.proc.send_signal(signal.SIGTERM)
        self.proc.wait(10)


def mount_users(servers, user, group):
    """The shell line that gives a machine its own users: root and this one."""
    name = user.split(":")[0]
    passwd, groups = servers.write(f"{name}/passwd", "root:x:0:0::/root:/bin/sh\n" + user), servers.write(f"{name}/group", "root:x:0:\n" + group)
    return f"mount --bind {passwd} /etc/passwd; mount --bind {groups} /etc/group"


def start_avahi(servers):
    servers.write("avahi-etc/services/web.service", SERVICE)
    servers.write("avahi-etc/hosts", f"{PRINTER} printer.local\n")
    users = mount_users(servers, "avahi:x:997:997::/:/usr/sbin/nologin\n", "avahi:x:997:\n")
    conf = servers.write("avahi-etc/avahi-daemon.conf", "[server]\nhost-name=avahibox\nenable-dbus=no\nuse-ipv4=yes\nuse-ipv6=yes\n[publish]\npublish-workstation=no\n")
    setup = f"mount -t tmpfs none /run; mkdir /run/avahi-daemon; mkdir -p /etc/avahi; mount --bind {servers.folder}/avahi-etc /etc/avahi; {users}"
    return Box(servers, "avahi", [servers.program("/usr/sbin/avahi-daemon"), "--no-drop-root", "--no-chroot", "--no-rlimits", "-f", conf], setup)


def start_resolved(servers, name):
    conf = servers.write(f"{name}/resolved.conf", "[Resolve]\nDNS=\nFallbackDNS=\nDNSSEC=no\nCache=no\nLLMNR=yes\nMulticastDNS=yes\n")
    users = mount_users(servers, "systemd-resolve:x:998:998::/:/usr/sbin/nologin\n", "systemd-resolve:x:998:\n")
    setup = ("mkdir -p /run/systemd /etc/systemd; mount -t tmpfs none /run/systemd; mkdir -p /run/systemd/resolve/netif;"
             # What "resolvectl mdns net0 yes" would leave behind: without it no link has mDNS.
             " printf 'MDNS=yes\\nLLMNR=yes\\n' >/run/systemd/resolve/netif/2; chown -R 998:998 /run/systemd/resolve;"
             f" mount --bind {os.path.dirname(conf)} /etc/systemd; {users}")
    return Box(servers, name, [servers.program("/lib/systemd/systemd-resolved")], setup)


def send(port, family, source_port, message):
    index = socket.if_nametoindex("br0")
    with socket.socket(socket.AF_INET6 if family == 6 else socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("::" if family == 6 else US, source_port))
        if family == 6:
            s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
            s.sendto(message, (GROUPS[port, 6], port, 0, index))
        else:
            s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(US))
            s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 255)
            s.sendto(message, (GROUPS[port, family], port))
        yield  # the socket stays until the answers were heard


def ask_tcp(box, family, port, message):
    """What the machine answers over TCP."""
    with socket.create_connection((BOXES[box][1 if family == 6 else 0], port), timeout=10) as s:
        s.sendall(framed(message))
        f = s.makefile("rb")
        return f.read(struct.unpack("!H", f.read(2))[0])


def is_response(message):
    return bool(message[2] & 0x80)


def capture(corpus, servers, boxes, wire, announced):
    rng = random.Random(2)
    lines = []

    def save(name, messages, facts=()):
        with open(f"{corpus}/{name}", "wb") as f:
            f.write(framed(*messages))
        for host, addresses in facts:
            lines.append(" ".join([name, host.lower(), *addresses]))

    def addresses(box, meant):
        return [BOXES[box][m] if isinstance(m, int) else m for m in meant]

    for title, box, port, names, qtype, meant, options in CASES:
        names = [n.replace("{box}", f"{box}box").replace("{BOX}", f"{box.upper()}Box") for n in names]
        message = question(rng, port, names, qtype, options)
        facts = [(h, addresses(box, m)) for h, m in options.get("hosts", [(names[0], meant)])]
        wire.hear(first=1.2, more=1.2)  # avahi does not say the same twice within a second
        if options.get("tcp"):
            heard = [ask_tcp(box, options.get("family", 4), port, message)]
        else:
            sending = send(port, options.get("family", 4), options.get("from", MDNS if port == MDNS else 0), message)
            next(sending)
            heard = [m for source, m in wire.hear() if is_response(m) and source not in (US,)]
            sending.close()
        protocol = "mdns" if port == MDNS else "llmnr"
        if not heard:
            raise SystemExit(f"capture_multicast.py: {box} does not answer {title} over {protocol}")
        save(f"{box}-{protocol}-{title}", [message, *heard], facts)

    # One machine's resolver asks another's: a new one, which has overheard nothing yet.
    boxes["asker"] = start_resolved(servers, "asker")
    wait_for(wire, "asker", MDNS, "askerbox.local")
    wire = Wire("asker0")
    ask = "import socket, sys; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(10); s.sendto(bytes.fromhex(sys.argv[1]), ('127.0.0.53', 53)); s.recv(4096)"
    for name, qtype, host, box, meant in (
            ("resolved-asks-avahi-mdns", A, "avahibox.local", "avahi", [0]), ("resolved-asks-avahi-mdns-aaaa", AAAA, "avahibox.local", "avahi", [1]),
            ("resolved-asks-resolved-mdns", A, "resolvedbox.local", "resolved", [0]),
            ("resolved-asks-resolved-llmnr", A, "resolvedbox", "resolved", [0]), ("resolved-asks-resolved-llmnr-aaaa", AAAA, "resolvedbox", "resolved", [1, 2])):
        wire.hear(first=1.2, more=1.2)
        plain = struct.pack("!6H", 7, 0x0100, 1, 0, 0, 0) + encode(host) + struct.pack("!HH", qtype, 1)
        boxes["asker"].inside([sys.executable, "-c", ask, plain.hex()])
        heard = [m for _, m in wire.hear()]
        if not any(is_response(m) for m in heard):
            raise SystemExit(f"capture_multicast.py: {name} is not heard")
        save(name, [m for m in heard if not is_response(m)] + [m for m in heard if is_response(m)], [(host, addresses(box, meant))])

    # What was said without a question, and what takes back what it says.
    save("avahi-mdns-announcement", announced)
    wire.hear(first=1.2, more=1.2)
    boxes["avahi"].stop()
    goodbye = [m for _, m in wire.hear() if is_response(m)]
    save("avahi-mdns-goodbye", [question(rng, MDNS, ["avahibox.local"], A, {}), *goodbye])
    return lines


def wait_for(wire, box, port, name):
    end = time.monotonic() + 30
    while time.monotonic() < end:
        sending = send(port, 4, MDNS if port == MDNS else 0, question(random.Random(0), port, [name], A, {}))
        next(sending)
        heard = [m for source, m in wire.hear(first=1) if source == BOXES[box][0] and is_response(m)]
        sending.close()
        if heard:
            return
    raise SystemExit(f"capture_multicast.py: {box} does not answer")


def main():
    corpus = sys.argv[1] if len(sys.argv) > 1 else f"{HERE}/corpus/dns_multicast"
    expectations = sys.argv[2] if len(sys.argv) > 2 else f"{HERE}/../unit/multicast_exchanges.txt"
    if os.environ.get("CAPTURE_DNS_INSIDE") != "yes":
        os.execvpe("unshare", ["unshare", "--net", sys.executable, *sys.argv], dict(os.environ, CAPTURE_DNS_INSIDE="yes"))
    for line in ("link set lo up", "link add br0 type bridge mcast_snooping 0", f"address add {US}/24 dev br0", "address add fd00::1/64 dev br0 nodad",
                 "link set br0 up"):
        subprocess.run(["ip", *line.split()], check=True)
    folder = tempfile.mkdtemp(prefix="capture-multicast-")
    os.chmod(folder, 0o755)
    servers, boxes = capture_dns.Servers(folder), {}
    try:
        wire = Wire("br0")
        boxes["avahi"] = start_avahi(servers)
        announced = [m for source, m in wire.hear(first=10, more=3) if is_response(m)]
        boxes["resolved"] = start_resolved(servers, "resolved")
        for box, port, name in (("avahi", MDNS, "avahibox.local"), ("resolved", MDNS, "resolvedbox.local"), ("resolved", LLMNR, "resolvedbox")):
            wait_for(wire, box, port, name)
        os.makedirs(corpus, exist_ok=True)
        lines = capture(corpus, servers, boxes, wire, announced)
        with open(expectations, "w", encoding="ascii") as f:
            f.write("".join(line + "\n" for line in lines))
    finally:
        for box in boxes.values():
            if box.proc.poll() is None:
                box.stop()
        shutil.rmtree(folder, ignore_errors=True)
        with contextlib.suppress(OSError):
            os.rmdir("/etc/avahi")  # unless the package is there


if __name__ == "__main__":
    main()
