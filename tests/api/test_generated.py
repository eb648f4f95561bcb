#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Thousands of requests made from api/openapi.json, good and bad: every answer is held against it."""
import http.client
import unittest

from kit import TOP, V1, ApiCase, rule
from client import Response
from openapi import WHY_NOT, Contract, Maker
import tap

SEED = 20261123
PER_OPERATION = {"get": 120, "post": 80, "put": 40, "patch": 60, "delete": 24}
# Each of these writes to the disk, or makes a session.
COSTLY = {("post", f"{V1}/rules"): 40, ("post", f"{V1}/rules/import"): 40, ("post", f"{V1}/session"): 40, ("get", f"{V1}/events"): 20,
          ("post", f"{V1}/session/codes"): 20, ("put", V1 + "/rules/{name}"): 32, ("patch", V1 + "/rules/{name}"): 32,
          ("post", V1 + "/rules/{name}/revert"): 24}
TOLD = 20


@unittest.skipIf(WHY_NOT, WHY_NOT)
class TestGenerated(ApiCase):
    config = {"default_action": "allow", "prompt": {"timeout": "120s"}}
    rules = [*ApiCase.rules, rule("000-allow-curl", "allow", ("process.path", "/usr/bin/curl"), ("dest.host", "curl.test"))]

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.contract = Contract()
        cls.conn = None
        for host in ("www.example.test", "shop.test"):
            cls.net.run(["curl", "-4s", "-m", "50", "-o", "/dev/null", f"http://{host}/"])

    def send(self, method, path, body=None, headers=None, token=True):
        """One request over a connection that is kept."""
        sent = {"Authorization": f"Bearer {self.api.token}"} if token else {}
        sent.update({k: v for k, v in (headers or {}).items() if v is not None})
        if path.partition("?")[0] == f"{V1}/events":
            return self.stream_head(method, path, sent)
        for attempt in (0, 1):
            if self.conn is None:
                type(self).conn = self.api.connect()
            try:
                self.conn.request(method, path, body=body, headers=sent)
                got = self.conn.getresponse()
                return Response(got.status, got.headers, got.read())
            except (http.client.HTTPException, OSError):
                # the server ends a connection whose body it refuses
                self.conn.close()
                type(self).conn = None
                if attempt:
                    raise
        return None

    def stream_head(self, method, path, headers):
        conn = self.api.connect()
        try:
            conn.request(method, path, headers=headers)
            got = conn.getresponse()
            return Response(got.status, got.headers, got.read() if got.status != 200 else b"")
        finally:
            conn.close()

    def check(self, found, operation, got, what):
        for problem in self.contract.judge(operation, got):
            found.append(f"{what}: {problem}")

    def finish(self, found):
        self.assertEqual(found[:TOLD], [], f"{len(found)} answers are not as api/openapi.json says: mend the file, or the server")
        self.assertEqual(self.daemon.status()["console"]["starts"], 1, "the console died")

    def test_requests_from_the_contract(self):
        maker, found, count, statuses = Maker(self.contract, SEED), [], 0, {}
        for item in self.api.get(f"{V1}/lists").json["items"]:
            self.api.delete(f"{V1}/lists/{item.get('name')}")
        for method, path, operation in self.contract.operations():
            for n in range(COSTLY.get((method, path), PER_OPERATION[method])):
                if "{name}" in path and n % 8 == 0:
                    self.api.post(f"{V1}/rules", self.rules[-1])
                url = maker.path(path, operation) + maker.query(operation)
                body, kind = maker.body(operation)
                got = self.send(method.upper(), url, body, {**maker.headers(operation), **({"Content-Type": kind} if body is not None else {})})
                self.check(found, operation, got, f"{method} {url} {(body or b'')[:200]!r}")
                statuses.setdefault((method, path), set()).add(got.status)
                count += 1
        self.assertGreater(count, 2000)
        self.finish(found)
        # The maker is worth something only where it gets through: every operation was done at least once.
        for (method, path), seen in statuses.items():
            if "{id}" not in path and "{name}/revert" not in path and "/session" not in path and (method, path) != ("delete", f"{V1}/tokens"):
                self.assertTrue(any(s < 300 for s in seen), f"{method} {path} never worked: {sorted(seen)}")

    def test_examples_are_taken(self):
        for method, path, operation in self.contract.operations():
            content = operation.get("requestBody", {}).get("content", {}).get("application/json")
            for name, example in (content or {"examples": {}})["examples"].items():
                if "{" in path:
                    continue
                with self.subTest(method=method, path=path, example=name):
                    got = self.api.request(method.upper(), path, body=example["value"])
                    self.assertEqual(self.contract.judge(operation, got), [])
                    self.assertNotIn(got.status, (400, 415, 422), got)

    def test_refusals_of_every_operation(self):
        found = []
        for method, path, operation in self.contract.operations():
            url = path.replace("{id}", "1").replace("{name}", "x")
            body, kind = (b"{}", "application/json") if "requestBody" in operation else (None, None)
            sent = {"Content-Type": kind} if body else {}
            for headers, token, wanted in (({}, False, 401), ({"Authorization": "Bearer x"}, False, 401),
                                           ({"Host": "evil.example"}, True, 403), ({"Origin": "http://evil.example"}, True, 403)):
                got = self.send(method.upper(), url, body, {**sent, **headers}, token)
                self.check(found, operation, got, f"{method} {url} {headers}")
                if wanted == 401 and operation["security"]:
                    self.assertEqual(got.status, wanted, url)
                if wanted == 403 and ("Host" in headers or method != "get"):
                    self.assertEqual(got.status, wanted, url)
            self.check(found, operation, self.send(method.upper(), url + "?no_such=1", body, sent), f"{method} {url} with a query")
        self.finish(found)

    def test_values_that_no_query_parameter_takes(self):
        """Another word, or no number: an empty list would say that there is nothing."""
        needed, count = {f"{V1}/names": "&address=192.0.2.1", f"{V1}/stats": "&by=action"}, 0
        self.api.post(f"{V1}/rules", self.rules[-1])
        for method, path, operation in self.contract.operations():
            for parameter in operation.get("parameters", []) if method == "get" else []:
                schema = parameter.get("schema", {})
                narrow = "enum" in schema or schema.get("type") == "integer" or schema.get("format") == "date-time"
                if parameter.get("in") != "query" or not narrow:
                    continue
                name, more = parameter["name"], needed.get(path, "")
                url = f"{path.replace('{name}', self.rules[-1]['name'])}?{name}=nosuch{more if '&' + name + '=' not in more else ''}"
                with self.subTest(url):
                    self.assert_problem(self.send("GET", url), 422, field=name)
                count += 1
        self.assertGreater(count, 50)

    def test_methods_that_are_not_documented(self):
        for path, item in self.contract.doc["paths"].items():
            url = path.replace("{id}", "1").replace("{name}", "x")
            for method in ("get", "post", "put", "patch", "delete", "options", "trace"):
                others = [m for p, m in self.overlapping(url) if p != path]
                if method in item or method in others:
                    continue
                got = self.send(method.upper(), url)
                self.assert_problem(got, 405)
                allowed = {m.strip().lower() for m in got.headers["Allow"].split(",")}
                wanted = {m for m in item if m in ("get", "post", "put", "patch", "delete")} | set(others)
                self.assertEqual(allowed - {"head"}, wanted, url)

    def overlapping(self, url):
        """Operations of a path with a parameter that also fits: /rules/export is a name as well."""
        for path, item in self.contract.doc["paths"].items():
            parts, wanted = path.split("/"), url.split("/")
            if len(parts) == len(wanted) and all(p == w or p.startswith("{") for p, w in zip(parts, wanted)):
                for method in item:
                    yield path, method

    def test_the_contract_is_served_to_everybody(self):
        got = self.assert_status(self.stranger.get(f"{V1}/openapi.json"), 200)
        self.assertEqual(got.body, (TOP / "api/openapi.json").read_bytes())
        self.assert_status(self.stranger.get(f"{V1}/openapi.json", headers={"If-None-Match": got.headers["ETag"]}), 304)


if __name__ == "__main__":
    tap.main()
