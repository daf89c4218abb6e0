// What the reader does: asked before, done, and said after. Owns the messages and the question; must never know the views.

import { Problem } from "./api.js";
import { byId, setText } from "./dom.js";

let fading;

export function say(text) {
	setText(byId("error"), "");
	setText(byId("message"), text);
	clearTimeout(fading);
	fading = setTimeout(() => setText(byId("message"), ""), 8000);
}

export function complain(text) {
	setText(byId("message"), "");
	setText(byId("error"), text);
}

export function hush() {
	setText(byId("message"), "");
	setText(byId("error"), "");
}

/** Asks the server for something; says only why there is no answer, and gives null then. */
export async function ask(action) {
	try {
		return await action();
	} catch (error) {
		if (!(error instanceof Problem)) throw error;
		complain(error.message);
		return null;
	}
}

/** Does something at the server and says what became of it. True if it was done. */
export async function perform(action, done) {
	try {
		const answer = await action();
		say(typeof done === "function" ? done(answer) : done);
		return true;
	} catch (error) {
		if (!(error instanceof Problem)) throw error;
		complain(error.message);
		return false;
	}
}

/** Asks; true if the answer was yes. The focus goes back to where it was. */
export function confirmed(title, text, yes) {
	const dialog = byId("confirm");
	setText(byId("confirm-title"), title);
	setText(byId("confirm-text"), text);
	setText(byId("confirm-yes"), yes);
	dialog.returnValue = "no";
	dialog.showModal();
	return new Promise((resolve) =>
		dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true }),
	);
}
