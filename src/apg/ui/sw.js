// Keeps versioned static files only. Pages and API answers hold a tenant's data and are never kept.
const CACHE = "esg-management-v1.0.0";
const STATIC = /^\/static\/(dist\/[^/]+-[0-9A-Z]{8,10}\.(?:js|css|svg|woff2)|icons\/[^/]+)$/;

self.addEventListener("install", () => self.skipWaiting());

self.addEventListener("activate", (event) => {
	event.waitUntil(
		(async () => {
			for (const name of await caches.keys()) if (name !== CACHE) await caches.delete(name);
			await prune();
			await self.clients.claim();
		})(),
	);
});

// files of builds gone by leave when the manifest no longer names them
async function prune() {
	const answer = await fetch("/static/dist/manifest.json", { cache: "no-cache" }).catch(() => null);
	if (!answer?.ok) return;
	const { files = [] } = await answer.json();
	const known = new Set(files.map((file) => `/static/dist/${file}`));
	const cache = await caches.open(CACHE);
	for (const request of await cache.keys()) {
		const { pathname } = new URL(request.url);
		if (pathname.startsWith("/static/dist/") && !known.has(pathname)) await cache.delete(request);
	}
}

self.addEventListener("fetch", (event) => {
	const { request } = event;
	const address = new URL(request.url);
	if (request.method !== "GET" || address.origin !== self.location.origin || !STATIC.test(address.pathname) || address.search) return;
	event.respondWith(
		(async () => {
			const cache = await caches.open(CACHE);
			const kept = await cache.match(request);
			if (kept) return kept;
			const answer = await fetch(request);
			if (answer.ok && answer.type === "basic") await cache.put(request, answer.clone());
			return answer;
		})(),
	);
});

self.addEventListener("message", (event) => {
	if (event.data === "purge") event.waitUntil(caches.delete(CACHE));
});
