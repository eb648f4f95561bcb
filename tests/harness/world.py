# SPDX-License-Identifier: GPL-2.0-or-later
"""The small internet of the lab: one process that serves DNS, HTTP and UDP echo on all addresses of a namespace.

Reads one JSON line from stdin: {"zone": {...}, "dns": [addresses], "addresses": [addresses], "http": [ports], "echo": [ports]},
prints {"ready": true}, then one JSON line for whatever arrives ({"kind": "http"|"udp"|"dns", ...}), and ends
when stdin closes. The zone maps names to {"A": [...], "AAAA": [...]} or {"CNAME": "other.name"}; "ttl" is optional.
"""
import asyncio
import ipaddress
import json
import socket
import struct
import signal
import sys

TYPE_A, TYPE_CNAME, TYPE_AAAA = 1, 5, 28
TYPE_NAMES = {TYPE_A: "A", TYPE_AAAA: "AAAA"}
MAX_CHAIN = 16
HOSTS = b"# a list of hosts\n0.0.0.0 tracker.ads.test\n0.0.0.0 news.example.test\n"


def tell(**event):
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()


# ---- DNS


def read_question(packet):
    """The first question: (name, type, length of the question section), or None for what is not a plain query."""
    if len(packet) < 12 or packet[2] & 0xF8 or struct.unpack("!H", packet[4:6])[0] != 1:
        return None
    labels, at = [], 12
    while at < len(packet) and packet[at] != 0:
        length = packet[at]
        if length > 63 or at + 1 + length > len(packet):
            return None
        labels.append(packet[at + 1 : at + 1 + length].decode("latin-1"))
        at += 1 + length
    if at + 5 > len(packet):
        return None
    qtype = struct.unpack("!H", packet[at + 1 : at + 3])[0]
    return ".".join(labels), qtype, at + 5 - 12


def encode_name(name):
    out = b""
    for label in name.rstrip(".").split("."):
        raw = label.encode("latin-1")
        out += bytes([len(raw)]) + raw
    return out + b"\0"


def record(name, rtype, ttl, data):
    return encode_name(name) + struct.pack("!HHIH", rtype, 1, ttl, len(data)) + data


def resolve(zone, name, qtype):
    """(rcode, answer records) with the whole chain of CNAMEs."""
    answers, known = [], False
    for _ in range(MAX_CHAIN):
        entry = zone.get(name.lower())
        if entry is None:
            return (0 if known else 3), answers
        known = True
        ttl = entry.get("ttl", 60)
        if "CNAME" in entry:
            answers.append(record(name, TYPE_CNAME, ttl, encode_name(entry["CNAME"])))
            name = entry["CNAME"]
            continue
        for text in entry.get(TYPE_NAMES.get(qtype, ""), []):
            answers.append(record(name, qtype, ttl, ipaddress.ip_address(text).packed))
        return 0, answers
    return 2, []


def answer(zone, packet):
    question = read_question(packet)
    if question is None:
        return None, None, None
    name, qtype, length = question
    rcode, answers = resolve(zone, name, qtype)
    flags = 0x8580 | rcode
    head = packet[:2] + struct.pack("!HHHHH", flags, 1, len(answers), 0, 0)
    return head + packet[12 : 12 + length] + b"".join(answers), name, TYPE_NAMES.get(qtype, str(qtype))


class Dns(asyncio.DatagramProtocol):
    def __init__(self, zone):
        self.zone = zone
        self.transport = None

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        reply, name, qtype = answer(self.zone, data)
        if reply is not None:
            self.transport.sendto(reply, addr)
            tell(kind="dns", name=name, type=qtype, client=addr[0], client_port=addr[1])


async def serve_dns_over_tcp(zone, reader, writer):
    """RFC 7766; each answer goes in pieces of a few bytes, as a careful reader must bear."""
    peer = writer.get_extra_info("peername")
    writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        while True:
            length = struct.unpack("!H", await reader.readexactly(2))[0]
            reply, name, qtype = answer(zone, await reader.readexactly(length))
            if reply is None:
                break
            reply = struct.pack("!H", len(reply)) + reply
            for i in range(0, len(reply), 7):
                writer.write(reply[i : i + 7])
                await writer.drain()
            tell(kind="dns", name=name, type=qtype, client=plain(peer[0]), client_port=peer[1], tcp=True)
    except (asyncio.IncompleteReadError, OSError):
        pass
    writer.close()


# ---- UDP echo


class Echo(asyncio.DatagramProtocol):
    """Sends a datagram back, from the address that it came to."""

    def __init__(self, address, port):
        self.address, self.port = address, port
        self.transport = None

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        self.transport.sendto(data, addr)
        tell(
            kind="udp",
            address=self.address,
            port=self.port,
            client=addr[0],
            client_port=addr[1],
            data=data.decode("latin-1"),
        )


# ---- HTTP


def plain(address):
    """An IPv4 address that came in through a dual-stack socket, as IPv4."""
    return address[7:] if address.startswith("::ffff:") else address


async def serve_http(reader, writer):
    local, peer = writer.get_extra_info("sockname"), writer.get_extra_info("peername")
    event = {
        "address": plain(local[0]),
        "port": local[1],
        "client": plain(peer[0]),
        "client_port": peer[1],
    }
    tell(kind="tcp", **event)
    try:
        head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 120)).decode("latin-1")
        lines = head.split("\r\n")
        path = lines[0].split(" ")[1] if " " in lines[0] else "?"
        host = next((l[5:].strip() for l in lines if l.lower().startswith("host:")), "")
        body = f"hello from {host} path={path} address={event['address']} port={local[1]}\n".encode()
        if path == "/hosts.txt":
            body = HOSTS
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n"
            + f"Content-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        await writer.drain()
        tell(kind="http", host=host, path=path, **event)
    except (asyncio.TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError):
        pass
    writer.close()


# ---- all together


def bind_udp(address, port):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    sock.setblocking(False)
    sock.bind((address, port))
    return sock


async def serve(spec):
    loop = asyncio.get_running_loop()
    zone = {name.lower().rstrip("."): entry for name, entry in spec["zone"].items()}
    for address in spec["dns"]:
        sock = bind_udp(address, 53)
        await loop.create_datagram_endpoint(lambda: Dns(zone), sock=sock)
        await asyncio.start_server(lambda r, w: serve_dns_over_tcp(zone, r, w), address, 53)
    for address in spec["addresses"]:
        for port in spec["echo"]:
            sock = bind_udp(address, port)
            await loop.create_datagram_endpoint(lambda a=address, p=port: Echo(a, p), sock=sock)
    for port in spec["http"]:
        sock = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=512)
        await asyncio.start_server(serve_http, sock=sock)
    tell(ready=True)
    await loop.run_in_executor(None, sys.stdin.read)


def main():
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the lab, which then closes our stdin
    spec = json.loads(sys.stdin.readline())
    asyncio.run(serve(spec))


if __name__ == "__main__":
    main()
