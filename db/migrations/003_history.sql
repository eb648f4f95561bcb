-- SPDX-License-Identifier: GPL-2.0-or-later
-- Decided connections. Every text stands once in `strings`; a row is small numbers.
CREATE TABLE strings (
	id INTEGER PRIMARY KEY,
	hash INTEGER NOT NULL, -- keyed hash of text: the index stays small when texts are long
	last_id INTEGER NOT NULL, -- no connection with a greater id refers to it
	text TEXT NOT NULL
);
CREATE INDEX strings_hash ON strings (hash);

CREATE TABLE connections (
	id INTEGER PRIMARY KEY, -- in order of decision, never used again
	time_us INTEGER NOT NULL,
	protocol INTEGER NOT NULL, -- IPPROTO_*, + 256 over IPv6
	action INTEGER NOT NULL,
	reason INTEGER NOT NULL,
	src_port INTEGER NOT NULL,
	dst_port INTEGER NOT NULL,
	uid INTEGER, -- NULL: not known
	pid INTEGER, -- NULL: no process is known
	method INTEGER NOT NULL,
	confidence INTEGER NOT NULL,
	host_source INTEGER NOT NULL,
	latency_us INTEGER NOT NULL,
	held INTEGER NOT NULL, -- packets
	start_time INTEGER,
	-- of strings; NULL: none
	src_ip INTEGER,
	dst_ip INTEGER,
	host INTEGER,
	rule INTEGER,
	path INTEGER,
	args INTEGER,
	cwd INTEGER,
	user INTEGER,
	cgroup INTEGER,
	container INTEGER,
	parents INTEGER,
	iface_out INTEGER
);
CREATE INDEX connections_time ON connections (time_us);
CREATE INDEX connections_path ON connections (path);
-- Not by host, address or rule: each would cost more with every connection than looking through all rows now and then.
