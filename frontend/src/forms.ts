// Forms: nothing typed is lost, and one leaves a changed form only on purpose.
import htmx from "htmx.org";
import { all, closest, one, onContent } from "./page";

const FORM = "form[data-form]";
const dirty = new Set<HTMLFormElement>();
const fields = (form: HTMLFormElement): (HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement)[] =>
	all<HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement>("input, textarea, select", form).filter(
		(field) => field.name && !["csrf_token", "if_match"].includes(field.name) && !["password", "file", "hidden"].includes(field.type),
	);
const draftKey = (form: HTMLFormElement): string => `apg-draft:${location.pathname}:${form.dataset["draft"] ?? ""}`;

function saveDraft(form: HTMLFormElement): void {
	if (!form.dataset["draft"]) return;
	const values = fields(form).map((field) => [field.name, field.value, field instanceof HTMLInputElement && ["checkbox", "radio"].includes(field.type) ? field.checked : null]);
	try {
		sessionStorage.setItem(draftKey(form), JSON.stringify(values));
	} catch {
		/* full or refused: the warning on leaving still holds */
	}
}

function restoreDraft(form: HTMLFormElement): void {
	if (!form.dataset["draft"] || form.dataset["restored"] || one(".error-summary", form)) return;
	form.dataset["restored"] = "yes";
	let kept: [string, string, boolean | null][] = [];
	try {
		kept = JSON.parse(sessionStorage.getItem(draftKey(form)) ?? "[]") as typeof kept;
	} catch {
		return;
	}
	let changed = false;
	for (const [name, value, checked] of kept) {
		const field = fields(form).find((one) => one.name === name && (checked === null || one.value === value));
		if (!field) continue;
		if (checked !== null && field instanceof HTMLInputElement) {
			changed ||= field.checked !== checked;
			field.checked = checked;
		} else if (checked === null && field.value !== value) {
			changed = true;
			field.value = value;
		}
	}
	if (changed) dirty.add(form);
}

export function forget(form: HTMLFormElement): void {
	dirty.delete(form);
	try {
		sessionStorage.removeItem(draftKey(form));
	} catch {
		/* nothing was kept */
	}
}

/**
 * A number field accepts what people paste: spaces, groups of thousands, a comma for the point. What
 * can be read in two ways (1,250 is a thousand here and one and a quarter there) stays as it is typed,
 * and the server asks which is meant.
 */
function checkNumber(field: HTMLInputElement): void {
	const plain = field.value.replace(/[\s\u00a0\u202f']/g, "");
	let text = plain;
	if (/^[+-]?\d{1,3}(,\d{3})+\.\d+$|^[+-]?\d{1,3}(,\d{3}){2,}$/.test(plain)) text = plain.replaceAll(",", "");
	else if (/^[+-]?\d{1,3}(\.\d{3})+,\d+$/.test(plain)) text = plain.replaceAll(".", "").replace(",", ".");
	else if (/^[+-]?\d+,\d+$/.test(plain) && !/^[+-]?[1-9]\d{0,2},\d{3}$/.test(plain)) text = plain.replace(",", ".");
	if (/^[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$/i.test(text)) field.value = text;
}

/** After the person signed in again in another tab the old page takes over the new token. */
async function renewToken(): Promise<void> {
	const answer = await fetch(location.href, { credentials: "same-origin", headers: { Accept: "text/html" } });
	const page = new DOMParser().parseFromString(await answer.text(), "text/html");
	const token = page.querySelector<HTMLMetaElement>("meta[name=csrf-token]")?.content;
	if (!token) return;
	one<HTMLMetaElement>("meta[name=csrf-token]")?.setAttribute("content", token);
	document.body.setAttribute("hx-headers", JSON.stringify({ "X-CSRF-Token": token }));
	for (const field of all<HTMLInputElement>("input[name=csrf_token]")) field.value = token;
}

/** The session's token counts in a header only, so a plain form of a signed-in page is sent by htmx. */
function withToken(part: ParentNode): void {
	for (const form of all<HTMLFormElement>("form[method=post]:not([hx-post], [hx-put], [hx-patch], [hx-delete])", part)) {
		if (!one<HTMLInputElement>("input[name=csrf_token]", form)?.value) continue;
		form.setAttribute("hx-post", form.getAttribute("action") ?? location.pathname);
		if (!form.hasAttribute("hx-swap")) form.setAttribute("hx-swap", "none");
		if (form.enctype === "multipart/form-data") form.setAttribute("hx-encoding", "multipart/form-data");
		htmx.process(form);
	}
}

export function start(): void {
	document.addEventListener("input", (event) => {
		const form = closest<HTMLFormElement>(event.target, FORM);
		if (!form || form.method === "get") return;
		dirty.add(form);
		saveDraft(form);
	});
	document.addEventListener("change", (event) => {
		const field = closest<HTMLInputElement>(event.target, "input[data-number]");
		if (field) checkNumber(field);
	});
	document.addEventListener("submit", (event) => {
		// a plain form leaves the page now; htmx tells us below how it went
		if (event.target instanceof HTMLFormElement && !event.defaultPrevented) dirty.delete(event.target);
	});
	document.addEventListener("htmx:beforeSwap", (event) => {
		const { target, xhr } = (event as CustomEvent<{ target: Element; xhr: XMLHttpRequest }>).detail;
		if (xhr.status < 400) for (const form of dirty) if (target.contains(form)) forget(form);
	});
	document.addEventListener("htmx:afterRequest", (event) => {
		const { elt, successful } = (event as CustomEvent<{ elt: Element; successful: boolean }>).detail;
		if (successful && elt instanceof HTMLFormElement) forget(elt);
	});
	document.addEventListener("htmx:afterSettle", () => {
		for (const form of dirty) if (!form.isConnected) dirty.delete(form);
	});
	document.addEventListener("htmx:responseError", (event) => {
		const { elt, xhr } = (event as CustomEvent<{ elt: Element; xhr: XMLHttpRequest }>).detail;
		if (xhr.status === 401 && !elt.matches("[data-quiet]")) one<HTMLDialogElement>("#session-ended:not([open])")?.showModal();
	});
	one<HTMLDialogElement>("#session-ended")?.addEventListener("close", () => void renewToken());
	addEventListener("beforeunload", (event) => {
		if ([...dirty].some((form) => form.isConnected)) event.preventDefault();
	});
	// a link of the error summary puts the cursor into the field, not only into view
	document.addEventListener("click", (event) => {
		const link = closest<HTMLAnchorElement>(event.target, ".error-summary a[href^='#']");
		const field = link && document.getElementById(link.hash.slice(1));
		if (!field) return;
		event.preventDefault();
		field.scrollIntoView({ block: "center" });
		field.focus();
	});
	onContent((part) => {
		withToken(part);
		for (const form of all<HTMLFormElement>(FORM, part)) restoreDraft(form);
		one("[data-focus]", part)?.focus();
	});
}
