// The same explorer as a widget: the kernel answers, and prepares another view when asked for one.
export default { render({model, el}) {
  const open = new Map();
  const host = {onSwitch};
  host.ask = state => new Promise(done => {
    open.set(state.id, done);
    model.set("question", state);
    model.save_changes();
  });
  model.on("change:answer", () => {
    const a = model.get("answer"), done = open.get(a.id);
    open.delete(a.id);
    if (done) done(a);
  });
  host.views = (row, make, option) => model.get("views").forEach((choices, k) => {
    const select = make("select", {"aria-label": model.get("labels")[k]}, ...choices.map(option));
    select.value = model.get("view")[k];
    select.addEventListener("change", () => { const v = [...model.get("view")]; v[k] = +select.value;
      model.set("view", v); model.save_changes(); });
    row.append(make("label", {class: "row"}, model.get("labels")[k], select));
  });
  const draw = async () => {
    const root = make("div"), shadow = root.attachShadow({mode: "open"});
    const focused = el.firstChild && el.firstChild.shadowRoot.activeElement;
    shadow.append(Object.assign(document.createElement("style"), {textContent: STYLE}));
    el.replaceChildren(root);
    open.clear();
    await symnbExplorer(shadow, JSON.parse(model.get("spec")), host);
    if (focused) shadow.querySelector(`[aria-label="${focused.getAttribute("aria-label")}"]`)?.focus();
  };
  model.on("change:spec", draw);
  draw();
} };
