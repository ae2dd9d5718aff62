import { figure, short, si } from './format.ts';

/** Figures of laws in words. */

/** FLOPs as people write them, sizes and tokens with a prefix, losses with four digits. */
export function valueWords(column: string, value: number): string {
  if (!Number.isFinite(value)) return '–';
  if (column === 'C' || column === 'C_min') return flops(value);
  if (column === 'loss') return value.toFixed(4);
  if (column === 'lr') return short(value);
  return value >= 1e3 ? si(value, '') : short(value);
}

/** `, 3 left out`, and where those are too many for a link, that they are. */
export function leftOutWords(count: number, linked: boolean): string {
  if (count === 0) return '';
  return `, ${count} left out${linked ? '' : ': too many for a link, kept in this browser only'}`;
}

/** `1.2e15`. */
export function flops(value: number): string {
  return value >= 1e4 ? value.toExponential(1).replace('.0e', 'e').replace('e+', 'e') : figure(value);
}

/** `N 1.2 M`, or what a group spans. */
export function spanWords(column: string, from: number, to: number): string {
  const [low, high] = [valueWords(column, from), valueWords(column, to)];
  return low === high ? `${column} ${low}` : `${column} ${low} – ${high}`;
}

/** Less than this is the end of what a fit may reach, and stands for 0. */
const NEGLIGIBLE = 1e-12;

/** A parameter with the digits that tell fits apart. */
export function parameterWords(value: number): string {
  const size = Math.abs(value);
  if (!Number.isFinite(value)) return '–';
  if (size < NEGLIGIBLE) return '0';
  if (size < 1e-4 || size >= 1e7) return value.toExponential(4).replace('e+', 'e');
  return size >= 1e4 ? value.toFixed(0) : value.toPrecision(5);
}

/** An end of an interval; what nothing bounds is in words, as is an interval that was not computed. */
export function endWords(value: number | null, side: 'low' | 'high', computed = true): string {
  if (!computed) return 'not computed';
  if (value === null) return side === 'low' ? 'no lower end' : 'no upper end';
  const size = Math.abs(value);
  if (size < NEGLIGIBLE) return '0';
  return size >= 1e7 ? value.toExponential(3).replace('e+', 'e') : Number(value.toPrecision(4)).toString();
}

/** A law's formula for the page: what stands above or below the line is marked as such. */
export interface FormulaPart {
  readonly text: string;
  readonly level: 'line' | 'sup' | 'sub';
}

const GREEK: Readonly<Record<string, string>> = {
  alpha: 'α',
  beta: 'β',
  gamma: 'γ',
  delta: 'δ',
  eta: 'η',
  kappa: 'κ',
  lambda: 'λ',
  omega: 'ω',
  zeta: 'ζ',
  nu: 'ν',
  epsilon: 'ε',
  sum: 'Σ',
};

/** `A / N^alpha` as its parts: A / N, and α above the line. Brackets around what is raised are left out. */
export function formulaParts(formula: string): FormulaPart[] {
  const parts: FormulaPart[] = [];
  const put = (text: string, level: FormulaPart['level']): void => {
    const last = parts.at(-1);
    if (last?.level === level) parts[parts.length - 1] = { text: last.text + text, level };
    else if (text !== '') parts.push({ text, level });
  };
  for (let at = 0; at < formula.length;) {
    const mark = formula[at];
    if (mark === '^' || (mark === '_' && at > 0)) {
      const [inner, next] = scriptAt(formula, at + 1);
      put(greek(inner), mark === '^' ? 'sup' : 'sub');
      at = next;
      continue;
    }
    const [word = ''] = /^[A-Za-z]+/.exec(formula.slice(at)) ?? [];
    if (word === '') put(mark === '-' ? '−' : mark === '*' ? '·' : (mark ?? ''), 'line');
    else put(GREEK[word] ?? word, 'line');
    at += word === '' ? 1 : word.length;
  }
  return parts;
}

/** What is raised or lowered from `at` on, without brackets around all of it, and where it ends. */
function scriptAt(formula: string, at: number): [string, number] {
  if (formula[at] !== '(') {
    const [word = ''] = /^-?[A-Za-z0-9.*']+(_[A-Za-z0-9]+)?/.exec(formula.slice(at)) ?? [];
    return [word, at + Math.max(1, word.length)];
  }
  let depth = 0;
  for (let end = at; end < formula.length; end++) {
    if (formula[end] === '(') depth++;
    if (formula[end] === ')') depth--;
    if (depth === 0) return [formula.slice(at + 1, end), end + 1];
  }
  return [formula.slice(at + 1), formula.length];
}

function greek(text: string): string {
  return text
    .replaceAll(/[A-Za-z]+/g, (word) => GREEK[word] ?? word)
    .replaceAll('-', '−')
    .replaceAll('_', '')
    .replaceAll('^', '');
}
