// SPDX-License-Identifier: GPL-2.0-or-later
// A browser opens six connections to one server, for all its tabs together, and every event stream keeps one for good:
// the seventh tab would wait for ever. So at most four tabs have a stream; the others ask now and then, until one closes.

const SLOTS = 4;

/** @param {string} name  @returns {Promise<boolean>} whether the lock was to be had; it is then kept until the page goes away */
function tryLock(name) {
	return new Promise((resolve, reject) => {
		navigator.locks.request(name, { ifAvailable: true }, (lock) => {
			resolve(lock !== null);
			return lock ? new Promise(() => {}) : null;
		}).catch(reject);
	});
}

/** Whether this tab may have a stream; ask again later if not. @returns {Promise<boolean>} */
export async function takeStreamSlot() {
	try {
		for (let i = 0; navigator.locks && i < SLOTS; i++) {
			if (await tryLock(`opensnitch-stream-${i}`)) {
				return true;
			}
		}
	} catch {
		return true;
	}
	// Without locks (an insecure context) a stream too many is better than none.
	return !navigator.locks;
}
