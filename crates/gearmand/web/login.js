// The login form. Owns only that: a plain form, so that the token never passes through this page's code.

import { me } from "./api.js";
import { h } from "./dom.js";

export function loginView() {
	const failed = new URLSearchParams(location.search).get("login") === "failed";
	const input = h("input", {
		id: "token",
		name: "token",
		type: "password",
		autocomplete: "current-password",
		required: true,
		"aria-describedby": "login-error",
	});
	// The browser takes what stands behind the # along when it is sent back: to the view that was wanted.
	const target = location.hash.startsWith("#/login") ? "" : location.hash;
	const form = h(
		"form",
		{ id: "login", method: "post", action: `/login${target}`, class: "card login" },
		h("label", { for: "token" }, "Token"),
		input,
		h("p", { class: "error", id: "login-error", role: "alert" }, failed ? "This token is not known." : ""),
		h("button", { class: "primary" }, "Log in"),
	);
	const note =
		me.name == null
			? "This server shows itself to those who have a token."
			: `${me.name} may not look at this server. Log in with another token.`;
	const hint = me.login ? note : "You may not look at this server, and there are no tokens to log in with.";
	return {
		title: "Log in",
		element: h(
			"div",
			{ class: "narrow" },
			h("h1", { tabindex: -1 }, "Log in"),
			h("p", { class: "note" }, hint),
			me.login && form,
		),
		focus: input,
	};
}
