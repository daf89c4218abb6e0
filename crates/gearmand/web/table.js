// Tables that are sorted, filled row by row and live; narrow ones become cards by the style sheet alone. Owns rows, headers
// and their order; must never know what is in them.
//
// The roles are said again although the elements have them: a browser forgets a table that is drawn as cards.

import { h, keyed } from "./dom.js";

/** Of a table with more rows than this only those that can be seen are kept up to date, others once they come near. */
const LONG = 200;
const LAZY = "lazy";
const rows = new WeakMap();
const eyes = new IntersectionObserver(
	(changes) => changes.forEach((change) => rows.get(change.target).near(change.isIntersecting)),
	{ rootMargin: "200px" },
);

/**
 * Columns: `{ id, label, text(item) }`, or `make(item)` giving `{ element, update(item) }`; `value(item)` where one may sort
 * by it, `start: -1` where the largest come first; `dim(item)` for what need not be looked at; `number` for the alignment.
 */
export function table({ name, label, columns, keyOf, data = () => ({}), onSort }) {
	const headers = new Map(columns.map((column) => [column.id, header(column, onSort)]));
	const body = h("tbody", { role: "rowgroup" });
	const head = h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, [...headers.values()]));
	const element = h("table", { role: "table", class: name, "aria-label": label }, head, body);
	const show = keyed(body, keyOf, (item) => row(columns, data(item)));
	return {
		element,
		body,
		show(items) {
			body.classList.toggle(LAZY, items.length > LONG);
			show(items);
		},
		/** Shows by which column the rows are sorted. */
		sorted(id, descending) {
			for (const [column, cell] of headers) {
				if (column === id) cell.setAttribute("aria-sort", descending ? "descending" : "ascending");
				else cell.removeAttribute("aria-sort");
			}
		},
	};
}

function header({ id, label, hint, number, value }, onSort) {
	const text =
		value && onSort ? h("button", { type: "button", title: hint, on: { click: () => onSort(id) } }, label) : label;
	return h("th", { scope: "col", role: "columnheader", class: number && "number", data: { column: id } }, text);
}

function row(columns, data) {
	const cells = columns.map((column) => {
		const first = column === columns[0];
		const properties = {
			role: first ? "rowheader" : "cell",
			scope: first && "row",
			class: column.number && "number",
			data: { column: column.id, label: column.label },
		};
		return h(first ? "th" : "td", properties);
	});
	const made = [];
	const texts = []; // faster to compare than what the elements say
	const element = h("tr", { role: "row", data }, cells);
	let latest;
	let seen = true;

	function draw(item) {
		columns.forEach((column, i) => {
			if (column.make) {
				if (!made[i]) cells[i].append((made[i] = column.make(item)).element);
				made[i].update?.(item);
			} else {
				const text = column.text(item);
				if (text === texts[i]) return;
				cells[i].textContent = texts[i] = text;
			}
			if (column.dim) cells[i].classList.toggle("dim", column.dim(item));
		});
	}

	rows.set(element, {
		near(now) {
			seen = now;
			if (seen) draw(latest);
		},
	});
	eyes.observe(element);
	return {
		element,
		update(item) {
			latest = item;
			if (seen || !element.closest(`.${LAZY}`)) draw(item);
		},
	};
}
