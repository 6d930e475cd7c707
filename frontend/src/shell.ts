// The frame around every page.
import Dropdown from "bootstrap/js/dist/dropdown";
import Offcanvas from "bootstrap/js/dist/offcanvas";
import Tooltip from "bootstrap/js/dist/tooltip";
import htmx from "htmx.org";
import * as bomtree from "./bomtree";
import * as forms from "./forms";
import { all, closest, keep, one, onContent, typing } from "./page";
import * as palette from "./palette";
import * as tables from "./tables";
import * as toasts from "./toasts";
import * as uploads from "./uploads";

const root = document.documentElement;

function theme(): void {
	const show = (): void => {
		for (const button of all("[data-theme-choice]")) button.setAttribute("aria-pressed", String(button.dataset["themeChoice"] === root.dataset["themeSet"]));
	};
	document.addEventListener("click", (event) => {
		const choice = closest(event.target, "[data-theme-choice]")?.dataset["themeChoice"];
		if (!choice) return;
		keep("apg-theme", choice);
		root.dataset["themeSet"] = choice;
		root.dataset["bsTheme"] = choice === "auto" ? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light") : choice;
		show();
	});
	show();
}

function navigation(): void {
	const side = one("#side");
	// on a phone it is a dialog and needs a name; beside the page it is a plain frame and must have none
	side?.addEventListener("show.bs.offcanvas", () => side.setAttribute("aria-label", side.dataset["label"] ?? ""));
	side?.addEventListener("hidden.bs.offcanvas", () => side.removeAttribute("aria-label"));
	const button = one("[data-nav-toggle]");
	const show = (): void => {
		const wide = root.dataset["nav"] !== "narrow";
		button?.setAttribute("aria-expanded", String(wide));
		button?.setAttribute("aria-label", (wide ? button.dataset["labelOpen"] : button.dataset["labelClosed"]) ?? "");
	};
	button?.addEventListener("click", () => {
		root.dataset["nav"] = root.dataset["nav"] === "narrow" ? "open" : "narrow";
		keep("apg-nav", root.dataset["nav"]);
		show();
	});
	show();
}

function floats(): void {
	// one tooltip for the whole page: whatever says data-tip; the names of a narrow navigation too
	new Tooltip(document.body, {
		selector: "[data-tip], [data-nav=narrow] [data-side-tip]",
		title: function (this: Element) {
			const element = this as HTMLElement;
			return element.dataset["tip"] ?? element.dataset["sideTip"] ?? "";
		} as unknown as string,
		delay: { show: 250, hide: 0 },
		animation: false,
		container: "body",
		trigger: "hover focus",
		customClass: "tip",
	});
	document.addEventListener("click", (event) => {
		const link = closest(event.target, "[data-panel]");
		const panel = one("#panel");
		if (!link || !panel) return;
		const title = one("#panel-title");
		if (title) title.textContent = link.dataset["panel"] ?? "";
		Offcanvas.getOrCreateInstance(panel).show();
		panel.focus(); // without a backdrop Bootstrap leaves the focus behind
	});
	document.addEventListener("keydown", (event) => {
		const panel = one("#panel");
		if (event.key === "Escape" && panel && !one("dialog[open]")) Offcanvas.getInstance(panel)?.hide();
	});
	document.addEventListener("click", (event) => {
		if (closest(event.target, "[data-shortcuts]")) one<HTMLDialogElement>("#shortcuts")?.showModal();
	});
	// a question in our own dialog in place of the browser's
	document.addEventListener("htmx:confirm", (event) => {
		const { question, issueRequest } = (event as CustomEvent<{ question: string | null; issueRequest: (skip: boolean) => void }>).detail;
		const dialog = one<HTMLDialogElement>("#confirm");
		const text = one("#confirm-text");
		if (!question || !dialog || !text) return;
		event.preventDefault();
		text.textContent = question;
		dialog.returnValue = "";
		dialog.addEventListener("close", () => dialog.returnValue === "yes" && issueRequest(true), { once: true });
		dialog.showModal();
	});
}

function keys(): void {
	document.addEventListener("keydown", (event) => {
		if (typing(event.target) || event.ctrlKey || event.metaKey || event.altKey || one("dialog[open]")) return;
		if (event.key === "/") {
			const field = one<HTMLInputElement>("#global-search");
			if (!field) return;
			event.preventDefault();
			field.focus();
			field.select();
		} else if (event.key === "?") one<HTMLDialogElement>("#shortcuts")?.showModal();
	});
}

function islands(): void {
	onContent((part) => {
		if (one("canvas[data-chart]", part)) void import("./charts").then((charts) => charts.draw(part));
	});
}

function offlineShell(): void {
	if (!("serviceWorker" in navigator) || !isSecureContext) return;
	navigator.serviceWorker.register("/sw.js").catch(() => undefined); // the page works without it
	document.addEventListener("submit", (event) => {
		if (closest(event.target, "[data-logout]")) {
			navigator.serviceWorker.controller?.postMessage("purge");
			try {
				sessionStorage.clear();
			} catch {
				/* nothing was kept */
			}
		}
	});
}

void Dropdown; // its data attributes wire themselves
void htmx;
theme();
navigation();
floats();
keys();
toasts.start();
palette.start();
forms.start();
tables.start();
bomtree.start();
uploads.start();
islands();
offlineShell();
root.dataset["ready"] = "yes";
