// Runs before the first paint: theme and width of the navigation as the person left them.
const root = document.documentElement;
const kept = (key: string): string | null => {
	try {
		return localStorage.getItem(key);
	} catch {
		return null; // storage refused: the defaults hold
	}
};
const dark = matchMedia("(prefers-color-scheme: dark)");
const apply = (): void => {
	const choice = kept("apg-theme") ?? "auto";
	root.dataset["themeSet"] = choice;
	root.dataset["bsTheme"] = choice === "auto" ? (dark.matches ? "dark" : "light") : choice;
};
apply();
dark.addEventListener("change", apply);
addEventListener("storage", apply);
root.dataset["nav"] = kept("apg-nav") ?? "open";
