// The map of sites as it is drawn, and what a site tells: its seasons, images and pictures.

/** The map in ``root`` of the data in ``page``; how it is moved and asked is another part's affair. */
function makeMap(page, root) {
  const view = root.querySelector(".map-view");
  const panel = root.querySelector(".map-panel");
  const legend = root.querySelector(".map-legend");
  const told = root.querySelector(".map-told");
  const DEEPEST = 60; // times the whole map
  const state = { set: null, kind: "land_cover", box: null, at: null, pinned: false };
  let svg, ring, dots, bar;

  // ------------------------------------------------------------------------------------------------- words
  const side = (value, letters) => `${Math.abs(value).toFixed(2)}° ${value >= 0 ? letters[0] : letters[1]}`;
  const place = (i) => `${side(state.set.sites.lat[i], "NS")}, ${side(state.set.sites.lon[i], "EW")}`;
  const classOf = (i, kind) => {
    const code = state.set.sites[kind][i];
    return code < 0 ? "unknown" : readable(state.set.names[kind][code]);
  };
  const found = (i) => state.set.images[i].filter((image) => image[1] === "ok").length;

  /** Legend entry (name, colour) of a site. */
  function group(i) {
    if (state.kind !== "images") {
      const code = state.set.sites[state.kind][i];
      const name = code < 0 ? null : state.set.names[state.kind][code];
      return [name === null ? "unknown" : readable(name), (page.colours[state.kind] || {})[name] || "#9a9a9a"];
    }
    const all = state.set.images[i].length;
    const there = found(i);
    if (!all) return ["not searched", "#9a9a9a"];
    return there === all ? ["of every season", "#00694d"] : there ? ["of some seasons", "#e69f00"] : ["none", "#b03a2e"];
  }

  function intervalsOf(i, season, when) {
    const mine = state.set.intervals[i].filter((one) => one[0] === season);
    if (!mine.length) return "–";
    const words = (one) => `${one[1]} to ${one[2]}${one[3] ? " (second choice)" : ""}`;
    const hit = mine.find((one) => when && one[1] <= when.slice(0, 10) && when.slice(0, 10) <= one[2]);
    if (mine.length === 1) return words(mine[0]);
    return el("details", {},
      el("summary", {}, hit ? words(hit) : `${mine.length} intervals`),
      el("ul", {}, ...mine.map((one) => el("li", {}, words(one)))));
  }

  function rowOf(i, image, season) {
    const [, status, when, cloud, scene, last] = image || [season, "not searched", null, null, null, null];
    const name = readable(state.set.seasons[season]);
    const facts = status === "ok"
      ? [el("time", { datetime: when.replace(" ", "T") + "Z" }, when + " UTC"), el("br"),
        cloud === null ? "cloud unknown" : `cloud ${cloud} %`, el("br"), el("code", {}, scene || "no scene id")]
      : [readable(status), last && image ? el("br") : null, image ? last : null];
    const picture = status === "ok" && last
      ? el("img", { src: `data:image/jpeg;base64,${last}`, alt: `${name} image of site ${state.set.sites.id[i]}, ${when.slice(0, 10)}`, class: "thumb" })
      : null;
    return el("tr", {}, el("th", { scope: "row" }, name), el("td", {}, picture, el("div", {}, ...facts)),
      el("td", {}, intervalsOf(i, season, when)));
  }

  /** Site number i in the panel; null: how to use the map. */
  function tell(i) {
    panel.replaceChildren();
    if (i === null) {
      panel.append(el("p", { class: "hint" }, "Point at a site, tap it, or focus the map and press an arrow key."));
      return;
    }
    const { sites, seasons, images } = state.set;
    panel.append(el("p", { class: "map-site" }, sites.id[i]),
      el("dl", {}, el("dt", {}, "Place"), el("dd", {}, place(i)),
        el("dt", {}, "Land cover"), el("dd", {}, classOf(i, "land_cover")),
        el("dt", {}, "Biome"), el("dd", {}, classOf(i, "biome"))));
    if (!seasons.length) {
      panel.append(el("p", { class: "hint" }, "Of this dataset only the sites are drawn: it has no seasons or images."));
      return;
    }
    const rows = seasons.map((_, s) => rowOf(i, images[i].find((image) => image[0] === s), s));
    panel.append(el("table", {},
      el("caption", { class: "hidden" }, `Seasons and images of site ${sites.id[i]}`),
      el("thead", {}, el("tr", {}, ...["season", "image", "interval searched"].map((h) => el("th", { scope: "col" }, h)))),
      el("tbody", {}, ...rows)));
  }

  /** One sentence for screen readers. */
  function speak(i) {
    const { sites, seasons, images } = state.set;
    const dates = images[i].map((m) => `${readable(seasons[m[0]])} ${m[1] === "ok" ? m[2].slice(0, 10) : readable(m[1])}`);
    told.textContent = [`Site ${sites.id[i]}`, place(i), classOf(i, "land_cover"), ...dates].join(", ");
  }

  // ------------------------------------------------------------------------------------------------- drawing
  function draw() {
    const { frame, density, sites } = { ...state.set, frame: page.frames[state.set.frame] };
    const clip = el("clipPath", { id: "map-edge" }, el("path", { d: frame.border }));
    const shapes = el("g", { "clip-path": "url(#map-edge)" }, el("path", { d: frame.land, class: "land", "fill-rule": "evenodd" }));
    if (density) {
      const paths = page.shades.map(() => []);
      const most = Math.max(...density.cells.filter((_, k) => k % 3 === 2));
      for (let k = 0; k < density.cells.length; k += 3) {
        const [column, row, count] = density.cells.slice(k, k + 3);
        const shade = most > 1 ? Math.min(paths.length - 1, Math.floor(paths.length * Math.log(count) / Math.log(most + 1))) : 0;
        paths[shade].push(`M${Math.round(column * density.side)} ${Math.round(row * density.side)}h${Math.ceil(density.side)}v${Math.ceil(density.side)}h-${Math.ceil(density.side)}z`);
      }
      paths.forEach((path, k) => shapes.append(el("path", { d: path.join(""), fill: page.shades[k] })));
    }
    const groups = new Map();
    sites.id.forEach((_, i) => {
      const [name, colour] = group(i);
      if (!groups.has(name)) groups.set(name, { colour, count: 0, path: [] });
      const one = groups.get(name);
      one.count += 1;
      one.path.push(`M${sites.x[i]} ${sites.y[i]}h0`);
    });
    dots = el("g", { class: "dots" }, ...[...groups.values()].map((g) => el("path", { d: g.path.join(""), stroke: g.colour })));
    ring = el("path", { class: "ring", d: "" });
    svg = el("svg", { class: "live", "aria-hidden": "true", focusable: "false", preserveAspectRatio: "xMidYMid meet" },
      clip, el("path", { d: frame.border, class: "edge" }), shapes, ring, dots);
    bar = frame.regional ? el("div", { class: "map-scale", "aria-hidden": "true" }) : null;
    view.replaceChildren(svg, ...(bar ? [bar] : []));
    view.style.aspectRatio = `${frame.width} / ${frame.height}`;
    const order = [...groups].sort((a, b) => b[1].count - a[1].count);
    legend.replaceChildren(...order.map(([name, g]) => el("li", {}, el("span", { class: "swatch", style: `background:${g.colour}` }), `${name} (${g.count})`)));
    mark();
    show(state.box || whole());
  }

  function whole() {
    const frame = page.frames[state.set.frame];
    return [0, 0, frame.width, frame.height];
  }

  /** Show a box (x, y, width, height in map units), kept inside the map and no deeper than `DEEPEST`. */
  function show(box) {
    const [, , width, height] = whole();
    const w = Math.min(width, Math.max(width / DEEPEST, box[2]));
    const h = w * height / width;
    state.box = [Math.min(width - w, Math.max(0, box[0])), Math.min(height - h, Math.max(0, box[1])), w, h];
    svg.setAttribute("viewBox", state.box.join(" "));
    const zoom = width / w;
    const crowd = Math.max(1, state.set.sites.id.length / 400);
    dots.setAttribute("stroke-width", String(Math.min(11, Math.max(2.6, 6 / Math.sqrt(crowd)) * zoom ** 0.35)));
    view.classList.toggle("deep", zoom > 1.01);
    rule();
  }

  /** A bar of a round length in the corner; on the world every place has a scale of its own. */
  function rule() {
    if (!bar || !svg.clientWidth) return;
    const metres = page.frames[state.set.frame].metres * state.box[2] / svg.clientWidth; // a pixel
    const power = 10 ** Math.floor(Math.log10(metres * 120));
    const length = [5, 2, 1].map((n) => n * power).find((n) => n <= metres * 120);
    bar.style.width = `${length / metres}px`;
    bar.textContent = length >= 1000 ? `${length / 1000} km` : `${length} m`;
  }
  window.addEventListener("resize", rule);

  function zoomBy(factor, x, y) {
    const [left, top, w, h] = state.box;
    const [mx, my] = x === undefined ? [left + w / 2, top + h / 2] : [x, y];
    show([mx - (mx - left) / factor, my - (my - top) / factor, w / factor, h / factor]);
  }

  function mark() {
    const { x, y } = state.set.sites;
    ring.setAttribute("d", state.at === null ? "" : `M${x[state.at]} ${y[state.at]}h0`);
  }

  /** Select a site; `follow` moves the map so that it is seen. */
  function select(i, { follow = false, speaks = false } = {}) {
    if (i !== state.at) {
      state.at = i;
      mark();
      tell(i);
    }
    if (i === null) { told.textContent = ""; return; }
    if (speaks) speak(i);
    if (follow) {
      const [left, top, w, h] = state.box;
      const [x, y] = [state.set.sites.x[i], state.set.sites.y[i]];
      const inside = x > left + 0.08 * w && x < left + 0.92 * w && y > top + 0.08 * h && y < top + 0.92 * h;
      if (!inside) show([x - w / 2, y - h / 2, w, h]);
    }
  }

  return { state, view, svg: () => svg, place, classOf, tell, draw, whole, show, zoomBy, select };
}
