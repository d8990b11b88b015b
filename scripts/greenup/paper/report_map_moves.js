// The map of sites answers: drag, wheel, fingers, buttons, keys, and a table for who does not see it.
(() => {
  const source = document.getElementById("site-map-data");
  if (!source) return;
  const page = JSON.parse(source.textContent);
  const root = document.getElementById("site-map");
  const { state, view, svg, place, classOf, tell, draw, whole, show, zoomBy, select } = makeMap(page, root);
  const NEAR = 22; // pixels within which a site is met
  const KINDS = { land_cover: "land cover", biome: "biome", images: "images found" };

  // ------------------------------------------------------------------------------------- pointer and keyboard
  /** Map units of a point of the window. */
  function under(event) {
    const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg().getScreenCTM().inverse());
    return [point.x, point.y];
  }

  function nearest(event) {
    const [px, py] = under(event);
    const reach = NEAR / svg().getScreenCTM().a;
    let [best, least] = [null, reach * reach];
    state.set.sites.x.forEach((x, i) => {
      const apart = (x - px) ** 2 + (state.set.sites.y[i] - py) ** 2;
      if (apart < least) [best, least] = [i, apart];
    });
    return best;
  }

  /** The nearest site in a direction (dx, dy of the screen), or the one nearest to the middle when none is chosen. */
  function neighbour(dx, dy) {
    const { x, y } = state.set.sites;
    const [left, top, w, h] = state.box;
    const [fx, fy] = state.at === null ? [left + w / 2, top + h / 2] : [x[state.at], y[state.at]];
    let [best, least] = [state.at, Infinity];
    for (let i = 0; i < x.length; i += 1) {
      const [ox, oy] = [x[i] - fx, y[i] - fy];
      const along = ox * dx + oy * dy;
      const aside = Math.abs(ox * dy - oy * dx);
      if (state.at !== null && (i === state.at || along <= 0 || aside > along)) continue;
      const apart = state.at === null ? ox * ox + oy * oy : along + 2 * aside;
      if (apart < least) [best, least] = [i, apart];
    }
    return best;
  }

  const pointers = new Map();
  let moved = false;
  let spread = null;
  view.addEventListener("pointerdown", (event) => {
    pointers.set(event.pointerId, [event.clientX, event.clientY]);
    if (pointers.size === 1) moved = false;
    // Text of the page is not marked while the map is dragged.
    if (event.pointerType === "mouse") { event.preventDefault(); view.focus(); view.setPointerCapture(event.pointerId); }
  });
  view.addEventListener("pointermove", (event) => {
    const last = pointers.get(event.pointerId);
    if (!last) {
      if (!state.pinned) select(nearest(event));
      return;
    }
    pointers.set(event.pointerId, [event.clientX, event.clientY]);
    const scale = svg().getScreenCTM().a;
    if (pointers.size === 2) {
      moved = true;
      const [a, b] = [...pointers.values()];
      const apart = Math.hypot(a[0] - b[0], a[1] - b[1]);
      if (spread) zoomBy(apart / spread, ...under({ clientX: (a[0] + b[0]) / 2, clientY: (a[1] + b[1]) / 2 }));
      spread = apart;
    } else if (moved || Math.hypot(event.clientX - last[0], event.clientY - last[1]) > 3) {
      moved = true;
      const [left, top, w, h] = state.box;
      show([left - (event.clientX - last[0]) / scale, top - (event.clientY - last[1]) / scale, w, h]);
    } else pointers.set(event.pointerId, last);
  });
  view.addEventListener("pointerup", (event) => {
    pointers.delete(event.pointerId);
    spread = null;
    if (moved || pointers.size) return;
    const hit = nearest(event);
    state.pinned = hit !== null;
    select(hit, { speaks: true });
  });
  view.addEventListener("pointercancel", (event) => { pointers.delete(event.pointerId); spread = null; moved = true; });
  view.addEventListener("pointerleave", () => { if (!state.pinned && !pointers.size) select(null); });
  // The page scrolls by the wheel as everywhere, until the map has the focus.
  view.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey && document.activeElement !== view) return;
    event.preventDefault();
    zoomBy(Math.exp(-event.deltaY / 400), ...under(event));
  }, { passive: false });

  const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  view.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const [left, top, w, h] = state.box;
    const arrow = ARROWS[event.key];
    if (arrow && event.shiftKey) show([left + arrow[0] * w / 5, top + arrow[1] * h / 5, w, h]);
    else if (arrow) { state.pinned = true; select(neighbour(...arrow), { follow: true, speaks: true }); }
    else if (event.key === "+" || event.key === "=") focusZoom(1.6);
    else if (event.key === "-") focusZoom(1 / 1.6);
    else if (event.key === "0") show(whole());
    else if (event.key === "Escape" && state.at !== null) { state.pinned = false; select(null); }
    else return;
    event.preventDefault();
  });

  /** Zoom about the chosen site where there is one. */
  function focusZoom(factor) {
    if (state.at === null) zoomBy(factor);
    else zoomBy(factor, state.set.sites.x[state.at], state.set.sites.y[state.at]);
  }

  // ------------------------------------------------------------------------------------------- controls, table
  const choice = (id) => document.getElementById(id);
  const body = choice("map-table").tBodies[0];
  const turning = choice("map-turning");
  const ROWS = 20;
  let first = 0;

  function list() {
    const { sites, seasons, images } = state.set;
    const wanted = choice("map-find").value.trim().toLowerCase();
    const rows = [...sites.id.keys()].filter((i) => !wanted || `${sites.id[i]} ${classOf(i, "land_cover")} ${classOf(i, "biome")}`.toLowerCase().includes(wanted));
    first = Math.max(0, Math.min(first, Math.floor((rows.length - 1) / ROWS) * ROWS));
    body.replaceChildren(...rows.slice(first, first + ROWS).map((i) => el("tr", {},
      el("th", { scope: "row" }, el("button", { type: "button", class: "plainly", "aria-label": `Show site ${sites.id[i]} on the map`, click: () => visit(i) }, sites.id[i])),
      el("td", {}, place(i)), el("td", {}, classOf(i, "land_cover")), el("td", {}, classOf(i, "biome")),
      el("td", {}, images[i].length ? images[i].map((m) => `${readable(seasons[m[0]])}: ${m[1] === "ok" ? m[2].slice(0, 10) : readable(m[1])}`).join("; ") : "–"))));
    turning.textContent = rows.length ? `${first + 1} to ${Math.min(rows.length, first + ROWS)} of ${plural(rows.length, "site")}` : "no site found";
    choice("map-before").disabled = first === 0;
    choice("map-behind").disabled = first + ROWS >= rows.length;
    return rows;
  }

  function visit(i) {
    state.pinned = true;
    show([state.set.sites.x[i] - state.box[2] / 2, state.set.sites.y[i] - state.box[3] / 2, state.box[2], state.box[3]]);
    select(i, { speaks: true });
    view.focus();
  }

  function take(number) {
    state.set = page.datasets[number];
    Object.assign(state, { box: null, at: null, pinned: false });
    first = 0;
    document.querySelectorAll("#map [data-set]").forEach((p) => { p.hidden = p.dataset.set !== state.set.name; });
    const offered = ["land_cover", "biome", ...(state.set.seasons.length ? ["images"] : [])];
    if (!offered.includes(state.kind)) state.kind = "land_cover";
    choice("map-kind").replaceChildren(...offered.map((k) => el("option", { value: k, selected: k === state.kind }, KINDS[k])));
    draw();
    tell(null);
    list();
  }

  choice("map-set").addEventListener("change", (event) => take(event.target.selectedIndex));
  choice("map-kind").addEventListener("change", (event) => { state.kind = event.target.value; draw(); });
  choice("map-in").addEventListener("click", () => focusZoom(1.6));
  choice("map-out").addEventListener("click", () => focusZoom(1 / 1.6));
  choice("map-whole").addEventListener("click", () => show(whole()));
  choice("map-find").addEventListener("input", () => { first = 0; list(); });
  choice("map-find").addEventListener("keydown", (event) => {
    if (event.key === "Enter") { const rows = list(); if (rows.length) visit(rows[0]); }
  });
  choice("map-before").addEventListener("click", () => { first -= ROWS; list(); });
  choice("map-behind").addEventListener("click", () => { first += ROWS; list(); });
  // On paper the whole map stands.
  let seen = null;
  window.addEventListener("beforeprint", () => { seen = state.box; show(whole()); });
  window.addEventListener("afterprint", () => { if (seen) show(seen); });
  view.setAttribute("tabindex", "0");
  view.setAttribute("role", "application");
  view.setAttribute("aria-label", "Map of sites");
  view.setAttribute("aria-describedby", "map-help");
  root.querySelectorAll(".needs-script").forEach((part) => { part.hidden = false; });
  take(0);
})();
