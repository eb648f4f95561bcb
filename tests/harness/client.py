# SPDX-License-Identifier: GPL-2.0-or-later
"""A client of the HTTP API for tests: requests over TCP or the Unix socket, and a reader of the event stream."""
import http.client
import json
import socket
import threading
import time
from urllib.parse import quote, urlencode

DEFAULT_TIMEOUT = 60


class Response:
    """status, headers (case-insensitive), text, and json (None where the body is not JSON)."""

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body
        self.text = body.decode("utf-8", "replace")
        try:
            self.json = json.loads(body)
        except ValueError:
            self.json = None

    def __repr__(self):
        return f"<{self.status} {self.text[:400]}>"


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Api:
    """One way to the API. Without a token and over TCP: not authenticated."""

    def __init__(self, port=None, token=None, host="127.0.0.1", unix=None, timeout=DEFAULT_TIMEOUT):
        self.port, self.token, self.host, self.unix, self.timeout = port, token, host, unix, timeout

    def connect(self, timeout=None):
        if self.unix is not None:
            return UnixConnection(self.unix, timeout or self.timeout)
        return http.client.HTTPConnection(self.host, self.port, timeout=timeout or self.timeout)

    def _headers(self, headers, body):
        out = {}
        if self.token is not None:
            out["Authorization"] = f"Bearer {self.token}"
        if body is not None:
            out["Content-Type"] = "application/json"
        out.update(headers or {})
        return {k: v for k, v in out.items() if v is not None}

    def request(self, method, path, body=None, headers=None, query=None):
        """body: anything JSON, or bytes as they are. A header given as None is left out."""
        raw = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        if query:
            path += "?" + urlencode(query)
        conn = self.connect()
        try:
            conn.request(method, path, body=raw, headers=self._headers(headers, raw))
            got = conn.getresponse()
            return Response(got.status, got.headers, got.read())
        except http.client.HTTPException as e:  # the server died in the middle of its answer
            raise ConnectionError(f"{type(e).__name__}: {e}") from e
        finally:
            conn.close()

    def get(self, path, **options):
        return self.request("GET", path, **options)

    def post(self, path, body=None, **options):
        return self.request("POST", path, body=body, **options)

    def put(self, path, body=None, **options):
        return self.request("PUT", path, body=body, **options)

    def patch(self, path, body=None, **options):
        return self.request("PATCH", path, body=body, **options)

    def delete(self, path, **options):
        return self.request("DELETE", path, **options)

    # ---- the words of tests

    def answer(self, prompt, action, duration="once", **more):
        return self.post(f"/api/v1/prompts/{prompt['id']}/answer", {"action": action, "duration": duration, **more})

    def rule(self, name):
        return self.get(f"/api/v1/rules/{quote(name, safe='')}")

    def connections(self, **query):
        return self.get("/api/v1/connections", query=query).json["items"]


class Event:
    def __init__(self, type_, ident, data):
        self.type, self.id, self.data = type_, ident, data

    def __repr__(self):
        return f"<{self.type} {self.id} {json.dumps(self.data)[:300]}>"


class Events:
    """Reads the event stream on a thread of its own; usable as a context manager. Opening waits for the stream's head."""

    def __init__(self, api, types=None, last_id=None, headers=None):
        self.events, self.comments = [], 0
        self.ended = False
        self._changed = threading.Condition()
        self._conn = api.connect(timeout=120)
        path = "/api/v1/events" + (f"?types={','.join(types)}" if types else "")
        extra = {"Accept": "text/event-stream", **({"Last-Event-ID": last_id} if last_id else {}), **(headers or {})}
        self._conn.request("GET", path, headers=api._headers(extra, None))
        # The response takes the socket over from the connection (no Content-Length), so keep hold of it.
        self._sock = self._conn.sock
        self.response = self._conn.getresponse()
        self.status = self.response.status
        if self.status != 200:
            self.body = self.response.read()
            self.ended = True
            return
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_exc):
        self.close()

    def close(self):
        try:
            self._sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        if self.status == 200:
            self._thread.join(5)
        self.response.close()
        self._conn.close()

    def _read(self):
        fields = {}
        try:
            for raw in self.response:
                line = raw.decode("utf-8", "replace").rstrip("\r\n")
                if line == "":
                    self._dispatch(fields)
                    fields = {}
                elif line.startswith(":"):
                    self.comments += 1
                else:
                    name, _, value = line.partition(":")
                    value = value[1:] if value.startswith(" ") else value
                    fields[name] = fields[name] + "\n" + value if name == "data" and "data" in fields else value
        except (OSError, ValueError, http.client.HTTPException, AttributeError):
            pass
        with self._changed:
            self.ended = True
            self._changed.notify_all()

    def _dispatch(self, fields):
        if "data" not in fields:
            return
        try:
            data = json.loads(fields["data"])
        except ValueError:
            data = fields["data"]
        with self._changed:
            self.events.append(Event(fields.get("event", "message"), fields.get("id"), data))
            self._changed.notify_all()

    def all(self, type_=None, where=None):
        """The events so far of this type that the predicate on their data takes."""
        with self._changed:
            return [e for e in self.events if (type_ is None or e.type == type_) and (where is None or where(e.data))]

    def wait_for(self, type_, where=None, deadline=DEFAULT_TIMEOUT, skip=0):
        """The event of this type (after `skip` others) that the predicate takes, waiting. AssertionError past the deadline."""
        end = time.monotonic() + deadline
        with self._changed:
            while True:
                found = [e for e in self.events if e.type == type_ and (where is None or where(e.data))]
                if len(found) > skip:
                    return found[skip]
                left = end - time.monotonic()
                if self.ended or left <= 0 or not self._changed.wait(left):
                    seen = ", ".join(e.type for e in self.events[-20:])
                    state = "the stream ended" if self.ended else f"not in {deadline} s"
                    raise AssertionError(f"no event {type_} ({state}); seen: {seen}")

    def wait_end(self, deadline=DEFAULT_TIMEOUT):
        with self._changed:
            if not self._changed.wait_for(lambda: self.ended, deadline):
                raise AssertionError(f"the stream did not end in {deadline} s")
