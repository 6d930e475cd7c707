// Draws <div data-treemap='[{level, parent, name, value, shown, href}, …]'> as nested areas (squarified, Bruls 2000).
interface Place { level: number; parent: number; name: string; value: number; shown: string; href: string }
interface Box { x: number; y: number; w: number; h: number }

const SVG = "http://www.w3.org/2000/svg";
const HEAD = 18;
const GAP = 3;

const shape = (name: string, attributes: Record<string, string | number>): SVGElement => {
	const made = document.createElementNS(SVG, name);
	for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
	return made;
};

/** The boxes of some values (largest first) in a box, rows as square as they get. */
function squarified(values: number[], box: Box): Box[] {
	const total = values.reduce((sum, value) => sum + value, 0);
	const boxes: Box[] = [];
	if (total <= 0 || box.w <= 0 || box.h <= 0) return values.map(() => ({ x: box.x, y: box.y, w: 0, h: 0 }));
	const scale = (box.w * box.h) / total;
	let { x, y, w, h } = box;
	const worst = (row: number[], side: number): number => {
		const sum = row.reduce((all, one) => all + one, 0);
		return Math.max((side * side * Math.max(...row)) / (sum * sum), (sum * sum) / (side * side * Math.min(...row)));
	};
	for (let start = 0; start < values.length; ) {
		const side = Math.min(w, h);
		const row = [(values[start] ?? 0) * scale];
		let next = start + 1;
		while (next < values.length && worst([...row, (values[next] ?? 0) * scale], side) <= worst(row, side)) row.push((values[next++] ?? 0) * scale);
		const sum = row.reduce((all, one) => all + one, 0);
		const thick = side > 0 ? sum / side : 0;
		let along = 0;
		for (const area of row) {
			const length = thick > 0 ? area / thick : 0;
			boxes.push(w >= h ? { x, y: y + along, w: thick, h: length } : { x: x + along, y, w: length, h: thick });
			along += length;
		}
		if (w >= h) [x, w] = [x + thick, Math.max(0, w - thick)];
		else [y, h] = [y + thick, Math.max(0, h - thick)];
		start = next;
	}
	return boxes;
}

function draw(holder: HTMLElement, places: Place[]): void {
	const unit = holder.dataset["unit"] ?? "";
	const width = Math.max(280, holder.clientWidth);
	const height = width < 560 ? 420 : 400;
	const total = places[0]?.value ?? 0;
	const svg = shape("svg", { viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": holder.dataset["label"] ?? "" });
	const told = document.createElement("p");
	told.className = "treemap-told muted";
	told.setAttribute("aria-live", "polite");
	const groups: SVGElement[] = [];
	const share = (value: number): string => (total > 0 ? `${((value / total) * 100).toPrecision(3)} %` : "");
	const say = (place: Place): string => `${place.name}: ${place.shown} ${unit}, ${share(place.value)}`;

	const put = (index: number, box: Box): void => {
		const place = places[index];
		if (!place || box.w < 2 || box.h < 2) return;
		const group = shape("g", { tabindex: groups.length ? -1 : 0, role: "link", "aria-label": say(place) });
		group.append(shape("rect", { x: box.x, y: box.y, width: box.w, height: box.h, rx: 3, class: `tm-${Math.min(place.level, 3)}` }));
		const room = Math.floor((box.w - 8) / 6.6);
		if (room >= 4 && box.h >= HEAD) {
			const text = shape("text", { x: box.x + 5, y: box.y + 13 });
			text.textContent = place.name.length > room ? `${place.name.slice(0, room - 1)}…` : place.name;
			group.append(text);
		}
		group.addEventListener("focus", () => (told.textContent = say(place)));
		group.addEventListener("mouseenter", () => (told.textContent = say(place)));
		group.addEventListener("click", () => location.assign(place.href));
		groups.push(group);
		svg.append(group);
		const below = places.flatMap((one, n) => (one.parent === index && one.value > 0 ? [n] : []));
		below.sort((a, b) => (places[b]?.value ?? 0) - (places[a]?.value ?? 0));
		if (!below.length || box.h < HEAD + 12 || box.w < 24) return;
		const inner = { x: box.x + GAP, y: box.y + HEAD, w: box.w - 2 * GAP, h: box.h - HEAD - GAP };
		// what the part brings of its own keeps its area: the children get their share of the inside
		const brought = below.reduce((sum, n) => sum + (places[n]?.value ?? 0), 0);
		const own = Math.max(0, place.value - brought);
		const boxes = squarified([...below.map((n) => places[n]?.value ?? 0), ...(own > place.value * 0.001 ? [own] : [])], inner);
		below.forEach((n, at) => boxes[at] && put(n, boxes[at]));
	};
	put(0, { x: 0, y: 0, w: width, h: height });
	svg.addEventListener("keydown", (event) => {
		const at = groups.indexOf(document.activeElement as unknown as SVGElement);
		const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
		if (event.key === "Enter") groups[at]?.dispatchEvent(new MouseEvent("click"));
		if (!step || at < 0) return;
		event.preventDefault();
		const next = groups[Math.min(Math.max(at + step, 0), groups.length - 1)];
		groups[at]?.setAttribute("tabindex", "-1");
		next?.setAttribute("tabindex", "0");
		next?.focus();
	});
	holder.replaceChildren(svg, told);
}

for (const holder of document.querySelectorAll<HTMLElement>("[data-treemap]")) {
	const places = JSON.parse(holder.dataset["treemap"] ?? "[]") as Place[];
	let width = 0;
	new ResizeObserver(() => {
		if (Math.abs(holder.clientWidth - width) < 4) return;
		width = holder.clientWidth;
		draw(holder, places);
	}).observe(holder);
}
