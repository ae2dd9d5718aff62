/** Points of the smallest block; each level above has blocks twice as large. */
const LEAST = 4;

/** Of each block of a level three places: of its lowest value, of its highest, and of the first that is not finite; -1 where there is none. */
type Level = Int32Array;

const known = new WeakMap<object, { readonly length: number; readonly levels: readonly Level[] }>();

/**
 * Where the extremes of a curve's blocks of 4, 8, 16, ... values are. Kept as long as the values are the same array of the same length.
 */
function levelsOf(y: ArrayLike<number>): readonly Level[] {
  const kept = known.get(y);
  if (kept !== undefined && kept.length === y.length) return kept.levels;
  const levels: Level[] = [];
  for (let blocks = Math.floor(y.length / LEAST); blocks > 0; blocks >>= 1) {
    const level = new Int32Array(3 * blocks).fill(-1);
    const below = levels.at(-1);
    for (let block = 0; block < blocks; block++) {
      if (below === undefined) for (let i = LEAST * block; i < LEAST * (block + 1); i++) take(level, block, y, i);
      else for (let part = 6 * block; part < 6 * block + 6; part++) take(level, block, y, below[part] ?? -1);
    }
    levels.push(level);
  }
  known.set(y, { length: y.length, levels });
  return levels;
}

function take(level: Level, block: number, y: ArrayLike<number>, i: number): void {
  if (i < 0) return;
  const value = y[i] ?? Number.NaN;
  const at = 3 * block;
  if (!(Math.abs(value) < Infinity)) {
    const broken = level[at + 2] ?? -1;
    if (broken < 0 || i < broken) level[at + 2] = i;
    return;
  }
  const lowest = level[at] ?? -1;
  const highest = level[at + 1] ?? -1;
  if (lowest < 0 || value < (y[lowest] ?? 0)) level[at] = i;
  if (highest < 0 || value > (y[highest] ?? 0)) level[at + 1] = i;
}

/**
 * Points `from..to` of a curve without those that nobody would miss: of a stretch narrower than `reach`, in units of `pixelOf`, its lowest,
 * its highest and its first value that is not finite. Null where there are so few that none is left out.
 *
 * @param pixelOf rises with x.
 */
export function thinned(
  x: ArrayLike<number>,
  y: ArrayLike<number>,
  {
    from,
    to,
    reach,
    pixelOf,
  }: { readonly from: number; readonly to: number; readonly reach: number; readonly pixelOf: (x: number) => number },
): number[] | null {
  const at = (i: number): number => pixelOf(x[i] ?? Number.NaN);
  // The first may lie far outside.
  const span = at(to - 2) - at(from + 1);
  if (to - from <= LEAST || span / reach > to - from) return null;
  const levels = levelsOf(y);
  const kept: number[] = [];
  let i = from;
  while (i < to) {
    let found = -1;
    const left = at(i);
    while (found + 1 < levels.length && i % (LEAST << (found + 1)) === 0) {
      const end = i + (LEAST << (found + 1)) - 1;
      if (end >= to || !(at(end) - left < reach)) break;
      found++;
    }
    const level = levels[found];
    if (level === undefined) {
      kept.push(i++);
      continue;
    }
    const block = i / (LEAST << found);
    const places = [level[3 * block] ?? -1, level[3 * block + 1] ?? -1, level[3 * block + 2] ?? -1];
    for (const place of places.sort((a, b) => a - b)) if (place >= 0 && kept.at(-1) !== place) kept.push(place);
    i += LEAST << found;
  }
  return kept;
}

/** The lowest and the highest finite value of points `from..to`; `[Infinity, -Infinity]` where there is none. */
export function extremes(y: ArrayLike<number>, from: number, to: number): readonly [lowest: number, highest: number] {
  const levels = to - from > LEAST ? levelsOf(y) : [];
  let lowest = Infinity;
  let highest = -Infinity;
  const see = (i: number): void => {
    const value = y[i] ?? Number.NaN;
    if (!Number.isFinite(value)) return;
    lowest = Math.min(lowest, value);
    highest = Math.max(highest, value);
  };
  let i = from;
  while (i < to) {
    let found = -1;
    while (found + 1 < levels.length && i % (LEAST << (found + 1)) === 0 && i + (LEAST << (found + 1)) <= to) found++;
    const level = levels[found];
    if (level === undefined) {
      see(i++);
      continue;
    }
    const block = i / (LEAST << found);
    see(level[3 * block] ?? -1);
    see(level[3 * block + 1] ?? -1);
    i += LEAST << found;
  }
  return [lowest, highest];
}
