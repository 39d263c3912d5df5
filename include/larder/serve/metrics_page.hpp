#pragma once

#include <string_view>

namespace larder::serve {

/// The page of a `metrics_server` for people: whole in itself, it asks `/status.json` once a second and draws what it says.
inline constexpr std::string_view metrics_page = R"html(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>larder</title>
<style>
:root{--ground:#f5f4f0;--card:#fff;--line:#e4e1d9;--ink:#23211d;--soft:#6f6a60;--green:#2d8659;--red:#bf4030;--track:#eceae4}
@media (prefers-color-scheme:dark){:root{--ground:#141517;--card:#1d1f22;--line:#2d3034;--ink:#eceae5;--soft:#9a968d;--green:#5fc492;--red:#ee7c6b;--track:#2a2d31}}
*{box-sizing:border-box;margin:0}
body{background:var(--ground);color:var(--ink);font:15px/1.45 system-ui,"Segoe UI",Roboto,"Helvetica Neue",sans-serif;font-variant-numeric:tabular-nums}
main{max-width:1120px;margin:0 auto;padding:28px 20px 40px;display:grid;gap:16px}
header{display:flex;align-items:baseline;gap:12px;flex-wrap:wrap}
h1{font-size:22px;font-weight:650}
h2{font-size:16px;font-weight:600;overflow-wrap:anywhere}
#state{color:var(--soft);margin-left:auto}
#state.lost{color:var(--red)}
.card{background:var(--card);border:1px solid var(--line);border-radius:14px;padding:18px 20px;min-width:0}
.top{display:flex;justify-content:space-between;gap:16px;align-items:center}
.tiles{display:flex;flex-wrap:wrap;gap:8px 32px;margin-top:10px}
.tiles p{font-size:13px;color:var(--soft)}
.tiles b{display:block;font-size:24px;line-height:1.2;font-weight:650;color:var(--ink);white-space:nowrap}
.bar{height:10px;border-radius:5px;background:var(--track);overflow:hidden;margin-top:12px}
.bar i{display:block;height:100%;background:var(--green)}
svg{width:240px;height:44px;flex:none}
details{margin-top:12px;font-size:14px}
summary{color:var(--soft);cursor:pointer;font-size:13px}
dl{display:grid;grid-template-columns:1fr auto;margin-top:6px}
dt,dd{padding:3px 0;border-top:1px solid var(--line)}
dt{color:var(--soft);overflow-wrap:anywhere}
dd{text-align:right;padding-left:14px}
@media (max-width:640px){svg{width:120px}}
</style>
</head>
<body>
<main>
<header><h1>larder</h1><p id="state" role="status">connecting</p></header>
<section id="caches" style="display:grid;gap:16px"></section>
</main>
<script>
'use strict';
const at = id => document.getElementById(id);
const kept = new Map();
function make(tag, text, attributes) {
  const e = document.createElement(tag);
  if (text !== undefined) e.textContent = text;
  for (const name in attributes) e[name] = attributes[name];
  return e;
}
function counted(n) {
  const units = ['', ' k', ' M', ' G', ' T', ' P'];
  let i = 0;
  while (n >= 9999.5 && i < 5) { n /= 1000; ++i; }
  return (i === 0 ? (Number.isInteger(n) ? String(n) : n.toFixed(n < 10 ? 2 : 0)) : n.toFixed(1)) + units[i];
}
function spanned(s) { return s >= 1 ? s.toFixed(2) + ' s' : s >= 1e-3 ? (s * 1e3).toFixed(2) + ' ms' : s >= 1e-6 ? (s * 1e6).toFixed(1) + ' µs' : (s * 1e9).toFixed(0) + ' ns'; }
const percent = (a, b) => b ? (100 * a / b).toFixed(1) + ' %' : '–';
// What counts look-ups: tiers as a whole, a data set, or the cache itself.
const counts = c => c.tiers || c.cache || c.dataset || c.packages || c.resolution || {};
// What knows its room: the cache itself, or the slowest of its tiers that has a limit, as what leaves there is gone.
const tiersOf = c => Object.keys(c).filter(k => /^tier_[0-9]+$/.test(k)).map(k => c[k].cache || {});
const limited = b => b.capacity_bytes || b.capacity_entries;
const roomOf = c => c.cache || tiersOf(c).filter(limited).pop() || {};
const fullness = b => b.capacity_bytes ? b.weight / b.capacity_bytes : b.capacity_entries ? b.entries / b.capacity_entries : null;
function tile(name, text) { const p = make('p', name); p.prepend(make('b', text)); return p; }
function line(values) {
  const holder = document.createElement('div');
  holder.innerHTML = '<svg><path/></svg>';
  const svg = holder.firstChild, path = svg.firstChild;
  svg.setAttribute('viewBox', '0 0 120 44');
  svg.setAttribute('preserveAspectRatio', 'none');
  svg.setAttribute('role', 'img');
  svg.setAttribute('aria-label', 'hit rate of the last two minutes');
  let d = '', on = false;
  values.forEach((v, i) => {
    if (v === null) { on = false; return; }
    d += (on ? 'L' : 'M') + (120 - values.length + i) + ' ' + (42 - 40 * v).toFixed(1) + (on ? '' : 'l.1 0');
    on = true;
  });
  path.setAttribute('d', d || 'M0 0');
  path.setAttribute('fill', 'none');
  path.setAttribute('stroke', 'var(--green)');
  path.setAttribute('stroke-width', '1.5');
  path.setAttribute('vector-effect', 'non-scaling-stroke');
  svg.append(path);
  return svg;
}
function figures(of, before, into) {
  for (const name in of) {
    if (name === 'name') continue;
    if (of[name] !== null && typeof of[name] === 'object') figures(of[name], before + name + ' · ', into);
    else into.append(make('dt', before + name.replaceAll('_', ' ')), make('dd', typeof of[name] === 'number' ? name.endsWith('seconds') ? spanned(of[name]) : counted(of[name]) : String(of[name])));
  }
}
function show(s) {
  const now = performance.now() / 1000, names = new Set(), cards = [];
  for (const c of s.caches) {
    names.add(c.name);
    const n = counts(c), old = kept.get(c.name) || {line: [], open: false};
    const hits = n.hits || 0, looked = hits + (n.misses || n.made || 0);
    const seconds = old.at === undefined ? 0 : now - old.at, asked = seconds && looked >= old.looked ? looked - old.looked : 0;
    old.line.push(asked ? (hits - old.hits) / asked : null);
    if (old.line.length > 120) old.line.shift();
    const rate = asked ? percent(hits - old.hits, asked) : '–';
    const tiles = make('div', undefined, {className: 'tiles'}), body = roomOf(c);
    tiles.append(tile('hit rate now', rate), tile('since the start', percent(hits, looked)), tile('look-ups per second', seconds ? counted(asked / seconds) : '–'));
    const entries = n.entries === undefined ? body.entries : n.entries, evictions = n.evictions === undefined ? body.evictions : n.evictions;
    if (entries !== undefined) tiles.append(tile('entries', counted(entries)));
    if (evictions !== undefined) tiles.append(tile('evictions', counted(evictions)));
    if (c.latency && c.latency.get.count) tiles.append(tile('get, 99 %', spanned(c.latency.get.p99_seconds)));
    const failed = [c.cache || {}, ...tiersOf(c)].flatMap(b => Object.values(b.errors || {})).reduce((a, b) => a + b, 0);
    if (failed) tiles.append(tile('failures', counted(failed)));
    const card = make('article', undefined, {className: 'card'}), top = make('div', undefined, {className: 'top'});
    top.append(make('h2', c.name), line(old.line));
    card.append(top, tiles);
    const full = fullness(body);
    if (full !== null) {
      const bar = make('div', undefined, {className: 'bar', title: (100 * full).toFixed(1) + ' % full'}), i = make('i');
      i.style.width = Math.min(100, 100 * full) + '%';
      bar.append(i);
      card.append(bar);
    }
    const more = make('details', undefined, {open: old.open}), list = make('dl');
    figures(c, '', list);
    more.append(make('summary', 'all figures'), list);
    more.addEventListener('toggle', () => { const k = kept.get(c.name); if (k) k.open = more.open; });
    card.append(more);
    cards.push(card);
    kept.set(c.name, {line: old.line, open: old.open, hits, looked, at: now});
  }
  for (const name of kept.keys()) if (!names.has(name)) kept.delete(name);
  at('caches').replaceChildren(...(cards.length ? cards : [make('p', 'No cache is shown yet.')]));
  at('state').className = '';
  at('state').textContent = 'process ' + s.process + ' · up ' + Math.floor(s.uptime_seconds) + ' s · ' + s.version;
}
async function ask() {
  try {
    const answer = await fetch('status.json', {cache: 'no-store'});
    if (!answer.ok) throw new Error(answer.status);
    show(await answer.json());
  } catch (failure) {
    at('state').className = 'lost';
    at('state').textContent = 'no answer from the program';
  }
  setTimeout(ask, document.hidden ? 5000 : 1000);
}
ask();
</script>
</body>
</html>
)html";

}  // namespace larder::serve
