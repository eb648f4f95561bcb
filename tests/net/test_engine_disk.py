# SPDX-License-Identifier: GPL-2.0-or-later
"""A full disk stops the history, says so, and stops nothing else."""
import os
import subprocess

from engine_kit import ALLOW_DNS, NEWS4, PYTHON, WWW4, EngineTest, tap, wait_until

from daemon import rule


class DiskTest(EngineTest):
    def small_disk(self, daemon, size="1500k"):
        """Puts the state folder on a small file system of its own."""
        os.mkdir(daemon.state_dir)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "none", daemon.state_dir], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", daemon.state_dir], check=False)

    def fill(self, daemon):
        path = f"{daemon.state_dir}/filler"
        with open(path, "wb", buffering=0) as f:
            try:
                while True:
                    f.write(bytes(4096))
            except OSError:
                pass
        return path

    def history(self, daemon):
        return daemon.status()["console"]["history"]

    def test_a_full_disk_stops_the_history_alone(self):
        d = self.start_daemon(config={"default_action": "reject"}, start=False,
                              rules=[ALLOW_DNS, rule("py", "allow", ("process.path", PYTHON), ("dest.port", "80"))])
        self.small_disk(d)
        d.start()
        events = self.watch(d)
        program = self.puppet()
        self.assertIsNone(program.call("tcp", WWW4, 80).error)
        self.connections(d, 1)
        filler = self.fill(d)

        def connect_until_stopped():
            for _ in range(100):
                self.assertIsNone(program.call("tcp", WWW4, 80).error)
            return self.history(d)["state"] == "stopped"

        wait_until(connect_until_stopped, what="the history to stop", deadline=180)
        self.assertIn("disk", events.wait_for("alert", lambda a: a["code"] == "history_stopped").data["message"])
        self.assertTrue(self.history(d)["why"])
        self.assertIn("history_stopped", [w["code"] for w in d.status()["warnings"]])
        # Deciding, asking, answering, live events and new rules go on.
        seen = len(events.all("connection"))
        self.assertIsNone(program.call("tcp", WWW4, 80).error)
        events.wait_for("connection", skip=seen)
        program.begin("tcp", NEWS4, 8080)
        prompt = events.wait_for("prompt.opened").data
        self.answer(d, prompt, "allow", "once")
        self.assertIsNone(program.result().error)
        self.assertEqual(d.api.get("/api/v1/rules").status, 200)
        self.assertEqual(d.api.get("/api/v1/connections").status, 200)
        # Room again: it goes on by itself, and says so.
        os.unlink(filler)
        events.wait_for("alert", lambda a: a["code"] == "history_resumed", deadline=120)
        wait_until(lambda: self.history(d)["state"] == "ok", what="the history to be well")
        self.assertIsNone(program.call("tcp", WWW4, 80).error)
        newest = events.all("connection")[-1].data["time"]
        wait_until(lambda: d.api.connections()[0]["time"] >= newest, what="new connections to be recorded")

    def test_rules_are_never_lost_to_a_full_disk(self):
        """A rule that cannot be stored is refused with a reason; one that was acknowledged stands after a restart."""
        d = self.start_daemon(config={"default_action": "reject"}, start=False)
        self.small_disk(d)
        d.start()
        self.assertEqual(d.api.post("/api/v1/rules", rule("before", "allow", ("dest.ip", WWW4))).status, 201)
        self.fill(d)
        acknowledged = ["before"]
        for n in range(60):
            made = rule(f"r{n:02}", "allow", ("dest.ip", NEWS4), duration=("1h", "always")[n % 2], description="x" * 3000)
            got = d.api.post("/api/v1/rules", made)
            if got.status == 201:
                acknowledged.append(made["name"])
            else:
                self.assertIn(got.status, (500, 503, 507), got)
                self.assertTrue(got.json["detail"])
        names = {r["name"] for r in d.api.get("/api/v1/rules", query={"limit": 1000}).json["items"]}
        self.assertLessEqual(set(acknowledged), names)
        self.assertEqual(d.stop(), 0)
        d.start()
        names = {r["name"] for r in d.api.get("/api/v1/rules", query={"limit": 1000}).json["items"]}
        self.assertLessEqual(set(acknowledged), names)
        self.assertIsNone(self.puppet().call("tcp", WWW4, 80).error)


if __name__ == "__main__":
    tap.main()
