#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""HTTPS for other machines. The daemon stands in the lab's world, which has an address that is not loopback; it guards the client."""
import ctypes
import http.client
import http.cookies
import json
import os
import pathlib
import re
import socket
import ssl
import subprocess
import threading
import time
import unittest
from urllib.parse import urlsplit

from kit import SITE, V1, Api, ApiCase, Daemon, Lab, RawConnection, rule, wait_until, why_not
from client import Events
from lab import WORLD4, WORLD6
from nul_cases import NulCases
from test_remote import readme_blocks, recipes
import tap

DEADLINE_S = 60
LATER4, LATER6 = "10.203.0.9", "fd00:203::9"
CLONE_NEWNET = 0x40000000
NAME = "fw.example.test"
SESSION = "__Host-opensnitch_session"
LIBC = ctypes.CDLL(None, use_errno=True)


def socket_in(netns, address, port, timeout=DEADLINE_S):
    """A connected socket of that namespace: a thread goes there for as long as it takes."""
    result = []

    def go():
        try:
            with open(f"/run/netns/{netns}", "rb") as f:
                if LIBC.setns(f.fileno(), CLONE_NEWNET) != 0:
                    raise OSError(ctypes.get_errno(), "setns")
            result.append(socket.create_connection((address, port), timeout=timeout))
        except OSError as e:
            result.append(e)

    thread = threading.Thread(target=go)
    thread.start()
    thread.join()
    if isinstance(result[0], OSError):
        raise result[0]
    return result[0]


def openssl(*argv):
    subprocess.run(["openssl", *argv], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=DEADLINE_S)


class Pair:
    """A certificate of its own making, and its key, which root alone may read."""

    EC = ("ec", "-pkeyopt", "ec_paramgen_curve:P-256")
    # All that old clients could ask for: with it, nothing is refused only because the key cannot do it.
    RSA = ("rsa:2048",)

    def __init__(self, folder, name="pair", alt=f"DNS:{NAME},IP:{WORLD4}", kind=EC, days=30):
        self.certificate, self.key = f"{folder}/{name}.crt", f"{folder}/{name}.key"
        openssl("req", "-x509", "-newkey", *kind, "-nodes", "-days", str(days), "-subj",
                f"/CN={name}", "-addext", f"subjectAltName={alt}", "-keyout", self.key, "-out", self.certificate)
        os.chmod(self.key, 0o600)

    def end_in(self, folder, seconds):
        """Signs it anew, to end so many seconds from now."""
        base, now = f"{self.certificate}.ca", time.time()
        os.makedirs(base, exist_ok=True)
        open(f"{base}/index.txt", "w", encoding="ascii").close()
        with open(f"{base}/ca.cnf", "w", encoding="ascii") as f:
            f.write(f"[ca]\ndefault_ca=x\n[x]\ndatabase={base}/index.txt\nnew_certs_dir={base}\nrand_serial=yes\n"
                    f"default_md=sha256\npolicy=p\ncopy_extensions=copy\n[p]\ncommonName=supplied\n")
        openssl("req", "-new", "-key", self.key, "-subj", "/CN=short", "-addext", f"subjectAltName=DNS:{NAME},IP:{WORLD4}", "-out", f"{base}/csr")
        start, end = (time.strftime("%Y%m%d%H%M%SZ", time.gmtime(t)) for t in (now - 10 * 86400, now + seconds))
        openssl("ca", "-batch", "-selfsign", "-config", f"{base}/ca.cnf", "-keyfile", self.key, "-in", f"{base}/csr", "-startdate", start,
                "-enddate", end, "-notext", "-out", self.certificate)
        return self

    def der(self):
        with open(self.certificate, encoding="ascii") as f:
            return ssl.PEM_cert_to_DER_cert(f.read())

    def take(self, other, parts=("certificate", "key")):
        """Replaces the files by those of the other pair, as a renewal does: written beside, and renamed."""
        for part in parts:
            path = getattr(self, part)
            with open(getattr(other, part), "rb") as f, open(f"{path}.new", "wb") as new:
                os.fchmod(new.fileno(), 0o600)
                new.write(f.read())
            os.rename(f"{path}.new", path)


class TlsApi(Api):
    """As Api, over TLS out of a namespace."""

    def __init__(self, netns, port, pair, token=None, address=WORLD4, name=NAME, timeout=DEADLINE_S):
        super().__init__(port, token, host=name, timeout=timeout)
        self.netns, self.address = netns, address
        self.context = ssl.create_default_context(cafile=pair.certificate)
        # Which certificate it is, tests say themselves.
        self.context.check_hostname = False

    def wrapped(self, timeout=None):
        return self.context.wrap_socket(socket_in(self.netns, self.address, self.port, timeout or self.timeout), server_hostname=self.host)

    def connect(self, timeout=None):
        conn = http.client.HTTPConnection(self.host, self.port, timeout=timeout or self.timeout)
        conn.sock = self.wrapped(timeout)
        return conn


class TlsDaemon(Daemon):
    """Lives in the world, listens where its config says, and is asked over its Unix socket."""

    def __init__(self, net, listen, tls=None, **options):
        self.listen = listen
        config = {"default_action": "deny", **options.pop("config", {})}
        if tls:
            config["tls"] = tls
        super().__init__(net, config=config, wrap=["nsenter", f"--net=/run/netns/{net.world}"],
                         rules=[rule("000-console", "allow", ("dest.ip", WORLD4)), rule("000-console6", "allow", ("dest.ip", WORLD6)),
                                rule("000-dns", "allow", ("dest.port", "53"))],
                         **options)

    def launch(self):
        with open(self.config_path, encoding="utf-8") as f:
            config = json.load(f)
        config["listen"] = [a.replace("PORT", str(self.port)) for a in self.listen]
        self.write_config(config)
        return super().launch()

    def argv(self):
        out = super().argv()
        at = out.index("--listen")
        return out[:at] + out[at + 2:]

    @property
    def api(self):
        return Api(unix=self.socket_path)

    def warnings(self):
        return {w["code"]: w["message"] for w in self.status()["warnings"]}


@unittest.skipIf(why_not(), why_not())
class TlsCase(unittest.TestCase):
    listen = [f"{WORLD4}:PORT", f"[{WORLD6}]:PORT"]
    kind = Pair.EC

    @classmethod
    def setUpClass(cls):
        cls.net = Lab(prefix="opensnitch-tls").__enter__()
        cls.addClassCleanup(cls.net.__exit__, None, None, None)
        cls.pair = Pair(cls.net.dir, kind=cls.kind)
        cls.daemon = TlsDaemon(cls.net, cls.listen, {"certificate": cls.pair.certificate, "key": cls.pair.key})
        cls.addClassCleanup(cls.daemon.close)
        cls.token = cls.daemon.token()

    def far(self, **options):
        """From another machine."""
        return TlsApi(self.net.client, self.daemon.port, self.pair, **options)

    def assert_status(self, got, status):
        self.assertEqual(got.status, status, got)
        return got

    def assert_refused(self, got, status, slug):
        self.assert_status(got, status)
        self.assertEqual(got.json["type"], f"urn:opensnitch:problem:{slug}")

    def served(self):
        """The certificate that a new connection is shown."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with context.wrap_socket(socket_in(self.net.client, WORLD4, self.daemon.port)) as sock:
            return sock.getpeercert(binary_form=True)


class TestTls(TlsCase):
    kind = Pair.RSA

    def test_from_another_machine(self):
        self.assertEqual(self.assert_status(self.far().get(f"{V1}/health"), 200).json, {"status": "ok"})
        self.assertEqual(self.served(), self.pair.der())
        self.assert_status(self.far(token=self.token).get(f"{V1}/status"), 200)
        six = self.far(token=self.token, address=WORLD6)
        self.assert_status(six.get(f"{V1}/status"), 200)

    def test_a_client_that_checks_everything(self):
        strict = self.far(token=self.token)
        strict.context.check_hostname = True
        self.assert_status(strict.get(f"{V1}/status"), 200)

    def versions(self, low, high):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version, context.maximum_version = low, high
        with context.wrap_socket(socket_in(self.net.client, WORLD4, self.daemon.port)) as sock:
            return sock.version()

    def assert_hung_up(self, error):
        """By the server, and not by the client's own library, which would not have asked at all."""
        self.assertIn(error.reason, ("UNEXPECTED_EOF_WHILE_READING", "TLSV1_ALERT_PROTOCOL_VERSION", "SSLV3_ALERT_HANDSHAKE_FAILURE"))

    def test_versions(self):
        v = ssl.TLSVersion
        self.assertEqual(self.versions(v.TLSv1_3, v.TLSv1_3), "TLSv1.3")
        self.assertEqual(self.versions(v.TLSv1_2, v.TLSv1_2), "TLSv1.2")
        for old in (v.TLSv1, v.TLSv1_1):
            with self.subTest(old), self.assertRaises(ssl.SSLError) as caught:
                self.versions(old, old)
            self.assert_hung_up(caught.exception)

    def test_only_with_forward_secrecy(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers("kRSA:@SECLEVEL=0")
        with self.assertRaises(ssl.SSLError) as caught:
            context.wrap_socket(socket_in(self.net.client, WORLD4, self.daemon.port))
        self.assert_hung_up(caught.exception)

    def test_no_plain_http(self):
        with socket_in(self.net.client, WORLD4, self.daemon.port) as sock:
            sock.sendall(f"GET {V1}/health HTTP/1.1\r\nHost: {NAME}\r\n\r\n".encode())
            got = b""
            try:
                while data := sock.recv(4096):
                    got += data
            except ConnectionResetError:
                pass
        self.assertNotIn(b"HTTP/", got)
        self.assertNotIn(b"ok", got)

    def test_nobody_without_credentials(self):
        # Root on both machines, in group opensnitch or not: only a token or a session counts.
        self.assert_refused(self.far().get(f"{V1}/status"), 401, "unauthenticated")
        self.assert_refused(self.far(token="wrong").get(f"{V1}/status"), 401, "unauthenticated")
        here = TlsApi(self.net.world, self.daemon.port, self.pair)
        self.assert_refused(here.get(f"{V1}/status"), 401, "unauthenticated")

    def test_peer_users(self):
        self.addCleanup(self.daemon.api.patch, f"{V1}/config", {"tcp_peer_users": None})
        self.assert_status(self.daemon.api.patch(f"{V1}/config", {"tcp_peer_users": ["daemon"]}), 200)
        # Of other machines nothing is known but what they prove.
        self.assert_refused(self.far().post(f"{V1}/session", {"token": "wrong"}), 401, "unauthenticated")
        self.assert_status(self.far(token=self.token).get(f"{V1}/status"), 200)

    def log_in(self, **origin):
        got = self.far().post(f"{V1}/session", {"token": self.token}, headers=origin)
        self.assert_status(got, 201)
        text = got.headers["Set-Cookie"]
        return text, f"{SESSION}={http.cookies.SimpleCookie(text)[SESSION].value}"

    def test_cookie(self):
        host = f"{NAME}:{self.daemon.port}"
        text, cookie = self.log_in(Origin=f"https://{host}")
        self.assertRegex(text, rf"^{SESSION}=[0-9a-f]{{64}}; Path=/; ")
        for word in ("HttpOnly", "SameSite=Strict", "Secure"):
            self.assertIn(f"; {word}", text)
        self.assertNotIn("Domain", text)
        own = {"Cookie": cookie, "Origin": f"https://{host}"}
        self.assert_status(self.far().get(f"{V1}/session", headers={"Cookie": cookie}), 200)
        self.assert_status(self.far().post(f"{V1}/interception", {"enabled": True}, headers=own), 200)
        # A page that came without TLS is not ours, whatever it is called.
        for origin in (f"http://{host}", f"https://{NAME}", "https://evil.test", "null"):
            with self.subTest(origin):
                got = self.far().post(f"{V1}/interception", {"enabled": True}, headers={**own, "Origin": origin})
                self.assert_refused(got, 403, "bad-origin")
        plain_name = {"Cookie": cookie.replace("__Host-", "")}
        self.assert_refused(self.far().get(f"{V1}/session", headers=plain_name), 401, "unauthenticated")
        gone = self.assert_status(self.far().delete(f"{V1}/session", headers=own), 204)
        self.assertIn(f"{SESSION}=; ", gone.headers["Set-Cookie"])
        self.assert_refused(self.far().get(f"{V1}/session", headers={"Cookie": cookie}), 401, "unauthenticated")

    def test_host_names(self):
        far = self.far(token=self.token)
        port = self.daemon.port
        for host in (NAME, f"{NAME}:{port}", NAME.upper(), WORLD4, f"{WORLD4}:{port}", "localhost", f"127.0.0.1:{port}"):
            with self.subTest(host):
                self.assert_status(far.get(f"{V1}/status", headers={"Host": host}), 200)
        for host in ("evil.test", f"evil.{NAME}", "example.test", "192.0.2.1", f"[{WORLD6}]"):
            with self.subTest(host):
                self.assert_refused(far.get(f"{V1}/status", headers={"Host": host}), 403, "bad-host")
        # The certificate does not name it, but it is what was connected to.
        six = self.far(token=self.token, address=WORLD6)
        self.assert_status(six.get(f"{V1}/status", headers={"Host": f"[{WORLD6}]:{port}"}), 200)
        # A name that does not prove itself is none over plain connections either.
        unproven = self.daemon.api.get(f"{V1}/status", headers={"Host": NAME})
        self.assert_refused(unproven, 403, "bad-host")

    def test_events_and_an_answer(self):
        far = self.far(token=self.token)
        with Events(far) as events:
            self.assertEqual(events.status, 200)
            curl = self.net.popen(["curl", "-4sf", "-m", "50", "-o", "/dev/null", SITE])
            prompt = events.wait_for("prompt.opened", lambda p: p["connection"]["dest"]["port"] == 80).data
            self.assert_status(far.answer(prompt, "allow"), 200)
            self.assertEqual(curl.wait(DEADLINE_S), 0)
            events.wait_for("prompt.closed")
        wait_until(lambda: self.daemon.status()["console"]["clients"] == 0, what="the reader to be gone")

    def test_much_both_ways(self):
        far = self.far(token=self.token)
        rules = [rule(f"many-{i:04}", "deny", ("dest.host", f"{i}.{'x' * 60}.test")) for i in range(1500)]
        body = json.dumps(rules).encode()
        self.assertGreater(len(body), 500000)
        self.assert_status(far.post(f"{V1}/rules/import?dry_run=true", body), 200)
        conn = far.connect()
        self.addCleanup(conn.close)
        for _ in range(3):
            conn.request("GET", f"{V1}/openapi.json", headers={"Authorization": f"Bearer {self.token}"})
            got = conn.getresponse()
            self.assertEqual(json.loads(got.read())["openapi"][:3], "3.1")

    def test_bad_clients(self):
        # Some that say nothing, some that talk rubbish, some that leave in the middle: nobody else waits for them.
        silent = [socket_in(self.net.client, WORLD4, self.daemon.port) for _ in range(20)]
        for sock in silent:
            self.addCleanup(sock.close)
        for data in (b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00", b"\x16\x03\x01\xff\xff" + b"\x00" * 70000, b"\x00" * 300):
            with socket_in(self.net.client, WORLD4, self.daemon.port) as sock:
                try:
                    sock.sendall(data)
                except OSError:
                    pass
        self.assert_status(self.far(token=self.token).get(f"{V1}/status"), 200)

    def test_the_printed_url(self):
        done = subprocess.run([f"{self.daemon.builddir}/opensnitch-ui", "--print", "--runtime-dir", self.daemon.runtime_dir],
                              capture_output=True, text=True, timeout=DEADLINE_S, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        url = urlsplit(done.stdout.strip())
        self.assertEqual((url.scheme, url.netloc, url.path), ("https", f"{NAME}:{self.daemon.port}", "/login"))
        code = url.fragment.partition("=")[2]
        self.assertIn("Secure", self.assert_status(self.far().post(f"{V1}/session", {"code": code}), 201).headers["Set-Cookie"])

    def ruleman(self, cacert=None, host=WORLD4):
        done = self.net.inside([f"{self.daemon.builddir}/opensnitch-ruleman", "--url", f"https://{host}:{self.daemon.port}", "--token-file",
                             f"{self.daemon.runtime_dir}/token", *(["--cacert", cacert] if cacert else []), "list"])
        return done.returncode, done.stdout, done.stderr

    def test_the_command_line_tool(self):
        code, out, err = self.ruleman(self.pair.certificate)
        self.assertEqual((code, err), (0, ""))
        self.assertIn("000-console\t", out)
        other = Pair(self.net.dir, "stranger")
        for cacert, host in ((None, WORLD4), (other.certificate, WORLD4), (self.pair.certificate, f"[{WORLD6}]")):
            with self.subTest(cacert=cacert, host=host):
                code, out, err = self.ruleman(cacert, host)
                self.assertEqual((code, out), (1, ""))
                self.assertIn("--cacert", err)
        for bad in ("/nonexistent", self.pair.key):
            with self.subTest(bad):
                code, out, err = self.ruleman(bad)
                self.assertEqual((code, out), (1, ""))
                self.assertIn("certificate", err)

    def test_the_config_tells(self):
        got = self.assert_status(self.daemon.api.get(f"{V1}/config"), 200).json["restart"]["tls"]
        self.assertEqual(got, {"certificate": self.pair.certificate, "key": self.pair.key})
        for patch in ({"tls": {"key": "/x"}}, {"tls": None}):
            self.assert_status(self.daemon.api.patch(f"{V1}/config", patch), 422)


class TestNuls(NulCases, TlsCase):
    """Over TLS libmicrohttpd reads by itself as well."""

    def raw(self):
        conn = RawConnection(sock=self.far().wrapped())
        self.addCleanup(conn.close)
        return conn

    head_lines = ApiCase.head_lines

    @property
    def api(self):
        return self.far(token=self.token)


class TestRenewal(TlsCase):
    def renewed(self, pair):
        wait_until(lambda: self.served() == pair.der(), what="the new certificate to be served")

    def test_the_recipes(self):
        """Of the manual page and the README: a certificate is made, and used by a client that checks it."""
        book = recipes("HTTPS")
        shown, _, used = readme_blocks("HTTPS")
        values = {"NAME": NAME, "fw.example.org": NAME, "ADDRESS": WORLD4, "192.0.2.7": WORLD4, "7373": str(self.daemon.port),
                  "sudo ": "", "/etc/opensnitchd/": f"{self.net.dir}/", "--cacert ": f"--cacert {self.net.dir}/",
                  "curl ": f"curl -s --resolve {NAME}:{self.daemon.port}:{WORLD4} "}
        for make, use in ((book["make a certificate"], book["use it"]), (shown, used)):
            for name, value in values.items():
                make, use = make.replace(name, value), use.replace(name, value)
            subprocess.run(["bash", "-c", make], check=True, stderr=subprocess.DEVNULL, timeout=DEADLINE_S)
            made = Pair.__new__(Pair)
            made.certificate, made.key = f"{self.net.dir}/tls.crt", f"{self.net.dir}/tls.key"
            self.assertEqual(os.stat(made.key).st_mode & 0o077, 0)
            self.pair.take(made)
            wait_until(lambda der=made.der(): self.served() == der, what="the certificate to be in use")
            done = self.net.run(["env", f"TOKEN={self.token}", "bash", "-c", use])
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(json.loads(done.stdout)["items"], [])

    def test_renewal(self):
        old, new = Pair(self.net.dir, "old"), Pair(self.net.dir, "new")
        self.pair.take(old)
        self.renewed(old)
        kept = self.far(token=self.token).connect()
        self.addCleanup(kept.close)
        with Events(self.far(token=self.token)) as events:
            self.pair.take(new)
            self.renewed(new)
            # Who was there before notices nothing.
            kept.request("GET", f"{V1}/health")
            self.assertEqual(kept.getresponse().read(), b'{"status":"ok"}')
            self.assertFalse(events.ended)
            r = rule("seen", "deny", ("dest.port", "1"))
            self.addCleanup(self.daemon.api.delete, f"{V1}/rules/seen")
            self.assert_status(self.daemon.api.post(f"{V1}/rules", r), 201)
            events.wait_for("rule.created")
        self.assertNotIn("tls_refused", self.daemon.warnings())

    def test_a_pair_that_does_not_fit(self):
        good, other = Pair(self.net.dir, "good"), Pair(self.net.dir, "other")
        self.pair.take(good)
        self.renewed(good)
        with self.daemon.events("alert") as alerts:
            self.pair.take(other, ("certificate",))
            alert = alerts.wait_for("alert", lambda a: a["code"] == "tls_refused").data
            self.assertEqual(alert["severity"], "error")
            self.assertIn("tls.key: does not go with the certificate", alert["message"])
            self.assertIn("the former certificate stays in use", alert["message"])
            self.assertEqual(self.served(), good.der())
            os.unlink(self.pair.key)
            alerts.wait_for("alert", lambda a: "No such file" in a["message"])
            self.assertEqual(self.served(), good.der())
        self.assertIn("tls_refused", self.daemon.warnings())
        self.pair.take(other)
        self.renewed(other)
        wait_until(lambda: "tls_refused" not in self.daemon.warnings(), what="the warning to be over")

    def test_a_key_that_all_may_read(self):
        os.chmod(self.pair.key, 0o644)
        self.addCleanup(os.chmod, self.pair.key, 0o600)
        told = wait_until(lambda: self.daemon.warnings().get("tls_key_open"), what="the warning")
        self.assertIn(self.pair.key, told)
        os.chmod(self.pair.key, 0o640)
        wait_until(lambda: "tls_key_open" not in self.daemon.warnings(), what="the warning to be over")

    def test_another_console(self):
        self.daemon.kill_console()
        wait_until(self.daemon._is_up, what="the next console")
        wait_until(lambda: self._serves(self.pair), what="TLS of the next console")
        # And one that finds files that are no good: it serves whom it can, and says so.
        good = Pair(self.net.dir, "kept")
        with open(self.pair.certificate, "w", encoding="ascii") as f:
            f.write("-----BEGIN CERTIFICATE-----\n")
        self.daemon.kill_console()
        wait_until(self.daemon._is_up, what="the console after it")
        told = wait_until(lambda: self.daemon.warnings().get("tls_refused"), what="the warning")
        self.assertIn("nobody can connect over TLS", told)
        with self.assertRaises(OSError):
            self.served()
        self.pair.take(good)
        wait_until(lambda: self._serves(good), what="TLS to be back")

    def _serves(self, pair):
        try:
            return self.served() == pair.der()
        except OSError:
            return False


class TestEnd(TlsCase):
    """A certificate that ends soon, or has."""

    def told(self, code):
        return wait_until(lambda: self.daemon.warnings().get(code), what=f"the warning {code}")

    def assert_not_told(self, *codes):
        wait_until(lambda: not set(codes) & set(self.daemon.warnings()), what=f"no warning of {codes}")

    def use(self, pair):
        self.pair.take(pair)
        wait_until(lambda: self.served() == pair.der(), what="the certificate to be in use")

    def test_soon_and_over(self):
        self.assert_not_told("tls_expires", "tls_expired")
        with self.daemon.events("alert") as alerts:
            self.use(Pair(self.net.dir, "soon", days=5))
            said = alerts.wait_for("alert", lambda a: a["code"] == "tls_expires").data
            self.assertEqual(said["severity"], "warning")
        text = self.told("tls_expires")
        self.assertIn("in 4 days", text)
        self.assertIn(self.pair.certificate, text)
        self.assert_not_told("tls_expired")
        self.use(Pair(self.net.dir, "over").end_in(self.net.dir, -3600))
        self.assertIn("clients refuse it", self.told("tls_expired"))
        self.assert_not_told("tls_expires")
        self.assertIn("the TLS certificate ended at", self.daemon.log())
        self.use(Pair(self.net.dir, "renewed", days=15))
        self.assert_not_told("tls_expires", "tls_expired")

    def test_it_ends_while_it_is_in_use(self):
        self.use(Pair(self.net.dir, "short").end_in(self.net.dir, 5))
        self.assertIn("ended at", self.told("tls_expired"))
        self.assert_not_told("tls_expires")
        self.use(Pair(self.net.dir, "long"))
        self.assert_not_told("tls_expired")

    def test_a_chain_ends_with_its_first_end(self):
        pair, authority = Pair(self.net.dir, "leaf"), Pair(self.net.dir, "authority", days=10)
        with open(pair.certificate, "a", encoding="ascii") as f:
            f.write(pathlib.Path(authority.certificate).read_text(encoding="ascii"))
        self.pair.take(pair)
        self.assertIn("in 9 days", self.told("tls_expires"))


class TestLater(TlsCase):
    """The daemon starts before the network does."""

    listen = [f"{LATER4}:PORT", f"[{LATER6}]:PORT", "[::1]:PORT"]

    def test_addresses_that_come_later(self):
        self.assertIn(f"{LATER4} is not an address of this machine yet", self.daemon.log())
        for address, width in ((LATER4, 24), (LATER6, 64)):
            with self.subTest(address):
                with self.assertRaises(OSError):
                    socket_in(self.net.world, address, self.daemon.port, 1)
                subprocess.run(["ip", "-n", self.net.world, "address", "add", f"{address}/{width}", "dev", "eth0",
                                *(["nodad"] if width == 64 else [])], check=True)
                here = TlsApi(self.net.world, self.daemon.port, self.pair, token=self.token, address=address)
                got = wait_until(lambda api=here: self.attempt(api), what=f"{address} to be served")
                self.assert_status(got, 200)

    @staticmethod
    def attempt(api):
        """None while the address, or the route to it, is not quite there."""
        try:
            return api.get(f"{V1}/status")
        except OSError:
            return None


class TestBothKinds(TlsCase):
    listen = ["0.0.0.0:PORT", "[::1]:PORT"]

    def test_loopback_stays_plain(self):
        conn = http.client.HTTPConnection("localhost", self.daemon.port, timeout=DEADLINE_S)
        conn.sock = socket_in(self.net.world, "::1", self.daemon.port)
        self.addCleanup(conn.close)
        conn.request("POST", f"{V1}/session", json.dumps({"token": self.token}), {"Content-Type": "application/json"})
        got = conn.getresponse()
        self.assertEqual(got.status, 201)
        self.assertTrue(got.headers["Set-Cookie"].startswith("opensnitch_session="))
        self.assertNotIn("Secure", got.headers["Set-Cookie"])
        got.read()
        conn.request("GET", f"{V1}/health", headers={"Host": NAME})
        self.assertEqual(conn.getresponse().status, 403)

    def test_all_addresses_are_tls(self):
        self.assert_status(self.far(token=self.token).get(f"{V1}/status"), 200)
        # Also that of loopback, for the listener is one for all.
        here = TlsApi(self.net.world, self.daemon.port, self.pair, token=self.token, address="127.0.0.1")
        self.assert_status(here.get(f"{V1}/status"), 200)

    def test_the_browser_of_this_machine_goes_to_loopback(self):
        url = self.assert_status(self.daemon.api.post(f"{V1}/session/codes"), 201).json["url"]
        self.assertTrue(url.startswith(f"http://localhost:{self.daemon.port}/login#code="), url)


@unittest.skipIf(why_not(), why_not())
class TestRefusals(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.net = Lab(prefix="opensnitch-tls").__enter__()
        cls.addClassCleanup(cls.net.__exit__, None, None, None)
        cls.pair, cls.other = Pair(cls.net.dir), Pair(cls.net.dir, "other")
        cls.daemon = TlsDaemon(cls.net, [], start=False)
        cls.addClassCleanup(cls.daemon.close)
        cls.good = {"certificate": cls.pair.certificate, "key": cls.pair.key}

    def run_with(self, config, *args):
        self.daemon.write_config(config)
        done = subprocess.run([*self.daemon.argv(), *args], capture_output=True, text=True, timeout=DEADLINE_S, check=False)
        return done.returncode, done.stderr

    def refused(self, config, where, *words, args=()):
        for extra in ((), ("--check-config",)):
            with self.subTest(config=config, args=args, extra=extra):
                code, said = self.run_with(config, *args, *extra)
                self.assertEqual(code, 2, said)
                first = said.splitlines()[0]
                self.assertTrue(first.startswith(where), said)
                for word in words:
                    self.assertIn(word, first)
                self.assertEqual(len(said.splitlines()), 2, said)
                self.assertIn("the config is not valid", said)

    def test_addresses_without_tls(self):
        path = self.daemon.config_path
        needs = ("is not a loopback address", "tls.certificate", "tls.key", "SSH tunnel")
        for address in ("0.0.0.0:7373", "[::]:7373", f"{WORLD4}:7373", "[fe80::1]:7373"):
            self.refused({}, f"--listen: {address} ", *needs, args=("--listen", address))
            self.refused({"listen": ["127.0.0.1:1", address]}, f"{path}:1: listen[1]: {address} ", *needs)
        # The config is read first: with both files the address is good.
        code, said = self.run_with({"tls": self.good}, "--listen", "0.0.0.0:7373", "--check-config")
        self.assertEqual((code, said), (0, ""))

    def test_bad_files(self):
        path = self.daemon.config_path
        rubbish, locked = f"{self.net.dir}/rubbish", f"{self.net.dir}/locked"
        pathlib.Path(rubbish).write_text("hello\n", encoding="ascii")
        openssl("ec", "-in", self.pair.key, "-aes256", "-passout", "pass:secret", "-out", locked)
        fifo, big = f"{self.net.dir}/fifo", f"{self.net.dir}/big"
        os.mkfifo(fifo)
        with open(big, "wb") as f:
            f.truncate(1 << 30)
        for part, value, word in (("key", self.other.key, "does not go with the certificate"), ("key", locked, "without a password"),
                                  ("key", rubbish, "holds no key"), ("certificate", rubbish, "holds no good certificates"),
                                  ("certificate", self.pair.key, "holds no good certificates"),
                                  ("key", self.pair.certificate, "holds no key"),
                                  ("key", "/nowhere", "No such file"), ("certificate", "/nowhere", "No such file"),
                                  ("key", "/etc", "must be a file"), ("key", fifo, "must be a file"), ("key", big, "must be a file"),
                                  ("certificate", "pair.crt", "absolute path"), ("key", "", "absolute path"), ("key", 7, "absolute path"),
                                  ("key", "/" + "x" * 1024, "absolute path")):
            self.refused({"tls": {**self.good, part: value}}, f"{path}:1: tls.{part}: ", word)

    def test_one_without_the_other(self):
        path = self.daemon.config_path
        self.refused({"tls": {"key": self.pair.key}}, f"{path}:1: tls.key: ", "tls.certificate")
        self.refused({"tls": {"certificate": self.pair.certificate}}, f"{path}:1: tls.certificate: ", "tls.key")
        self.refused({"tls": "yes"}, f"{path}:1: tls: ", "object")
        self.refused({"tls": {"cert": "/x"}}, f"{path}:1: tls.cert", "not a known option")

    def test_none(self):
        for config in ({"tls": None}, {"tls": {}}, {"tls": {"certificate": None, "key": None}}):
            self.assertEqual(self.run_with(config, "--check-config"), (0, ""))

    def test_the_line(self):
        with open(self.daemon.config_path, "w", encoding="utf-8") as f:
            f.write(f'{{\n "tls": {{\n  "certificate": "{self.pair.certificate}",\n  "key": "{self.other.key}"\n }}\n}}\n')
        done = subprocess.run([*self.daemon.argv(), "--check-config"], capture_output=True, text=True, timeout=DEADLINE_S, check=False)
        self.assertTrue(re.match(re.escape(f"{self.daemon.config_path}:4: tls.key: "), done.stderr), done.stderr)


if __name__ == "__main__":
    tap.main()
