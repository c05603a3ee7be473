"use strict";
(() => {
  const page = JSON.parse(document.getElementById("page-data").textContent);
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const chosen = { backbone: new Set(), strategy: new Set() }; // nothing chosen: all are shown
  const detail = page.boards.map(() => 0); // the cell that is shown by itself, for each board
  const stale = new Set();
  root.classList.add("js");

  const element = (name, attributes = {}, ...children) => {
    const made = Object.assign(document.createElement(name), attributes);
    made.append(...children);
    return made;
  };
  const isShown = (cell) =>
    ["backbone", "strategy"].every((key) => !chosen[key].size || chosen[key].has(cell[key]));

  // Charts

  const boardOf = (id) => page.boards[parseInt(id, 10) - 1];
  function rowsOf(id) {
    const { data, perCell } = page.figures[id];
    const board = parseInt(id, 10) - 1, cells = page.boards[board].cells, columns = Object.entries(data);
    const rows = [];
    for (let i = 0; i < columns[0][1].length; i++) {
      const row = Object.fromEntries(columns.map(([name, values]) => [name, values[i]]));
      if (row.c !== undefined) {
        if (!isShown(cells[row.c]) || (perCell && row.c !== detail[board])) continue;
        Object.assign(row, cells[row.c], { order: row.c });
      }
      rows.push(row);
    }
    return rows;
  }

  const pen = document.createElement("canvas").getContext("2d");
  function widest(words) {
    pen.font = `12px ${page.config.font}`;
    return Math.max(0, ...[...new Set(words)].map((word) => pen.measureText(word).width));
  }
  function specOf(id, colours, width) {
    const { spec, panels, least, most: limit } = page.figures[id], rows = rowsOf(id);
    const most = Math.min(240, Math.round(0.4 * width));
    let part = spec.concat?.[0] ?? spec.spec ?? spec;
    while (part.layer) part = part.layer[0];
    const { y } = part.encoding;
    const labels = y?.type === "nominal" ? Math.min(most, widest(rows.map((row) => String(row[y.field])))) : 30;
    const each = spec.concat !== undefined || spec.resolve?.scale?.y === "independent"; // has labels of its own
    const narrow = width < 500;
    const fill = (value) =>
      JSON.parse(JSON.stringify(value), (_, each) => (each === "@labels" ? most : colours[each] ?? each));
    const made = fill(spec), space = made.spacing ?? (made.concat ? 56 : 20);
    const besides = labels + (made.concat ? 34 : 16) + (narrow ? 22 : 0);
    const columns = Math.max(1, Math.min(panels, Math.floor((width - besides) / (least + space))));
    if (made.facet || made.concat) {
      const times = each ? columns : 1, after = space > 40 && !made.concat ? 56 : 16; // room for numbers
      const free = width - after - times * besides - (columns - 1) * space;
      const ends = spec.resolve?.scale?.x === "independent" ? 16 : 0; // labels that stand out at the ends of an axis
      made.columns = columns;
      made.spacing = space;
      for (const part of made.concat ?? [made.spec]) part.width = Math.max(least, Math.floor(free / columns) - ends);
    } else {
      made.width = Math.min(limit, Math.max(width - 8, least + besides));
      made.autosize = { type: "fit-x", contains: "padding" };
    }
    made.datasets = { ...made.datasets, rows };
    const config = fill(page.config);
    if (narrow) {
      Object.assign(config.legend, { columns: 2, titleOrient: "top" });
      config.padding = { left: 4, right: 26, top: 4, bottom: 4 }; // for slanting names
    }
    return [made, config, rows.length];
  }

  const options = (config) => ({
    mode: "vega-lite", renderer: "svg", actions: false, ast: true, logLevel: 1 /* errors */, config,
    tooltip: { theme: dark.matches ? "dark" : "light" },
  });

  async function draw(id) {
    const place = document.querySelector(`[data-figure="${CSS.escape(id)}"]`);
    const [spec, config, number] = specOf(id, dark.matches ? page.dark : page.light, place.clientWidth);
    place.view?.finalize();
    place.view = null;
    if (!number) {
      place.replaceChildren("No cell that is shown has this.");
    } else {
      place.view = (await vegaEmbed(place, spec, options(config))).view;
      place.querySelector("svg").setAttribute("aria-hidden", "true"); // its box has the words
    }
    place.dataset.state = "drawn";
    const scrolls = place.scrollWidth > place.clientWidth + 1;
    scrolls ? place.setAttribute("tabindex", "0") : place.removeAttribute("tabindex");
  }

  const distance = (id) => {
    const box = document.querySelector(`[data-figure="${CSS.escape(id)}"]`).getBoundingClientRect();
    return Math.max(0, box.top - innerHeight, -box.bottom);
  };
  let drawing = false;
  async function drawAll() {
    if (drawing) return;
    drawing = true;
    root.dataset.state = "drawing";
    while (stale.size) {
      const id = [...stale].reduce((a, b) => (distance(b) < distance(a) ? b : a));
      stale.delete(id);
      try {
        await draw(id);
      } catch (error) {
        console.error(id, error);
      }
      await new Promise((resolve) => setTimeout(resolve));
    }
    drawing = false;
    root.dataset.state = "ready";
  }
  function redraw(ids = Object.keys(page.figures)) {
    root.dataset.theme = dark.matches ? "dark" : "light";
    ids.forEach((id) => stale.add(id));
    drawAll();
  }

  // Exports: always of the light theme, with a title, as wide as a page

  function save(address, id, ending) {
    const name = `${page.study}-${id}`.replace(/[^\w.-]+/g, "_");
    element("a", { href: address, download: `${name}.${ending}` }).click();
  }
  async function exportChart(id, kind) {
    const [spec, config] = specOf(id, page.light, 900);
    const cell = page.figures[id].perCell ? boardOf(id).cells[detail[parseInt(id, 10) - 1]].label + ", " : "";
    spec.title = { text: page.figures[id].title, subtitle: `${cell}${page.study}: ${boardOf(id).heading}` };
    config.background = page.light["@surface"];
    const { view } = await vegaEmbed(element("div"), spec, options(config));
    save(await view.toImageURL(kind, 2), id, kind);
    view.finalize();
  }
  function exportRows(id) {
    const rows = rowsOf(id), names = Object.keys(rows[0] ?? {}).filter((name) => name !== "c" && name !== "order");
    const quoted = (value) => `"${String(value ?? "").replaceAll('"', '""')}"`;
    const lines = [names, ...rows.map((row) => names.map((name) => row[name]))];
    const text = lines.map((line) => line.map(quoted).join(",")).join("\n");
    save(URL.createObjectURL(new Blob([text], { type: "text/csv" })), id, "csv");
  }
  for (const place of document.querySelectorAll("[data-exports]")) {
    const id = place.dataset.exports, title = page.figures[id].title;
    for (const kind of ["svg", "png", "csv"]) {
      const button = element("button", { type: "button" }, kind.toUpperCase());
      button.setAttribute("aria-label", `Save ${kind === "csv" ? "the data of " : ""}“${title}” as ${kind.toUpperCase()}`);
      button.addEventListener("click", () => (kind === "csv" ? exportRows(id) : exportChart(id, kind)));
      place.append(button);
    }
  }

  // Tables: sorted by their headings

  const valueOf = (text) => {
    const number = parseFloat(text.replaceAll(",", "").replace("\u2212", "-").replace(/^\[/, ""));
    return Number.isNaN(number) ? text : number;
  };
  function sort(table, column, heading) {
    const first = heading.classList.contains("number") && column ? "descending" : "ascending";
    const other = { ascending: "descending", descending: "ascending" };
    const order = other[heading.getAttribute("aria-sort")] ?? first;
    heading.parentElement.querySelectorAll("th").forEach((each) => each.removeAttribute("aria-sort"));
    heading.setAttribute("aria-sort", order);
    const sign = order === "ascending" ? 1 : -1;
    const keyed = [...table.tBodies[0].rows].map((row) => [row.cells[column].textContent.trim(), row]);
    keyed.sort(([a], [b]) => {
      if (!a || !b) return (a ? 0 : 1) - (b ? 0 : 1); // blanks last, in either order
      const [x, y] = [valueOf(a), valueOf(b)];
      return sign * (typeof x === "number" && typeof y === "number" ? x - y : a.localeCompare(b));
    });
    table.tBodies[0].append(...keyed.map(([, row]) => row));
  }
  for (const table of document.querySelectorAll("table")) {
    [...table.tHead.rows[0].cells].forEach((heading, column) => {
      const button = element("button", { type: "button" }, ...heading.childNodes);
      button.addEventListener("click", () => sort(table, column, heading));
      heading.append(button);
    });
  }

  // Filter and place, both in the address: #section&backbone=a&strategy=b&strategy=c

  const values = (key) => [...new Set(page.boards.flatMap((board) => board.cells.map((cell) => cell[key])))].sort();
  function address(section) {
    const words = new URLSearchParams();
    for (const key of ["backbone", "strategy"]) chosen[key].forEach((value) => words.append(key, value));
    const filter = words.toString();
    return `#${[section, filter].filter(Boolean).join("&")}`;
  }
  const sectionOf = (hash) => hash.slice(1).split("&").find((part) => !part.includes("=")) ?? "";
  function read() {
    const words = new URLSearchParams(location.hash.slice(1));
    for (const key of ["backbone", "strategy"]) {
      const known = new Set(values(key));
      chosen[key] = new Set(words.getAll(key).filter((value) => known.has(value)));
    }
    document.querySelectorAll("#filter input").forEach((box) => (box.checked = chosen[box.name].has(box.value)));
    apply();
  }
  function apply() {
    const all = page.boards.filter((board) => !board.across).flatMap((board) => board.cells);
    const number = all.filter(isShown).length;
    document.getElementById("shown").textContent =
      number === all.length ? `All ${number} cells` : `${number} of ${all.length} cells`;
    document.getElementById("clear").hidden = number === all.length;
    document.querySelectorAll("[data-board]").forEach((board) => {
      const place = Number(board.dataset.board), cells = page.boards[place].cells;
      if (!isShown(cells[detail[place]])) detail[place] = Math.max(0, cells.findIndex(isShown));
      board.querySelectorAll("select").forEach((select) => {
        [...select.options].forEach((option) => (option.hidden = !isShown(cells[option.value])));
        select.value = detail[place];
      });
      showRows(board, place);
      const empty = board.querySelector(".empty");
      empty.hidden = cells.some(isShown);
      empty.textContent = empty.hidden ? "" : "No cell of this board is shown by the filter.";
    });
    redraw();
  }
  function showRows(board, place) {
    for (const row of board.querySelectorAll("tr[data-c]")) {
      const cell = Number(row.dataset.c), alone = row.closest(".per-cell");
      row.hidden = !isShown(page.boards[place].cells[cell]) || (alone !== null && cell !== detail[place]);
    }
  }
  function makeFilter() {
    const form = document.getElementById("filter");
    for (const key of ["backbone", "strategy"]) {
      if (values(key).length < 2) continue;
      const boxes = values(key).map((value) =>
        element("label", {}, element("input", { type: "checkbox", name: key, value }), element("span", {}, value)));
      const group = element("fieldset", {}, element("legend", {}, `Only ${key}`), element("div", { className: "choices" }, ...boxes));
      form.append(group);
    }
    const shown = element("p", { id: "shown" });
    shown.setAttribute("role", "status");
    form.append(shown, element("button", { type: "button", id: "clear", hidden: true }, "Show all"));
    form.closest("details").hidden = !form.querySelector("input");
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("change", ({ target }) => {
      chosen[target.name][target.checked ? "add" : "delete"](target.value);
      history.replaceState(null, "", address(sectionOf(location.hash)));
      apply();
    });
    document.getElementById("clear").addEventListener("click", () => {
      for (const key of ["backbone", "strategy"]) chosen[key].clear();
      history.replaceState(null, "", address(sectionOf(location.hash)));
      read();
    });
  }
  function makeChoices() {
    document.querySelectorAll("[data-choose]").forEach((place) => {
      const board = place.closest("[data-board]"), number = Number(board.dataset.board);
      const others = board.querySelectorAll("select").length; // in sections above, which choose the same cell
      const select = element("select", { id: `cell-${number}${others ? `-${others}` : ""}` });
      page.boards[number].cells.forEach((cell, c) => select.append(element("option", { value: c }, cell.label)));
      select.addEventListener("change", () => {
        detail[number] = Number(select.value);
        board.querySelectorAll("select").forEach((each) => (each.value = select.value));
        showRows(board, number);
        redraw(Object.keys(page.figures).filter((id) => parseInt(id, 10) === number + 1 && page.figures[id].perCell));
      });
      place.append(element("label", { htmlFor: select.id }, "Cell"), select);
      place.hidden = false;
    });
  }
  document.querySelectorAll('.side a[href^="#"]').forEach((link) =>
    link.addEventListener("click", (event) => {
      event.preventDefault();
      const section = link.getAttribute("href").slice(1);
      history.pushState(null, "", address(section));
      const target = document.getElementById(section);
      target.scrollIntoView();
      target.setAttribute("tabindex", "-1");
      target.focus({ preventScroll: true });
    }));

  // On narrow pages the contents begin closed

  if (matchMedia("(max-width: 900px)").matches)
    document.querySelectorAll(".side > details").forEach((each) => (each.open = false));
  makeFilter();
  makeChoices();
  read();
  document.getElementById(sectionOf(location.hash))?.scrollIntoView();
  addEventListener("hashchange", read);
  addEventListener("popstate", read);
  dark.addEventListener("change", () => redraw());
  let width = innerWidth, waiting;
  addEventListener("resize", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      if (innerWidth !== width) redraw();
      width = innerWidth;
    }, 150);
  });
})();
