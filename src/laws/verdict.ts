import { studentQuantile } from './student.ts';
import type { Gap } from './paired.ts';

/**
 * The relative loss error that DeepSeek-V3 reports of FP8 training against bf16: "consistently below 0.25 %" (arXiv:2412.19437, 3.3).
 */
export const DEEPSEEK_LINE = 0.0025;

export type VerdictKind =
  /** The losses are the same in every bit. */
  | 'equal'
  /** The interval holds 0. */
  | 'none'
  | 'above'
  | 'below'
  /** Nothing can be said yet. */
  | 'unknown';

export interface Verdict {
  readonly kind: VerdictKind;
  /** "fp8-current is 0.31 % ± 0.12 % above bf16 at 2.1 M tokens", without a full stop. */
  readonly text: string;
  /** How the interval stands against ±{@link DEEPSEEK_LINE}: wholly inside, wholly outside, or across it. */
  readonly line: 'within' | 'beyond' | 'across' | 'unknown';
  readonly lineText: string;
  /** What the reader should know of the interval, in sentences. */
  readonly caveats: readonly string[];
}

export interface Compared {
  readonly arm: string;
  readonly baseline: string;
  readonly tokensPerStep: number;
}

/** Independent stretches below which an interval of steps means little. */
const FEW_BLOCKS = 6;

/** A gap in words; null where no gap could be measured. */
export function verdictOf(gap: Gap | null, { arm, baseline, tokensPerStep }: Compared): Verdict {
  if (gap === null || gap.lastStep - gap.firstStep < 3) {
    const text = `Too little is measured to compare ${arm} with ${baseline}`;
    return { kind: 'unknown', text, line: 'unknown', lineText: '', caveats: [] };
  }
  const at = `at ${tokensInWords(gap.lastStep * tokensPerStep)}`;
  const caveats = caveatsOf(gap);
  if (gap.equal) {
    const text = `${arm} and ${baseline} have the same losses, bit for bit, ${at}`;
    return { kind: 'equal', text, line: 'within', lineText: lineWords('within'), caveats: [] };
  }
  const half = (gap.hi - gap.lo) / 2;
  const digits = digitsFor(half);
  const line = lineOf(gap);
  const common = { line, lineText: lineWords(line), caveats };
  if (gap.lo <= 0 && gap.hi >= 0) {
    const within = Math.max(-gap.lo, gap.hi);
    const text = `no measurable difference (within ±${percent(within, digitsFor(within))}) between ${arm} and ${baseline} ${at}`;
    return { kind: 'none', text, ...common };
  }
  const kind = gap.relative > 0 ? 'above' : 'below';
  const text = `${arm} is ${percent(Math.abs(gap.relative), digits)} ± ${percent(half, digits)} ${kind} ${baseline} ${at}`;
  return { kind, text, ...common };
}

function lineOf({ lo, hi }: Gap): 'within' | 'beyond' | 'across' {
  if (lo >= -DEEPSEEK_LINE && hi <= DEEPSEEK_LINE) return 'within';
  return lo > DEEPSEEK_LINE || hi < -DEEPSEEK_LINE ? 'beyond' : 'across';
}

function lineWords(line: 'within' | 'beyond' | 'across'): string {
  switch (line) {
    case 'within':
      return 'Within the 0.25 % that DeepSeek-V3 reports for FP8.';
    case 'beyond':
      return 'More than the 0.25 % that DeepSeek-V3 reports for FP8.';
    case 'across':
      return 'The interval reaches across the 0.25 % that DeepSeek-V3 reports for FP8: more seeds or steps would decide.';
  }
}

function caveatsOf({ seeds, lost, blocks }: Gap): string[] {
  const caveats: string[] = [];
  if (seeds.length === 1) caveats.push('One seed: the interval knows the noise of steps, and nothing of how seeds differ.');
  if (seeds.length === 2) caveats.push('Two seeds: how seeds differ is hardly known, so the interval is wide and still rough.');
  if (blocks < FEW_BLOCKS) caveats.push('Few independent steps: the interval is rough until the runs are longer.');
  if (lost.length > 0)
    caveats.push(
      `Without ${lost.length === 1 ? 'seed' : 'seeds'} ${lost.map((seed) => seed + 1).join(', ')}, whose loss is not finite.`,
    );
  return caveats;
}

/** The gap of one number a seed, such as a held-out loss, with Student's interval over seeds; null below two finite pairs. */
export interface ScalarGap {
  readonly relative: number;
  readonly lo: number;
  readonly hi: number;
  readonly seeds: number;
}

/** Relative gaps of seeds are averaged as {@link Gap.relative} is. Values of one pair that are not finite leave it out. */
export function scalarGap(arm: ArrayLike<number>, baseline: ArrayLike<number>, level = 0.95): ScalarGap | null {
  const gaps = Array.from(baseline, (base, i) => ((arm[i] ?? NaN) - base) / base).filter((gap) => Number.isFinite(gap));
  if (gaps.length < 2) return null;
  const relative = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
  const variance = gaps.reduce((sum, gap) => sum + (gap - relative) ** 2, 0) / (gaps.length - 1);
  const half = studentQuantile((1 + level) / 2, gaps.length - 1) * Math.sqrt(variance / gaps.length);
  return { relative, lo: relative - half, hi: relative + half, seeds: gaps.length };
}

/** `0.31 %`. */
function percent(share: number, digits: number): string {
  return `${(100 * share).toFixed(digits)} %`;
}

/** Decimals that show two figures of a share's percents, 0..6. */
function digitsFor(share: number): number {
  const size = Math.floor(Math.log10(100 * share));
  return Number.isFinite(size) ? Math.min(6, Math.max(0, 1 - size)) : 2;
}

/** `2.1 M tokens`. */
export function tokensInWords(tokens: number): string {
  for (const [unit, size] of [
    ['G', 1e9],
    ['M', 1e6],
    ['k', 1e3],
  ] as const) {
    if (tokens >= size) return `${(tokens / size).toPrecision(tokens >= 100 * size ? 3 : 2)} ${unit} tokens`;
  }
  return `${tokens} tokens`;
}
