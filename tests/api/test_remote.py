#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Through `ssh -L`, as the manual page shows it: log-in, cookie, events, prompts, and each curl recipe of it and of the README."""
import http.cookies
import os
import re
import shutil
import subprocess
import tempfile
import json
import socket
import threading

from kit import SITE, TOP, V1, Api, ApiCase, wait_until
from client import Events
from daemon import Slot
import tap


DEADLINE_S = 60


def manual_blocks(title):
    """The displays of a section of the manual page, as text."""
    with open(f"{TOP}/contrib/man/opensnitchd.8", encoding="utf-8") as f:
        section = f.read().split(f".SH {title}\n", 1)[1].split(".SH ", 1)[0]
    return re.findall(r"\.nf\n(.*?)\.fi", section.replace("\\-", "-").replace("\\e\n", "\\\n"), re.S)


def readme_blocks(title):
    """The indented blocks of a section of the README."""
    with open(f"{TOP}/README.md", encoding="utf-8") as f:
        section = f.read().split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]
    return re.findall(r"(?:^    .*\n)+", section, re.M)


def recipes(title="REMOTE"):
    """The shell commands of such a section, by the comment over each."""
    found = {}
    for block in manual_blocks(title):
        for name, command in re.findall(r"^ *# (.*?)\n((?: +.*\n)+?)(?= *#|\Z)", block, re.M):
            found[name] = command
    return found


class TestReadme(ApiCase):
    config = {"default_action": "deny"}

    def shell(self, command, **values):
        for name, value in {"/run/opensnitchd": self.daemon.runtime_dir, "sudo ": "", **values}.items():
            command = command.replace(name, str(value))
        done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False, timeout=DEADLINE_S)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def test_answering(self):
        (block,) = readme_blocks("Answering with curl")
        show, answer = re.split(r"\n(?=    curl )", block)
        _, curl, prompt = self.ask()
        self.assertEqual([p["id"] for p in self.shell(show)["items"]], [prompt["id"]])
        made = self.shell(answer, ID=prompt["id"])["rule"]
        self.addCleanup(self.api.delete, f"{V1}/rules/{made['name'] if isinstance(made, dict) else made}")
        self.assertEqual(curl.wait(DEADLINE_S), 0)
        with open(f"{TOP}/README.md", encoding="utf-8") as f:
            header = re.search(r"`(-H \"Authorization: Bearer .*?)`", f.read()).group(1)
        self.assertEqual(self.shell(f"curl -s {header} {self.daemon.url}{V1}/prompts")["items"], [])

    def test_a_list(self):
        (block,) = readme_blocks("Lists from a URL")
        self.addCleanup(self.api.delete, f"{V1}/lists/ads")
        made = self.shell(block)
        self.assertEqual((made["name"], made["operand"]), ("ads", "lists.domains"))
        self.assertTrue(made["folder"].startswith("/"))

    def test_a_token(self):
        block, audit = manual_blocks('"WHO MAY DO WHAT"')
        self.addCleanup(self.api.delete, f"{V1}/tokens/backup")
        made = self.shell(block)
        backup = Api(self.daemon.port, made["token"])
        self.assert_status(backup.get(f"{V1}/rules/export"), 200)
        self.assert_problem(backup.post(f"{V1}/interception", {"enabled": True}), 403)
        # Who did what: a token has changed no rule here.
        self.assertEqual(self.shell(audit), {"items": [], "next": None})


class TestRemote(ApiCase):
    config = {"default_action": "deny"}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.dir = tempfile.mkdtemp(prefix="opensnitch-ssh-")
        cls.addClassCleanup(shutil.rmtree, cls.dir, True)
        for key in ("host", "user"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{cls.dir}/{key}"], check=True)
        shutil.copy(f"{cls.dir}/user.pub", f"{cls.dir}/authorized_keys")
        ssh_port, cls.port = cls.free_port(), cls.free_port()
        os.makedirs("/run/sshd", exist_ok=True)
        # The daemon's console and sshd share the namespace that the test runs in; only loopback is used.
        cls.start(["/usr/sbin/sshd", "-D", "-e", "-f", "/dev/null", "-h", f"{cls.dir}/host", "-o", "ListenAddress=127.0.0.1",
                   "-o", f"Port={ssh_port}", "-o", f"AuthorizedKeysFile={cls.dir}/authorized_keys", "-o", "StrictModes=no",
                   "-o", f"PidFile={cls.dir}/pid", "-o", "PermitRootLogin=yes", "-o", "UsePAM=no", "-o", "PasswordAuthentication=no"])
        wait_until(lambda: cls.answers(ssh_port), what="sshd")
        cls.start(["ssh", "-F", "/dev/null", "-N", "-L", f"{cls.port}:localhost:{cls.daemon.port}", "-i", f"{cls.dir}/user",
                   "-p", str(ssh_port), "-o", "StrictHostKeyChecking=no", "-o", f"UserKnownHostsFile={cls.dir}/known",
                   "-o", "BatchMode=yes", "-o", "ExitOnForwardFailure=yes", "root@127.0.0.1"])
        wait_until(lambda: cls.answers(cls.port), what="the tunnel")
        cls.far = Api(cls.port, cls.api.token)
        cls.url = f"http://localhost:{cls.port}"

    @classmethod
    def free_port(cls):
        """One that no other test gets, nor the kernel gives to a connection."""
        slot = Slot()
        cls.addClassCleanup(slot.release)
        return slot.port

    @classmethod
    def start(cls, argv):
        with open(f"{cls.dir}/log", "ab") as log:
            proc = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        cls.addClassCleanup(proc.wait)
        cls.addClassCleanup(proc.kill)

    @staticmethod
    def answers(port):
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", port)) == 0

    def shell(self, command, **values):
        for name, value in values.items():
            command = command.replace(name, str(value))
        done = subprocess.run(["bash", "-c", command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False,
                              env={**os.environ, "TOKEN": self.api.token, "URL": self.url})
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def follow(self, command):
        """A recipe that never ends: its process and a reader of its lines."""
        proc = subprocess.Popen(["bash", "-c", "exec " + command.strip()], stdout=subprocess.PIPE, text=True,
                                env={**os.environ, "TOKEN": self.api.token, "URL": self.url})
        # Its end is the end of its lines: nobody waits for ever.
        timer = threading.Timer(DEADLINE_S, proc.kill)
        timer.start()
        self.addCleanup(proc.stdout.close)
        self.addCleanup(proc.wait)
        self.addCleanup(proc.kill)
        self.addCleanup(timer.cancel)
        return proc

    def test_log_in_and_cookie(self):
        code = self.assert_status(self.api.post(f"{V1}/session/codes"), 201).json["code"]
        own = {"Origin": self.url, "Host": f"localhost:{self.port}", "Sec-Fetch-Site": "same-origin"}
        far = Api(self.port)
        got = self.assert_status(far.post(f"{V1}/session", {"code": code}, headers=own), 201)
        cookie = http.cookies.SimpleCookie(got.headers["Set-Cookie"])["opensnitch_session"]
        own["Cookie"] = f"{cookie.key}={cookie.value}"
        self.assert_status(far.get(f"{V1}/status", headers=own), 200)
        self.assert_status(far.post(f"{V1}/interception", {"enabled": True}, headers=own), 200)
        self.assert_problem(far.post(f"{V1}/interception", {"enabled": True}, headers={**own, "Origin": "http://localhost:1"}), 403,
                            "bad-origin")
        with Events(far, headers=own) as events:
            self.assertEqual(events.status, 200)
            curl = self.net.popen(["curl", "-4sf", "-m", "50", "-o", "/dev/null", SITE])
            prompt = events.wait_for("prompt.opened").data
            self.assert_status(far.post(f"{V1}/prompts/{prompt['id']}/answer", {"action": "allow", "duration": "once"}, headers=own),
                               200)
            self.assertEqual(curl.wait(60), 0)

    def test_recipes_for_prompts(self):
        book = recipes()
        watcher = self.follow(book["watch prompts"])
        # The stream's first bytes say that it stands.
        watcher.stdout.readline()
        curl = self.net.popen(["curl", "-4sf", "-m", "50", "-o", "/dev/null", SITE])
        data = next(line for line in watcher.stdout if line.startswith("data:") and "deadline" in line)
        self.shell(book["answer one"], ID=json.loads(data[5:])["id"])
        self.assertEqual(curl.wait(60), 0)

    def test_recipes_for_rules(self):
        book = recipes()
        self.addCleanup(self.api.delete, f"{V1}/rules/no-telnet")
        self.assertEqual(json.loads(self.shell(book["add a rule"]))["name"], "no-telnet")
        self.assertIn("no-telnet", [r["name"] for r in json.loads(self.shell(book["export rules"]))])

    def test_recipe_to_follow_decisions(self):
        follower = self.follow(recipes()["follow decisions"])
        rule = {"name": "web", "action": "allow", "duration": "until restart", "enabled": True,
                "operator": {"type": "simple", "operand": "dest.port", "data": "80"}}
        self.addCleanup(self.api.delete, f"{V1}/rules/web")
        self.assert_status(self.api.post(f"{V1}/rules", rule), 201)
        # The stream's first bytes say that it stands.
        follower.stdout.readline()
        self.visit()
        # Decisions of a moment ago may come first.
        told = (json.loads(line[5:]) for line in follower.stdout if line.startswith("data:"))
        self.assertTrue(any(c["rule"] == "web" and c["dest"]["port"] == 80 for c in told))

    def test_recipe_to_pause(self):
        self.addCleanup(self.api.post, f"{V1}/interception", {"enabled": True})
        self.shell(recipes()["pause for five minutes"])
        self.assertFalse(self.api.get(f"{V1}/status").json["interception"]["enabled"])


if __name__ == "__main__":
    tap.main()
