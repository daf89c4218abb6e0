// What is known of the server: the latest overview, and samples of the last 15 minutes. Owns what outlives a view; must
// never know how it is shown.

import { get, Problem, segment } from "./api.js";
import { setServerTime } from "./format.js";
import { Series } from "./series.js";

const HISTORIES = 40; // so many functions are asked for theirs; the others begin with what comes live

export const store = {
	server: null,
	functions: [],
	hrefs: new Map(), // of the functions, by name
	more: 0,
	total: new Series(),
	series: new Map(), // by href: only what small lines and problems are made of
};

const asked = new Set();

export function take({ at, server, functions, more, total }) {
	setServerTime(at);
	Object.assign(store, { server, functions, more, hrefs: new Map(functions.map((f) => [f.function, f.href])) });
	store.total.add({ ...total, at });
	const known = new Set(store.hrefs.values());
	for (const href of store.series.keys()) if (!known.has(href)) store.series.delete(href);
	for (const { href, queued, dead } of functions) seriesOf(href).add({ at, queued, dead });
}

export function seriesOf(href) {
	if (!store.series.has(href)) store.series.set(href, new Series());
	return store.series.get(href);
}

/** What happened before this page was opened, or while its line was lost. */
export async function loadHistory(into = store.total, path = "") {
	try {
		into.load(await get(`/api/v1/history${path}`));
	} catch (error) {
		// Then the lines begin now.
		if (!(error instanceof Problem)) throw error;
	}
}

/** The histories of some functions, one after the other, each once. True if there were any. */
export async function loadHistories(hrefs) {
	let loaded = false;
	for (const href of hrefs) {
		if (asked.has(href) || asked.size >= HISTORIES) continue;
		asked.add(href);
		loaded = true;
		const whole = new Series();
		await loadHistory(whole, `?function=${segment(href)}`);
		const samples = whole.samples.map(({ at, queued, dead }) => ({ at, queued, dead }));
		if (samples.length) seriesOf(href).load({ step: whole.step, samples });
	}
	return loaded;
}

/** After a loss: everything is asked for again. */
export const forget = () => asked.clear();
