# SPDX-License-Identifier: GPL-2.0-or-later
"""What other network namespaces and machines send through the guarded one: asked about by the same rules, told with who sent it."""
import json
import os
import shutil
import subprocess
import unittest

from engine_kit import (API4, NEWS4, PYTHON, TIME4, TIME6, WWW4, WWW6, EngineTest, Puppet, dest, packets, tap, wait_until)

import lab
from daemon import rule

ALL = rule("all", "allow", ("true", ""))
ON = {"queue_forwarded": True}

# One UDP datagram as a frame: no socket of that address, no look-up of a route. Addresses and ports are the sender's own words.
RAW = """
import socket, struct, sys
device, mac, source, dest, sport, dport = sys.argv[1:7]
def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff
body = struct.pack("!HHHH", int(sport), int(dport), 9, 0) + b"x"
head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(body), 1, 0, 64, 17, 0, socket.inet_aton(source), socket.inet_aton(dest))
head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind((device, 0))
own = s.getsockname()[4]
s.send(bytes.fromhex(mac.replace(":", "")) + own + b"\\x08\\x00" + head + body)
"""


def ip(*args):
    subprocess.run(["ip", *args], check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def mac_of(netns, device):
    shown = subprocess.run(["ip", "-n", netns, "-j", "link", "show", device], check=True, stdout=subprocess.PIPE, text=True).stdout
    return json.loads(shown)[0]["address"]


class Behind:
    """A network namespace with a veth pair to the guarded one; 10.204.N.0/24 and fd00:204:N::/64 are between them."""

    def __init__(self, net, n, bridge=None):
        self.net, self.n = net, n
        self.name = net.client.replace("-client", f"-behind{n}")
        self.outer = f"inner{n}"
        self.addr4, self.addr6 = f"10.204.{n}.2", f"fd00:204:{n}::2"
        self.programs = []
        ip("netns", "add", self.name)
        try:
            self.connect(bridge)
        except BaseException:
            self.close()
            raise

    def connect(self, bridge):
        ip("-n", self.name, "link", "set", "lo", "up")
        ip("-n", self.net.client, "link", "add", self.outer, "type", "veth", "peer", "name", "eth0", "netns", self.name)
        if bridge:
            ip("-n", self.net.client, "link", "set", self.outer, "master", bridge)
        here = bridge or self.outer
        for where, device, host in ((self.net.client, here, 1), (self.name, "eth0", 2)):
            ip("-n", where, "address", "add", f"10.204.{self.n}.{host}/24", "dev", device)
            ip("-n", where, "address", "add", f"fd00:204:{self.n}::{host}/64", "dev", device, "nodad")
        ip("-n", self.net.client, "link", "set", self.outer, "up")
        ip("-n", self.name, "link", "set", "eth0", "up")
        ip("-n", self.name, "route", "add", "default", "via", f"10.204.{self.n}.1")
        ip("-n", self.name, "-6", "route", "add", "default", "via", f"fd00:204:{self.n}::1")

    def mac(self):
        return mac_of(self.net.client, self.outer)

    def command(self, argv, user=None):
        prefix = ["nsenter", f"--net={lab.NETNS_DIR}/{self.name}"]
        return [*prefix, "--", *(["setpriv", f"--reuid={user}", f"--regid=nogroup", "--clear-groups"] if user else []), *argv]

    def popen(self, argv, user=None, **options):
        """As Lab.popen(): a program in this namespace."""
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **options}
        proc = subprocess.Popen(self.command(argv, user), cwd="/", preexec_fn=lab._die_with_parent, **options)
        self.programs.append(proc)
        return proc

    def run(self, argv, timeout=90):
        return subprocess.run(self.command(argv), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, timeout=timeout, check=False, cwd="/")

    def close(self):
        for proc in self.programs:
            if proc.poll() is None:
                proc.kill()
            proc.wait()
            for pipe in (proc.stdin, proc.stdout, proc.stderr):
                if pipe:
                    pipe.close()
        lab.remove_namespace(self.name)


class ForwardTest(EngineTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for path in ("ipv4/ip_forward", "ipv6/conf/all/forwarding"):
            done = cls.net.inside(["sh", "-c", f"echo 1 >/proc/sys/net/{path}"])
            if done.returncode:
                raise unittest.SkipTest(f"no forwarding here: {done.stderr}")
        ip("-n", cls.net.world, "route", "add", "10.204.0.0/16", "via", lab.CLIENT4)
        ip("-n", cls.net.world, "-6", "route", "add", "fd00:204::/32", "via", lab.CLIENT6)
        cls.behind = Behind(cls.net, 1)
        cls.addClassCleanup(cls.behind.close)

    def program(self, behind=None, user="nobody"):
        p = Puppet(behind or self.behind, user)
        self.addCleanup(p.close)
        return p

    def other(self, n, **options):
        b = Behind(self.net, n, **options)
        self.addCleanup(b.close)
        return b

    def forwarded(self, d, count):
        return wait_until(lambda: (lambda l: l if len(l) >= count else None)(
            [c for c in d.api.connections(limit=1000) if c["forwarded"]]), what=f"{count} forwarded connections in the history")


class OffTest(ForwardTest):
    def test_nothing_changes_by_default(self):
        d = self.start_daemon(config={"default_action": "deny"})
        rules = self.net.inside(["iptables-legacy-save"]).stdout if shutil.which("iptables-legacy-save") else ""
        self.assertNotIn("-A FORWARD", rules)
        program, own = self.program(), self.puppet()
        self.assertIsNone(program.call("tcp", WWW4, 80).error)
        self.assertIsNone(program.call("tcp", WWW6, 80).error)
        self.assertEqual(own.call("tcp", NEWS4, 80, timeout=0.2).error, "timeout")
        found = self.connections(d, 1)
        self.assertEqual({(c["dest"]["ip"], c["forwarded"], c["namespace"], c["iface"]["in"]) for c in found},
                         {(NEWS4, False, None, None)})

    def test_rules_come_and_go_with_the_config(self):
        """What stands after a crash with the setting on is gone after a start with it off."""
        d = self.start_daemon(config=dict(ON, default_action="reject", fail_closed=True), rules=[])
        program = self.program()
        self.assertEqual(program.call("tcp", WWW4, 80).error, "ECONNREFUSED")
        d.kill_engine()
        # Nobody has the queue, and the rules are closed.
        self.assertEqual(program.call("tcp", WWW4, 80, timeout=0.3).error, "timeout")
        d.write_config({"default_action": "reject"})
        d.start()
        self.assertIsNone(program.call("tcp", WWW4, 80).error)
        d.stop()
        d.write_config(dict(ON, default_action="reject", fail_closed=True))
        d.start()
        self.assertEqual(program.call("tcp", WWW4, 80).error, "ECONNREFUSED")
        d.stop()
        self.assertIsNone(program.call("tcp", WWW4, 80).error)


class WhoTest(ForwardTest):
    def test_the_program_behind_is_told(self):
        """Its PID and path, its user, its namespace and the interface; by all protocols."""
        d = self.start_daemon(config=ON, rules=[ALL])
        program = self.program()
        for _ in range(5):
            self.assertIsNone(program.call("tcp", WWW4, 80).error)
            self.assertIsNone(program.call("tcp", WWW6, 80).error)
            self.assertEqual(program.call("talk", TIME4).value, "x")
            self.assertEqual(program.call("talk", TIME6).value, "x")
        found = self.forwarded(d, 20)
        self.assertEqual({c["protocol"] for c in found}, {"tcp", "tcp6", "udp", "udp6"})
        for c in found:
            self.assertEqual((c["process"]["pid"], c["process"]["path"], c["process"]["user"]), (program.pid, PYTHON, "nobody"))
            self.assertEqual(c["attribution"], {"method": "ftrace", "confidence": "exact"})
            self.assertEqual((c["namespace"], c["iface"]), (self.behind.name, {"in": "inner1", "out": "eth0"}))
            self.assertIn(c["source"]["ip"], (self.behind.addr4, self.behind.addr6))
        # A scan of /proc had nothing to do with it.
        self.assertEqual(d.status()["counters"]["proc_scans"], 0)

    def test_programs_and_namespaces_are_told_apart(self):
        ip("-n", self.net.client, "link", "add", "br0", "type", "bridge")
        self.addCleanup(ip, "-n", self.net.client, "link", "del", "br0")
        ip("-n", self.net.client, "link", "set", "br0", "up")
        two, three = self.other(2, bridge="br0"), self.other(3, bridge="br0")
        d = self.start_daemon(config=ON, rules=[ALL])
        where = [b for b in (self.behind, two, three) for _ in range(2)]
        programs = [self.program(b) for b in where]
        places = {p.pid: b for p, b in zip(programs, where)}
        for turn in range(4):
            for p in programs:
                p.begin("tcp", (WWW4, WWW6)[turn % 2], 80)
            for p in programs:
                self.assertIsNone(p.result().error)
        found = self.forwarded(d, 24)
        self.assertEqual(sorted(c["process"]["pid"] for c in found), sorted(list(places) * 4))
        for c in found:
            at = places[c["process"]["pid"]]
            self.assertIn(c["source"]["ip"], (at.addr4, at.addr6))
            self.assertEqual(c["namespace"], at.name)
            self.assertEqual(c["attribution"]["confidence"], "exact")

    def test_a_program_of_its_own_root(self):
        """As in a container: the file that it runs, by the path of its own root, is no file of this machine."""
        root = os.path.join(self.net.dir, "root")
        os.mkdir(root)
        shared = [p for p in ("/usr", "/lib", "/lib64", "/bin") if os.path.isdir(p)]
        d = self.start_daemon(config=ON, rules=[ALL])
        script = (f"set -e; mount -t tmpfs none {root}; mkdir {root}/own {root}/old; cp {os.path.realpath('/bin/bash')} {root}/own/bash; "
                  + "".join(f"mkdir {root}{p}; mount --rbind {p} {root}{p}; " for p in shared)
                  + f"cd {root}; pivot_root . old; exec /own/bash -c 'echo $$; echo x >/dev/udp/{TIME4}/9000; read x'")
        proc = self.behind.popen(["unshare", "--mount", "--propagation", "private", "sh", "-c", script], stdin=subprocess.PIPE)
        pid = int(proc.stdout.readline())
        c = self.forwarded(d, 1)[0]
        self.assertEqual((c["process"]["pid"], c["process"]["path"]), (pid, "other-root:/own/bash"))
        self.assertIn("other_root", c["process"]["flags"])
        self.assertEqual(c["attribution"]["confidence"], "exact")

    def test_it_has_ended_when_its_packet_comes(self):
        """Found by its tuple alone where nobody saw its namespace, and told as no surer than that."""
        d = self.start_daemon(config=ON, rules=[ALL])
        pids = set()
        for n in range(20):
            # Each to a port of its own: from the same source port (they are random) it would be no new connection.
            done = self.behind.run(["bash", "-c", f"echo $$; echo x >/dev/udp/{TIME4}/{9100 + n}"])
            pids.add(int(done.stdout))
        found = self.forwarded(d, 20)
        self.assertEqual({c["process"] and c["process"]["pid"] for c in found}, pids)
        self.assertLessEqual({c["attribution"]["confidence"] for c in found}, {"exact", "scan"})
        self.assertEqual({c["process"]["path"] for c in found}, {os.path.realpath("/bin/bash")})
        self.assertEqual({c["namespace"] for c in found}, {self.behind.name})


class NobodyTest(ForwardTest):
    """Nobody is to be found: then the namespace is named, and nobody blamed."""

    def assert_nobody(self, c, namespace):
        self.assertEqual((c["process"], c["attribution"]["confidence"], c["namespace"]), (None, "unknown", namespace))

    def test_a_frame_that_no_socket_made(self):
        d = self.start_daemon(config=ON, rules=[ALL])
        done = self.behind.run([PYTHON, "-c", RAW, "eth0", self.behind.mac(), "10.204.1.99", TIME4, "4000", "9000"])
        self.assertEqual(done.returncode, 0, done.stderr)
        c = self.forwarded(d, 1)[0]
        self.assertEqual((c["source"]["ip"], c["source"]["port"], dest(c)), ("10.204.1.99", 4000, (TIME4, 9000)))
        self.assert_nobody(c, self.behind.name)

    def test_a_frame_from_one_of_several_behind_a_bridge(self):
        """The port that it came in by tells which."""
        ip("-n", self.net.client, "link", "add", "br0", "type", "bridge")
        self.addCleanup(ip, "-n", self.net.client, "link", "del", "br0")
        ip("-n", self.net.client, "link", "set", "br0", "up")
        two, three = self.other(2, bridge="br0"), self.other(3, bridge="br0")
        d = self.start_daemon(config=ON, rules=[ALL])
        bridge = mac_of(self.net.client, "br0")
        # Also with an address of the other's: that is nothing but words.
        for n, (sender, source) in enumerate(((two, two), (three, three), (three, two))):
            done = sender.run([PYTHON, "-c", RAW, "eth0", bridge, f"10.204.{source.n}.99", TIME4, str(4000 + n), "9000"])
            self.assertEqual(done.returncode, 0, done.stderr)
        found = {c["source"]["port"]: c for c in self.forwarded(d, 3)}
        for port, sender in ((4000, two), (4001, three), (4002, three)):
            self.assert_nobody(found[port], sender.name)

    def test_another_machine_with_the_tuple_of_a_program(self):
        """A program in some namespace sends from the same address and port to the same place, but not from behind that interface."""
        ip("-n", self.net.client, "link", "add", "wire0", "type", "veth", "peer", "name", "wire1")
        self.addCleanup(ip, "-n", self.net.client, "link", "del", "wire0")
        for device in ("wire0", "wire1"):
            ip("-n", self.net.client, "link", "set", device, "up")
        ip("-n", self.net.client, "address", "add", "10.204.9.1/24", "dev", "wire0")
        # The decoy is connected to nothing, with the address of the machine on the wire.
        decoy = self.net.client.replace("-client", "-behind8")
        ip("netns", "add", decoy)
        self.addCleanup(lab.remove_namespace, decoy)
        ip("-n", decoy, "link", "add", "eth0", "type", "veth", "peer", "name", "eth1")
        ip("-n", decoy, "address", "add", "10.204.9.2/24", "dev", "eth0")
        for device in ("eth0", "eth1"):
            ip("-n", decoy, "link", "set", device, "up")
        ip("-n", decoy, "route", "add", "default", "via", "10.204.9.1")
        d = self.start_daemon(config=ON, rules=[ALL])
        claim = ("import socket\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\ns.bind(('10.204.9.2', 4000))\n"
                 f"s.sendto(b'x', ('{TIME4}', 9000))\nprint('sent', flush=True)\ninput()\n")
        proc = subprocess.Popen(["nsenter", f"--net={lab.NETNS_DIR}/{decoy}", PYTHON, "-c", claim], stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, text=True)
        self.addCleanup(proc.communicate, "\n")
        self.assertEqual(proc.stdout.readline(), "sent\n")
        done = self.net.inside([PYTHON, "-c", RAW, "wire1", mac_of(self.net.client, "wire0"), "10.204.9.2", TIME4, "4000", "9000"])
        self.assertEqual(done.returncode, 0, done.stderr)
        c = self.forwarded(d, 1)[0]
        self.assertEqual((c["source"]["ip"], c["source"]["port"], c["iface"]["in"]), ("10.204.9.2", 4000, "wire0"))
        self.assert_nobody(c, None)


class RulesTest(ForwardTest):
    def test_they_decide_as_for_own_connections(self):
        rules = [rule("program", "reject", ("process.path", PYTHON), ("dest.ip", WWW4)), rule("interface", "reject", ("iface.in", "inner1"), ("dest.ip", API4)),
                 rule("source", "deny", ("source.ip", self.behind.addr4), ("dest.ip", NEWS4)), rule("z-all", "allow", ("true", ""))]
        d = self.start_daemon(config=ON, rules=rules)
        program, own = self.program(), self.puppet()
        for address, error in ((WWW4, "ECONNREFUSED"), (API4, "ECONNREFUSED"), (NEWS4, "timeout"), (WWW6, None)):
            self.assertEqual(program.call("tcp", address, 80, timeout=0.5 if error == "timeout" else 40).error, error, address)
        # Those of interface and source are about the other namespace only.
        self.assertIsNone(own.call("tcp", API4, 80).error)
        self.assertIsNone(own.call("tcp", NEWS4, 80).error)
        self.assertEqual({(c["dest"]["ip"], c["action"], c["rule"]) for c in self.forwarded(d, 4)},
                         {(WWW4, "reject", "program"), (API4, "reject", "interface"), (NEWS4, "deny", "source"), (WWW6, "allow", "z-all")})

    def test_a_prompt_about_it_is_answered(self):
        d = self.start_daemon(config=ON)
        events = self.watch(d)
        program = self.program()
        program.begin("tcp", WWW4, 80)
        prompt = events.wait_for("prompt.opened").data
        c = prompt["connection"]
        self.assertEqual((c["forwarded"], c["namespace"], c["process"]["pid"]), (True, self.behind.name, program.pid))
        self.answer(d, prompt, "allow")
        self.assertIsNone(program.result().error)
        # The datagrams of a flow that is allowed go on without the queue.
        program.begin("talk", TIME4)
        self.answer(d, events.wait_for("prompt.opened", skip=1).data, "allow")
        self.assertEqual(program.result().value, "x")
        before = packets(d, 2)
        program.call("send", "talk", *["x"] * 20)
        # Counters that know of a later connection know of all before it.
        program.begin("tcp", NEWS4, 80)
        self.answer(d, events.wait_for("prompt.opened", skip=2).data, "reject")
        self.assertEqual(program.result().error, "ECONNREFUSED")
        # It is looked at twice: as every first packet, then in the queue of those that are held.
        self.assertEqual(packets(d, 3), before + 2)

    def test_flushed_rules_come_back(self):
        d = self.start_daemon(config=dict(ON, default_action="reject"), rules=[])
        program = self.program()
        self.assertEqual(program.call("tcp", WWW4, 80).error, "ECONNREFUSED")
        if not shutil.which("iptables-legacy"):
            self.skipTest("no iptables-legacy to flush with")
        for table in ("mangle", "filter"):
            done = self.net.inside(["iptables-legacy", "-w", "-t", table, "-F", "FORWARD"])
            self.assertEqual(done.returncode, 0, done.stderr)
        wait_until(lambda: program.call("tcp", WWW4, 80).error == "ECONNREFUSED", what="the rules to be put back")


class NamesTest(ForwardTest):
    """Names from questions that others asked through us, and only theirs."""

    ASK = ("import socket, struct, sys\n"
           "q = struct.pack('!HHHHHH', 7, 0x100, 1, 0, 0, 0) + b''.join(bytes([len(l)]) + l.encode() for l in sys.argv[2].split('.'))\n"
           "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\ns.settimeout(40)\ns.connect((sys.argv[1], 53))\n"
           "s.send(q + b'\\0' + struct.pack('!HH', 1, 1))\ns.recv(4096)\n"
           "socket.create_connection((sys.argv[3], 80), timeout=40).close()\n")

    def test_a_name_asked_for_behind(self):
        d = self.start_daemon(config=ON, rules=[ALL])
        own = self.puppet()
        done = self.behind.run([PYTHON, "-c", self.ASK, lab.DNS4, "www.example.test", WWW4])
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIsNone(own.call("tcp", WWW4, 80).error)
        found = wait_until(lambda: (lambda l: l if len(l) == 2 else None)(d.api.connections(**{"dest.port": 80})), what="both")
        told = {c["forwarded"]: (c["dest"]["host"], c["dest"]["host_source"], c["dest"]["host_certainty"]) for c in found}
        # What a namespace makes a server say does not name the connections of this machine.
        self.assertEqual(told, {True: ("www.example.test", "dns", "exact"), False: (None, "none", "none")})


if __name__ == "__main__":
    tap.main()
