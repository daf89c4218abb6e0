// The address behind the #: a path and a query. Owns how it is read and written; must never know the views.

/** `#/functions/mail?x=1` as its parts. Segments stay percent-encoded: a name may be no text at all. */
export function route() {
	const [path, query = ""] = location.hash.replace(/^#/, "").split("?", 2);
	return { parts: path.split("/").filter(Boolean).map(encoded), query: new URLSearchParams(query) };
}

// Somebody may have typed it: whatever may not stand in a path is encoded, what is already is left alone.
const encoded = (part) =>
	part.replace(/%(?![0-9a-f]{2})/gi, "%25").replace(/[^%\w.~!$&'()*+,;=:@-]+/g, encodeURIComponent);

/** How it may be shown until the server has said the name. */
export function decoded(segment) {
	try {
		return decodeURIComponent(segment);
	} catch {
		return segment;
	}
}

/** Keeps the path, and sets what stands behind the `?`; empty values are left out. Nothing is loaded again. */
export function replaceQuery(values) {
	const query = new URLSearchParams(Object.entries(values).filter(([, value]) => value));
	const path = location.hash.replace(/^#/, "").split("?", 1)[0] || "/";
	history.replaceState(null, "", `#${path}${query.size ? `?${query}` : ""}`);
}
