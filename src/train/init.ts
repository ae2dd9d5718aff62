import { normals } from '../base/random.ts';
import { sizeOf } from '../base/shape.ts';
import { unreachable } from '../base/errors.ts';
import { amaxOf, castWords, currentScale, formatNamed, PLAIN } from '../numerics/index.ts';
import { castAt } from '../spec/precision.ts';
import { parameterShapes } from '../spec/shapes.ts';
import type { RunSpec } from '../spec/run-spec.ts';
import type { NamedTensor } from './safetensors.ts';

/**
 * The weights that a run starts from, in the order of `parameterShapes`. A tensor depends on the seed and its name alone, and is
 * the same on every machine: the normals are made in f64 on the CPU and rounded once.
 */
export function initialWeights(spec: RunSpec, vocab: number): readonly NamedTensor[] {
  return parameterShapes(spec, vocab).map(({ name, shape, init }) => {
    const data = new Float32Array(sizeOf(shape));
    switch (init.kind) {
      case 'normal':
        normals(data, spec.seed.init, name, init.std);
        break;
      case 'ones':
        data.fill(1);
        break;
      case 'zeros':
        break;
      default:
        unreachable(init);
    }
    return { name, shape, data };
  });
}

/** Weights in the format that the run keeps them in, rounded to nearest; as they are where that is f32. */
export function roundedWeights(weights: readonly NamedTensor[], { precision }: RunSpec): readonly NamedTensor[] {
  const cast = castAt(precision, { layer: '', role: 'weights' });
  if (cast === null) return weights;
  const format = formatNamed(cast.format);
  return weights.map(({ name, shape, data }) => {
    const words = new Uint32Array(data.slice().buffer);
    const scale = cast.scaling === 'current' ? currentScale(amaxOf(words), format, cast) : 1;
    const { values } = castWords(words, format, { ...PLAIN, saturate: format.bits <= 8, scale });
    return { name, shape, data: new Float32Array(values.buffer) };
  });
}
