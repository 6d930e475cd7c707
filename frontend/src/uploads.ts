// Uploads: bytes sent, rate and remaining time, while htmx sends a form with files.
import { all, one } from "./page";

const size = new Intl.NumberFormat(document.documentElement.lang, { maximumFractionDigits: 1 });
const megabytes = (bytes: number): string => `${size.format(bytes / 1e6)} MB`;

export function start(): void {
	const began = new WeakMap<Element, number>();
	document.addEventListener("htmx:beforeSend", (event) => {
		const { elt } = (event as CustomEvent<{ elt: Element }>).detail;
		if (one("[data-upload] input[type=file]", elt)) began.set(elt, performance.now());
	});
	document.addEventListener("htmx:xhr:progress", (event) => {
		const { elt, loaded, total } = (event as CustomEvent<{ elt: Element; loaded: number; total: number }>).detail;
		const start = began.get(elt);
		if (start === undefined || !total) return;
		const seconds = (performance.now() - start) / 1000;
		for (const box of all("[data-upload-progress]", elt)) {
			box.hidden = false;
			const bar = one<HTMLProgressElement>("progress", box);
			if (bar) bar.value = (100 * loaded) / total;
			const text = one("[data-upload-text]", box);
			if (text) text.textContent = `${megabytes(loaded)} / ${megabytes(total)}${seconds > 0.5 ? ` · ${megabytes(loaded / seconds)}/s` : ""}`;
		}
	});
	document.addEventListener("htmx:afterRequest", (event) => {
		for (const box of all("[data-upload-progress]", (event as CustomEvent<{ elt: Element }>).detail.elt)) box.hidden = true;
	});
	for (const name of ["dragover", "drop"] as const)
		document.addEventListener(name, (event) => {
			const zone = event.target instanceof Element ? event.target.closest("[data-upload]") : null;
			if (!zone) return;
			event.preventDefault();
			const input = one<HTMLInputElement>("input[type=file]", zone);
			if (name === "drop" && input && event.dataTransfer?.files.length) {
				input.files = event.dataTransfer.files;
				input.dispatchEvent(new Event("change", { bubbles: true }));
			}
		});
}
