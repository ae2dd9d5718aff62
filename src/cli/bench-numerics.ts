import type { NumericsReport } from '../bench/index.ts';
import { bytes, count, significant, table } from './format.ts';

/** The lines of `bench numerics`: what holds beside what should, then what each recipe costs. */
export function numericsText({ oracles, casts, trace, recipes }: NumericsReport): string {
  const checks = [
    ...oracles.map(({ what, measuredDb, atLeastDb }) => [
      `signal to noise, ${what}`,
      `${measuredDb.toFixed(2)} dB`,
      `at least ${atLeastDb.toFixed(1)} dB`,
      verdict(measuredDb >= atLeastDb),
    ]),
    ...casts.map(({ format, words, mismatches }) => [
      `${format} on GPU and CPU, ${count(words)} random words`,
      `${count(mismatches)} differ`,
      'none',
      verdict(mismatches === 0),
    ]),
    [
      `delayed scaling, ${trace.steps} steps: amax, history, scale`,
      `${count(trace.mismatches)} of ${count(trace.compared)} differ`,
      'none',
      verdict(trace.mismatches === 0),
    ],
  ];
  const f32 = recipes.find(({ recipe }) => recipe === 'f32');
  const costs = recipes.map(({ recipe, casts: how, msPerStep, msOverF32, dispatchesPerStep, keptBytes, peakBytes }) => [
    recipe,
    recipe === 'f32' ? '' : how,
    `${significant(msPerStep.median, 3)} ms`,
    `${significant(msPerStep.low, 3)} to ${significant(msPerStep.high, 3)}`,
    recipe === 'f32' ? '' : `${msOverF32.median < 0 ? '' : '+'}${significant(msOverF32.median, 3)} ms`,
    recipe === 'f32' ? '' : `${significant(msOverF32.low, 3)} to ${significant(msOverF32.high, 3)}`,
    count(dispatchesPerStep),
    bytes(keptBytes),
    f32 === undefined ? '' : `${significant((100 * keptBytes) / f32.keptBytes, 3)} %`,
    bytes(peakBytes),
  ]);
  const titles = ['recipe', 'casts', 'step', 'quartiles', 'over f32', 'quartiles', 'dispatches', 'kept', 'of f32', 'GPU memory'];
  return [
    table([['check', 'measured', 'expected', ''], ...checks], (column) => column === 1),
    table([titles, ...costs], (column) => column > 1),
    'kept: bytes held from the forward for the backward pass. Emulated formats show numerics, not speed.\n',
  ].join('\n');
}

function verdict(holds: boolean): string {
  return holds ? 'ok' : 'FAILS';
}
