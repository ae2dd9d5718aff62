import { sizeOf } from '../base/shape.ts';
import type { Node, Value } from '../graph/types.ts';
import { amaxParts } from './amax.ts';
import { flatGrid, FLAT_WORKGROUP } from './launch.ts';
import { outputAt, textAttr } from './op.ts';
import type { Dispatch, Op } from './op.ts';
import { castOverrides } from './quantize-kernels.ts';
import { castOf } from './quantize.ts';

/** An op whose kernels give more beside one of its results, output `result`, on request: as `with_amax` or `with_cast`. */
export interface Producer {
  readonly op: Op;
  readonly result: number;
  /** As the op itself is lowered; what it is asked for besides, {@link madeBy} says. */
  lower(node: Node, alone: boolean): readonly Dispatch[];
}

/** The ops that are another one, which their attribute `op` names, with the amax or the codes of its result; see `producer.ts`. */
export const WITH_AMAX = 'with_amax';
export const WITH_CAST = 'with_cast';

/** Threads that make a part that has an amax: four are one SIMD group of the software adapter. */
const MAKERS = { alone: 4, plain: 256 } as const;

/** What a kernel with `lib/made-*` needs to know besides its operands. */
export interface Made {
  /** What it gives beside its result. */
  readonly more: Value | undefined;
  /** Elements of the result that a workgroup makes, and the workgroups; undefined where that is the kernel's own affair. */
  readonly parts: { readonly part: number; readonly grid: readonly [number, number, number] } | undefined;
  readonly overrides: Readonly<Record<string, number | boolean>>;
  readonly template: { readonly MADE: 'none' | 'amax' | 'cast' };
}

/** What the node of y asks of a kernel that makes y. `alone`: on a software adapter. */
export function madeBy(y: Value, alone: boolean): Made {
  const { node } = y;
  const last = node.outputs.length - 1;
  if (node.op === WITH_CAST) {
    const template = { MADE: 'cast' } as const;
    return { more: outputAt(node, last), parts: undefined, overrides: castOverrides(castOf(node)), template };
  }
  if (node.op !== WITH_AMAX) return { more: undefined, parts: undefined, overrides: {}, template: { MADE: 'none' } };
  const { part, parts } = amaxParts(y.type);
  return {
    more: outputAt(node, last),
    parts: { part, grid: [parts, 1, 1] },
    overrides: { WORKGROUP: alone ? MAKERS.alone : MAKERS.plain, FINITE: textAttr(node, 'amax') === 'finite' },
    template: { MADE: 'amax' },
  };
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
