// SPDX-License-Identifier: GPL-2.0-or-later
// Numbers, times and names of ports for people.

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' });
const FULL = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium', hourCycle: 'h23' });
const DAY = new Intl.DateTimeFormat(undefined, { month: 'short', day: 'numeric' });
const COUNT = new Intl.NumberFormat();

/** @param {string|number|Date} t */
export function clockTime(t) {
	return CLOCK.format(new Date(t));
}

/** @param {string|number|Date|null} t  @returns {string} with date, or an em dash */
export function fullTime(t) {
	return t ? FULL.format(new Date(t)) : '—';
}

/** The date, for a time that is not of today; else ''. @param {string|number|Date} t */
export function dayUnlessToday(t) {
	const d = new Date(t);
	return d.toDateString() === new Date().toDateString() ? '' : DAY.format(d);
}

/** @param {number|null|undefined} n */
export function count(n) {
	return n === null || n === undefined ? '—' : COUNT.format(n);
}

/** @param {number} n @param {string} one @param {string} [many] */
export function plural(n, one, many = `${one}s`) {
	return `${count(n)} ${n === 1 ? one : many}`;
}

/** @param {number|null|undefined} us microseconds */
export function latency(us) {
	if (us === null || us === undefined) {
		return '—';
	}
	if (us < 1000) {
		return `${us} µs`;
	}
	if (us < 1e6) {
		return `${(us / 1000).toFixed(us < 10000 ? 1 : 0)} ms`;
	}
	return `${(us / 1e6).toFixed(1)} s`;
}

/**
 * When a connection was decided: `time` says when it began, and `latency_us` how long it waited. To the microsecond, as the API tells times.
 * @param {{time: string, latency_us?: number|null}} c
 */
export function decidedTime(c) {
	const [, seconds, fraction = ''] = /^(.*?)(?:\.(\d+))?Z$/.exec(c.time) ?? [];
	const begun = Date.parse(`${seconds}Z`);
	if (!c.latency_us || Number.isNaN(begun)) {
		return c.time;
	}
	const us = Number(fraction.padEnd(6, '0').slice(0, 6)) + c.latency_us;
	const whole = new Date(begun + Math.floor(us / 1e6) * 1000).toISOString().slice(0, 19);
	return `${whole}.${String(us % 1e6).padStart(6, '0')}Z`;
}

/** "2 d 4 h", "3 min 20 s": at most two units. @param {number} seconds */
export function duration(seconds) {
	const s = Math.max(0, Math.round(seconds));
	const parts = [[Math.floor(s / 86400), 'd'], [Math.floor(s / 3600) % 24, 'h'], [Math.floor(s / 60) % 60, 'min'], [s % 60, 's']];
	const first = parts.findIndex(([n]) => n > 0);
	if (first < 0) {
		return '0 s';
	}
	return parts.slice(first, first + 2).filter(([n]) => n > 0).map(([n, unit]) => `${n} ${unit}`).join(' ');
}

/** "just now", "4 min ago". @param {string|number|Date} t @param {number} now ms */
export function ago(t, now) {
	const s = (now - new Date(t).getTime()) / 1000;
	if (s < 5) {
		return 'just now';
	}
	if (s < 60) {
		return `${Math.floor(s)} s ago`;
	}
	if (s < 3600) {
		return `${Math.floor(s / 60)} min ago`;
	}
	if (s < 86400) {
		return `${Math.floor(s / 3600)} h ago`;
	}
	return `${Math.floor(s / 86400)} d ago`;
}

/** @param {number} kib */
export function kib(kib) {
	return kib < 1024 ? `${count(kib)} KiB` : `${(kib / 1024).toFixed(1)} MiB`;
}

/** @param {number|null|undefined} n */
export function bytes(n) {
	if (n === null || n === undefined) {
		return '—';
	}
	const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
	let value = n;
	let i = 0;
	while (value >= 1024 && i < units.length - 1) {
		value /= 1024;
		i += 1;
	}
	return `${i === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[i]}`;
}

const SERVICES = new Map([
	[20, 'ftp-data'], [21, 'ftp'], [22, 'ssh'], [23, 'telnet'], [25, 'smtp'], [53, 'dns'], [67, 'dhcp'], [80, 'http'],
	[110, 'pop3'], [123, 'ntp'], [137, 'netbios'], [143, 'imap'], [161, 'snmp'], [389, 'ldap'], [443, 'https'], [445, 'smb'],
	[465, 'smtps'], [514, 'syslog'], [587, 'submission'], [631, 'ipp'], [636, 'ldaps'], [853, 'dns over tls'], [993, 'imaps'],
	[995, 'pop3s'], [1194, 'openvpn'], [1900, 'ssdp'], [3306, 'mysql'], [3389, 'rdp'], [3478, 'stun'], [5222, 'xmpp'],
	[5353, 'mdns'], [5355, 'llmnr'], [5432, 'postgresql'], [6379, 'redis'], [6667, 'irc'], [8080, 'http'], [8443, 'https'],
	[9418, 'git'], [51820, 'wireguard'],
]);

/** What a port is usually for; '' when nobody says. @param {number} port */
export function serviceName(port) {
	return SERVICES.get(port) ?? '';
}
