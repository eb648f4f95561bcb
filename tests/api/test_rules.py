#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Rules: create, read, replace, patch, delete, with conditions, pages and orders."""
import json
import os
from urllib.parse import quote

from kit import V1, ALLOW_DNS, ApiCase, rule, wait_until
import tap


def a_rule(name, action="deny", **more):
    made = rule(name, action, ("dest.host", "^nowhere\\.", "regexp"), **more)
    del made["created"], made["updated"]
    return made


class RuleCase(ApiCase):
    def setUp(self):
        self.addCleanup(self.forget_rules)

    def forget_rules(self):
        for item in self.api.get(f"{V1}/rules", query={"limit": 1000}).json["items"]:
            if item["name"] != "000-allow-dns":
                self.api.delete(f"{V1}/rules/{quote(item['name'], safe='')}")

    def create(self, body):
        return self.assert_status(self.api.post(f"{V1}/rules", body), 201)

    def at(self, name):
        return f"{V1}/rules/{quote(name, safe='')}"


class TestRules(RuleCase):
    def test_create_and_read(self):
        wanted = a_rule("one", description="says why", unknown_field={"kept": [1, "two"]})
        with self.daemon.events("rule.*") as events:
            made = self.create(wanted)
            self.assertEqual(events.wait_for("rule.created").data, made.json)
        self.assertEqual(made.headers["Location"], f"{V1}/rules/one")
        for key, value in wanted.items():
            if key != "operator":
                self.assertEqual(made.json[key], value, key)
        self.assertEqual(made.json["operator"]["data"], wanted["operator"]["data"])
        self.assertEqual((made.json["hits"], made.json["last_hit"], made.json["source"]), (0, None, "api"))
        self.assertEqual(made.json["file"], "one.json")
        got = self.assert_status(self.api.get(made.headers["Location"]), 200)
        self.assertEqual((got.json, got.headers["ETag"]), (made.json, made.headers["ETag"]))
        with open(f"{self.daemon.rules_dir}/one.json", encoding="utf-8") as f:
            self.assertEqual(json.load(f)["unknown_field"], {"kept": [1, "two"]})

    def test_names_that_need_escapes(self):
        for name in ("a b", "a/b", "ä", "100%", "..", "?x=1", "a#b", " lead", "<script>"):
            with self.subTest(name=name):
                made = self.create(a_rule(name))
                self.assertEqual(made.headers["Location"], self.at(name))
                self.assertEqual(self.api.get(made.headers["Location"]).json["name"], name)
                self.assert_status(self.api.delete(made.headers["Location"]), 204)

    def test_refusals_name_the_field_and_keep_nothing(self):
        good = a_rule("bad")
        operator = good["operator"]
        for change, field in (({"name": ""}, "name"), ({"name": 1}, "name"), ({"name": "x" * 201}, "name"), ({"name": "a\nb"}, "name"),
                              ({"action": "ask"}, "action"), ({"action": None}, "action"), ({"duration": "2h"}, "duration"),
                              ({"duration": "once"}, "duration"), ({"enabled": "yes"}, "enabled"), ({"precedence": 1}, "precedence"),
                              ({"nolog": "x"}, "nolog"), ({"created": "yesterday"}, "created"), ({"operator": None}, "operator"),
                              ({"operator": {**operator, "type": "magic"}}, "operator.type"),
                              ({"operator": {**operator, "operand": "dest.colour"}}, "operator.operand"),
                              ({"operator": {**operator, "data": "("}}, "operator.data"),
                              ({"operator": {**operator, "data": 5}}, "operator.data"),
                              ({"operator": {"type": "list", "operand": True, "list": [operator]}}, "operator.operand"),
                              ({"operator": {"type": "list", "sensitive": "no", "list": [operator]}}, "operator.sensitive"),
                              ({"operator": {"type": "list", "operand": "list", "list": [operator, {**operator, "data": "["}]}},
                               "operator.list[1].data"),
                              ({"operator": {"type": "network", "operand": "dest.network", "data": "10.0.0.0/33"}}, "operator.data")):
            with self.subTest(change=change):
                self.assert_problem(self.api.post(f"{V1}/rules", {**good, **change}), 422, field=field)
        self.assert_problem(self.api.post(f"{V1}/rules", [good]), 422)
        self.assertEqual(self.daemon.rule_files(), ["000-allow-dns.json"])

    def test_a_name_is_taken_once(self):
        self.create(a_rule("once"))
        self.assert_problem(self.api.post(f"{V1}/rules", a_rule("once")), 409)
        self.create(a_rule("other"))
        self.assert_problem(self.api.put(self.at("other"), a_rule("once")), 409)
        self.assert_problem(self.api.patch(self.at("other"), {"name": "once"}), 409)

    def test_put_replaces_all_of_it(self):
        made = self.create(a_rule("put", description="old", extra=1)).json
        got = self.assert_status(self.api.put(self.at("put"), a_rule("put", action="reject")), 200).json
        self.assertEqual((got["action"], got["description"], got["created"]), ("reject", "", made["created"]))
        self.assertNotIn("extra", got)
        self.assertGreater(got["updated"], made["updated"])
        self.assert_problem(self.api.put(self.at("none"), a_rule("none")), 404)
        self.assert_problem(self.api.put(self.at("put"), {"name": "put"}), 422)

    def test_merge_patch(self):
        made = self.create(a_rule("patch", description="keep", extra={"a": 1, "b": 2})).json
        with self.daemon.events("rule.updated") as events:
            got = self.assert_status(self.api.patch(self.at("patch"), {"enabled": False, "extra": {"a": None, "c": 3}}), 200).json
            self.assertEqual(events.wait_for("rule.updated").data, got)
        self.assertEqual((got["enabled"], got["description"], got["extra"]), (False, "keep", {"b": 2, "c": 3}))
        self.assertEqual(got["operator"], made["operator"])
        got = self.assert_status(self.api.patch(self.at("patch"), {"operator": {"data": "^else\\."}}), 200).json
        self.assertEqual((got["operator"]["data"], got["operator"]["type"]), ("^else\\.", "regexp"))
        for body, field in (({"action": None}, "action"), ({"enabled": "no"}, "enabled"), ({"operator": {"data": "("}}, "operator.data")):
            self.assert_problem(self.api.patch(self.at("patch"), body), 422, field=field)
        self.assertEqual(self.api.rule("patch").json, got)

    def test_rename(self):
        self.create(a_rule("before"))
        with self.daemon.events("rule.*") as events:
            self.assert_status(self.api.patch(self.at("before"), {"name": "after"}), 200)
            self.assertEqual(events.wait_for("rule.deleted").data, {"name": "before"})
            events.wait_for("rule.created", lambda d: d["name"] == "after")
        self.assert_problem(self.api.rule("before"), 404)
        self.assertEqual(self.daemon.rule_files(), ["000-allow-dns.json", "after.json"])

    def test_delete(self):
        self.create(a_rule("gone"))
        got = self.assert_status(self.api.delete(self.at("gone")), 204)
        self.assertEqual(got.body, b"")
        for method in ("get", "delete"):
            self.assert_problem(getattr(self.api, method)(self.at("gone")), 404)
        self.assertEqual(self.daemon.rule_files(), ["000-allow-dns.json"])

    def test_conditions(self):
        old = self.create(a_rule("cond")).headers["ETag"]
        new = self.api.patch(self.at("cond"), {"description": "x"}).headers["ETag"]
        self.assertNotEqual(old, new)
        stale = {"If-Match": old}
        for got in (self.api.put(self.at("cond"), a_rule("cond"), headers=stale), self.api.delete(self.at("cond"), headers=stale),
                    self.api.patch(self.at("cond"), {"enabled": False}, headers=stale),
                    self.api.delete(self.at("cond"), headers={"If-Match": f"W/{new}x"})):
            self.assert_problem(got, 412)
        self.assertEqual(self.api.rule("cond").headers["ETag"], new)
        self.assert_status(self.api.get(self.at("cond"), headers={"If-None-Match": new}), 304)
        self.assert_status(self.api.get(self.at("cond"), headers={"If-None-Match": old}), 200)
        self.assert_status(self.api.patch(self.at("cond"), {}, headers={"If-Match": f"{old}, {new}"}), 200)
        self.assert_status(self.api.delete(self.at("cond"), headers={"If-Match": "*"}), 204)
        self.assert_problem(self.api.delete(self.at("cond"), headers={"If-Match": "*"}), 404)

    def test_hits_are_counted_and_do_not_change_the_etag(self):
        before = self.api.rule("000-allow-dns")
        self.visit()

        def hit():
            now = self.api.rule("000-allow-dns")
            return now if now.json["hits"] > before.json["hits"] else None

        now = wait_until(hit, what="hits of the rule that allows DNS")
        self.assertIsNotNone(now.json["last_hit"])
        self.assertEqual(now.headers["ETag"], before.headers["ETag"])

    def test_a_rule_decides_from_the_answer_on(self):
        self.create(rule("no-web", "reject", ("dest.port", "80")))
        self.visit(code=7)
        self.assert_status(self.api.patch(self.at("no-web"), {"enabled": False}), 200)
        self.visit()
        self.assert_status(self.api.patch(self.at("no-web"), {"enabled": True}), 200)
        self.visit(code=7)
        self.assert_status(self.api.delete(self.at("no-web")), 204)
        self.visit()

    def test_a_bad_file_is_told_and_skipped(self):
        self.daemon.write_rule({"name": "broken", "action": "perhaps"})
        self.addCleanup(os.unlink, f"{self.daemon.rules_dir}/broken.json")
        listed = wait_until(lambda: [p for p in self.api.get(f"{V1}/rules").json["problems"] if p["file"] == "broken.json"])
        self.assertEqual(listed[0]["place"], "action")
        self.assertTrue(listed[0]["message"])
        self.assert_problem(self.api.rule("broken"), 404)


class TestRuleLists(RuleCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.names = [f"r-{n:02}" for n in range(11)] + ["B", "a", "z é"]
        for n, name in enumerate(cls.names):
            action = ("allow", "deny", "reject")[n % 3]
            cls.api.post(f"{V1}/rules", a_rule(name, action=action, enabled=False, duration="1h" if n % 2 else "always"))
        cls.all = sorted(cls.names + ["000-allow-dns"], key=str.encode)

    def setUp(self):
        pass

    def pages(self, limit, **query):
        found, cursor = [], None
        while True:
            got = self.assert_status(self.api.get(f"{V1}/rules", query={"limit": limit, **query, **({"cursor": cursor} if cursor else {})}), 200)
            found += got.json["items"]
            cursor = got.json["next"]
            self.assertTrue(len(got.json["items"]) == limit or cursor is None)
            if cursor is None:
                return found

    def names_of(self, items):
        return [i["name"] for i in items]

    def test_pages(self):
        for limit in (1, 4, 15, 100):
            with self.subTest(limit=limit):
                self.assertEqual(self.names_of(self.pages(limit)), self.all)

    def test_orders(self):
        self.assertEqual(self.names_of(self.pages(4, sort="-name")), self.all[::-1])
        for key in ("hits", "last_hit", "created", "updated"):
            for sign in ("", "-"):
                with self.subTest(key=key, sign=sign):
                    items = self.pages(4, sort=sign + key)
                    self.assertEqual(sorted(self.names_of(items)), sorted(self.all))
                    values = [i[key] or (0 if key == "hits" else "") for i in items]
                    self.assertEqual(values, sorted(values, reverse=bool(sign)))

    def test_a_cursor_belongs_to_its_order(self):
        cursor = self.api.get(f"{V1}/rules?limit=1&sort=hits").json["next"]
        self.assert_problem(self.api.get(f"{V1}/rules", query={"cursor": cursor}), 422, field="cursor")

    def test_cursors_stay_right_while_rules_come_and_go(self):
        first = self.api.get(f"{V1}/rules?limit=5").json
        seen = self.names_of(first["items"])
        self.addCleanup(self.api.delete, self.at("0-new"))
        self.create(a_rule("0-new", enabled=False))
        self.api.delete(self.at(seen[-1]))
        self.addCleanup(self.create, a_rule(seen[-1], enabled=False, action="allow"))
        rest = self.names_of(self.api.get(f"{V1}/rules", query={"cursor": first["next"]}).json["items"])
        self.assertEqual(seen + rest, self.all)

    def test_filters(self):
        for key, values in (("action", ("allow", "deny", "reject")), ("duration", ("always", "1h"))):
            for value in values:
                items = self.pages(3, **{key: value})
                self.assertTrue(items)
                self.assertEqual({i[key] for i in items}, {value})
        self.assertEqual(self.names_of(self.pages(2, q="Z É".lower())), ["z é"])
        self.assertEqual(self.names_of(self.pages(100, q="NOWHERE")), [n for n in self.all if n != ALLOW_DNS["name"]])
        self.assertEqual(self.pages(5, q="in no rule"), [])
        self.assert_problem(self.api.get(f"{V1}/rules?action=ask"), 422, field="action")
        self.assert_problem(self.api.get(f"{V1}/rules?duration=2h"), 422, field="duration")


class TestConflicts(RuleCase):
    def test_a_change_in_the_file_that_was_not_seen_yet(self):
        """Who changes a rule whose file was changed a moment before is told so, and the file stands."""
        for method in ("patch", "put", "delete"):
            with self.subTest(method):
                for _ in range(20):
                    got, was_seen = self.change_behind(method)
                    if got.status == 409 or not was_seen:
                        break  # else the console saw the file first (it looks after 100 ms), and all is in order: once more
                self.assert_problem(got, 409)
                now = self.api.get(self.at("both")).json
                self.assertEqual((now["description"], now["action"]), ("by hand", "deny"))
                self.assert_status(self.api.delete(self.at("both")), 204)

    def change_behind(self, method):
        """Changes the file, then the rule: (the answer, whether the console told of the file before it)."""
        self.api.delete(self.at("both"))
        made = self.create(a_rule("both"))
        path = f"{self.daemon.rules_dir}/both.json"
        with open(path, encoding="utf-8") as f:
            changed = json.load(f)
        changed["description"] = "by hand"
        with open(path + ".new", "w", encoding="utf-8") as f:
            json.dump(changed, f)
        os.chmod(path + ".new", 0o644)
        body = {} if method == "delete" else {"body": dict(a_rule("both"), action="allow")}
        with self.daemon.events("rule.*") as events:
            os.rename(path + ".new", path)
            got = getattr(self.api, method)(made.headers["Location"], **body)
            if got.status == 409:
                return got, False
            # Events come in order: that of our own change is the last one.
            events.wait_for("rule.deleted" if method == "delete" else "rule.updated", lambda r: r.get("action") != "deny")
            return got, bool(events.all("rule.updated", lambda r: r["description"] == "by hand" and r["action"] == "deny"))


if __name__ == "__main__":
    tap.main()
