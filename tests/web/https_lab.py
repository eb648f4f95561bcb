#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A lab whose dashboard is served over TLS, for the browser that it starts in the same network namespace. Speaks as `lab.py serve` does:
one JSON line, then nothing to obey; ends with its standard input."""
import base64
import hashlib
import json
import os
import pathlib
import signal
import subprocess
import sys

TOP = pathlib.Path(os.environ.get("TOP_SRCDIR", pathlib.Path(__file__).resolve().parents[2]))
sys.path[:0] = [str(TOP / "tests/api"), str(TOP / "tests/harness")]
from lab import WORLD4, Lab  # noqa: E402
from test_tls import NAME, Pair, TlsDaemon  # noqa: E402


def key_digest(pair):
    """What chromium takes instead of an authority: a digest of this one public key."""
    pem = subprocess.run(["openssl", "x509", "-in", pair.certificate, "-noout", "-pubkey"], check=True, capture_output=True, timeout=30).stdout
    der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "der"], input=pem, check=True, capture_output=True, timeout=30).stdout
    return base64.b64encode(hashlib.sha256(der).digest()).decode()


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with Lab(prefix="opensnitch-web") as net:
        pair = Pair(net.dir)
        with TlsDaemon(net, [f"{WORLD4}:PORT"], {"certificate": pair.certificate, "key": pair.key}) as daemon:
            browser = f"{net.dir}/browser"
            with open(browser, "w", encoding="utf-8") as f:
                f.write(f'#!/bin/sh\nexec nsenter --net=/run/netns/{net.world} -- {os.environ["CHROMIUM"]} "$@"\n')
            os.chmod(browser, 0o755)
            print(json.dumps({"url": f"https://{NAME}:{daemon.port}", "token": daemon.token(), "client_cmd": net.command([]),
                              "runtime_dir": daemon.runtime_dir, "socket": daemon.socket_path, "browser": browser,
                              "flags": [f"--host-resolver-rules=MAP {NAME} {WORLD4}", f"--ignore-certificate-errors-spki-list={key_digest(pair)}"]}),
                  flush=True)
            sys.stdin.read()


if __name__ == "__main__":
    main()
