/** Beyond this many times what was measured, a law is a guess. */
const FAR = 10;

/**
 * How far values lie from what was measured, a sentence for each that lies outside.
 *
 * @param range smallest and largest; left out where it does not matter.
 * @param measured as in `that the law was fitted on`.
 */
export function beyondWords(
  range: { readonly N?: readonly [number, number]; readonly D?: readonly [number, number] },
  at: { readonly N: number; readonly D: number },
  measured: string,
): string[] {
  return (['N', 'D'] as const).flatMap((name) => {
    const { [name]: value } = at;
    const [least, most] = range[name] ?? [value, value];
    const times = Math.max(least / value, value / most);
    if (!(times > 1.001)) return [];
    const side = value < least ? 'smaller than the smallest' : 'larger than the largest';
    const how = times < 1.5 ? 'a little' : `${Number(times.toPrecision(2)).toLocaleString('en')} times`;
    const guess = times > FAR ? ' That far, the law is a guess.' : '';
    return [`${name} is ${how} ${side} ${measured}.${guess}`];
  });
}

/** The smallest and the largest. */
export function endsOf(values: readonly number[]): readonly [number, number] {
  return [values.reduce((a, b) => Math.min(a, b), Infinity), values.reduce((a, b) => Math.max(a, b), -Infinity)];
}
