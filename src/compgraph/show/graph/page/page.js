"use strict";
(() => {
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const find = (id) => document.getElementById(id);
  const { nodes, edges, page } = read("data");
  const font = '"Segoe UI", Roboto, "DejaVu Sans", system-ui, sans-serif';
  const state = { threshold: page.threshold, group: null, selected: null, moved: false };
  edges.sort((a, b) => a.relative - b.relative); // strong edges are drawn last, on top

  const make = (tag, text, attributes = {}) => {
    const element = document.createElement(tag);
    element.textContent = text;
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    return element;
  };
  const number = (value) => (value === 0 ? "0" : String(Number(value.toPrecision(3))));
  const signed = (value) => (value > 0 ? "+" : value < 0 ? "−" : "") + number(Math.abs(value));
  const describe = (edge) =>
    `${nodes[edge.from].label} → ${nodes[edge.to].label}\neffect ${signed(edge.effect)}, weight ${number(edge.weight)}` +
    ` of ${edge.together ? "all that reaches the target's layer" : "this pair of columns"}\n${edge.kind === "between" ? "between layers" : "within a layer"}, rule ${edge.rule}`;

  // -- the picture ---------------------------------------------------------------------------------------------
  const styled = (node) => ({
    id: node.id, x: node.x, y: node.y, size: node.size, title: node.title,
    opacity: state.group === null || node.group === state.group ? 1 : 0.15,
    color: { background: node.color, border: "#ffffff",
             highlight: { background: node.color, border: "#1f2430" }, hover: { background: node.color, border: "#1f2430" } },
  });
  const drawn = (edge, id) => ({
    id, from: edge.from, to: edge.to, width: edge.width, title: describe(edge),
    color: { color: edge.color, opacity: 0.3 + 0.6 * edge.relative, highlight: "#1f2430", hover: "#1f2430", inherit: false },
  });
  // An edge that passes layers has three parts, which meet at places where nothing is drawn.
  const level = { enabled: true, type: "cubicBezier", forceDirection: "horizontal", roundness: 0.5 };
  const bend = ([x, y]) => `bend ${x} ${y}`;
  const parts = (edge, id) => {
    const whole = drawn(edge, id);
    if (!edge.route) return [whole];
    const [first, second] = edge.route.map(bend);
    return [{ ...whole, id: `${id} a`, to: first, smooth: level }, { ...whole, id: `${id} b`, from: first, to: second },
            { ...whole, id: `${id} c`, from: second, smooth: level }];
  };
  const bends = new Map(edges.flatMap((edge) => edge.route || []).map((place) => [bend(place),
    { id: bend(place), x: place[0], y: place[1], size: 0, borderWidth: 0, opacity: 0, chosen: false }]));
  const visible = (edge) =>
    edge.weight > 0 && edge.relative >= state.threshold &&
    (state.group === null || nodes[edge.from].group === state.group || nodes[edge.to].group === state.group);

  const nodeSet = new vis.DataSet([...nodes.map(styled), ...bends.values()]);
  const edgeSet = new vis.DataSet();
  const network = new vis.Network(find("network"), { nodes: nodeSet, edges: edgeSet },
                                  { ...read("options"), interaction: { ...read("options").interaction, dragNodes: false,
                                    hideEdgesOnDrag: edges.length > 4000 } });

  const orZero = (values) => (values.length ? values : [0]);
  const xs = orZero(page.columns.map((column) => column.x)), ys = orZero([...nodes, ...bends.values()].map((node) => node.y));
  const gaps = xs.slice(1).map((x, place) => x - xs[place]).filter((gap) => gap > 0);
  const room = Math.min(...gaps, 220), half = 0.46 * Math.min(...gaps, 130); // of a heading, of a panel
  const box = { left: Math.min(...xs) - room / 2, right: Math.max(...xs) + room / 2,
                top: Math.min(...ys) - 2.2 * page.row, bottom: Math.max(...ys) + page.row };

  function fit() {
    const { clientWidth: width, clientHeight: height } = find("network");
    const scale = Math.min(width / (box.right - box.left + 30), height / (box.bottom - box.top + 30), 1.25);
    network.moveTo({ position: { x: (box.left + box.right) / 2, y: (box.top + box.bottom) / 2 }, scale });
    state.moved = false;
  }

  function shorten(context, text, room) {
    if (context.measureText(text).width <= room) return text;
    let keep = Math.min(text.length, 60);
    const cut = () => text.slice(0, Math.ceil(keep / 2)) + "…" + text.slice(text.length - Math.floor(keep / 2));
    while (keep > 2 && context.measureText(cut()).width > room) keep -= 1;
    return cut();
  }

  // Layers of one depth have a height of their own; one that is alone there has all of it.
  const top = (column) => (column.top === undefined ? box.top : column.top - 2.2 * page.row);
  const bottom = (column) => (column.bottom === undefined ? box.bottom : column.bottom + 0.7 * page.row);
  network.on("beforeDrawing", (context) => { // one pale panel for each layer
    context.fillStyle = "#f3f5f8";
    const layer = (column) => `${column.depth} ${column.row}`;
    for (const name of new Set(page.columns.map(layer))) {
      const inside = page.columns.filter((column) => layer(column) === name);
      const left = Math.min(...inside.map((column) => column.x)) - half, upper = Math.min(...inside.map(top));
      context.beginPath();
      context.roundRect(left, upper, Math.max(...inside.map((column) => column.x)) + half - left,
                        Math.max(...inside.map(bottom)) - upper, 14);
      context.fill();
    }
  });

  const isDark = (color) => {
    const [red, green, blue] = [1, 3, 5].map((start) => parseInt(color.slice(start, start + 2), 16));
    return 0.299 * red + 0.587 * green + 0.114 * blue < 150;
  };
  network.on("afterDrawing", (context) => {
    context.textAlign = "center";
    context.textBaseline = "middle";
    const large = Math.min(Math.max(14, 10.5 / network.getScale()), 24); // readable when zoomed out
    for (const column of page.columns) {
      context.fillStyle = "#1f2430";
      context.font = `600 ${large}px ${font}`;
      context.fillText(shorten(context, column.subject, room - 10), column.x, top(column) + 0.45 * page.row);
      context.fillStyle = "#5b6270";
      context.font = `${0.92 * large}px ${font}`;
      context.fillText(shorten(context, column.verb, room - 10), column.x, top(column) + 0.45 * page.row + 1.25 * large);
    }
    if (network.getScale() < 0.35) return;
    context.font = `600 11px ${font}`;
    for (const node of nodes) {
      if (state.group !== null && node.group !== state.group) continue;
      context.fillStyle = isDark(node.color) ? "#ffffff" : "#1f2430";
      context.fillText(String(node.index), node.x, node.y + 0.5);
    }
  });

  // -- the side panel ------------------------------------------------------------------------------------------
  function showEdges() {
    const chosen = edges.filter(visible);
    edgeSet.clear();
    edgeSet.add(edges.flatMap((edge, id) => (visible(edge) ? parts(edge, id) : [])));
    const hidden = edges.length - chosen.length;
    const percent = Number((100 * state.threshold).toFixed(1));
    find("threshold").setAttribute("aria-valuetext", `${percent} %`);
    find("shown").textContent = `At least ${percent} % of the strongest edge between the same two columns: ` +
      `${chosen.length.toLocaleString("en")} of ${edges.length.toLocaleString("en")} edges shown, ` +
      `${hidden.toLocaleString("en")} hidden.`;
    if (state.selected !== null) mark(state.selected);
  }

  function showGroup(group) {
    state.group = state.group === group ? null : group;
    for (const button of find("legend").querySelectorAll("button"))
      button.setAttribute("aria-pressed", String(Number(button.dataset.group) === state.group));
    nodeSet.update(nodes.map(styled));
    showEdges();
  }

  function link(node, text, place) {
    const button = make("button", "", { type: "button" });
    button.append(make("span", "", { class: "swatch", style: `background:${node.color}` }), make("span", text));
    button.addEventListener("click", () => select(node.id, true));
    const item = document.createElement("li");
    item.append(button);
    place.append(item);
  }

  function mark(id) {
    network.setSelection({ nodes: [id], edges: edgeSet.getIds({ filter: (part) => {
      const edge = edges[parseInt(part.id, 10)];
      return edge.from === id || edge.to === id;
    } }) }, { highlightEdges: false });
  }

  const nothingSelected = [...find("details").childNodes];
  function unselect() {
    state.selected = null;
    network.unselectAll();
    find("details").replaceChildren(...nothingSelected);
  }

  function select(id, move) {
    state.selected = id;
    mark(id);
    if (move) network.moveTo({ position: { x: nodes[id].x, y: nodes[id].y }, scale: Math.max(network.getScale(), 0.8) });
    const list = make("ul", "", { class: "links" });
    const near = edges.filter((edge) => edge.weight > 0 && (edge.from === id || edge.to === id));
    near.sort((a, b) => b.relative - a.relative).slice(0, 8).forEach((edge) => {
      const other = nodes[edge.from === id ? edge.to : edge.from];
      link(other, `${edge.from === id ? "to" : "from"} ${other.label}: effect ${signed(edge.effect)}, ` +
                  `weight ${number(edge.weight)}`, list);
    });
    find("details").replaceChildren(make("h2", nodes[id].label, { class: "long" }), make("p", nodes[id].title, { class: "long" }),
      make("p", near.length ? `Strongest of its ${near.length} edges:` : "It has no edges."), list);
  }

  const named = nodes.map((node) => `${node.label} ${node.key} ${node.title.split(",")[0]}`.toLowerCase());
  const has = (name, word) => (/^\d+$/.test(word) ? name.split(/\s+/).includes(word) : name.includes(word)); // 1 is not fc1
  function search() {
    const wanted = find("search").value.toLowerCase().split(/\s+/).filter(Boolean);
    find("results").replaceChildren();
    if (!wanted.length) return [];
    const found = nodes.filter((node) => wanted.every((word) => has(named[node.id], word)));
    found.slice(0, 30).forEach((node) => link(node, node.label, find("results")));
    if (!found.length) find("results").append(make("li", "No node has all these words in its name."));
    return found;
  }

  function legend() {
    if (!page.legend.length)
      find("legend").append(make("li", "No groups are shown: all nodes are grey."));
    for (const entry of page.legend) {
      const button = make("button", "", { type: "button", "aria-pressed": "false", "data-group": entry.group });
      button.append(make("span", "", { class: "swatch", style: `background:${entry.color}` }),
                    make("span", `${entry.name}: ${entry.size} ${entry.size === 1 ? "node" : "nodes"}`));
      button.addEventListener("click", () => showGroup(entry.group));
      const item = document.createElement("li");
      item.append(button);
      find("legend").append(item);
    }
  }

  function savePng() {
    const source = find("network").querySelector("canvas");
    const unit = source.width / source.clientWidth, top = 64 * unit;
    const canvas = Object.assign(document.createElement("canvas"), { width: source.width, height: source.height + top });
    const context = canvas.getContext("2d");
    context.fillStyle = "#ffffff";
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.drawImage(source, 0, top);
    context.fillStyle = "#1f2430";
    context.font = `650 ${18 * unit}px ${font}`;
    context.fillText(page.title, 20 * unit, 28 * unit, canvas.width - 40 * unit);
    context.font = `${14 * unit}px ${font}`;
    context.fillText(page.summary, 20 * unit, 50 * unit, canvas.width - 40 * unit);
    let right = canvas.width - 20 * unit;
    context.textAlign = "right";
    for (const entry of page.legend.slice(0, 8).reverse()) {
      const text = `● ${shorten(context, entry.name, 160 * unit)}`;
      context.fillStyle = entry.color;
      context.fillText(text, right, 28 * unit);
      right -= context.measureText(text).width + 14 * unit;
    }
    make("a", "", { href: canvas.toDataURL("image/png"), download: "component-graph.png" }).click();
  }

  find("title").textContent = page.title;
  find("summary").textContent = page.summary;
  find("contents").textContent = page.contents;
  find("threshold").value = Math.sqrt(page.threshold); // a square root spreads the many weak edges along the slider
  find("threshold").addEventListener("input", (event) => { state.threshold = event.target.value ** 2; showEdges(); });
  find("search").addEventListener("input", search);
  find("search").addEventListener("keydown", (event) => {
    const found = event.key === "Enter" ? search() : [];
    if (found.length) select(found[0].id, true);
  });
  find("fit").addEventListener("click", fit);
  find("png").addEventListener("click", savePng);
  for (const gesture of ["zoom", "dragEnd"]) network.on(gesture, () => { state.moved = true; });
  window.addEventListener("resize", () => requestAnimationFrame(() => { if (!state.moved) fit(); }));
  window.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    if (find("search").value) { find("search").value = ""; search(); }
    else if (state.selected !== null || network.getSelectedEdges().length) unselect();
    else if (state.group !== null) showGroup(state.group);
  });
  network.on("selectNode", (event) => { if (event.nodes[0] in nodes) select(event.nodes[0], false); });
  network.on("click", (event) => { if (!event.nodes.length && !event.edges.length) unselect(); });
  network.on("selectEdge", (event) => {
    const ids = new Set(event.edges.map((id) => parseInt(id, 10)));
    if (!event.nodes.length) state.selected = null;
    if (!event.nodes.length)
      network.setSelection({ nodes: [], edges: edgeSet.getIds({ filter: (part) => ids.has(parseInt(part.id, 10)) }) });
  });
  legend();
  showEdges();
  fit();
})();
