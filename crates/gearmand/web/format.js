// Numbers, times and bytes as text. Owns how they are written; must never know the page.

const NONE = "–";
const whole = new Intl.NumberFormat("en");
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

export const count = (n) => (n == null ? NONE : n < 1e6 ? whole.format(n) : short.format(n));

/** "1 job", "2 jobs". */
export const plural = (n, one, many = `${one}s`) => `${count(n)} ${n === 1 ? one : many}`;

export function rate(n) {
	if (n == null) return NONE;
	if (n === 0) return "0";
	return n < 0.1 ? n.toFixed(2) : n < 10 ? n.toFixed(1) : count(Math.round(n));
}

export function duration(seconds) {
	if (seconds == null) return NONE;
	const s = Math.max(0, seconds);
	if (s === 0) return "0 s";
	if (s < 0.001) return `${Math.max(1, Math.round(s * 1e6))} µs`;
	if (s < 0.01) return `${(s * 1e3).toFixed(1)} ms`;
	if (s < 0.9995) return `${Math.round(s * 1e3)} ms`;
	if (s < 9.95) return `${s.toFixed(1)} s`;
	if (s < 59.5) return `${Math.round(s)} s`;
	const t = Math.round(s);
	const [d, h, min] = [Math.floor(t / 86400), Math.floor(t / 3600) % 24, Math.floor(t / 60) % 60];
	const parts = Object.entries({ d, h, min, s: t % 60 });
	const first = parts.findIndex(([, n]) => n > 0);
	const two = parts.slice(first, first + 2).filter(([, n]) => n > 0);
	return two.map(([unit, n]) => `${n} ${unit}`).join(" ");
}

export function bytes(n) {
	if (n == null) return NONE;
	const units = ["B", "KiB", "MiB", "GiB", "TiB"];
	const power = Math.min(units.length - 1, n > 0 ? Math.floor(Math.log2(n) / 10) : 0);
	const value = n / 1024 ** power;
	return `${power === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[power]}`;
}

/** A Unix time, on the reader's clock. */
export function time(t) {
	if (t == null) return NONE;
	const d = new Date(t * 1000);
	const two = (n) => String(n).padStart(2, "0");
	return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())} ${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`;
}

// The server's clock and the reader's may differ: "how long ago" is counted on the server's.
let ahead = 0;
export const setServerTime = (t) => (ahead = t - Date.now() / 1000);
export const serverTime = () => Date.now() / 1000 + ahead;

/** "in 5 min", "3 s ago". */
export function relative(t) {
	if (t == null) return NONE;
	const s = t - serverTime();
	return s > 0 ? `in ${duration(s)}` : `${duration(-s)} ago`;
}

const hex = (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, "0")}`;

/** Text with what a terminal would obey, or hide, made visible; lines and tabs stay. */
export const visible = (text) => text.replace(/[\0-\x08\x0b-\x1f\x7f-\x9f]/g, hex);

/** What `name` and `name_base64` of an answer hold, as text; bytes that are no UTF-8 as `\xHH`. */
export function content(answer, name) {
	if (typeof answer[name] === "string") return visible(answer[name]);
	if (typeof answer[`${name}_base64`] !== "string") return null;
	return atob(answer[`${name}_base64`]).replace(/[^\x20-\x7e\n\t]/g, hex);
}
