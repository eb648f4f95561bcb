#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The house style, held by machine, as TAP: formatting, clang-tidy, which room may include what, licence lines.
# clang-tidy's verdicts are kept by content in $OPENSNITCH_TIDY_CACHE (default: .tidy-cache in the build tree).
set -u
shopt -s nullglob

top=${TOP_SRCDIR:-$(cd "$(dirname "$0")/.." && pwd)}
build=${TOP_BUILDDIR:-$PWD}
cache=${OPENSNITCH_TIDY_CACHE:-$build/.tidy-cache}
cd "$top" || exit 99

rooms=(lib daemon api db cli)
count=0

report() { # report STATUS NAME, with what is wrong on stdin
	local diagnostics
	diagnostics=$(cat)
	count=$((count + 1))
	if [ "$1" = 0 ] && [ -z "$diagnostics" ]; then
		echo "ok $count - $2"
	else
		echo "not ok $count - $2"
		printf '%s\n' "$diagnostics" | head -n 200 | sed 's/^/# /'
		failed=1
	fi
}

skip() { # skip NAME REASON
	count=$((count + 1))
	echo "ok $count - $1 # SKIP $2"
}

# Every file that a person wrote, wherever the tree came from (a clone or a release).
sources() { # sources PATTERN...
	local args=() p
	for p in "$@"; do
		args+=(-o -name "$p")
	done
	find lib daemon api db cli web tools tests contrib \( -name node_modules -o -name __pycache__ \) -prune \
		-o -type f \( "${args[@]:1}" \) -print | sort
}

c_files() { sources '*.c' '*.h'; }

# ---- formatting

check_format() {
	if ! command -v clang-format >/dev/null; then
		skip "C is formatted" "clang-format is not installed"
		return
	fi
	c_files | xargs clang-format --dry-run -Werror 2>&1 | grep -E 'error|warning' | report 0 "C is formatted"
}

# ---- clang-tidy

tidy_flags=(-std=gnu11 -D_GNU_SOURCE -I"$top" -I"$build" -DSYSCONFDIR='"/etc"' -DLOCALSTATEDIR='"/var"'
	-DRUNSTATEDIR='"/run"' -DLIBEXECDIR='"/usr/libexec"' -DCONSOLE_USER='"opensnitch"')

tidy_one() { # tidy_one FILE: quiet and 0 when clean
	local key out
	# What the verdict depends on: the tool, its settings, and every byte that the compiler would read of ours.
	key=$({
		echo "$tidy_version"
		cat "$top/.clang-tidy" "$top/tests/style.sh"
		"${CC:-cc}" "${tidy_flags[@]}" -MM -MG "$1" | tr -d '\\\n' | cut -d: -f2- | xargs -n1 | sort -u |
			sed "s|^$build/||; s|^$top/||" | while read -r f; do
			echo "== $f"
			if [ -e "$f" ]; then cat "$f"; else cat "$build/$f" 2>/dev/null; fi
		done
	} | sha256sum | cut -d' ' -f1)
	[ -e "$cache/$key" ] && return 0
	out=$(clang-tidy --quiet "$1" -- "${tidy_flags[@]}" 2>&1)
	if [ $? -ne 0 ] || grep -qE '(warning|error):' <<<"$out"; then
		grep -vE '^[0-9]+ warnings? (generated|treated)|^Suppressed|^Use -header-filter' <<<"$out"
		return 1
	fi
	: >"$cache/$key"
}

check_tidy() {
	if ! command -v clang-tidy >/dev/null; then
		skip "clang-tidy has nothing to say" "clang-tidy is not installed"
		return
	fi
	mkdir -p "$cache"
	tidy_version=$(clang-tidy --version)
	export -f tidy_one
	export top build cache tidy_version
	# shellcheck disable=SC2016
	{ sources '*.c' | xargs -P "$(nproc)" -n 1 bash -c 'eval "$0"; tidy_one "$1"' "$(declare -p tidy_flags)"; } 2>&1 |
		report 0 "clang-tidy has nothing to say"
}

# ---- which room may include what

includes_of() { # includes_of ROOM: "file:line: header" of each #include
	grep -HnE '^[[:space:]]*#[[:space:]]*include[[:space:]]*[<"]' "$1"/*.[ch] /dev/null |
		sed -E 's/^([^:]*:[0-9]+):[[:space:]]*#[[:space:]]*include[[:space:]]*[<"]([^>"]*)[>"].*/\1: \2/'
}

own_headers() { # own_headers ROOM ALLOWED-REGEXP: headers of ours outside what is allowed
	includes_of "$1" | grep -E ': (lib|daemon|api|db|cli|tests|web|tools)/' | grep -vE ": ($2)"
}

foreign_headers() { # foreign_headers HEADER-REGEXP ROOM...: a library used in a room that may not know it
	local header=$1 room
	shift
	for room in "$@"; do
		includes_of "$room" | grep -E ": ($header)"
	done
}

check_includes() {
	own_headers lib 'lib/' | report 0 "lib/ includes lib/ only"
	own_headers daemon '(lib|daemon)/' | report 0 "daemon/ includes lib/ and daemon/ only"
	own_headers api '(lib|api|db|web)/|daemon/ipc\.h$' | report 0 "api/ includes lib/, api/, db/, web/ and daemon/ipc.h only"
	own_headers db '(lib|db)/|daemon/ipc\.h$' | report 0 "db/ includes lib/, db/ and daemon/ipc.h only"
	own_headers cli '(lib|cli)/' | report 0 "cli/ includes lib/ and cli/ only"
	foreign_headers 'jansson\.h|microhttpd\.h' lib daemon db | report 0 "jansson and libmicrohttpd stay in api/ and cli/"
	foreign_headers 'sqlite3' lib daemon api cli | report 0 "SQLite stays in db/"
	# The console asks the kernel itself who is at the other end of its connections.
	foreign_headers 'libmnl/|libnetfilter|libiptc/|xtables|linux/(netlink|netfilter|sock_diag|inet_diag)' lib api db cli |
		grep -vE '^api/peers\.c:' | report 0 "netlink and netfilter stay in daemon/, but for api/peers.c"
	{
		foreign_headers 'curl/' lib daemon db
		foreign_headers 'curl/' api | grep -v -e '^api/transfer\.c:' -e '^api/export_sink\.c:'
	} | report 0 "libcurl stays in cli/, api/transfer.c and api/export_sink.c"
}

# ---- every file

check_licence() {
	{
		sources '*.c' '*.h' '*.py' '*.sh' '*.mjs' '*.js' '*.css' '*.sql' '*.inc' '*.html' '*.service'
		echo configure.ac
		echo Makefile.am
		echo quickstart
	} | while read -r f; do
		if [ -e "$f" ]; then head -n 4 "$f" | grep -q 'SPDX-License-Identifier: GPL-2.0-or-later' || echo "$f"; fi
	done | report 0 "every source file names its licence"
}

check_paths() {
	# The brackets keep these lines from finding themselves.
	{
		grep -rnIE '/wor[k]/(wt|main|shared)|/tmp/b[-]|/tmp/bas[h]' "${rooms[@]}" web tools tests contrib quickstart README.md \
			configure.ac Makefile.am --exclude-dir=node_modules --exclude-dir=__pycache__
		grep -rnIF "$top/" "${rooms[@]}" web tools tests contrib quickstart README.md configure.ac Makefile.am \
			--exclude-dir=node_modules --exclude-dir=__pycache__
	} 2>/dev/null | report 0 "no file knows the machine that it was written on"
}

check_unfinished() {
	{
		sources '*.c' '*.h' '*.py' '*.sh' '*.mjs' '*.js' '*.css' '*.sql'
		echo quickstart
	} | xargs grep -nE '\b(TOD[O]|FIXM[E]|XX[X])\b' | report 0 "nothing is marked as unfinished"
}

check_length() {
	local f lines
	for f in $(sources '*.c' '*.h' '*.js'); do
		lines=$(wc -l <"$f")
		if [ "$lines" -gt 600 ]; then echo "$f: $lines lines"; fi
	done | report 0 "no file is longer than 600 lines"
}

check_shell() {
	local files=(quickstart .ci/run) f
	for f in $(sources '*.sh'); do files+=("$f"); done
	if ! command -v shellcheck >/dev/null; then
		skip "shellcheck has nothing to say" "shellcheck is not installed"
		return
	fi
	for f in "${files[@]}"; do
		if [ -e "$f" ]; then shellcheck --severity=warning --format=gcc "$f"; fi
	done | report 0 "shellcheck has nothing to say"
}

failed=0
# report() runs at the end of pipelines: let it keep its counters in this shell.
shopt -s lastpipe
set +m
check_format
check_tidy
check_includes
check_licence
check_paths
check_unfinished
check_length
check_shell
echo "1..$count"
exit "$failed"
