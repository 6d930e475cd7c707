// Short messages: from HX-Trigger, from the cookie a redirect left, from the shell itself.
import { one } from "./page";

export type Kind = "good" | "warn" | "bad" | "info";
const SIGNS: Record<Kind, string> = { good: "✓", warn: "!", bad: "✕", info: "i" };
const COOKIE = "apg_toast";

export function toast(text: string, kind: Kind = "info"): void {
	const region = one("#toasts");
	if (!region) return;
	const box = document.createElement("div");
	box.className = `toast-box toast-${kind}`;
	const sign = document.createElement("span");
	sign.className = "toast-sign";
	sign.setAttribute("aria-hidden", "true");
	sign.textContent = SIGNS[kind];
	const words = document.createElement("span");
	words.textContent = text;
	const close = document.createElement("button");
	close.type = "button";
	close.className = "btn-icon";
	close.setAttribute("aria-label", region.dataset["dismiss"] ?? "Dismiss");
	close.textContent = "×";
	close.addEventListener("click", () => box.remove());
	box.append(sign, words, close);
	region.append(box);
	while (region.children.length > 4) region.firstElementChild?.remove();
	// errors stay until dismissed: somebody may be reading them slowly
	if (kind === "good" || kind === "info") fade(box);
}

function fade(box: HTMLElement): void {
	let timer = 0;
	const start = (): void => void (timer = window.setTimeout(() => box.remove(), 6000));
	box.addEventListener("pointerenter", () => clearTimeout(timer));
	box.addEventListener("pointerleave", start);
	box.addEventListener("focusin", () => clearTimeout(timer));
	start();
}

function left(): void {
	const found = document.cookie.split("; ").find((pair) => pair.startsWith(`${COOKIE}=`));
	if (!found) return;
	document.cookie = `${COOKIE}=; Max-Age=0; Path=/; SameSite=Lax`;
	try {
		const { text, kind } = JSON.parse(decodeURIComponent(found.slice(COOKIE.length + 1))) as { text: string; kind: Kind };
		toast(text, kind in SIGNS ? kind : "info");
	} catch {
		/* not ours */
	}
}

export function start(): void {
	document.addEventListener("apg:toast", (event) => {
		const { text, kind } = (event as CustomEvent<{ text: string; kind: Kind }>).detail;
		toast(text, kind in SIGNS ? kind : "info");
	});
	const said = one("#toasts")?.dataset ?? {};
	// what the shell asks for by itself fails in silence: nobody waits for it
	const quiet = (event: Event): boolean => event.target instanceof Element && event.target.matches("[data-quiet], [hx-trigger^='every']");
	for (const name of ["htmx:sendError", "htmx:timeout"])
		document.addEventListener(name, (event) => quiet(event) || toast(said["offline"] ?? "No connection", "warn"));
	document.addEventListener("htmx:responseError", (event) => {
		const { xhr } = (event as CustomEvent<{ xhr: XMLHttpRequest }>).detail;
		const told = (xhr.getResponseHeader("HX-Trigger") ?? "").includes("apg:toast");
		if (xhr.status !== 401 && !told && !quiet(event)) toast(said["failed"] ?? `Error ${xhr.status}`, "bad");
	});
	left();
}
