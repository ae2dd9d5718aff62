import type {
  Ablation,
  AblationRow,
  CompiledKernel,
  Command,
  Event,
  KernelRow,
  KernelsReport,
  LanesReport,
  LanesRow,
  MeasureReport,
  MeasureResult,
  Tuned,
} from '../../src/worker/protocol.ts';
import { dataOf, forecastOf } from './fake-reports.ts';

type Measure = Extract<Command, { type: 'measure' }>;

/** A measurement of made-up figures: {@link next} says one row, the last ends it. */
export class FakeMeasuring {
  readonly #command: Measure;
  readonly #post: (event: Event) => void;
  readonly #rows: (AblationRow | LanesRow | Tuned)[];
  #said = 0;

  constructor(command: Measure, post: (event: Event) => void) {
    this.#command = command;
    this.#post = post;
    const lanes = command.options.lanes.map(lanesRow);
    const [ablation, tuning] = [fakeAblation().rows.slice(), fakeTuning().slice()];
    this.#rows = { kernels: [], ablation, lanes, tuning }[command.what];
  }

  get over(): boolean {
    return this.#said > this.#rows.length;
  }

  report(): MeasureReport {
    const { parameters, tokensPerStep } = forecastOf(this.#command.spec);
    return { data: dataOf(this.#command.spec.data.source), parameters, tokensPerStep, tunedKernels: 0 };
  }

  /** Says the next row, or after the last that it is over. */
  next(): void {
    if (this.over) return;
    const { runId } = this.#command;
    const row = this.#rows[this.#said];
    this.#said += 1;
    if (row === undefined) {
      this.#end(false);
      return;
    }
    const what = 'form' in row ? `${row.form.kind} ${row.form.rule}` : 'lanes' in row ? `${row.lanes} lanes` : row.shape;
    this.#post({ type: 'measureProgress', runId, done: this.#said - 1, total: this.#rows.length, what });
    if ('form' in row) this.#post({ type: 'measureRow', runId, what: 'ablation', row });
    else if ('lanes' in row) this.#post({ type: 'measureRow', runId, what: 'lanes', row });
    else this.#post({ type: 'measureRow', runId, what: 'tuning', row });
  }

  stop(): void {
    this.#rows.splice(this.#said);
    this.#said = this.#rows.length + 1;
    this.#end(true);
  }

  #end(stopped: boolean): void {
    const { runId, what } = this.#command;
    const result = what !== 'kernels' && this.#rows.length === 0 ? null : this.#result();
    this.#post({ type: 'measureEnd', runId, result, stopped, error: null });
  }

  #result(): MeasureResult {
    const { what } = this.#command;
    if (what === 'kernels') return { what, report: fakeKernels() };
    const rows = this.#rows;
    if (what === 'ablation')
      return { what, ablation: { ...fakeAblation(), rows: rows.filter((row): row is AblationRow => 'form' in row) } };
    if (what === 'tuning') return { what, report: { rows: rows.filter((row): row is Tuned => 'candidates' in row) } };
    const lanes = rows.filter((row): row is LanesRow => 'lanes' in row);
    return { what, report: { rows: lanes, fullAt: 4, stoppedBy: null } };
  }
}

function lanesRow(lanes: number): LanesRow {
  const ms = 2 + Math.max(0.4, lanes - 3.5);
  return {
    lanes,
    ms,
    quartilesMs: [0.95 * ms, 1.1 * ms],
    tokensPerSecond: (1024 * lanes * 1000) / ms,
    peakBytes: lanes * 2 ** 21,
  };
}

export function fakeLanes(lanes: readonly number[] = [1, 2, 4, 8]): LanesReport {
  return { rows: lanes.map(lanesRow), fullAt: 4, stoppedBy: null };
}

/** All rules, one alone that matters, one that does not, one taken away. */
export function fakeAblation(): Ablation {
  const row = (kind: 'all' | 'only' | 'without', rule: string, ratio: number): AblationRow => ({
    form: { kind, rule },
    reference: kind === 'without' ? 'all' : 'none',
    ms: 6 * ratio,
    referenceMs: 6,
    ratio: { ratio, lo: ratio - 0.02, hi: ratio + 0.02, level: 0.95, rounds: 7 },
    dispatches: Math.round(120 * ratio),
    boundBytes: Math.round(2 ** 25 * ratio),
    peakBytes: 2 ** 23,
    tunedShapes: [3, 2],
    lossDifference: 1.25e-7,
  });
  const rows = [
    row('all', '', 0.6),
    row('only', 'attention', 0.8),
    row('only', 'matmul-bias', 1.005),
    row('without', 'attention', 1.4),
  ];
  return { rows, idle: ['cast-store'], lossSteps: 20, rounds: 7 };
}

/** Two products and an optimizer that moves bytes, in a step of four dispatches; with no fusion there is one more. */
export function fakeKernels(): KernelsReport {
  const sources: Record<string, string> = {};
  const compiled = (name: string, overrides: CompiledKernel['overrides'] = {}): CompiledKernel => {
    sources[name] = `// ${name}: made up\n@compute @workgroup_size(1) fn main() {}\n`;
    return { kernel: name, source: name, overrides };
  };
  const kernel = (name: string, change: Partial<KernelRow>): KernelRow => ({
    kernel: name,
    variant: 'plain',
    variants: [{ variant: 'plain', kernels: [compiled(name)] }],
    nodes: [`node 3 ${name}`],
    perStep: 1,
    ms: 0.25,
    rangeMs: [0.24, 0.28],
    share: 0.25,
    flops: null,
    bytes: 4_000_000,
    ofLimit: 0.8,
    bound: 'bandwidth',
    ...change,
  });
  const matmul = kernel('matmul/tiled', {
    variant: '8x8',
    variants: [
      { variant: '8x8', kernels: [compiled('matmul/tiled', { TILE: 8, EDGES: false })] },
      { variant: 'split', kernels: [compiled('matmul/split', { WORKGROUP: 64 }), compiled('matmul/split-sum')] },
    ],
    nodes: ['node 5 matmul "blocks.0.mlp.up"', 'node 9 matmul "blocks.1.mlp.up"'],
    perStep: 2,
    ms: 0.5,
    rangeMs: [0.48, 0.56],
    share: 0.6,
    flops: 50_000_000,
    bytes: 2_000_000,
    ofLimit: 0.5,
    bound: 'arithmetic',
  });
  const norm = kernel('norm/norm-forward', { ms: 0.4, share: 0.2, flops: null, ofLimit: null, bound: null });
  const rows = [matmul, kernel('optimizer/adamw-update', { share: 0.2 }), norm];
  const timeline = [2, 0, 0, 1].map((row, i) => ({
    row,
    node: rows[row]?.nodes[i === 2 ? 1 : 0] ?? '',
    writes: 'f32[1,1024,256]',
    atMs: [0, 0.4, 0.9, 1.4][i] ?? 0,
    ms: rows[row]?.ms ?? 0,
    bytes: rows[row]?.bytes ?? 0,
  }));
  const bias = kernel('elementwise/add', { ms: 0.3 });
  const added = { row: 3, node: 'node 6 add', writes: 'f32[1,1024,256]', atMs: 1.65, ms: 0.3, bytes: 3_000_000 };
  return {
    limits: { copyGBs: { median: 20, low: 19, high: 21 }, fmaGFlops: { median: 200, low: 190, high: 205 } },
    clock: 'timestamps',
    rows,
    timeline,
    sources,
    unfused: { rows: [...rows, bias], timeline: [...timeline, added] },
  };
}

/** One shape whose first guess stays, and one where another variant is twice as fast. */
export function fakeTuning(): readonly Tuned[] {
  const shape = (M: number, chosen: string, others: readonly (readonly [string, number | null])[]): Tuned => ({
    signature: `matmul(f32[${M},128]) {}`,
    shape: `matmul M ${M} N 128 K 128`,
    candidates: [
      { variant: '8x8', ms: 0.5, spreadMs: 0.02 },
      ...others.map(([variant, ms]) => ({ variant, ms, spreadMs: ms === null || ms > 1 ? null : 0.01 })),
    ],
    chosen,
    timedBy: 'timestamps',
    software: true,
  });
  return [
    shape(1024, '8x8', [['4x4', 0.49]]),
    shape(64, 'split', [
      ['split', 0.25],
      ['4x4', 1.9],
      ['subgroup', null],
    ]),
  ];
}
