# SPDX-License-Identifier: GPL-2.0-or-later
"""The engine's side of daemon/ipc.h, for tests of the console alone: starts it with its descriptors and speaks with it.

Not a stand-in for the engine in any test of the product: those run the real one. This is to say to the console what an
engine would rarely say, and to count what it answers.
"""
import array
import ctypes as C
import http.client
import json
import mmap
import os
import pwd
import select
import shutil
import signal
import socket
import struct
import tempfile
import time

BUILD = os.environ.get("TOP_BUILDDIR", ".")
CONSOLE = os.path.join(BUILD, "opensnitch-console")
CONSOLE_USER = os.environ.get("CONSOLE_USER", "opensnitch")
TOKEN = "5eed" * 16
DEADLINE = 60  # seconds for anything that must happen

HELLO, CONNECTION, PROMPT, PROMPT_CLOSED, STATUS, ALERT, RULESET_RESULT, ANSWER_RESULT = range(1, 9)
CONFIG, READY, SETTINGS, RULESET, ANSWER, CLIENTS, INTERCEPTION = range(32, 39)
ALLOW, DENY, REJECT = range(3)
ERR_GONE = -8


class Str(C.Structure):
    _fields_ = [("off", C.c_uint16), ("len", C.c_uint16)]


class Header(C.Structure):
    _fields_ = [("len", C.c_uint32), ("version", C.c_uint16), ("type", C.c_uint16)]


class Addr(C.Structure):
    _fields_ = [("family", C.c_uint8), ("bytes", C.c_uint8 * 16)]


class Flow(C.Structure):
    _fields_ = [("src", Addr), ("dst", Addr), ("src_port", C.c_uint16), ("dst_port", C.c_uint16),
                ("proto", C.c_uint8), ("pad", C.c_uint8 * 3)]


class Parent(C.Structure):
    _fields_ = [("pid", C.c_int32), ("path", Str)]


class Process(C.Structure):
    _fields_ = [("pid", C.c_int32), ("uid", C.c_uint32), ("start_time", C.c_uint64), ("flags", C.c_uint32),
                ("n_parents", C.c_uint32), ("path", Str), ("args", Str), ("cwd", Str), ("user", Str),
                ("cgroup", Str), ("container", Str), ("script", Str), ("parents", Parent * 8)]


class ConnectionMsg(C.Structure):
    _fields_ = [("header", Header), ("time_us", C.c_uint64), ("flow", Flow), ("latency_us", C.c_uint32),
                ("action", C.c_uint8), ("reason", C.c_uint8), ("method", C.c_uint8), ("confidence", C.c_uint8),
                ("host_source", C.c_uint8), ("nolog", C.c_uint8), ("host_certainty", C.c_uint8),
                ("is_forwarded", C.c_uint8), ("flow_id", C.c_uint64), ("held_packets", C.c_uint32),
                ("iface_in", C.c_char * 16), ("iface_out", C.c_char * 16), ("host", Str), ("rule", Str), ("netns", Str),
                ("process", Process)]


class PromptMsg(C.Structure):
    _fields_ = [("connection", ConnectionMsg), ("id", C.c_uint64), ("opened_us", C.c_uint64),
                ("deadline_us", C.c_uint64), ("held", C.c_uint32), ("pad", C.c_uint32)]


class PromptClosedMsg(C.Structure):
    _fields_ = [("header", Header), ("id", C.c_uint64), ("end", C.c_uint8), ("action", C.c_uint8),
                ("pad", C.c_uint8 * 2), ("released", C.c_uint32)]


class HelloMsg(C.Structure):
    _fields_ = [("header", Header), ("instance", C.c_uint64), ("started_us", C.c_uint64),
                ("engine_pid", C.c_int32), ("console_starts", C.c_uint32),
                ("prompts_from", C.c_uint64), ("prompts_to", C.c_uint64)]


class Counters(C.Structure):
    _fields_ = [("packets", C.c_uint64), ("decisions", C.c_uint64 * 3), ("reasons", C.c_uint64 * 8),
                ("methods", C.c_uint64 * 4), ("confidences", C.c_uint64 * 4), ("rest", C.c_uint64 * 20),
                ("now", C.c_uint32 * 4)]


class StatusMsg(C.Structure):
    _fields_ = [("header", Header), ("counters", Counters), ("ruleset_generation", C.c_uint64),
                ("paused_until_us", C.c_uint64), ("engine_rss_kib", C.c_uint64), ("enabled", C.c_uint8),
                ("method", C.c_uint8), ("fail_closed", C.c_uint8), ("rules_ok", C.c_uint8),
                ("queue_num", C.c_uint32), ("console_starts", C.c_uint32), ("method_why", Str), ("netns", Str)]


class AlertMsg(C.Structure):
    _fields_ = [("header", Header), ("time_us", C.c_uint64), ("code", C.c_uint32), ("pad", C.c_uint32),
                ("text", Str)]


class AnswerResultMsg(C.Structure):
    _fields_ = [("header", Header), ("request", C.c_uint64), ("prompt_id", C.c_uint64), ("error", C.c_int32),
                ("released", C.c_uint32)]


class SettingsMsg(C.Structure):
    _fields_ = [("header", Header), ("prompt_timeout_ms", C.c_uint32), ("default_action", C.c_uint8),
                ("prompt_timeout_action", C.c_uint8), ("prompt_without_clients", C.c_uint8),
                ("intercept_dns", C.c_uint8), ("log_level", C.c_uint8),
                ("end_flows", C.c_uint8), ("pad", C.c_uint8 * 6)]


class Listen(C.Structure):
    _fields_ = [("addr", Addr), ("port", C.c_uint16)]


class ConfigMsg(C.Structure):
    _fields_ = [("settings", SettingsMsg), ("n_listen", C.c_uint32), ("fail_closed", C.c_uint8),
                ("mark_bit", C.c_uint8), ("log_format", C.c_uint8), ("queue_forwarded", C.c_uint8), ("read_sni", C.c_uint8), ("pad", C.c_uint8 * 3),
                ("listen", Listen * 8)]


class RulesetMsg(C.Structure):
    _fields_ = [("header", Header), ("generation", C.c_uint64), ("answers", C.c_uint64)]


class AnswerMsg(C.Structure):
    _fields_ = [("header", Header), ("request", C.c_uint64), ("prompt_id", C.c_uint64), ("action", C.c_uint8),
                ("pad", C.c_uint8 * 7), ("rule", Str)]


class ClientsMsg(C.Structure):
    _fields_ = [("header", Header), ("n", C.c_uint32)]


class InterceptionMsg(C.Structure):
    _fields_ = [("header", Header), ("enabled", C.c_uint8), ("pad", C.c_uint8 * 3), ("for_ms", C.c_uint32)]


class ReadyMsg(C.Structure):
    _fields_ = [("header", Header), ("pid", C.c_int32), ("pad", C.c_uint32)]


INCOMING = {CONFIG: ConfigMsg, READY: ReadyMsg, SETTINGS: SettingsMsg, RULESET: RulesetMsg, ANSWER: AnswerMsg,
            CLIENTS: ClientsMsg, INTERCEPTION: InterceptionMsg}


def addr(text):
    family = socket.AF_INET6 if ":" in text else socket.AF_INET
    raw = socket.inet_pton(family, text)
    return Addr(6 if ":" in text else 4, (C.c_uint8 * 16)(*raw.ljust(16, b"\0")))


def addr_text(a):
    if a.family == 4:
        return socket.inet_ntop(socket.AF_INET, bytes(a.bytes[:4]))
    return socket.inet_ntop(socket.AF_INET6, bytes(a.bytes))


class Tail:
    """The strings behind a fixed part."""

    def __init__(self, fixed):
        self.fixed = fixed
        self.data = b""

    def put(self, text):
        raw = text if isinstance(text, bytes) else text.encode()
        if not raw:
            return Str(0, 0)
        at = Str(C.sizeof(self.fixed) + len(self.data), len(raw))
        self.data += raw
        return at

    def message(self, kind):
        header = getattr(self.fixed, "header", None) or self.fixed.connection.header
        header.len = C.sizeof(self.fixed) + len(self.data)
        header.version = 1
        header.type = kind
        return bytes(self.fixed) + self.data


def fill_connection(msg, tail, *, src="10.0.0.5", src_port=50312, dst="93.184.216.34", dst_port=443, proto=6,
                    host="example.com", rule="", path="/usr/bin/curl", args=(b"curl", b"-s"), pid=4711, uid=1000,
                    user="ann", cwd="/home/ann", cgroup="/user.slice", container="", action=ALLOW, reason=0,
                    parents=((4000, "/usr/bin/bash"),), time_us=None, latency_us=61, nolog=0, iface_in="", netns=""):
    msg.time_us = time_us or int(time.time() * 1e6)
    msg.flow = Flow(addr(src), addr(dst), src_port, dst_port, proto)
    msg.latency_us = latency_us
    msg.action, msg.reason, msg.method, msg.confidence = action, reason, 1, 3
    msg.host_source = 1 if host else 0
    msg.nolog = nolog
    msg.held_packets = 1
    msg.iface_in, msg.iface_out = iface_in.encode(), b"eth0"
    msg.is_forwarded = bool(iface_in)
    msg.host, msg.rule, msg.netns = tail.put(host), tail.put(rule), tail.put(netns)
    p = msg.process
    p.pid, p.uid, p.start_time = pid, uid, 12345
    p.path, p.args = tail.put(path), tail.put(b"".join(a + b"\0" for a in args))
    p.cwd, p.user, p.cgroup, p.container = tail.put(cwd), tail.put(user), tail.put(cgroup), tail.put(container)
    p.n_parents = len(parents)
    for i, (ppid, ppath) in enumerate(parents):
        p.parents[i] = Parent(ppid, tail.put(ppath))


def wait_for(condition, what, seconds=DEADLINE):
    """Waits until the condition is true, and returns its value."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.01)


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=DEADLINE)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(DEADLINE)
        self.sock.connect(self.path)


class Answer:
    """A response: status, headers, and the body as bytes and as JSON."""

    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    @property
    def json(self):
        return json.loads(self.body)


class Folder:
    """State, rules and runtime folders of one daemon; outlives consoles."""

    def __init__(self):
        self.path = tempfile.mkdtemp(prefix="opensnitch-api-")
        os.chmod(self.path, 0o755)
        for name in ("state", "rules"):
            os.mkdir(self.file(name))
            if os.geteuid() == 0:
                user = pwd.getpwnam(CONSOLE_USER)
                os.chown(self.file(name), user.pw_uid, user.pw_gid)
        with open(self.file("token"), "w", encoding="ascii") as f:
            f.write(TOKEN + "\n")

    def file(self, name):
        return os.path.join(self.path, name)

    def remove(self):
        shutil.rmtree(self.path, ignore_errors=True)


class Console:
    """One opensnitch-console with its engine, which is this object."""

    def __init__(self, folder=None, config=None, listen=None, args=None, hello=True, starts=1, stderr=None):
        self.folder = folder or Folder()
        self.own_folder = folder is None
        self.inbox = []
        self.listeners = []
        self.pid = 0
        if args is None:
            self._open_listeners()
        self.stderr = stderr if stderr is not None else open(self.folder.file("console.log"), "ab")
        self.channel, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._start(other, config, listen, args)
        other.close()
        self.channel.settimeout(DEADLINE)
        if args is None and hello:
            self.take(READY)
            self.hello(starts=starts)

    def _open_listeners(self):
        tcp = socket.socket()
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        tcp.bind(("127.0.0.1", 0))
        tcp.listen(64)
        self.port = tcp.getsockname()[1]
        self.unix_path = self.folder.file("api.sock")
        if os.path.exists(self.unix_path):
            os.unlink(self.unix_path)
        unix = socket.socket(socket.AF_UNIX)
        unix.bind(self.unix_path)
        os.chmod(self.unix_path, 0o666)
        unix.listen(64)
        self.listeners = [tcp, unix]
        for s in self.listeners:
            s.setblocking(False)

    def _start(self, channel, config, listen, args):
        config_path = self.folder.file("config.json") if config is not None else "/dev/null"
        if config is not None:
            with open(config_path, "w", encoding="utf-8") as f:
                f.write(config if isinstance(config, str) else json.dumps(config))
        fds = {3: channel.fileno(), 4: os.open(config_path, os.O_RDONLY)}
        if args is None:
            fds[5] = os.open(self.folder.file("state"), os.O_PATH | os.O_DIRECTORY)
            fds[6] = os.open(self.folder.file("rules"), os.O_RDONLY | os.O_DIRECTORY)
            fds[7] = os.open(self.folder.file("token"), os.O_RDONLY)
            for i, s in enumerate(self.listeners):
                fds[8 + i] = s.fileno()
        env = {"OPENSNITCH_CONFIG": config_path if config is not None else "",
               "OPENSNITCH_STATE_DIR": self.folder.file("state"),
               "OPENSNITCH_RULES_DIR": self.folder.file("rules")}
        if listen:
            env["OPENSNITCH_LISTEN"] = listen
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"):
            if name in os.environ:
                env[name] = os.environ[name]
        argv = [CONSOLE] + (args or ["--fds", str(len(self.listeners))])
        self.pid = os.fork()
        if self.pid == 0:
            self._child(fds, argv, env)
        for fd in list(fds.values())[1:]:
            if fd not in [s.fileno() for s in self.listeners]:
                os.close(fd)

    def _child(self, fds, argv, env):
        import fcntl
        try:
            os.dup2(self.stderr.fileno(), 2)
            high = {n: fcntl.fcntl(fd, fcntl.F_DUPFD, 100) for n, fd in fds.items()}
            os.closerange(3, 100)
            for n, fd in high.items():
                os.dup2(fd, n)
                os.close(fd)
            os.execve(argv[0], argv, env)
        finally:
            os._exit(127)

    # ---- the channel

    def send(self, message):
        self.channel.send(message)

    def receive(self, timeout=DEADLINE):
        """One message: (fixed part, bytes, descriptors)."""
        ready, _, _ = select.select([self.channel], [], [], timeout)
        if not ready:
            return None
        data, control, _flags, _ = self.channel.recvmsg(32768, 256)
        if not data:
            return None
        fds = array.array("i")
        for level, kind, payload in control:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                fds.frombytes(payload[:len(payload) // 4 * 4])
        kind = struct.unpack_from("=IHH", data)[2]
        return INCOMING[kind].from_buffer_copy(data), data, list(fds)

    def take(self, kind, seconds=DEADLINE, condition=lambda m: True):
        """The next message of this type (others are kept for later)."""
        end = time.monotonic() + seconds
        for i, item in enumerate(self.inbox):
            if isinstance(item[0], INCOMING[kind]) and condition(item[0]):
                return self.inbox.pop(i)
        while True:
            item = self.receive(max(0, end - time.monotonic()))
            if item is None:
                raise AssertionError(f"no message of type {kind} within {seconds} s")
            if isinstance(item[0], INCOMING[kind]) and condition(item[0]):
                return item
            self.inbox.append(item)

    def hello(self, instance=0x1122334455667788, starts=1):
        m = HelloMsg(Header(C.sizeof(HelloMsg), 1, HELLO), instance, int(time.time() * 1e6), os.getpid(), starts, 1, 1)
        self.send(bytes(m))

    def connection(self, **fields):
        m = ConnectionMsg()
        tail = Tail(m)
        fill_connection(m, tail, **fields)
        self.send(tail.message(CONNECTION))

    def prompt(self, ident, held=1, seconds=30, **fields):
        m = PromptMsg()
        tail = Tail(m)
        fill_connection(m.connection, tail, **fields)
        m.id = ident
        m.opened_us = int(time.time() * 1e6)
        m.deadline_us = m.opened_us + seconds * 1000000
        m.held = held
        self.send(tail.message(PROMPT))

    def prompt_closed(self, ident, end=0, action=ALLOW, released=1):
        self.send(bytes(PromptClosedMsg(Header(C.sizeof(PromptClosedMsg), 1, PROMPT_CLOSED), ident, end, action,
                                        (C.c_uint8 * 2)(), released)))

    def answer_result(self, request, ident, error=0, released=1):
        self.send(bytes(AnswerResultMsg(Header(C.sizeof(AnswerResultMsg), 1, ANSWER_RESULT), request, ident, error,
                                        released)))

    def status(self, **fields):
        m = StatusMsg()
        tail = Tail(m)
        m.enabled, m.method, m.rules_ok, m.queue_num, m.console_starts = 1, 1, 1, 7370, 1
        m.method_why = tail.put("tracefs works")
        m.netns = tail.put("")
        for name, value in fields.items():
            setattr(m, name, value)
        self.send(tail.message(STATUS))

    def alert(self, code, text):
        m = AlertMsg()
        tail = Tail(m)
        m.time_us = int(time.time() * 1e6)
        m.code = code
        m.text = tail.put(text)
        self.send(tail.message(ALERT))

    # ---- HTTP

    def request(self, method, path, body=None, headers=None, token=TOKEN, unix=False, host=None):
        conn = UnixConnection(self.unix_path) if unix else \
            http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE)
        try:
            conn.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            if host != "":
                conn.putheader("Host", host or f"localhost:{self.port}")
            sent = dict(headers or {})
            if token:
                sent.setdefault("Authorization", f"Bearer {token}")
            data = None
            if body is not None:
                data = body if isinstance(body, bytes) else json.dumps(body).encode()
                sent.setdefault("Content-Type", "application/json")
                if "Transfer-Encoding" not in sent:
                    sent.setdefault("Content-Length", str(len(data)))
            for name, value in sent.items():
                if value is not None:
                    conn.putheader(name, value)
            conn.endheaders()
            if data:
                conn.send(data)
            return Answer(conn.getresponse())
        finally:
            conn.close()

    def get(self, path, **more):
        return self.request("GET", path, **more)

    def events(self, query="", **headers):
        return Events(self, query, headers)

    # ---- the end

    def rss_kib(self):
        with open(f"/proc/{self.pid}/statm", encoding="ascii") as f:
            return int(f.read().split()[1]) * mmap.PAGESIZE // 1024

    def wait(self, seconds=DEADLINE):
        """Waits for the process to end; its exit status, negative for a signal."""
        def ended():
            if self.pid == 0:
                return True
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.pid = 0
                self.exit = os.waitstatus_to_exitcode(status)
            return pid
        wait_for(ended, "the console's end", seconds)
        return self.exit

    def log(self):
        with open(self.folder.file("console.log"), encoding="utf-8", errors="replace") as f:
            return f.read()

    def close(self):
        """Ends it as an engine does, by closing the channel, and returns its exit status."""
        self.channel.close()
        status = None
        if self.pid:
            try:
                status = self.wait()
            except AssertionError:
                os.kill(self.pid, signal.SIGKILL)
                self.wait()
                raise
        for s in self.listeners:
            s.close()
        self.stderr.close()
        if self.own_folder:
            self.folder.remove()
        return status


class Events:
    """A client of /api/v1/events, read as it comes."""

    def __init__(self, console, query="", headers=None):
        self.sock = socket.create_connection(("127.0.0.1", console.port), timeout=DEADLINE)
        lines = [f"GET /api/v1/events{query} HTTP/1.1", f"Host: localhost:{console.port}",
                 f"Authorization: Bearer {TOKEN}"]
        lines += [f"{k.replace('_', '-')}: {v}" for k, v in (headers or {}).items()]
        self.sock.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        self.raw = b""
        self.text = b""
        while b"\r\n\r\n" not in self.raw:
            self._fill()
        head, self.raw = self.raw.split(b"\r\n\r\n", 1)
        self.status = int(head.split()[1])
        self.head = head.decode()

    def _fill(self):
        data = self.sock.recv(65536)
        if not data:
            raise EOFError("the stream ended")
        self.raw += data

    def _chunk(self):
        while b"\r\n" not in self.raw:
            self._fill()
        size, rest = self.raw.split(b"\r\n", 1)
        n = int(size, 16)
        while len(rest) < n + 2:
            self._fill()
            rest = self.raw.split(b"\r\n", 1)[1]
        self.raw = rest[n + 2:]
        self.text += rest[:n]
        return n

    def block(self):
        """The next block of lines: a dictionary of its fields ("" holds comments)."""
        while b"\n\n" not in self.text:
            if self._chunk() == 0:
                raise EOFError("the stream ended")
        block, self.text = self.text.split(b"\n\n", 1)
        fields = {}
        for line in block.decode().split("\n"):
            name, _, value = line.partition(":")
            fields[name] = value[1:] if value.startswith(" ") else value
        return fields

    def next(self, *types):
        """The next event of one of these types (any, when none is named): (type, data, id)."""
        while True:
            block = self.block()
            if "event" in block and (not types or block["event"] in types):
                return block["event"], json.loads(block["data"]), block["id"]

    def close(self):
        self.sock.close()
