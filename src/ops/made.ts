import { sizeOf } from '../base/shape.ts';
import type { Node, Type, Value } from '../graph/types.ts';
import { amaxParts, amaxThreads, lowerAmax } from './amax.ts';
import { flatGrid, FLAT_WORKGROUP, lastOf, rowsOf, teamsFor, vecWidth } from './launch.ts';
import { outputAt, textAttr } from './op.ts';
import type { Dispatch, Op, Scratch, Unshaped, Variant } from './op.ts';
import { castOverrides } from './quantize-kernels.ts';
import { castOf } from './quantize.ts';
import type { CastAttrs } from './quantize.ts';

/**
 * An op that gives more beside one of its results, output `result`, on request: as `with_amax` or `with_cast`, whose nodes have the op's own
 * inputs and attributes.
 */
export interface Producer {
  readonly op: Op;
  readonly result: number;
  /** How such nodes are computed, by the names of the op's own variants where it has them; what they are asked for, {@link madeBy} says. */
  readonly variants: readonly [Variant, ...Variant[]];
  /** Partial maxima that it gives: as many as `amax` does when left out. */
  readonly parts?: (node: Unshaped) => number;
  /** Whether it can cast too; when left out, whatever `castsAsStored`. */
  readonly casts?: (node: Unshaped, cast: CastAttrs) => boolean;
}

/** Most partial maxima that a producer gives in a way of its own: every workgroup of a cast reads them all. */
export const MOST_PARTS = 1024;

/** The ops that are another one, which their attribute `op` names, with the amax or the codes of its result; see `producer.ts`. */
export const WITH_AMAX = 'with_amax';
export const WITH_CAST = 'with_cast';

/** What a kernel with `lib/made-*` needs to know besides its operands. */
export interface Made {
  /** What it gives beside its result. */
  readonly more: Value | undefined;
  /** Elements of the result that a workgroup makes, and the workgroups; undefined where that is the kernel's own affair. */
  readonly parts: { readonly part: number; readonly grid: readonly [number, number, number] } | undefined;
  readonly overrides: Readonly<Record<string, number | boolean>>;
  readonly template: { readonly MADE: 'none' | 'amax' | 'cast' };
}

/** Of a kernel that gives what it makes and no more. */
export const NOTHING: Made = { more: undefined, parts: undefined, overrides: {}, template: { MADE: 'none' } };

/** What the node of y asks of a kernel that makes y. `alone`: on a software adapter. */
export function madeBy(y: Value, alone: boolean): Made {
  const { node } = y;
  if (node.op === WITH_CAST) {
    const template = { MADE: 'cast' } as const;
    return { more: moreOf(node), parts: undefined, overrides: castOverrides(castOf(node)), template };
  }
  const told = amaxOf(node);
  if (told === undefined) return NOTHING;
  const { part, parts } = amaxParts(y.type);
  return {
    more: told.more,
    parts: { part, grid: [parts, 1, 1] },
    overrides: { WORKGROUP: amaxThreads(alone), FINITE: told.finite },
    template: { MADE: 'amax' },
  };
}

/** What is told of the amax of what a node makes; undefined where nothing is. */
export interface Told {
  /** u32[P]. */
  readonly more: Value;
  /** NaN and Inf do not count. */
  readonly finite: boolean;
}

export function amaxOf(node: Node): Told | undefined {
  return node.op === WITH_AMAX ? { more: moreOf(node), finite: textAttr(node, 'amax') === 'finite' } : undefined;
}

/** The amax of x as a dispatch of its own, where what makes x cannot tell it. */
export function lowerTold({ more, finite }: Told, x: Value | Scratch, software: boolean): Dispatch {
  return lowerAmax(x, more, finite ? 'finite' : 'all', amaxThreads(software));
}

function moreOf(node: Node): Value {
  return outputAt(node, node.outputs.length - 1);
}

/** Whether a node gives more beside its result. */
export function isProducer({ op }: Node): boolean {
  return op === WITH_AMAX || op === WITH_CAST;
}

/** A dispatch of a kernel with `lib/flat-*`, of whose items `count` make up `y`, as many of them a row as the next. */
export function flatDispatch(
  { kernel, bind, sizes, overrides = {}, template = {} }: Omit<Dispatch, 'grid'>,
  y: Value,
  count: number,
  alone: boolean,
): Dispatch {
  const made = madeBy(y, alone);
  const { part, grid } = made.parts ?? { part: 0, grid: flatGrid(count) };
  return {
    kernel,
    bind: { ...bind, more: made.more },
    sizes: { ...sizes, count, part: (part * count) / sizeOf(y.type.shape) },
    overrides: { WORKGROUP: FLAT_WORKGROUP, ...made.overrides, ...overrides },
    template: { ...template, ...made.template, FLAT: made.parts === undefined ? 'items' : 'parts' },
    grid,
  };
}

/** A dispatch of a kernel with `lib/team-rows`, which makes the rows of a tensor of type `y`. */
export function teamDispatch(
  { bind, sizes, overrides = {}, template = {}, ...rest }: Omit<Dispatch, 'grid'>,
  y: Type,
  made: Made,
  alone: boolean,
): Dispatch {
  const [rows, vec] = [rowsOf(y), vecWidth(lastOf(y))];
  const columns = lastOf(y) / vec;
  const { overrides: team, grid } = teamsFor(columns, alone);
  return {
    ...rest,
    bind: { ...bind, more: made.more },
    sizes: { ...sizes, rows, part: made.parts === undefined ? team.WORKGROUP / team.TEAM : made.parts.part / lastOf(y), columns },
    overrides: { ...team, ...made.overrides, ...overrides },
    template: { WIDTH: vec, ...template, ...made.template },
    grid: made.parts?.grid ?? grid(rows),
  };
}
