# SPDX-License-Identifier: GPL-2.0-or-later
"""Pairs of network namespaces: a program's side, and a server's side over a veth."""

import pathlib
import subprocess

NETNS_DIR = pathlib.Path("/run/netns")


def run(*argv, check=True):
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise RuntimeError(f"{' '.join(argv)}: {done.stderr.strip() or done.returncode}")
    return done.stdout


def wait_line(process, wanted):
    """Waits for a line of a program's standard output; fails when it ends instead."""
    for line in process.stdout:
        if line.strip() == wanted:
            return
    raise RuntimeError(f"{process.args}: ended with {process.wait()} before it said {wanted!r}")


class Pair:
    """`name` guards, `name`-s serves; the addresses are 10.201.INDEX.1 and .2."""

    PORT, PORTS = 8000, 8

    def __init__(self, prefix, name, index, build):
        self.name = f"{prefix}-{name}"
        self.server = f"{self.name}-s"
        self.address = f"10.201.{index}.2"
        self.address6 = None
        self.build = build
        self.index = index
        self.listener = None

    def open(self):
        for netns in (self.name, self.server):
            run("ip", "netns", "add", netns)
            run("ip", "-n", netns, "link", "set", "lo", "up")
        run("ip", "-n", self.name, "link", "add", "veth0", "type", "veth",
            "peer", "name", "veth0", "netns", self.server)
        for netns, host in ((self.name, 1), (self.server, 2)):
            run("ip", "-n", netns, "addr", "add", f"10.201.{self.index}.{host}/24", "dev", "veth0")
            run("ip", "-n", netns, "link", "set", "veth0", "up")
        self.listener = self.start(self.server, self.build / "tests/bench/listener",
                                   str(self.PORT), str(self.PORTS))
        wait_line(self.listener, "ready")

    def open6(self):
        """Addresses of IPv6 as well."""
        for netns, host in ((self.name, 1), (self.server, 2)):
            run("ip", "-n", netns, "addr", "add", f"fd00:201:{self.index}::{host}/64", "dev", "veth0", "nodad")
        self.address6 = f"fd00:201:{self.index}::2"

    @property
    def file(self):
        return str(NETNS_DIR / self.name)

    @staticmethod
    def command(netns, *argv):
        return ["nsenter", f"--net={NETNS_DIR / netns}", *map(str, argv)]

    def start(self, netns, *argv):
        return subprocess.Popen(self.command(netns, *argv), stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, text=True)

    def inside(self, *argv, check=True):
        return run(*self.command(self.name, *argv), check=check)

    def sysctl(self, key, value):
        path = f"/proc/sys/{key.replace('.', '/')}"
        self.inside("sh", "-c", f"echo {value} > {path}")

    def connect(self, count, procs):
        """Times of procs * count connects, in nanoseconds."""
        lines = self.inside(self.build / "tests/bench/connect", "--to", self.address,
                            "--port", self.PORT, "--ports", self.PORTS,
                            "--count", count, "--procs", procs)
        return [int(line) for line in lines.split()]

    def queued(self, number):
        """How many packets the kernel has ever put into a queue of this namespace; None without it."""
        for line in self.inside("cat", "/proc/net/netfilter/nfnetlink_queue").splitlines():
            fields = line.split()
            if int(fields[0]) == number:
                return int(fields[7])
        return None

    def close(self):
        if self.listener:
            self.listener.stdin.close()
            self.listener.wait(5)
        for netns in (self.name, self.server):
            run("ip", "netns", "del", netns, check=False)
