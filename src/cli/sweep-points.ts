import { SpecError } from '../base/errors.ts';
import { COUNTED_WORDS, countedParameters, parseSpec, tokensPerStep } from '../spec/index.ts';
import type { ParametersCounted } from '../spec/index.ts';
import { isFolder, readText } from './files.ts';
import { parseJson } from './spec-file.ts';
import { SweepFolder } from './sweep-folder.ts';
import type { Ended } from './sweep-folder.ts';

/** What N counts. */
export const COUNTED = ['all', 'non-embedding', 'blocks'] as const satisfies readonly ParametersCounted[];

/** Points as text, and what is not in them. */
export interface PointsText {
  readonly text: string;
  readonly notes: readonly string[];
}

/**
 * The points of a file, or of the runs of a sweep's folder that have finished.
 *
 * @param exact a folder's points have C, every matmul counted as budgets are; without it, laws make it of N and D.
 * @throws SpecError
 */
export function pointsAt(path: string, counted: ParametersCounted, exact: boolean): PointsText {
  return isFolder(path) ? sweepPoints(path, counted, exact) : { text: readText(path), notes: [] };
}

/**
 * The runs of a sweep as a table: N as `counted` says, D tokens seen, U unique ones, B tokens a step, S steps, lr the peak learning rate, the
 * held-out loss at the end and, where it is `exact`, C. Where a run has no held-out loss, the mean training loss of the last tenth of its
 * steps, for all of them.
 */
function sweepPoints(path: string, counted: ParametersCounted, exact: boolean): PointsText {
  const ended = new SweepFolder(path, { keepCheckpoints: true }).ended();
  const finished = ended.filter(({ result }) => result.status === 'finished');
  if (finished.length === 0) {
    const cure = 'Name a folder that isoflop sweep --out has written, or a CSV file of points.';
    throw new SpecError({ where: `folder "${path}"`, rule: 'no run in it has finished', cure });
  }
  const held = finished.every(({ result }) => result.validation !== undefined);
  const lines = finished.map(({ result, spec }) =>
    [...pointOf(result, spec, counted, held), ...(exact ? [result.flopsPerToken * result.tokens] : [])].join(','),
  );
  const data = new Set(finished.map(({ result }) => result.data.hash)).size;
  const apart = ended.length - finished.length;
  return {
    text: `run,N,D,U,B,S,lr,loss${exact ? ',C' : ''}\n${lines.join('\n')}\n`,
    notes: [
      `N counts ${COUNTED_WORDS[counted]}${exact ? ', C every matmul' : ''}; the loss is ${held ? 'the validation loss at the end' : 'the mean training loss of the last tenth of the steps'}.`,
      ...(data < 2 ? [] : [`These are runs on ${data} different sets of data, and a law is of one.`]),
      ...(apart === 0 ? [] : [`${apart} ${apart === 1 ? 'run' : 'runs'} that diverged ${apart === 1 ? 'is' : 'are'} left out.`]),
    ],
  };
}

function pointOf(
  { id, tokens, uniqueTokens, steps, data, validation, meanLoss }: Ended['result'],
  text: string,
  counted: ParametersCounted,
  held: boolean,
): readonly (string | number)[] {
  const spec = parseSpec(parseJson(text, `run ${id}`));
  const N = countedParameters(spec, data.vocab, counted);
  return [id, N, tokens, uniqueTokens, tokensPerStep(spec), steps, spec.optimizer.lr, held ? (validation ?? NaN) : meanLoss];
}
