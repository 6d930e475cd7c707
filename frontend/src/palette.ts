// Ctrl K: every place and command of the page by a few letters; the last entry searches everything.
import { all, one, open } from "./page";

interface Entry {
	label: string;
	group: string;
	run: () => void;
}

/** 0 when the letters do not appear in order; more for a hit at the start of a word or in one piece. */
export function fit(letters: string, text: string): number {
	const wanted = letters.toLowerCase().replace(/\s+/g, "");
	const given = text.toLowerCase();
	const whole = given.indexOf(letters.toLowerCase().trim());
	if (whole >= 0) return 1000 - whole - given.length / 100;
	let score = 1;
	let at = -1;
	for (const letter of wanted) {
		const next = given.indexOf(letter, at + 1);
		if (next < 0) return 0;
		if (next === 0 || given[next - 1] === " ") score += 20;
		else if (next === at + 1) score += 5;
		at = next;
	}
	return score;
}

function entries(): Entry[] {
	const seen = new Set<string>();
	return all("[data-command]").flatMap((element) => {
		const label = (element.dataset["commandLabel"] ?? element.querySelector(".side-label")?.textContent ?? element.textContent ?? "").trim();
		const group = element.dataset["command"] ?? "";
		if (!label || seen.has(`${group}/${label}`)) return [];
		seen.add(`${group}/${label}`);
		return [{ label, group, run: () => element.click() }];
	});
}

export function start(): void {
	const dialog = one<HTMLDialogElement>("#palette");
	const input = one<HTMLInputElement>("#palette-input");
	const list = one("#palette-list");
	if (!dialog || !input || !list) return;
	let shown: Entry[] = [];
	let at = 0;

	const mark = (): void => {
		all("[role=option]", list).forEach((option, n) => option.setAttribute("aria-selected", String(n === at)));
		const active = list.children[at];
		if (active) {
			input.setAttribute("aria-activedescendant", active.id);
			active.scrollIntoView({ block: "nearest" });
		} else input.removeAttribute("aria-activedescendant");
	};
	const show = (): void => {
		const asked = input.value.trim();
		const ranked = entries()
			.map((entry) => ({ entry, score: asked ? Math.max(fit(asked, entry.label), fit(asked, `${entry.group} ${entry.label}`) / 2) : 1 }))
			.filter(({ score }) => score > 0);
		if (asked) ranked.sort((a, b) => b.score - a.score);
		shown = ranked.slice(0, 40).map(({ entry }) => entry);
		if (asked) shown.push({ label: `${dialog.dataset["searchLabel"] ?? "Search for"} “${asked}”`, group: "", run: () => open(`/search?q=${encodeURIComponent(asked)}`) });
		at = 0;
		list.replaceChildren(
			...shown.map((entry, n) => {
				const option = document.createElement("div");
				option.id = `palette-${n}`;
				option.setAttribute("role", "option");
				option.className = "palette-option";
				const label = document.createElement("span");
				label.textContent = entry.label;
				const group = document.createElement("span");
				group.className = "palette-group";
				group.textContent = entry.group;
				option.append(label, group);
				option.addEventListener("click", () => choose(n));
				option.addEventListener("pointermove", () => {
					if (at !== n) {
						at = n;
						mark();
					}
				});
				return option;
			}),
		);
		mark();
	};
	const choose = (n: number): void => {
		dialog.close();
		shown[n]?.run();
	};
	const toggle = (): void => {
		if (dialog.open) return dialog.close();
		input.value = "";
		show();
		dialog.showModal();
		input.focus();
	};

	input.addEventListener("input", show);
	input.addEventListener("keydown", (event) => {
		const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
		if (step) {
			event.preventDefault();
			at = (at + step + shown.length) % Math.max(1, shown.length);
			mark();
		} else if (event.key === "Enter") {
			event.preventDefault();
			choose(at);
		}
	});
	dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
	document.addEventListener("click", (event) => event.target instanceof Element && event.target.closest("[data-palette]") && toggle());
	document.addEventListener("keydown", (event) => {
		if ((event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === "k") {
			event.preventDefault();
			toggle();
		}
	});
}
