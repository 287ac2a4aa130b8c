// Keeps the files of the static site, so that it works without a network after the first visit.
// `make site` fills in the files, each with the SHA-256 of its content.
const FILES = {};
const CACHE = "peft-sp", PAGE = "index.html";
const urlOf = (name) => new URL(name, self.registration.scope).href;
// A file whose content changes is another entry, so that those that did not are fetched once.
const entryOf = (name) => `${urlOf(name)}?sha256=${FILES[name]}`;

async function keep(cache, name) {
  if (await cache.match(entryOf(name))) return;
  const response = await fetch(urlOf(name), { cache: "no-cache" });
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", await response.clone().arrayBuffer()));
  const found = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
  if (!response.ok || found !== FILES[name]) throw new Error(`${name} is not the file of this site`);
  await cache.put(entryOf(name), response);
}

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(CACHE).then((cache) => Promise.all(Object.keys(FILES).map((name) => keep(cache, name)))));
});

self.addEventListener("activate", (event) => {
  const wanted = new Set(Object.keys(FILES).map(entryOf));
  const clean = async () => {
    const cache = await caches.open(CACHE);
    for (const { url } of await cache.keys()) if (!wanted.has(url)) await cache.delete(url);
    await self.clients.claim();
  };
  event.waitUntil(clean());
});

// A page that begins asks a version that waits to take over. A page of the old version that is open
// beside it would have files of both from then on, so it waits until there is none.
self.addEventListener("message", (event) => {
  const begin = async () => {
    const pages = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
    if (pages.filter(({ url }) => url.startsWith(self.registration.scope)).length === 1) await self.skipWaiting();
  };
  event.waitUntil(begin());
});

self.addEventListener("fetch", (event) => {
  const { origin, pathname } = new URL(event.request.url), scope = new URL(self.registration.scope);
  if (event.request.method !== "GET" || origin !== scope.origin || !pathname.startsWith(scope.pathname)) return;
  const name = pathname.slice(scope.pathname.length) || PAGE;
  if (!(name in FILES)) return;
  const answer = async () => (await (await caches.open(CACHE)).match(entryOf(name))) || fetch(event.request);
  event.respondWith(answer());
});
