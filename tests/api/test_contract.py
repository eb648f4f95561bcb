#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The route table, the contract in api/openapi.json, and the limits in the manual say the same."""
import re
import unittest

from kit import TOP
from openapi import WHY_NOT, Contract
import tap

ROW = re.compile(r"\{ HTTP_(\w+), (API )?\"([^\"]*)\", SCOPE_(\w+), (\w+),\s*\w+(?:,\s*(NO_QUERY|QUERY\(([^)]*)\)))? \}", re.S)
SPECIAL = {"limit", "cursor"}
HOW = ("Each line of api/routes.c needs its operation in api/openapi.json: summary, x-scope, parameters, request body with "
       "examples, and a response for each status (components/responses has the errors); and each operation needs its line.")


def table():
    """(method, path) -> (scope, has a body, query names or None) of the route table."""
    out = {}
    for method, api, path, scope, body, query, names in ROW.findall((TOP / "api/routes.c").read_text(encoding="utf-8")):
        known = set(re.findall(r'"([^"]+)"', names)) if query.startswith("QUERY") else (set() if query else None)
        out[(method.lower(), ("/api/v1" if api else "") + path)] = (scope.lower(), body != "NO_BODY", known)
    return out


def is_page(key):
    return not key[1].startswith("/api/") and key[1] != "/metrics"


@unittest.skipIf(WHY_NOT, WHY_NOT)
class TestContract(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.contract = Contract()
        cls.table = {k: v for k, v in table().items() if not is_page(k)}
        cls.told = {(method, path): operation for method, path, operation in cls.contract.operations()}

    def test_the_table_is_read_whole(self):
        lines = (TOP / "api/routes.c").read_text(encoding="utf-8").count("{ HTTP_")
        self.assertEqual(len(table()), lines, "a line of api/routes.c has a form that this test does not know")

    def test_every_route_is_documented_and_every_operation_is_a_route(self):
        self.assertEqual(sorted(self.table), sorted(self.told), HOW)

    def test_scopes(self):
        for key, (scope, _, _) in self.table.items():
            with self.subTest(route=key):
                self.assertEqual(self.told[key]["x-scope"], scope, HOW)
                self.assertEqual(bool(self.told[key]["security"]), scope != "none")

    def test_bodies(self):
        for key, (_, body, _) in self.table.items():
            with self.subTest(route=key):
                self.assertEqual("requestBody" in self.told[key], body, HOW)

    def test_query_parameters(self):
        for key, (_, _, known) in self.table.items():
            with self.subTest(route=key):
                self.assertIsNotNone(known, f"{key}: end its line in api/routes.c with QUERY(...) or NO_QUERY")
                told = {p["name"] for p in self.told[key].get("parameters", ()) if p["in"] == "query"}
                self.assertEqual(told, known, HOW)

    def test_every_operation_is_told_whole(self):
        ids = set()
        for (method, path), operation in self.told.items():
            with self.subTest(route=(method, path)):
                self.assertTrue(operation["summary"])
                self.assertNotIn(operation["operationId"], ids)
                ids.add(operation["operationId"])
                self.assertTrue(any(s[0] in "23" for s in operation["responses"]))
                in_path = {p["name"] for p in operation.get("parameters", ()) if p["in"] == "path"}
                self.assertEqual(in_path, set(re.findall(r"\{(\w+)\}", path)))
                wanted = {"400", "403", "405", "503"} | ({"401"} if operation["security"] else set())
                wanted |= {"413", "415"} if "requestBody" in operation else set()
                self.assertLessEqual(wanted, set(operation["responses"]))
                if "requestBody" in operation:
                    self.assertTrue(operation["requestBody"]["content"]["application/json"]["examples"])

    def test_examples_fit_their_schemas(self):
        for key, operation in self.told.items():
            body = operation.get("requestBody", {}).get("content", {}).get("application/json")
            for name, example in (body or {"examples": {}})["examples"].items():
                self.assertEqual(self.contract.errors(example["value"], body["schema"]), [], f"{key}: request example {name}")
            for status, response in operation["responses"].items():
                for kind, content in self.contract.deref(response).get("content", {}).items():
                    if status[0] == "2" and kind == "application/json":
                        self.assertIn("example", content, f"{key} {status}")
                        self.assertEqual(self.contract.errors(content["example"], content["schema"]), [], f"{key} {status}")

    def test_every_problem_has_its_type(self):
        """The slugs in api/ and the types in the contract are the same."""
        told = {t.rpartition(":")[2] for t in self.contract.doc["components"]["schemas"]["Problem"]["properties"]["type"]["enum"]}
        usual = set(re.findall(r'\{ 4\d\d, "([a-z-]+)"|\{ 503, "([a-z-]+)"', (TOP / "api/problem.c").read_text(encoding="utf-8")))
        used = {a or b for a, b in usual}
        for file in (TOP / "api").glob("*.c"):
            used |= set(re.findall(r'http_reply_problem\(\s*[^,]+,\s*\d+,\s*"([a-z-]+)"', file.read_text(encoding="utf-8")))
        self.assertEqual(used, told, "components/schemas/Problem/properties/type in api/openapi.json lists each kind of error")

    def test_limits_in_the_manual_are_those_of_the_table(self):
        table = dict(re.findall(r"^#define (LIMIT_\w+) \(?([0-9u]+(?: << \d+)?)\)?", (TOP / "lib/limits.h").read_text(encoding="utf-8"), re.M))
        told = re.findall(r'^\.\\" (LIMIT_\w+)\n\.TP\n\.B (\d+)$', (TOP / "contrib/man/opensnitchd.8").read_text(encoding="utf-8"), re.M)
        self.assertGreater(len(told), 10)
        for name, value in told:
            number, _, shift = table[name].replace("u", "").partition(" << ")
            self.assertEqual(int(number) << int(shift or 0), int(value), f"{name} in contrib/man/opensnitchd.8")

    def test_references_lead_somewhere(self):
        def walk(node):
            if isinstance(node, dict):
                if "$ref" in node:
                    self.contract.deref(node)
                for value in node.values():
                    walk(value)
            elif isinstance(node, list):
                for value in node:
                    walk(value)

        walk(self.contract.doc)


if __name__ == "__main__":
    tap.main()
