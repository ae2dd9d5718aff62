import { savePicture, type PictureKind } from './save.ts';

/** Properties that a drawing takes from the page's style sheets; a file needs them written out. */
const PROPERTIES = [
  'fill',
  'fill-opacity',
  'stroke',
  'stroke-width',
  'stroke-dasharray',
  'opacity',
  'font-family',
  'font-size',
  'font-weight',
  'text-anchor',
  'paint-order',
];

/** Around the drawing, in its own units. */
const MARGIN = 12;

/** A drawing of the page as an SVG file of its own: colours and fonts as they are now, on `background`, with nothing that reacts. */
function svgText(svg: SVGSVGElement, background: string): string {
  const { width, height } = sizeOf(svg);
  const copy = svg.cloneNode(true);
  if (!(copy instanceof SVGSVGElement)) return '';
  const drawn = [...svg.querySelectorAll('*')];
  for (const [i, element] of [...copy.querySelectorAll('*')].entries()) {
    const original = drawn[i];
    if (original === undefined || element.hasAttribute('data-live')) continue;
    const style = getComputedStyle(original);
    const usual = element instanceof SVGTextElement ? PROPERTIES : PROPERTIES.slice(0, 6);
    for (const name of usual) element.setAttribute(name, style.getPropertyValue(name));
    for (const name of ['class', 'tabindex', 'role', ...element.getAttributeNames().filter((each) => each.startsWith('aria-'))])
      element.removeAttribute(name);
  }
  for (const live of copy.querySelectorAll('[data-live]')) live.remove();
  for (const name of ['class', 'role', 'tabindex', 'aria-label']) copy.removeAttribute(name);
  const comments = document.createNodeIterator(copy, NodeFilter.SHOW_COMMENT);
  const found: Node[] = [];
  for (let node = comments.nextNode(); node !== null; node = comments.nextNode()) found.push(node);
  for (const node of found) node.parentNode?.removeChild(node);
  copy.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
  copy.setAttribute('viewBox', `${-MARGIN} ${-MARGIN} ${width} ${height}`);
  copy.setAttribute('width', String(width));
  copy.setAttribute('height', String(height));
  const ground = document.createElementNS('http://www.w3.org/2000/svg', 'rect');
  for (const side of ['x', 'y']) ground.setAttribute(side, String(-MARGIN));
  ground.setAttribute('width', String(width));
  ground.setAttribute('height', String(height));
  ground.setAttribute('fill', background);
  copy.prepend(ground);
  return new XMLSerializer().serializeToString(copy);
}

/** Saves a drawing in the colours that `host` has now. */
export function saveDrawing(kind: PictureKind, host: Element, name: string, drawing: SVGSVGElement): Promise<void> {
  const background = getComputedStyle(host).getPropertyValue('--surface').trim();
  return savePicture(kind, name, svgText(drawing, background), sizeOf(drawing));
}

function sizeOf(svg: SVGSVGElement): { readonly width: number; readonly height: number } {
  const { width, height } = svg.viewBox.baseVal;
  return { width: width + 2 * MARGIN, height: height + 2 * MARGIN };
}
