#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Lists of hosts, addresses and networks: read live from folders, in force for real connections."""
import os
import shutil
import tempfile

from kit import V1, ApiCase, wait_until
import tap

WWW4 = "198.51.100.10"
REFUSED = 7  # curl: could not connect


def lists_rule(operand, folder, name="block", action="reject"):
    return {"name": name, "enabled": True, "action": action, "duration": "always",
            "operator": {"type": "lists", "operand": operand, "sensitive": False, "data": folder}}


class ListCase(ApiCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="opensnitch-lists-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        os.chmod(self.folder, 0o755)

    def write(self, name, text, rename=True):
        path = os.path.join(self.folder, name)
        to = os.path.join(self.folder, "." + name) if rename else path
        with open(to, "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(to, 0o644)
        if rename:
            os.rename(to, path)
        return path

    def add_rule(self, operand, **more):
        made = self.assert_status(self.api.post(f"{V1}/rules", lists_rule(operand, self.folder, **more)), 201)
        self.addCleanup(self.api.delete, made.headers["Location"])

    def is_blocked(self, url="http://www.example.test/"):
        code = self.visit(url, code=None)
        self.assertIn(code, (0, REFUSED))
        return code == REFUSED

    def becomes(self, blocked, url="http://www.example.test/"):
        wait_until(lambda: self.is_blocked(url) == blocked, what=f"blocked: {blocked}")


class TestFolders(ListCase):
    def test_a_hosts_file_is_read_live(self):
        path = self.write("ads.txt", "# ads\r\n127.0.0.1 localhost\r\n0.0.0.0 www.example.test # here\r\n")
        self.add_rule("lists.domains")
        self.becomes(True)
        self.assertFalse(self.is_blocked("http://news.example.test/"))
        # written over in place, renamed over, removed
        self.write("ads.txt", "news.example.test\n", rename=False)
        self.becomes(False)
        self.becomes(True, "http://news.example.test/")
        self.write("ads.txt", "||example.test^\n")
        self.becomes(True)
        os.unlink(path)
        self.becomes(False)
        # another file, and what editors leave does not count
        self.write("more.list", "*.example.test\n")
        self.becomes(True)
        os.unlink(os.path.join(self.folder, "more.list"))
        self.write("more.list~", "*.example.test\n")
        self.write("nosuffix", "*.example.test\n")
        self.becomes(False)

    def test_a_half_written_file_is_waited_for(self):
        self.write("ads.txt", "www.example.test\n")
        self.add_rule("lists.domains")
        self.becomes(True)
        with open(os.path.join(self.folder, "ads.txt"), "w", encoding="utf-8") as f:
            f.write("news.example")
            f.flush()
            # Something else changes, so the folder is looked at: the other file counts when this one is whole.
            self.write("b.txt", "other.example\n")
            self.assertTrue(self.is_blocked())
            f.write(".test\n")
        self.becomes(False)
        self.becomes(True, "http://news.example.test/")

    def test_a_folder_that_comes_later_and_goes(self):
        shutil.rmtree(self.folder)
        self.add_rule("lists.ips")
        self.assertFalse(self.is_blocked())
        os.mkdir(self.folder, 0o755)
        self.write("ips.txt", f"{WWW4}\n2001:db8::1\n")
        self.becomes(True)
        shutil.rmtree(self.folder)
        self.becomes(False)

    def test_networks_and_expressions(self):
        self.write("nets.txt", "198.51.100.0/24\n2001:db8:51::/48\n")
        self.add_rule("lists.nets", name="nets")
        self.becomes(True)
        self.write("nets.txt", "203.0.113.0/24\n")
        self.becomes(False)
        os.unlink(os.path.join(self.folder, "nets.txt"))
        self.write("regexps.txt", "# expressions\n^www\\.exam[p]le\\.\n((\n")
        self.add_rule("lists.domains_regexp", name="regexps")
        self.becomes(True)

    def test_the_api_tells_what_is_read(self):
        self.write("a.txt", "0.0.0.0 www.example.test\nnews.example.test\n!! no name !!\nno good name\nb\u00fccher.example\n")
        self.write("b.txt", "news.example.test\n")
        self.add_rule("lists.domains", name="ads")
        self.becomes(True)
        self.assertTrue(self.is_blocked("http://news.example.test/"))

        def read():
            got = self.assert_status(self.api.get(f"{V1}/lists"), 200).json
            self.assertIsNone(got["next"])
            item = [i for i in got["items"] if i["folder"] == self.folder][0]
            return item if item["hits"] >= 2 else None

        item = wait_until(read, what="hits")
        self.assertEqual((item["operand"], item["entries"], item["problem"], item["rules"]), ("lists.domains", 3, None, ["ads"]))
        a, b = item["files"]
        self.assertEqual((a["name"], a["entries"], a["bad_lines"], a["first_bad"]["line"]), ("a.txt", 3, 1, 4))
        self.assertGreaterEqual(a["hits"], 2)
        self.assertTrue(a["last_hit"])
        # What stands in two files is the first one's.
        self.assertEqual((b["entries"], b["hits"], b["last_hit"]), (1, 0, None))
        # The explanation knows the lists as well.
        got = self.assert_status(self.api.post(f"{V1}/explain", {"dest": {"host": "news.example.test", "port": 80}}), 200)
        self.assertEqual(got.json["rule"], "ads", got.json)

    def test_lists_outlive_the_console(self):
        self.write("ads.txt", "www.example.test\n")
        self.add_rule("lists.domains")
        self.becomes(True)
        self.daemon.kill_console()
        self.assertTrue(self.is_blocked())
        self.assertTrue(self.is_blocked())
        self.write("ads.txt", "news.example.test\n")
        self.becomes(False)


class TestAliases(ListCase):
    def rule(self, alias, **more):
        return {"name": "alias", "enabled": True, "action": "reject", "duration": "always", "operator": {
            "type": "list", "operand": "list", "list": [
                {"type": "simple", "operand": "protocol", "data": "tcp"},
                {"type": "network", "operand": "dest.network", "data": alias}]}, **more}

    def test_networks_by_name(self):
        path = os.path.join(os.path.dirname(self.daemon.config_path), "network_aliases.json")
        with open(path, "w", encoding="utf-8") as f:
            f.write('{"LAB": ["2001:db8:100::/48", "198.51.100.0/24", "bad"], "ELSE": ["203.0.113.0/24"]}')
        os.chmod(path, 0o644)
        self.addCleanup(os.unlink, path)
        self.daemon.kill_console()
        self.assert_problem(self.api.post(f"{V1}/rules", self.rule("NOWHERE")), 422, field="operator.list[1].data")
        self.addCleanup(self.api.delete, f"{V1}/rules/alias")
        made = self.assert_status(self.api.post(f"{V1}/rules", self.rule("LAB")), 201)
        # It stays a name for people.
        self.assertEqual(made.json["operator"]["list"][1]["data"], "LAB")
        self.becomes(True)
        self.assert_status(self.api.put(f"{V1}/rules/alias", self.rule("ELSE")), 200)
        self.becomes(False)
        self.assert_status(self.api.put(f"{V1}/rules/alias", self.rule("MULTICAST")), 200)
        self.assertIn("LAB[2]", self.daemon.log())


if __name__ == "__main__":
    tap.main()
