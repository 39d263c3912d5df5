#pragma once

#include <string_view>

namespace larder::serve {

/// The page for people: whole in itself, it asks `/status.json` once a second and draws what it says.
inline constexpr std::string_view status_page = R"html(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>larder</title>
<style>
:root{--ground:#f5f4f0;--card:#fff;--line:#e4e1d9;--ink:#23211d;--soft:#6f6a60;--green:#2d8659;--blue:#2f6fb5;--amber:#c47f17;--red:#bf4030;--track:#eceae4;--shade:0 1px 2px #0000000d,0 4px 16px #0000000a}
@media (prefers-color-scheme:dark){:root{--ground:#141517;--card:#1d1f22;--line:#2d3034;--ink:#eceae5;--soft:#9a968d;--green:#5fc492;--blue:#6ba8ea;--amber:#e5ab4d;--red:#ee7c6b;--track:#2a2d31;--shade:none}}
*{box-sizing:border-box;margin:0}
body{background:var(--ground);color:var(--ink);font:15px/1.45 system-ui,"Segoe UI",Roboto,"Helvetica Neue",sans-serif;font-variant-numeric:tabular-nums}
main{max-width:1120px;margin:0 auto;padding:28px 20px 40px;display:grid;gap:16px}
header{display:flex;align-items:center;gap:12px;flex-wrap:wrap}
h1{font-size:22px;font-weight:650;letter-spacing:-.01em}
header svg{width:30px;height:30px}
#state{display:flex;align-items:center;gap:8px;color:var(--soft);margin-left:auto}
#state i{width:9px;height:9px;border-radius:50%;background:var(--green)}
#state.lost i{background:var(--red)}
.card{background:var(--card);border:1px solid var(--line);border-radius:14px;padding:18px 20px;box-shadow:var(--shade);min-width:0}
.tiles{display:grid;grid-template-columns:repeat(4,1fr);gap:16px}
.tile p:first-child,h2{font-size:13px;font-weight:550;color:var(--soft)}
.tile b{display:block;font-size:34px;line-height:1.15;font-weight:650;letter-spacing:-.02em;margin:4px 0 2px;white-space:nowrap}
.tile b span{font-size:17px;font-weight:550;color:var(--soft);letter-spacing:0;margin-left:4px}
.tile p:last-child{font-size:13px;color:var(--soft)}
.pair{display:grid;grid-template-columns:1fr 1fr;gap:16px}
.top{display:flex;justify-content:space-between;align-items:baseline;gap:10px;margin-bottom:10px}
.top span{font-size:13px;color:var(--soft);white-space:nowrap}
svg.plot{display:block;width:100%;height:150px;overflow:visible}
svg.plot text{font-size:11px;fill:var(--soft)}
svg.plot .grid{stroke:var(--line);stroke-width:1}
.bar{display:flex;height:26px;border-radius:8px;background:var(--track);overflow:hidden}
.bar i{display:block;height:100%;transition:width .5s}
.key{display:flex;flex-wrap:wrap;gap:6px 22px;margin-top:12px;font-size:13px;color:var(--soft)}
.key i{display:inline-block;width:10px;height:10px;border-radius:3px;margin-right:7px}
.key b{color:var(--ink);font-weight:600}
table{width:100%;border-collapse:collapse;font-size:14px}
td,th{padding:6px 0;text-align:right;border-top:1px solid var(--line);white-space:nowrap}
th{font-weight:550;font-size:12px;color:var(--soft);border-top:0;padding-top:0}
td:first-child,th:first-child{text-align:left;max-width:0;width:62%;overflow:hidden;text-overflow:ellipsis}
td:first-child{font:13px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;position:relative}
td:first-child i{position:absolute;left:0;bottom:3px;height:2px;border-radius:1px;background:var(--blue);opacity:.65}
td+td,th+th{padding-left:14px}
dl{display:grid;grid-template-columns:1fr auto;gap:0;font-size:14px}
dt,dd{padding:6px 0;border-top:1px solid var(--line)}
dt:first-of-type,dd:first-of-type{border-top:0;padding-top:0}
dt{color:var(--soft)}
dd{text-align:right;font-weight:600}
dd.bad{color:var(--red)}
.empty{color:var(--soft);padding:18px 0}
@media (max-width:820px){.tiles{grid-template-columns:1fr 1fr}.pair{grid-template-columns:1fr}.tile b{font-size:28px}}
</style>
</head>
<body>
<main>
<header>
<svg viewBox="0 0 32 32" fill="none" stroke="var(--green)" stroke-width="2.4" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true"><rect x="4" y="3" width="24" height="26" rx="4"/><path d="M4 12h24M4 21h24M10 12V8M15 12V7M21 21v-4M16 21v-5M10 29v-3.500"/></svg>
<h1>larder</h1>
<div id="state" role="status"><i></i><span>connecting</span></div>
</header>
<section class="tiles">
<div class="card tile"><p>Hit rate, last minute</p><b id="rate">–</b><p id="rate-all">&nbsp;</p></div>
<div class="card tile"><p>Throughput</p><b id="speed">–</b><p id="speed-all">&nbsp;</p></div>
<div class="card tile"><p>Requests</p><b id="asked">–</b><p id="asked-all">&nbsp;</p></div>
<div class="card tile"><p>Clients</p><b id="clients">–</b><p id="clients-all">&nbsp;</p></div>
</section>
<section class="pair">
<div class="card"><div class="top"><h2>Hit rate</h2><span>last 5 minutes</span></div><svg class="plot" id="plot-rate" role="img" aria-label="Hit rate over the last five minutes"></svg></div>
<div class="card"><div class="top"><h2>Throughput</h2><span id="peak"></span></div><svg class="plot" id="plot-speed" role="img" aria-label="Bytes sent per second over the last five minutes"></svg></div>
</section>
<section class="card"><div class="top"><h2>Memory</h2><span id="memory-all"></span></div><div class="bar" id="memory"></div><div class="key" id="memory-key"></div></section>
<section class="pair">
<div class="card"><div class="top"><h2>Most used chunks in memory</h2></div><div id="chunks"></div></div>
<div class="card"><div class="top"><h2>Since the start</h2></div><dl id="totals"></dl></div>
</section>
</main>
<script>
'use strict';
const at = id => document.getElementById(id);
const colour = name => 'var(--' + name + ')';
const seen = 300;
function size(n, per) {
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
  let i = 0;
  while (n >= 999.5 && i < 5) { n /= 1000; ++i; }
  return [i === 0 || n >= 99.5 ? n.toFixed(0) : n >= 9.95 ? n.toFixed(1) : n.toFixed(2), units[i] + (per || '')];
}
const sized = n => size(n).join(' ');
const counted = n => n >= 1e9 ? (n / 1e9).toFixed(2) + ' G' : n >= 1e6 ? (n / 1e6).toFixed(2) + ' M' : Math.round(n).toLocaleString('en');
const share = (a, b) => b ? 100 * a / b : 0;
const percent = p => p >= 99.95 ? '100' : p.toFixed(1);
function span(s) {
  const d = Math.floor(s / 86400), h = Math.floor(s / 3600) % 24, m = Math.floor(s / 60) % 60;
  return d ? d + ' d ' + h + ' h' : h ? h + ' h ' + m + ' min' : m ? m + ' min ' + Math.floor(s % 60) + ' s' : Math.floor(s) + ' s';
}
function make(tag, text, attributes) {
  const e = document.createElement(tag);
  if (text !== undefined) e.textContent = text;
  for (const name in attributes) e[name] = attributes[name];
  return e;
}
function big(id, number, unit) { at(id).replaceChildren(number, make('span', unit)); }
function drawn(tag, attributes, text) {
  const e = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const name in attributes) e.setAttribute(name, attributes[name]);
  if (text !== undefined) e.textContent = text;
  return e;
}
// values: one for each of the last seconds, null where there is nothing to show.
function plot(id, values, top, label, ink) {
  const svg = at(id), w = svg.clientWidth || 500, h = 150, left = 58, below = 20, parts = [];
  const x = i => left + (w - left - 4) * (i + seen - values.length) / (seen - 1);
  const y = v => 6 + (h - below - 6) * (1 - v / top);
  for (const f of [0, .5, 1]) {
    parts.push(drawn('line', {class: 'grid', x1: left, x2: w, y1: y(f * top), y2: y(f * top)}));
    parts.push(drawn('text', {x: left - 8, y: y(f * top) + 4, 'text-anchor': 'end'}, label(f * top)));
  }
  for (const m of [5, 4, 3, 2, 1]) parts.push(drawn('text', {x: x(values.length - 1 - m * 60), y: h - 3, 'text-anchor': 'middle'}, '−' + m + ' min'));
  parts.push(drawn('text', {x: w - 2, y: h - 3, 'text-anchor': 'end'}, 'now'));
  let run = [];
  const close = () => {
    if (run.length) {
      const line = run.map(([i, v]) => x(i).toFixed(1) + ' ' + y(v).toFixed(1)).join('L');
      parts.push(drawn('path', {d: 'M' + x(run[0][0]).toFixed(1) + ' ' + y(0) + 'L' + line + 'L' + x(run[run.length - 1][0]).toFixed(1) + ' ' + y(0) + 'Z', fill: ink, opacity: .14}));
      parts.push(drawn('path', {d: 'M' + line + (run.length === 1 ? 'l.1 0' : ''), fill: 'none', stroke: ink, 'stroke-width': 2, 'stroke-linejoin': 'round', 'stroke-linecap': 'round'}));
    }
    run = [];
  };
  values.forEach((v, i) => v === null ? close() : run.push([i, v]));
  close();
  svg.setAttribute('viewBox', '0 0 ' + w + ' ' + h);
  svg.replaceChildren(...parts);
}
// A number with one digit that is not zero, so that the scale stays while the values wander.
function round(n) {
  const p = Math.pow(10, Math.floor(Math.log10(n)));
  for (const f of [1, 2, 5, 10]) if (f * p >= n) return f * p;
  return 10 * p;
}
function rates(seconds) {
  return seconds.map((s, i) => {
    let hits = 0, all = 0;
    for (let k = Math.max(0, i - 4); k <= i; ++k) { hits += seconds[k][0]; all += seconds[k][0] + seconds[k][1]; }
    return all ? share(hits, all) : null;
  });
}
function show(s) {
  const minute = s.seconds.slice(-60), recent = s.seconds.slice(-3);
  const sum = (list, i) => list.reduce((a, x) => a + x[i], 0);
  const hits = sum(minute, 0), looked = hits + sum(minute, 1);
  looked ? big('rate', percent(share(hits, looked)), '%') : big('rate', '–', '');
  at('rate-all').textContent = s.hits + s.misses ? percent(share(s.hits, s.hits + s.misses)) + ' % since the start' : 'nothing asked yet';
  big('speed', ...size(recent.length ? sum(recent, 3) / recent.length : 0, '/s'));
  at('speed-all').textContent = sized(s.sent_bytes) + ' sent in all';
  big('asked', counted(recent.length ? sum(recent, 2) / recent.length : 0), '/s');
  at('asked-all').textContent = counted(s.requests) + ' in all';
  big('clients', counted(s.connections), 'connected');
  at('clients-all').textContent = 'of ' + counted(s.max_connections) + ' at most';
  plot('plot-rate', rates(s.seconds), 100, v => v + ' %', colour('green'));
  const sent = s.seconds.map(x => x[3]), most = Math.max(...sent, 0);
  plot('plot-speed', sent, most ? round(most) : 1e6, v => v ? sized(v).replace('.00', '') + '/s' : '0', colour('blue'));
  at('peak').textContent = most ? 'peak ' + sized(most) + '/s' : '';
  const filling = Math.max(0, s.memory_bytes - s.cached_bytes - s.pinned_bytes), whole = Math.max(s.capacity_bytes, s.memory_bytes, 1);
  const parts = [['cached', s.cached_bytes, 'green'], ['being filled', filling, 'blue'], ['held by slow readers', s.pinned_bytes, 'amber']];
  const bar = at('memory');
  if (bar.children.length !== parts.length) bar.replaceChildren(...parts.map(p => make('i')));
  parts.forEach((p, i) => { bar.children[i].style.cssText = 'width:' + share(p[1], whole) + '%;background:' + colour(p[2]); });
  at('memory-all').textContent = sized(s.memory_bytes) + ' of ' + sized(s.capacity_bytes);
  at('memory-key').replaceChildren(...[...parts, ['free', Math.max(0, s.capacity_bytes - s.memory_bytes), 'track']].map(p => {
    const e = make('span'), i = make('i');
    i.style.background = colour(p[2]);
    e.append(i, p[0] + ' ', make('b', sized(p[1])));
    return e;
  }));
  if (s.chunks.length) {
    const table = make('table'), head = make('tr'), top = Math.max(...s.chunks.map(c => c.uses), 1);
    head.append(make('th', 'name'), make('th', 'size'), make('th', 'uses'));
    table.append(head, ...s.chunks.map(c => {
      const row = make('tr'), name = make('td', c.name, {title: c.name}), i = make('i');
      i.style.width = share(c.uses, top) + '%';
      name.append(i);
      row.append(name, make('td', sized(c.bytes)), make('td', counted(c.uses)));
      return row;
    }));
    at('chunks').replaceChildren(table);
  } else {
    at('chunks').replaceChildren(make('p', 'No chunk is in memory yet. The first one comes with the first request.', {className: 'empty'}));
  }
  const facts = [['chunks in memory', s.entries], ['evictions', s.evictions], ['fills', s.loads], ['requests that shared a fill', s.joined],
    ['fills from the shared tier', s.tier_hits], ['fills from the directory', s.store_reads], ['too large to keep', s.bypassed], ['connections', s.accepted],
    ['turned away', s.turned_away, 1], ['timed out', s.timed_out], ['cut off for not reading', s.too_slow, 1], ['damaged chunks', s.damaged, 1], ['answers cut', s.cut, 1]];
  at('totals').replaceChildren(...facts.flatMap(f => [make('dt', f[0]), make('dd', counted(f[1]), {className: f[2] && f[1] ? 'bad' : ''})]));
  at('state').className = '';
  at('state').lastChild.textContent = 'up ' + span(s.uptime_seconds) + ' · ' + s.version;
  document.title = (looked ? percent(share(hits, looked)) + ' % · ' : '') + 'larder';
}
async function ask() {
  try {
    const answer = await fetch('status.json', {cache: 'no-store'});
    if (!answer.ok) throw new Error(answer.status);
    show(await answer.json());
  } catch (failure) {
    at('state').className = 'lost';
    at('state').lastChild.textContent = 'no answer from the server';
  }
  setTimeout(ask, document.hidden ? 5000 : 1000);
}
ask();
</script>
</body>
</html>
)html";

}  // namespace larder::serve
