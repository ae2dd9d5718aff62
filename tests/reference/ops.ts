import type { OpName } from '../../src/ops/table.ts';
import { attentionReferences } from './ops/attention.ts';
import { elementwiseReferences } from './ops/elementwise.ts';
import { embeddingReferences } from './ops/embedding.ts';
import { lossReferences } from './ops/loss.ts';
import { matmulReferences } from './ops/matmul.ts';
import { normReferences } from './ops/norm.ts';
import { optimizerReferences } from './ops/optimizer.ts';
import { producerReferences } from './ops/producer.ts';
import { quantizeReferences } from './ops/quantize.ts';
import { scalingReferences } from './ops/scaling.ts';
import { tensorStatsReferences } from './ops/tensor-stats.ts';
import { textReferences } from './ops/text.ts';
import type { Reference } from './tensor.ts';

/** The f64 truth of every op (promise 3): an op of the table without one does not compile. */
export const references = {
  ...embeddingReferences,
  ...elementwiseReferences,
  ...matmulReferences,
  ...normReferences,
  ...attentionReferences,
  ...lossReferences,
  ...optimizerReferences,
  ...textReferences,
  ...scalingReferences,
  ...quantizeReferences,
  ...producerReferences,
  ...tensorStatsReferences,
} satisfies Readonly<Record<OpName, Reference>>;

function hasReference(op: string): op is keyof typeof references {
  return Object.hasOwn(references, op);
}

/** The reference of an op by name. @throws RangeError for one that has none. */
export function referenceOf(op: string): Reference {
  if (!hasReference(op)) throw new RangeError(`op ${op} has no reference`);
  return references[op];
}
