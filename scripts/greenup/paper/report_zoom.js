// Figures open over the whole window: buttons, keys, wheel and two fingers zoom, dragging and scrolling move.
(() => {
  const pictures = [...document.querySelectorAll("main figure.zoomable > img")];
  if (!pictures.length) return;
  const MOST = 8;
  const picture = el("img", { alt: "" });
  const stage = el("div", { class: "zoom-stage", tabindex: "0", role: "group" }, picture);
  const told = el("span", { class: "zoom-level", role: "status" });
  const title = el("span", { class: "zoom-title", id: "zoom-title" });
  const button = (text, label, act) => el("button", { type: "button", "aria-label": label, click: act }, text);
  const dialog = el("dialog", { class: "zoom", "aria-labelledby": "zoom-title" },
    el("div", { class: "zoom-bar" }, title, told,
      button("−", "Zoom out", () => scale(zoom / 1.5)),
      button("+", "Zoom in", () => scale(zoom * 1.5)),
      button("Fit", "Fit to the window", () => scale(1)),
      button("Close", "Close", () => dialog.close())),
    stage);
  document.body.append(dialog);
  let zoom = 1;
  let from = null;

  /** Zoom about a point of the window; the middle of the stage without one. */
  function scale(wanted, x, y) {
    const box = stage.getBoundingClientRect();
    const [px, py] = x === undefined ? [box.width / 2, box.height / 2] : [x - box.left, y - box.top];
    const before = picture.getBoundingClientRect();
    const [u, v] = [(px + box.left - before.left) / before.width, (py + box.top - before.top) / before.height];
    zoom = Math.min(MOST, Math.max(1, wanted));
    const fit = Math.min((box.width - 16) / picture.naturalWidth, (box.height - 16) / picture.naturalHeight);
    picture.style.width = `${Math.max(1, picture.naturalWidth * fit * zoom)}px`;
    const now = picture.getBoundingClientRect();
    stage.scrollLeft += now.left + u * now.width - (px + box.left);
    stage.scrollTop += now.top + v * now.height - (py + box.top);
    told.textContent = `${Math.round(100 * zoom)} %`;
  }

  function open(image) {
    picture.src = image.src;
    picture.alt = image.alt;
    title.textContent = image.dataset.title;
    stage.setAttribute("aria-label", `${image.dataset.title}: plus and minus zoom, arrow keys move, Escape closes`);
    dialog.showModal();
    // Its size is known when it has been decoded.
    picture.decode().then(() => scale(1), () => scale(1));
    stage.focus();
  }

  dialog.addEventListener("keydown", (event) => {
    const act = { "+": () => scale(zoom * 1.5), "=": () => scale(zoom * 1.5), "-": () => scale(zoom / 1.5), "0": () => scale(1) }[event.key];
    if (act && !event.ctrlKey && !event.metaKey) { event.preventDefault(); act(); }
  });
  dialog.addEventListener("close", () => { picture.removeAttribute("src"); picture.alt = ""; });
  stage.addEventListener("wheel", (event) => {
    event.preventDefault();
    scale(zoom * Math.exp(-event.deltaY / 400), event.clientX, event.clientY);
  }, { passive: false });

  // Two fingers: their distance is the zoom. One finger scrolls by itself; a mouse drags.
  const fingers = new Map();
  let spread = null;
  stage.addEventListener("pointerdown", (event) => {
    if (event.pointerType === "mouse") {
      from = [event.clientX, event.clientY];
      stage.setPointerCapture(event.pointerId);
      event.preventDefault();
      stage.focus();
    } else fingers.set(event.pointerId, event);
  });
  stage.addEventListener("pointermove", (event) => {
    if (from) {
      stage.scrollLeft -= event.clientX - from[0];
      stage.scrollTop -= event.clientY - from[1];
      from = [event.clientX, event.clientY];
    }
    if (!fingers.has(event.pointerId)) return;
    fingers.set(event.pointerId, event);
    if (fingers.size !== 2) return;
    const [a, b] = [...fingers.values()];
    const apart = Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY);
    if (spread) scale(zoom * apart / spread, (a.clientX + b.clientX) / 2, (a.clientY + b.clientY) / 2);
    spread = apart;
  });
  for (const end of ["pointerup", "pointercancel"]) {
    stage.addEventListener(end, (event) => { fingers.delete(event.pointerId); spread = null; from = null; });
  }
  window.addEventListener("resize", () => { if (dialog.open) scale(zoom); });

  for (const image of pictures) {
    const opener = el("button", { type: "button", class: "zoom-open", "aria-label": `Enlarge: ${image.dataset.title}`, click: () => open(image) });
    image.replaceWith(opener);
    opener.append(image);
  }
})();
