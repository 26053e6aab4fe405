/** Small edits of the page that touch only what changed, so that scroll, focus and selection stay. */

const SVG = "http://www.w3.org/2000/svg";

/**
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {{class?: string, text?: string, [attribute: string]: string | undefined}} [attributes]
 * @param {(Node | string)[]} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined) {continue;}
    if (name === "text") {made.textContent = value;}
    else {made.setAttribute(name, value);}
  }
  made.append(...children);
  return made;
}

/**
 * @template {keyof SVGElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, string | number>} attributes
 * @param {(Node | string)[]} children
 * @returns {SVGElementTagNameMap[T]}
 */
export function shape(tag, attributes, ...children) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) {made.setAttribute(name, String(value));}
  made.append(...children);
  return made;
}

/** @template {HTMLElement} T @param {string} id @param {new () => T} type @returns {T} */
export function byId(id, type) {
  const found = document.getElementById(id);
  if (!(found instanceof type)) {throw new Error(`the page has no ${type.name} with id ${id}`);}
  return found;
}

/** @param {Node} node @param {string} text */
export function setText(node, text) {
  if (node.textContent !== text) {node.textContent = text;}
}

/** @param {Element} node @param {string} name @param {string | null} value null takes the attribute away */
export function setAttribute(node, name, value) {
  if (node.getAttribute(name) === value) {return;}
  if (value === null) {node.removeAttribute(name);}
  else {node.setAttribute(name, value);}
}

/**
 * `render`, called only with values that differ from the one before.
 *
 * @template T
 * @param {(value: T) => void} render
 * @returns {(value: T) => void}
 */
export function onChange(render) {
  /** @type {string | undefined} */
  let seen;
  return (value) => {
    const now = JSON.stringify(value);
    if (now === seen) {return;}
    seen = now;
    render(value);
  };
}

/**
 * What to do with the children that are there so that the wished ones stand there in order, each mover named by
 * the child that it goes before (null: at the end). Children that can stay are never touched.
 *
 * @param {string[]} there
 * @param {string[]} wished
 * @returns {{gone: string[], placed: {key: string, before: string | null}[]}}
 */
export function changes(there, wished) {
  const keep = new Set(wished);
  const rest = there.filter((key) => keep.has(key));
  /** @type {{key: string, before: string | null}[]} */
  const placed = [];
  for (const key of wished) {
    if (rest[0] !== key) {placed.push({ key, before: rest[0] ?? null });}
    const index = rest.indexOf(key);
    if (index >= 0) {rest.splice(index, 1);}
  }
  return { gone: there.filter((key) => !keep.has(key)), placed };
}

/**
 * A list of nodes that follows a list of items: made once for each key, updated in place after that.
 *
 * @template T
 * @template {{node: Element, update: (item: T) => void}} P
 * @param {Element} parent
 * @param {(item: T) => string} keyOf
 * @param {(item: T) => P} make
 * @returns {(items: T[]) => P[]}
 */
export function keyed(parent, keyOf, make) {
  /** @type {Map<string, P>} */
  const parts = new Map();
  return (items) => {
    const wished = new Map(items.map((item) => [keyOf(item), item]));
    const { gone, placed } = changes([...parts.keys()], [...wished.keys()]);
    for (const key of gone) {
      parts.get(key)?.node.remove();
      parts.delete(key);
    }
    for (const { key, before } of placed) {
      const item = /** @type {T} */ (wished.get(key));
      const part = parts.get(key) ?? make(item);
      parts.set(key, part);
      parent.insertBefore(part.node, before === null ? null : (parts.get(before)?.node ?? null));
    }
    const ordered = [...wished].map(([key, item]) => {
      const part = /** @type {P} */ (parts.get(key));
      part.update(item);
      parts.delete(key);
      parts.set(key, part);
      return part;
    });
    return ordered;
  };
}
