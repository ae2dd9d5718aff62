import { IsoflopError } from '../base/errors.ts';
import { BLOCK_FORMATS } from '../numerics/blocks.ts';
import type { BlockFormat } from '../numerics/blocks.ts';
import { FORMATS, formatNamed } from '../numerics/format.ts';
import type { Format } from '../numerics/format.ts';
import type { Cast, Scaling } from '../numerics/site.ts';
import type { Complaint } from './words.ts';
import { either, nearest, quoted } from './words.ts';

/** A cast as an override writes it; `null` is left to the recipe and the format. The format `f32` is no cast. */
export interface CastText {
  readonly format: string;
  readonly scaling: Scaling | null;
  readonly rounding: Cast['rounding'] | null;
}

const SCALINGS = ['none', 'current', 'delayed', 'block'] as const satisfies readonly Scaling[];
const ROUNDINGS = ['nearest', 'stochastic', 'zero'] as const satisfies readonly Cast['rounding'][];
const BLOCKS: ReadonlyMap<string, BlockFormat> = new Map(Object.entries(BLOCK_FORMATS));

/** Formats of tensors that have a name, block formats last; `e<X>m<Y>` makes any other. */
export const CAST_FORMATS: readonly string[] = [
  ...Object.values(FORMATS)
    .filter(({ special }) => special !== 'scale')
    .map(({ name }) => name),
  ...BLOCKS.keys(),
];

/** The block format of that name, `undefined` for a format of single numbers. */
export function blockFormat(name: string): BlockFormat | undefined {
  return BLOCKS.get(name);
}

/** Format of the elements. @throws SpecError where there is no such format. */
export function elementFormat(name: string): Format {
  return BLOCKS.get(name)?.element ?? formatNamed(name);
}

const FORM = 'format, then /scaling and /rounding where wanted, such as e4m3/current/stochastic';

/** Reads `format[/scaling][/rounding]`, in any case; the complaint where it is none. */
export function parseCast(text: string): { readonly cast: CastText } | { readonly complaint: Complaint } {
  const [name = '', ...rest] = text.trim().toLowerCase().split('/');
  const complaint = formatComplaint(name);
  if (complaint !== undefined) return { complaint };
  const scaling = SCALINGS.find((word) => word === rest[0]) ?? null;
  const after = scaling === null ? rest : rest.slice(1);
  const rounding = ROUNDINGS.find((word) => word === after[0]) ?? null;
  const [extra] = rounding === null ? after : after.slice(1);
  const got = quoted(text);
  if (extra !== undefined) {
    const words = [...SCALINGS, ...ROUNDINGS];
    const known = words.some((word) => word === extra);
    const near = nearest(extra, words);
    return {
      complaint: {
        rule: known ? 'has a word twice or out of order' : `"${quoted(extra).slice(1, -1)}" is neither a scaling nor a rounding`,
        got,
        expected: known ? FORM : `a scaling (${either(SCALINGS)}) or a rounding (${either(ROUNDINGS)})`,
        ...(known || near === undefined ? {} : { cure: `Did you mean "${near}"?` }),
      },
    };
  }
  if (name === 'f32' && rest.length > 0) {
    const rule = 'f32 is no cast, so there is nothing to scale or round';
    return { complaint: { rule, got, expected: '"f32"', cure: 'Write "f32" alone.' } };
  }
  const inBlocks = BLOCKS.has(name);
  if (scaling !== null && inBlocks !== (scaling === 'block')) {
    return {
      complaint: inBlocks
        ? {
            rule: 'a block format brings the scales of its blocks',
            got,
            expected: `"${name}" with scaling block or none written`,
            cure: `Write "${[name, ...after].join('/')}".`,
          }
        : {
            rule: 'scales of blocks are a matter of block formats',
            got,
            expected: `scaling none, current or delayed for ${name}, or one of ${[...BLOCKS.keys()].join(', ')}`,
          },
    };
  }
  return { cast: { format: name, scaling, rounding } };
}

function formatComplaint(name: string): Complaint | undefined {
  if (BLOCKS.has(name)) return undefined;
  const expected = `${CAST_FORMATS.join(', ')} or e<X>m<Y>`;
  try {
    if (formatNamed(name).special !== 'scale') return undefined;
    const cure = 'Take a format with a sign, such as e4m3.';
    return { rule: 'is a format of scales: no tensor fits one', got: quoted(name), expected, cure };
  } catch (error) {
    if (!(error instanceof IsoflopError)) throw error;
    // Parts that make no format are explained by what refuses them, a name that is none by the names there are.
    if (/^e\d+m\d+(-|$)/.test(name)) {
      const why = error.message.slice(error.where.length + 2);
      return { rule: 'names no format', got: quoted(name), cure: why.charAt(0).toUpperCase() + why.slice(1) };
    }
    const near = nearest(name, CAST_FORMATS);
    return {
      rule: 'names no format',
      got: quoted(name),
      expected,
      ...(near === undefined ? {} : { cure: `Did you mean "${near}"?` }),
    };
  }
}
