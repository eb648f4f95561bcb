#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes the seeds of tests/fuzz/corpus: one well-formed input of every kind. What fuzzing finds is added beside them by hand.

    python3 tests/fuzz/make_corpus.py [FOLDER]

Formats of trace events are taken from this machine's tracefs, where it has one.
"""
import json
import os
import socket
import struct
import sys

HERE = os.path.dirname(os.path.abspath(__file__))


def ip4(proto, body, options=b"", frag=0):
    head = struct.pack("!BBHHHBBH", 0x45 + len(options) // 4, 0, 20 + len(options) + len(body), 1, frag, 64, proto, 0)
    return head + socket.inet_aton("10.0.0.5") + socket.inet_aton("93.184.216.34") + options + body


def ip6(next_header, body):
    return (struct.pack("!IHBB", 6 << 28, len(body), next_header, 64) + socket.inet_pton(socket.AF_INET6, "fd00::5")
            + socket.inet_pton(socket.AF_INET6, "2001:db8::1") + body)


TCP = struct.pack("!HHIIBBHHH", 50000, 443, 0x12345678, 0, 0xA0, 2, 64240, 0, 0) + b"\2\4\5\xb4" + bytes(16)
UDP = struct.pack("!HHHH", 50000, 53, 12, 0) + b"abcd"
SCTP = struct.pack("!HHII", 50000, 36412, 0, 0) + bytes(20)
ECHO = struct.pack("!BBHHH", 8, 0, 0, 77, 1) + b"ping"
ECHO6 = struct.pack("!BBHHH", 128, 0, 0, 77, 1) + b"ping"


def extension(next_header, size=8):
    return bytes([next_header, size // 8 - 1]) + bytes(size - 2)


def packets():
    yield "tcp4", ip4(6, TCP)
    yield "tcp4-options", ip4(6, TCP, options=bytes([1] * 8))
    yield "udp4", ip4(17, UDP)
    yield "udplite4", ip4(136, UDP)
    yield "sctp4", ip4(132, SCTP)
    yield "icmp4", ip4(1, ECHO)
    yield "fragment4", ip4(17, b"12345678", frag=185)
    yield "other4", ip4(47, b"12345678")
    yield "tcp6", ip6(6, TCP)
    yield "udp6", ip6(17, UDP)
    yield "icmp6", ip6(58, ECHO6)
    chain = extension(43) + extension(60, 16) + extension(51) + struct.pack("!BBHII", 44, 4, 0, 1, 2) + bytes(12)
    yield "extensions6", ip6(0, chain + struct.pack("!BBHI", 17, 0, 1, 9) + UDP)
    yield "fragment6", ip6(44, struct.pack("!BBHI", 6, 0, 185 << 3, 9) + b"12345678")
    yield "many6", ip6(60, extension(60) * 17 + UDP)
    yield "jumbo", struct.pack("!IHBB", 6 << 28, 0, 17, 64) + bytes(32) + UDP


def name(text):
    return b"".join(bytes([len(p)]) + p.encode() for p in text.split(".")) + b"\0"


def record(owner, rtype, data, ttl=300):
    return owner + struct.pack("!HHIH", rtype, 1, ttl, len(data)) + data


def dns(qname, qtype, *answers, flags=0x8180):
    return struct.pack("!6H", 0x1234, flags, 1, len(answers), 0, 0) + name(qname) + struct.pack("!HH", qtype, 1) + b"".join(answers)


AT = b"\xc0\x0c"  # a pointer to the question's name
A, AAAA = bytes([93, 184, 216, 34]), bytes.fromhex("20010db8000000000000000000000001")


def dns_answers():
    yield "a", dns("example.com", 1, record(AT, 1, A), record(AT, 1, bytes([1, 2, 3, 4])))
    yield "aaaa", dns("Example.COM", 28, record(AT, 28, AAAA))
    yield "cname", dns("www.shop.test", 1, record(AT, 5, name("edge.cdn.test")), record(name("edge.cdn.test"), 5, name("e7.cdn.test")),
                       record(name("e7.cdn.test"), 1, A))
    yield "dname", dns("a.old.test", 1, record(name("old.test"), 39, name("new.test")), record(name("a.new.test"), 1, A))
    hints = struct.pack("!H", 1) + b"\0" + struct.pack("!HH", 4, 4) + A + struct.pack("!HH", 6, 16) + AAAA
    yield "https", dns("example.com", 65, record(AT, 65, hints))
    yield "svcb", dns("_8443._https.example.com", 64, record(AT, 64, hints))
    yield "nothing", dns("none.test", 1, flags=0x8183)
    yield "loop", dns("a.test", 1, record(AT, 5, name("b.test")), record(name("b.test"), 5, name("a.test")))
    yield "query", dns("example.com", 1, flags=0x0100)
    yield "mdns", struct.pack("!6H", 0, 0x8400, 0, 2, 0, 1) + record(name("box.local"), 1, A, ttl=120) + record(
        name("box.local"), 28, AAAA, ttl=120) + record(name("nas.local"), 1, A, ttl=0)
    yield "mdns-browse", struct.pack("!6H", 0, 0x8400, 0, 1, 0, 2) + record(name("_http._tcp.local"), 12, b"\3web" + AT) + record(
        b"\xc0\x28", 33, struct.pack("!3H", 0, 0, 80) + b"\3box\xc0\x17") + record(b"\xc0\x40", 1, A, ttl=120)
    yield "odd-bytes", struct.pack("!6H", 1, 0x8180, 1, 1, 0, 0) + b"\4a.\\\xff\1\0\0" + struct.pack("!HH", 1, 1) + record(AT, 1, A)


def dns_names():
    head = bytes(12)
    yield "plain", head + name("www.example.com") + name("example.com") + name("example.org")
    yield "pointers", head + name("www.example.com") + b"\3ftp\xc0\x10" + b"\xc0\x1d" + b"\0"
    yield "longest", head + (b"\x3f" + b"a" * 63) * 3 + b"\x3d" + b"b" * 61 + b"\0"
    yield "self", head + b"\xc0\x0c"


IPC_SIZES = {1: 48, 2: 784, 3: 816, 4: 32, 5: 640, 6: 40, 7: 32, 8: 40, 32: 2248, 33: 16, 34: 24, 35: 24, 36: 40, 37: 16, 38: 16}


def ipc_messages():
    # An even first byte is twice the type, and makes the header fit; sizes are rounded up: what is more is the tail.
    for kind, size in IPC_SIZES.items():
        yield f"type-{kind}", bytes([2 * kind]) + bytes(size)
    settings = struct.pack("=IBBBBB7x", 30000, 0, 0, 0, 1, 3)
    yield "settings", bytes([2 * 34]) + bytes(8) + settings
    yield "config", bytes([2 * 32]) + bytes(8) + settings + bytes(240)
    yield "raw", bytes([1]) + struct.pack("=IHHiI", 16, 2, 33, 77, 0)
    yield "string", bytes([2 * 6]) + bytes(8) + struct.pack("=QII", 1, 1, 0) + struct.pack("=HHI", 32, 5, 0) + b"hello"


def attribute(kind, data, nested=False):
    raw = struct.pack("=HH", 4 + len(data), kind | (0x8000 if nested else 0)) + data
    return raw + bytes(-len(raw) % 4)


def queue_message(*attributes, kind=0x300, queue=7370):
    body = struct.pack("!BBH", 2, 0, queue) + b"".join(attributes)
    return struct.pack("=IHHII", 16 + len(body), kind, 0, 0, 0) + body


def queue_messages():
    head = attribute(1, struct.pack("!IHBx", 7, 0x800, 3))
    full = (head, attribute(3, struct.pack("!I", 1)), attribute(4, struct.pack("!I", 2)), attribute(5, struct.pack("!I", 2)),
            attribute(10, ip4(6, TCP)), attribute(11, attribute(8, struct.pack("!I", 1 << 28)), nested=True),
            attribute(12, struct.pack("!I", 2)), attribute(13, struct.pack("!I", 4000)), attribute(16, struct.pack("!I", 1000)))
    yield "full", queue_message(*full)
    yield "bare", queue_message(head)
    yield "no-id", queue_message(attribute(10, ip4(17, UDP)))
    yield "two", queue_message(*full) + queue_message(head, attribute(10, ip6(17, UDP)))
    yield "error", struct.pack("=IHHIIi", 36, 2, 0, 1, 1, -2) + bytes(16)


def trace_record(data, delta=1):
    words = -(-len(data) // 4)
    data = data + bytes(4 * words - len(data))
    if words <= 28:
        return struct.pack("=I", delta << 5 | words) + data
    return struct.pack("=II", delta << 5, 4 * words + 4) + data


def trace_pages():
    def page(*records, flags=0):
        data = b"".join(records)
        return struct.pack("=QQ", 1000, len(data) | flags) + data

    extend = struct.pack("=II", 5 << 5 | 30, 7)
    stamp = struct.pack("=II", 5 << 5 | 31, 7)
    yield "short", page(trace_record(b"x" * 20), trace_record(b"y" * 4))
    yield "long", page(trace_record(b"z" * 200))
    yield "extend", page(extend, trace_record(b"x" * 8), stamp, trace_record(b"y" * 8))
    yield "padding", page(trace_record(b"x" * 8), struct.pack("=II", 1 << 5 | 29, 12) + bytes(8), struct.pack("=I", 29))
    yield "missed", page(trace_record(b"x" * 8), flags=1 << 31)
    yield "missed-stored", page(trace_record(b"x" * 8), struct.pack("=Q", 3), flags=3 << 30)


def trace_formats():
    root = "/sys/kernel/tracing/events"
    for path in ("fib/fib_table_lookup/format", "fib6/fib6_table_lookup/format", "sock/inet_sock_set_state/format",
                 "task/task_newtask/format", "sched/sched_process_exec/format", "sched/sched_process_exit/format", "header_page"):
        try:
            with open(f"{root}/{path}", "rb") as f:
                yield path.replace("/format", "").split("/")[-1], f.read() + b"\0" + bytes(range(1, 129))
        except OSError:
            pass


def type_descriptions():
    """BTF: an integer; a pointer; a structure with an unnamed union and a bit field; a name for it; one that has it as a member."""
    names = b"\0int\0inner\0a\0b\0outer\0name\0flag\0"
    at = {n: names.index(b"\0" + n.encode() + b"\0") + 1 for n in ("int", "inner", "a", "b", "outer", "name", "flag")}

    def one(name, kind, n, size, *words, flag=0):
        return struct.pack(f"=III{len(words)}I", at.get(name, 0), kind << 24 | n | flag << 31, size, *words)

    types = (one("int", 1, 0, 4, 0x01000020), one("", 2, 0, 1), one("", 5, 2, 4, at["a"], 1, 0, at["b"], 1, 0),
             one("inner", 4, 2, 12, 0, 3, 32, at["flag"], 1, 3 << 24 | 64, flag=1), one("name", 8, 0, 4),
             one("outer", 4, 2, 20, at["a"], 2, 0, at["name"], 5, 64))

    def blob(types, strings=names, magic=0xeb9f):
        return struct.pack("=HBBIIIII", magic, 1, 0, 24, 0, len(types), len(types), len(strings)) + types + strings

    whole = b"".join(types)
    yield "whole", blob(whole)
    yield "cut", blob(whole[:-4])
    yield "kind", blob(whole + one("", 31, 0, 0))
    yield "order", blob(whole, magic=0x9feb)
    yield "no-end", blob(whole, names[:-1] + b"x")
    yield "itself", blob(one("name", 8, 0, 1) + one("outer", 4, 1, 4, 0, 2, 0))
    yield "array", blob(one("", 3, 0, 0, 1, 1, 4) + one("", 15, 1, 4, 1, 0, 4) + one("", 19, 1, 8, 0, 1, 2) + one("", 13, 2, 1, 0, 1, 0, 1)
                        + one("", 14, 0, 1, 0) + one("", 17, 0, 1, 0))


TYPES = {"simple": 0, "regexp": 1, "network": 2, "list": 3, "range": 4, "lists": 5}


def rulewire(*rules):
    """rules: (name, action, precedence, [(type, operand number, data, extra)]); more than one operator makes a list."""
    strings = b""
    out_rules, ops, children = b"", [], []

    def text(s):
        nonlocal strings
        raw = s.encode()
        strings += raw
        return [len(strings) - len(raw), len(raw)]

    roots = []
    for title, _, _, operators in rules:
        roots.append(len(ops))
        ops.append(operators[0] if len(operators) == 1 else ("list", 27, "", ""))
        children.append([] if len(operators) == 1 else operators)
    packed_ops = []
    first = len(ops)
    for kind, operators in zip(ops, children):
        packed_ops.append((kind, first if operators else 0, len(operators)))
        first += len(operators)
    for operators in children:
        packed_ops += [(o, 0, 0) for o in operators]
    n_ops = len(packed_ops)
    rules_off, ops_off = 56, 56 + 32 * len(rules)
    base = ops_off + 28 * n_ops

    def at(s):
        off, length = text(s)
        return struct.pack("=II", base + off if length else 0, length)

    for (title, action, precedence, _), root in zip(rules, roots):
        out_rules += at(title) + struct.pack("=QIBBBB", 0, root, action, precedence, 0, 0)
    out_ops = b""
    for (kind, operand, data, extra), first_child, n in packed_ops:
        out_ops += struct.pack("=BBBBII", TYPES[kind], operand, 0, 0, first_child, n) + at(data) + at(extra)
    total = base + len(strings)
    head = struct.pack("=IIQQIIIIII", 0x314E534F, 1, total, 1, len(rules), rules_off, n_ops, ops_off, base, len(strings))
    return head + out_rules + out_ops + strings


def rule_sets():
    yield "empty", rulewire()
    yield "one", rulewire(("a", 0, 0, [("simple", 0, "", "")]))
    yield "kinds", rulewire(
        ("a", 0, 0, [("simple", 2, "/usr/bin/curl", ""), ("regexp", 15, r"(^|\.)example\.com$", ""), ("range", 16, "1-1024", "")]),
        ("b", 1, 1, [("network", 17, "93.184.0.0/16", "")]),
        ("c", 2, 0, [("simple", 5, "x", "HOME"), ("simple", 18, "tcp", ""), ("simple", 9, "1000", "")]),
        ("d", 0, 0, [("regexp", 4, "curl.*(https?://[^ ]+)", "")]))
    yield "pattern", rulewire(("a", 0, 0, [("regexp", 15, "(?i)^(a|b)*[[:alpha:]]{2,5}\\x{e9}$", "")]))


RULE = {"created": "2026-11-23T18:00:00Z", "updated": "2026-11-23T18:00:00Z", "name": "000-allow-curl", "description": "", "enabled": True,
        "precedence": False, "nolog": False, "action": "allow", "duration": "always",
        "operator": {"type": "list", "operand": "list", "sensitive": False, "data": "", "list": [
            {"type": "simple", "operand": "process.path", "sensitive": False, "data": "/usr/bin/curl"},
            {"type": "regexp", "operand": "dest.host", "sensitive": False, "data": "(^|\\.)example\\.com$"}]}}


def rule_docs():
    def with_operator(**operator):
        return json.dumps(dict(RULE, operator=dict({"type": "simple", "sensitive": False, "list": []}, **operator))).encode()

    yield "list", json.dumps(RULE).encode()
    yield "least", b'{"name":"x","action":"deny","duration":"once","operator":{"type":"simple","operand":"true","data":""}}'
    yield "range", with_operator(type="range", operand="dest.port", data="1-1024")
    yield "network", with_operator(type="network", operand="dest.network", data="10.0.0.0/8")
    yield "env", with_operator(operand="process.env.HOME", data="/root")
    yield "hash", with_operator(operand="process.hash.md5", data="d41d8cd98f00b204e9800998ecf8427e")
    yield "lists", with_operator(type="lists", operand="lists.domains", data="/etc/lists")
    yield "text-list", json.dumps(dict(RULE, operator=dict(RULE["operator"], list=None, data=json.dumps(RULE["operator"]["list"])))).encode()
    yield "go-time", json.dumps(dict(RULE, created="2020-02-07T14:16:20.550255152+01:00", updated=1581081380)).encode()
    yield "unknown-fields", json.dumps(dict(RULE, x={"y": [1, None, "ü\u2028"]}, duration="30s")).encode()


def configs():
    yield "empty", b"{}"
    yield "all", json.dumps({"default_action": "deny", "default_duration": "30s", "prompt": {"timeout": "10s", "timeout_action": None},
                             "prompt_without_clients": True, "fail_closed": False, "history": {"max_age": "7d", "max_rows": 1000},
                             "listen": ["127.0.0.1:7373", "[::1]:7373"], "hosts": ["box.lan"], "tls": None,
                             "log": {"level": "info", "format": "text"}, "mark_bit": 28, "intercept_dns": True, "read_sni": True, "end_flows": True,
                             "firewall": "iptables", "export": ["syslog+tcp://siem.example:601", "json:///var/log/x"]}, indent=1).encode()
    yield "tls", b'{"listen": ["0.0.0.0:443"], "tls": {"certificate": "/etc/x.crt", "key": "/etc/x.key"}}'
    yield "tls-half", b'{"tls": {"key": "/etc/x.key"}, "prompt": null}'
    yield "bad", b'{\n "prompt": {\n  "timeout": "1000d"\n },\n "colour": 1,\n "listen": ["0.0.0.0:80", 7]\n}'
    yield "duplicate", b'{"mark_bit": 1, "mark_bit": 2}'


def exports():
    for url in ("syslog+tcp://siem.example:601", "syslog+tls://[2001:db8::1]:6514?ca=/c&cert=/d&key=/e", "syslog+udp://10.0.0.1:514",
                "syslog+unix:///dev/log", "json:///var/log/x.jsonl", "syslog+tls://h:1?ca=", "json:///a\\"):
        yield url.split(":")[0].replace("+", "-") + str(len(url)), url.encode()
    strings = (b"/usr/bin/curl", b"a\"b\\c]d", b"rule\n<1>1", b"\xff\xc3\xa4\x1b", b"/system.slice/a.service", b"", b"eth0", b"/bin/sh", b"curl\0-s\0")
    yield "decision", bytes([1, 1, 0, 6, 10, 0, 0, 5]) + b"".join(bytes([(len(s) + 3) // 4]) + s.ljust((len(s) + 3) // 4 * 4, b"]") for s in strings)
    yield "longest", bytes([0, 1, 0, 6, 10, 0, 0, 5]) + b"".join(bytes([255]) + b"\"\\]\xff" * 255 for _ in range(9))


def queries():
    yield "good", b"3132333435\n50\n-time\n7\n"
    yield "bad", b"3x\n0\nsize\n99999999999999999999\nyes"
    yield "empty", b"\n\n\n\n"
    yield "long", b"61" * 512 + b"\n1000\nname\n5000"


def fetches():
    """struct fetch_result and struct fetch_request of api/fetch.h, and URLs."""
    def result(end, etag=b"", modified=b"", message=b"", size=None):
        out = struct.pack("=QQI257s257s256s", 1, 5, end, etag, modified, message)
        return b"r" + (out + bytes(-len(out) % 8))[:size]

    yield "done", result(3, b'W/"one"', b"Mon, 23 Nov 2026 18:00:00 GMT")
    yield "unchanged", result(2)
    yield "failed", result(1, message=b"Could not resolve host: lists.example")
    yield "hostile", result(1, b"a\r\nX: y", b" \t x \r\n", b"\xff\x1b[2J" * 51)
    yield "no-end", result(1, b"x" * 257, b"x" * 257, b"\xe2\x82" * 128)
    yield "short", result(3, size=700)
    yield "no-result", result(4)
    yield "request", b"q" + struct.pack("=QQII2049s257s257s5x", 1, 1 << 26, 300000, 0, b"https://lists.example/", b'"x"', b"y" * 257)
    for title, url in (("https", b"https://lists.example:8443/a?b#c"), ("ipv6", b"http://[2001:db8::1]:80/"), ("file", b"file:///etc/x"),
                       ("user", b"http://u:p@h/"), ("port", b"http://h:99999/"), ("line", b"http://h/\r\nX: y")):
        yield "url-" + title, b"u" + url


TARGETS = {"packet": packets, "dns": dns_answers, "dns_name": dns_names, "ipc": ipc_messages, "queue_message": queue_messages,
           "trace_page": trace_pages, "trace_format": trace_formats, "btf": type_descriptions, "rulewire": rule_sets, "rule_doc": rule_docs, "config": configs,
           "query": queries, "fetch": fetches, "export": exports}


def main():
    top = sys.argv[1] if len(sys.argv) > 1 else os.path.join(HERE, "corpus")
    for target, seeds in TARGETS.items():
        os.makedirs(f"{top}/{target}", exist_ok=True)
        for title, data in seeds():
            with open(f"{top}/{target}/{title}", "wb") as f:
                f.write(data)


if __name__ == "__main__":
    main()
