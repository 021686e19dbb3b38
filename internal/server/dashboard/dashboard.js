// The page of the admin listener. The token is kept in this tab alone, and sent in a header, never in a URL. All
// that comes from the server is shown by textContent.
"use strict";

const byID = (id) => document.getElementById(id);
const tokenName = "kvasir-token";
let token = sessionStorage.getItem(tokenName) || "";

class Refused extends Error {}

// ask asks the admin listener, and returns what it says.
async function ask(path, options = {}) {
  const headers = { Authorization: "Bearer " + token };
  if (options.body) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(path, { ...options, headers, cache: "no-store", credentials: "omit", redirect: "error" });
  } catch {
    throw new Error("The server does not answer.");
  }
  if (response.status === 401) throw new Refused("The token is not the one of this server.");
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error ? answer.error.message : `The server answered with status ${response.status}.`);
  return answer;
}

// showing runs something, and shows what goes wrong in it.
async function showing(work) {
  try {
    await work();
    byID("problem").textContent = "";
  } catch (e) {
    if (e instanceof Refused) signOut(e.message);
    else byID("problem").textContent = e.message;
  }
}

// --- words for numbers ---

const whole = (n) => Math.round(n).toLocaleString();
const compact = (n) => (n < 10000 ? (n % 1 ? n.toFixed(1) : String(n)) : Intl.NumberFormat([], { notation: "compact" }).format(n));
const percent = (n) => (n * 100).toFixed(n > 0 && n < 0.1 ? 1 : 0) + " %";

function bytes(n) {
  for (const unit of ["B", "KiB", "MiB", "GiB", "TiB"]) {
    if (n < 1024 || unit === "TiB") return `${n < 10 && n % 1 ? n.toFixed(1) : Math.round(n)} ${unit}`;
    n /= 1024;
  }
}

function took(ms) {
  if (ms === 0) return "0";
  if (ms < 1) return ms.toFixed(2) + " ms";
  if (ms < 1000) return (ms < 10 ? ms.toFixed(1) : Math.round(ms)) + " ms";
  if (ms < 120e3) return (ms / 1000).toFixed(ms < 10e3 ? 1 : 0) + " s";
  if (ms < 7200e3) return Math.round(ms / 60e3) + " min";
  return (ms / 3600e3).toFixed(1) + " h";
}

const moment = (text) => (text ? new Date(text).toLocaleString([], { dateStyle: "medium", timeStyle: "short" }) : "");

// --- overview ---

const missReasons = {
  "cache.miss_absent": "nothing alike is stored", "cache.miss_guard": "the guard found a difference that matters",
  "cache.miss_unmatched": "alike, and not enough", "cache.miss_expired": "it had expired", "cache.miss_longer": "its answer was longer than asked for",
  "cache.miss_rejected": "a hook rejected it", "cache.miss_asked": "the caller wanted a new answer", "cache.miss_failed": "the store or a plugin failed",
};
const sum = (list) => (list || []).reduce((a, b) => a + b, 0);
const last = (list) => (list && list.length ? list[list.length - 1] : undefined);

async function showOverview() {
  const minutes = document.querySelector("input[name=minutes]:checked").value;
  const points = Math.max(20, Math.min(120, Math.floor(byID("main").clientWidth / 9)));
  const [past, stats, health, plugins] = await Promise.all([
    ask(`/history?minutes=${minutes}&points=${points}`), ask("/stats"), ask("/health"), ask("/plugins"),
  ]);
  showState(health);
  const s = past.series;
  const of = (name) => s[name] || [];
  const kinds = [
    { name: "exact", class: "exact", values: of("cache.hit_exact_bytes") }, { name: "same normal form", class: "normalized", values: of("cache.hit_normalized") },
    { name: "alike", class: "approx", values: of("cache.hit_approx") },
  ];
  const misses = { name: "miss", class: "miss", values: of("cache.bypass").map((_, i) => sum(Object.keys(missReasons).map((m) => of(m)[i]))) };
  const bypass = { name: "bypass", class: "bypass", values: of("cache.bypass") };
  showTiles(s, stats, kinds, misses);
  showCharts(past, kinds, misses, bypass);
  showMisses(s, stats);
  showPlugins(plugins.plugins, stats);
}

function showState(health) {
  const state = make("b", { class: health.status === "ready" ? "" : "down" }, health.status);
  byID("state").replaceChildren(`${health.model} `, state, ` · ${health.version} · up ${took(health.uptime_s * 1000)} · ${health.running} running`);
  const tenants = byID("why-tenant");
  const names = health.tenants || [];
  byID("why-tenant-line").hidden = names.length === 0;
  if (tenants.options.length !== names.length) tenants.replaceChildren(...names.map((n) => make("option", { value: n }, n)));
}

function showTiles(s, stats, kinds, misses) {
  const hits = sum(kinds.map((k) => sum(k.values)));
  const asked = hits + sum(misses.values);
  const tile = (name, value, small) => make("div", {}, make("dt", {}, name), make("dd", {}, value, make("small", {}, small)));
  byID("tiles").replaceChildren(
    tile("Hit rate", asked ? percent(hits / asked) : "–", `${whole(hits)} of ${whole(asked)} in this time`),
    tile("Time saved", took(sum(s["cache.saved_ms"])), `${took(stats["cache.saved_ms"] || 0)} in all`),
    tile("Entries", whole(stats["cache.size"] || 0), `${whole(stats["cache.remembered"] || 0)} stored, ${whole(stats["cache.evicted"] || 0)} evicted`),
    tile("Store", bytes(stats["cache.bytes"] || 0), "answers"),
    tile("Saved state", bytes(stats["kv.bytes"] || 0), stats["kv.enabled"] ? `of ${bytes(stats["kv.max_bytes"] || 0)}` : "off"),
    tile("Tokens restored", compact(sum(s["kv.restored_tokens"])), "and not read again"),
  );
}

function showCharts(past, kinds, misses, bypass) {
  const s = past.series;
  const times = past.times;
  const withSum = (list) => list.map((one) => ({ ...one, sum: sum(one.values) }));
  chart(byID("chart-requests"), { times, kind: "bars", format: compact, series: withSum([...kinds, misses, bypass]), label: "What the cache did with requests over time" });
  const rates = misses.values.map((m, i) => {
    const hits = sum(kinds.map((k) => k.values[i]));
    return hits + m ? hits / (hits + m) : null;
  });
  const hits = sum(kinds.map((k) => sum(k.values)));
  const asked = hits + sum(misses.values);
  chart(byID("chart-rate"), { times, kind: "lines", format: percent, top: 1, series: [{ name: "hits", class: "exact", values: rates, sum: asked ? hits / asked : null }], label: "Hit rate over time" });
  chart(byID("chart-saved"), { times, kind: "bars", format: took, series: withSum([{ name: "saved", class: "normalized", values: s["cache.saved_ms"] || [] }]), label: "Time saved over time" });
  const latency = (name, key, shade, dashed) => {
    const values = (s[key] || []).map((v) => v || null);
    return { name, class: shade, dashed, values, sum: last(values.filter((v) => v !== null)) };
  };
  chart(byID("chart-latency"), { times, kind: "lines", format: took, label: "Latency over time", series: [
    latency("stored, median", "stored_p50_ms", "exact", false), latency("stored, 99 %", "stored_p99_ms", "exact", true),
    latency("computed, median", "computed_p50_ms", "computed", false), latency("computed, 99 %", "computed_p99_ms", "computed", true),
  ] });
  const gauge = (name, key, shade) => ({ name, class: shade, values: s[key] || [], sum: last(s[key]) });
  chart(byID("chart-size"), { times, kind: "bars", format: bytes, nice: niceBytes, series: [gauge("answers", "cache.bytes", "exact"), gauge("saved state", "kv.bytes", "approx")], label: "Size on disk over time" });
}

const head = (...names) => make("thead", {}, make("tr", {}, ...names.map((n, i) => make("th", { scope: "col", class: i ? "number" : "" }, n))));

function showMisses(s, stats) {
  const rows = Object.entries(missReasons).map(([name, text]) => ({ text, now: sum(s[name]), all: stats[name] || 0 })).filter((r) => r.all > 0);
  rows.sort((a, b) => b.now - a.now || b.all - a.all);
  const line = (r) => make("tr", {}, make("td", {}, r.text), make("td", { class: "number" }, whole(r.now)), make("td", { class: "number" }, whole(r.all)));
  const empty = make("p", { class: "hint" }, "There were none.");
  byID("misses").replaceChildren(rows.length ? make("table", {}, head("reason", "in this time", "in all"), make("tbody", {}, ...rows.map(line))) : empty);
}

function showPlugins(plugins, stats) {
  const line = (p) => {
    const count = (what) => stats[`plugin.${p.name}.${what}`] || 0;
    const calls = count("calls");
    const state = p.failure ? make("span", { class: "badge bad" }, p.failure) : p.manifest ? make("span", { class: "hint" }, (p.manifest.roles || []).join(", ")) : make("span", { class: "hint" }, "not needed yet");
    return make("tr", {}, make("td", {}, p.name, " ", state), make("td", { class: "number" }, whole(calls)), make("td", { class: "number" }, whole(count("failures"))), make("td", { class: "number" }, calls ? took(count("ms") / calls) : "–"));
  };
  const empty = make("p", { class: "hint" }, "The configuration names none; those that come with kvasir are not listed.");
  byID("plugins").replaceChildren(plugins.length ? make("table", {}, head("name", "calls", "failures", "a call"), make("tbody", {}, ...plugins.map(line))) : empty);
}

// --- entries ---

let nextEntry = "";

async function showEntries(more) {
  const text = byID("search").value.trim();
  const query = new URLSearchParams({ limit: "25" });
  if (text) query.set("search", text);
  if (more && nextEntry) query.set("from", nextEntry);
  const page = await ask("/entries?" + query);
  const items = page.entries.map(entryItem);
  if (more) byID("entries").append(...items);
  else byID("entries").replaceChildren(...items);
  nextEntry = page.next;
  byID("more").hidden = !nextEntry;
  const shown = byID("entries").children.length;
  const rest = nextEntry ? " so far, oldest first. There are more." : ", oldest first.";
  byID("entries-note").textContent = shown ? whole(shown) + (shown === 1 ? " entry" : " entries") + rest : nextEntry ? "None so far; there are more to look through." : "There are none.";
}

function entryItem(e) {
  const item = make("li", { class: "entry" });
  const pairs = [
    ["id", e.id], ["stored", moment(e.created)], ["expires", moment(e.expires) || "never"], ["used", `${e.uses} times` + (e.last_use ? `, last ${moment(e.last_use)}` : "")],
    ["cost", took(e.cost_ns / 1e6)], ["tokens", `${e.usage.prompt_tokens} + ${e.usage.completion_tokens}`], ["topic", e.topic], ["tags", (e.tags || []).join(", ")],
    ["messages", e.messages > 1 ? e.messages : ""], ["system", e.system],
  ].filter(([, v]) => v);
  const remove = make("button", { type: "button", class: "quiet" }, "Remove");
  remove.addEventListener("click", () => {
    if (remove.textContent === "Remove") {
      remove.textContent = "Really remove?";
      return;
    }
    showing(async () => {
      await ask("/entries/" + encodeURIComponent(e.id), { method: "DELETE" });
      item.remove();
      byID("entries-note").textContent = `Entry ${e.id} is removed.`;
      byID("search").focus();
    });
  });
  remove.addEventListener("blur", () => { remove.textContent = "Remove"; });
  const explain = make("button", { type: "button", class: "quiet" }, "Why");
  explain.addEventListener("click", () => {
    byID("why-prompt").value = e.prompt;
    byID("why-system").value = e.system || "";
    location.hash = "#why";
  });
  item.append(make("details", {},
    make("summary", {}, make("span", { class: "prompt" }, firstLine(e.prompt)), make("span", { class: "about" }, `${firstLine(e.answer)}`)),
    make("div", { class: "body" }, make("h3", {}, "Prompt"), make("pre", { tabIndex: 0 }, e.prompt), make("h3", {}, "Answer"), make("pre", { tabIndex: 0 }, e.answer),
      make("dl", {}, ...pairs.flatMap(([k, v]) => [make("dt", {}, k), make("dd", {}, String(v))])), make("div", { class: "actions" }, explain, remove))));
  return item;
}

function firstLine(text) {
  const line = text.trim().split("\n", 1)[0];
  return line.length > 140 ? line.slice(0, 140) + "…" : line || "(empty)";
}

// --- why ---

async function explain() {
  const messages = [{ role: "user", content: byID("why-prompt").value }];
  if (byID("why-system").value) messages.unshift({ role: "system", content: byID("why-system").value });
  const body = { messages };
  const strategy = byID("why-strategy").value.trim();
  if (strategy) body.kvasir = { strategy };
  const tenant = byID("why-tenant").value;
  const why = await ask("/why" + (tenant ? "?" + new URLSearchParams({ tenant }) : ""), { method: "POST", body: JSON.stringify(body) });
  const facts = [["Normal form", why.form], ["Strategy", why.strategy], ["Search", why.search], ["Limits", (why.limits || []).join("; ")]].filter(([, v]) => v);
  const parts = [make("section", { class: "card near" }, make("p", { class: "verdict" }, why.verdict),
    make("dl", { class: "aligned" }, ...facts.flatMap(([k, v]) => [make("dt", {}, k), make("dd", {}, v)])))];
  if (why.exact) parts.push(nearCard(why.exact, why.prompt, "Exactly this request"));
  for (const n of why.nearest || []) parts.push(nearCard(n, why.prompt, "Alike"));
  if (!why.exact && !(why.nearest || []).length) parts.push(make("p", { class: "hint" }, "Nothing alike is stored for this model, tenant, conversation and these parameters."));
  byID("why-result").replaceChildren(...parts);
}

function nearCard(n, prompt, title) {
  const [query, stored] = aligned(prompt, n.prompt, (n.guard && n.guard.differences) || []);
  const scores = (n.scores || []).map((s) => `${s.scorer} ${s.score.toFixed(3)}`).join(", ");
  const badge = n.serves ? make("span", { class: "badge yes" }, "serves as " + n.kind) : make("span", { class: "badge no" }, "does not serve");
  return make("section", { class: "card near" },
    make("div", { class: "top" }, make("h3", {}, `${title}: entry ${n.id}`), badge, make("span", { class: "hint" }, `score ${n.score.toFixed(3)}` + (scores ? ` (${scores})` : ""))),
    make("p", {}, n.reason),
    make("dl", { class: "aligned" }, make("dt", {}, "asked"), query, make("dt", {}, "stored"), stored, make("dt", {}, "answer"), make("dd", {}, firstLine(n.answer))),
    differenceList((n.guard && n.guard.differences) || []));
}

function differenceList(differences) {
  if (!differences.length) return null;
  return make("ul", { class: "differences" }, ...differences.map((d) => make("li", {}, `${d.type}: “${d.query.trim()}” / “${d.candidate.trim()}” ${d.allowed ? "does not matter" : "matters"}`)));
}

// aligned marks where two texts differ. Places are in bytes of UTF-8.
function aligned(query, stored, differences) {
  const mark = (text, places) => {
    const raw = new TextEncoder().encode(text);
    const decode = (from, to) => new TextDecoder().decode(raw.subarray(from, to));
    const parts = [];
    let at = 0;
    for (const [from, to, allowed] of places.sort((a, b) => a[0] - b[0])) {
      if (from < at || to <= from || to > raw.length) continue;
      parts.push(decode(at, from), make("mark", { class: allowed ? "allowed" : "" }, decode(from, to)));
      at = to;
    }
    return make("dd", {}, ...parts, decode(at));
  };
  return [mark(query, differences.map((d) => [d.at[0], d.at[1], d.allowed])), mark(stored, differences.map((d) => [d.at[2], d.at[3], d.allowed]))];
}

// --- views, signing in and out ---

const views = ["overview", "entries", "why"];
const current = () => (views.includes(location.hash.slice(1)) ? location.hash.slice(1) : "overview");

function showView() {
  if (location.hash === "#main") return; // the link that skips the header
  const name = current();
  for (const v of views) byID("view-" + v).hidden = v !== name;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.hash === "#" + name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (name === "overview") showing(showOverview);
  if (name === "entries") showing(() => showEntries(false));
  if (name === "why") {
    showing(async () => {
      showState(await ask("/health"));
      if (byID("why-prompt").value && byID("why-result").childElementCount === 0) await explain();
    });
    byID("why-prompt").focus();
  }
}

const refreshEvery = 10000; // milliseconds
const readsChart = () => document.querySelector(".chart svg:hover, .chart svg:focus") !== null;
setInterval(() => {
  if (token && !document.hidden && current() === "overview" && !readsChart()) showing(showOverview);
}, refreshEvery);

function signIn() {
  byID("login").hidden = true;
  byID("app").hidden = false;
  showView();
}

function signOut(reason) {
  token = "";
  sessionStorage.removeItem(tokenName);
  byID("app").hidden = true;
  byID("login").hidden = false;
  byID("login-error").textContent = reason || "";
  byID("why-result").replaceChildren();
  byID("entries").replaceChildren();
  byID("token").focus();
  byID("token").select();
}

byID("login-form").addEventListener("submit", async (e) => {
  e.preventDefault();
  token = byID("token").value.trim();
  try {
    await ask("/health");
  } catch (problem) {
    signOut(problem.message);
    return;
  }
  sessionStorage.setItem(tokenName, token);
  byID("token").value = "";
  byID("login-error").textContent = "";
  signIn();
});
byID("sign-out").addEventListener("click", () => signOut(""));
byID("search-form").addEventListener("submit", (e) => { e.preventDefault(); showing(() => showEntries(false)); });
byID("more").addEventListener("click", () => showing(() => showEntries(true)));
byID("why-form").addEventListener("submit", (e) => { e.preventDefault(); showing(explain); });
for (const radio of document.querySelectorAll("input[name=minutes]")) radio.addEventListener("change", () => showing(showOverview));
window.addEventListener("hashchange", showView);
let resized;
window.addEventListener("resize", () => {
  clearTimeout(resized);
  resized = setTimeout(() => { if (token && current() === "overview") showing(showOverview); }, 200);
});

if (token) signIn();
else signOut("");
