#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Where a running daemon spends its time: system calls by number and time, then functions.
# usage: profile.sh PID [SECONDS]   (as root; while connections run through it)
set -eu
pid=${1:?usage: profile.sh PID [SECONDS]}
seconds=${2:-5}
[ -d "/proc/$pid" ] || { echo "profile.sh: no process $pid" >&2; exit 1; }

queued() { # packets that the queues of its namespace have ever seen
	awk '{ n += $8 } END { print n + 0 }' "/proc/$pid/net/netfilter/nfnetlink_queue" 2>/dev/null || echo 0
}
ticks() { # processor time, in clock ticks: user, system
	cut -d ' ' -f 14,15 "/proc/$pid/stat"
}

read -r user0 system0 <<<"$(ticks)"
packets0=$(queued)
sleep "$seconds"
read -r user1 system1 <<<"$(ticks)"
packets=$(($(queued) - packets0))
hz=$(getconf CLK_TCK)
echo "undisturbed, $seconds s: $packets packets queued, $(((user1 - user0) * 1000 / hz)) ms user," \
	"$(((system1 - system0) * 1000 / hz)) ms system"

if command -v strace >/dev/null; then
	echo "== system calls (strace slows it: look at the numbers, not the times)"
	packets0=$(queued)
	timeout -s INT "$seconds" strace -c -f -p "$pid" 2>&1 | grep -v '^strace: Process' || true
	echo "$(($(queued) - packets0)) packets meanwhile"
fi
if command -v perf >/dev/null; then
	echo "== functions"
	data=$(mktemp)
	trap 'rm -f "$data"' EXIT
	if perf record -q -g -o "$data" -p "$pid" -- sleep "$seconds" 2>/dev/null; then
		perf report -i "$data" --stdio --no-children -g none --percent-limit 0.7 2>/dev/null |
			grep -v '^#' | grep -v '^$' || true
	else
		echo "perf does not work here"
	fi
fi
