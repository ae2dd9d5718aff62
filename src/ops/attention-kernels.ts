import { sizeOf } from '../base/shape.ts';
import { f32 } from '../graph/types.ts';
import type { Node, Value } from '../graph/types.ts';
import { qkvSizes } from './heads.ts';
import type { HeadSizes } from './heads.ts';
import { flatGrid, foldGrid, FLAT_WORKGROUP, vecWidth } from './launch.ts';
import { flagAttr, inputAt, numberAttr, outputAt } from './op.ts';
import type { Caps, Dispatch, Operand, Scratch, Unshaped } from './op.ts';
import { amaxOf, lowerTold } from './made.ts';
import { sumColumns } from './reduce.ts';
import { ropeAngles } from './rope.ts';

/** What queries and keys go through on their way into attention, as its attributes say. */
export interface Preparation {
  /** qk-norm, its gains among the inputs. */
  readonly normed: boolean;
  readonly eps: number;
  /** Rotary positions. */
  readonly turned: boolean;
  /** Of their angles; 0 where there are none. */
  readonly base: number;
}

export function preparationOf(node: Unshaped): Preparation {
  const base = numberAttr(node, 'base');
  return { normed: flagAttr(node, 'qkNorm'), eps: numberAttr(node, 'eps'), turned: base > 0, base };
}

/** Four rows of `lib/row-tile` hold heads of up to 32 numbers. */
export function fitsRows(node: Unshaped, caps: Caps): boolean {
  const D = numberAttr(node, 'headSize');
  return caps.software && D % 4 === 0 && D <= 32;
}

/** A family of kernels, and how each of its workgroups shares out T rows of a head. */
interface Family {
  readonly suffix: '' | '-rows';
  readonly template: NonNullable<Dispatch['template']>;
  readonly overrides: NonNullable<Dispatch['overrides']>;
}

/** Rows, of queries or of keys, that one workgroup works on. */
const ROWS = 64;

/** Threads with four rows each in registers, without barriers. 16 of them, so that short contexts still fill all threads of a CPU. */
function rowsKernel({ D }: HeadSizes): Family {
  return { suffix: '-rows', template: { D4: D / 4 }, overrides: { WORKGROUP: 16 } };
}

/**
 * Threads with a row each; rows of the other kind pass through workgroup memory, as many at a time as fit, up to 32. Queries and keys are
 * prepared as they are loaded.
 */
function tiledKernel({ D }: HeadSizes, caps: Caps, { normed, turned }: Preparation): Family {
  // Beside the largest magnitudes that threads may tell each other.
  const tile = Math.max(1, Math.min(32, Math.floor((caps.workgroupBytes - 4 * ROWS) / (8 * (D + 2)))));
  const width = vecWidth(turned ? D / 2 : D);
  return {
    suffix: '',
    template: { WIDTH: width, DN: D / width },
    overrides: { WORKGROUP: ROWS, TILE: tile, NORMED: normed, TURNED: turned },
  };
}

/** Kernels without barriers, behind a dispatch that prepares queries and keys where they want it. */
export function rowsForward(node: Node, caps: Caps): readonly Dispatch[] {
  const sizes = qkvSizes(node, inputAt(node, 0).type);
  const { qkv, dispatches } = prepared(node, inputAt(node, 0), gainsOf(node, 1), sizes);
  const telling = tellingOf(node, forwardParts(sizes), caps);
  return [...dispatches, forward(node, rowsKernel(sizes), { qkv }, sizes, telling), ...telling.behind];
}

export function tiledForward(node: Node, caps: Caps): readonly Dispatch[] {
  const qkv = inputAt(node, 0);
  const sizes = qkvSizes(node, qkv.type);
  const preparation = preparationOf(node);
  const telling = tellingOf(node, forwardParts(sizes), caps);
  const family = tiledKernel(sizes, caps, preparation);
  const dispatch = forward(node, family, { qkv, ...gainsOf(node, 1) }, sizes, telling);
  return [withPreparation(dispatch, preparation, sizes), ...telling.behind];
}

export function rowsBackward(node: Node, caps: Caps): readonly Dispatch[] {
  const raw = inputAt(node, 1);
  const sizes = qkvSizes(node, raw.type);
  const preparation = preparationOf(node);
  const { qkv, dispatches } = prepared(node, raw, gainsOf(node, 4), sizes);
  // Where turning is all, the kernels turn what they write: pairs of whole vectors only.
  const turns = preparation.turned && !preparation.normed && sizes.D % 8 === 0;
  const inKernel = { ...preparation, turned: turns };
  const [d_o, o, lse, dqkv] = [inputAt(node, 0), inputAt(node, 2), inputAt(node, 3), outputAt(node, 0)];
  const delta: Scratch = { scratch: 'delta', type: f32(sizes.B, sizes.H, sizes.T) };
  const finishing = turns ? [] : finish(node, raw, sizes);
  const telling = tellingOf(node, finishing.length === 0 ? backwardParts(sizes) : 0, caps);
  const family = rowsKernel(sizes);
  const parts = [
    share(node, family, 'backward-q', { qkv, o, d_o, lse, dqkv, delta }, sizes, sizes.H, telling),
    share(node, family, 'backward-kv', { qkv, d_o, lse, delta, dqkv }, sizes, sizes.Hkv, telling),
  ].map((dispatch) => withAngles({ ...dispatch, overrides: { ...dispatch.overrides, TURNED: turns } }, inKernel, sizes));
  return [...dispatches, ...parts, ...finishing, ...telling.behind];
}

export function tiledBackward(node: Node, caps: Caps): readonly Dispatch[] {
  const qkv = inputAt(node, 1);
  const sizes = qkvSizes(node, qkv.type);
  const preparation = preparationOf(node);
  const { B, T, H, Hkv, D } = sizes;
  const [d_o, o, lse, dqkv] = [inputAt(node, 0), inputAt(node, 2), inputAt(node, 3), outputAt(node, 0)];
  const stats: Scratch = { scratch: 'stats', type: f32(B, H, T, 2) };
  const width = vecWidth(D);
  const delta: Dispatch = {
    kernel: 'attention/attention-delta',
    bind: { o, d_o, lse, stats },
    sizes: { B, T, H, DN: D / width },
    overrides: { WORKGROUP: FLAT_WORKGROUP },
    template: { WIDTH: width },
    grid: flatGrid(B * H * T),
  };
  const family = tiledKernel(sizes, caps, preparation);
  // The amax has the place of the sums of gains.
  const telling = tellingOf(node, preparation.normed ? 0 : backwardParts(sizes), caps);
  const tells = telling.template['TOLD'] === 'amax';
  const bind = { qkv, d_o, stats, ...gainsOf(node, 4), dqkv };
  const parts = Object.entries({ q: H, kv: Hkv }).map(([part, heads]) => {
    const rows = B * heads * Math.ceil(T / ROWS);
    const sums: Scratch | undefined = preparation.normed ? { scratch: `${part} gain sums`, type: f32(rows, D) } : undefined;
    const dispatch = share(node, family, `backward-${part}`, { ...bind, ...(tells ? {} : { sums }) }, sizes, heads, telling);
    return { rows, sums, dispatch: withPreparation(dispatch, preparation, sizes) };
  });
  const totals = parts.flatMap(({ rows, sums }, i) =>
    sums === undefined ? [] : sumColumns(sums, outputAt(node, 1 + i), rows, D, false),
  );
  return [delta, ...parts.map(({ dispatch }) => dispatch), ...totals, ...telling.behind];
}

function isBare({ normed, turned }: Preparation): boolean {
  return !normed && !turned;
}

function gainsOf(node: Node, at: number): { readonly qgain: Value | undefined; readonly kgain: Value | undefined } {
  const { normed } = preparationOf(node);
  return normed ? { qgain: inputAt(node, at), kgain: inputAt(node, at + 1) } : { qgain: undefined, kgain: undefined };
}

/** A dispatch of a kernel that prepares queries and keys itself, with what it needs for that. */
function withPreparation(dispatch: Dispatch, preparation: Preparation, sizes: HeadSizes): Dispatch {
  return withAngles({ ...dispatch, sizes: { ...dispatch.sizes, eps: preparation.eps } }, preparation, sizes);
}

/** The binding `angles`: a table of them, or idle. */
function withAngles(dispatch: Dispatch, { turned, base }: Preparation, { T, D }: HeadSizes): Dispatch {
  if (!turned) return { ...dispatch, bind: { ...dispatch.bind, angles: undefined } };
  return { ...dispatch, tables: { angles: () => ropeAngles(T, D, base) } };
}

function forward(node: Node, family: Family, bind: Dispatch['bind'], sizes: HeadSizes, telling: Telling): Dispatch {
  const outputs = { o: outputAt(node, 0), lse: outputAt(node, 1) };
  return share(node, family, 'forward', { ...bind, ...outputs }, sizes, sizes.H, telling);
}

/** Workgroups of the kernels of either family, each of which makes a part of the result. */
export function forwardParts({ B, T, H }: HeadSizes): number {
  return B * H * Math.ceil(T / ROWS);
}

export function backwardParts({ B, T, H, Hkv }: HeadSizes): number {
  return B * (H + Hkv) * Math.ceil(T / ROWS);
}

/** How the amax of the first result is told where it is asked for: by what the kernels of a family are given besides, or behind them. */
interface Telling extends Required<Pick<Dispatch, 'bind' | 'overrides' | 'template'>> {
  readonly behind: readonly Dispatch[];
}

/** `parts`: those that the kernels have made when they are done, each by a workgroup; 0 where they cannot tell. */
function tellingOf(node: Node, parts: number, caps: Caps): Telling {
  const told = amaxOf(node);
  const silent = { bind: {}, overrides: {}, template: { TOLD: 'none' } };
  if (told === undefined) return { ...silent, behind: [] };
  if (parts !== sizeOf(told.more.type.shape)) return { ...silent, behind: [lowerTold(told, outputAt(node, 0), caps.software)] };
  return { bind: { more: told.more }, overrides: { FINITE: told.finite }, template: { TOLD: 'amax' }, behind: [] };
}

/** One kernel of a family, over blocks of rows of `heads` heads. */
function share(
  node: Node,
  { suffix, overrides, template }: Family,
  part: string,
  bind: Dispatch['bind'],
  { B, T, H, Hkv }: HeadSizes,
  heads: number,
  telling: Telling,
): Dispatch {
  return {
    kernel: `attention/attention-${part}${suffix}`,
    bind: { ...bind, ...telling.bind },
    sizes: { B, T, H, KV_HEADS: Hkv, scale: numberAttr(node, 'scale') },
    overrides: { ...overrides, ...telling.overrides },
    template: { ...template, ...telling.template },
    grid: [Math.ceil(T / ROWS), B * heads, 1],
  };
}

/** qkv as attention reads it: as it is, or prepared into scratch. */
function prepared(
  node: Node,
  qkv: Value,
  gains: ReturnType<typeof gainsOf>,
  sizes: HeadSizes,
): { readonly qkv: Operand; readonly dispatches: readonly Dispatch[] } {
  const preparation = preparationOf(node);
  if (isBare(preparation)) return { qkv, dispatches: [] };
  const scratch: Scratch = { scratch: 'prepared qkv', type: qkv.type };
  const { B, T, H, Hkv } = sizes;
  const bind = { qkv, ...gains, prepared: scratch };
  const dispatch = overHeads('attention/attention-prepare', bind, preparation, sizes, B * T * (H + 2 * Hkv));
  return { qkv: scratch, dispatches: [dispatch] };
}

/** Rows that one thread takes the gradients of one head back through. */
const CHUNK = 16;

/** The gradients of prepared queries and keys, in place, as those of raw ones; and those of the gains. */
function finish(node: Node, qkv: Value, sizes: HeadSizes): readonly Dispatch[] {
  const preparation = preparationOf(node);
  if (isBare(preparation)) return [];
  const { normed } = preparation;
  const { B, T, H, Hkv, D } = sizes;
  const chunk = normed ? CHUNK : 1;
  const chunks = Math.ceil((B * T) / chunk);
  const sums = (name: string, heads: number): Scratch | undefined =>
    normed ? { scratch: `${name} gain sums`, type: f32(chunks * heads, D) } : undefined;
  const [qsums, ksums] = [sums('q', H), sums('k', Hkv)];
  const bind = { qkv: normed ? qkv : undefined, ...gainsOf(node, 4), dqkv: outputAt(node, 0), qsums, ksums };
  const dispatch = overHeads('attention/attention-finish', bind, preparation, sizes, chunks * (H + Hkv));
  return [
    { ...dispatch, sizes: { ...dispatch.sizes, chunk } },
    ...(qsums === undefined ? [] : sumColumns(qsums, outputAt(node, 1), chunks * H, D, true)),
    ...(ksums === undefined ? [] : sumColumns(ksums, outputAt(node, 2), chunks * Hkv, D, true)),
  ];
}

function overHeads(
  kernel: string,
  bind: Dispatch['bind'],
  preparation: Preparation,
  sizes: HeadSizes,
  threads: number,
): Dispatch {
  const { B, T, H, Hkv, D } = sizes;
  const width = vecWidth(preparation.turned ? D / 2 : D);
  const workgroup = 16;
  return withAngles(
    {
      kernel,
      bind,
      sizes: { rows: B * T, T, H, KV_HEADS: Hkv, DN: D / width, eps: preparation.eps },
      overrides: { WORKGROUP: workgroup, NORMED: preparation.normed, TURNED: preparation.turned },
      template: { WIDTH: width },
      grid: foldGrid(Math.ceil(threads / workgroup)),
    },
    preparation,
    sizes,
  );
}
