// The server's HTTP API. Owns requests, their errors, and what the reader may do; must never know what is shown of it.

/** Why a request was refused, in the server's words. */
export class Problem extends Error {
	constructor(status, detail) {
		super(detail);
		this.status = status;
	}
}

/** Who the reader is, and what is allowed: `GET /api/v1/whoami`. */
export const me = { name: null, login: false, observe: false, submit: [], admin: false };

export async function whoami() {
	return Object.assign(me, await get("/api/v1/whoami"));
}

let refused = () => {};
/** Called when an answer says that the reader is not known (any more). */
export const onRefused = (callback) => (refused = callback);

export async function call(method, path, body) {
	const request = { method, cache: "no-store", headers: { accept: "application/json" } };
	if (body !== undefined) {
		request.headers["content-type"] = "application/json";
		request.body = JSON.stringify(body);
	}
	let response;
	try {
		response = await fetch(path, request);
	} catch {
		throw new Problem(0, "The server cannot be reached.");
	}
	const text = await response.text().catch(() => "");
	if (response.ok) return text ? JSON.parse(text) : null;
	if (response.status === 401) refused();
	throw new Problem(response.status, reason(text) ?? `The server answered ${response.status} ${response.statusText}`);
}

function reason(text) {
	try {
		const { detail, title } = JSON.parse(text);
		return detail ?? title ?? null;
	} catch {
		return null; // not from gearmand: a proxy's page
	}
}

/** Why the server refuses what has no end; null where it does not, or does not say. */
export async function refusal(path) {
	const enough = new AbortController();
	try {
		const response = await fetch(path, { signal: enough.signal });
		return response.ok ? null : reason(await response.text());
	} catch {
		return null;
	} finally {
		enough.abort();
	}
}

export const get = (path) => call("GET", path);
export const post = (path, body) => call("POST", path, body);
export const patch = (path, body) => call("PATCH", path, body);
export const remove = (path) => call("DELETE", path);

/** The last segment of an href: a name, percent-encoded. It is what stands in this page's own addresses too. */
export const segment = (href) => href.slice(href.lastIndexOf("/") + 1);

/** At most `limit` entries of a list from a cursor on, and the next cursor. A page of the server may be short, or empty. */
export async function list(path, name, limit, cursor = null) {
	const entries = [];
	let after = cursor;
	do {
		const query = new URLSearchParams({ limit: Math.min(1000, limit - entries.length) });
		if (after != null) query.set("after", after);
		const page = await get(`${path}${path.includes("?") ? "&" : "?"}${query}`);
		entries.push(...page[name]);
		after = page.next ?? null;
	} while (after != null && entries.length < limit);
	return { entries, next: after };
}
