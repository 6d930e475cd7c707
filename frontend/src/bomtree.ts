// The tree of a bill of materials as an ARIA treegrid (WAI-ARIA authoring practices, treegrid): arrows open,
// close and walk; branches not yet here come from the server; a filter keeps the path to each hit in sight.
import htmx from "htmx.org";
import { all, closest, elsewhere, interactive, one, onContent, open, typing } from "./page";
import { focusRow } from "./tables";

const ROW = "tr[role=row][aria-level]";
type Row = HTMLTableRowElement;

const level = (row: Row): number => Number(row.getAttribute("aria-level"));
const isOpen = (row: Row): boolean => row.getAttribute("aria-expanded") === "true";
const isBranch = (row: Row): boolean => row.hasAttribute("aria-expanded");
const rowsOf = (tree: ParentNode): Row[] => all<Row>(ROW, tree);
const visible = (tree: ParentNode): Row[] => rowsOf(tree).filter((row) => !row.hidden);
const treeOf = (row: Element): HTMLElement | null => row.closest<HTMLElement>("[data-tree]");

/** Puts what the server answers into the tree; a failure has told itself by a toast already. */
async function fetchInto(address: string, source: HTMLElement, target: Element, swap: "afterend" | "innerHTML"): Promise<void> {
	await htmx.ajax("get", address, { source, target, swap }).catch(() => undefined);
}

function* below(row: Row): Generator<Row> {
	const from = level(row);
	for (let next = row.nextElementSibling as Row | null; next && level(next) > from; next = next.nextElementSibling as Row | null) yield next;
}

function parentOf(row: Row): Row | null {
	const from = level(row);
	let before = row.previousElementSibling as Row | null;
	while (before && level(before) >= from) before = before.previousElementSibling as Row | null;
	return before;
}

/** Shows what stands under open branches only; what was open inside a closed branch stays remembered. */
function settle(row: Row): void {
	let closedAt = isOpen(row) ? Infinity : level(row);
	for (const child of below(row)) {
		child.hidden = level(child) > closedAt;
		if (level(child) <= closedAt) closedAt = isBranch(child) && !isOpen(child) ? level(child) : Infinity;
	}
}

async function setOpen(row: Row, wanted: boolean): Promise<void> {
	if (!isBranch(row) || isOpen(row) === wanted) return;
	const address = row.dataset["children"];
	if (wanted && address) {
		if (row.getAttribute("aria-busy") === "true") return;
		row.setAttribute("aria-busy", "true");
		await fetchInto(address, row, row, "afterend");
		row.removeAttribute("aria-busy");
		const first = row.nextElementSibling as Row | null;
		if (!first || level(first) <= level(row)) return; // refused or failed: the toast says why, and one may try again
		delete row.dataset["children"];
	}
	row.setAttribute("aria-expanded", String(wanted));
	settle(row);
}

async function toLevel(tree: HTMLElement, depth: number): Promise<void> {
	const address = tree.dataset["url"];
	const away = rowsOf(tree).some((row) => row.dataset["children"] && level(row) < depth);
	const body = one("tbody", tree);
	if (address && away && body) {
		const joint = address.includes("?") ? "&" : "?";
		await fetchInto(`${address}${joint}depth=${depth}`, tree, body, "innerHTML");
	}
	for (const row of rowsOf(tree)) if (isBranch(row) && !(row.dataset["children"] && level(row) < depth)) row.setAttribute("aria-expanded", String(level(row) < depth));
	for (const row of rowsOf(tree)) if (level(row) === 1) settle(row);
	roving(tree);
}

function unmark(row: Row): void {
	row.classList.remove("is-hit", "is-path");
}

/** Filters the rows that are here; the server is asked first when the tree is not complete. */
async function filter(tree: HTMLElement, text: string): Promise<void> {
	const wanted = text.trim().toLowerCase();
	const body = one("tbody", tree);
	if (tree.dataset["url"] && tree.dataset["complete"] === undefined && body) {
		const joint = tree.dataset["url"].includes("?") ? "&" : "?";
		const query = wanted ? `${joint}filter=${encodeURIComponent(text.trim())}` : "";
		await fetchInto(tree.dataset["url"] + query, tree, body, "innerHTML");
	}
	const rows = rowsOf(tree);
	rows.forEach(unmark);
	const told = one("[data-tree-count]", tree);
	if (!wanted) {
		for (const row of rows) if (level(row) === 1) (row.hidden = false), settle(row);
		if (told) told.textContent = "";
		roving(tree);
		return;
	}
	const hits = rows.filter((row) => (row.textContent ?? "").toLowerCase().includes(wanted));
	for (const row of rows) row.hidden = true;
	for (const hit of hits) {
		hit.hidden = false;
		hit.classList.add("is-hit");
		for (let up = parentOf(hit); up && !up.classList.contains("is-path"); up = parentOf(up)) {
			up.hidden = false;
			up.classList.add("is-path");
		}
	}
	if (told) told.textContent = (told.dataset["text"] ?? "{n}").replace("{n}", String(hits.length));
	roving(tree);
}

/** Exactly one row is in the tab order. */
function roving(tree: ParentNode): void {
	const shown = visible(tree);
	const now = shown.find((row) => row.tabIndex === 0) ?? shown[0];
	for (const row of rowsOf(tree)) row.tabIndex = row === now ? 0 : -1;
}

function onKey(event: KeyboardEvent): void {
	const row = closest<Row>(event.target, `[data-tree] ${ROW}`);
	const tree = row && treeOf(row);
	if (!row || !tree || typing(event.target) || event.ctrlKey || event.metaKey || event.altKey) return;
	const shown = visible(tree);
	const at = shown.indexOf(row);
	const go = (to: Row | null | undefined): void => focusRow(to ?? undefined, rowsOf(tree));
	const acts: Record<string, () => void> = {
		ArrowDown: () => go(shown[at + 1]),
		ArrowUp: () => go(shown[at - 1]),
		Home: () => go(shown[0]),
		End: () => go(shown.at(-1)),
		PageDown: () => go(shown[Math.min(at + 15, shown.length - 1)]),
		PageUp: () => go(shown[Math.max(at - 15, 0)]),
		ArrowRight: () => (isBranch(row) && !isOpen(row) ? void setOpen(row, true) : isBranch(row) && go(shown[at + 1])),
		ArrowLeft: () => (isBranch(row) && isOpen(row) ? void setOpen(row, false) : go(parentOf(row))),
		"*": () => {
			for (const sibling of rowsOf(tree)) if (level(sibling) === level(row) && parentOf(sibling) === parentOf(row)) void setOpen(sibling, true);
		},
		Enter: () => row.dataset["href"] && open(row.dataset["href"], event),
	};
	const act = acts[event.key];
	if (!act || (event.key === "Enter" && event.target !== row)) return;
	event.preventDefault();
	act();
}

export function start(): void {
	document.addEventListener("keydown", onKey);
	document.addEventListener("click", (event) => {
		const twist = closest(event.target, "[data-twist]");
		const row = closest<Row>(event.target, `[data-tree] ${ROW}`);
		const depth = closest(event.target, "[data-tree-level]");
		if (twist && row) {
			void setOpen(row, !isOpen(row));
			focusRow(row, rowsOf(treeOf(row) ?? document));
		} else if (depth) {
			const tree = treeOf(depth);
			if (tree) void toLevel(tree, Number(depth.dataset["treeLevel"]));
		} else if (row && !interactive(event.target) && !elsewhere(event)) focusRow(row, rowsOf(treeOf(row) ?? document));
	});
	document.addEventListener("dblclick", (event) => {
		const row = closest<Row>(event.target, `[data-tree] ${ROW}[data-href]`);
		if (row && !interactive(event.target)) open(row.dataset["href"] ?? "", event);
	});
	let timer = 0;
	document.addEventListener("input", (event) => {
		const field = closest<HTMLInputElement>(event.target, "[data-tree-filter]");
		const tree = field && treeOf(field);
		if (!field || !tree) return;
		clearTimeout(timer);
		timer = window.setTimeout(() => void filter(tree, field.value), 150);
	});
	onContent((part) => {
		const trees = all("[data-tree]", part);
		const around = part instanceof Element ? treeOf(part) : null;
		for (const tree of around ? [...trees, around] : trees) roving(tree);
	});
}
