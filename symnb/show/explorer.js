// The explorer: a map of a latent to drag on, with the decoded picture, the orbit and what is known beside it.
// `symnbExplorer(root, spec, host)` builds it in `root` from what `symnb.show.explore` stores; `host` is null
// where there is no kernel. Plain script without imports: it is pasted into pages and widgets.
const clamp = (x, low, high) => Math.min(Math.max(x, low), high);
const tidy = (x, digits) => (Math.round(x * 10 ** digits) / 10 ** digits + 0).toFixed(digits); // no -0
const bytes = text => Uint8Array.from(atob(text), c => c.charCodeAt(0));
const unpack = q => q && Array.from(new Uint16Array(bytes(q.data).buffer),
  n => q.lo + (q.hi - q.lo) * n / 65535);

// The cells around (u, v) of a grid of nx by ny, each with its weight.
function around(u, v, nx, ny) {
  const i = clamp(Math.floor(u), 0, Math.max(nx - 2, 0)), j = clamp(Math.floor(v), 0, Math.max(ny - 2, 0));
  const a = clamp(u - i, 0, 1), b = clamp(v - j, 0, 1);
  const r = Math.min(i + 1, nx - 1), s = Math.min(j + 1, ny - 1);
  return [[j * nx + i, (1 - a) * (1 - b)], [j * nx + r, a * (1 - b)],
          [s * nx + i, (1 - a) * b], [s * nx + r, a * b]];
}
const mix = (cells, value) => cells.reduce((sum, [c, f]) => f ? sum + f * value(c) : sum, 0);
const mixAngle = (cells, degrees) => Math.atan2(mix(cells, c => Math.sin(degrees(c) * Math.PI / 180)),
  mix(cells, c => Math.cos(degrees(c) * Math.PI / 180))) * 180 / Math.PI;

// The tiles of an atlas, each an array of h * w grey values from 0 to 255.
async function tiles(atlas, h, w) {
  const image = new Image();
  image.src = atlas.src;
  await image.decode();
  const canvas = Object.assign(document.createElement("canvas"), {width: image.width, height: image.height});
  const pen = canvas.getContext("2d", {willReadFrequently: true});
  pen.drawImage(image, 0, 0);
  const row = k => Math.floor(k / atlas.cols), last = image.height / h - 1;
  const seen = k => atlas.flip ? last - row(k) : row(k); // a plane is stored as it is seen: top first
  return Array.from({length: atlas.count}, (_, k) => {
    const rgba = pen.getImageData(k % atlas.cols * w, seen(k) * h, w, h).data;
    return Float32Array.from({length: h * w}, (_, p) => rgba[4 * p]);
  });
}
function show(canvas, pixels) {
  const pen = canvas.getContext("2d"), data = pen.createImageData(canvas.width, canvas.height);
  const n = pixels.length / (canvas.width * canvas.height); // 1 for grey, 3 for colours
  for (let p = 0; n * p < pixels.length; p++)
    data.data.set([0, 1, 2].map(c => pixels[n * p + (n > 1 ? c : 0)]).concat(255), 4 * p);
  pen.putImageData(data, 0, 0);
}
// Three grey tiles, one a colour, as one picture.
const coloured = all => Array.from({length: all.length / 3}, (_, k) =>
  Float32Array.from({length: 3 * all[0].length}, (_, q) => all[3 * k + q % 3][Math.floor(q / 3)]));
const blendTiles = (cells, all) => all[0].map((_, p) => mix(cells, c => all[c][p]));

// A picture turned counter-clockwise: bilinear, black outside, as symnb.symmetry.warps.rotate does it.
function turned(tile, h, w, degrees) {
  const c = Math.cos(degrees * Math.PI / 180), s = Math.sin(degrees * Math.PI / 180);
  const at = (x, y) => x < 0 || y < 0 || x >= w || y >= h ? 0 : tile[y * w + x];
  return tile.map((_, p) => {
    const x = p % w - (w - 1) / 2, y = Math.floor(p / w) - (h - 1) / 2;
    const u = c * x - s * y + (w - 1) / 2, v = s * x + c * y + (h - 1) / 2;
    const i = Math.floor(u), j = Math.floor(v), a = u - i, b = v - j;
    const across = j => (1 - a) * at(i, j) + a * at(i + 1, j);
    return (1 - b) * across(j) + b * across(j + 1);
  });
}

// Where a point of the map gets to in the time t: fourth-order steps through the stored field.
function flow(spec, [x, y], t) {
  const speed = (x, y) => {
    const cells = around((x - spec.x[0]) / (spec.x[1] - spec.x[0]) * (spec.nx - 1),
                         (y - spec.y[0]) / (spec.y[1] - spec.y[0]) * (spec.ny - 1), spec.nx, spec.ny);
    return [0, 1].map(k => mix(cells, c => spec.field[2 * c + k]));
  };
  const n = Math.max(1, Math.ceil(128 * Math.abs(t) / spec.span)), h = t / n;
  for (let i = 0; i < n; i++) {
    const [a, b] = speed(x, y), [c, d] = speed(x + h * a / 2, y + h * b / 2);
    const [e, f] = speed(x + h * c / 2, y + h * d / 2), [g, k] = speed(x + h * e, y + h * f);
    x += h * (a + 2 * c + 2 * e + g) / 6;
    y += h * (b + 2 * d + 2 * f + k) / 6;
  }
  return [x, y];
}

// Coordinates of the map in its canvas, and back; a tenth of the canvas is left for the axes.
function frame(canvas, [x0, x1], [y0, y1]) {
  const e = 56, W = canvas.width - e - 24, H = canvas.height - e - 8;
  return {e, W, H, to: ([x, y]) => [e + (x - x0) / (x1 - x0) * W, 8 + (y1 - y) / (y1 - y0) * H],
          from: (u, v) => [x0 + (u - e) / W * (x1 - x0), y1 - (v - 8) / H * (y1 - y0)]};
}
function axes(pen, f, style, spec, [x0, x1], [y0, y1]) {
  const nice = (a, b) => { const r = (b - a) / 4, d = 10 ** Math.floor(Math.log10(r)),
    s = [1, 2, 3, 5, 10].find(k => k * d >= r) * d, out = [];
    for (let k = Math.ceil(a / s); k * s <= b; k++) out.push(+(k * s).toPrecision(6)); return out; };
  Object.assign(pen, {strokeStyle: style("--line"), fillStyle: style("--soft"), lineWidth: 2,
                      font: "20px system-ui"});
  pen.strokeRect(f.e, 8, f.W, f.H);
  pen.textAlign = "center";
  for (const x of nice(x0, x1)) pen.fillText(x, f.to([x, y0])[0], f.H + 30);
  pen.fillText(spec.axes[0], f.e + f.W / 2, f.H + 54);
  pen.save();
  pen.rotate(-Math.PI / 2);
  for (const y of nice(y0, y1)) pen.fillText(y, -f.to([x0, y])[1], f.e - 8);
  pen.fillText(spec.axes[1], -8 - f.H / 2, 20);
  pen.restore();
}
function line(pen, f, points, colour, width, dash = []) {
  Object.assign(pen, {strokeStyle: colour, lineWidth: width, lineJoin: "round"});
  pen.setLineDash(dash);
  pen.beginPath();
  points.forEach((p, i) => pen[i ? "lineTo" : "moveTo"](...f.to(p)));
  pen.stroke();
  pen.setLineDash([]);
}

// The latent map: decoded pictures dimmed behind, encoded points by class, the orbit, and where one stands.
function drawMap(canvas, spec, style, dark, backdrop, path, here, truth) {
  const pen = canvas.getContext("2d"), f = frame(canvas, spec.viewX, spec.viewY);
  pen.clearRect(0, 0, canvas.width, canvas.height);
  pen.save();
  pen.beginPath(); pen.rect(f.e, 8, f.W, f.H); pen.clip();
  pen.globalAlpha = +style("--veil");
  if (backdrop) pen.drawImage(backdrop, f.e, 8, f.W, f.H);
  pen.globalAlpha = 1;
  Object.assign(pen, {font: "bold 17px system-ui", textAlign: "center", textBaseline: "middle", lineWidth: 3,
                      strokeStyle: style("--page"), lineJoin: "round"});
  for (let i = 0; i < spec.points.length / 2; i++) {
    const c = spec.classes[spec.classOf[i]], [u, v] = f.to([spec.points[2 * i], spec.points[2 * i + 1]]);
    pen.fillStyle = dark ? c.dark : c.colour;
    pen.strokeText(c.glyph, u, v); pen.fillText(c.glyph, u, v);
  }
  pen.textBaseline = "alphabetic";
  line(pen, f, path, style("--page"), 9);
  line(pen, f, path, style("--ink"), 4);
  if (truth) {
    line(pen, f, truth.path, style("--accent"), 3, [9, 7]);
    const [a, b] = f.to(truth.here);
    Object.assign(pen, {strokeStyle: style("--accent"), lineWidth: 4});
    pen.strokeRect(a - 12, b - 12, 24, 24);
  }
  const [u, v] = f.to(here);
  for (const [colour, width] of [["--page", 10], ["--accent", 5]]) {
    Object.assign(pen, {strokeStyle: style(colour), lineWidth: width});
    pen.beginPath(); pen.arc(u, v, 15, 0, 7); pen.stroke();
  }
  pen.restore();
  axes(pen, f, style, spec, spec.viewX, spec.viewY);
}

// The pictures of the plane as one, the middle of each on its coordinates; negative by day.
function mosaic(spec, all, dark) {
  const page = make("canvas", {width: spec.nx * spec.w, height: spec.ny * spec.h});
  const one = make("canvas", {width: spec.w, height: spec.h});
  all.forEach((tile, k) => { show(one, tile); page.getContext("2d").drawImage(one, k % spec.nx * spec.w,
    (spec.ny - 1 - Math.floor(k / spec.nx)) * spec.h); });
  if (!dark) {
    const pen = page.getContext("2d");
    Object.assign(pen, {globalCompositeOperation: "difference", fillStyle: "#fff"});
    pen.fillRect(0, 0, page.width, page.height);
  }
  return page;
}

// A signal at rest, as the learned generator moves it, and as the true one does.
function drawSignal(canvas, spec, style, k, at) {
  const pen = canvas.getContext("2d"), N = spec.n, T = spec.ts.length;
  const row = (all, u) => Array.from({length: N}, (_, i) =>
    [i, mix(around(u, 0, T, 1), c => all[(k * T + c) * N + i])]);
  const f = frame(canvas, spec.viewX, spec.viewY);
  pen.clearRect(0, 0, canvas.width, canvas.height);
  line(pen, f, row(spec.moved, spec.zero), style("--soft"), 2);
  const moved = row(spec.moved, at), truth = spec.true && row(spec.true, at);
  line(pen, f, moved, style("--accent"), 6);
  if (truth) line(pen, f, truth, style("--ink"), 3, [10, 8]);
  axes(pen, f, style, spec, spec.viewX, spec.viewY);
  Object.assign(pen, {font: "20px system-ui", textAlign: "left"});
  [["at t = 0", "--soft"], [spec.seen, "--accent"], ...(truth ? [["true (dashed)", "--ink"]] : [])].forEach(
    ([text, colour], i) => { pen.fillStyle = style(colour); pen.fillText(text, f.e + 12, 34 + 26 * i); });
  const off = truth && truth.reduce((s, [, y], i) => s + (y - moved[i][1]) ** 2, 0);
  return truth && Math.sqrt(off / truth.reduce((s, [, y]) => s + y * y, 1e-12));
}

// Levels of symmetry: around each picture stands a ring, on which its law is an arc, or spokes for equal steps.
function onRing(spec, k, degrees) {
  const a = degrees * Math.PI / 180, r = [spec.viewX, spec.viewY].map(([low, high]) => .06 * (high - low));
  return [spec.points[2 * k] - r[0] * Math.sin(a), spec.points[2 * k + 1] + r[1] * Math.cos(a)];
}
function lawOf(spec, k) {
  const n = spec.level[k], middle = [spec.points[2 * k], spec.points[2 * k + 1]];
  if (spec.family == "cyclic")
    return Array.from({length: n}, (_, i) => [middle, onRing(spec, k, 360 * i / n)]).flat().concat([middle]);
  return Array.from({length: 61}, (_, i) => onRing(spec, k, n * (i / 30 - 1)));
}
function standing(spec, k, t) {
  const a = ((spec.pose[k] + t + 540) % 360 + 360) % 360 - 180, n = spec.level[k];
  const off = spec.family == "cyclic" ? Math.abs(a - 360 / n * Math.round(a * n / 360)) - 15 : Math.abs(a) - n;
  return `${tidy(a, 0)} degrees from upright, ${spec.words[k]}: ${spec.words[k].includes("no centre") ? "anywhere"
    : off > 0 ? "outside" : "inside"}`;
}

// What follows from where one stands: anchor, time and pick give a place on the sheet of stored pictures.
function place(spec, s) {
  const T = spec.ts.length;
  const u = clamp((s.t - spec.ts[0]) / (spec.ts[T - 1] - spec.ts[0]) * (T - 1), 0, T - 1);
  const onOrbit = around(u, Math.max(s.pick, 0), T, spec.picks.length);
  if (spec.kind == "levels") return {cells: [[s.pick, 1]], onOrbit: [[s.pick, 1]],
    here: onRing(spec, s.pick, spec.pose[s.pick] + s.t)};
  if (spec.kind == "orbit") return {cells: onOrbit, onOrbit, u,
    here: [0, 1].map(k => mix(onOrbit, c => spec.orbit[2 * c + k]))};
  const here = flow(spec, s.p, s.t);
  const [x, y] = [clamp(here[0], ...spec.x), clamp(here[1], ...spec.y)];
  return {onOrbit, u, here, outside: x != here[0] || y != here[1],
    cells: around((x - spec.x[0]) / (spec.x[1] - spec.x[0]) * (spec.nx - 1),
                  (y - spec.y[0]) / (spec.y[1] - spec.y[0]) * (spec.ny - 1), spec.nx, spec.ny)};
}
function orbitOf(spec, s) {
  const T = spec.ts.length;
  if (spec.kind == "levels") return lawOf(spec, s.pick);
  if (spec.kind == "orbit")
    return spec.ts.map((_, i) => [0, 1].map(k => spec.orbit[2 * (s.pick * T + i) + k]));
  const n = 64, [a, b] = [spec.ts[0], spec.ts.at(-1)], path = [s.p];
  for (let i = 0; i < n; i++) path.push(flow(spec, path[i], (b - Math.max(a, 0)) / n));
  if (a < 0) for (let i = 0; i < n; i++) path.unshift(flow(spec, path[0], a / n));
  return path;
}

// The time at which the orbit of the pick comes nearest to a point of the map.
function nearestTime(spec, s, [x, y]) {
  const path = orbitOf(spec, s), size = ([low, high]) => high - low;
  const away = ([a, b]) => ((a - x) / size(spec.viewX)) ** 2 + ((b - y) / size(spec.viewY)) ** 2;
  let best = [Infinity, 0];
  for (let i = 0; i + 1 < path.length; i++) for (let a = 0; a <= 1; a += spec.step ? 1 : .125) {
    const p = [0, 1].map(k => path[i][k] * (1 - a) + path[i + 1][k] * a), d = away(p);
    if (d < best[0]) best = [d, spec.ts[i] * (1 - a) + spec.ts[i + 1] * a];
  }
  return best[1];
}

function make(tag, set = {}, ...inside) {
  const made = document.createElement(tag);
  for (const [k, v] of Object.entries(set)) if (v != null) made.setAttribute(k, v);
  made.append(...inside);
  return made;
}
const option = (text, i) => make("option", {value: i}, text);
function shot(parts, name, caption, h, w) {
  parts[name] = make("canvas", {width: w, height: h, role: "img", "aria-label": caption, class: name});
  return make("figure", {}, parts[name], make("figcaption", {}, caption));
}

// All that can be seen and touched; `parts` holds what changes.
function page(spec, parts = {}) {
  const help = spec.kind == "signal" ? "Drag sideways, or use the arrow keys. Space plays."
    : spec.kind == "levels" ? "Click a picture. Arrow keys turn it, or take the next one. Space plays."
    : "Drag on the map, or use the arrow keys, with Shift for larger steps. Space plays.";
  parts.map = make("canvas", {width: 640, height: spec.kind == "signal" ? 440 : 640, tabindex: 0,
    role: "application", "aria-label": `${spec.label}. ${help}`, class: "plane"});
  parts.time = make("input", {type: "range", min: spec.ts[0], max: spec.ts.at(-1), value: 0,
    step: spec.step || "any", "aria-label": `flow parameter t in ${spec.unit}`});
  parts.play = make("button", {type: "button", "aria-pressed": "false"}, "Play");
  parts.pick = make("select", {"aria-label": spec.pickLabel}, ...spec.picks.map((p, i) => option(p.name, i)));
  parts.said = make("output", {"aria-live": "polite"});
  parts.bars = make("div", {class: "bars", role: "group", "aria-label": "class probabilities"});
  parts.views = make("div", {class: "row views"});
  const shots = make("div", {class: "shots"}), near = make("div", {class: "shots near"});
  if (spec.atlas) shots.append(shot(parts, "seen", spec.seen, spec.h, spec.w));
  if (spec.images || spec.pose) shots.append(shot(parts, "truth", spec.truth, spec.h, spec.w));
  for (let k = 0; spec.near && k < spec.near.each; k++)
    near.append(shot(parts, `near${k}`, `nearest ${k + 1}`, spec.h, spec.w));
  const map = make("div", {class: "map"}, parts.map, make("p", {class: "help"}, help));
  if (spec.kind == "signal") map.style.flex = "1 1 420px";
  return make("div", {class: "sx", role: "group", "aria-label": spec.label}, map,
    make("div", {class: "side"}, parts.views, shots, near,
      make("div", {class: "row"}, parts.pick, parts.play),
      make("label", {class: "row"}, "t", parts.time), parts.said, parts.bars));
}

async function symnbExplorer(root, spec, host) {
  const arrays = ["points", "field", "orbit", "trueOrbit", "angle", "scores", "moved", "true"];
  for (const k of arrays) spec[k] = unpack(spec[k]);
  const parts = {}, box = page(spec, parts), s = {pick: 0, p: spec.picks[0].p, t: 0, playing: false};
  const wear = dark => {
    for (const k of ["dark", "light"]) box.classList.toggle(k, dark === (k == "dark"));
    if (box.dataset.ready && box.isConnected) update();
  };
  if (host) host.onSwitch(wear);
  else addEventListener("message", e => { if (e.source == parent) wear(e.data); });
  root.append(box);
  if (!host) // the frame around follows the height of what is in it
    new ResizeObserver(() =>
      parent.postMessage({symnbHeight: Math.ceil(box.getBoundingClientRect().height)}, "*")).observe(box);
  const style = name => getComputedStyle(box).getPropertyValue(name).trim();
  const isDark = () => style("--page") != "#fff";
  const grey = spec.atlas && await tiles(spec.atlas, spec.h, spec.w), all = spec.colours ? coloured(grey) : grey;
  const truths = spec.images && await tiles(spec.images, spec.h, spec.w);
  const near = spec.near && await tiles(spec.near, spec.h, spec.w);
  const backdrops = spec.kind == "plane" ? [false, true].map(dark => mosaic(spec, all, dark)) : null;
  let asked = Date.now(), waiting = false, again = false;

  const say = text => { if (parts.said.textContent != text) parts.said.textContent = text; };
  const time = () => `t = ${tidy(s.t, spec.digits)} ${spec.unit}`;
  const bars = p => { parts.bars.replaceChildren(...p.map((v, k) => { const fill = make("i");
    fill.style.width = `${100 * v}%`;
    const [name, number] = [spec.names[k], v.toFixed(2)].map(text => make("span", {}, text));
    return make("div", {class: "bar"}, name, fill, number); })); };

  function update() {
    parts.time.value = s.t;
    parts.time.setAttribute("aria-valuetext", time());
    parts.play.textContent = s.playing ? "Pause" : "Play";
    parts.play.setAttribute("aria-pressed", s.playing);
    if (spec.kind == "signal") {
      const u = (s.t - spec.ts[0]) / (spec.ts.at(-1) - spec.ts[0]) * (spec.ts.length - 1);
      const off = drawSignal(parts.map, spec, style, s.pick, u);
      box.dataset.at = JSON.stringify({t: s.t, pick: s.pick});
      return say(time() + (off == null ? "" : `, off by ${(100 * off).toFixed(1)} % of the true signal`));
    }
    const w = place(spec, s), other = spec.trueOrbit && {...spec, orbit: spec.trueOrbit};
    const truth = other && {path: orbitOf(other, s), here: place(other, s).here};
    drawMap(parts.map, spec, style, isDark(), backdrops && backdrops[+isDark()], orbitOf(spec, s), w.here, truth);
    const turn = (tile, degrees) => turned(tile, spec.h, spec.w, degrees);
    show(parts.seen, spec.pose ? turn(all[s.pick], s.t) : blendTiles(w.cells, all));
    if (spec.pose) show(parts.truth, turn(all[s.pick], -spec.pose[s.pick]));
    if (truths) {
      const none = s.pick < 0; // a point of the map that no digit was encoded to
      parts.truth.style.visibility = none ? "hidden" : "";
      parts.truth.nextSibling.textContent = none ? "no truth here" : spec.truth;
      if (!none) show(parts.truth, turned(truths[s.pick], spec.h, spec.w, s.t * spec.degrees));
    }
    if (near) for (let k = 0; k < spec.near.each; k++) {
      const cell = w.onOrbit.reduce((a, b) => b[1] > a[1] ? b : a)[0];
      const j = cell * spec.near.each + k, i = spec.near.table[j];
      show(parts[`near${k}`], spec.near.turn ? turn(near[i], spec.near.turn[j] + s.t) : near[i]);
      parts[`near${k}`].nextSibling.textContent = spec.near.names[i];
    }

    const words = spec.pose ? [standing(spec, s.pick, s.t)]
      : [w.here.map((v, k) => `${spec.axes[k]} ${tidy(v, 2)}`).join(", "), time()];
    if (spec.angle && s.pick >= 0) { // counted like t: 350 and not -10
      const a = mixAngle(w.onOrbit, c => spec.angle[c]), t = s.t * (spec.degrees ?? 1);
      words.push(`measured ${tidy(a + 360 * Math.round((t - a) / 360), 1)} degrees`);
    }
    if (truth) words.push(`${tidy(Math.hypot(...w.here.map((v, k) => v - truth.here[k])), 3)} from the true point`);
    if (w.outside) words.push("outside the map: nearest picture shown");
    if (spec.note) words.push(spec.note);
    say(words.join(" \u00b7 "));
    const K = spec.scores && spec.names.length;
    if (K) bars(spec.names.map((_, k) => mix(w.cells, c => spec.scores[c * K + k])));
    box.dataset.at = JSON.stringify({p: w.here, t: s.t, pick: s.pick});
    box.dataset.exact = "";
    if (host) ask();
  }

  // With a kernel: one question at a time, the latest state last; the exact picture replaces the blended one.
  // A number never comes twice, even after a reload: an equal answer would not count as a change.
  async function ask() {
    if (waiting) { again = true; return; }
    waiting = true; again = false;
    const id = ++asked, began = performance.now(), found = await host.ask({id, pick: s.pick, p: s.p, t: s.t});
    waiting = false;
    if (again) return ask();
    if (found.error) return say(found.error);
    show(parts.seen, Float32Array.from(bytes(found.pixels)));
    if (found.scores) bars(found.scores);
    box.dataset.ms = Math.round(performance.now() - began);
    box.dataset.exact = JSON.stringify({pick: s.pick, p: s.p, t: s.t});
  }
  function move(change) { Object.assign(s, change); s.t = clamp(s.t, spec.ts[0], spec.ts.at(-1)); update(); }
  function choose(k) {
    move({pick: k, p: spec.picks[k].p, t: spec.kind == "orbit" || spec.kind == "signal" ? s.t : 0});
    parts.pick.value = k;
  }

  function point(e) {
    const r = parts.map.getBoundingClientRect(), size = parts.map.width / r.width;
    const f = frame(parts.map, spec.viewX, spec.viewY);
    const p = f.from((e.clientX - r.left) * size, (e.clientY - r.top) * size);
    if (spec.kind == "plane")
      return move({p: [clamp(p[0], ...spec.x), clamp(p[1], ...spec.y)], t: 0, pick: -1});
    if (spec.kind == "orbit") return move({t: nearestTime(spec, s, p)});
    if (spec.kind == "levels") {
      const away = k => Math.hypot(...[spec.viewX, spec.viewY].map(([low, high], d) =>
        (spec.points[2 * k + d] - p[d]) / (high - low)));
      return choose(spec.picks.reduce((best, _, k) => away(k) < away(best) ? k : best, 0));
    }
    const part = ((e.clientX - r.left) * size - 56) / (parts.map.width - 80);
    move({t: spec.ts[0] + clamp(part, 0, 1) * (spec.ts.at(-1) - spec.ts[0])});
  }
  function key(e) {
    const step = e.shiftKey ? 5 : 1, dt = spec.step || (spec.ts.at(-1) - spec.ts[0]) / 120;
    const way = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1]}[e.key];
    if (e.key == " ") play();
    else if (e.key == "Home") move({t: 0});
    else if (way && spec.kind == "plane") { const p = place(spec, s).here; move({pick: -1, t: 0, p: [
      clamp(p[0] + way[0] * step * (spec.x[1] - spec.x[0]) / 100, ...spec.x),
      clamp(p[1] + way[1] * step * (spec.y[1] - spec.y[0]) / 100, ...spec.y)]}); }
    else if (way && way[0]) move({t: s.t + way[0] * step * dt});
    else if (way) choose((s.pick - way[1] + spec.picks.length) % spec.picks.length);
    else return;
    e.preventDefault();
  }

  let last = 0, frames = 0;
  function tick(now) {
    if (!s.playing || !box.isConnected) return;
    const [a, b] = [spec.ts[0], spec.ts.at(-1)], pace = spec.step ? 400 : 33;
    if (now - last > pace) {
      const t = s.t + (spec.step || (b - a) / 180);
      last = now;
      move({t: t > b ? a + (t - b) * !spec.step : t});
    }
    requestAnimationFrame(tick);
  }
  function play() { s.playing = !s.playing; update(); if (s.playing) requestAnimationFrame(tick); }

  parts.map.addEventListener("pointerdown", e => {
    parts.map.setPointerCapture(e.pointerId);
    parts.map.focus();
    point(e);
  });
  parts.map.addEventListener("pointermove", e => { if (e.buttons) point(e); });
  parts.map.addEventListener("keydown", key);
  parts.play.addEventListener("click", play);
  parts.pick.addEventListener("change", () => choose(+parts.pick.value));
  parts.time.addEventListener("input", () => move({t: +parts.time.value}));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", update);
  if (host && host.views) host.views(parts.views, make, option);
  update();
  box.dataset.ready = "yes";
}
