#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""opensnitch-ui and opensnitch-ruleman against a scripted daemon: requests, output, refusals, exit codes."""
import http.server
import json
import os
import pathlib
import pty
import pwd
import re
import shutil
import socket
import socketserver
import subprocess
import sys
import tempfile
import threading
import unittest

TOP = pathlib.Path(os.environ.get("TOP_SRCDIR", pathlib.Path(__file__).resolve().parents[2]))
BUILD = pathlib.Path(os.environ.get("TOP_BUILDDIR", ".")).resolve()
sys.path.insert(0, str(TOP / "tests/harness"))
import tap  # noqa: E402

RULEMAN, UI = BUILD / "opensnitch-ruleman", BUILD / "opensnitch-ui"
DEADLINE_S = 60
HOSTILE = "\x1b[31mred\x1b]0;title\x07 \u202egpj.exe\u2066 \x9b1m a\tb\nc\x7f"


def rule(name, **more):
    return {"name": name, "enabled": True, "action": "allow", "duration": "always", "hits": 3,
            "description": "", "operator": {"type": "simple", "operand": "process.path",
                                            "sensitive": False, "data": "/usr/bin/curl"}, **more}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def address_string(self):
        return "client"

    def log_message(self, *_):
        pass

    def answer(self):
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length)
        request = {"method": self.command, "path": self.path, "headers": self.headers,
                   "body": json.loads(body) if body else None}
        self.server.requests.append(request)
        status, answer, *headers = self.server.script(request)
        data = answer if isinstance(answer, bytes) else \
            b"" if answer is None else json.dumps(answer).encode()
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PATCH = do_DELETE = do_PUT = answer


class UnixServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


    def handle_error(self, request, client_address):
        pass  # a client that goes away early is none of the tests' business


class TcpServer(socketserver.ThreadingMixIn, socketserver.TCPServer):
    daemon_threads = True
    allow_reuse_address = True


class CliTest(unittest.TestCase):
    """Each test scripts self.answer(request) -> (status, JSON or bytes, (header, value)...)."""

    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="opensnitch-cli-"))
        self.addCleanup(shutil.rmtree, self.dir)
        self.dir.chmod(0o755)
        self.answer = lambda request: (500, {"title": "not scripted"})
        self.serve(UnixServer(str(self.dir / "api.sock"), Handler))
        (self.dir / "api.sock").chmod(0o666)

    def serve(self, server):
        server.requests = []
        server.script = lambda request: self.answer(request)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        self.server = server

    @property
    def requests(self):
        return self.server.requests

    def run_cli(self, *argv, program=RULEMAN, target=True, **options):
        where = ["--runtime-dir", str(self.dir)] if target else []
        return subprocess.run([str(program), *where, *argv], capture_output=True, text=True,
                              timeout=DEADLINE_S, check=False, **options)

    def check(self, *argv, code=0, **options):
        done = self.run_cli(*argv, **options)
        self.assertEqual(done.returncode, code, f"{argv}: {done.stdout}{done.stderr}")
        return done

    def on_terminal(self, columns, *argv):
        """What is printed on a terminal of that width."""
        main, sub = pty.openpty()
        env = {**os.environ, "COLUMNS": str(columns), "LC_ALL": "C.UTF-8"}
        with subprocess.Popen([str(RULEMAN), "--runtime-dir", str(self.dir), *argv], stdout=sub,
                              stderr=sub, env=env) as process:
            os.close(sub)
            out = b""
            while True:
                try:
                    data = os.read(main, 65536)
                except OSError:
                    break
                if not data:
                    break
                out += data
            os.close(main)
            self.assertEqual(process.wait(DEADLINE_S), 0)
        return out.decode().replace("\r\n", "\n")


class TestRuleman(CliTest):
    def test_list_is_sorted_and_tab_separated(self):
        self.answer = lambda r: (200, {"items": [rule("b"), rule("A", enabled=False), rule("a")],
                                       "next": None, "problems": []})
        done = self.check("list")
        self.assertEqual(done.stdout,
                         "A\tno\tallow\talways\t3\tprocess.path = /usr/bin/curl\n"
                         "a\tyes\tallow\talways\t3\tprocess.path = /usr/bin/curl\n"
                         "b\tyes\tallow\talways\t3\tprocess.path = /usr/bin/curl\n")
        self.assertEqual(self.requests[0]["method"], "GET")
        self.assertTrue(self.requests[0]["path"].startswith("/api/v1/rules?"))
        self.assertEqual(self.requests[0]["headers"]["Host"], "localhost")

    def test_list_follows_cursors(self):
        def answer(request):
            if "cursor=two" in request["path"]:
                return 200, {"items": [rule("r2")], "next": None}
            return 200, {"items": [rule("r1")], "next": "two"}
        self.answer = answer
        self.assertEqual([line.split("\t")[0] for line in self.check("list").stdout.splitlines()],
                         ["r1", "r2"])
        self.assertEqual(len(self.requests), 2)

    def test_list_does_not_follow_cursors_for_ever(self):
        self.answer = lambda r: (200, {"items": [], "next": "again"})
        self.check("list")
        self.assertEqual(len(self.requests), 1)

    def test_list_json(self):
        rules = [rule("a", unknown={"kept": [1, None]}), rule("ü\x7f")]
        self.answer = lambda r: (200, {"items": rules, "next": None})
        done = self.check("list", "--json")
        self.assertEqual(json.loads(done.stdout), rules)
        self.assertTrue(done.stdout.isascii())
        self.assertNotIn("\x7f", done.stdout)

    def test_list_tells_bad_files(self):
        self.answer = lambda r: (200, {"items": [], "next": None, "problems": [
            {"file": "x\x1b.json", "place": "operator.data", "message": "bad"}]})
        done = self.check("list")
        self.assertEqual(done.stdout, "")
        self.assertIn("x\\x1b.json: operator.data: bad", done.stderr)

    def test_list_fits_the_terminal(self):
        self.answer = lambda r: (200, {"items": [rule("a-rule-with-quite-a-long-name", operator={
            "type": "simple", "operand": "process.path", "data": "/opt/" + "long/" * 30})],
            "next": None})
        for width in (60, 80, 200):
            lines = self.on_terminal(width, "list").splitlines()
            self.assertRegex(lines[0], r"^NAME +ENABLED +ACTION +DURATION +HITS +MATCHES$")
            self.assertTrue(all(len(line) <= width for line in lines), lines)
            self.assertIn("…", lines[1])
        self.assertNotIn("…", self.on_terminal(400, "list"))

    def test_hostile_text_is_harmless_everywhere(self):
        bad = rule(HOSTILE, description=HOSTILE, action=HOSTILE, duration=HOSTILE, file=HOSTILE, operator={
            "type": "list", "list": [{"type": HOSTILE, "operand": HOSTILE, "data": HOSTILE}]})
        self.answer = lambda r: (200, bad if r["path"].endswith("/x") else {
            "items": [bad], "next": None, "problems": [{"file": HOSTILE, "message": HOSTILE}]})
        outputs = [self.on_terminal(100, "list"), self.on_terminal(100, "show", "x"),
                   self.on_terminal(100, "show", "--json", "x")]
        for command in (("list",), ("show", "x"), ("list", "--json")):
            done = self.check(*command)
            outputs += [done.stdout.replace("\t", ""), done.stderr]
        self.answer = lambda r: (422, {"title": HOSTILE, "detail": HOSTILE, "errors": [
            {"field": HOSTILE, "message": HOSTILE}]})
        outputs.append(self.check("delete", HOSTILE.replace("\x00", ""), code=4).stderr)
        for text in outputs:
            self.assertNotRegex(text, "[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
        self.assertIn("\\u{202e}gpj.exe", outputs[0])

    def test_show(self):
        self.answer = lambda r: (200, rule("a b/c", description="what for", operator={
            "type": "list", "operand": "list", "data": "", "list": [
                {"type": "simple", "operand": "process.path", "sensitive": True, "data": "/x"},
                {"type": "regexp", "operand": "dest.host", "data": "y$"}]}))
        done = self.check("show", "a b/c")
        self.assertEqual(self.requests[0]["path"], "/api/v1/rules/a%20b%2Fc")
        self.assertRegex(done.stdout, r"(?m)^name +a b/c$")
        self.assertRegex(done.stdout, r"(?m)^description +what for$")
        self.assertRegex(done.stdout, r"(?m)^matches +process\.path = /x +\(case matters\)$")
        self.assertRegex(done.stdout, r"(?m)^matches +dest\.host ~ y\$$")

    def test_dots_in_names_stay_in_the_path(self):
        self.answer = lambda r: (404, {"title": "Not found"})
        self.check("show", "..", code=3)
        self.assertEqual(self.requests[0]["path"], "/api/v1/rules/..")

    def test_not_found(self):
        self.answer = lambda r: (404, {"title": "Not found", "detail": "there is no such rule"})
        done = self.check("show", "x", code=3)
        self.assertEqual(done.stderr, "opensnitch-ruleman: x: there is no such rule\n")

    def test_add_by_options(self):
        self.answer = lambda r: (201, r["body"])
        done = self.check("add", "--action", "deny", "--path", "/usr/bin/curl", "--port", "443",
                          "--duration", "until restart")
        self.assertEqual(done.stdout, "deny-curl-443\n")
        request = self.requests[0]
        self.assertEqual((request["method"], request["path"]), ("POST", "/api/v1/rules"))
        self.assertEqual(request["headers"]["Content-Type"], "application/json")
        self.assertEqual(request["body"]["duration"], "until restart")
        self.assertEqual([o["operand"] for o in request["body"]["operator"]["list"]],
                         ["process.path", "dest.port"])

    def test_add_from_file_and_standard_input(self):
        self.answer = lambda r: (201, r["body"])
        wanted = rule("from-file", unknown={"kept": [1.5, None]})
        file = self.dir / "rule.json"
        file.write_text(json.dumps(wanted))
        self.assertEqual(self.check("add", str(file)).stdout, "from-file\n")
        done = self.check("add", "-", "--json", input=json.dumps(wanted))
        self.assertEqual(json.loads(done.stdout), wanted)
        self.assertEqual([r["body"] for r in self.requests], [wanted, wanted])

    def test_add_refuses_what_is_no_rule(self):
        for text, message in (("{", "standard input:1:1:"), ("[]", "not a JSON object"),
                              ('{"a":1,"a":2}', "duplicate"), ("", "standard input:"),
                              ('{"a":"' + "x" * (1 << 20) + '"}', "1 MiB")):
            done = self.check("add", "-", input=text, code=4)
            self.assertIn(message, done.stderr)
        self.assertEqual(self.requests, [])
        self.check("add", str(self.dir / "missing.json"), code=1)

    def test_refusals_of_the_daemon(self):
        self.answer = lambda r: (422, {"title": "Invalid", "detail": "the rule is invalid", "errors": [
            {"field": "operator.list[1].data", "message": "must be a port"}]})
        done = self.check("add", "--action", "allow", "--port", "x", code=4)
        self.assertEqual(done.stderr, "opensnitch-ruleman: allow-x: the rule is invalid\n"
                                      "  operator.list[1].data: must be a port\n")
        for status, code in ((400, 4), (401, 1), (403, 1), (404, 3), (409, 5), (412, 5), (413, 4),
                             (429, 1), (500, 1), (503, 1), (302, 1)):
            self.answer = lambda r, status=status: (status, {"title": "no"}, ("Location", "/elsewhere"))
            self.check("add", "--action", "allow", "--any", code=code)
        self.assertNotIn("/elsewhere", [r["path"] for r in self.requests])

    def test_delete_tries_all_and_tells_the_first_failure(self):
        self.answer = lambda r: (409, {"title": "no"}) if r["path"].endswith("/b") else \
            (404, {"title": "no"}) if r["path"].endswith("/c") else (204, None)
        done = self.check("delete", "a", "b", "c", "--", "-d", code=5)
        self.assertEqual([r["method"] for r in self.requests], ["DELETE"] * 4)
        self.assertEqual(self.requests[3]["path"], "/api/v1/rules/-d")
        self.assertEqual(len(done.stderr.splitlines()), 2)

    def test_enable_and_disable(self):
        self.answer = lambda r: (200, rule("a", **r["body"]))
        self.assertEqual(self.check("disable", "a").stdout, "")
        done = self.check("enable", "a", "--json")
        self.assertTrue(json.loads(done.stdout)["enabled"])
        self.assertEqual([(r["method"], r["body"]) for r in self.requests],
                         [("PATCH", {"enabled": False}), ("PATCH", {"enabled": True})])
        self.assertEqual(self.requests[0]["headers"]["Content-Type"], "application/merge-patch+json")

    def test_answers_that_make_no_sense(self):
        for body in (b"<html>", b"\xff\xfe", b"{", b"[1]", b"null", b'"x"', b"{}", b""):
            self.answer = lambda r, body=body: (200, body)
            self.check("list", code=1)

    def test_url_and_token(self):
        self.answer = lambda r: (200, {"items": [], "next": None}) \
            if r["headers"]["Authorization"] == "Bearer s3cret" else (401, {"title": "no"})
        self.serve(TcpServer(("127.0.0.1", 0), Handler))
        url = f"http://127.0.0.1:{self.server.server_address[1]}"
        token = self.dir / "token"
        token.write_text("s3cret\n")
        env = {**os.environ, "http_proxy": "http://127.0.0.1:1", "ALL_PROXY": "http://127.0.0.1:1"}
        for more in (["--token-file", str(token)], ["--token", "s3cret"]):
            self.check("list", "--url", url, *more, target=False, env=env)
        done = self.check("list", "--url", url + "/", target=False, code=1)
        self.assertIn("--token-file", done.stderr)
        self.check("list", "--url", url, "--token-file", "/nonexistent", target=False, code=1)
        self.check("list", "--url", "ftp://127.0.0.1", target=False, code=2)
        self.check("list", "--url", "file:///etc/passwd", target=False, code=2)

    def test_no_daemon(self):
        done = self.run_cli("--runtime-dir", "/nonexistent", "list", target=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("is opensnitchd running?", done.stderr)
        with socket.socket(socket.AF_UNIX) as dead:
            (self.dir / "dead").mkdir()
            dead.bind(str(self.dir / "dead/api.sock"))
        done = self.run_cli("--runtime-dir", str(self.dir / "dead"), "list", target=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("does not answer", done.stderr)

    def test_usage(self):
        for argv in ([], ["frob"], ["show"], ["list", "x"], ["add"], ["list", "--nope"],
                     ["add", "--path", "/x"], ["add", "--action", "allow"]):
            done = self.run_cli(*argv)
            self.assertEqual((done.returncode, done.stdout), (2, ""), argv)
        self.assertEqual(self.requests, [])
        self.assertRegex(self.check("--version").stdout, r"^opensnitch-ruleman \d+\.\d+\.\d+\n$")
        self.assertIn("Exit codes", self.check("--help").stdout)

    def test_full_output_device(self):
        self.answer = lambda r: (200, {"items": [rule("a")], "next": None})
        with open("/dev/full", "w", encoding="ascii") as full:
            done = subprocess.run([str(RULEMAN), "--runtime-dir", str(self.dir), "list"], stdout=full,
                                  stderr=subprocess.PIPE, text=True, check=False, timeout=DEADLINE_S)
        self.assertEqual(done.returncode, 1)
        self.assertIn("cannot write", done.stderr)


class TestUi(CliTest):
    URL = "http://localhost:7373/login#code=0123-abc"
    OPENER = """#!/bin/sh
{ id -u; id -G; echo "$1"; stat -c '%a %u' "$1"; env; } > "RESULT/opened"
cat "$1" > "RESULT/page"
cat /proc/$PPID/cmdline /proc/$$/cmdline | tr '\\0' '\\n' > "RESULT/arguments"
"""

    def setUp(self):
        super().setUp()
        self.answer = lambda r: (201, {"code": "0123-abc", "url": self.URL, "expires": None})

    def test_print(self):
        done = self.check("--print", program=UI)
        self.assertEqual(done.stdout, self.URL + "\n")
        self.assertEqual((self.requests[0]["method"], self.requests[0]["path"]),
                         ("POST", "/api/v1/session/codes"))

    def test_root_without_desktop_gets_the_url(self):
        env = {k: v for k, v in os.environ.items() if k not in ("SUDO_USER", "PKEXEC_UID")}
        done = self.check(program=UI, env={**env, "DISPLAY": ":9"})
        self.assertEqual(done.stdout, self.URL + "\n")

    def test_bad_urls_are_refused(self):
        for url in ("javascript:alert(1)", "http://x/\x1b[31m", 'http://x/"><script>', 7, None, ""):
            self.answer = lambda r, url=url: (201, {"url": url})
            self.assertEqual(self.check("--print", program=UI, code=1).stdout, "")

    def test_refused(self):
        self.answer = lambda r: (403, {"title": "no", "detail": "only admins"})
        done = self.check("--print", program=UI, code=1)
        self.assertIn("only admins", done.stderr)
        self.check("--nope", program=UI, code=2)
        self.check("extra", program=UI, code=2)

    def prepare_opener(self):
        result, bin_dir = self.dir / "result", self.dir / "bin"
        result.mkdir()
        result.chmod(0o777)
        bin_dir.mkdir()
        opener = bin_dir / "xdg-open"
        opener.write_text(self.OPENER.replace("RESULT", str(result)))
        opener.chmod(0o755)
        # the build directory may be closed to other users
        shutil.copy(UI, self.dir / "opensnitch-ui")
        return result, bin_dir

    def check_opened(self, result, user):
        lines = (result / "opened").read_text().splitlines()
        self.assertEqual(lines[0], str(user.pw_uid))
        self.assertNotIn("0", lines[1].split())
        self.assertTrue(lines[2].endswith(".html"), lines[2])
        self.assertEqual(lines[3], f"600 {user.pw_uid}")
        self.assertIn("#code=0123-abc", (result / "page").read_text())
        self.assertNotIn("0123-abc", (result / "arguments").read_text())
        pathlib.Path(lines[2]).unlink()
        return dict(line.split("=", 1) for line in lines[4:] if "=" in line)

    @unittest.skipUnless(os.geteuid() == 0, "needs root to become another user")
    def test_opens_the_callers_browser(self):
        result, bin_dir = self.prepare_opener()
        user = pwd.getpwnam("nobody")
        env = {"PATH": f"{bin_dir}:{os.environ['PATH']}", "DISPLAY": ":9"}
        done = subprocess.run([self.dir / "opensnitch-ui", "--runtime-dir", self.dir], env=env, user=user.pw_uid,
                              group=user.pw_gid, extra_groups=[], capture_output=True, text=True,
                              timeout=DEADLINE_S, check=False)
        self.assertEqual((done.returncode, done.stdout), (0, ""), done.stderr)
        self.check_opened(result, user)

    @unittest.skipUnless(os.geteuid() == 0, "needs root to become another user")
    def test_sudo_opens_the_users_browser(self):
        result, bin_dir = self.prepare_opener()
        user = pwd.getpwnam("nobody")
        env = {"PATH": os.environ["PATH"], "DISPLAY": ":9", "SUDO_USER": user.pw_name,
               "LD_LIBRARY_PATH_OF_ROOT": "x", "BROWSER": "evil"}
        script = f'mount --bind "{bin_dir}" /usr/local/bin && exec "$@"'
        done = subprocess.run(["unshare", "-m", "sh", "-c", script, "sh", self.dir / "opensnitch-ui",
                               "--runtime-dir", self.dir], env=env, capture_output=True, text=True,
                              timeout=DEADLINE_S, check=False)
        self.assertEqual((done.returncode, done.stdout), (0, ""), done.stderr)
        seen = self.check_opened(result, user)
        self.assertEqual(seen["HOME"], user.pw_dir)
        self.assertEqual(seen["PATH"], "/usr/local/bin:/usr/bin:/bin")
        self.assertEqual(seen["DISPLAY"], ":9")
        self.assertNotIn("BROWSER", seen)
        self.assertNotIn("LD_LIBRARY_PATH_OF_ROOT", seen)

    def test_a_strange_sudo_user_runs_nothing(self):
        mark = self.dir / "mark"
        for name in (f"$(touch {mark})", f"x; touch {mark}", "-u", "root", ""):
            done = self.check(program=UI, env={**os.environ, "DISPLAY": ":9", "SUDO_USER": name})
            self.assertEqual(done.stdout, self.URL + "\n")
        self.assertFalse(mark.exists())


class TestDocumentation(CliTest):
    SOURCES = {"opensnitch-ui": ("cli/ui_main.c", "opensnitch-ui.1"),
               "opensnitch-ruleman": ("cli/options.c", "opensnitch-ruleman.1"),
               "opensnitchd": ("daemon/options.c", "opensnitchd.8")}

    def test_every_option_is_in_the_manual_and_in_the_completion(self):
        for program, (source, page) in self.SOURCES.items():
            shown = (TOP / source).read_text()
            manual = (TOP / "contrib/man" / page).read_text().replace("\\-", "-")
            completion = (TOP / "contrib/completions" / program).read_text()
            options = set(re.findall(r"--[a-z][a-z-]+", shown))
            self.assertGreater(len(options), 3)
            for option in options:
                self.assertIn(option, manual, page)
                self.assertIn(option, completion, program)

    def test_every_setting_is_in_the_manual(self):
        table = (TOP / "api/options.c").read_text()
        names = re.findall(r'\{ "([a-z_.]+)", OPTION_', table)
        self.assertGreater(len(names), 10)
        manual = (TOP / "contrib/man/opensnitchd.json.5").read_text()
        for name in names:
            self.assertRegex(manual, rf"(?m)^\.BR {re.escape(name)} ", name)

    @unittest.skipUnless(shutil.which("groff"), "needs groff")
    def test_manuals_are_well_formed(self):
        for page in (TOP / "contrib/man").iterdir():
            done = subprocess.run(["groff", "-man", "-ww", "-z", "-Tutf8", str(page)],
                                  capture_output=True, text=True, timeout=DEADLINE_S, check=False)
            self.assertEqual((done.returncode, done.stderr), (0, ""), page)

    def complete(self, program, *words):
        """What bash offers for the last of `words`."""
        script = ('. "$1"; program=$2; shift 2; COMP_WORDS=("$program" "$@"); COMP_CWORD=$#;'
                  ' fn=$(complete -p "${program##*/}" | sed "s/.*-F \\([^ ]*\\).*/\\1/"); $fn;'
                  ' printf "%s\\n" "${COMPREPLY[@]}"')
        done = subprocess.run(
            ["bash", "--norc", "-c", script, "bash", str(TOP / "contrib/completions" / program),
             str(BUILD / program), *words], capture_output=True, text=True, timeout=DEADLINE_S, check=True)
        self.assertEqual(done.stderr, "")
        return done.stdout.split("\n")[:-1]

    def test_completion_of_words(self):
        self.assertEqual(self.complete("opensnitch-ruleman", "d"), ["delete", "disable"])
        self.assertEqual(self.complete("opensnitch-ruleman", "add", "--action", ""),
                         ["allow", "deny", "reject"])
        self.assertEqual(self.complete("opensnitch-ruleman", "add", "--po"), ["--port"])
        self.assertEqual(self.complete("opensnitch-ruleman", "list", "--po"), [""])
        self.assertEqual(self.complete("opensnitch-ruleman", "add", "--duration", "u"),
                         ["until\\ restart"])
        self.assertEqual(self.complete("opensnitch-ui", "--p"), ["--print"])
        self.assertEqual(self.complete("opensnitchd", "--log-format", ""), ["text", "json"])
        self.assertEqual(self.complete("opensnitchd", "--ch"), ["--check-config"])

    def test_completion_of_rule_names(self):
        self.answer = lambda r: (200, {"items": [rule("000-a"), rule("000-b c;$(x)"), rule("zz")],
                                       "next": None})
        target = ("--runtime-dir", str(self.dir))
        self.assertEqual(self.complete("opensnitch-ruleman", *target, "delete", "000"),
                         ["000-a", "000-b\\ c\\;\\$\\(x\\)"])


if __name__ == "__main__":
    tap.main()
