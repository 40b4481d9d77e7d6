"use strict";
// The script of the report: search, the map of users, and tables that sort. It fetches nothing, and puts what people
// wrote into the page as text alone.

const byId = (id) => document.getElementById(id);
const data = JSON.parse(byId("data").textContent);
const reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");

// ---- Personas, and which of them are shown -------------------------------------------------------------------------

const fold = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
const personas = data.names.map((name, number) => {
  const phrases = data.phrases[number], words = data.words[number];
  return {
    number, // of its cluster, by which the page finds it; `shownNumber` is that of the persona over the days
    shownNumber: data.numbers[number],
    name, phrases, words,
    users: data.users[number],
    description: data.descriptions[number],
    colour: data.palette[data.colours[number]],
    title: fold(`#${data.numbers[number]}\n${name}`),
    text: fold([`#${data.numbers[number]}`, name, ...phrases, ...words].join("\n")),
    isFound: true, // matches the search
    isShown: true, // is found, and is the chosen one if there is one
  };
});
let chosen = null, hovered = null;
const ROWS_SHOWN = 100;

// ---- Cards of the personas beyond the first ones, made when they are opened ------------------------------------------

const CARDS_OPENED = 24, CARDS_A_CLICK = 60;
const cards = (() => {
  const box = document.querySelector(".cards"), button = byId("more-cards"), first = box.children.length;
  let further = null, asked = 0;
  const made = new Map();

  async function load() {
    if (!("DecompressionStream" in window)) return;
    const bytes = Uint8Array.from(atob(data.further.packed), (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    further = JSON.parse(await new Response(stream).text());
    for (const persona of personas.slice(first)) persona.description = further.cards[persona.number - first].about;
    for (const persona of personas) persona.text += `\n${fold(further.search[persona.number])}`;
    update();
  }

  const svg = (tag, attributes, ...children) => {
    const element = document.createElementNS(document.querySelector("svg").namespaceURI, tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  };
  const titled = (text) => { const title = svg("title", {}); title.textContent = text; return title; };
  const percent = (share) => `${Math.round(100 * share)}%`;
  const posted = (text) => { const element = make("span", "post", text); element.dir = "auto"; return element; };

  function barsOf(mix, attributes) {
    let start = 0;
    return svg("svg", { viewBox: "0 0 100 1", preserveAspectRatio: "none", ...attributes },
      ...mix.map((share, n) => {
        const bar = svg("rect", { x: 100 * start, width: 100 * share, height: 1 }, titled(`${data.further.actions[n]} ${percent(share)}`));
        start += share;
        return bar;
      }));
  }

  function comparedOf(card) {
    const parts = card.compared.flatMap(([perUser, ratio], n) => {
      const way = ratio === null ? 0 : Math.log(Math.min(Math.max(ratio, 1 / 8), 8)) / Math.log(8);
      return [
        make("span", "", data.further.actions[n]),
        svg("svg", { viewBox: "0 0 100 8", preserveAspectRatio: "none", "aria-hidden": "true" },
          svg("line", { x1: 50, x2: 50, y2: 8 }), svg("rect", { x: 50 + Math.min(way, 0) * 50, width: Math.abs(way) * 50, y: 1, height: 6 })),
        make("span", "", ratio === null ? "nobody" : `${ratio.toFixed(1)}× (${perUser.toFixed(1)} a user)`),
      ];
    });
    const box = make("div", "compared", ...parts);
    box.role = "group";
    box.ariaLabel = "Compared with everybody";
    return box;
  }

  function hoursOf(card) {
    const all = data.further.hours, peak = Math.max(...card.hours, ...all, 1), top = (share) => 24 - (22 * share) / peak;
    return svg("svg", { class: "hours", viewBox: "0 0 96 24", preserveAspectRatio: "none", role: "img", "aria-label": "Actions by hour of the day, UTC" },
      ...card.hours.map((share, n) => svg("rect", { x: 4 * n, y: top(share), width: 3, height: 24 - top(share) })),
      svg("polyline", { points: all.map((share, n) => `${4 * n + 1.5},${top(share)}`).join(" ") }));
  }

  const folded = (title, list) => make("details", "", make("summary", "", title), list);

  function render(persona) {
    const card = further.cards[persona.number - first];
    const dot = make("i", "dot");
    dot.style.background = persona.colour;
    const words = make("p", "words", ...card.words.map((word) => make("span", "", isolated(word))));
    const article = make("article", "card",
      make("header", "", dot, make("span", "number", String(persona.shownNumber)), make("h3", "", isolated(persona.name))),
      ...(persona.description ? [make("p", "", isolated(persona.description))] : []),
      make("p", "small", `${count(persona.users, "user")}, ${(100 * card.share).toFixed(1)}% of all (`, make("code", "", `cluster_${persona.number}`),
        ` of the files); ${count(card.total, "action")}. Its median user: ${card.medians[0]} posts, ${card.medians[1]} replies, ${card.medians[2]} likes.`),
      words,
      barsOf(card.mix, { class: "mix", role: "img", "aria-label": "What its users do" }),
      barsOf(data.further.mix, { class: "mix all", "aria-hidden": "true" }),
      comparedOf(card),
      hoursOf(card),
      make("div", "small axis", ...["0", "6", "12", "18", "24 h UTC"].map((hour) => make("span", "", hour))),
      ...card.posts.map(([text, cosine]) => make("blockquote", "", posted(text), make("div", "small", `cosine ${cosine.toFixed(2)}`))),
    );
    if (card.thread.length) {
      const list = make("ol", "thread", ...card.thread.map(([speaker, isMember, text]) =>
        make("li", "", make("b", "", speaker + (isMember ? "" : " (not of this persona)")), posted(text))));
      article.append(folded("A typical thread", list));
    }
    if (card.nearest.length) {
      const links = card.nearest.flatMap(([number, cosine], n) => {
        const link = make("a", "", `${personas[number].shownNumber} `, isolated(personas[number].name));
        link.href = number < first ? `#persona-${number}` : `#row-${number}`;
        return [n ? ", " : " ", link, ` (${cosine.toFixed(2)})`];
      });
      article.append(make("p", "small", "Most like", ...links, "."));
    }
    if (card.topics.length)
      article.append(folded(count(card.topics.length, "topic"), make("ol", "", ...card.topics.map((topic) => make("li", "", topic.join(", "))))));
    if (card.posts.length && !further.threads) article.append(make("p", "small", "With so many personas, this page has fewer texts of each."));
    article.id = `persona-${persona.number}`;
    return article;
  }

  button.onclick = () => { asked += CARDS_A_CLICK; update(); };
  return {
    load,
    /** Make the cards that are to be seen, and take those away that are not. */
    update() {
      const beyond = personas.slice(first).filter((persona) => persona.isShown);
      const isFiltered = beyond.length < personas.length - first;
      const wanted = !further ? [] : isFiltered ? beyond.slice(0, Math.max(CARDS_OPENED, asked)) : beyond.slice(0, asked);
      for (const [persona, card] of made) if (!wanted.includes(persona)) { card.remove(); made.delete(persona); }
      for (const persona of wanted) if (!made.has(persona)) made.set(persona, render(persona));
      // Only what is not in its place is moved: a card that is moved would be laid out anew.
      wanted.forEach((persona, n) => {
        if (box.children[first + n] !== made.get(persona)) box.insertBefore(made.get(persona), box.children[first + n] ?? null);
      });
      setHidden(button, !further || wanted.length >= beyond.length);
      button.textContent = `Show ${Math.min(CARDS_A_CLICK, beyond.length - wanted.length)} more cards`;
    },
  };
})();

function setHidden(element, hidden) {
  if (element && element.hidden !== hidden) element.hidden = hidden;
}

function update() {
  const terms = fold(byId("filter").value).split(/\s+/).filter(Boolean);
  for (const persona of personas) {
    persona.isFound = terms.every((term) => persona.text.includes(term));
    persona.isNamedSo = terms.every((term) => persona.title.includes(term));
  }
  if (chosen && !chosen.isFound) chosen = null;
  for (const persona of personas) {
    persona.isShown = persona.isFound && (!chosen || chosen === persona);
    setHidden(byId(`persona-${persona.number}`), !persona.isShown);
    setHidden(byId(`row-${persona.number}`), !persona.isShown);
    list.update(persona);
  }
  cards.update();
  document.querySelectorAll(".long").forEach(limitRows);
  describe();
  map?.redraw();
}

/** Show the first rows of a long table: a thousand with all their cells would take the browser a quarter of a second. */
function limitRows(table) {
  const rows = [...table.tBodies[0].rows].filter((row) => !row.hidden), button = byId(`${table.id}-more`);
  const most = table.dataset.all ? Infinity : ROWS_SHOWN;
  rows.forEach((row, n) => { if (row.classList.contains("beyond") !== n >= most) row.classList.toggle("beyond"); });
  setHidden(button, rows.length <= most);
  button.textContent = `Show all ${rows.length.toLocaleString("en")} rows`;
  button.onclick = () => { table.dataset.all = "yes"; limitRows(table); };
}

/** Say how many personas are shown, and what the chosen one is. */
function describe() {
  const shown = personas.filter((persona) => persona.isShown);
  const users = shown.reduce((sum, persona) => sum + persona.users, 0);
  const all = shown.length === personas.length;
  byId("status").textContent = all ? count(personas.length, "persona") :
    `${shown.length.toLocaleString("en")} of ${count(personas.length, "persona")}, ${count(users, "user")}`;
  byId("reset").disabled = all && !chosen && !byId("filter").value;
  setHidden(byId("nothing"), shown.length > 0);
  const card = chosen && byId(`persona-${chosen.number}`);
  setHidden(byId("no-card"), !chosen || Boolean(card));
  byId("chosen")?.replaceChildren(...(chosen ? detailsOf(chosen, card) : [make("p", "small", byId("chosen").dataset.hint)]));
}

const count = (number, noun) => `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;

function make(tag, className, ...children) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...children);
  return element;
}

const isolated = (text) => make("bdi", "", text);

function nameOf(persona) {
  const dot = make("i", "dot");
  dot.style.background = persona.colour;
  return [dot, make("span", "number", String(persona.shownNumber)), isolated(persona.name)];
}

/** Return what the page says in short of one persona. */
function detailsOf(persona, card) {
  const link = make("a", "", card ? "Its card" : "Its row in the table");
  link.href = card ? `#persona-${persona.number}` : `#row-${persona.number}`;
  return [
    make("p", "name", ...nameOf(persona)),
    ...(persona.description ? [make("p", "", isolated(persona.description))] : []),
    make("p", "small", ...phrasesOf(persona)),
    make("p", "small", `${count(persona.users, "user")}. `, link),
  ];
}

function phrasesOf(persona) {
  const shown = (persona.phrases.length ? persona.phrases : persona.words).slice(0, 8);
  return shown.flatMap((phrase, n) => (n ? [" · ", isolated(phrase)] : [isolated(phrase)]));
}

function choose(persona) {
  if (persona && !persona.isFound) byId("filter").value = "";
  chosen = persona;
  update();
  if (persona) list.reveal(persona);
}

function reset() {
  byId("filter").value = "";
  hovered = chosen = null;
  update();
  map?.fit();
}

// ---- The list beside the map: every persona as a button ------------------------------------------------------------

const list = (() => {
  const body = byId("list")?.tBodies[0];
  if (!body) return { update() {}, reveal() {} };
  const most = Math.max(...personas.map((persona) => persona.users), 1);
  const rows = personas.map((persona) => {
    const button = make("button", "pick", ...nameOf(persona));
    button.type = "button";
    button.onclick = () => { choose(chosen === persona ? null : persona); if (chosen) map?.show([persona]); };
    button.onfocus = button.onmouseenter = () => map?.hover(persona);
    button.onblur = button.onmouseleave = () => map?.hover(null);
    const bar = make("span", "bar");
    bar.style.width = `${(100 * persona.users) / most}%`;
    return make("tr", "", make("td", "", button, bar), make("td", "", persona.users.toLocaleString("en")));
  });
  body.append(...rows);
  return {
    update(persona) {
      const row = rows[persona.number];
      setHidden(row, !persona.isFound);
      const pressed = String(chosen === persona);
      const button = row.firstChild.firstChild;
      if (button.ariaPressed !== pressed) button.ariaPressed = pressed;
    },
    reveal(persona) {
      const box = byId("list").parentElement, row = rows[persona.number];
      row.classList.remove("beyond");
      if (row.offsetTop < box.scrollTop || row.offsetTop + row.offsetHeight > box.scrollTop + box.clientHeight)
        box.scrollTop = row.offsetTop - box.clientHeight / 2;
    },
  };
})();

// ---- Groups of personas, as lists that unfold ------------------------------------------------------------------------

function groupBy(some, keyOf) {
  const groups = new Map();
  for (const one of some) groups.set(keyOf(one), [...(groups.get(keyOf(one)) ?? []), one]);
  return groups;
}

/** Return the list of the groups of a level within some personas, or of these personas below the finest level. */
function listGroups(level, members) {
  const finest = level === data.levels.length;
  if (finest) return make("ul", "", ...members.map((persona) => {
    const link = make("a", "", ...nameOf(persona));
    link.href = byId(`persona-${persona.number}`) ? `#persona-${persona.number}` : `#row-${persona.number}`;
    return make("li", "", link, make("span", "small", ` ${count(persona.users, "user")}`));
  }));
  const groups = groupBy(members, (persona) => data.levels[level].group_of[persona.number]);
  return make("ul", "", ...[...groups].sort(([a], [b]) => a - b).map(([group, some]) => {
    const users = some.reduce((sum, persona) => sum + persona.users, 0);
    const title = make("summary", "", isolated(data.levels[level].names[group]), make("span", "small", ` ${count(some.length, "persona")}, ${count(users, "user")}`));
    const details = make("details", "", title);
    // A thousand names are made when they are asked for.
    details.addEventListener("toggle", () => { if (details.open && !details.children[1]) details.append(listGroups(level + 1, some)); });
    return make("li", "", details);
  }));
}
if (byId("tree")) byId("tree").append(listGroups(0, personas));

// ---- The map -------------------------------------------------------------------------------------------------------

const LARGEST_ZOOM = 60, CLICK_PIXELS = 5, REACH_PIXELS = 12, MARGIN = 36, KEY_PAN_PIXELS = 60, KEY_ZOOM = 1.4;
const PERSONAS_NAMED_AT_ONCE = 30, ZOOM_OF_A_LEVEL = 1.8;
const LETTERS_OF_A_LINE = 20, LINES_OF_A_LABEL = 2, LABEL_GAP = 6;
// Where a label may stand: in the middle of its persona, or above or below that by a share of its height.
const RAISED = [0, 0.5, -0.5, 0.9, -0.9];

/** Return the users of the map: x and y from 0 to 1, the persona of each, whether it is an outlier. */
function decodePoints(encoded) {
  const bytes = Uint8Array.from(atob(encoded.positions), (letter) => letter.charCodeAt(0));
  const grid = new Uint16Array(bytes.buffer); // little-endian, as every browser's machine is
  const n = grid.length / 2, points = { n, x: new Float32Array(n), y: new Float32Array(n) };
  points.persona = new Int32Array(n);
  points.isOutlier = new Uint8Array(n);
  let at = 0;
  encoded.points.forEach((size, persona) => {
    points.persona.fill(persona, at, at + size);
    points.isOutlier.fill(1, at + size - encoded.outliers[persona], at + size);
    at += size;
  });
  for (let i = 0; i < n; i++) {
    points.x[i] = grid[2 * i] / 65535;
    points.y[i] = 1 - grid[2 * i + 1] / 65535; // the canvas counts downwards
  }
  // Drawn in order of their personas the last would hide the others. The step has no factor in common with n.
  const step = n % 1000003 ? 1000003 : 999983;
  points.order = Uint32Array.from({ length: n }, (_, i) => (i * step) % n);
  points.phrases = encoded.phrases;
  return points;
}

/** Return a colour such as `#1f77b4` as the number of an opaque pixel: alpha, blue, green, red. */
function packHex(hex) {
  const [red, green, blue] = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
  return 0xff000000 | (blue << 16) | (green << 8) | red;
}

const quantile = (sorted, q) => sorted[Math.round(q * (sorted.length - 1))];

/** Return the middle of these users and the box of most: all but the share `beyond` at each side. */
function boxOfMost(points, members, beyond) {
  const [x, y] = [points.x, points.y].map((values) => Float32Array.from(members, (i) => values[i]).sort());
  return {
    x: quantile(x, 0.5), y: quantile(y, 0.5),
    left: quantile(x, beyond), right: quantile(x, 1 - beyond), top: quantile(y, beyond), bottom: quantile(y, 1 - beyond),
  };
}

/** Break a name into the lines of its label, without signs that turn or stack letters; last phrases that do not fit are left out. */
function linesOf(name) {
  const phrases = name.replace(/[\p{Cc}\p{Cf}]/gu, "").replace(/(\p{M}{2})\p{M}+/gu, "$1").split(" · ").slice(0, 5);
  let lines = breakLines(phrases);
  while (lines.length > LINES_OF_A_LABEL && phrases.length > 1) {
    phrases.pop();
    lines = breakLines(phrases);
  }
  const kept = lines.slice(0, LINES_OF_A_LABEL).map((line) => shorten(line, LETTERS_OF_A_LINE + 4));
  if (lines.length > kept.length && !kept[kept.length - 1].endsWith("…")) kept[kept.length - 1] += " …";
  return kept;
}

function breakLines(phrases) {
  const lines = [""];
  for (const word of phrases.join(" · ").split(/\s+/).filter(Boolean).slice(0, 20)) {
    const last = lines[lines.length - 1];
    // A dot between phrases stays on the line of the phrase before it.
    if (last && word !== "·" && last.length + word.length >= LETTERS_OF_A_LINE) lines.push(word);
    else lines[lines.length - 1] = last ? `${last} ${word}` : word;
  }
  return lines;
}

function shorten(text, most) {
  const letters = [...text.slice(0, 4 * most)];
  return letters.length > most ? `${letters.slice(0, most - 1).join("")}…` : text;
}

function createMap(canvas, encoded) {
  const context = canvas.getContext("2d"), tooltip = byId("tooltip");
  const points = decodePoints(encoded);
  const members = personas.map(() => []);
  for (let i = 0; i < points.n; i++) members[points.persona[i]].push(i);
  // Where the middle of a persona's users is, outliers aside.
  const places = members.map((all) => {
    const core = all.filter((i) => !points.isOutlier[i]);
    return all.length ? boxOfMost(points, core.length ? core : all, 0.05) : null;
  });
  // What the map shows first: all but the few users who are farthest out, to whom one can move.
  const whole = boxOfMost(points, Array.from(points.order), 0.003);
  const mostUsers = Math.max(...personas.map((persona) => persona.users), 1);
  const labels = personas.map((persona) => ({
    persona, lines: linesOf(persona.name), size: 12 + Math.round(4 * Math.sqrt(persona.users / mostUsers)), width: 0,
  }));
  const bySize = labels.filter((label) => places[label.persona.number]).sort((a, b) => b.persona.users - a.persona.users);
  // Names of the groups of each level, which stand for those of many personas while these have no room.
  const groupLabels = personas.length < PERSONAS_NAMED_AT_ONCE ? [] : data.levels.map((level) => level.names.map((name, group) => {
    const some = personas.filter((persona) => level.group_of[persona.number] === group);
    const users = some.flatMap((persona) => members[persona.number]);
    return { group: some, lines: linesOf(name), size: 14, width: 0, place: users.length ? boxOfMost(points, users, 0.05) : null };
  }).filter((label) => label.place));
  const view = { x: 0.5, y: 0.5, scale: 1 };
  let width = 0, height = 0, ratio = 1, fitted = 1, nearest = -1, atCentre = false, placed = [], buttons = null, sheet = null;
  let isScheduled = false, animation = 0, style = null;

  // -- the view

  const toScreen = (x, y) => [(x - view.x) * view.scale + width / 2, (y - view.y) * view.scale + height / 2];

  function viewOf(box, largest) {
    const scale = Math.min((width - 2 * MARGIN) / Math.max(box.right - box.left, 1e-4), (height - 2 * MARGIN) / Math.max(box.bottom - box.top, 1e-4));
    return { x: (box.left + box.right) / 2, y: (box.top + box.bottom) / 2, scale: Math.min(scale, largest) };
  }

  const wholeView = () => viewOf(whole, 1e5);

  /** Move to a view: at once, or in a quarter of a second where motion is welcome. */
  function moveTo(target) {
    cancelAnimationFrame(animation);
    if (reducedMotion.matches) return setView(target);
    const from = { ...view }, start = performance.now();
    const step = (now) => {
      const t = Math.min(Math.max((now - start) / 250, 0), 1), eased = t * (2 - t);
      const scale = from.scale * (target.scale / from.scale) ** eased;
      // The share of the way that keeps what is in the middle moving evenly while the scale grows.
      const way = target.scale === from.scale ? eased : (1 / from.scale - 1 / scale) / (1 / from.scale - 1 / target.scale);
      setView({ x: from.x + (target.x - from.x) * way, y: from.y + (target.y - from.y) * way, scale });
      if (t < 1) animation = requestAnimationFrame(step);
    };
    animation = requestAnimationFrame(step);
  }

  function setView({ x, y, scale }) {
    view.scale = Math.min(Math.max(scale, fitted * 0.8), fitted * LARGEST_ZOOM);
    view.x = Math.min(Math.max(x, 0), 1);
    view.y = Math.min(Math.max(y, 0), 1);
    redraw();
  }

  function zoomAt(x, y, factor) {
    cancelAnimationFrame(animation);
    const scale = Math.min(Math.max(view.scale * factor, fitted * 0.8), fitted * LARGEST_ZOOM);
    const shift = 1 / view.scale - 1 / scale;
    setView({ x: view.x + (x - width / 2) * shift, y: view.y + (y - height / 2) * shift, scale });
  }

  function panBy(dx, dy) {
    cancelAnimationFrame(animation);
    setView({ x: view.x - dx / view.scale, y: view.y - dy / view.scale, scale: view.scale });
  }

  function fit() {
    nearest = -1;
    moveTo(wholeView());
    describePoint();
  }

  /** Move to where these personas are. */
  function show(some) {
    const boxes = some.map((persona) => places[persona.number]).filter(Boolean);
    if (!boxes.length) return;
    const box = { left: Math.min(...boxes.map((one) => one.left)), right: Math.max(...boxes.map((one) => one.right)),
      top: Math.min(...boxes.map((one) => one.top)), bottom: Math.max(...boxes.map((one) => one.bottom)) };
    const target = viewOf(box, fitted * 8);
    moveTo({ ...target, scale: Math.max(target.scale * 0.6, fitted) });
  }

  // -- drawing

  function redraw() {
    if (isScheduled) return;
    isScheduled = true;
    requestAnimationFrame(() => { isScheduled = false; draw(); });
  }

  function readStyle() {
    const value = (name) => getComputedStyle(canvas).getPropertyValue(name).trim();
    style = { ink: value("--ink"), halo: value("--panel"), ground: packHex(value("--panel")), faint: packHex(value("--faint")), font: getComputedStyle(document.body).fontFamily };
    sheet = null;
    for (const label of [...labels, ...groupLabels.flat()]) label.width = 0;
  }

  /** Return an empty picture of the map with a rim that holds dots at its edge, and the pixels of full and hollow dots. */
  function makeSheet(radius) {
    const rim = Math.ceil(radius * ratio) + 1, image = new ImageData(canvas.width + 2 * rim, canvas.height + 2 * rim);
    const outer = radius * ratio, line = Math.max(1, 1.3 * ratio), full = [], hollow = [];
    for (let y = -rim; y <= rim; y++) {
      for (let x = -rim; x <= rim; x++) {
        const within = (edge) => Math.min(Math.max(edge + 0.5 - Math.hypot(x, y), 0), 1);
        const offset = y * image.width + x, share = within(outer), ring = share - within(outer - line);
        if (share > 0) full.push(offset, Math.round(share * 0.85 * 256));
        if (ring > 0) hollow.push(offset, Math.round(ring * 256));
      }
    }
    return { radius, rim, image, pixels: new Uint32Array(image.data.buffer), dots: [full, hollow].map((dot) => Int32Array.from(dot)) };
  }

  /** Return the radius of a dot: a tenth of the map is covered, however many there are; larger when zoomed in. */
  function radiusNow() {
    const covering = Math.min(Math.max(Math.sqrt((0.1 * width * height) / (Math.PI * Math.max(points.n, 1))), 1.6), 4.5);
    return Math.round(4 * covering * Math.min((view.scale / fitted) ** 0.3, 2.2)) / 4;
  }

  function draw() {
    if (!width) return;
    if (!style) readStyle();
    const radius = radiusNow();
    if (sheet?.radius !== radius) sheet = makeSheet(radius);
    sheet.pixels.fill(style.ground);
    if (personas.some((persona) => !persona.isShown)) drawPoints((persona) => !persona.isShown, personas.map(() => style.faint));
    drawPoints((persona) => persona.isShown, personas.map((persona) => packHex(persona.colour)));
    context.putImageData(sheet.image, -sheet.rim, -sheet.rim);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    if (nearest >= 0) drawRing(nearest, radius + 3);
    drawLabels();
    if (atCentre && document.activeElement === canvas) drawCross();
    canvas.dataset.labels = placed.length;
  }

  /** Blend dots into the pixels of the sheet. For 10,000 that takes 2 ms, and as many calls of `drawImage` 25. */
  function drawPoints(isDrawn, colours) {
    const { rim, image, pixels, dots } = sheet, { x, y, persona, isOutlier, order, n } = points;
    const drawn = personas.map(isDrawn), scale = view.scale * ratio, right = image.width - rim, bottom = image.height - rim;
    const left = (width * ratio) / 2 - view.x * scale + rim, top = (height * ratio) / 2 - view.y * scale + rim;
    for (let j = 0; j < n; j++) {
      const i = order[j], number = persona[i];
      if (!drawn[number]) continue;
      const px = Math.round(x[i] * scale + left), py = Math.round(y[i] * scale + top);
      if (px < rim || py < rim || px >= right || py >= bottom) continue;
      const dot = dots[isOutlier[i]], base = py * image.width + px, redBlue = colours[number] & 0xff00ff, green = colours[number] & 0xff00;
      for (let k = 0; k < dot.length; k += 2) {
        const at = base + dot[k], share = dot[k + 1], below = pixels[at], rb = below & 0xff00ff, g = below & 0xff00;
        // Red and blue in one product: what one of them carries over into the other's bits is masked.
        pixels[at] = 0xff000000 | ((rb + (Math.imul(redBlue - rb, share) >> 8)) & 0xff00ff) | ((g + (Math.imul(green - g, share) >> 8)) & 0xff00);
      }
    }
  }

  function drawRing(i, radius) {
    context.beginPath();
    context.arc(...toScreen(points.x[i], points.y[i]), radius, 0, 2 * Math.PI);
    context.strokeStyle = style.ink;
    context.lineWidth = 1.5;
    context.stroke();
  }

  function drawCross() {
    context.beginPath();
    for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
      context.moveTo(width / 2 + 5 * dx, height / 2 + 5 * dy);
      context.lineTo(width / 2 + 13 * dx, height / 2 + 13 * dy);
    }
    context.strokeStyle = style.ink;
    context.lineWidth = 1.5;
    context.stroke();
  }

  /** Place names where none covers another, those of the largest personas first. */
  function drawLabels() {
    placed = [];
    const first = labels.filter(({ persona }) => persona === hovered || persona === chosen);
    const level = Math.floor(Math.log(view.scale / fitted) / Math.log(ZOOM_OF_A_LEVEL) + 1e-6);
    const groups = chosen ? [] : (groupLabels[Math.max(level, 0)] ?? []);
    // Where a search leaves few personas, their own names have room.
    const few = personas.filter((persona) => persona.isShown).length < PERSONAS_NAMED_AT_ONCE;
    for (const label of [...first, ...(groups.length && !few ? groups : bySize)]) {
      const place = label.group ? label.place : places[label.persona.number];
      if (!place) continue;
      if (label.group ? !label.group.some((persona) => persona.isShown) : !label.persona.isShown && label.persona !== hovered) continue;
      if (placed.some((box) => box.label === label)) continue;
      const [x, y] = toScreen(place.x, place.y);
      if (x < 0 || y < 0 || x > width || y > height) continue;
      const box = RAISED.map((share) => boxOf(label, x, y, share)).find((one) => !overlap(one, buttons) && !placed.some((other) => overlap(one, other)));
      if (box) placed.push(box);
    }
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.lineJoin = "round";
    for (const box of placed) drawLabel(box);
  }

  // A narrow map has smaller letters.
  const sizeOf = (label) => (width < 500 ? label.size - 2 : label.size);
  const heightOf = (label) => 1.2 * sizeOf(label);
  const fontOf = (label) => `600 ${sizeOf(label)}px ${style.font}`;

  function boxOf(label, x, y, raised) {
    if (!label.width) {
      context.font = fontOf(label);
      label.width = Math.max(...label.lines.map((line) => context.measureText(line).width));
    }
    const w = label.width + 2 * LABEL_GAP, h = label.lines.length * heightOf(label) + LABEL_GAP;
    const cx = Math.min(Math.max(x, w / 2), Math.max(width - w / 2, w / 2));
    const cy = Math.min(Math.max(y - raised * h, h / 2), height - h / 2);
    return { label, cx, cy, left: cx - w / 2, right: cx + w / 2, top: cy - h / 2, bottom: cy + h / 2 };
  }

  const overlap = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;

  function drawLabel({ label, cx, cy }) {
    const isStrong = !label.group && (label.persona === hovered || label.persona === chosen);
    context.font = fontOf(label);
    context.strokeStyle = style.halo;
    context.fillStyle = style.ink;
    context.lineWidth = isStrong ? 6 : 4;
    label.lines.forEach((line, n) => {
      const y = cy + (n - (label.lines.length - 1) / 2) * heightOf(label);
      context.strokeText(line, cx, y);
      context.fillText(line, cx, y);
    });
    if (!isStrong) return;
    const bottom = cy + (label.lines.length * heightOf(label)) / 2 + 1;
    context.fillStyle = label.persona.colour;
    context.fillRect(cx - label.width / 2, bottom, label.width, 3);
  }

  // -- what is under the pointer, or in the middle of the map for the keyboard

  function findNearest(x, y, reach) {
    let best = -1, least = reach * reach;
    for (let i = 0; i < points.n; i++) {
      const dx = (points.x[i] - view.x) * view.scale + width / 2 - x, dy = (points.y[i] - view.y) * view.scale + height / 2 - y;
      const square = dx * dx + dy * dy;
      if (square < least && personas[points.persona[i]].isShown) [best, least] = [i, square];
    }
    return best;
  }

  const labelAt = (x, y) => placed.find((box) => x > box.left && x < box.right && y > box.top && y < box.bottom)?.label;

  /** Look at a place: the persona of its label, or of the nearest dot. */
  function lookAt(x, y, reach) {
    const named = labelAt(x, y), label = named?.group ? undefined : named;
    const point = findNearest(x, y, label ? 4 : reach);
    const persona = label ? label.persona : point >= 0 ? personas[points.persona[point]] : null;
    const user = label && point >= 0 && personas[points.persona[point]] !== persona ? -1 : point;
    if (persona === hovered && user === nearest) return;
    hovered = persona;
    nearest = user;
    describePoint(x, y);
    redraw();
  }

  function describePoint(x = width / 2, y = height / 2) {
    canvas.classList.toggle("over", Boolean(hovered));
    tooltip.hidden = !hovered || (nearest < 0 && !labelAt(x, y));
    if (tooltip.hidden) return;
    const user = points.phrases?.[nearest];
    tooltip.replaceChildren(
      make("p", "name", ...nameOf(hovered)),
      make("p", "small", ...phrasesOf(hovered)),
      ...(user ? [make("p", "small", "This user: ", isolated(user))] : []),
      make("p", "small", count(hovered.users, "user") + (points.isOutlier[nearest] ? "; this one is an outlier" : "")),
    );
    const left = x + 16 + tooltip.offsetWidth > width ? Math.max(x - 16 - tooltip.offsetWidth, 0) : x + 16;
    tooltip.style.left = `${left}px`;
    tooltip.style.top = `${Math.max(Math.min(y + 16, height - tooltip.offsetHeight - 8), 0)}px`;
  }

  function leave() {
    hovered = null;
    nearest = -1;
    describePoint();
    redraw();
  }

  // -- pointer and keys

  const pointers = new Map();
  let travelled = 0;

  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    if (!pointers.size) travelled = 0;
    else travelled = Infinity; // two fingers are no click
    pointers.set(event.pointerId, { x: event.offsetX, y: event.offsetY });
    atCentre = false;
  });
  canvas.addEventListener("pointermove", (event) => {
    const x = event.offsetX, y = event.offsetY, before = pointers.get(event.pointerId);
    if (!before) return lookAt(x, y, REACH_PIXELS);
    travelled += Math.hypot(x - before.x, y - before.y);
    if (pointers.size === 1 && travelled > CLICK_PIXELS) {
      if (hovered) leave();
      panBy(x - before.x, y - before.y);
    } else if (pointers.size === 2) {
      const other = [...pointers].find(([id]) => id !== event.pointerId)[1];
      const apart = Math.hypot(x - other.x, y - other.y), was = Math.hypot(before.x - other.x, before.y - other.y);
      panBy((x - before.x) / 2, (y - before.y) / 2);
      zoomAt((x + other.x) / 2, (y + other.y) / 2, apart / Math.max(was, 1));
    }
    pointers.set(event.pointerId, { x, y });
  });
  canvas.addEventListener("pointerup", (event) => {
    const isClick = pointers.delete(event.pointerId) && travelled <= CLICK_PIXELS;
    if (!isClick) return;
    lookAt(event.offsetX, event.offsetY, event.pointerType === "mouse" ? REACH_PIXELS : 2 * REACH_PIXELS);
    const label = labelAt(event.offsetX, event.offsetY);
    if (label?.group) return show(label.group); // a group opens by going there
    choose(hovered);
  });
  canvas.addEventListener("pointercancel", (event) => pointers.delete(event.pointerId));
  canvas.addEventListener("pointerleave", () => { if (!pointers.size && !atCentre) leave(); });
  canvas.addEventListener("wheel", (event) => {
    // Zoomed out wholly, the wheel scrolls the page on.
    if (event.deltaY > 0 && view.scale <= fitted) return;
    event.preventDefault();
    const pixels = event.deltaMode ? event.deltaY * 30 : event.deltaY;
    zoomAt(event.offsetX, event.offsetY, Math.max(Math.exp(-pixels * 0.002), fitted / view.scale));
  }, { passive: false });
  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const steps = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }, step = steps[event.key];
    if (step) panBy(KEY_PAN_PIXELS * step[0], KEY_PAN_PIXELS * step[1]);
    else if (event.key === "+" || event.key === "=") zoomAt(width / 2, height / 2, KEY_ZOOM);
    else if (event.key === "-" || event.key === "_") zoomAt(width / 2, height / 2, 1 / KEY_ZOOM);
    else if (event.key === "0" || event.key === "Home") fit();
    else if (event.key === "Enter" || event.key === " ") choose(hovered);
    else return;
    event.preventDefault();
    atCentre = true;
    if (step || "+=-_".includes(event.key)) lookAt(width / 2, height / 2, 4 * REACH_PIXELS);
  });
  canvas.addEventListener("blur", () => { if (atCentre) { atCentre = false; leave(); } });
  byId("zoom-in").onclick = () => zoomAt(width / 2, height / 2, KEY_ZOOM);
  byId("zoom-out").onclick = () => zoomAt(width / 2, height / 2, 1 / KEY_ZOOM);
  byId("zoom-fit").onclick = fit;

  new ResizeObserver(() => {
    const wasFitted = !width || Math.abs(view.scale / fitted - 1) < 1e-3;
    [width, height, ratio] = [canvas.clientWidth, canvas.clientHeight, Math.min(devicePixelRatio || 1, 3)];
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    if (!width) return; // hidden, as in print
    style = null; // and with it the pictures of dots and the widths of labels
    const zoom = byId("zoom-in").parentElement;
    buttons = { left: zoom.offsetLeft, right: width, top: 0, bottom: zoom.offsetTop + zoom.offsetHeight };
    fitted = wholeView().scale;
    setView(wasFitted ? wholeView() : view);
    draw(); // a canvas that was resized is empty, and would flicker until the next frame
  }).observe(canvas);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { style = null; redraw(); });

  return {
    redraw, fit, show,
    hover(persona) {
      hovered = persona;
      nearest = -1;
      tooltip.hidden = true;
      redraw();
    },
    // Where things are, for tests of the page.
    find: (number) => places[number] && toScreen(places[number].x, places[number].y),
    view: () => ({ ...view, fitted }),
    labels: () => placed.map(({ label, left, right, top, bottom }) => ({ number: label.group ? null : label.persona.number, lines: label.lines, left, right, top, bottom })),
  };
}

document.documentElement.classList.add("js");
byId("explore").hidden = false;
const map = data.map ? createMap(byId("map"), data.map) : null;
window.personaMap = map;

// ---- Search, links and tables --------------------------------------------------------------------------------------

byId("filter").addEventListener("input", update);
byId("filter").addEventListener("keydown", (event) => {
  if (event.key !== "Enter") return;
  event.preventDefault();
  // Enter goes from one match to the next: first those whose name matches, then those whose words do.
  const found = personas.filter((persona) => persona.isFound).sort((a, b) => b.isNamedSo - a.isNamedSo);
  if (!found.length) return;
  choose(found[(found.indexOf(chosen) + 1) % found.length]);
  map?.show([chosen]);
});
byId("reset").onclick = reset;
document.addEventListener("keydown", (event) => { if (event.key === "Escape") reset(); });
document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[href^='#']"), target = link && byId(link.hash.slice(1));
  // What a link leads to is shown, though filtered out or beyond the first rows.
  if (target && !target.checkVisibility()) choose(personas[+link.hash.split("-")[1]]);
});

for (const table of document.querySelectorAll(".sorts")) {
  const value = (row, n) => { const t = row.cells[n].textContent.trim(), x = +t.replaceAll(",", ""); return isNaN(x) ? t : x; };
  table.querySelectorAll("th button").forEach((button, n) => {
    let sign = n === 1 ? -1 : 1;
    button.onclick = () => {
      sign = -sign;
      const rows = [...table.tBodies[0].rows];
      rows.sort((a, b) => { const x = value(a, n), y = value(b, n); return sign * (x < y ? -1 : x > y ? 1 : 0); });
      table.tBodies[0].append(...rows);
      limitRows(table);
      for (const head of table.querySelectorAll("th")) head.removeAttribute("aria-sort");
      button.parentElement.ariaSort = sign < 0 ? "descending" : "ascending";
    };
  });
}

update();
cards.load();
