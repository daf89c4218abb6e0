// A list of the server that comes in pages and is asked for again while it is looked at. Owns which page is shown, and when
// it is fetched; must never know what is listed.

import { list, Problem } from "./api.js";
import { button, h, setText } from "./dom.js";

const OFTEN = 1500;
const SELDOM = 10_000;

/** `show(entries)` is given each page; `empty` is said where there is nothing. */
export function paged({ path, name, show, empty, label, size = 50 }) {
	const cursors = [null]; // where the pages up to this one began
	let next = null;
	let busy = false;
	let again = false;
	let asked = 0;
	let signature;
	let closed = false;

	const note = h("p", { class: "note", hidden: true });
	const back = button("Previous page", () => turn(() => cursors.pop()));
	const forward = button("Next page", () => turn(() => cursors.push(next)));
	const where = h("span");
	const bar = h("nav", { class: "pages", "aria-label": `Pages: ${label}`, hidden: true }, back, where, forward);

	function turn(change) {
		change();
		load();
	}

	async function load() {
		if (closed) return;
		if (busy) {
			again = true;
			return;
		}
		busy = true;
		asked = Date.now();
		const cursor = cursors.at(-1);
		try {
			const page = await list(path, name, size, cursor);
			if (!closed && cursor === cursors.at(-1)) draw(page);
		} catch (error) {
			if (!(error instanceof Problem)) throw error;
			if (!closed) say(error.message);
		} finally {
			busy = false;
			if (again) {
				again = false;
				load();
			}
		}
	}

	function draw(page) {
		// The last page may have become empty: then the one before it is the last.
		if (page.entries.length === 0 && cursors.length > 1) return turn(() => cursors.pop());
		next = page.next;
		show(page.entries);
		say(page.entries.length ? "" : empty);
		bar.hidden = cursors.length === 1 && next == null;
		back.disabled = cursors.length === 1;
		forward.disabled = next == null;
		setText(where, `Page ${cursors.length}`);
	}

	function say(text) {
		note.hidden = !text;
		setText(note, text);
	}

	return {
		elements: [note, bar],
		load,
		/** Something may have changed: what `now` is made of says so. Fetched again at once then, else now and then. */
		tick(now) {
			const age = Date.now() - asked;
			if (age < OFTEN || (now === signature && age < SELDOM)) return;
			signature = now;
			load();
		},
		close: () => (closed = true),
	};
}
