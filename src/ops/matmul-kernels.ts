import { sizeOf } from '../base/shape.ts';
import type { Template } from '../gpu/kernel.ts';
import { f32 } from '../graph/types.ts';
import type { Node, Value } from '../graph/types.ts';
import { matmulView } from './matmul-view.ts';
import type { Codes, MatmulView } from './matmul-view.ts';
import { outputAt } from './op.ts';
import type { Caps, Dispatch, Scratch, Variant } from './op.ts';
import { codeOverrides, lowerDequantize } from './quantize-kernels.ts';

const ACTIVATIONS = { none: 0, gelu: 1, relu2: 2 } as const;
const SLOPES = { none: 0, gelu: 1, relu2: 2, swiglu: 3 } as const;

/** Outputs a thread, as rows x columns, and threads a workgroup, as x x y. */
interface Tile {
  readonly rows: number;
  readonly cols: number;
  readonly x: number;
  readonly y: number;
}

/** Workgroups that keep a GPU busy; below it, smaller tiles or a split K give more. A guess until the tuner has measured. */
const BUSY_WORKGROUPS = 32;
/** Smallest K worth splitting, and the smallest part of it. */
const SPLIT_FROM = 1024;
const SPLIT_PART = 256;
const MOST_SPLITS = 16;

/** Where the matrices of a lane begin in what holds them, in elements: parts of larger ones. */
interface Window {
  readonly a: number;
  readonly b: number;
  readonly y: number;
}

/** A matmul as it is dispatched: its operands and results may lie in scratch memory, or be parts of something larger. */
type Loaded = Omit<MatmulView, 'a' | 'b'> & {
  readonly a: Value | Scratch;
  readonly b: Value | Scratch;
  readonly y: Value | Scratch;
  /** Set where there is a second result. */
  readonly second: Value | Scratch | undefined;
  readonly from: Window;
  /** The product is added to what y has. */
  readonly accumulate: boolean;
};

/** What a way is chosen by. */
type Shaped = Pick<Loaded, 'M' | 'N' | 'K' | 'batch' | 'transposeA' | 'transposeB' | 'aCodes' | 'bCodes' | 'from'>;

const WHOLE: Window = { a: 0, b: 0, y: 0 };

function groups({ M, N, batch }: Shaped, { rows, cols, x, y }: Tile): readonly [number, number, number] {
  return [Math.ceil(N / (cols * x)), Math.ceil(M / (rows * y)), batch];
}

function workgroups(view: Shaped, tile: Tile): number {
  return groups(view, tile).reduce((product, count) => product * count, 1);
}

/** From one lane of y to the next, in elements of the product: swiglu's slope makes two of each. */
function yLane({ y, slope }: Loaded): number {
  return sizeOf(y.type.shape) / (slope === 'swiglu' ? 2 : 1);
}

function sizesOf(view: Loaded): Dispatch['sizes'] {
  const { M, N, K, batch, a, b, alpha, from } = view;
  const [aLane, bLane] = [sizeOf(a.type.shape), sizeOf(b.type.shape)];
  const lanes = { a_lane: aLane, a_batch: aLane / batch, b_lane: bLane, b_batch: bLane / batch, y_lane: yLane(view) };
  return { m: M, n: N, k: K, batch, ...lanes, a_first: from.a, b_first: from.b, y_first: from.y, alpha };
}

/** Overrides and bindings of what follows the sum over k. */
function epilogue(view: Loaded): Pick<Dispatch, 'bind' | 'overrides'> {
  const { activation, bias, residual, slope, pre, columnSums, accumulate, y, second } = view;
  const flags = {
    HAS_BIAS: bias !== undefined,
    STORE_PRE: activation !== 'none',
    ACTIVATION: ACTIVATIONS[activation],
    HAS_RESIDUAL: residual !== undefined,
    SLOPE: SLOPES[slope],
    COLUMN_SUMS: columnSums,
    ACCUMULATE: accumulate,
  };
  return { bind: { bias, beside: residual ?? pre, y, second }, overrides: flags };
}

function isCoded({ aCodes, bCodes }: Shaped): boolean {
  return aCodes !== undefined || bCodes !== undefined;
}

/** Bindings and overrides of the operands, which are either f32 or codes. */
function operands(view: Loaded): Pick<Dispatch, 'bind' | 'overrides'> {
  const { a, b, aCodes, bCodes } = view;
  const turned = { TRANSPOSE_A: view.transposeA, TRANSPOSE_B: view.transposeB };
  if (!isCoded(view)) return { bind: { a, b }, overrides: turned };
  return {
    bind: { a, b, a_scales: aCodes?.scales, b_scales: bCodes?.scales },
    overrides: { ...turned, ...behind('A_', aCodes), ...behind('B_', bCodes) },
  };
}

/** What the template of kernels that load either calls them. */
function kindOf(view: Shaped): 'f32' | 'coded' {
  return isCoded(view) ? 'coded' : 'f32';
}

/** The overrides of `lib/operands-coded` for one operand. */
function behind(prefix: 'A_' | 'B_', codes: Codes | undefined): NonNullable<Dispatch['overrides']> {
  if (codes === undefined) return {};
  const overrides = { CODED: true, ...codeOverrides(codes.cast) };
  return Object.fromEntries(Object.entries(overrides).map(([name, value]) => [prefix + name, value]));
}

/** One way to compute a matmul whose operands may lie in scratch memory. */
interface Way {
  readonly name: string;
  /** Whether it can serve. */
  fits(view: Shaped, caps: Caps): boolean;
  /** Whether it is a good guess; always when left out. */
  suits?(view: Shaped): boolean;
  lower(view: Loaded, caps: Caps | 'plain'): readonly Dispatch[];
}

/** The one dispatch of a kernel that does all of a product. */
function whole(
  view: Loaded,
  how: Pick<Dispatch, 'kernel' | 'grid'> & Partial<Pick<Dispatch, 'overrides' | 'template'>>,
): Dispatch {
  const [start, end] = [operands(view), epilogue(view)];
  return {
    kernel: `matmul/${how.kernel}`,
    bind: { ...start.bind, ...end.bind },
    sizes: sizesOf(view),
    overrides: { ...start.overrides, ...end.overrides, ...how.overrides },
    template: how.template ?? { OPERANDS: kindOf(view) },
    grid: how.grid,
  };
}

const BLOCK: Tile = { rows: 16, cols: 8, x: 4, y: 1 };

/** Register blocks, `width` columns a load: 4 for B as stored where its rows are whole vectors. */
function blocked(kernel: 'blocked' | 'blocked-subgroup', width: 1 | 4): Way {
  const fits = ({ M, N, transposeB }: Shaped): boolean => M >= 8 && N >= 8 && (width === 1 || (!transposeB && N % 4 === 0));
  return {
    name: width === 1 ? kernel : `${kernel}-vec4`,
    fits: (view, { software, subgroups }) => software && !isCoded(view) && (subgroups || kernel === 'blocked') && fits(view),
    lower: (view) => [whole(view, { kernel, template: { WIDTH: width }, grid: groups(view, BLOCK) })],
  };
}

/** 4 x 4 outputs a thread in tiles of 64 or 32, 8 x 8 in tiles of 128 or 64. */
const WIDE: Tile = { rows: 4, cols: 4, x: 16, y: 16 };
const NARROW: Tile = { rows: 4, cols: 4, x: 8, y: 8 };
const WIDE_8X8: Tile = { rows: 8, cols: 8, x: 16, y: 16 };
const NARROW_8X8: Tile = { rows: 8, cols: 8, x: 8, y: 8 };

/** How a tile is filled: an element a load, or four. */
type Loads = 'elements' | 'vec4';

/** Whether every row of A, B and y as stored is whole vectors of four. */
function isAligned({ M, N, K, transposeA, transposeB, from }: Shaped): boolean {
  return [N, transposeA ? M : K, transposeB ? K : N, from.a, from.b, from.y].every((count) => count % 4 === 0);
}

function isTiled(view: Shaped, { software, maxInvocations }: Caps, { x, y }: Tile, loads: Loads): boolean {
  return !software && !isSkinny(view) && maxInvocations >= x * y && (loads === 'elements' || (!isCoded(view) && isAligned(view)));
}

function loadsOf(view: Shaped, loads: Loads): Template {
  return { LOADS: loads === 'vec4' ? 'vec4' : kindOf(view) };
}

/** Tiles through workgroup memory, `blockK` deep so that those of A and B fit in 16 KiB; by vectors of four first. */
function tiled(name: string, tile: Tile, blockK: number, suits: (view: Shaped) => boolean): readonly Way[] {
  return (['vec4', 'elements'] as const).map((loads) => ({
    name: loads === 'vec4' ? `${name}-vec4` : name,
    fits: (view, caps) => isTiled(view, caps, tile, loads),
    suits,
    lower: (view) => [
      whole(view, {
        kernel: tile.rows === 8 ? 'tiled-8x8' : 'tiled',
        overrides: { WORKGROUP_X: tile.x, WORKGROUP_Y: tile.y, BLOCK_K: blockK },
        template: loadsOf(view, loads),
        grid: groups(view, tile),
      }),
    ],
  }));
}

/** Parts that K is cut into: a function of the shape alone (promise 2). */
function splitsOf(view: Loaded): number {
  const most = Math.min(MOST_SPLITS, view.K / SPLIT_PART);
  return 2 ** Math.floor(Math.log2(Math.max(1, most)));
}

/** Few tiles, a long sum: the weight gradients of narrow models. Partial sums, then their sum in order and the epilogue. */
const splitK: readonly Way[] = (['vec4', 'elements'] as const).map((loads) => ({
  name: loads === 'vec4' ? 'tiled-split-k-vec4' : 'tiled-split-k',
  fits: (view, caps) => view.K >= SPLIT_FROM && isTiled(view, caps, NARROW, loads),
  suits: (view) => workgroups(view, NARROW) < BUSY_WORKGROUPS,
  lower: (view) => {
    const { M, N, batch, alpha, columnSums } = view;
    const splits = splitsOf(view);
    const partials: Scratch = { scratch: 'partial sums', type: f32(batch, splits, M, N) };
    const sums: Scratch | undefined = columnSums ? { scratch: 'partial sums of columns', type: f32(splits, N) } : undefined;
    const [start, end] = [operands(view), epilogue(view)];
    const [x, y] = groups(view, NARROW);
    return [
      {
        kernel: 'matmul/tiled',
        bind: { ...start.bind, bias: undefined, beside: undefined, y: partials, second: sums },
        sizes: sizesOf({ ...view, y: partials, from: { ...view.from, y: 0 }, alpha: 1 }),
        overrides: { ...start.overrides, WORKGROUP_X: NARROW.x, WORKGROUP_Y: NARROW.y, SPLITS: splits, COLUMN_SUMS: columnSums },
        template: loadsOf(view, loads),
        grid: [x, y, batch * splits],
      },
      {
        kernel: 'matmul/split-reduce',
        bind: { partials, partial_sums: sums, ...end.bind },
        sizes: { m: M, n: N, batch, splits, y_first: view.from.y, y_lane: yLane(view), alpha },
        overrides: { WORKGROUP: 64, ...end.overrides },
        grid: [Math.ceil((M * N) / 64), 1, batch],
      },
    ];
  },
}));

function isSkinny({ M, N }: Shaped): boolean {
  return Math.min(M, N) < 8;
}

/** Threads of a workgroup of `skinny`, and how many of them share a sum. */
const SKINNY = { WORKGROUP: 128, SPLIT: 8 };

/** M or N below a tile's: the longer side across the threads, which share out the sums over k. */
const skinny: Way = {
  name: 'skinny',
  fits: (view, { software }) => !software && isSkinny(view),
  lower: (view) => {
    const { M, N, batch } = view;
    const across = Math.ceil(Math.max(M, N) / (SKINNY.WORKGROUP / SKINNY.SPLIT));
    return [whole(view, { kernel: 'skinny', overrides: { ...SKINNY, LONG_A: M > N }, grid: [across, 1, batch] })];
  },
};

function decodedOperand(
  name: string,
  x: Value | Scratch,
  codes: Codes | undefined,
): readonly [Value | Scratch, readonly Dispatch[]] {
  if (codes === undefined) return [x, []];
  const y: Scratch = { scratch: `${name} decoded`, type: f32(...x.type.shape) };
  return [y, lowerDequantize({ codes: x, scales: codes.scales, y }, codes.cast)];
}

const PLAIN: Way = {
  name: 'plain',
  fits: () => true,
  lower: (view) => [
    whole(view, {
      kernel: 'plain',
      overrides: { WORKGROUP_X: 8, WORKGROUP_Y: 8 },
      grid: groups(view, { rows: 1, cols: 1, x: 8, y: 8 }),
    }),
  ],
};

/**
 * Best guess first. Software adapters run four invocations as one vector and pay dearly for barriers, so they get register blocks
 * without workgroup memory, and where subgroups let threads share what they load, fewer of the costly loads; GPUs get tiles through
 * workgroup memory, smaller ones or a split K where the large ones would be too few. The rest is for the tuner to try.
 */
const LOADING: readonly Way[] = [
  blocked('blocked-subgroup', 4),
  blocked('blocked-subgroup', 1),
  blocked('blocked', 4),
  blocked('blocked', 1),
  skinny,
  ...tiled('tiled-128', WIDE_8X8, 8, (view) => workgroups(view, WIDE_8X8) >= 2 * BUSY_WORKGROUPS),
  ...tiled('tiled-64', WIDE, 16, (view) => workgroups(view, WIDE) >= BUSY_WORKGROUPS),
  ...splitK,
  ...tiled('tiled-32', NARROW, 16, () => true),
  ...tiled('tiled-64-8x8', NARROW_8X8, 16, () => false),
];

/** Decodes operands that are codes into scratch memory, for adapters on which every load of a matmul is dear; the product is that of f32. */
const decoded: Way = {
  name: 'decoded',
  fits: (view, { software }) => software && isCoded(view),
  lower: (view, caps) => {
    const [a, decodeA] = decodedOperand('a', view.a, view.aCodes);
    const [b, decodeB] = decodedOperand('b', view.b, view.bCodes);
    const plain: Loaded = { ...view, a, b, aCodes: undefined, bCodes: undefined };
    return [...decodeA, ...decodeB, ...bestOf(plain, caps).lower(plain, caps)];
  },
};

function bestOf(view: Shaped, caps: Caps | 'plain'): Way {
  if (caps === 'plain') return PLAIN;
  return LOADING.find((candidate) => candidate.fits(view, caps) && candidate.suits?.(view) !== false) ?? PLAIN;
}

/** A part of a product, for ops that are made of several. */
export interface PartialProduct {
  readonly a: Value | Scratch;
  readonly b: Value | Scratch;
  readonly y: Value | Scratch;
  readonly M: number;
  readonly N: number;
  readonly K: number;
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
  /** Elements of a lane of a, b and y before the part's first one; 0 when left out. */
  readonly from?: Partial<Window>;
  readonly accumulate?: boolean;
}

/** `y (+)= op(a) op(b)` on a part of each, in the best way for its shape, or in the plain one. */
export function lowerProduct(part: PartialProduct, caps: Caps | 'plain'): readonly Dispatch[] {
  const view: Loaded = {
    batch: 1,
    alpha: 1,
    activation: 'none',
    slope: 'none',
    columnSums: false,
    aCodes: undefined,
    bCodes: undefined,
    bias: undefined,
    residual: undefined,
    pre: undefined,
    second: undefined,
    transposeA: false,
    transposeB: false,
    accumulate: false,
    ...part,
    from: { ...WHOLE, ...part.from },
  };
  return bestOf(view, caps).lower(view, caps);
}

function variantOf({ name, fits, suits, lower }: Way): Variant {
  const shaped = (node: Node): Shaped => ({ ...matmulView(node), from: WHOLE });
  return {
    name,
    supports: (node, caps) => fits(shaped(node), caps),
    suits: (node) => suits?.(shaped(node)) !== false,
    lower: (node, caps) => lower(loaded(node), caps),
  };
}

function loaded(node: Node): Loaded {
  const view = matmulView(node);
  const second = view.activation !== 'none' || view.columnSums ? outputAt(node, 1) : undefined;
  return { ...view, y: outputAt(node, 0), second, from: WHOLE, accumulate: false };
}

export const matmulVariants: readonly [Variant, ...Variant[]] = [variantOf(decoded), ...LOADING.map(variantOf), variantOf(PLAIN)];
