// SPDX-License-Identifier: GPL-2.0-or-later
// The daemon's clock seen from here: through a tunnel the two machines may disagree by minutes, and a countdown
// must end when the daemon ends it.

let low = -Infinity;
let high = Infinity;

/**
 * Narrows the offset with one answer: its Date header names the second in which it was made, somewhere between
 * the request and the arrival. Both in ms of this machine's clock.
 * @param {string|null} date
 * @param {number} sent
 * @param {number} received
 */
export function learnServerTime(date, sent, received) {
	const second = date ? Date.parse(date) : NaN;
	if (Number.isNaN(second)) {
		return;
	}
	const lo = second - received;
	const hi = second + 1000 - sent;
	if (lo > high || hi < low) {
		// One of the clocks was set: what was known is void.
		low = lo;
		high = hi;
	} else {
		low = Math.max(low, lo);
		high = Math.min(high, hi);
	}
}

/** Now in ms, as the daemon's clock has it. */
export function serverNow() {
	if (low === -Infinity) {
		return Date.now();
	}
	// Small differences are the Date header's own coarseness.
	const offset = low <= 0 && high >= 0 ? 0 : (low + high) / 2;
	return Date.now() + offset;
}
