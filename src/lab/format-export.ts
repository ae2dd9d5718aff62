import type { CastSteps } from './cast-steps.ts';
import type { ExplorerState } from './explorer-state.ts';
import { codeBits, codeHex, codeKind, codeValue, written, type FormatChoice } from './formats.ts';
import { formatFacts } from './format-facts.ts';

/** A file lists the codes of formats of at most so many bits. */
export const LISTED_BITS = 16;

const COLUMNS = ['format', 'code', 'sign', 'exponent', 'mantissa', 'kind', 'value'] as const;

/** One row a code of every format of at most {@link LISTED_BITS} bits; values are exact. */
export function codesCsv(choices: readonly FormatChoice[]): string {
  const rows = choices.flatMap(({ name, format }) =>
    codesOf(format.bits).map((code) => {
      const { sign, exponent, mantissa } = codeBits(code, format);
      const [kind, value] = [codeKind(code, format), written(codeValue(code, format))];
      return [name, codeHex(code, format), sign, exponent, mantissa, kind, value].join(',');
    }),
  );
  return `${[COLUMNS.join(','), ...rows].join('\n')}\n`;
}

/** The formats with their facts and codes, and how the number was cast into each. */
export function explorerJson(
  state: ExplorerState,
  shown: readonly { readonly choice: FormatChoice; readonly steps: CastSteps }[],
): string {
  const formats = shown.map(({ choice: { name, format, block }, steps }) => ({
    name,
    exponentBits: format.exponentBits,
    mantissaBits: format.mantissaBits,
    bias: format.bias,
    special: format.special,
    ...(block === null ? {} : { block: { scale: block.scale, rows: block.rows, columns: block.columns } }),
    facts: formatFacts(format),
    cast: {
      kind: steps.kind,
      droppedBits: steps.drop,
      outcomes: steps.outcomes.map(({ code, value, unscaled, probability, error, relativeError }) => ({
        code: codeHex(code, format),
        value: json(value),
        unscaled: json(unscaled),
        probability,
        error: json(error),
        relativeError: json(relativeError),
      })),
    },
    codes: codesOf(format.bits).map((code) => ({
      code: codeHex(code, format),
      kind: codeKind(code, format),
      value: json(codeValue(code, format)),
    })),
  }));
  const { x, round, saturate, scale } = state;
  const [first] = shown;
  const word = first === undefined ? null : `0x${first.steps.word.toString(16).padStart(8, '0')}`;
  return `${JSON.stringify({ number: { text: x, f32: word, round, saturate, scaleExponent: scale }, formats }, null, 1)}\n`;
}

function codesOf(bits: number): readonly number[] {
  return bits > LISTED_BITS ? [] : Array.from({ length: 2 ** bits }, (_, code) => code);
}

/** JSON has no NaN, no infinities and no -0. */
function json(value: number): number | string {
  return Number.isFinite(value) && !Object.is(value, -0) ? value : written(value);
}
