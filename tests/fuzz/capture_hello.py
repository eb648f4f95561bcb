#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Makes the corpora of real first words: what OpenSSL, curl, GnuTLS, Python, Chromium and ngtcp2 send to begin TLS and QUIC.

    make capture-hello        or: python3 tests/fuzz/capture_hello.py [FOLDER]

By hand only: the tests read what it wrote. Needs the programs openssl, curl, gnutls-cli, chromium and gtlsclient (Debian packages openssl,
curl, gnutls-bin, chromium, ngtcp2-client); one that is missing is left out. tls_hello/NAME is what came over TCP, quic_initial/NAME the
datagrams, each behind its length in two bytes. The name asked for is NAME.hello.test, but gtlsclient says localhost.
"""
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))


def python_client(host, port):
    code = ("import socket, ssl; c = ssl.create_default_context(); "
            f"c.wrap_socket(socket.create_connection(('127.0.0.1', {port})), server_hostname='{host}')")
    return [sys.executable, "-c", code]


def chromium(host, port, folder, *more):
    return ["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder}",
            f"--host-resolver-rules=MAP {host} 127.0.0.1", *more, f"https://{host}:{port}/"]


TCP = {
    "openssl": lambda host, port, _: ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-servername", host],
    "openssl12": lambda host, port, _: ["openssl", "s_client", "-tls1_2", "-connect", f"127.0.0.1:{port}", "-servername", host],
    "curl": lambda host, port, _: ["curl", "-sk", "-m", "5", "--resolve", f"{host}:{port}:127.0.0.1", f"https://{host}:{port}/"],
    "gnutls": lambda host, port, _: ["gnutls-cli", "--insecure", "--sni-hostname", host, "-p", str(port), "127.0.0.1"],
    "python": lambda host, port, _: python_client(host, port),
    "chromium": chromium,
}
QUIC = {
    "ngtcp2": lambda host, port, _: ["gtlsclient", "127.0.0.1", str(port), f"https://{host}:{port}/"],
    "chromium": lambda host, port, folder: chromium(host, port, folder, "--enable-quic", f"--origin-to-force-quic-on={host}:{port}"),
}


def run(argv):
    return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)


def end(proc):
    try:
        os.killpg(proc.pid, 9)
    except ProcessLookupError:
        pass
    proc.wait()


def tcp_words(listener):
    """What the first client says while nobody answers."""
    listener.settimeout(20)
    client, _ = listener.accept()
    client.settimeout(1)
    words = b""
    try:
        while part := client.recv(65536):
            words += part
    except OSError:
        pass
    client.close()
    return words


def datagrams(sock):
    """The first flight: what comes until the client has waited for an answer."""
    sock.settimeout(20)
    out = [sock.recv(65536)]
    sock.settimeout(0.1)
    try:
        while True:
            out.append(sock.recv(65536))
    except OSError:
        return out


def capture(kind, title, argv_of, folder):
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM if kind == "tls_hello" else socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    if kind == "tls_hello":
        sock.listen()
    home = tempfile.mkdtemp(prefix="capture-hello-")
    argv = argv_of(f"{title}.hello.test", sock.getsockname()[1], home)
    proc = None
    try:
        if shutil.which(argv[0]) is None:
            print(f"capture_hello.py: no {argv[0]}: {title} is left as it is")
            return
        proc = run(argv)
        if kind == "tls_hello":
            data = tcp_words(sock)
        else:
            data = b"".join(struct.pack("!H", len(d)) + d for d in datagrams(sock))
        os.makedirs(f"{folder}/{kind}", exist_ok=True)
        with open(f"{folder}/{kind}/{title}", "wb") as f:
            f.write(data)
    finally:
        if proc is not None:
            end(proc)
        sock.close()
        shutil.rmtree(home, ignore_errors=True)


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else f"{HERE}/corpus"
    for kind, clients in (("tls_hello", TCP), ("quic_initial", QUIC)):
        for title, argv_of in clients.items():
            try:
                capture(kind, title, argv_of, folder)
            except OSError as e:
                print(f"capture_hello.py: {kind}/{title}: {e}")


if __name__ == "__main__":
    main()
