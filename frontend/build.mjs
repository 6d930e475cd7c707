// Builds the shell: TypeScript, styles and icons into src/apg/ui/static/dist with hashed names and
// manifest.json (logical name -> file name, plus the icons of the sprite).
import { createHash } from "node:crypto";
import { cp, mkdir, readFile, readdir, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants } from "node:zlib";
import * as esbuild from "esbuild";
import * as sass from "sass";

const here = dirname(fileURLToPath(import.meta.url));
const product = join(here, "..", "src", "apg");
const shell = join(product, "ui", "static");
const out = join(shell, "dist");
const fresh = join(shell, `.dist-${process.pid}`);
// In the order of the cascade: what comes later wins.
const SHEETS = ["tokens", "base", "frame", "pages", "cards", "figures", "lists", "tree", "forms", "waiting", "charts", "floats", "api", "media", "phone"];
const watching = process.argv.includes("--watch");

const hashed = (name, bytes) => {
	const print = createHash("sha256").update(bytes).digest("hex").slice(0, 10).toUpperCase();
	return `${basename(name, extname(name))}-${print}${extname(name)}`;
};

async function scripts() {
	const islands = (await readdir(join(here, "src", "islands")).catch(() => [])).filter((file) => file.endsWith(".ts"));
	const common = { bundle: true, minify: !watching, sourcemap: watching, target: "es2022", legalComments: "none", logLevel: "warning", metafile: true, outdir: fresh, charset: "utf8" };
	// theme.ts blocks the first paint, so it must be a plain script of its own
	const first = await esbuild.build({ ...common, entryPoints: [join(here, "src", "theme.ts")], format: "iife", entryNames: "[name]-[hash]" });
	const rest = await esbuild.build({
		...common,
		entryPoints: [join(here, "src", "shell.ts"), ...islands.map((file) => join(here, "src", "islands", file))],
		format: "esm",
		splitting: true,
		entryNames: "[name]-[hash]",
		chunkNames: "chunk-[hash]",
	});
	const names = {};
	for (const result of [first, rest])
		for (const [path, file] of Object.entries(result.metafile.outputs))
			if (file.entryPoint) names[`${basename(file.entryPoint, ".ts")}.js`] = basename(path);
	return names;
}

async function styles() {
	const bootstrap = sass.compile(join(here, "styles", "bootstrap.scss"), {
		loadPaths: [join(here, "node_modules")],
		quietDeps: true,
		silenceDeprecations: ["import"],
		logger: sass.Logger.silent,
	}).css;
	const own = await Promise.all(SHEETS.map((name) => readFile(join(here, "styles", `${name}.css`), "utf8")));
	const { code } = await esbuild.transform([bootstrap, ...own].join("\n"), { loader: "css", minify: true, target: ["chrome111", "firefox115", "safari16.4"] });
	const name = hashed("apg.css", code);
	await writeFile(join(fresh, name), code);
	return { "apg.css": name };
}

async function* sources(folder) {
	for (const entry of await readdir(folder, { withFileTypes: true })) {
		const path = join(folder, entry.name);
		if (entry.isDirectory() && !["dist", "__pycache__", "node_modules"].includes(entry.name)) yield* sources(path);
		else if ([".html", ".py"].includes(extname(entry.name))) yield path;
	}
}

// The sprite holds the icons of icons.txt and every word in quotes in our sources that is the name of an icon.
async function icons() {
	const set = join(here, "node_modules", "bootstrap-icons", "icons");
	const all = new Set((await readdir(set)).map((file) => basename(file, ".svg")));
	const wanted = new Set(["dot"]);
	const always = (await readFile(join(here, "icons.txt"), "utf8")).split(/\s+/).filter(Boolean);
	for (const name of always) {
		if (!all.has(name)) throw new Error(`icons.txt: bootstrap-icons has no icon "${name}"`);
		wanted.add(name);
	}
	for await (const path of sources(product))
		for (const [, name] of (await readFile(path, "utf8")).matchAll(/["']([a-z][a-z0-9-]{1,40})["']/g)) if (all.has(name)) wanted.add(name);
	const symbols = await Promise.all(
		[...wanted].sort().map(async (name) => {
			const svg = await readFile(join(set, `${name}.svg`), "utf8");
			const box = /viewBox="([^"]+)"/.exec(svg)?.[1] ?? "0 0 16 16";
			const body = svg.slice(svg.indexOf(">", svg.indexOf("<svg")) + 1, svg.lastIndexOf("</svg>"));
			return `<symbol id="${name}" viewBox="${box}" fill="currentColor">${body.replace(/\s*\n\s*/g, "")}</symbol>`;
		}),
	);
	const sprite = `<svg xmlns="http://www.w3.org/2000/svg">${symbols.join("")}</svg>`;
	const name = hashed("icons.svg", sprite);
	await writeFile(join(fresh, name), sprite);
	return { "icons.svg": name, icons: [...wanted].sort() };
}

async function build() {
	await rm(fresh, { recursive: true, force: true });
	await mkdir(fresh, { recursive: true });
	try {
		const manifest = { ...(await scripts()), ...(await styles()), ...(await icons()) };
		manifest.files = await readdir(fresh);
		if (!watching)
			for (const file of manifest.files) {
				const packed = brotliCompressSync(await readFile(join(fresh, file)), { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } });
				await writeFile(join(fresh, `${file}.br`), packed);
			}
		manifest.build = createHash("sha256").update(JSON.stringify(manifest)).digest("hex").slice(0, 12);
		await writeFile(join(fresh, "manifest.json"), `${JSON.stringify(manifest, null, "\t")}\n`);
		// A page rendered a moment ago may still ask for the files before these: they stay for one build more.
		await mkdir(out, { recursive: true });
		const before = await readFile(join(out, "manifest.json"), "utf8").then(JSON.parse, () => ({}));
		const kept = [...manifest.files, ...(before.files ?? [])];
		const keep = new Set(["manifest.json", ...kept, ...kept.map((file) => `${file}.br`)]);
		for (const file of (await readdir(fresh)).filter((name) => name !== "manifest.json")) await cp(join(fresh, file), join(out, file));
		await rename(join(fresh, "manifest.json"), join(out, "manifest.json"));
		for (const file of await readdir(out)) if (!keep.has(file)) await rm(join(out, file), { recursive: true });
		console.log(`built ${Object.keys(manifest).length} assets, ${manifest.icons.length} icons: ${manifest.build}`);
	} finally {
		await rm(fresh, { recursive: true, force: true });
	}
}

await build();
if (watching) {
	const { watch } = await import("node:fs");
	let timer;
	for (const folder of [join(here, "src"), join(here, "styles"), shell])
		watch(folder, { recursive: true }, (_event, file) => {
			if (String(file).includes("dist")) return;
			clearTimeout(timer);
			timer = setTimeout(() => build().catch((error) => console.error(error.message)), 80);
		});
}
