# SPDX-License-Identifier: GPL-2.0-or-later
"""api/openapi.json for tests: its operations, its schemas, and requests made from them."""
import json
import random
import re
import string
from urllib.parse import quote, urlencode

from kit import TOP

FILE = TOP / "api/openapi.json"
try:
    import jsonschema
except ImportError:
    jsonschema = None
WHY_NOT = None if jsonschema else "python3-jsonschema is not installed"
METHODS = ("get", "post", "put", "patch", "delete")


class Contract:
    def __init__(self):
        self.doc = json.loads(FILE.read_text(encoding="utf-8"))
        self.resolver = jsonschema.RefResolver.from_schema(self.doc) if jsonschema else None

    def operations(self):
        """(method, path, operation) of each."""
        for path, item in self.doc["paths"].items():
            for method in METHODS:
                if method in item:
                    yield method, path, item[method]

    def deref(self, node):
        while "$ref" in node:
            target = self.doc
            for part in node["$ref"].lstrip("#/").split("/"):
                target = target[part]
            node = target
        return node

    def errors(self, value, schema):
        """What is wrong with the value, as sentences."""
        validator = jsonschema.Draft202012Validator(schema, resolver=self.resolver)
        return [f"{'/'.join(map(str, e.absolute_path)) or '.'}: {e.message[:300]}" for e in validator.iter_errors(value)]

    def judge(self, operation, got, head=False):
        """What is undocumented about an answer (status, headers, body): sentences, none when all is well."""
        response = operation["responses"].get(str(got.status))
        if response is None:
            return [f"status {got.status} is not documented: {got.text[:300]}"]
        content = self.deref(response).get("content", {})
        kind = got.headers.get("Content-Type")
        if not content:
            return [f"status {got.status} has a body: {got.text[:200]}"] if got.body else []
        if kind not in content:
            return [f"media type {kind} of status {got.status} is not documented"]
        if head or "json" not in kind or kind == "application/x-ndjson":
            return []
        if got.json is None:
            return [f"the body is no JSON: {got.text[:200]}"]
        return self.errors(got.json, content[kind]["schema"])


class Maker:
    """Values for schemas, good and bad, from a seed."""

    WORDS = ["", "a", "allow", "curl", "www.example.test", "../x", "%00", "\u202e", "<b>", "ä" * 40, "x" * 300, "1", "-1", "{}", "null",
             "' OR 1=1 --", "2026-11-23T18:00:00Z", "10.0.0.1", "🙂", "\ufffe", " ", "\t"]
    VALUES = [None, True, False, 0, -1, 1.5, 2**63, -(2**63), 10**30, "", "x", [], {}, [[]], [None], {"": 0}, "x" * 5000, {"a": {"b": []}}]

    # A random word is hardly ever what an operand takes.
    OPERATORS = [{"type": "simple", "operand": "dest.host", "data": "x.test"}, {"type": "simple", "operand": "dest.port", "data": "81"},
                 {"type": "regexp", "operand": "process.path", "data": "^/opt/"}, {"type": "network", "operand": "dest.network", "data": "10.0.0.0/8"},
                 {"type": "list", "operand": "list", "list": [{"type": "simple", "operand": "user.id", "data": "1000"},
                                                              {"type": "simple", "operand": "protocol", "data": "tcp"}]}]

    def __init__(self, contract, seed):
        self.contract, self.random = contract, random.Random(seed)
        self.operator = contract.doc["components"]["schemas"]["Operator"]

    def good(self, schema, depth=0):
        schema, pick = self.contract.deref(schema), self.random.choice
        if schema is self.operator and self.random.random() < 0.8:
            return pick(self.OPERATORS)
        for key in ("oneOf", "anyOf"):
            if key in schema:
                return self.good(pick(schema[key]), depth)
        if "enum" in schema:
            return pick(schema["enum"])
        kind = schema.get("type", "string")
        if isinstance(kind, list):
            kind = pick(kind)
        if kind == "object":
            out = {k: self.good(v, depth + 1) for k, v in schema.get("properties", {}).items()
                   if k in schema.get("required", ()) or (depth < 4 and self.random.random() < 0.4)}
            return out
        if kind == "array":
            return [self.good(schema["items"], depth + 1) for _ in range(self.random.randrange(3 if depth < 3 else 1))]
        if kind == "integer":
            return self.random.randint(schema.get("minimum", 0), min(schema.get("maximum", 70000), 2**40))
        return {"boolean": lambda: self.random.random() < 0.5, "null": lambda: None}.get(kind, lambda: self.text(schema))()

    def text(self, schema):
        if schema.get("format") == "date-time":
            return f"20{self.random.randrange(10, 40)}-0{self.random.randrange(1, 10)}-1{self.random.randrange(10)}T12:00:00Z"
        if schema.get("pattern", "").startswith("^\\d+["):
            return self.random.choice(["1h", "1d", "30m", "1s"])
        if self.random.random() < 0.5:
            return self.random.choice(self.WORDS)
        return "".join(self.random.choices(string.ascii_letters + string.digits + "._-/ ", k=self.random.randrange(1, 20)))

    def spoil(self, value):
        """The value with one thing in it changed for something else."""
        if isinstance(value, dict) and value and self.random.random() < 0.8:
            key = self.random.choice(sorted(value))
            out, what = dict(value), self.random.randrange(4)
            if what == 0:
                del out[key]
            elif what == 1:
                out[self.random.choice(self.WORDS) or "unknown"] = self.random.choice(self.VALUES)
            else:
                out[key] = self.spoil(value[key])
            return out
        if isinstance(value, list) and value and self.random.random() < 0.8:
            out = list(value)
            i = self.random.randrange(len(out))
            out[i] = self.spoil(out[i])
            return out
        return self.random.choice(self.VALUES)

    def path(self, path, operation):
        params = {p["name"]: p for p in operation.get("parameters", ()) if p["in"] == "path"}

        def fill(match):
            example = params[match.group(1)]["example"]
            value = example if self.random.random() < 0.7 else self.text({}) or "x"
            return quote(str(value), safe="")

        return re.sub(r"\{(\w+)\}", fill, path)

    def query(self, operation):
        known = [p for p in operation.get("parameters", ()) if p["in"] == "query"]
        out = []
        for p in known:
            if "example" in p and self.random.random() < 0.5:
                out.append((p["name"], p["example"]))
            elif self.random.random() < 0.35:
                value = self.good(p["schema"]) if self.random.random() < 0.7 else self.random.choice(self.WORDS)
                out.append((p["name"], value))
        if self.random.random() < 0.05:
            out.append((self.random.choice(self.WORDS) or "unknown", "1"))
        return "?" + urlencode(out) if out else ""

    def headers(self, operation):
        out = {}
        for p in operation.get("parameters", ()):
            if p["in"] == "header" and self.random.random() < 0.3:
                out[p["name"]] = self.random.choice(['"x"', "*", 'W/"0"', '"', "x" * 200, '"a", "b"'])
        return out

    def body(self, operation):
        """(bytes or None, media type)"""
        if "requestBody" not in operation:
            return (None, None) if self.random.random() < 0.97 else (b"{}", "application/json")
        content = operation["requestBody"]["content"]["application/json"]
        luck = self.random.random()
        if luck < 0.03:
            return self.random.choice([b"", b"{", b"\xff", b"[" * 200, b"nul", b'{"a":1,"a":1}', b'"\\ud800"']), "application/json"
        if luck < 0.06:
            return b"{}", self.random.choice([None, "text/plain", "application/x-www-form-urlencoded"])
        value = self.random.choice(list(content["examples"].values()))["value"] if luck < 0.5 else self.good(content["schema"])
        if self.random.random() < 0.5:
            value = self.spoil(value)
        return json.dumps(value).encode(), "application/json"
