// Heads of tables become buttons that sort the rows below them: upwards, downwards, and as they were.
(() => {
  const NUMBER = /[-−+]?\d[\d,  ]*(?:\.\d+)?(?:e[-+]?\d+)?/i;

  /** What a cell is sorted by: its first number; null for an empty one. */
  function key(cell) {
    const text = (cell ? cell.dataset.sort ?? cell.textContent : "").trim();
    if (!text || /^([-–—]|not run|nan|unknown)/i.test(text) && !/\d/.test(text)) return null;
    const found = text.match(NUMBER);
    // A name that holds a number is a name.
    if (found && text.search(NUMBER) === 0) return Number(found[0].replace("−", "-").replace(/[,  ]/g, ""));
    return text.toLowerCase();
  }

  function compare(a, b) {
    if (typeof a === "number" && typeof b === "number") return a - b;
    return String(a).localeCompare(String(b), "en", { numeric: true });
  }

  /** The cell of each column in the last row of the head that reaches it; null below a cell that spans several. */
  function leaves(head) {
    const grid = [];
    [...head.rows].forEach((row, r) => {
      grid[r] = grid[r] || [];
      let at = 0;
      for (const cell of row.cells) {
        while (grid[r][at]) at += 1;
        for (let down = 0; down < cell.rowSpan; down += 1) {
          grid[r + down] = grid[r + down] || [];
          for (let along = 0; along < cell.colSpan; along += 1) grid[r + down][at + along] = cell;
        }
        at += cell.colSpan;
      }
    });
    const last = grid[head.rows.length - 1] || [];
    return last.map((cell, i) => (cell && last.indexOf(cell) === i && last.lastIndexOf(cell) === i ? cell : null));
  }

  for (const table of document.querySelectorAll("main table.sortable, main .part table")) {
    // Rows that span others would be torn apart.
    const spans = table.querySelector("tbody [rowspan]");
    if (!table.tHead || spans || [...table.tBodies].every((body) => body.rows.length < 3)) continue;
    const columns = leaves(table.tHead);
    const original = [...table.tBodies].map((body) => [...body.rows]);
    columns.forEach((head, column) => {
      if (!head || !head.textContent.trim()) return;
      const sorter = el("button", { type: "button", class: "sort" });
      sorter.append(...head.childNodes);
      head.append(sorter);
      head.setAttribute("aria-sort", "none");
      sorter.addEventListener("click", () => {
        const next = { none: "ascending", ascending: "descending", descending: "none" }[head.getAttribute("aria-sort")];
        for (const other of columns) if (other && other.hasAttribute("aria-sort")) other.setAttribute("aria-sort", "none");
        head.setAttribute("aria-sort", next);
        const turn = next === "descending" ? -1 : 1;
        [...table.tBodies].forEach((body, b) => {
          const title = original[b].filter((row) => row.classList.contains("group"));
          const rows = original[b].filter((row) => !title.includes(row)).map((row) => [key(row.cells[column]), row]);
          if (next !== "none") {
            // What is not known stands last either way.
            rows.sort(([a], [c]) => (a === null || c === null ? (a === null) - (c === null) : turn * compare(a, c)));
          }
          body.append(...title, ...rows.map(([, row]) => row));
        });
      });
    });
  }
})();
