const svgNamespace = 'http://www.w3.org/2000/svg';
const svgTags = new Set(['svg', 'g', 'path', 'line', 'text', 'circle', 'rect', 'title']);

/**
 * The only way this page makes elements: strings become text nodes, never markup, so that a log line cannot be more than
 * text. A property that starts with `on` is a listener, everything else an attribute; null and false leave it out.
 */
export function el(tag, properties = {}, ...children) {
  const element = svgTags.has(tag)
    ? document.createElementNS(svgNamespace, tag)
    : document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (typeof value === 'function') element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false)
      element.setAttribute(name, String(value));
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

export const byId = (id) => document.getElementById(id);

const shownStates = new WeakMap();

/** Whether `state` (plain data) differs from what was said of this element last time; then it is remembered. */
export function hasChanged(element, state) {
  const text = JSON.stringify(state);
  if (shownStates.get(element) === text) return false;
  shownStates.set(element, text);
  return true;
}

/** Makes the options of a select, keeping its choice if it is still there. Does nothing when they are the same. */
export function setOptions(select, options, chosen) {
  if (hasChanged(select, options)) {
    select.replaceChildren(...options.map(({ value, text }) => el('option', { value }, text)));
  }
  if (document.activeElement !== select || select.value === '') select.value = chosen;
}

/** Makes `children` the children of `parent`, moving none that is in place: a selection of text survives. */
export function reconcile(parent, children) {
  const wanted = new Set(children);
  for (const child of Array.from(parent.childNodes)) if (!wanted.has(child)) child.remove();
  children.forEach((child, i) => {
    if (parent.childNodes[i] !== child) parent.insertBefore(child, parent.childNodes[i] ?? null);
  });
}
