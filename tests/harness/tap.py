# SPDX-License-Identifier: GPL-2.0-or-later
"""unittest spoken as TAP 13: one line a test, skips with their reason, failures with a traceback as diagnostics.

    import tap
    ...
    if __name__ == "__main__":
        tap.main()

Exit code 0 when nothing failed. A test that takes longer than TEST_TIMEOUT seconds (environment
OPENSNITCH_TEST_TIMEOUT) is interrupted and counts as failed; its clean-ups run.
"""
import os
import signal
import sys
import traceback
import unittest

# For builds with sanitizers. The daemon's processes are closed to ptrace, which LeakSanitizer needs; memory that was freed is not to be
# held back for long, as tests look at what a process takes; and one test preloads a library on purpose.
os.environ.setdefault("ASAN_OPTIONS", "detect_leaks=0:quarantine_size_mb=1:verify_asan_link_order=0")

TEST_TIMEOUT = int(os.environ.get("OPENSNITCH_TEST_TIMEOUT", "400"))


class TestTimeout(Exception):
    """The alarm of a test that hangs."""


def _on_alarm(_signum, _frame):
    raise TestTimeout(f"no end after {TEST_TIMEOUT} s")


def _on_term(_signum, _frame):
    raise SystemExit(143)


def _name(test):
    text = test.shortDescription() or ""
    ident = test.id().replace("__main__.", "")
    return (f"{ident}: {text}" if text else ident).replace("#", "\\#").replace("\n", " ")


class TapResult(unittest.TestResult):
    """Prints each result as it comes; the plan stands at the end, since a failed class set-up adds a line."""

    def __init__(self, stream):
        super().__init__()
        self.stream = stream
        self.count = 0
        self.subtest_failed = False

    def _line(self, ok, test, note=""):
        self.count += 1
        word = "ok" if ok else "not ok"
        self.stream.write(f"{word} {self.count} - {_name(test)}{note}\n")
        self.stream.flush()

    def _diagnose(self, err):
        text = "".join(traceback.format_exception(*err))
        for line in text.rstrip("\n").split("\n"):
            self.stream.write(f"# {line}\n")
        self.stream.flush()

    def startTest(self, test):
        super().startTest(test)
        self.subtest_failed = False
        signal.alarm(TEST_TIMEOUT)

    def stopTest(self, test):
        signal.alarm(0)
        super().stopTest(test)

    def addSuccess(self, test):
        super().addSuccess(test)
        self._line(True, test)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._line(False, test)
        self._diagnose(err)

    def addError(self, test, err):
        super().addError(test, err)
        self._line(False, test)
        self._diagnose(err)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self._line(True, test, f" # SKIP {reason}")

    def addExpectedFailure(self, test, err):
        super().addExpectedFailure(test, err)
        self._line(True, test)

    def addUnexpectedSuccess(self, test):
        super().addUnexpectedSuccess(test)
        self._line(False, test)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is None:
            return
        # The first bad subtest speaks for its test: addSuccess() does not come for it any more.
        if not self.subtest_failed:
            self._line(False, test)
            self.subtest_failed = True
        self.stream.write(f"# in {subtest}\n")
        self._diagnose(err)


def main(module="__main__"):
    """Runs all tests of the module (or those named on the command line) and exits."""
    loader = unittest.TestLoader()
    names = sys.argv[1:]
    target = sys.modules[module]
    suite = loader.loadTestsFromNames(names, target) if names else loader.loadTestsFromModule(target)
    signal.signal(signal.SIGALRM, _on_alarm)
    signal.signal(signal.SIGTERM, _on_term)
    sys.stdout.write("TAP version 13\n")
    result = TapResult(sys.stdout)
    suite.run(result)
    sys.stdout.write(f"1..{result.count}\n")
    sys.stdout.flush()
    sys.exit(0 if result.wasSuccessful() else 1)


def skip_all(reason):
    """For a file that cannot run here at all: says so as TAP and ends."""
    sys.stdout.write(f"TAP version 13\n1..0 # SKIP {reason}\n")
    sys.stdout.flush()
    sys.exit(0)
