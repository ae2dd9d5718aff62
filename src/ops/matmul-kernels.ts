import { sizeOf } from '../base/shape.ts';
import type { Template } from '../gpu/kernel.ts';
import { f32 } from '../graph/types.ts';
import type { Node } from '../graph/types.ts';
import { matmulView } from './matmul-view.ts';
import type { MatmulView } from './matmul-view.ts';
import { outputAt } from './op.ts';
import type { Caps, Dispatch, Scratch, Variant } from './op.ts';

const ACTIVATIONS = { none: 0, gelu: 1, relu2: 2 } as const;

/** Outputs a thread, as rows x columns, and threads a workgroup, as x x y. */
interface Tile {
  readonly rows: number;
  readonly cols: number;
  readonly x: number;
  readonly y: number;
}

/** Workgroups that keep a GPU busy; below it, smaller tiles or a split K give more. A guess until the tuner measures. */
const BUSY_WORKGROUPS = 32;
/** Smallest K worth splitting, and the smallest part of it. */
const SPLIT_FROM = 1024;
const SPLIT_PART = 256;
const MOST_SPLITS = 16;

function groups({ M, N, batch }: MatmulView, { rows, cols, x, y }: Tile): readonly [number, number, number] {
  return [Math.ceil(N / (cols * x)), Math.ceil(M / (rows * y)), batch];
}

function busy(view: MatmulView, tile: Tile): boolean {
  return groups(view, tile).reduce((product, count) => product * count, 1) >= BUSY_WORKGROUPS;
}

function sizesOf({ M, N, K, batch, a, b, alpha }: MatmulView): Dispatch['sizes'] {
  const [aLane, bLane] = [sizeOf(a.type.shape), sizeOf(b.type.shape)];
  return { m: M, n: N, k: K, batch, a_lane: aLane, a_batch: aLane / batch, b_lane: bLane, b_batch: bLane / batch, alpha };
}

/** Overrides and bindings of what follows the sum over k. */
function epilogue(node: Node, { activation, bias, residual }: MatmulView): Pick<Dispatch, 'bind' | 'overrides'> {
  const pre = activation === 'none' ? undefined : outputAt(node, 1);
  const flags = {
    HAS_BIAS: bias !== undefined,
    STORE_PRE: pre !== undefined,
    ACTIVATION: ACTIVATIONS[activation],
    HAS_RESIDUAL: residual !== undefined,
  };
  return { bind: { bias, residual, y: outputAt(node, 0), pre }, overrides: flags };
}

/** A variant of one dispatch, in tiles of one size. `template` makes the kernel's text fit, `overrides` its constants. */
function variant(
  name: string,
  tile: Tile,
  supports: (view: MatmulView, caps: Caps) => boolean,
  { kernel = name, overrides = {}, template }: { kernel?: string; overrides?: Record<string, number>; template?: Template } = {},
): Variant {
  return {
    name,
    supports: (node, caps) => supports(matmulView(node), caps),
    lower: (node) => {
      const view = matmulView(node);
      const end = epilogue(node, view);
      return [
        {
          kernel: `matmul/${kernel}`,
          bind: { a: view.a, b: view.b, ...end.bind },
          sizes: sizesOf(view),
          overrides: { TRANSPOSE_A: view.transposeA, TRANSPOSE_B: view.transposeB, ...end.overrides, ...overrides },
          ...(template === undefined ? {} : { template }),
          grid: groups(view, tile),
        },
      ];
    },
  };
}

/** A variant whose kernel takes the workgroup's size from overrides. */
function sized(name: string, tile: Tile, supports: (view: MatmulView, caps: Caps) => boolean, kernel = name): Variant {
  return variant(name, tile, supports, { kernel, overrides: { WORKGROUP_X: tile.x, WORKGROUP_Y: tile.y } });
}

const WIDE: Tile = { rows: 4, cols: 4, x: 16, y: 16 };
const NARROW: Tile = { rows: 4, cols: 4, x: 8, y: 8 };
const BLOCK: Tile = { rows: 16, cols: 8, x: 4, y: 1 };

/** Register blocks, `width` columns a load: 4 for B as stored where its rows are whole vectors. */
function blocked(kernel: 'blocked' | 'blocked-subgroup', width: 1 | 4): Variant {
  const fits = ({ M, N, transposeB }: MatmulView): boolean => M >= 8 && N >= 8 && (width === 1 || (!transposeB && N % 4 === 0));
  return variant(
    width === 1 ? kernel : `${kernel}-vec4`,
    BLOCK,
    (view, { software, subgroups }) => software && (subgroups || kernel === 'blocked') && fits(view),
    { kernel, template: { WIDTH: width } },
  );
}

/** Parts that K is cut into: a function of the shape alone (promise 2). */
function splitsOf(view: MatmulView): number {
  const most = Math.min(MOST_SPLITS, view.K / SPLIT_PART);
  return 2 ** Math.floor(Math.log2(Math.max(1, most)));
}

/** Few tiles, a long sum: the weight gradients of narrow models. Partial sums, then their sum in order and the epilogue. */
const splitK: Variant = {
  name: 'tiled-split-k',
  supports: (node, { software }) => {
    const view = matmulView(node);
    return !software && view.K >= SPLIT_FROM && !busy(view, NARROW) && Math.min(view.M, view.N) >= 8;
  },
  lower: (node) => {
    const view = matmulView(node);
    const { M, N, batch, alpha } = view;
    const splits = splitsOf(view);
    const partials: Scratch = { scratch: 'partial sums', type: f32(batch, splits, M, N) };
    const end = epilogue(node, view);
    const [x, y] = groups(view, NARROW);
    const overrides = {
      WORKGROUP_X: NARROW.x,
      WORKGROUP_Y: NARROW.y,
      SPLITS: splits,
      TRANSPOSE_A: view.transposeA,
      TRANSPOSE_B: view.transposeB,
    };
    return [
      {
        kernel: 'matmul/tiled',
        bind: { a: view.a, b: view.b, bias: undefined, residual: undefined, y: partials, pre: undefined },
        sizes: sizesOf({ ...view, alpha: 1 }),
        overrides,
        grid: [x, y, batch * splits],
      },
      {
        kernel: 'matmul/split-reduce',
        bind: { partials, ...end.bind },
        sizes: { m: M, n: N, batch, splits, alpha },
        overrides: { WORKGROUP: 64, ...end.overrides },
        grid: [Math.ceil((M * N) / 64), 1, batch],
      },
    ];
  },
};

const skinny = ({ M, N }: MatmulView): boolean => Math.min(M, N) < 8;

/**
 * Best first. Software adapters run four invocations as one vector and pay dearly for barriers, so they get register blocks without
 * workgroup memory, and where subgroups let threads share what they load, fewer of the costly loads; GPUs get tiles through workgroup memory, smaller ones or a split K where the large ones would be too few.
 */
export const matmulVariants: readonly [Variant, ...Variant[]] = [
  blocked('blocked-subgroup', 4),
  blocked('blocked-subgroup', 1),
  blocked('blocked', 4),
  blocked('blocked', 1),
  sized(
    'tiled-64',
    WIDE,
    (view, { software, maxInvocations }) => !software && maxInvocations >= 256 && !skinny(view) && busy(view, WIDE),
    'tiled',
  ),
  splitK,
  sized('tiled-32', NARROW, (view, { software }) => !software && !skinny(view), 'tiled'),
  sized('plain', { rows: 1, cols: 1, x: 8, y: 8 }, () => true),
];
