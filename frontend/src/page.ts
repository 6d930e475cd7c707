// Small words every module of the shell uses.
export const one = <T extends Element = HTMLElement>(selector: string, within: ParentNode = document): T | null =>
	within.querySelector<T>(selector);
export const all = <T extends Element = HTMLElement>(selector: string, within: ParentNode = document): T[] => [
	...within.querySelectorAll<T>(selector),
];
export const keep = (key: string, value: string): void => {
	try {
		localStorage.setItem(key, value);
	} catch {
		/* storage refused: the choice lasts for this page */
	}
};
export const closest = <T extends Element = HTMLElement>(target: EventTarget | null, selector: string): T | null =>
	target instanceof Element ? target.closest<T>(selector) : null;
export const typing = (target: EventTarget | null): boolean =>
	closest(target, "input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable=true]") !== null;
export const interactive = (target: EventTarget | null): boolean =>
	closest(target, "a, button, input, select, textarea, label, summary, [data-tip]") !== null;
/** A click that asks for a new tab or window, or that ends a text selection. */
export const elsewhere = (event: MouseEvent): boolean =>
	event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0 || (getSelection()?.toString() ?? "") !== "";
export const open = (address: string, event?: MouseEvent | KeyboardEvent): void => {
	if (event && (event.ctrlKey || event.metaKey)) window.open(address, "_blank", "noopener");
	else location.assign(address);
};
export const download = (name: string, content: Blob | string): void => {
	const link = document.createElement("a");
	const address = typeof content === "string" ? content : URL.createObjectURL(content);
	link.href = address;
	link.download = name;
	link.click();
	if (typeof content !== "string") setTimeout(() => URL.revokeObjectURL(address), 10_000);
};
/** Runs now and again on every part htmx brings in. */
export const onContent = (enhance: (part: ParentNode) => void): void => {
	enhance(document);
	document.addEventListener("htmx:load", (event) => {
		const part = (event as CustomEvent<{ elt: Element }>).detail.elt;
		if (part !== document.body) enhance(part.parentElement ?? document);
	});
};
