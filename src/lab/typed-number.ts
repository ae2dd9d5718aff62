import { SpecError } from '../base/errors.ts';

const SUFFIXES: { readonly [suffix: string]: number } = { k: 1e3, M: 1e6, G: 1e9, T: 1e12, P: 1e15 };

/** Commas between thousands; any other may be the point of decimals. */
const GROUPED = /^[+-]?\d{1,3}(,\d{3})+(?![\d,])/;

/** A number as people type it: `1,000`, `3e-4`, `2.5M`. NaN where it is none, and where a comma does not group thousands. */
export function parseNumber(text: string): number {
  const spaced = text.replaceAll(/[\s_]/g, '');
  const plain = GROUPED.test(spaced) ? spaced.replace(GROUPED, (digits) => digits.replaceAll(',', '')) : spaced;
  const factor = SUFFIXES[plain.at(-1) ?? ''];
  const digits = factor === undefined ? plain : plain.slice(0, -1);
  return digits === '' ? Number.NaN : Number(digits) * (factor ?? 1);
}

/** The same where there has to be one. @param where the field, for the error. @throws SpecError */
export function typedNumber(text: string, where: string): number {
  const value = parseNumber(text);
  if (Number.isFinite(value)) return value;
  throw new SpecError({
    where,
    rule: 'it is no number',
    got: `"${text.trim().slice(0, 40)}"`,
    expected: 'one as in 1,000, 3e-4 or 2.5M',
  });
}
