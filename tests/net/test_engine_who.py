# SPDX-License-Identifier: GPL-2.0-or-later
"""Who is connecting and where to: attribution with the kernel's tracing and without, host names from DNS, one event a decision."""
import ctypes
import os
import platform
import pwd
import re
import shutil
import signal
import tempfile
import time
import unittest
from datetime import datetime

from engine_kit import (ALLOW_DNS, API4, NEWS4, PYTHON, TIME4, TIME6, WWW4, WWW6, EngineTest, counter, tap, wait_until)

from daemon import rule

ALL = rule("all", "allow", ("true", ""))
CLAIM_S = 5.5  # more than CLAIM_AGE_NS of daemon/attribution_find.c
# Since Linux 6.10, and where stores are seen in order (trace_ring.c).
CAN_MAP = platform.machine() in ("x86_64", "i686") and tuple(map(int, re.findall(r"\d+", platform.release())[:2])) >= (6, 10)
# tracefs is hidden from the daemon (and from nobody else) by an empty file system over it.
HIDE_TRACEFS = ("unshare", "--mount", "--propagation", "slave", "sh", "-c",
                "mount -t tmpfs none /sys/kernel/tracing && umount /sys/kernel/debug/tracing 2>/dev/null; exec \"$@\"", "sh")


class WhoTest(EngineTest):
    def four_ways(self, program):
        """One connection by each of TCP and UDP over IPv4 and IPv6."""
        self.assertIsNone(program.call("tcp", WWW4, 80).error)
        self.assertIsNone(program.call("tcp", WWW6, 80).error)
        self.assertEqual(program.call("talk", TIME4).value, "x")
        self.assertEqual(program.call("talk", TIME6).value, "x")

    def check_who(self, d, program, user, method, confidence):
        found = wait_until(lambda: (lambda l: l if len(l) == 4 else None)(
            [c for c in d.api.connections() if c["process"]["pid"] == program.pid]), what="four connections of the program")
        self.assertEqual({c["protocol"] for c in found}, {"tcp", "tcp6", "udp", "udp6"})
        for c in found:
            self.assertEqual((c["process"]["path"], c["process"]["user"]), (PYTHON, user))
            self.assertEqual(c["process"]["parents"][0]["pid"], os.getpid())
            self.assertEqual(c["attribution"], {"method": method, "confidence": confidence})

    def test_tracing_proves_every_connection(self):
        if not os.path.isdir("/sys/kernel/tracing/events"):
            self.skipTest("no tracefs on this machine")
        d = self.start_daemon(rules=[ALL])
        self.assertEqual(d.status()["attribution"]["method"], "ftrace")
        for user in ("nobody", None):
            program = self.puppet(user=user)
            self.four_ways(program)
            self.check_who(d, program, user or "root", "ftrace", "exact")
        # None of them took a look through all processes.
        self.assertEqual(counter(d, "proc_scans"), 0)

    def test_what_was_traced_counts_however_late_the_packet_is_read(self):
        if not os.path.isdir("/sys/kernel/tracing/events"):
            self.skipTest("no tracefs on this machine")
        d = self.start_daemon(rules=[ALL], args=["--no-bpf"])
        program = self.puppet()
        self.addCleanup(os.kill, d.pid(), signal.SIGCONT)
        for turn in range(8):
            lost = self.lost(d, turn)
            os.kill(d.pid(), signal.SIGSTOP)
            program.begin("talk", TIME4)
            wait_until(lambda: self.waiting() == 1, what="the packet in the queue")
            late = time.monotonic() + CLAIM_S
            wait_until(lambda: time.monotonic() > late, what="its claim to be old")
            os.kill(d.pid(), signal.SIGCONT)
            self.assertEqual(program.result().value, "x")
            c = self.connections(d, turn + 1)[0]
            if self.lost(d, turn + 1) == lost:
                self.assertEqual((c["process"]["pid"], c["attribution"]), (program.pid, {"method": "ftrace", "confidence": "exact"}))
                return
        self.skipTest("others on this machine do so much that events are lost")

    def lost(self, daemon, n_decisions):
        """How many events of the tracing were lost when so many connections had been decided: counters are all of one moment."""
        return wait_until(lambda: (lambda c: (c["trace_lost"],) if sum(c["decisions"].values()) == n_decisions else None)(
            daemon.status()["counters"]), what=f"{n_decisions} decisions in the counters")

    def waiting(self):
        """The packets that have no verdict yet (see nfnetlink_queue's seq_show())."""
        queues = self.net.inside(["cat", "/proc/net/netfilter/nfnetlink_queue"]).stdout
        return sum(int(line.split()[2]) for line in queues.splitlines())

    @unittest.skipIf(not CAN_MAP, "the ring buffers of this kernel cannot be mapped")
    def test_only_rings_with_data_are_read(self):
        """However many processors there are: for a packet only the ring of its sender's is read, if nobody else did anything."""
        if not os.path.isdir("/sys/kernel/tracing/events"):
            self.skipTest("no tracefs on this machine")
        d = self.start_daemon(rules=[ALL])
        program, n, seen = self.puppet(), 100, []

        def counted(least):
            """The counters of one moment, once that many packets are among them."""
            c = wait_until(lambda: (lambda c: c["packets"] >= least and c)(d.status()["counters"]), what="the counters")
            return [c[k] for k in ("packets", "trace_reads", "trace_empty_reads", "trace_events")]

        # A page of a ring that ends just where its last record does cannot be told from one that goes on elsewhere: then it is asked for.
        for turn in range(4):
            os.sched_setaffinity(program.pid, {sorted(os.sched_getaffinity(0))[turn % len(os.sched_getaffinity(0))]})
            before = counted(0)
            for _ in range(n):
                self.assertIsNone(program.call("tcp", WWW4, 80).error)
            packets, reads, empty, events = (after - was for after, was in zip(counted(before[0] + n), before))
            self.assertGreaterEqual(events, packets)
            self.assertGreater(reads - empty, 0)
            seen.append((packets, reads, empty))
            if empty <= packets / 4:
                return
        self.fail(f"rings without data were read (packets, reads, such that found nothing): {seen}")

    def test_a_flood_of_datagrams_is_left_out_of_the_tracing(self):
        """It would cost its sender, and everybody's events; who sends is known all the same, also to other places."""
        if not os.path.isdir("/sys/kernel/tracing/events"):
            self.skipTest("no tracefs on this machine")
        d = self.start_daemon(rules=[ALL])
        wait_until(lambda: d.status()["attribution"]["method"] == "ftrace", what="tracing")
        script = ("import socket, sys, threading\n"
                  "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\ns.bind(('0.0.0.0', 0))\n"
                  "print(s.getsockname()[1], threading.get_native_id(), flush=True)\n"
                  "import select\n"
                  f"while not select.select([sys.stdin], [], [], 0)[0]:\n    for _ in range(100): s.sendto(b'x', ('{TIME4}', 9000))\n"
                  f"s.sendto(b'x', ('{WWW4}', 9000))\n"
                  f"socket.create_connection(('{WWW4}', 80)).close()\n"
                  "import os\nchild = os.fork()\nif child == 0:\n"
                  f"    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('{TIME4}', 9001))\n    os._exit(0)\n"
                  "os.waitpid(child, 0)\nprint('sent', child, flush=True)\nsys.stdin.read()\n")
        proc = self.net.popen([PYTHON, "-c", script], user="nobody", stdin=-1)
        port, tid = map(int, proc.stdout.readline().split())
        routes = f"/sys/kernel/tracing/instances/{d.instance_names()[1]}"

        def read(name):
            with open(f"{routes}/{name}", encoding="ascii") as f:
                return f.read()

        def is_left_out():
            return str(tid) in read("set_event_notrace_pid").split() or \
                f"common_pid != {tid} || sport != {port} || dport != 9000" in read("events/fib/fib_table_lookup/filter")

        wait_until(is_left_out, what="the exception")
        proc.stdin.write("go\n")
        proc.stdin.flush()
        sent, child = proc.stdout.readline().split()
        self.assertEqual(sent, "sent")
        for address in (TIME4, WWW4):
            c = self.connections(d, 1, **{"dest.ip": address, "dest.port": 9000})[0]
            self.assertEqual((c["process"]["pid"], c["source"]["port"]), (proc.pid, port), address)
            self.assertIn(c["attribution"]["confidence"], ("exact", "scan"), address)
        # All else that it does is traced.
        for where, pid in ((80, proc.pid), (9001, int(child))):
            c = self.connections(d, 1, **{"dest.port": where})[0]
            self.assertEqual(c["process"]["pid"], pid, where)
            self.assertEqual(c["attribution"]["confidence"], "exact", where)
        # Its end is the end of that.
        proc.stdin.close()
        proc.wait()
        wait_until(lambda: not is_left_out(), what="the end of the exception")

    def test_without_tracefs_the_table_of_processes_decides(self):
        d = self.start_daemon(rules=[ALL], wrap=HIDE_TRACEFS, args=["--no-bpf"])
        got = d.status()["attribution"]
        self.assertEqual(got["method"], "proc")
        self.assertIn("tracefs", got["why"])
        self.assertIn("by /proc only", d.log())
        self.assertEqual(d.instances(), [])
        program = self.puppet()
        # A scan has bounded time, so on a busy machine it may find nothing; but what it finds is right, and says how.
        named = set()
        for turn in range(1, 201):
            self.four_ways(program)
            for c in self.connections(d, 4 * turn, limit=1000)[:4]:
                if c["attribution"]["method"] == "none":
                    self.assertEqual((c["attribution"]["confidence"], c["process"]), ("unknown", None))
                    continue
                self.assertEqual((c["process"]["pid"], c["process"]["path"]), (program.pid, PYTHON))
                self.assertEqual(c["attribution"], {"method": "proc", "confidence": "scan"})
                named.add(c["protocol"])
            if len(named) == 4:
                break
        self.assertEqual(named, {"tcp", "tcp6", "udp", "udp6"})
        wait_until(lambda: counter(d, "methods.proc") >= 4 and counter(d, "proc_scans") >= 4, what="the counters")

    def test_what_ebpf_sees_is_told(self):
        d = self.start_daemon()
        self.assertRegex(d.status()["attribution"]["why"], "; eBPF sees (senders, creators of sockets, executed files$|.* [(].+[)]$)")
        plain = self.start_daemon(args=["--no-bpf"])
        self.assertNotIn("eBPF", plain.status()["attribution"]["why"])

    def test_programs_are_told_apart(self):
        d = self.start_daemon(rules=[ALL])
        programs = [self.puppet() for _ in range(5)]
        for turn in range(4):
            for program in programs:
                program.begin("tcp", (WWW4, WWW6)[turn % 2], 80)
            for program in programs:
                self.assertIsNone(program.result().error)
        found = self.connections(d, 20)
        self.assertEqual(sorted(c["process"]["pid"] for c in found), sorted([p.pid for p in programs] * 4))
        self.assertEqual({c["attribution"]["confidence"] for c in found}, {"exact"})

    def test_a_program_that_is_gone_still_has_its_name(self):
        """It sends a datagram and ends at once, many times over."""
        d = self.start_daemon(rules=[ALL])
        n = 50
        # Each to a port of its own: where two sockets get the same random source port, the second datagram is no new connection.
        self.net.run(["bash", "-c", f"for i in $(seq {n}); do bash -c \"echo x >/dev/udp/{TIME4}/$((9000 + i))\"; done"])
        found = self.connections(d, n, limit=1000)
        bash = os.path.realpath("/bin/bash")
        self.assertEqual({c["process"]["path"] for c in found}, {bash})
        self.assertEqual(len({c["process"]["pid"] for c in found}), n)


_FORKS = """
import os, socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
child = os.fork()
if child == 0:
    s.sendto(b"x", (sys.argv[1], 9000))
    s.recv(1)
    os._exit(0)
print(child, flush=True)
os.waitpid(child, 0)
"""


# Shells in each other, and a last one that sends; it runs as it is told until its standard input ends.
_NEST = """
n=$1; shift
if [ "$n" -gt 0 ]; then sh "$0" $((n - 1)) "$@"; exit; fi
"$@"
"""
_AS_NOBODY = ("import os, socket, sys; os.seteuid(int(sys.argv[1])); socket.create_connection((sys.argv[2], 80), 20); "
              "print(os.getpid(), flush=True); sys.stdin.read()")


class LineageTest(EngineTest):
    """Where a program comes from: since when and as whom it and its ancestors run, and who made its socket."""

    def child(self):
        """A child that sends from a socket that its parent made: (its PID, its parent's)."""
        parent = self.net.popen([PYTHON, "-u", "-c", _FORKS, TIME4], user="nobody")
        self.addCleanup(lambda: (parent.stdout.close(), parent.stderr.close()))
        self.addCleanup(parent.wait)
        return int(parent.stdout.readline()), parent

    def check_started(self, told, pid):
        with open(f"/proc/{pid}/stat", encoding="utf-8") as f:
            ticks = int(f.read().rpartition(")")[2].split()[19])
        at = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) + ticks / os.sysconf("SC_CLK_TCK")
        self.assertAlmostEqual(datetime.fromisoformat(told.replace("Z", "+00:00")).timestamp(), at, delta=1)

    def test_a_program_that_deletes_its_file_is_told_whole(self):
        """In a mount namespace of its own, where a name that is gone proves nothing; whenever it was looked at first."""
        d = self.start_daemon(rules=[ALL])
        folder = tempfile.mkdtemp(prefix="opensnitch-program-")
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        os.chmod(folder, 0o755)
        for n, wait_s in enumerate((0, 0.1, 0.7)):
            program = f"{folder}/bash{n}"
            shutil.copy("/bin/bash", program)
            done = self.net.run([program, "-c", f"read -rt {wait_s + 0.01} <> <(:); rm $BASH; exec 3<>/dev/tcp/{WWW4}/80", "word"])
            self.assertEqual(done.returncode, 0, done.stderr)
            found = wait_until(lambda path=program: [c for c in d.api.connections() if c["process"]["path"].endswith(path)], what="its connection")[0]
            with self.subTest(wait_s=wait_s):
                self.assertEqual(found["process"]["args"][-1:], ["word"], found)
                self.assertTrue(found["process"]["started"], found)

    def test_every_ancestor_has_its_start_and_its_users(self):
        d = self.start_daemon(rules=[ALL])
        program = self.puppet(user="nobody")
        self.assertIsNone(program.call("tcp", WWW4, 80).error)
        told, = self.connections(d, 1)
        process = told["process"]
        nobody = pwd.getpwnam("nobody").pw_uid
        self.assertEqual((process["real_uid"], process["effective_uid"]), (nobody, nobody))
        self.check_started(process["started"], program.pid)
        self.assertIsNone(process["socket_creator"])
        chain = process["parents"]
        self.assertEqual(chain[0]["pid"], os.getpid())
        for p in chain:
            with self.subTest(p):
                with open(f"/proc/{p['pid']}/status", encoding="utf-8") as f:
                    real, effective = next(line for line in f if line.startswith("Uid:")).split()[1:3]
                self.assertEqual((p["real_uid"], p["effective_uid"]), (int(real), int(effective)))
                self.check_started(p["started"], p["pid"])
        # The history says the same.
        wait_until(lambda: d.api.get(f"/api/v1/connections/{told['id']}").json["process"] == process, what="the history")

    def ancestors(self, pid):
        """The PID of each up to PID 1."""
        chain = []
        while True:
            with open(f"/proc/{pid}/status", encoding="utf-8") as f:
                pid = int(next(line for line in f if line.startswith("PPid:")).split()[1])
            if pid == 0:
                return chain
            chain.append(pid)

    def test_a_deep_chain_is_known_to_its_end(self):
        d = self.start_daemon(rules=[ALL])
        script = f"{self.net.dir}/nest.sh"
        with open(script, "w", encoding="ascii") as f:
            f.write(_NEST)
        nobody = pwd.getpwnam("nobody").pw_uid
        argv = [PYTHON, "-c", _AS_NOBODY, str(nobody), WWW4]
        program = self.net.popen(["sh", script, "9", *argv], stdin=-1)
        self.addCleanup(lambda: (program.stdin.close(), program.wait(), program.stdout.close(), program.stderr.close()))
        pid = int(program.stdout.readline())
        process = self.connections(d, 1)[0]["process"]
        self.assertEqual((process["pid"], process["path"], process["args"]), (pid, PYTHON, argv))
        self.assertEqual((process["cwd"], process["real_uid"], process["effective_uid"]), (os.readlink(f"/proc/{pid}/cwd"), 0, nobody))
        chain = self.ancestors(pid)
        self.assertGreater(len(chain), 10)
        self.assertEqual([p["pid"] for p in process["parents"]], chain[:16])
        self.assertEqual([p["path"] for p in process["parents"][:10]], [os.path.realpath("/bin/sh")] * 10)

    def test_a_prompt_names_who_made_the_socket(self):
        d = self.start_daemon()
        events = self.watch(d)
        child, parent = self.child()
        prompt = events.wait_for("prompt.opened").data
        process = prompt["connection"]["process"]
        self.assertEqual(process["pid"], child)
        self.assertEqual((process["socket_creator"]["pid"], process["socket_creator"]["path"]), (parent.pid, PYTHON))
        self.answer(d, prompt, "allow")
        told, = self.connections(d, 1)
        self.assertEqual(told["process"]["socket_creator"], process["socket_creator"])

    def test_a_prompt_tells_of_a_tracer_that_came_later(self):
        d = self.start_daemon(rules=(ALLOW_DNS, rule("web", "allow", ("dest.port", "80"))))
        events = self.watch(d)
        program = self.puppet()
        self.assertIsNone(program.call("tcp", WWW4, 80).error)
        self.assertEqual(self.connections(d, 1)[0]["process"]["flags"], [])
        seize = 0x4206
        libc = ctypes.CDLL(None, use_errno=True)
        self.assertEqual(libc.ptrace(ctypes.c_long(seize), ctypes.c_long(program.pid), None, None), 0, os.strerror(ctypes.get_errno()))
        program.begin("udp", "u", TIME4)
        self.assertIsNone(program.result().error)
        program.call("send", "u", "x")
        prompt = events.wait_for("prompt.opened").data
        self.assertEqual(prompt["connection"]["process"]["flags"], ["traced"])
        self.answer(d, prompt, "allow")


class NamesTest(EngineTest):
    ZONE = {"deep0.test": {"CNAME": "deep1.test"}, "deep1.test": {"CNAME": "deep2.test"},
            "deep2.test": {"CNAME": "deep3.test"}, "deep3.test": {"A": ["203.0.113.77"]}}

    def fetch(self, d, url, *more):
        """The connection that curl made for a URL."""
        seen = len(d.api.connections(limit=1000, **{"dest.port": 80}))
        self.assert_curl(self.curl(*more, url), "hello from")
        return self.connections(d, seen + 1, limit=1000, **{"dest.port": 80})[0]

    def test_names_come_from_answers(self):
        d = self.start_daemon(rules=[ALL])
        c = self.fetch(d, "http://www.example.test/", "-4")
        self.assertEqual((c["dest"]["host"], c["dest"]["host_source"], c["dest"]["ip"]), ("www.example.test", "dns", WWW4))
        c = self.fetch(d, "http://www.example.test/", "-6")
        self.assertEqual((c["dest"]["host"], c["dest"]["ip"]), ("www.example.test", WWW6))
        c = self.fetch(d, "http://WWW.Example.TEST/", "-4")
        self.assertEqual(c["dest"]["host"], "www.example.test")
        wait_until(lambda: counter(d, "dns_answers") >= 3, what="answers to be counted")
        self.assertGreaterEqual(counter(d, "names_now"), 2)

    def test_the_name_asked_for_and_not_the_end_of_its_chain(self):
        d = self.start_daemon(rules=[ALL])
        for name in ("shop.test", "blog.test", "deep0.test"):
            self.assertEqual(self.fetch(d, f"http://{name}/", "-4")["dest"]["host"], name)

    def test_an_address_that_nobody_asked_for_has_no_name(self):
        d = self.start_daemon(rules=[ALL])
        self.assertIsNone(self.fetch(d, f"http://{NEWS4}/")["dest"]["host"])

    def test_answers_are_let_through_and_not_believed_when_the_config_says_so(self):
        d = self.start_daemon(config={"intercept_dns": False}, rules=[ALL])
        self.assertIsNone(self.fetch(d, "http://www.example.test/", "-4")["dest"]["host"])
        self.assertEqual(counter(d, "dns_answers"), 0)


class CountTest(EngineTest):
    def test_one_event_for_every_decision(self):
        rules = [rule("allow", "allow", ("dest.ip", WWW4)), rule("reject", "reject", ("dest.ip", NEWS4)),
                 rule("deny", "deny", ("dest.ip", API4))]
        d = self.start_daemon(config={"default_action": "reject"}, rules=rules)
        program = self.puppet()
        for _ in range(10):
            self.assertIsNone(program.call("tcp", WWW4, 80).error)
            self.assertEqual(program.call("tcp", NEWS4, 80).error, "ECONNREFUSED")
            self.assertEqual(program.call("tcp", TIME4, 80).error, "ECONNREFUSED")
        for _ in range(3):
            self.assertEqual(program.call("tcp", API4, 80, timeout=0.1).error, "timeout")
        found = self.connections(d, 33, limit=1000)
        self.assertEqual(len(found), 33)
        self.assertEqual(len({(c["dest"]["ip"], c["source"]["port"]) for c in found}), 33)
        by = {}
        for c in found:
            by[c["action"], c["reason"], c["rule"]] = by.get((c["action"], c["reason"], c["rule"]), 0) + 1
            self.assertGreater(c["latency_us"], 0)
        self.assertEqual(by, {("allow", "rule", "allow"): 10, ("reject", "rule", "reject"): 10,
                              ("deny", "rule", "deny"): 3, ("reject", "no_client", None): 10})
        wait_until(lambda: sum(d.status()["counters"]["decisions"].values()) == 33, what="the counters")
        status = d.status()
        counters = status["counters"]
        self.assertEqual(counters["decisions"], {"allow": 10, "deny": 3, "reject": 20})
        self.assertEqual({k: v for k, v in counters["reasons"].items() if v}, {"rule": 23, "no_client": 10})
        for name in ("queue_dropped", "queue_user_dropped", "verdict_lost", "verdict_errors", "events_lost", "malformed",
                     "ipc_refused", "overflow"):
            self.assertEqual(counters[name], 0, name)
        self.assertEqual(status["queue"]["received"], counters["packets"])

    def test_packets_without_ports(self):
        """ICMP and a protocol that nobody knows: decided like the others, and asked about by what they have."""
        raw = ("import socket, struct\n"
               "echo = struct.pack('!BBHHH', 8, 0, 0xf7fd, 1, 1)\n"
               "for proto, body in ((socket.IPPROTO_ICMP, echo), (253, b'12345678')):\n"
               f"    socket.socket(socket.AF_INET, socket.SOCK_RAW, proto).sendto(body, ('{WWW4}', 0))\n")
        d = self.start_daemon()
        events = self.watch(d)
        done = self.net.run([PYTHON, "-c", raw])
        self.assertEqual(done.returncode, 0, done.stderr)
        opened = [events.wait_for("prompt.opened", skip=n).data for n in range(2)]
        self.assertEqual([p["connection"]["protocol"] for p in opened], ["icmp", "253"])
        for prompt in opened:
            self.assertEqual(prompt["connection"]["dest"]["ip"], WWW4)
            self.answer(d, prompt, "deny")
        found = self.connections(d, 2)
        self.assertEqual({(c["protocol"], c["action"]) for c in found}, {("icmp", "deny"), ("253", "deny")})


class PauseTest(EngineTest):
    def test_pause_and_resume(self):
        d = self.start_daemon(config={"default_action": "reject"})
        events = self.watch(d)
        program = self.puppet()
        program.call("dial", WWW4, [80])
        prompt = events.wait_for("prompt.opened").data
        got = d.api.post("/api/v1/interception", {"enabled": False})
        self.assertEqual(got.status, 200, got)
        # What waited is let through, and what comes is not asked about.
        self.assertEqual(program.call("dialled", "c0").value, "connected")
        self.assertEqual(events.wait_for("prompt.closed").data["id"], prompt["id"])
        self.assertIsNone(program.call("tcp", NEWS4, 80).error)
        program.call("udp", "u", TIME4)
        program.call("send", "u", "x")
        self.assertEqual(program.call("receive", "u").value, "x")
        wait_until(lambda: not d.status()["interception"]["enabled"], what="the status to say so")
        found = self.connections(d, 3)
        self.assertEqual({(c["action"], c["reason"]) for c in found}, {("allow", "paused")})
        self.assertEqual(d.api.post("/api/v1/interception", {"enabled": True}).status, 200)
        wait_until(lambda: d.status()["interception"]["enabled"], what="the status to say so")
        program.begin("tcp", NEWS4, 80)
        self.answer(d, events.wait_for("prompt.opened", skip=1).data, "reject")
        self.assertEqual(program.result().error, "ECONNREFUSED")

    def test_a_pause_ends_by_itself_and_survives_a_console(self):
        d = self.start_daemon(config={"default_action": "reject"})
        program = self.puppet()
        for seconds in (3, 10, 30, 90):
            began = time.monotonic()
            got = d.api.post("/api/v1/interception", {"enabled": False, "for": f"{seconds}s"})
            self.assertEqual(got.status, 200, got)
            old = d.kill_console()
            error = program.call("tcp", WWW4, 80).error
            status = wait_until(lambda: self.status_or_none(d, old), what="a new console")["interception"]  # noqa: B023
            if time.monotonic() - began < seconds:
                break  # else the machine is so busy that the pause was over: once more, with a longer one
        self.assertIsNone(error)
        self.assertFalse(status["enabled"])
        self.assertTrue(status["until"])
        wait_until(lambda: d.status()["interception"]["enabled"], what="filtering to go on", deadline=seconds + 60)
        self.assertEqual(program.call("tcp", WWW4, 80).error, "ECONNREFUSED")

    def status_or_none(self, d, old):
        try:
            got = d.status()
            return got if got["console"]["pid"] != old and got["engine"]["rules_ok"] else None
        except (OSError, AssertionError):
            return None


if __name__ == "__main__":
    tap.main()
