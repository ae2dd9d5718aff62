import { powerFit, type PowerFit } from '../../laws/index.ts';
import type { Optima, OwnOptima } from '../laws/optima.ts';
import { beyondWords, endsOf } from './beyond.ts';
import type { Estimate } from './plan.ts';

/** Learning rate and batch by what one's own sweeps found best. */

/** An estimate, in sentences what it rests on and what is to be minded; or why there is none. */
export type Found =
  | { readonly estimate: Estimate; readonly words: string; readonly warnings: readonly string[] }
  | { readonly estimate: null; readonly why: string };

interface Place {
  readonly N: number;
  readonly D: number;
}

type Axis = keyof Place;

/** Standard deviations of ln N or ln D below which all optima are at one of them. */
const ONE = 0.03;
/** An interval whose ends are this many times apart says nothing. */
const VAGUE = 100;
/** Tokens a parameter that differ by more from those of the optima are elsewhere. */
const OTHER_RATIO = 1.5;
/** Fewest best batches: the mean of two says nothing of how far off it is. */
const FEWEST_BATCHES = 3;

/** The learning rate by lr = c N^p D^q, Step Law's form, through the best rates of one's own sweeps. */
export function ownRate(optima: Optima | null, at: Place): Found {
  const name = 'Learning rate';
  if (optima === null || optima.rows.length === 0)
    return {
      estimate: null,
      why: lacking(name, optima, 'best rates at 4 sizes and lengths, each from 3 rates or more around the best'),
    };
  const { sizes, lengths, apart } = designOf(optima);
  const axes: Axis[] = [...(sizes ? (['N'] as const) : []), ...(lengths && (apart || !sizes) ? (['D'] as const) : [])];
  const needed = axes.length + 2;
  if (optima.rows.length < needed || axes.length === 0) {
    const where = axes.length === 2 ? 'sizes and lengths' : axes[0] === 'D' ? 'lengths' : 'sizes';
    return {
      estimate: null,
      why: lacking(name, optima, `best rates at ${Math.max(3, needed)} ${where}, each from 3 rates or more around the best`),
    };
  }
  return through(optima, 'lr', axes, at, name, 'best rates');
}

/** The batch, in tokens, by B = c D^q, Step Law's form, through the best batches; else the critical batch that was measured nearest. */
export function ownBatch({ batches, critical }: OwnOptima, at: Place): Found {
  const name = 'Batch';
  const needs =
    'best batches at 3 lengths or sizes, each from 3 batches or more around the best, or one model that reached the same loss with 3 batches';
  const axes: Axis[] = batches !== null && designOf(batches).lengths ? ['D'] : [];
  if (batches !== null && batches.rows.length >= FEWEST_BATCHES) return through(batches, 'B', axes, at, name, 'best batches');
  const told = critical.filter(({ interval }) => interval === null || interval[1] < VAGUE * interval[0]);
  const vague = critical.length - told.length;
  const near = told.toSorted((a, b) => distance(a, at) - distance(b, at))[0];
  if (near === undefined) return { estimate: null, why: lacking(name, batches, needs, vague) };
  const { N, D, tokens, interval, lossNats, batches: tried } = near;
  return {
    estimate: { value: tokens, interval },
    words:
      `${name}: your own critical batch, ${figure(tokens)} tokens at N ${figure(N)}, at which steps to ${lossNats.toPrecision(4)} nats are ` +
      `20 % more than in proportion (Zhang et al.), by S = a + b / B through ${tried} batches.`,
    warnings: beyondWords({ N: [N, N], D: [D, D] }, at, 'that your critical batch was measured at'),
  };
}

function through(optima: Optima, of: 'lr' | 'B', axes: readonly Axis[], at: Place, name: string, what: string): Found {
  const columns = Object.fromEntries((['N', 'D', of] as const).map((key) => [key, [...(optima.points.columns[key] ?? [])]]));
  const column = (key: string): readonly number[] => columns[key] ?? [];
  const fit = powerFit(column(of), axes.map(column));
  if (fit === null) return { estimate: null, why: `${name}: your ${what} do not tell a law.` };
  const range = { N: endsOf(column('N')), D: endsOf(column('D')) };
  const { sizes, lengths, apart } = designOf(optima);
  const symbol = of === 'lr' ? 'lr' : 'B';
  return {
    estimate: fit.at(axes.map((axis) => at[axis])),
    words: `${name}: ${formula(symbol, fit, axes)}, through ${fit.points} ${what} of your own sweeps; 90 % interval by Student’s t.`,
    warnings: [
      ...beyondWords(of === 'B' ? { D: range.D } : range, at, `that your ${what} were measured at`),
      ...(lengths
        ? []
        : [
            `All your ${what} are at one number of tokens: how the ${of === 'lr' ? 'rate' : 'batch'} moves with D is not measured.`,
          ]),
      ...(of === 'lr' && !sizes ? [`All your ${what} are at one size: how the rate moves with N is not measured.`] : []),
      ...(of === 'lr' && sizes && lengths && !apart ? ratioWords(column('D'), column('N'), at, what) : []),
      ...sweepWords(optima, what),
    ],
  };
}

/** What is to be minded of the sweeps that optima are of. */
function sweepWords({ edges, short, untuned, mixed }: Optima, what: string): string[] {
  const left = leftWords(edges, short);
  return [
    ...(left.length === 0 ? [] : [`Your ${what} leave out ${left.join(' and ')}.`]),
    ...(untuned === 0
      ? []
      : [
          `${untuned} of your ${what} ${untuned === 1 ? 'is' : 'are'} of batches that were not all tried with 3 learning rates around the best: another rate may make another batch the best.`,
        ]),
    ...(mixed === 0
      ? []
      : [
          `At ${mixed} of your sizes and lengths, runs differ in more than learning rate, batch and seed, and ${what} of each kind count alike: choose a sweep or a tag.`,
        ]),
  ];
}

function leftWords(edges: number, short: number): string[] {
  return [...some(edges, 'sweep', 'with the best at an edge'), ...some(short, 'sweep', 'of fewer than 3 values')];
}

function some(count: number, one: string, what: string): string[] {
  return count === 0 ? [] : [`${count} ${one}${count === 1 ? '' : 's'} ${what}`];
}

/** Optima on a line D = m N say nothing of what lies beside it. */
function ratioWords(D: readonly number[], N: readonly number[], at: Place, what: string): string[] {
  const measured = Math.exp(mean(D.map((tokens, i) => Math.log(tokens / (N[i] ?? NaN)))));
  const times = at.D / at.N / measured;
  if (times < OTHER_RATIO && times > 1 / OTHER_RATIO) return [];
  return [
    `All your ${what} are at ${figure(measured)} tokens a parameter and the plan has ${figure(at.D / at.N)}: how the rate moves with D apart from N is not measured.`,
  ];
}

/** Whether optima differ in size, in length, and in one apart from the other. */
function designOf({ points: { columns } }: Optima): {
  readonly sizes: boolean;
  readonly lengths: boolean;
  readonly apart: boolean;
} {
  const [x, y] = ['N', 'D'].map((name) => [...(columns[name] ?? [])].map(Math.log));
  if (x === undefined || y === undefined || x.length === 0) return { sizes: false, lengths: false, apart: false };
  const [mx, my] = [mean(x), mean(y)];
  const xx = mean(x.map((value) => (value - mx) ** 2));
  const yy = mean(y.map((value) => (value - my) ** 2));
  const xy = mean(x.map((value, i) => (value - mx) * ((y[i] ?? NaN) - my)));
  const beside = xx === 0 ? yy : yy - xy ** 2 / xx;
  return { sizes: Math.sqrt(xx) > ONE, lengths: Math.sqrt(yy) > ONE, apart: Math.sqrt(Math.max(0, beside)) > ONE };
}

function lacking(name: string, optima: Optima | null, needs: string, vague = 0): string {
  const { rows, edges, short } = optima ?? { rows: [], edges: 0, short: 0 };
  const beside = [...leftWords(edges, short), ...some(vague, 'model', 'whose steps leave it open')];
  const more = beside.length === 0 ? '' : `, beside ${beside.join(' and ')}`;
  return `${name}: your own fit needs ${needs}. These runs have ${rows.length === 0 ? 'none' : rows.length}${more}.`;
}

function formula(y: string, { c, exponents }: PowerFit, axes: readonly Axis[]): string {
  // Without a minus before 0.
  const powers = exponents.map((exponent, i) => ` ${axes[i]}^${(Math.round(1000 * exponent) / 1000).toFixed(3)}`).join('');
  return `${y} = ${figure(c)}${powers}`;
}

function distance(a: Place, b: Place): number {
  return Math.abs(Math.log(a.N / b.N)) + Math.abs(Math.log(a.D / b.D));
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Three digits: `0.0123`, `4,100`, `1.2e6`. */
export function figure(value: number): string {
  const short = Number(value.toPrecision(3));
  return short >= 1e-3 && short < 1e6
    ? short.toLocaleString('en', { maximumSignificantDigits: 3 })
    : short.toExponential().replace('e+', 'e');
}
