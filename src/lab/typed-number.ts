const SUFFIXES: { readonly [suffix: string]: number } = { k: 1e3, M: 1e6, G: 1e9, T: 1e12, P: 1e15 };

/** A number as people type it: `1,000`, `3e-4`, `2.5M`. NaN where it is none. */
export function parseNumber(text: string): number {
  const plain = text.replaceAll(/[\s,_]/g, '');
  const factor = SUFFIXES[plain.at(-1) ?? ''];
  const digits = factor === undefined ? plain : plain.slice(0, -1);
  return digits === '' ? Number.NaN : Number(digits) * (factor ?? 1);
}
