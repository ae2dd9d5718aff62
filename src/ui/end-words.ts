import { endWindow, FEWEST_STEPS, LEVEL, scoreOf, tallyOf, type EndPrediction, type KeptEnds, type Run } from '../lab/index.ts';
import { percent, whole } from './format.ts';

const HALF = 0.5;
const LEVEL_WORDS = percent(LEVEL);

/** Two digits of what the interval leaves open. */
function digitsOf({ low, high }: Pick<EndPrediction, 'low' | 'high'>): number {
  return Math.min(4, Math.max(2, 1 - Math.floor(Math.log10(high - low || 1))));
}

/** `1.83 (1.78..1.90)`. */
export function intervalWords(end: Pick<EndPrediction, 'lossNats' | 'low' | 'high'>): string {
  const [value, low, high] = [end.lossNats, end.low, end.high].map((nats) => nats.toFixed(digitsOf(end)));
  return `${value} (${low}..${high})`;
}

/** What is foretold of a run, or why nothing is, and how that came out; empty before the run has begun. */
export function endWords(run: Run): string {
  const { latest, kept } = run.ends.of(0);
  if (latest === null) return run.steps.length > 0 && run.active ? EARLY : '';
  if (typeof latest !== 'string')
    return `Ends at ${intervalWords(latest)}, predicted from ${percent(latest.step / latest.totalSteps)} of the steps.`;
  if (kept.cameNats !== null) return cameWords(kept, kept.cameNats);
  switch (latest) {
    case 'early':
      return EARLY;
    case 'few steps':
      return `The end is not predicted yet: that takes ${FEWEST_STEPS} steps after the warm-up.`;
    case 'not finite':
      return 'No end is predicted: the loss is not finite.';
    case 'over':
      return '';
  }
}

const EARLY = 'The end is predicted once 20 % of the steps are done.';

function cameWords(kept: KeptEnds, cameNats: number): string {
  const came = `Ended at ${cameNats.toFixed(3)}`;
  const mark = kept.marks.find(({ share }) => share === HALF) ?? kept.marks.at(-1);
  const score = mark === undefined ? null : scoreOf(kept, mark);
  if (mark === undefined || score === null) return `${came}; no end was predicted.`;
  const error = Math.abs(score.errorNats).toFixed(3);
  const side = score.errorNats < 0 ? 'too low' : 'too high';
  const place = score.inside ? 'inside' : 'outside';
  return `${came}: ${place} the interval predicted at ${percent(mark.share)}, ${intervalWords(mark)}, which was ${error} nats ${side}.`;
}

/** What the words mean, for those who ask. */
export function endHelp({ totalSteps }: Run): string {
  const { from, to } = endWindow(totalSteps);
  return (
    `Mean training loss of the last ${whole(to - from + 1)} steps, with its ${LEVEL_WORDS} interval: the annealing law of a learning curve ` +
    'under this schedule, averaged over what its parameters may be after the steps so far. Before any step they are taken to be as in ' +
    'some 90 runs of such models, to which the width of the interval was fitted too. It holds what the curve leaves open, what the law itself has been wrong by, and the noise of those steps.'
  );
}

/** `41 of 46 predictions made at half time lay inside their 90 % interval, median error 0.012 nats`; empty where none was scored. */
export function tallyWords(kept: readonly KeptEnds[]): string {
  const tally = tallyOf(kept, HALF);
  if (tally === null) return '';
  const { runs, inside, medianErrorNats } = tally;
  const made = runs === 1 ? '1 prediction' : `${inside} of ${runs} predictions`;
  const lay = runs === 1 ? (inside === 1 ? 'lay' : 'did not lie') : 'lay';
  return `Predicted ends: ${made} made at half time ${lay} inside ${runs === 1 ? 'its' : 'their'} ${LEVEL_WORDS} interval, median error ${medianErrorNats.toFixed(3)} nats.`;
}
