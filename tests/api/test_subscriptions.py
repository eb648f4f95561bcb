#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Lists from a URL: fetched from a web server of this test, kept when that one fails, in force for real connections."""
import http.server
import os
import shutil
import signal
import socketserver
import subprocess
import tempfile
import threading

from kit import V1, ApiCase, wait_until
from openapi import WHY_NOT, Contract
import tap

REFUSED = 7  # curl: could not connect
LIST = b"# ads\n0.0.0.0 www.example.test\nads.example\n"
OTHER = b"news.example.test\n"
LIMIT = 64 << 20  # LIMIT_FETCH_BYTES


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_args):
        pass

    def do_GET(self):  # noqa: N802
        self.close_connection = True
        self.server.seen.append((self.path, self.headers.get("If-None-Match"), self.headers.get("If-Modified-Since")))
        self.server.answers[self.path](self)

    def reply(self, status, body=b"", length=None, **headers):
        self.send_response(status)
        if length != "":
            self.send_header("Content-Length", str(len(body) if length is None else length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    """A web server on loopback: a path answers what stands in `answers`."""
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers, self.seen = {}, []
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05})
        self.thread.start()

    def handle_error(self, *_args):
        pass  # who is cut off hangs up

    def close(self):
        self.shutdown()
        self.thread.join()
        self.server_close()


def whole(body, **headers):
    return lambda h: h.reply(200, body, **headers)


class SubscriptionCase(ApiCase):
    def setUp(self):
        self.web = Server()
        self.addCleanup(self.web.close)

    def path(self, name):
        return f"{V1}/lists/{name}"

    def add(self, name, answer=None, **more):
        if answer:
            self.web.answers[f"/{name}"] = answer
        body = {"name": name, "url": f"{self.web.url}/{name}", **more}
        made = self.assert_status(self.api.post(f"{V1}/lists", body), 201)
        self.addCleanup(lambda: self.api.delete(self.path(name)))
        self.assertEqual(made.headers["Location"], self.path(name))
        return self.settled(name)

    def get(self, name):
        return self.assert_status(self.api.get(self.path(name)), 200).json

    def settled(self, name, after=None):
        """The list when it was fetched (again)."""
        def look():
            got = self.get(name)
            return got if got["checked"] and got["checked"] != after and not got["refreshing"] else None
        return wait_until(look, what=f"a fetch of {name}")

    def refresh(self, name):
        before = self.get(name)["checked"]
        self.assertTrue(self.assert_status(self.api.post(self.path(name) + "/refresh"), 202).json["refreshing"])
        return self.settled(name, before)

    def files(self, item):
        return sorted(os.listdir(item["folder"])) if os.path.isdir(item["folder"]) else []

    def block(self, item):
        made = self.assert_status(self.api.post(f"{V1}/rules", {
            "name": "block", "enabled": True, "action": "reject", "duration": "always", "operator": {
                "type": "lists", "operand": item["operand"], "sensitive": False, "data": item["folder"]}}), 201)
        self.addCleanup(lambda: self.api.delete(made.headers["Location"]))

    def becomes(self, blocked, url="http://www.example.test/"):
        wait_until(lambda: (self.visit(url, code=None) == REFUSED) == blocked, what=f"{url} blocked: {blocked}")


class TestFetching(SubscriptionCase):
    def test_a_list_is_in_force(self):
        item = self.add("ads", whole(LIST, ETag='"one"'))
        self.assertEqual((item["kind"], item["entries"], item["bad_lines"], item["bytes"], item["error"]), ("subscription", 2, 0, len(LIST), None), item)
        self.assertEqual((item["operand"], item["group"], item["interval"], item["enabled"]), ("lists.domains", "ads", "1d", True))
        self.assertTrue(item["updated"] and item["next"] > item["checked"])
        self.assertEqual(self.files(item), ["ads.list"])
        self.block(item)
        self.becomes(True)
        self.assertEqual(self.visit("http://news.example.test/", code=None), 0)
        item = wait_until(lambda: (i := self.get("ads"))["hits"] and i, what="hits")
        self.assertEqual(item["rules"], ["block"])
        self.assertTrue(item["last_hit"])
        # Another copy takes its place at once.
        self.web.answers["/ads"] = whole(OTHER, ETag='"two"')
        self.assertEqual(self.refresh("ads")["entries"], 1)
        self.becomes(False)
        self.becomes(True, "http://news.example.test/")
        # Off and on.
        self.assert_status(self.api.patch(self.path("ads"), {"enabled": False}), 200)
        self.assertEqual(self.files(item), [".ads.off"])
        self.assertIsNone(self.get("ads")["next"])
        self.becomes(False, "http://news.example.test/")
        self.assert_status(self.api.patch(self.path("ads"), {"enabled": True}), 200)
        self.becomes(True, "http://news.example.test/")
        # In the list of lists stand both: what was subscribed to, and the folder that a rule names.
        kinds = [(i["kind"], i["folder"]) for i in self.api.get(f"{V1}/lists").json["items"]]
        self.assertEqual(kinds, [("subscription", item["folder"]), ("folder", item["folder"])])
        self.assert_status(self.api.delete(self.path("ads")), 204)
        self.assertFalse(os.path.exists(item["folder"]))
        self.becomes(False, "http://news.example.test/")
        self.assert_problem(self.api.get(self.path("ads")), 404)

    def test_what_has_not_changed_is_not_sent(self):
        def answer(h):
            if h.headers.get("If-None-Match") == 'W/"one"':
                h.reply(304)
            else:
                h.reply(200, LIST, ETag='W/"one"', Last_Modified="Mon, 23 Nov 2026 18:00:00 GMT")
        first = self.add("ads", answer)
        second = self.refresh("ads")
        self.assertEqual(self.web.seen, [("/ads", None, None), ("/ads", 'W/"one"', "Mon, 23 Nov 2026 18:00:00 GMT")])
        self.assertEqual((second["updated"], second["entries"], second["error"]), (first["updated"], 2, None))
        self.assertGreater(second["checked"], first["checked"])
        # Somebody took the file away or wrote into it: it comes whole.
        for spoil in (os.unlink, lambda path: open(path, "a", encoding="ascii").write("x")):
            spoil(os.path.join(first["folder"], "ads.list"))
            self.refresh("ads")
            self.assertEqual(self.web.seen[-1], ("/ads", None, None))
            with open(os.path.join(first["folder"], "ads.list"), "rb") as f:
                self.assertEqual(f.read(), LIST)
        # A server that says so without being asked does not make a list.
        self.web.answers["/ads"] = lambda h: h.reply(304)
        self.assert_status(self.api.patch(self.path("ads"), {"url": self.web.url + "/ads?again"}), 200)
        self.web.answers["/ads?again"] = lambda h: h.reply(304)
        self.assertIn("304", wait_until(lambda: self.get("ads")["error"], what="an error"))

    def test_the_last_good_copy_is_kept(self):
        good = self.add("ads", whole(LIST, ETag='"one"'))
        path = os.path.join(good["folder"], "ads.list")
        page = b"<html>\n<head><title>502</title></head>\n<body>\n<h1>Bad gateway, try again!</h1>\n</body>\n</html>\n"
        cases = {
            "status 503": lambda h: h.reply(503, LIST),
            "status 206": lambda h: h.reply(206, LIST),
            "bytes remaining to read": lambda h: h.reply(200, LIST, length=len(LIST) + 7),  # cut short
            "did not say how long": lambda h: h.reply(200, LIST, length=""),
            "bigger than": lambda h: h.reply(200, LIST, length=LIMIT + 1),
            "is no list for lists.domains": whole(page),
            "no entries": whole(b"# nothing\n"),
            "empty": whole(b""),
            "redirect": lambda h: h.reply(302, Location="/ads"),  # in a circle
            "file": lambda h: h.reply(302, Location="file:///etc/passwd"),
        }
        for what, answer in cases.items():
            with self.subTest(what=what):
                self.web.answers["/ads"] = answer
                bad = self.refresh("ads")
                self.assertIn(what, bad["error"] or "")
                self.assertEqual([bad[k] for k in ("updated", "entries", "bytes")], [good[k] for k in ("updated", "entries", "bytes")])
                self.assertLess(bad["updated"], bad["checked"])
                self.assertGreater(bad["next"], bad["checked"])
                self.assertEqual(self.files(good), ["ads.list"])
                with open(path, "rb") as f:
                    self.assertEqual(f.read(), LIST)
        # Nobody there; and then all is well again.
        self.assert_status(self.api.patch(self.path("ads"), {"url": "http://127.0.0.1:1/ads"}), 200)
        error = wait_until(lambda: (e := self.get("ads")["error"]) and "onnect" in e and e, what="an error")
        self.assertIn("127.0.0.1", error)
        self.web.answers["/ads"] = whole(OTHER)
        self.assert_status(self.api.patch(self.path("ads"), {"url": self.web.url + "/ads"}), 200)
        item = wait_until(lambda: (i := self.get("ads"))["entries"] == 1 and i, what="the other list")
        self.assertEqual((item["error"], item["bad_lines"]), (None, 0))

    def test_chunked_redirected_and_of_other_kinds(self):
        def chunked(h):
            h.send_response(200)
            h.send_header("Transfer-Encoding", "chunked")
            h.end_headers()
            h.wfile.write(b"e\r\n198.51.100.0/2\r\n2\r\n4\n\r\n0\r\n\r\n")
        self.web.answers["/there"] = chunked
        item = self.add("nets", lambda h: h.reply(302, Location="/there"), operand="lists.nets", group="nets_all")
        self.assertEqual((item["entries"], item["error"], self.files(item)), (1, None, ["nets.list"]))
        self.assertTrue(item["folder"].endswith("/lists/nets_all"))
        self.block(item)
        self.becomes(True)
        # Cut in the middle of a chunk.
        self.web.answers["/there"] = lambda h: (h.send_response(200), h.send_header("Transfer-Encoding", "chunked"), h.end_headers(),
                                                h.wfile.write(b"e\r\n203.0.113.0/2"))
        self.assertTrue(self.refresh("nets")["error"])
        self.assertEqual(self.get("nets")["entries"], 1)
        # One folder is for one operand, and holds several lists.
        self.assert_problem(self.api.post(f"{V1}/lists", {"name": "x", "url": self.web.url + "/x", "group": "nets_all"}), 422, field="group")
        self.add("more", whole(b"203.0.113.0/24\n"), operand="lists.nets", group="nets_all")
        self.assertEqual(self.files(item), ["more.list", "nets.list"])
        self.assert_status(self.api.delete(self.path("more")), 204)
        self.assertEqual(self.files(item), ["nets.list"])
        self.assert_status(self.api.patch(self.path("nets"), {"group": "elsewhere"}), 200)
        self.assertEqual(self.files(item), [])
        self.becomes(False)

    def test_files(self):
        folder = tempfile.mkdtemp(prefix="opensnitch-lists-")
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        os.chmod(folder, 0o755)
        path = os.path.join(folder, "my list.txt")
        with open(path, "wb") as f:
            f.write(LIST)
        item = self.add("file", url=f"file://{folder}/my%20list.txt")
        self.assertEqual((item["entries"], item["error"]), (2, None))
        os.unlink(path)
        self.assertIn("cannot be read", self.refresh("file")["error"])
        os.mkfifo(path)
        self.assertIn("no regular file", self.refresh("file")["error"])
        self.assertEqual(self.files(item), ["file.list"])
        # What the sandbox closes stays closed, whoever may read it.
        for where in ("/proc/self/environ", "/sys/kernel/mm/ksm/run", "/root/.profile"):
            self.assert_status(self.api.patch(self.path("file"), {"url": "file://" + where}), 200)
            wait_until(lambda: self.get("file")["error"] and not self.get("file")["refreshing"], what="an error")


class TestLife(SubscriptionCase):
    def test_a_restart_keeps_all(self):
        good = self.add("ads", whole(LIST, ETag='"one"'), interval="12h")
        self.web.answers["/ads"] = lambda h: h.reply(500)
        bad = self.refresh("ads")
        self.block(good)
        n = len(self.web.seen)
        self.daemon.stop()
        self.daemon.start()
        type(self).api = self.daemon.api  # another token
        self.assertEqual({**self.get("ads"), "hits": 0, "last_hit": None, "rules": []}, {**bad, "hits": 0, "last_hit": None, "rules": []})
        self.becomes(True)
        # Fresh enough: it was not fetched. And when it is, it is asked for as before.
        self.assertEqual(len(self.web.seen), n)
        self.web.answers["/ads"] = lambda h: h.reply(304)
        self.assertIsNone(self.refresh("ads")["error"])
        self.assertEqual(self.web.seen[-1][1], '"one"')
        # The console alone, in the middle of a fetch.
        hold = threading.Event()
        self.addCleanup(hold.set)
        self.web.answers["/ads"] = lambda h: hold.wait(100)
        self.assert_status(self.api.post(self.path("ads") + "/refresh"), 202)
        wait_until(lambda: self.get("ads")["refreshing"] and len(self.web.seen) == n + 2, what="a fetch")
        self.daemon.kill_console()
        wait_until(lambda: self.api.get(self.path("ads")).status == 200, what="the console")
        self.assertEqual((self.get("ads")["refreshing"], self.files(good)), (False, ["ads.list"]))

    def test_changes_while_it_is_fetched(self):
        hold = threading.Event()
        self.addCleanup(hold.set)
        self.web.answers["/slow"] = lambda h: (hold.wait(100), h.reply(200, LIST))
        self.web.answers["/fast"] = whole(OTHER)
        self.assert_status(self.api.post(f"{V1}/lists", {"name": "slow", "url": self.web.url + "/slow"}), 201)
        self.addCleanup(self.api.delete, self.path("slow"))
        wait_until(lambda: self.web.seen, what="a fetch")
        self.assert_status(self.api.patch(self.path("slow"), {"url": self.web.url + "/fast"}), 200)
        self.assert_status(self.api.post(f"{V1}/lists", {"name": "gone", "url": self.web.url + "/fast"}), 201)
        self.assert_status(self.api.delete(self.path("gone")), 204)
        hold.set()
        item = wait_until(lambda: (i := self.get("slow"))["entries"] and not i["refreshing"] and i, what="a copy")
        self.assertEqual((item["entries"], self.files(item)), (1, ["slow.list"]))

    def test_a_worker_that_dies_is_told(self):
        hold = threading.Event()
        self.addCleanup(hold.set)
        self.web.answers["/slow"] = lambda h: hold.wait(100)
        self.assert_status(self.api.post(f"{V1}/lists", {"name": "slow", "url": self.web.url + "/slow"}), 201)
        self.addCleanup(self.api.delete, self.path("slow"))
        wait_until(lambda: self.web.seen, what="a fetch")
        starts = self.daemon.status()["console"]["starts"]
        launcher, fetcher = self.processes()
        os.kill(fetcher, signal.SIGKILL)
        self.assertIn("died of signal 9", self.settled("slow")["error"])
        self.web.answers["/slow"] = whole(LIST)
        self.assertEqual(self.refresh("slow")["entries"], 2)
        # Without the process that fetches nothing is fetched, and all else goes on.
        os.kill(launcher, signal.SIGKILL)
        self.assertIn("process that fetches", self.refresh("slow")["error"])
        self.assertEqual(self.daemon.status()["console"]["starts"], starts)
        self.daemon.kill_console()
        wait_until(lambda: self.api.get(self.path("slow")).status == 200, what="the console")
        self.assertIsNone(self.refresh("slow")["error"])

    def children(self, pid):
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
            return [int(p) for p in f.read().split()]

    def launcher(self):
        """The PID of the process that starts what fetches; another one of the console's may be there for a moment."""
        def find():
            for pid in self.children(self.daemon.console_pid()):
                try:
                    with open(f"/proc/{pid}/comm", encoding="ascii") as f:
                        if f.read() == "opensnitch-get\n":
                            return pid
                except OSError:
                    pass
            return None
        return wait_until(find, what="the launcher")

    def processes(self):
        """The PIDs of the launcher and of the program that fetches a list."""
        launcher = self.launcher()
        return launcher, wait_until(lambda: (lambda c: c if len(c) == 1 else None)(self.children(launcher)), what="one fetcher")[0]

    def assert_powerless(self, pid, opened):
        with open(f"/proc/{pid}/status", encoding="ascii") as f:
            status = dict(line.split(":\t", 1) for line in f.read().splitlines() if ":\t" in line)
        self.assertNotIn("0", status["Uid"].split())
        self.assertEqual(set(int(status[k], 16) for k in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")), {0})
        self.assertEqual((status["NoNewPrivs"], status["Seccomp"], status["Groups"].strip()), ("1", "2", ""))
        self.assertEqual(os.stat(f"/proc/{pid}/stat").st_uid, 0, "it may be dumped")
        links = {int(fd): os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")}
        self.assertEqual([fd for fd, to in links.items() if fd > 2 and not (fd in opened and to.startswith(opened[fd]))], [], links)
        return int(status["Seccomp_filters"])

    def test_what_fetches_has_given_up_everything(self):
        console = self.daemon.console_pid()
        program = os.path.join(os.path.dirname(os.readlink(f"/proc/{console}/exe")), "opensnitch-fetcher")
        launcher = self.launcher()
        wait_until(lambda: not self.children(launcher), what="no fetch of a test before")
        filters = self.assert_powerless(launcher, {3: "socket:", 5: program})
        hold = threading.Event()
        self.addCleanup(hold.set)
        self.web.answers["/slow"] = lambda h: (hold.wait(100), h.reply(200, LIST))
        self.assert_status(self.api.post(f"{V1}/lists", {"name": "slow", "url": self.web.url + "/slow"}), 201)
        self.addCleanup(self.api.delete, self.path("slow"))
        wait_until(lambda: self.web.seen, what="a fetch")
        fetcher = self.processes()[1]
        self.assertEqual(os.readlink(f"/proc/{fetcher}/exe"), program)
        # Sockets of the transfer come after the two that it was born with.
        folder = os.path.join(self.get("slow")["folder"], "")
        more = self.assert_powerless(fetcher, {3: "socket:", 4: folder, **{n: "" for n in range(5, 32)}})
        self.assertGreater(more, filters)
        # It lasts for one list, and only it is linked with what fetches.
        hold.set()
        self.assertIsNone(self.settled("slow")["error"])
        wait_until(lambda: not self.children(launcher), what="the end of the fetcher")
        for pid in (console, launcher):
            with open(f"/proc/{pid}/maps", encoding="ascii") as f:
                self.assertNotIn("curl", f.read())

    def test_people_do_not_start_it(self):
        launcher = self.launcher()
        done = subprocess.run([os.path.join(os.path.dirname(os.readlink(f"/proc/{launcher}/exe")), "opensnitch-fetcher")],
                              capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("started by opensnitch-console", done.stderr)


class TestInput(SubscriptionCase):
    def test_bad_input_names_the_field(self):
        good = {"name": "x", "url": "https://localhost/x"}
        bad = [({**good, "name": n}, "name") for n in ("", ".x", "a/b", "..", "ä", "x" * 65, "a b", 3, None)]
        bad += [({**good, "url": u}, "url") for u in (
            "", "x", "ftp://localhost/x", "gopher://localhost", "javascript:alert(1)", "http://", "https://u:p@localhost/x",
            "https://u@localhost/", "http://localhost/ x", "http://localhost/\u00e4", "file://", "file:///", "file://host/x", "file:x",
            "http://localhost:99999/", "https://localhost/" + "x" * 2048, "-x", None, 7)]
        bad += [({**good, "operand": o}, "operand") for o in ("", "dest.host", "list", "lists", "lists.nothing", 1)]
        bad += [({**good, "group": g}, "group") for g in ("", "../x", "a/b", ".x", 1)]
        bad += [({**good, "interval": i}, "interval") for i in ("", "x", "1s", "4m59s", "91d", 5, "-1h")]
        bad += [({**good, "enabled": 1}, "enabled"), ({"url": good["url"]}, "name"), ({"name": "x"}, "url"), ({**good, "colour": 1}, "colour")]
        for body, field in bad:
            with self.subTest(body=str(body)[:100]):
                self.assert_problem(self.api.post(f"{V1}/lists", body), 422, field=field)
        self.assertEqual(self.api.get(f"{V1}/lists").json["items"], [])

    def test_names_etags_and_limits(self):
        item = self.add("ads", whole(OTHER), enabled=True)
        self.assert_problem(self.api.post(f"{V1}/lists", {"name": "ads", "url": "https://localhost/x"}), 409)
        self.assert_problem(self.api.patch(self.path("ads"), {"name": "other"}), 422, field="name")
        self.assert_problem(self.api.patch(self.path("ads"), {"entries": 5}), 422, field="entries")
        self.assert_problem(self.api.patch(self.path("ads"), {"enabled": False}, headers={"If-Match": '"x"'}), 412)
        tag = self.api.get(self.path("ads")).headers["ETag"]
        self.assert_status(self.api.patch(self.path("ads"), {"interval": "6h"}, headers={"If-Match": tag}), 200)
        self.assert_problem(self.api.delete(self.path("ads"), headers={"If-Match": tag}), 412)
        self.assertEqual(self.api.patch(self.path("ads"), {"interval": None}).json["interval"], "1d")
        # Another operand is another list: the old file is not read as one.
        got = self.assert_status(self.api.patch(self.path("ads"), {"operand": "lists.ips"}), 200).json
        self.assertEqual((got["entries"], got["updated"]), (0, None))
        self.assertIn("is no list for lists.ips", wait_until(lambda: self.get("ads")["error"], what="an error"))
        self.assertEqual(self.files(item), [])
        # There is an end to them.
        for n in range(63):
            self.assert_status(self.api.post(f"{V1}/lists", {"name": f"n{n}", "url": "http://127.0.0.1:1/", "enabled": False}), 201)
            self.addCleanup(self.api.delete, self.path(f"n{n}"))
        self.assert_problem(self.api.post(f"{V1}/lists", {"name": "more", "url": "http://127.0.0.1:1/"}), 409)
        self.assertEqual(len(self.api.get(f"{V1}/lists").json["items"]), 64)

    def test_answers_are_as_told(self):
        if WHY_NOT:
            self.skipTest(WHY_NOT)
        contract, told = Contract(), {}
        for method, path, operation in contract.operations():
            told[method, path] = operation
        self.add("ads", whole(LIST))
        self.web.answers["/ads"] = lambda h: h.reply(500)
        self.refresh("ads")
        self.block(self.get("ads"))
        for path in (f"{V1}/lists", self.path("ads")):
            self.assertEqual(contract.judge(told["get", path.replace("ads", "{name}")], self.api.get(path)), [])


if __name__ == "__main__":
    tap.main()
