// One wrapper around Chart.js: reads <canvas data-chart='{…}'> as the macro `ui.chart` writes it.
import { BarController, BarElement, CategoryScale, Chart, Filler, LinearScale, LineController, LineElement, PointElement, Tooltip } from "chart.js";
import type { ChartDataset, Plugin, PointStyle, Scale } from "chart.js";
import { all, download, one, typing } from "./page";

Chart.register(BarController, BarElement, CategoryScale, Filler, LinearScale, LineController, LineElement, PointElement, Tooltip);

interface Series {
	label: string;
	values: (number | null)[];
	kind?: "actual" | "target" | "forecast";
	low?: (number | null)[];
	high?: (number | null)[];
	/** Where each bar begins: a waterfall. Bars that begin at 0 are sums, the others steps that are good downwards. */
	from?: number[];
}
interface Data {
	type?: "line" | "bar";
	unit?: string;
	x: string[];
	series: Series[];
	today?: string;
	notes?: { x: string; text: string }[];
	zero?: boolean;
	stacked?: boolean;
}

const DAY = /^\d{4}-\d{2}-\d{2}$/;
const DAY_MS = 86_400_000;
const DASHES = [[], [6, 3], [2, 2], [8, 3, 2, 3], [12, 4], [4, 4]];
const POINTS: PointStyle[] = ["circle", "rectRot", "triangle", "rect", "star", "crossRot"];
const drawn = new WeakMap<HTMLCanvasElement, Chart>();
const locale = (): string => document.documentElement.lang || "en";
const colour = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const still = (): boolean => matchMedia("(prefers-reduced-motion: reduce)").matches;
const number = (value: number): string => new Intl.NumberFormat(locale(), { maximumSignificantDigits: 6 }).format(value);
/** A tick of an axis; all ticks of one axis are written in the same way, by its largest. */
const tick = (value: number, largest: number): string => new Intl.NumberFormat(locale(), { notation: largest >= 1e5 ? "compact" : "standard", maximumSignificantDigits: 4 }).format(value);
const day = (value: number, form: Intl.DateTimeFormatOptions): string => new Intl.DateTimeFormat(locale(), { timeZone: "UTC", ...form }).format(value);
const symbol = (unit = ""): string => unit.replace("CO2", "CO₂");

/** Ticks of a time axis at the first of months or years, at most about eight. */
function monthTicks(scale: Scale): void {
	const months = (scale.max - scale.min) / DAY_MS / 30.44;
	const step = [1, 2, 3, 6, 12, 24, 60, 120].find((size) => months / size <= 8) ?? 240;
	const first = new Date(scale.min);
	const ticks: { value: number }[] = [];
	for (let month = Math.ceil((first.getUTCFullYear() * 12 + first.getUTCMonth()) / step) * step; ; month += step) {
		const value = Date.UTC(Math.floor(month / 12), month % 12, 1);
		if (value > scale.max) break;
		if (value >= scale.min) ticks.push({ value });
	}
	if (ticks.length > 1) scale.ticks = ticks;
}

/** Today, notes and the direct labels at the end of each line. */
const marks = (data: Data, at: (x: string) => number, said: string): Plugin => ({
	id: "marks",
	afterDatasetsDraw(chart) {
		const { ctx, chartArea, scales } = chart;
		const { datasets } = chart.data;
		const across = scales["x"] as Scale;
		const written: [number, number][] = [];
		const line = (x: string, text: string, ink: string): void => {
			const place = across.getPixelForValue(at(x));
			if (!(place >= chartArea.left && place <= chartArea.right)) return;
			ctx.save();
			ctx.strokeStyle = ctx.fillStyle = ink;
			ctx.setLineDash([3, 3]);
			ctx.beginPath();
			ctx.moveTo(place, chartArea.top);
			ctx.lineTo(place, chartArea.bottom);
			ctx.stroke();
			const width = ctx.measureText(text).width;
			const start = place + 4 + width > chartArea.right ? place - 4 - width : place + 4;
			// words that would run into each other stand one line lower
			const row = written.filter(([from, to]) => start < to + 4 && start + width > from - 4).length;
			written.push([start, start + width]);
			ctx.setLineDash([]);
			ctx.fillText(text, start, chartArea.top + 10 + 14 * row);
			ctx.restore();
		};
		if (data.today) line(data.today, said, colour("--ink-2"));
		for (const note of data.notes ?? []) line(note.x, note.text, colour("--info"));
		if (data.type === "bar") return;
		const taken: number[] = [];
		datasets.forEach((set, n) => {
			const meta = chart.getDatasetMeta(n);
			const last = [...meta.data].reverse().find((point) => !Number.isNaN(point.y) && !(point as PointElement & { skip?: boolean }).skip);
			if (!set.label || !last || !meta.visible) return;
			let y = last.y;
			while (taken.some((other) => Math.abs(other - y) < 13)) y += 13;
			taken.push(y);
			ctx.save();
			ctx.fillStyle = set.borderColor as string;
			ctx.beginPath();
			ctx.arc(chartArea.right + 10, y, 3, 0, 2 * Math.PI);
			ctx.fill();
			ctx.fillStyle = colour("--ink");
			ctx.textBaseline = "middle";
			ctx.fillText(set.label, chartArea.right + 18, y);
			ctx.restore();
		});
	},
});

function datasets(data: Data, at: (x: string) => number, timed: boolean): ChartDataset<"line" | "bar">[] {
	const point = (value: number | null | undefined, n: number) => ({ x: timed ? at(data.x[n] ?? "") : (data.x[n] as unknown as number), y: value ?? NaN });
	const sets = data.series.flatMap((series, n): object[] => {
		const ink = series.kind === "target" ? colour("--ink-2") : colour(`--chart-${(n % 6) + 1}`);
		const { from } = series;
		const step = (value: number | null, place: number): object => ({ x: data.x[place], y: [from?.[place] ?? 0, (from?.[place] ?? 0) + (value ?? 0)] });
		const inks = series.values.map((value, place) => (from?.[place] ? colour((value ?? 0) > 0 ? "--bad" : "--good") : ink));
		const main = {
			label: series.label,
			data: from ? series.values.map(step) : series.values.map(point),
			borderColor: ink,
			backgroundColor: from ? inks : ink,
			borderWidth: data.type === "bar" ? 0 : 2,
			borderRadius: 2,
			maxBarThickness: 36,
			borderDash: series.kind === "target" ? [4, 4] : series.kind === "forecast" ? [2, 3] : (DASHES[n % 6] ?? []),
			pointStyle: POINTS[n % 6] ?? "circle",
			pointRadius: series.kind === "target" ? 0 : data.x.length > 60 ? 0 : 2.5,
			pointHoverRadius: 5,
			stepped: series.kind === "target" ? ("before" as const) : false,
			spanGaps: false,
			clip: 8,
		};
		if (!series.low || !series.high) return [main];
		const edge = { label: "", borderWidth: 0, pointRadius: 0, pointHitRadius: 0, backgroundColor: `${ink}2e`, borderColor: "transparent" };
		return [main, { ...edge, data: series.low.map(point), fill: false }, { ...edge, data: series.high.map(point), fill: "-1" }];
	});
	return sets as ChartDataset<"line" | "bar">[];
}

function make(canvas: HTMLCanvasElement, data: Data): Chart {
	const timed = data.type !== "bar" && data.x.length > 0 && data.x.every((x) => DAY.test(x));
	const at = (x: string): number => (timed ? Date.parse(`${x}T00:00:00Z`) : data.x.findLastIndex((known) => known <= x));
	const labelRoom = data.type === "bar" ? 0 : Math.min(150, 24 + 7 * Math.max(...data.series.map((series) => series.label.length), 0));
	Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
	Chart.defaults.color = colour("--ink-2");
	return new Chart(canvas, {
		type: data.type ?? "line",
		data: { labels: timed ? [] : data.x, datasets: datasets(data, at, timed) },
		plugins: [marks(data, at, canvas.dataset["today"] ?? "today")],
		options: {
			responsive: true,
			maintainAspectRatio: false,
			animation: still() ? false : { duration: 150 },
			interaction: { mode: "index", intersect: false },
			layout: { padding: { right: labelRoom, top: 4 } },
			scales: {
				x: {
					...(timed ? { type: "linear" as const, min: at(data.x[0] ?? ""), max: at(data.x.at(-1) ?? ""), afterBuildTicks: monthTicks } : { type: "category" as const }),
					stacked: data.stacked ?? false,
					grid: { display: false },
					border: { color: colour("--line-strong") },
					ticks: {
						maxRotation: 0,
						autoSkipPadding: 12,
						...(timed ? { callback: (value) => day(Number(value), { month: "short", year: "2-digit" }) } : {}),
					},
				},
				y: {
					stacked: data.stacked ?? false,
					beginAtZero: data.zero ?? data.type === "bar",
					grid: { color: colour("--line") },
					border: { display: false },
					ticks: { maxTicksLimit: 6, callback: (value, _n, ticks) => tick(Number(value), Math.max(...ticks.map((one) => Math.abs(one.value)))) },
				},
			},
			plugins: {
				tooltip: {
					animation: false,
					filter: (item) => Boolean(item.dataset.label) && !Number.isNaN(item.parsed.y),
					backgroundColor: colour("--tip"),
					titleColor: colour("--tip-ink"),
					bodyColor: colour("--tip-ink"),
					cornerRadius: 6,
					callbacks: {
						title: (items) => (timed ? day(Number(items[0]?.parsed.x), { dateStyle: "medium" }) : (items[0]?.label ?? "")),
						label: (item) => ` ${item.dataset.label}: ${number((data.series[item.datasetIndex]?.from && data.series[item.datasetIndex]?.values[item.dataIndex]) || (item.parsed.y ?? NaN))} ${symbol(data.unit)}`,
					},
				},
			},
		},
	});
}

const csv = (table: HTMLTableElement, data: Data): string => {
	const quote = (text: string): string => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
	const head = [one("thead th", table)?.textContent ?? "", ...data.series.map((series) => (data.unit ? `${series.label} (${data.unit})` : series.label))];
	return [head, ...data.x.map((x, n) => [x, ...data.series.map((series) => String(series.values[n] ?? ""))])].map((row) => row.map(quote).join(",")).join("\r\n");
};

function wire(figure: HTMLElement, canvas: HTMLCanvasElement, data: Data): void {
	const table = one("[data-chart-data]", figure);
	const toggle = one("[data-chart-table]", figure);
	const name = (one("figcaption strong", figure)?.textContent ?? "chart").trim().replace(/[^\p{L}\p{N}]+/gu, "-").toLowerCase();
	const flip = (): void => {
		if (!table || !toggle || !canvas.parentElement) return;
		table.hidden = !table.hidden;
		canvas.parentElement.hidden = !table.hidden;
		toggle.setAttribute("aria-pressed", String(!table.hidden));
	};
	toggle?.addEventListener("click", flip);
	one("[data-chart-csv]", figure)?.addEventListener("click", () => {
		const source = one<HTMLTableElement>("table", figure);
		if (source) download(`${name}.csv`, new Blob([`\ufeff${csv(source, data)}`], { type: "text/csv" }));
	});
	one("[data-chart-png]", figure)?.addEventListener("click", () => {
		const chart = drawn.get(canvas);
		if (!chart) return;
		const page = document.createElement("canvas");
		[page.width, page.height] = [canvas.width, canvas.height];
		const pen = page.getContext("2d");
		if (!pen) return;
		pen.fillStyle = colour("--surface-1");
		pen.fillRect(0, 0, page.width, page.height);
		pen.drawImage(canvas, 0, 0);
		page.toBlob((blob) => blob && download(`${name}.png`, blob));
	});
	let position = -1;
	figure.addEventListener("keydown", (event) => {
		if (typing(event.target)) return;
		if (event.key === "t" && !event.ctrlKey && !event.metaKey) flip();
		const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
		const chart = drawn.get(canvas);
		if (!step || !chart || event.target !== canvas || !data.x.length) return;
		event.preventDefault();
		position = Math.min(Math.max(position + step, 0), data.x.length - 1);
		const active = chart.data.datasets.flatMap((set, datasetIndex) => (set.label ? [{ datasetIndex, index: position }] : []));
		chart.setActiveElements(active);
		chart.tooltip?.setActiveElements(active, { x: 0, y: 0 });
		chart.update("none");
		const told = one("[data-chart-point]", figure);
		const values = data.series.map((series) => {
			const value = series.values[position];
			return `${series.label}: ${value == null ? "—" : `${number(value)} ${symbol(data.unit)}`}`;
		});
		if (told) told.textContent = `${data.x[position]}. ${values.join(", ")}`;
	});
}

/** Amounts may come as text, so that they keep their digits in the table. */
function read(canvas: HTMLCanvasElement): Data {
	const data = JSON.parse(canvas.dataset["chart"] ?? "{}") as Data;
	for (const series of data.series)
		for (const name of ["values", "low", "high"] as const) if (series[name]) series[name] = series[name].map((value) => (value === null ? null : Number(value)));
	return data;
}

export function draw(part: ParentNode): void {
	for (const canvas of all<HTMLCanvasElement>("canvas[data-chart]", part)) {
		if (drawn.has(canvas)) continue;
		const data = read(canvas);
		drawn.set(canvas, make(canvas, data));
		const figure = canvas.closest<HTMLElement>("figure");
		if (figure) wire(figure, canvas, data);
	}
}

// colours follow the theme
new MutationObserver(() => {
	for (const canvas of all<HTMLCanvasElement>("canvas[data-chart]")) {
		drawn.get(canvas)?.destroy();
		drawn.set(canvas, make(canvas, read(canvas)));
	}
}).observe(document.documentElement, { attributeFilter: ["data-bs-theme"] });
