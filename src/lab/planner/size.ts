import {
  countedParameters,
  specFaults,
  vocabSize,
  withDefaults,
  type ParametersCounted,
  type RunSpec,
} from '../../spec/index.ts';

/** A model that there can be, and how far it is from what was asked for. */
export interface NearSize {
  readonly layers: number;
  readonly width: number;
  readonly heads: number;
  /** As they are counted. */
  readonly parameters: number;
  /** `parameters` over what was asked for, less 1. */
  readonly difference: number;
  readonly spec: RunSpec;
}

const MOST_LAYERS = 12;
const WIDEST = 2048;
/** What a width costs that does not suit vectors of 16, 8, 4; and for each e-fold that width over layers is away from the base's. */
const UNEVEN: readonly (readonly [multiple: number, cost: number])[] = [
  [16, 0],
  [8, 0.02],
  [4, 0.06],
  [2, 0.2],
  [1, 0.3],
];
const ODD_SHAPE = 0.05;
/** Candidates whose every rule is checked. */
const TRIED = 200;

/**
 * The model nearest to `target` parameters: of a base spec, with other layers, width and heads. It keeps the base's head size and shape as
 * far as it can, prefers widths that suit vectors, and breaks no rule of specs; null where there is none.
 */
export function nearestSize(base: RunSpec, target: number, counted: ParametersCounted = 'all'): NearSize | null {
  const { layers: baseLayers, width: baseWidth, heads: baseHeads } = base.model;
  const vocab = vocabSize(base);
  const shape = baseWidth / baseLayers;
  const found: { cost: number; size: NearSize }[] = [];
  for (let layers = 1; layers <= MOST_LAYERS; layers++) {
    const ofWidth = (width: number): NearSize => sized(base, { layers, width, heads: 1 }, { target, vocab, counted });
    // Parameters rise with the width: the two widths around the target, of each multiple.
    const exact = widthFor((width) => ofWidth(width).parameters, target);
    for (const [multiple, uneven] of UNEVEN) {
      const below = Math.max(multiple, multiple * Math.floor(exact / multiple));
      for (const width of [below, below + multiple]) {
        if (width > WIDEST) continue;
        const heads = headsFor(width, baseWidth / baseHeads, base);
        const size = sized(base, { layers, width, heads }, { target, vocab, counted });
        const odd = ODD_SHAPE * Math.abs(Math.log(width / layers / shape));
        found.push({ size, cost: Math.abs(Math.log(size.parameters / target)) + uneven + odd });
      }
    }
  }
  found.sort((a, b) => a.cost - b.cost);
  return found.slice(0, TRIED).find(({ size }) => specFaults(size.spec).length === 0)?.size ?? null;
}

function sized(
  base: RunSpec,
  { layers, width, heads }: { readonly layers: number; readonly width: number; readonly heads: number },
  { target, vocab, counted }: { readonly target: number; readonly vocab: number; readonly counted: ParametersCounted },
): NearSize {
  const { kvHeads } = base.model;
  const kept = kvHeads === null ? null : largestDivisor(heads, kvHeads);
  const spec = withDefaults({ model: { layers, width, heads, kvHeads: kept } }, base);
  const parameters = countedParameters(spec, vocab, counted);
  return { layers, width, heads, parameters, difference: parameters / target - 1, spec };
}

/** The width, 1 or more, at which a count that rises with it reaches the target. */
function widthFor(parametersOf: (width: number) => number, target: number): number {
  let [low, high] = [1, WIDEST];
  if (parametersOf(high) <= target) return high;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (parametersOf(middle) <= target) low = middle;
    else high = middle;
  }
  return low;
}

/** The number of heads whose size is nearest to the base's, among those that divide the width; RoPE wants it even. */
function headsFor(width: number, size: number, { model }: RunSpec): number {
  const all = Array.from({ length: width }, (_, i) => i + 1).filter((heads) => width % heads === 0);
  const even = model.position === 'rope' ? all.filter((heads) => (width / heads) % 2 === 0) : all;
  const distance = (heads: number): number => Math.abs(Math.log(width / heads / size));
  return even.reduce((best, heads) => (distance(heads) < distance(best) ? heads : best), even[0] ?? 1);
}

function largestDivisor(of: number, most: number): number {
  let divisor = Math.min(of, most);
  while (of % divisor !== 0) divisor--;
  return divisor;
}
