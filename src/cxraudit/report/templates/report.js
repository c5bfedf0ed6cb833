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
    rows.forEach(row => { const text = row.textContent.toLowerCase(); row.hidden = !wanted.every(word => text.includes(word)); });
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
// A link into a folded part opens it.
function reveal() {
  let target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  for (let one = target; one; one = one.parentElement) if (one.tagName === "DETAILS") one.open = true;
  if (target) target.scrollIntoView();
}
addEventListener("hashchange", reveal);
if (matchMedia("(min-width:1400px)").matches) document.querySelector(".contents details").open = true;
reveal();
