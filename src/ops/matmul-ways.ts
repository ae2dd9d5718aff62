import type { Template } from '../gpu/kernel.ts';
import { f32 } from '../graph/types.ts';
import type { Value } from '../graph/types.ts';
import {
  epilogue,
  isCoded,
  kindOf,
  operands,
  sizesOf,
  storedBy,
  tellsWithin,
  touchedOf,
  whole,
  yLane,
} from './matmul-dispatch.ts';
import type { Loaded, Shaped } from './matmul-dispatch.ts';
import { isInHalf } from './matmul-view.ts';
import type { Codes } from './matmul-view.ts';
import type { Caps, Dispatch, Scratch } from './op.ts';
import { lowerDequantize } from './quantize-kernels.ts';

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

function groups(
  { M, N, batch }: Pick<Shaped, 'M' | 'N' | 'batch'>,
  { rows, cols, x, y }: Tile,
): readonly [number, number, number] {
  return [Math.ceil(N / (cols * x)), Math.ceil(M / (rows * y)), batch];
}

function workgroups(view: Pick<Shaped, 'M' | 'N' | 'batch'>, tile: Tile): number {
  return groups(view, tile).reduce((product, count) => product * count, 1);
}

/** One way to compute a matmul whose operands may lie in scratch memory. */
export interface Way {
  readonly name: string;
  /** Whether it can serve. */
  fits(view: Shaped, caps: Caps): boolean;
  /** Whether it is a good guess; always when left out. */
  suits?(view: Shaped): boolean;
  /** Whether its kernels can cast what they store; never, when left out. */
  casts?(view: Shaped, caps: Caps | 'plain'): boolean;
  /** Whether its kernels can tell the amax of what they store; never, when left out. */
  tells?(view: Loaded, caps: Caps | 'plain'): boolean;
  lower(view: Loaded, caps: Caps | 'plain'): readonly Dispatch[];
}

const BLOCK: Tile = { rows: 16, cols: 8, x: 4, y: 1 };

/** Workgroups of the kernel with the smallest tiles of those that tell an amax. */
export function mostTiles(view: Pick<Shaped, 'M' | 'N' | 'batch'>): number {
  return workgroups(view, BLOCK);
}

/** Register blocks, `width` columns a load: 4 for B as stored where its rows are whole vectors. */
function blocked(kernel: 'blocked' | 'blocked-subgroup', width: 1 | 4): Way {
  const isAlignedB = ({ transposeB, from, row }: Shaped): boolean => !transposeB && areFours([row.b, from.b]);
  const fits = (view: Shaped): boolean => view.M >= 8 && view.N >= 8 && (width === 1 || (isAlignedB(view) && isAlignedY(view)));
  return {
    name: width === 1 ? kernel : `${kernel}-vec4`,
    fits: (view, { software, subgroups }) => software && !isCoded(view) && (subgroups || kernel === 'blocked') && fits(view),
    casts: isAlignedY,
    tells: (view) => tellsWithin(view, workgroups(view, BLOCK)),
    lower: (view) => [whole(view, { kernel, template: { QUAD: width, ...storedBy(view, width) }, grid: groups(view, BLOCK) })],
  };
}

/** 4 x 4 outputs a thread in tiles of 64 or 32, 8 x 8 in tiles of 128 or 64. */
const WIDE: Tile = { rows: 4, cols: 4, x: 16, y: 16 };
const NARROW: Tile = { rows: 4, cols: 4, x: 8, y: 8 };
const WIDE_8X8: Tile = { rows: 8, cols: 8, x: 16, y: 16 };
const NARROW_8X8: Tile = { rows: 8, cols: 8, x: 8, y: 8 };

/** How a tile is filled: an element a load, or four, or one that is kept in half precision. */
type Loads = 'elements' | 'vec4' | 'f16';

function areFours(counts: readonly number[]): boolean {
  return counts.every((count) => count % 4 === 0);
}

/** Whether every row of y as stored is whole vectors of four. */
function isAlignedY({ N, from, row }: Shaped): boolean {
  return areFours([N, row.y, from.y]);
}

/** Whether every row of A, B and y as stored is whole vectors of four, and where they are parts of larger rows, they begin on one. */
function isAligned(view: Shaped): boolean {
  const { M, N, K, transposeA, transposeB, from, row } = view;
  return isAlignedY(view) && areFours([transposeA ? M : K, transposeB ? K : N, row.a, row.b, from.a, from.b]);
}

function isTiled(view: Shaped, caps: Caps, { x, y }: Tile, loads: Loads): boolean {
  const isLoaded = {
    elements: () => true,
    vec4: () => !isCoded(view) && isAligned(view),
    f16: () => caps.f16 && isInHalf(view.aCodes) && isInHalf(view.bCodes),
  }[loads];
  return !caps.software && !isSkinny(view) && caps.maxInvocations >= x * y && isLoaded();
}

function templateOf(view: Loaded, loads: Loads): Template {
  return { LOADS: loads === 'elements' ? kindOf(view) : loads, ...storedBy(view, loads === 'vec4' ? 4 : 1) };
}

/** The overrides of `lib/tile-f16`: codes are loaded without the scales of their tensors, which the sums are multiplied by. */
function scaledLast({ aCodes, bCodes }: Shaped): NonNullable<Dispatch['overrides']> {
  const isScaled = (codes: Codes | undefined): boolean => codes?.scales !== undefined;
  return { A_SCALING: 0, B_SCALING: 0, A_SCALED: isScaled(aCodes), B_SCALED: isScaled(bCodes) };
}

/**
 * Tiles through workgroup memory, `blockK` deep so that those of A and B fit in 16 KiB; by vectors of four first. Half precision is for the
 * tuner to try, as are tiles that suit nothing.
 */
function tiled(name: string, tile: Tile, blockK: number, suits: (view: Shaped) => boolean): readonly Way[] {
  return (['vec4', 'f16', 'elements'] as const).map((loads) => ({
    name: loads === 'elements' ? name : `${name}-${loads}`,
    fits: (view, caps) => isTiled(view, caps, tile, loads),
    suits: loads === 'f16' ? () => false : suits,
    casts: isAlignedY,
    tells: (view) => tellsWithin(view, workgroups(view, tile)),
    lower: (view) => [
      whole(view, {
        kernel: tile.rows === 8 ? 'tiled-8x8' : 'tiled',
        overrides: {
          WORKGROUP_X: tile.x,
          WORKGROUP_Y: tile.y,
          BLOCK_K: blockK,
          ...(loads === 'f16' ? scaledLast(view) : {}),
        },
        template: templateOf(view, loads),
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
    const touched = touchedOf(view);
    const [x, y] = groups(view, NARROW);
    return [
      {
        kernel: 'matmul/tiled',
        bind: { ...start.bind, bias: undefined, beside: undefined, y: partials, second: sums },
        touches: { a: touched.a, b: touched.b },
        sizes: sizesOf({ ...view, y: partials, from: { ...view.from, y: 0 }, row: { ...view.row, y: N }, alpha: 1 }),
        overrides: { ...start.overrides, WORKGROUP_X: NARROW.x, WORKGROUP_Y: NARROW.y, SPLITS: splits, COLUMN_SUMS: columnSums },
        template: templateOf(view, loads),
        grid: [x, y, batch * splits],
      },
      {
        kernel: 'matmul/split-reduce',
        bind: { partials, partial_sums: sums, ...end.bind },
        touches: { y: touched.y },
        sizes: { m: M, n: N, batch, splits, y_first: view.from.y, y_lane: yLane(view), y_row: view.row.y, alpha },
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

export const PLAIN: Way = {
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
export const LOADING: readonly Way[] = [
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
export const decoded: Way = {
  name: 'decoded',
  fits: (view, { software }) => software && isCoded(view),
  casts: (view, caps) => {
    const plain: Shaped = { ...view, aCodes: undefined, bCodes: undefined };
    return bestOf(plain, caps).casts?.(plain, caps) === true;
  },
  tells: (view, caps) => {
    const plain: Loaded = { ...view, aCodes: undefined, bCodes: undefined };
    return bestOf(plain, caps).tells?.(plain, caps) === true;
  },
  lower: (view, caps) => {
    const [a, decodeA] = decodedOperand('a', view.a, view.aCodes);
    const [b, decodeB] = decodedOperand('b', view.b, view.bCodes);
    const plain: Loaded = { ...view, a, b, aCodes: undefined, bCodes: undefined };
    return [...decodeA, ...decodeB, ...bestOf(plain, caps).lower(plain, caps)];
  },
};

export function bestOf(view: Shaped, caps: Caps | 'plain'): Way {
  if (caps === 'plain') return PLAIN;
  return LOADING.find((candidate) => candidate.fits(view, caps) && candidate.suits?.(view) !== false) ?? PLAIN;
}
