// Dark, light, or what the system says. A plain script in the head, so that nothing is drawn in the wrong colours first.
"use strict";
(() => {
	const themes = ["auto", "light", "dark"];
	const stored = () => {
		try {
			return localStorage.getItem("theme") ?? "auto";
		} catch {
			return "auto"; // storage may be forbidden
		}
	};
	let theme = themes.includes(stored()) ? stored() : "auto";
	const apply = () => {
		document.documentElement.dataset.theme = theme;
		const button = document.getElementById("theme");
		if (button) button.textContent = `Theme: ${theme}`;
		document.dispatchEvent(new Event("theme"));
	};
	apply();
	matchMedia("(prefers-color-scheme: dark)").addEventListener("change", apply);
	document.addEventListener("DOMContentLoaded", () => {
		apply();
		document.getElementById("theme").addEventListener("click", () => {
			theme = themes[(themes.indexOf(theme) + 1) % themes.length];
			try {
				localStorage.setItem("theme", theme);
			} catch {
				// Then it holds for this page only.
			}
			apply();
		});
	});
})();
