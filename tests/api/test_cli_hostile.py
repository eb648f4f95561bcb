#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Every output of opensnitch-ruleman and opensnitch-ui, with an attacker's text in each string that the daemon sends."""
import json
import os
import pathlib
import pty
import subprocess
import unittest

from test_cli import BUILD, DEADLINE_S, TOP, UI, CliTest
import tap

CONTRACT = json.loads((TOP / "api/openapi.json").read_text(encoding="utf-8"))
RULEMAN = BUILD / "opensnitch-ruleman"
LONG = "L" * 65536
TERMINAL = "\x1b[31mred\x1b]0;title\x07\x1bP1$r\x9b2J\x9d8;;http://x\x9c\r\b\x7fq"
BIDI = "\u202egpj.exe\u202c \u2066x\u2069 \u200f\u200e\u061c"
LINES = "a\nFORGED\r\nFORGED\u2028d\u2029e\x85f\tg\x0bh"
TEXTS = {
    "mixed": f"<img src=x onerror=alert(1)>'\"><script>alert(2)</script>{TERMINAL}{BIDI}{LINES}",
    "long": LONG + "\x1b[2J\u202e\nFORGED",
}
# What a terminal obeys, and what turns text round or ends a line where none should end.
FORBIDDEN = "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]"
COMMANDS = [
    (["list"], "get", "/api/v1/rules"),
    (["show", "x"], "get", "/api/v1/rules/{name}"),
    (["add", "--action", "deny", "--host", "a.test"], "post", "/api/v1/rules"),
    (["enable", "x"], "patch", "/api/v1/rules/{name}"),
    (["disable", "x"], "patch", "/api/v1/rules/{name}"),
    (["export"], "get", "/api/v1/rules/export"),
    (["import", "-"], "post", "/api/v1/rules/import"),
    (["test", "--action", "deny", "--any"], "post", "/api/v1/rules/test"),
    (["explain", "7"], "post", "/api/v1/explain"),
    (["report"], "get", "/api/v1/rules/report"),
    (["history", "x"], "get", "/api/v1/rules/{name}/history"),
    (["revert", "x"], "post", "/api/v1/rules/{name}/revert"),
]

# Where the example of the contract leaves parts out.
FULLER = {
    "/api/v1/explain": {"action": "a", "reason": "r", "rule": "r", "why": "w", "asks": False, "not_reached": 0, "steps": [
        {"rule": "r", "action": "a", "matched": True, "decided": True, "skipped": "s",
         "operands": [{"type": "t", "operand": "o", "data": "d", "value": "v", "matched": True}]}]},
    "/api/v1/rules/test": {"examined": 3, "matched": 1, "changed": 1, "newly_decided": 1, "not_recorded": True,
                           "changes": [{"count": 1, "from": "a", "to": "d"}], "samples": [],
                           "programs": [{"path": "p", "count": 1}], "hosts": [{"host": "h", "count": 1}]},
    "/api/v1/rules/import": {"dry_run": True, "created": ["a"], "replaced": ["b"],
                             "warnings": [{"rule": "r", "place": "p", "field": "f", "message": "m"}]},
}


def poisoned(node, text, key=""):
    """The same, with `text` for each string; a cursor would only be followed."""
    if isinstance(node, dict):
        return {k: None if k == "next" else poisoned(v, text, k) for k, v in node.items()}
    if isinstance(node, list):
        return [poisoned(v, text, key) for v in node]
    # The words of an operator decide how it is shown: these stay.
    return text if isinstance(node, str) and not (key == "type" and node in ("list", "simple", "regexp")) else node


def example(method, path):
    responses = CONTRACT["paths"][path][method]["responses"]
    status = next(s for s in responses if s[0] == "2")
    content = responses[status].get("content", {}).get("application/json", {})
    return int(status), FULLER.get(path, content.get("example"))


class TestHostile(CliTest):
    def outputs(self, argv, program=RULEMAN, stdin=None):
        """What is printed to a pipe and to a terminal; the program may fail, but not die of a signal."""
        command = [str(program), "--runtime-dir", str(self.dir), *argv]
        done = subprocess.run(command, capture_output=True, timeout=DEADLINE_S, check=False, input=stdin)
        self.assertGreaterEqual(done.returncode, 0, argv)
        main, sub = pty.openpty()
        env = {**os.environ, "COLUMNS": "100", "LC_ALL": "C.UTF-8"}
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=sub, stderr=sub, env=env) as process:
            os.close(sub)
            try:
                process.stdin.write(stdin or b"")
                process.stdin.close()
            except BrokenPipeError:
                pass  # it needs none, and has ended
            out = b""
            while True:
                try:
                    data = os.read(main, 1 << 16)
                except OSError:
                    break
                if not data:
                    break
                out += data
            os.close(main)
            self.assertGreaterEqual(process.wait(DEADLINE_S), 0, argv)
        return done.stdout.decode(), done.stderr.decode(), out.decode().replace("\r\n", "\n")

    def assert_harmless(self, argv, texts):
        for text in texts:
            self.assertNotRegex(text, FORBIDDEN, f"{argv}: {text[:300]!r}")
            self.assertNotRegex(text, "(?m)^FORGED", f"{argv}: a line of its own")

    def test_every_command(self):
        for argv, method, path in COMMANDS:
            status, answer = example(method, path)
            for kind, text in TEXTS.items():
                for more in ([], ["--json"]):
                    with self.subTest(command=argv + more, text=kind):
                        bad = poisoned(answer, text)
                        if isinstance(bad, dict):
                            bad["problems"] = [{"file": text, "place": text, "message": text}]
                        self.answer = lambda r, s=status, b=bad: (s, b)
                        self.assert_harmless(argv, self.outputs(argv + more, stdin=b"[]"))

    def test_every_command_refused(self):
        for argv, _, _ in [*COMMANDS, (["delete", "x"], "", "")]:
            for kind, text in TEXTS.items():
                with self.subTest(command=argv, text=kind):
                    self.answer = lambda r, t=text: (422, {"type": t, "title": t, "detail": t, "errors": [{"field": t, "message": t}]})
                    self.assert_harmless(argv, self.outputs(argv, stdin=b"[]"))

    def test_arguments_are_not_echoed(self):
        self.answer = lambda r: (404, {"title": "Not found", "detail": "there is no such rule"})
        for kind, text in TEXTS.items():
            for argv in (["show", text], ["delete", text], ["history", text], ["revert", text], ["check", f"/nowhere/{text}"], ["import", f"/nowhere/{text}"],
                         ["add", "--action", text, "--any"], [text], [f"--{text}"], ["explain", text], ["--runtime-dir", f"/nowhere/{text}", "list"],
                         ["--url", text, "list"]):
                with self.subTest(command=argv[0][:20], text=kind):
                    self.assert_harmless(argv, self.outputs(argv))

    def test_bytes_that_are_no_text(self):
        for raw in (b'{"items": [{"name": "\xff\xfe\xc0\xaf\xed\xa0\x80"}], "next": null}', b"\xff\x1b[2J", b"\x1b[2J" * 20000):
            self.answer = lambda r, b=raw: (200, b)
            self.assert_harmless(["list"], self.outputs(["list"]))

    def test_host_names_of_any_bytes(self):
        """As the daemon writes them (a label's bytes as \\DDD), and as one would that passes them on."""
        for host in (b"\\\\255\\\\254\\\\1552j.evil.test", b"\xff\xfe\x9b2j\xc0\xaf\xed\xa0\x80.evil.test", b"\xc2\x9b2j\xe2\x80\xae.evil.test"):
            for argv, method, path in COMMANDS:
                status, answer = example(method, path)
                raw = json.dumps(poisoned(answer, "HOST")).encode().replace(b"HOST", host)
                for more in ([], ["--json"]):
                    with self.subTest(command=argv + more, host=host):
                        self.answer = lambda r, s=status, b=raw: (s, b)
                        out = self.outputs(argv + more, stdin=b"[]")
                        self.assert_harmless(argv, out)
                        if host.startswith(b"\\") and argv[0] in ("explain", "list") and not more:
                            self.assertIn("\\255\\254\\155", "".join(out))

    def test_check_of_a_folder(self):
        folder = self.dir / "rules"
        folder.mkdir()
        name = "<img src=x>\x1b[31m\u202egpj\n\x9b1m"
        (folder / f"{name}.json").write_text(json.dumps({"name": "x", "action": TERMINAL}))
        (folder / f"1{name}.json").write_text('{"name": "\x1b[2J')
        path = os.fsencode(folder) + b"/\xff\xfe\xc0\x80.json"
        pathlib.Path(os.fsdecode(path)).write_text("[]")
        for more in ([], ["--json"]):
            out = self.outputs(["check", str(folder)] + more)
            self.assert_harmless("check", out)
            self.assertIn("img src=x", "".join(out))

    def test_the_url_of_the_dashboard(self):
        for kind, text in TEXTS.items():
            for url in (text, f"http://127.0.0.1:7373/login#{text}", f"javascript:{text}"):
                with self.subTest(text=kind):
                    self.answer = lambda r, u=url: (201, {"url": u, "code": u, "expires": u})
                    self.assert_harmless(["ui"], self.outputs(["--print"], program=UI))
            self.answer = lambda r, t=text: (403, {"title": t, "detail": t})
            self.assert_harmless(["ui"], self.outputs(["--print"], program=UI))


if __name__ == "__main__":
    tap.main()
