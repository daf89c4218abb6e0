// Elements. Owns how data becomes a part of the page: as text and attributes, never as HTML.
// Must never know what the data means.

/** An element. Properties: `on` (listeners), `data` (data-attributes), everything else is an attribute; false and null are left out. */
export function h(tag, properties = {}, ...children) {
	const element = document.createElement(tag);
	for (const [name, value] of Object.entries(properties)) {
		if (name === "on") {
			for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
		} else if (name === "data") {
			Object.assign(element.dataset, value);
		} else if (value !== false && value != null) {
			element.setAttribute(name, value === true ? "" : value);
		}
	}
	element.append(...children.flat().filter((child) => child != null && child !== false));
	return element;
}

export const byId = (id) => document.getElementById(id);

/** Sets a text, if it is another one: what did not change is not drawn again. */
export function setText(element, text) {
	if (element.textContent !== text) element.textContent = text;
}

export const button = (label, click, properties = {}) =>
	h("button", { type: "button", on: { click }, ...properties }, label);

/** A list of terms and what they say; `show` takes the values in their order, null leaves one out. */
export function facts(labels, properties = {}) {
	const values = labels.map(() => h("dd"));
	const pairs = labels.map((label, i) => h("div", {}, h("dt", {}, label), values[i]));
	return {
		element: h("dl", { class: "facts", ...properties }, pairs),
		show(texts) {
			texts.forEach((text, i) => {
				pairs[i].hidden = text == null;
				if (text instanceof Node) values[i].replaceChildren(text);
				else if (text != null) setText(values[i], text);
			});
		},
	};
}

/**
 * Makes the children of an element those of the items, in their order. What was there for a key stays, so that focus and
 * what is open are kept. `create` gives `{ element, update(item) }`.
 */
export function keyed(parent, keyOf, create) {
	let entries = new Map();
	return (items) => {
		const focused = parent.contains(document.activeElement) ? document.activeElement : null;
		const before = [...parent.children];
		const kept = new Map();
		for (const item of items) {
			const key = keyOf(item);
			const entry = entries.get(key) ?? create(item);
			entry.update?.(item);
			kept.set(key, entry);
		}
		for (const [key, entry] of entries) if (!kept.has(key)) entry.element.remove();
		entries = kept;
		let place = parent.firstElementChild;
		for (const { element } of kept.values()) {
			if (element === place) place = place.nextElementSibling;
			else parent.insertBefore(element, place);
		}
		if (focused && document.activeElement !== focused) refocus(focused, before, parent);
	};
}

// An element that is moved loses the focus; where it is gone, the next one gets it, so that the keyboard stays in the list.
function refocus(focused, before, parent) {
	if (focused.isConnected) return focused.focus();
	const gone = before.findIndex((element) => element.contains(focused));
	const near = [...before.slice(gone), ...before.slice(0, gone).reverse()].find((element) => element.isConnected);
	const target =
		near?.querySelector("button") ?? near?.querySelector("a") ?? parent.closest("section")?.querySelector("h1, h2");
	target?.focus();
}
