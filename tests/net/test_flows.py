# SPDX-License-Identifier: GPL-2.0-or-later
"""Live flows: one record each, tied to its decision, with bytes both ways, closed or ended; and what is known of names."""
import contextlib
import os
import signal
import sys
import textwrap
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "harness"))

import lab
import tap
from client import Api
from daemon import ALLOW_DNS, Daemon, rule

WWW, TIME = "198.51.100.10", "198.51.100.40"

PROGRAM = textwrap.dedent("""
    import os, socket, sys, time
    kept = {}
    def family(addr):
        return socket.AF_INET6 if ":" in addr else socket.AF_INET
    def tcp(name, addr, port="80"):
        s = kept[name] = socket.create_connection((addr, int(port)), timeout=40)
        return s.getsockname()[1]
    def udp(name, addr, port="9000"):
        "From a port that no program had before (see PORTS_HAD)."
        had = int(sys.argv[1])
        while True:
            s = kept[name] = socket.socket(family(addr), socket.SOCK_DGRAM)
            s.settimeout(40)
            s.connect((addr, int(port)))
            own = s.getsockname()[1]
            if os.pread(had, 1, own) == b"\\0":
                break
            s.close()
        os.pwrite(had, b"\\1", own)
        return own
    def udp_echoed(name, addr):
        port = udp(name, addr)
        echo(name, 1, 10)
        return port
    def unconnected(name):
        s = kept[name] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.settimeout(40)
        s.bind(("", 0))
        return s.getsockname()[1]
    def sendto(name, addr, port="9000"):
        kept[name].sendto(b"x", (addr, int(port)))
        return len(kept[name].recv(99))
    def echo(name, times, size):
        for _ in range(int(times)):
            kept[name].send(b"x" * int(size))
            kept[name].recv(65536)
        return "ok"
    def get(name):
        kept[name].sendall(b"GET /x HTTP/1.1\\r\\nHost: a.test\\r\\n\\r\\n")
        n = 0
        while True:
            got = kept[name].recv(4096)
            if not got:
                return n
            n += len(got)
    def fate(name):
        try:
            return repr(kept[name].recv(10))
        except OSError as e:
            return e.__class__.__name__
    def close(name):
        kept.pop(name).close()
        return "ok"
    def flood(addr, first, n, seconds="0"):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        end = time.monotonic() + float(seconds)
        i = 0
        while i < int(n) or time.monotonic() < end:
            s.sendto(b"x", (addr, int(first) + i % int(n)))
            i += 1
        return i
    for line in sys.stdin:
        word, *args = line.split()
        print(globals()[word](*args), flush=True)
""")


class Program:
    def __init__(self, net):
        self.proc = net.popen([sys.executable, "-c", PROGRAM, str(lab.PORTS_HAD)], stdin=-1, stderr=None, pass_fds=(lab.PORTS_HAD,))

    def do(self, *words):
        self.proc.stdin.write(" ".join(str(w) for w in words) + "\n")
        self.proc.stdin.flush()
        line = self.proc.stdout.readline().strip()
        assert line, f"the program died at {words}"
        return line


@unittest.skipIf(lab.why_not(), lab.why_not())
class FlowsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.net = lab.Lab(prefix="flowstest").start()
        cls.addClassCleanup(cls.net.close)
        cls.daemon = Daemon(cls.net, rules=[ALLOW_DNS], start=False)
        cls.addClassCleanup(cls.daemon.close)
        # One that is older than the daemon.
        cls.old = Program(cls.net)
        cls.old_port = int(cls.old.do("tcp", "old", WWW))
        cls.daemon.start()
        cls.api = cls.daemon.api
        cls.events = cls.daemon.events("connection", "flow.updated", "flow.closed")
        cls.addClassCleanup(cls.events.close)

    def flows(self, **query):
        got = self.api.get("/api/v1/flows", query=query or None)
        self.assertEqual(got.status, 200, got)
        return got.json["items"]

    def flow(self, program, port):
        """The program's live flow from this local port, waiting for it. Another program may have had the same port to another place."""
        def found():
            return [f for f in self.flows() if f["connection"]["source"]["port"] == int(port)
                    and (f["connection"]["process"] or {}).get("pid") == self.pid_of(program)]
        return lab.wait_until(found, what=f"a flow from port {port}")[0]

    def closed(self, ident):
        return self.events.wait_for("flow.closed", lambda f: f["id"] == ident).data

    def test_01_before_the_start(self):
        flow = self.flow(self.old, self.old_port)
        self.assertTrue(flow["before_start"])
        self.assertNotIn("action", flow["connection"])
        self.assertEqual(flow["connection"]["process"]["pid"], self.pid_of(self.old))
        self.assertEqual(flow["connection"]["dest"]["ip"], WWW)

    def pid_of(self, program):
        """nsenter execs the program in its own place, or forks it when it enters a PID namespace (which ours does not)."""
        return program.proc.pid

    def test_02_tcp_from_begin_to_end(self):
        p = Program(self.net)
        port = p.do("tcp", "t", WWW)
        flow = self.flow(p, port)
        self.assertFalse(flow["before_start"])
        self.assertEqual(flow["connection"]["action"], "allow")
        self.assertEqual(flow["connection"]["process"]["pid"], self.pid_of(p))
        got = int(p.do("get", "t"))
        p.do("close", "t")
        end = self.closed(flow["id"])
        self.assertEqual(end["closed"]["why"], "closed")
        self.assertGreater(end["bytes_in"], got)
        self.assertLess(end["bytes_in"], got + 2000)
        self.assertGreater(end["bytes_out"], 30)
        self.assertGreaterEqual(end["packets_out"], 4)
        ident = end["connection"]["id"]
        row = lab.wait_until(lambda: self.api.get(f"/api/v1/connections/{ident}").json.get("traffic"),
                             what="the traffic in the history")
        self.assertEqual((row["bytes_in"], row["bytes_out"], row["packets_in"], row["packets_out"]),
                         (end["bytes_in"], end["bytes_out"], end["packets_in"], end["packets_out"]))
        self.assertEqual(row["ended"], end["closed"]["time"])
        self.assertEqual(self.api.get(f"/api/v1/flows/{flow['id']}").status, 404)

    def test_03_one_transfer_is_one_record(self):
        p = Program(self.net)
        port = int(p.do("udp", "u", TIME))
        p.do("echo", "u", 300, 1000)

        def is_it(c):
            # Another program may have had the same port to another place.
            return c["source"]["port"] == port and (c["process"] or {}).get("pid") == self.pid_of(p)
        # The last datagram may have been counted before its echo.
        seen = self.events.wait_for("flow.updated", lambda f: is_it(f["connection"]) and f["packets_out"] == 300 and f["packets_in"] >= 300).data
        self.assertEqual((seen["bytes_out"], seen["bytes_in"], seen["packets_in"]), (300 * 1028, 300 * 1028, 300))
        self.assertEqual(len(self.events.all("connection", is_it)), 1)
        self.assertEqual(len([f for f in self.flows() if is_it(f["connection"])]), 1)

    def test_04_delete_ends_tcp(self):
        p = Program(self.net)
        flow = self.flow(p, p.do("tcp", "t", WWW))
        got = self.api.delete(f"/api/v1/flows/{flow['id']}")
        self.assertEqual(got.status, 204, got)
        self.assertIn(p.do("fate", "t"), ("ConnectionAbortedError", "b''"))
        self.assertEqual(self.closed(flow["id"])["closed"]["why"], "ended")
        self.assertEqual(self.api.delete(f"/api/v1/flows/{flow['id']}").status, 404)
        self.assertEqual(self.api.delete("/api/v1/flows/1").status, 404)

    def test_05_delete_ends_udp(self):
        p = Program(self.net)
        port = p.do("udp", "u", "2001:db8:100::40")
        p.do("echo", "u", 1, 10)
        flow = self.flow(p, port)
        self.assertEqual(self.api.delete(f"/api/v1/flows/{flow['id']}").status, 204)
        self.assertEqual(p.do("fate", "u"), "ConnectionAbortedError")
        # A socket that is not connected lives on; its next datagram is a new connection, judged anew.
        port = int(p.do("unconnected", "w"))
        p.do("sendto", "w", TIME)
        flow = self.flow(p, port)
        self.assertEqual(self.api.delete(f"/api/v1/flows/{flow['id']}").status, 204)
        p.do("sendto", "w", TIME)
        self.events.wait_for("connection", lambda c: c["source"]["port"] == port, skip=1)

    def test_06_a_new_console_knows_the_flows(self):
        p = Program(self.net)
        port = p.do("tcp", "t", WWW)
        before = self.flow(p, port)
        self.assertTrue(self.api.connections(limit=1))  # writes what waits for the disk
        self.daemon.kill_console()

        def again():
            try:
                return [f for f in self.flows() if f["id"] == before["id"]]
            except OSError:
                return None
        after = lab.wait_until(again, what="the flow in the new console")[0]
        self.assertEqual(after["connection"]["id"], before["connection"]["id"])
        with self.daemon.events("flow.closed") as events:
            p.do("close", "t")
            end = events.wait_for("flow.closed", lambda f: f["id"] == before["id"]).data
        ident = end["connection"]["id"]
        lab.wait_until(lambda: self.api.get(f"/api/v1/connections/{ident}").json.get("traffic"),
                       what="the traffic in the history")

    def test_07_pages_and_filters(self):
        p = Program(self.net)
        ports = {int(p.do("tcp", f"t{i}", WWW)) for i in range(5)}
        lab.wait_until(lambda: ports <= {f["connection"]["source"]["port"] for f in self.flows()}, what="five flows")
        seen, cursor = [], None
        while True:
            got = self.api.get("/api/v1/flows", query={"limit": 2, **({"cursor": cursor} if cursor else {})}).json
            seen += [f["id"] for f in got["items"]]
            self.assertLessEqual(len(got["items"]), 2)
            cursor = got["next"]
            if not cursor:
                break
        self.assertEqual(seen, sorted(set(seen)))
        self.assertGreaterEqual(len(seen), 5)
        self.assertEqual(self.flows(**{"process.path": "/no/such"}), [])
        self.assertEqual(self.api.get("/api/v1/flows", query={"nonsense": 1}).status, 422)

    def test_08_names(self):
        self.net.run(["curl", "-s", "-4", "http://news.example.test/"])
        got = self.api.get("/api/v1/names", query={"address": "198.51.100.11"})
        self.assertEqual(got.status, 200, got)
        name = got.json["items"][0]
        self.assertEqual((name["name"], name["source"], name["server"], name["address"]),
                         ("news.example.test", "dns", lab.DNS4, "198.51.100.11"))
        self.assertEqual(len(name["asked_by"]), 1)
        self.assertLess(name["learned"], name["expires"])
        by_name = self.api.get("/api/v1/names", query={"name": "NEWS.example.test."}).json["items"]
        # Both its addresses, in the order that is asked for, page by page; of another server there is none.
        order = self.api.get("/api/v1/names", query={"name": "news.example.test", "sort": "-address"}).json["items"]
        self.assertEqual([n["address"] for n in order], sorted((n["address"] for n in by_name), reverse=True))
        page = self.api.get("/api/v1/names", query={"name": "news.example.test", "limit": "1"}).json
        if len(by_name) > 1:
            rest = self.api.get("/api/v1/names", query={"name": "news.example.test", "cursor": page["next"]}).json
            self.assertEqual(page["items"] + rest["items"], by_name)
        self.assertEqual(self.api.get("/api/v1/names", query={"name": "news.example.test", "server": "192.0.2.1"}).json["items"], [])
        self.assertIn("198.51.100.11", [n["address"] for n in by_name])
        self.assertEqual(self.api.get("/api/v1/names", query={"name": "nobody.test"}).json, {"items": [], "next": None})
        for query, field in (({}, "address"), ({"address": "x"}, "address"), ({"name": "a" * 300}, "name"),
                             ({"name": "a", "address": "::1"}, "name"), ({"what": "x"}, "what")):
            bad = self.api.get("/api/v1/names", query=query)
            self.assertEqual((bad.status, bad.json["errors"][0]["field"]), (422, field), bad)

    def test_09_a_rule_ends_what_it_denies(self):
        p = Program(self.net)
        events = self.daemon.events("flow.closed")
        self.addCleanup(events.close)

        def closed(f):
            return events.wait_for("flow.closed", lambda e: e["id"] == f["id"]).data["closed"]["why"]
        flow, other = self.flow(p, p.do("tcp", "t", WWW)), self.flow(p, p.do("udp_echoed", "u", TIME))
        deny = rule("100-deny-www", "deny", ("dest.ip", WWW))
        # The setting is off: a rule is for new connections.
        self.assertEqual(self.api.post("/api/v1/rules", deny).status, 201)
        self.assertIn(flow["id"], [f["id"] for f in self.flows()])
        self.assertEqual(self.api.patch("/api/v1/config", {"end_flows": True}).status, 200)
        self.assertEqual(closed(flow), "rule")
        self.assertIn(p.do("fate", "t"), ("ConnectionAbortedError", "b''"))
        # By a change of rules, and only what it is about.
        self.assertIn(other["id"], [f["id"] for f in self.flows()])
        self.assertEqual(self.api.post("/api/v1/rules", rule("101-reject-time", "reject", ("dest.ip", TIME))).status, 201)
        self.assertEqual(closed(other), "rule")
        for name in ("100-deny-www", "101-reject-time"):
            self.assertEqual(self.api.delete(f"/api/v1/rules/{name}").status, 204)
        again = self.flow(p, p.do("tcp", "again", WWW))
        self.assertEqual(self.api.patch("/api/v1/config", {"end_flows": False}).status, 200)
        self.assertIn(again["id"], [f["id"] for f in self.flows()])

    def test_10_counting_is_put_back(self):
        acct = "/proc/sys/net/netfilter/nf_conntrack_acct"
        self.assertEqual(self.net.inside(["cat", acct]).stdout.strip(), "1")
        self.daemon.stop()
        self.assertEqual(self.net.inside(["cat", acct]).stdout.strip(), "0")


@unittest.skipIf(lab.why_not(), lab.why_not())
class LostEvents(unittest.TestCase):
    """A console that is too slow misses that flows begin and end, and is told anew."""
    FLOOD = 2500  # each a message of more than 3 KiB, as the program's arguments are in it: more than the engine keeps

    def test_flows_are_told_anew(self):
        net = lab.Lab(prefix="flowslost").start()
        self.addCleanup(net.close)
        daemon = Daemon(net, rules=[ALLOW_DNS])
        self.addCleanup(daemon.close)
        # By the Unix socket: should the engine take the console for dead, the next one has another token.
        api = Api(unix=daemon.socket_path)
        program = Program(net)

        def ports():
            # A console that starts again has no socket for a moment.
            try:
                got = api.get("/api/v1/flows", query={"protocol": "tcp"})
            except OSError:
                return None
            return {f["connection"]["source"]["port"] for f in got.json["items"]} if got.status == 200 else None

        def wait_for(what, probe):
            lab.wait_until(lambda: (seen := ports()) is not None and probe(seen), what=what)
        ends, stays = (int(program.do("tcp", name, WWW)) for name in ("ends", "stays"))
        wait_for("two flows", lambda seen: {ends, stays} <= seen)
        console = daemon.console_pid()
        os.kill(console, signal.SIGSTOP)
        try:
            program.do("flood", TIME, 10000, self.FLOOD)
            program.do("close", "ends")
            begun = int(program.do("tcp", "begun", WWW))
            # Until the engine has seen that end, with no room to tell of it.
            program.do("flood", TIME, 30000, 1, 0.7)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(console, signal.SIGCONT)
        wait_for("the flow whose beginning was lost", lambda seen: begun in seen)
        wait_for("the end that was lost", lambda seen: ends not in seen)
        wait_for("the others", lambda seen: {stays, begun} <= seen)


if __name__ == "__main__":
    tap.main()
