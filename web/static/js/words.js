// SPDX-License-Identifier: GPL-2.0-or-later
// The daemon's short words, said so that a person understands them.

import { plain } from './text.js';

export const ACTIONS = ['allow', 'deny', 'reject'];

export const ACTION_DONE = { allow: 'Allowed', deny: 'Denied', reject: 'Rejected' };
export const ACTION_NAME = { allow: 'Allow', deny: 'Deny', reject: 'Reject' };
export const ACTION_HINT = {
	allow: 'Let the connection through',
	deny: 'Drop it silently: the program waits until it gives up',
	reject: 'Refuse it at once: the program sees an error',
};
export const ACTION_ICON = { allow: 'check', deny: 'slash', reject: 'bounce' };

export const DURATIONS = ['once', '30s', '5m', '15m', '30m', '1h', '12h', 'until restart', 'always'];

const DURATION_NAME = {
	once: 'Only this once', '30s': 'For 30 seconds', '5m': 'For 5 minutes', '15m': 'For 15 minutes', '30m': 'For 30 minutes',
	'1h': 'For 1 hour', '12h': 'For 12 hours', 'until restart': 'Until restart', always: 'Always',
};

/** @param {string} d */
export function durationName(d) {
	return DURATION_NAME[d] ?? d;
}

const REASONS = {
	rule: ['Rule', 'A rule decided.'],
	default: ['Default action', 'No rule matched, and the default action applied.'],
	answer: ['Your answer', 'A person answered the prompt.'],
	timeout: ['No answer', 'The prompt ran out of time, and its time-out action applied.'],
	no_client: ['Nobody to ask', 'No dashboard was open to answer, so the default action applied.'],
	overflow: ['Overload', 'Too many packets were waiting already, so the default action applied.'],
	paused: ['Paused', 'Filtering was paused: everything is let through.'],
	own: ['Dashboard', 'A connection to this dashboard, always let through.'],
};

/** @param {string} reason */
export function reasonName(reason) {
	return REASONS[reason]?.[0] ?? reason;
}

/** @param {string} reason */
export function reasonText(reason) {
	return REASONS[reason]?.[1] ?? '';
}

const CONFIDENCES = {
	exact: ['Certain', 'The kernel’s own record of this very connection names the program.'],
	likely: ['Likely', 'One program fits what the kernel saw; it could not be proven.'],
	scan: ['Best guess', 'Found by searching /proc: a program that ended quickly may have been missed.'],
	unknown: ['Unknown', 'No evidence says which program this is.'],
};

/** @param {string} confidence */
export function confidenceName(confidence) {
	return CONFIDENCES[confidence]?.[0] ?? confidence;
}

const CONFIDENCE_NOTES = { exact: 'the kernel’s own record', likely: 'one candidate, not proven', scan: 'found by searching /proc', unknown: 'no evidence' };

/** A few words to go beside the name. @param {string} confidence */
export function confidenceNote(confidence) {
	return CONFIDENCE_NOTES[confidence] ?? '';
}

/** @param {string} confidence */
export function confidenceText(confidence) {
	return CONFIDENCES[confidence]?.[1] ?? '';
}

const METHODS = { ftrace: 'kernel tracing', proc: '/proc search', queue: 'the packet itself', bpf: 'seen sending', none: 'none' };

/** @param {string} method */
export function methodName(method) {
	return METHODS[method] ?? method;
}

const HOST_SOURCES = {
	dns: 'from a DNS answer', sni: 'from the TLS greeting', mdns: 'from a neighbour (mDNS, LLMNR)', hosts: 'from /etc/hosts', none: '',
};

/** @param {string} source */
export function hostSourceText(source) {
	return HOST_SOURCES[source] ?? source ?? '';
}

const CERTAINTIES = { shared: 'several names share this address', likely: 'the likeliest of several', guess: 'a guess' };

/** How the host name is known, and how surely. @param {{host_source?: string, host_certainty?: string}} dest */
export function hostHow(dest) {
	const sure = CERTAINTIES[dest.host_certainty] ?? '';
	return [hostSourceText(dest.host_source), sure].filter(Boolean).join(', ');
}

const FLAGS = {
	deleted: 'Its file was deleted or replaced after it started',
	memfd: 'It runs from memory: there is no file of it on disk',
	other_root: 'It sees other files than the rest of the machine (a container or chroot)',
	preload: 'Foreign code is loaded into it (LD_PRELOAD)',
	traced: 'Another program controls it, as a debugger does',
	exe_forged: 'It claims to be another program than was started (PR_SET_MM)',
	shared_socket: 'Its socket or port is open in another program too, which may have sent this',
	writable: 'Its file can be changed by users other than root',
};

/** @param {string} flag of process.flags */
export function flagText(flag) {
	return FLAGS[flag] ?? `Unusual: ${plain(flag)}`;
}

export const SCOPES_WORDS = { read: 'read', prompts: 'answer prompts', rules: 'change rules', admin: 'administer' };
