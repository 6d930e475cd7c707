// Tables: rows by keyboard, selection, opening, copy as TSV, columns of a width one chooses.
import { all, closest, elsewhere, interactive, keep, one, onContent, open, typing } from "./page";
import { toast } from "./toasts";

const ROW = "tr[data-row]";

/** The text of a cell for a spreadsheet: the figure as recorded where the page knows it. */
const cellText = (cell: HTMLElement): string => {
	if (cell.dataset["raw"] !== undefined) return cell.dataset["raw"];
	const copy = cell.cloneNode(true) as HTMLElement;
	for (const extra of all(".visually-hidden, [data-no-copy], .standing, svg", copy)) extra.remove();
	return (copy.textContent ?? "").replace(/\s+/g, " ").trim().replace(/^—$/, "");
};

/** What is shown, as tab-separated text; `indent` puts a tree's levels in a column of their own. */
export function tsv(table: HTMLTableElement): string {
	const tree = table.getAttribute("role") === "treegrid";
	const selected = all("tr.is-selected", table);
	const rows = [...all("thead tr", table), ...(selected.length ? selected : all("tbody tr", table))];
	return rows
		.filter((row) => !row.hidden)
		.map((row) => {
			const cells = all("th, td", row).filter((cell) => !cell.classList.contains("cell-select"));
			const texts = cells.map(cellText);
			return (tree ? [row.getAttribute("aria-level") ?? "#", ...texts] : texts).join("\t");
		})
		.join("\n");
}

export async function copy(table: HTMLTableElement, said: HTMLElement): Promise<void> {
	try {
		await navigator.clipboard.writeText(tsv(table));
		toast(said.dataset["done"] ?? "Copied", "good");
	} catch {
		toast(said.dataset["refused"] ?? "The browser refused access to the clipboard", "warn");
	}
}

function rows(row: HTMLElement): HTMLElement[] {
	return all(ROW, row.parentElement ?? document).filter((one) => !one.hidden);
}

export function focusRow(row: HTMLElement | undefined, among: HTMLElement[]): void {
	if (!row) return;
	for (const other of among) if (other.tabIndex === 0) other.tabIndex = -1;
	row.tabIndex = 0;
	row.focus();
}

function select(row: HTMLElement, on?: boolean): void {
	const box = one<HTMLInputElement>(".cell-select input", row);
	if (!box) return;
	box.checked = on ?? !box.checked;
	count(row.closest("[data-list]"));
}

function count(list: Element | null): void {
	if (!list) return;
	const boxes = all<HTMLInputElement>("tbody .cell-select input", list);
	for (const box of boxes) box.closest("tr")?.classList.toggle("is-selected", box.checked);
	const chosen = boxes.filter((box) => box.checked).length;
	const head = one<HTMLInputElement>("[data-select-all]", list);
	if (head) {
		head.checked = chosen > 0 && chosen === boxes.length;
		head.indeterminate = chosen > 0 && chosen < boxes.length;
	}
	const told = one("[data-selected]", list);
	if (told) {
		told.hidden = chosen === 0;
		told.textContent = (told.dataset["text"] ?? "{n}").replace("{n}", String(chosen));
	}
	list.dispatchEvent(new CustomEvent("apg:selection", { bubbles: true, detail: { keys: boxes.filter((box) => box.checked).map((box) => box.value) } }));
}

function onKey(event: KeyboardEvent): void {
	const row = closest(event.target, ROW);
	if (!row || typing(event.target) || event.ctrlKey || event.metaKey || event.altKey) return;
	const among = rows(row);
	const at = among.indexOf(row);
	const moves: Record<string, number> = { ArrowDown: at + 1, ArrowUp: at - 1, j: at + 1, k: at - 1, Home: 0, End: among.length - 1 };
	const to = moves[event.key];
	if (to !== undefined) {
		event.preventDefault();
		const next = among[Math.min(Math.max(to, 0), among.length - 1)];
		if (event.shiftKey && next) select(next, true);
		focusRow(next, among);
	} else if ((event.key === " " || event.key === "x") && event.target === row && one(".cell-select", row)) {
		event.preventDefault();
		select(row);
	} else if (event.key === "Enter" && event.target === row && row.dataset["href"]) {
		event.preventDefault();
		open(row.dataset["href"], event);
	}
}

/** A grip at the edge of each header; the width is kept for this list on this device. */
function resizable(table: HTMLTableElement): void {
	const key = `apg-widths:${location.pathname}`;
	let widths: Record<string, number> = {};
	try {
		widths = JSON.parse(localStorage.getItem(key) ?? "{}") as typeof widths;
	} catch {
		widths = {};
	}
	for (const head of all("th[data-column]", table)) {
		const name = head.dataset["column"] ?? "";
		const set = (width: number): void => {
			head.style.width = head.style.minWidth = head.style.maxWidth = `${width}px`;
		};
		if (widths[name]) set(widths[name]);
		if (one(".grip", head)) continue;
		const grip = document.createElement("span");
		grip.className = "grip";
		grip.addEventListener("pointerdown", (down) => {
			down.preventDefault();
			const start = head.getBoundingClientRect().width;
			const move = (event: PointerEvent): void => {
				widths[name] = Math.max(48, Math.round(start + event.clientX - down.clientX));
				set(widths[name]);
			};
			const end = (): void => {
				document.removeEventListener("pointermove", move);
				document.removeEventListener("pointerup", end);
				keep(key, JSON.stringify(widths));
			};
			document.addEventListener("pointermove", move);
			document.addEventListener("pointerup", end);
		});
		grip.addEventListener("dblclick", () => {
			delete widths[name];
			head.style.removeProperty("width");
			head.style.removeProperty("min-width");
			head.style.removeProperty("max-width");
			keep(key, JSON.stringify(widths));
		});
		head.append(grip);
	}
}

/** On a phone each row is a card (phone.css): cells name their column, and roles stay whatever the layout. */
function labelled(table: HTMLTableElement): void {
	const heads = [...(table.tHead?.rows[0]?.cells ?? [])];
	const roles: [string, string][] = [["thead, tbody, tfoot", "rowgroup"], ["tr", "row"], ["td", "cell"], ["thead th", "columnheader"], ["tbody th", "rowheader"]];
	table.setAttribute("role", "table");
	for (const [which, role] of roles) for (const part of all(which, table)) part.setAttribute("role", role);
	for (const row of table.tBodies[0]?.rows ?? [])
		if (row.cells.length === heads.length)
			[...row.cells].forEach((cell, n) => {
				const head = heads[n];
				if (head && cell.dataset["label"] === undefined && !one(".visually-hidden:only-child", head)) cell.dataset["label"] = head.innerText.replace(/\s+/g, " ").trim();
			});
}

export function start(): void {
	document.addEventListener("keydown", onKey);
	document.addEventListener("change", (event) => {
		const head = closest<HTMLInputElement>(event.target, "[data-select-all]");
		const list = closest(event.target, "[data-list]");
		if (head) for (const box of all<HTMLInputElement>("tbody .cell-select input", list ?? document)) box.checked = head.checked;
		if (head || closest(event.target, ".cell-select")) count(list);
		const filters = closest<HTMLFormElement>(event.target, "form[data-filters]");
		if (filters) marks(filters);
	});
	document.addEventListener("input", (event) => {
		const filters = closest<HTMLFormElement>(event.target, "form[data-filters]");
		if (filters) marks(filters);
	});
	document.addEventListener("click", (event) => {
		const button = closest(event.target, "[data-copy-table]");
		const table = button && one<HTMLTableElement>("table", button.closest("[data-list], [data-tree]") ?? document);
		if (table && button) void copy(table, button);
		const row = closest(event.target, `${ROW}[data-href]`);
		if (row && !interactive(event.target) && !elsewhere(event)) open(row.dataset["href"] ?? "", event);
	});
	// shift and click on a header adds it to the sort
	document.addEventListener(
		"click",
		(event) => {
			const head = closest<HTMLAnchorElement>(event.target, "a.sort");
			if (!head || !event.shiftKey) return;
			event.preventDefault();
			event.stopPropagation();
			location.assign(head.dataset["sortAdd"] ?? head.href);
		},
		true,
	);
	// empty controls do not belong in the address
	document.addEventListener("htmx:configRequest", (event) => {
		const { elt, parameters } = (event as CustomEvent<{ elt: Element; parameters: Record<string, unknown> }>).detail;
		if (!elt.matches("form[data-filters]")) return;
		for (const name of Object.keys(parameters)) if (parameters[name] === "") delete parameters[name];
	});
	// what does not fit is told in full by the pointer
	document.addEventListener("pointerover", (event) => {
		const cell = closest(event.target, ".data-table td, .tree-name");
		if (cell && !cell.title && cell.scrollWidth > cell.clientWidth) cell.title = (cell.textContent ?? "").replace(/\s+/g, " ").trim();
	});
	onContent((part) => {
		for (const table of all<HTMLTableElement>("table[data-table]", part)) resizable(table);
		for (const table of all<HTMLTableElement>("table.data-table:not([role=treegrid])", part)) labelled(table);
	});
}

function marks(form: HTMLFormElement): void {
	for (const group of all(".filter.dropdown", form)) {
		const chosen = all("input:checked", group).length;
		one(".btn-filter", group)?.classList.toggle("is-set", chosen > 0);
		const told = one("[data-filter-count]", group);
		if (told) told.textContent = chosen ? String(chosen) : "";
	}
	for (const field of all<HTMLSelectElement>("select", form)) field.classList.toggle("is-set", field.value !== "");
	const reset = one("[data-filters-reset]", form);
	const fields = all<HTMLInputElement | HTMLSelectElement>("input:not([type=hidden]), select", form);
	if (reset) reset.hidden = !fields.some((field) => ("checked" in field && field.type === "checkbox" ? field.checked : field.value !== ""));
}
