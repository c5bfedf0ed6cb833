"use strict";
// Sorting, filtering and saving of tables; without it the page shows the same.
const cells = row => [...row.cells].map(cell => cell.textContent.trim());
const numeric = text => { const found = text.replaceAll("\u2212", "-").replaceAll(",", "").match(/^[<+]?\s*([-+]?\d*\.?\d+)/); return found ? Number(found[1]) : NaN; };
const collator = new Intl.Collator("en", { numeric: true });
function compare(a, b) {
  const [x, y] = [numeric(a), numeric(b)];
  if (Number.isNaN(x) !== Number.isNaN(y)) return Number.isNaN(x) ? 1 : -1;
  return Number.isNaN(x) ? collator.compare(a, b) : x - y || collator.compare(a, b);
}
function button(text, act) {
  const made = document.createElement("button");
  made.type = "button"; made.textContent = text; made.addEventListener("click", act);
  return made;
}
// What is hidden for one reason stays hidden when another ends.
const reasons = new WeakMap();
function hide(element, reason, on) {
  const own = reasons.get(element) || new Set();
  on ? own.add(reason) : own.delete(reason);
  reasons.set(element, own);
  element.hidden = own.size > 0;
}
const KEYS = ["finding", "attribute", "verdict"];
const FILTERED = "table.data tbody tr, .forest tbody tr:not(.part), table.verdicts tbody tr";
function wanted(element, chosen) {
  return KEYS.every(key => {
    if (!chosen[key]) return true;
    const own = element.closest(`[data-${key}]`);
    if (own) return own.dataset[key] === chosen[key];
    const inside = [...element.querySelectorAll(`[data-${key}]`)];
    return !inside.length || inside.some(one => one.dataset[key] === chosen[key]);
  });
}
function filterBar() {
  for (const key of KEYS) for (const table of document.querySelectorAll(`table[data-${key}-column]`)) {
    const place = Number(table.dataset[`${key}Column`]);
    for (const row of table.tBodies[0].rows) { const value = row.cells[place].textContent.trim(); if (value) row.dataset[key] = value; }
  }
  const rows = [...document.querySelectorAll(FILTERED)], bar = document.createElement("div"), count = document.createElement("span");
  const selects = KEYS.map(key => {
    const label = document.createElement("label"), select = document.createElement("select");
    const values = new Set([...document.querySelectorAll(`[data-${key}]`)].map(one => one.dataset[key]));
    select.append(new Option("all", ""), ...[...values].sort(collator.compare).map(value => new Option(value.length > 40 ? value.slice(0, 39) + "\u2026" : value, value)));
    select.addEventListener("change", apply);
    label.append(key[0].toUpperCase() + key.slice(1) + " ", select);
    bar.append(label);
    return select;
  });
  function apply() {
    const chosen = Object.fromEntries(KEYS.map((key, place) => [key, selects[place].value]));
    rows.forEach(row => hide(row, "page", !wanted(row, chosen)));
    document.querySelectorAll(".forest tbody").forEach(part => hide(part, "page", ![...part.rows].some(row => !row.hidden && !row.classList.contains("part"))));
    document.querySelectorAll(".plane[data-finding]").forEach(plane => hide(plane, "page", !wanted(plane, { finding: chosen.finding })));
    for (const chart of document.querySelectorAll(".chart")) {
      const parts = [...chart.querySelectorAll(".forest tbody, .plane, .flow")];
      hide(chart.closest("figure"), "page", !wanted(chart, { attribute: chosen.attribute }) || parts.every(part => part.hidden));
    }
    document.querySelectorAll("table.verdicts [data-attribute]").forEach(cell => hide(cell, "page", !wanted(cell, { attribute: chosen.attribute })));
    document.querySelectorAll(".wide[data-attribute]").forEach(table => hide(table, "page", !wanted(table, { attribute: chosen.attribute })));
    count.textContent = `${rows.filter(row => !row.hidden && !row.closest("[hidden]")).length} of ${rows.length} rows`;
  }
  count.setAttribute("role", "status"); bar.className = "tools filter"; bar.setAttribute("role", "group"); bar.setAttribute("aria-label", "Show");
  bar.append(button("Show all", () => { selects.forEach(select => { select.value = ""; }); apply(); }), count);
  document.querySelector("main").prepend(bar);
}
function sortable(table) {
  const heads = [...table.tHead.rows[0].cells], body = table.tBodies[0];
  heads.forEach((head, place) => {
    const text = head.textContent;
    head.textContent = "";
    head.append(button(text, () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      heads.forEach(other => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const rows = [...body.rows].sort((a, b) => compare(cells(a)[place], cells(b)[place]));
      body.append(...(down ? rows.reverse() : rows));
    }));
  });
}
const quoted = text => `"${(/^[=+@\t\r-]/.test(text) && Number.isNaN(Number(text)) ? "'" + text : text).replaceAll('"', '""')}"`;
function save(table, name) {
  const head = [...table.tHead.rows[0].cells].map(cell => cell.textContent.trim());
  const rows = [...table.tBodies[0].rows].filter(row => !row.hidden).map(cells);
  const text = [head, ...rows].map(row => row.map(quoted).join(",")).join("\r\n");
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob(["\ufeff", text], { type: "text/csv" }));
  link.download = `${name.replace(/[^\w-]+/g, "-").slice(0, 80) || "table"}.csv`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
function tools(table) {
  const name = table.caption ? table.caption.textContent : "table", rows = [...table.tBodies[0].rows];
  const bar = document.createElement("div"), label = document.createElement("label");
  const words = document.createElement("input"), count = document.createElement("span");
  bar.className = "tools"; words.type = "search"; count.setAttribute("role", "status");
  label.append("Show rows with ", words);
  words.addEventListener("input", () => {
    const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    rows.forEach(row => { const text = row.textContent.toLowerCase(); hide(row, "words", !wanted.every(word => text.includes(word))); });
    count.textContent = `${rows.filter(row => !row.hidden).length} of ${rows.length} rows`;
  });
  bar.append(label, button("Save rows as CSV", () => save(table, name)), count);
  table.before(bar);
}
for (const table of document.querySelectorAll("table.data")) {
  if (!table.tHead || !table.tBodies[0] || table.tBodies[0].rows.length < 3) continue;
  sortable(table);
  if (table.tBodies[0].rows.length > 8) tools(table);
}
filterBar();
// A link into a folded part opens it.
function reveal() {
  let target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  for (let one = target; one; one = one.parentElement) if (one.tagName === "DETAILS") one.open = true;
  if (target) target.scrollIntoView();
}
addEventListener("hashchange", reveal);
if (matchMedia("(min-width:1400px)").matches) document.querySelector(".contents details").open = true;
reveal();
