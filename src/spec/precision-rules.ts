import { elementFormat } from './cast-text.ts';
import { siteName } from '../numerics/site.ts';
import type { Cast, Role } from '../numerics/site.ts';
import { blocksOf, castsOf, isLinear, isOperand, overrideAt, overridesOf, parseSelector } from './precision.ts';

import type { Finding, Rule } from './rule.ts';
import { castSites } from './sites.ts';
import type { CastSite, Dimension } from './sites.ts';
import { vocabSize } from './shapes.ts';
import type { RunSpec } from './run-spec.ts';
import { quoted } from './words.ts';

const MIN_BLOCK = 4;
const MAX_BLOCK = 128;

const takesBlocks = (role: Role): boolean => isLinear(role) || role.startsWith('attention.');

/** The largest power of two that a block may have and that divides `size`; below {@link MIN_BLOCK} where there is none. */
function largestBlock(size: number): number {
  let block = 1;
  while (block < MAX_BLOCK && size % (2 * block) === 0) block *= 2;
  return block;
}

const isPowerOfTwo = (size: number): boolean => Number.isInteger(Math.log2(size));

/** The tensors of a model; of one block alone where no override tells blocks apart, for the others are as it is. */
function sitesOf(spec: RunSpec): readonly CastSite[] {
  const apart = Object.keys(spec.precision.overrides).some((selector) => selector.startsWith('blocks.'));
  return castSites(apart ? spec : { ...spec, model: { ...spec.model, layers: 1 } });
}

/** The tensors of a model that a precision casts. */
function castTensors(spec: RunSpec): readonly { readonly site: CastSite; readonly cast: Cast }[] {
  const { recipe, overrides } = spec.precision;
  if (recipe === 'f32' && Object.keys(overrides).length === 0) return [];
  const castOf = castsOf(spec.precision);
  return sitesOf(spec).flatMap((site) => {
    const cast = castOf(site);
    return cast === null ? [] : [{ site, cast }];
  });
}

/** A dimension of a tensor that blocks of so many elements must divide. */
interface Laying extends Dimension {
  readonly site: CastSite;
  readonly block: number;
}

function layings(site: CastSite, cast: Cast): readonly Laying[] {
  const blocks = blocksOf(cast);
  const { blocked, role } = site;
  if (blocks === undefined || blocked === null) return [];
  const both = blocks.rows > 1 || role.startsWith('attention.');
  return (both ? blocked : blocked.slice(0, 1)).map((dimension) => ({ ...dimension, site, block: blocks.columns }));
}

/** Where a cast comes from: an entry of `overrides`, or else the field given. */
function sourceOf({ precision }: RunSpec, site: CastSite, field: string): string {
  const override = overrideAt(overridesOf(precision), site, precision);
  return override === undefined ? field : `precision.overrides.${override.text}`;
}

export const PRECISION_RULES: readonly Rule[] = [
  {
    marks: 'precision.blockSize',
    reads: ['precision.blockSize'],
    broken: ({ precision: { blockSize } }) =>
      blockSize === null || isPowerOfTwo(blockSize)
        ? undefined
        : {
            rule: 'is not a power of two',
            got: String(blockSize),
            expected: '4, 8, 16, 32, 64 or 128',
            cure: `Take ${2 ** Math.floor(Math.log2(blockSize))} or ${2 ** Math.ceil(Math.log2(blockSize))}.`,
          },
  },
  {
    marks: 'precision.overrides',
    reads: ['precision.recipe', 'precision.overrides', 'data', 'model'],
    broken: (spec) => strayOverride(spec),
  },
  {
    marks: 'precision.overrides',
    reads: ['precision', 'data', 'model'],
    broken: (spec) => unfitCast(spec),
  },
  {
    marks: 'precision.format',
    reads: ['precision', 'data', 'model'],
    broken: (spec) => pureE5M2(spec),
  },
  {
    marks: 'precision.blockSize',
    reads: ['precision', 'data', 'model'],
    broken: (spec) => undividedBlocks(spec),
  },
];

/** A selector that reaches no tensor of this model. */
function strayOverride(spec: RunSpec): Finding | undefined {
  const selectors = Object.keys(spec.precision.overrides);
  const sites = selectors.length === 0 ? [] : sitesOf(spec);
  for (const text of selectors) {
    const only = overridesOf({ ...spec.precision, overrides: { [text]: 'f32' } });
    if (sites.some((site) => overrideAt(only, site, spec.precision) !== undefined)) continue;
    const parsed = parseSelector(text);
    const layer = 'selector' in parsed ? parsed.selector.layer : null;
    const isThere = sites.some((site) => site.layer === layer || site.layer.startsWith(`${layer}.`));
    return {
      at: `precision.overrides.${text}`,
      rule: isThere ? 'selects nothing: the layer has no such tensor' : 'selects nothing: the model has no such layer',
      got: quoted(text),
      expected: isThere ? `a role of ${layer}` : `head, or blocks.0 to blocks.${spec.model.layers - 1} and what is in them`,
      cure: isThere
        ? 'Embedding, weights and optimizer states are of no layer, residual of a block, attention of its attn: write them so.'
        : 'Name a layer of this model, or leave the layer out.',
    };
  }
  return undefined;
}

/** E5M2 for both operands of a forward matmul, which TransformerEngine refuses: two bits of mantissa are for gradients. */
function pureE5M2(spec: RunSpec): Finding | undefined {
  const forward = castTensors(spec).filter(
    ({ site: { role }, cast }) =>
      (role === 'fprop.activation' || role === 'fprop.weight') && elementFormat(cast.format).name === 'e5m2',
  );
  // The two operands of a layer stand side by side.
  const second = forward.findIndex(({ site }, i) => forward[i - 1]?.site.layer === site.layer);
  const pair = second < 0 ? [] : forward.slice(second - 1, second + 1);
  const [first] = pair;
  if (first === undefined) return undefined;
  const sources = pair.map(({ site }) => sourceOf(spec, site, 'precision.format'));
  const at = sources.find((source) => source !== 'precision.format') ?? 'precision.format';
  return {
    at,
    rule: 'pure E5M2 in the forward pass is not supported',
    got: `E5M2 for fprop.activation and fprop.weight of ${first.site.layer}`,
    expected: 'E4M3 for one of them at least',
    cure:
      at === 'precision.format' ? 'Take "hybrid": E4M3 forward, E5M2 for gradients.' : 'Take e4m3 here, and e5m2 for gradients.',
  };
}

/** A tensor with a cast that its role does not take. */
function unfitCast(spec: RunSpec): Finding | undefined {
  for (const { site, cast } of castTensors(spec)) {
    const finding = misfit(site, cast);
    if (finding !== undefined) return { ...finding, at: sourceOf(spec, site, 'precision.overrides') };
  }
  return undefined;
}

function misfit(site: CastSite, { scaling, format }: Cast): Finding | undefined {
  if (scaling === 'block' && !takesBlocks(site.role)) {
    return {
      rule: 'block formats are for matmuls',
      got: `${format} for ${siteName(site)}`,
      expected: 'a format of single numbers, such as bf16 or e4m3/current',
      cure: 'Name the tensors of matmuls alone, such as activation, weight or gradient.',
    };
  }
  if (scaling === 'delayed' && !isOperand(site.role)) {
    return {
      rule: 'delayed scaling is for operands of linear layers',
      got: `${format}/delayed for ${siteName(site)}`,
      expected: `${format}/current or ${format}/none`,
      cure: 'Name operands alone, such as fprop.activation, or scale it by current.',
    };
  }
  return undefined;
}

/** Blocks that do not divide what they are laid along. */
function undividedBlocks(spec: RunSpec): Finding | undefined {
  const { blockSize } = spec.precision;
  if (blockSize !== null && !isPowerOfTwo(blockSize)) return undefined;
  const all = castTensors(spec).flatMap(({ site, cast }) => layings(site, cast));
  const bad = all.find(({ block, size }) => size % block !== 0);
  if (bad === undefined) return undefined;
  const fit = Math.min(...all.map(({ size }) => largestBlock(size)));
  const name = bad.site.layer === 'head' && bad.name === 'N' && bad.size === vocabSize(spec) ? 'N (the vocabulary)' : bad.name;
  return {
    rule: 'blocks do not divide a dimension',
    got: `blocks of ${bad.block} along ${name} = ${bad.size} of ${siteName(bad.site)}`,
    expected: `a divisor of ${bad.size}`,
    cure:
      fit >= MIN_BLOCK
        ? `Set precision.blockSize to ${fit}.`
        : `No block size divides all that is cast in blocks: make ${name} a multiple of ${MIN_BLOCK}, or take a recipe without blocks.`,
  };
}
