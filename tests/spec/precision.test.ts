import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { faultMessage } from '../../src/base/errors.ts';
import {
  anyCast,
  castAt,
  castSites,
  castsOf,
  defaultSpec,
  RECIPES,
  ROLES,
  specFaults,
  usesAttentionCasts,
  withDefaults,
} from '../../src/spec/index.ts';
import type { Cast, Role, RunSpec, SpecInput } from '../../src/spec/index.ts';
import { siteName } from '../../src/numerics/index.ts';
import { validSpec } from './arbitrary.ts';

type PrecisionSpec = RunSpec['precision'];
type Recipe = PrecisionSpec['recipe'];

const QKV = 'blocks.0.attn.qkv';
const recipes = Object.keys(RECIPES) as Recipe[];

function precision(input: NonNullable<SpecInput['precision']>): PrecisionSpec {
  return withDefaults({ precision: input }).precision;
}

/** The place in the default model where a tensor of a role stands. */
function layerOf(role: Role): string {
  if (/^(fprop|dgrad|wgrad)\./.test(role)) return QKV;
  if (role.startsWith('attention.')) return 'blocks.0.attn';
  return role.startsWith('residual') ? 'blocks.0' : '';
}

/** `format/scaling/rounding`, `f32` where nothing is cast. */
function said(cast: Cast | null): string {
  return cast === null ? 'f32' : `${cast.format}/${cast.scaling}/${cast.rounding}`;
}

function at(input: NonNullable<SpecInput['precision']>, layer: string, role: Role): string {
  return said(castAt(precision(input), { layer, role }));
}

/** What the literature says of each recipe in words, role by role; a role that no word is about stays in f32. */
function wordsOf(recipe: Recipe, role: Role): string {
  const [pass, what = ''] = role.split('.');
  const isOperand = ['fprop', 'dgrad', 'wgrad'].includes(pass ?? '') && what !== 'output';
  const isGradient = isOperand && what === 'gradient';
  const isWeight = isOperand && what === 'weight';
  switch (recipe) {
    case 'f32':
      return 'f32';
    case 'bf16':
    case 'bf16-pure': {
      const isActivation = isOperand || pass === 'residual' || pass === 'intermediate' || (what === 'output' && pass !== 'wgrad');
      return isActivation || (recipe === 'bf16-pure' && role === 'weights') ? 'bf16/none/nearest' : 'f32';
    }
    case 'fp8-current':
    case 'fp8-delayed':
    case 'fp8-none':
      return isOperand ? `${isGradient ? 'e5m2' : 'e4m3'}/${recipe.slice('fp8-'.length)}/nearest` : 'f32';
    case 'fp8-block':
      return isOperand ? `${isWeight ? 'fp8-128x128' : 'fp8-1x128'}/block/nearest` : 'f32';
    case 'mxfp8':
      return isOperand ? 'mxfp8-e4m3/block/nearest' : 'f32';
    case 'mxfp4':
      return isOperand ? 'mxfp4/block/nearest' : 'f32';
    case 'nvfp4':
      return isOperand ? `nvfp4/block/${isGradient ? 'stochastic' : 'nearest'}` : 'f32';
    case 'fp8-lm':
      if (role === 'weights' || role === 'optimizer.v') return 'fp16/current/nearest';
      if (role === 'wgrad.output' || role === 'optimizer.m') return 'e4m3/current/nearest';
      return isOperand ? `${isGradient ? 'e5m2' : 'e4m3'}/current/nearest` : 'f32';
  }
}

describe('recipes', () => {
  it.each(recipes)('%s casts what the literature has it cast, role by role', (recipe) => {
    const table = (of: (role: Role) => string): string => ROLES.map((role) => `${role} ${of(role)}`).join('\n');
    expect(table((role) => at({ recipe }, layerOf(role), role))).toBe(table((role) => wordsOf(recipe, role)));
  });

  it.each(recipes)('%s leaves the logits in f32, and the head with them unless it is a bf16 recipe', (recipe) => {
    const roles = ROLES.filter((role) => layerOf(role) === QKV);
    const bf16 = recipe.startsWith('bf16');
    expect(at({ recipe }, 'head', 'fprop.output')).toBe('f32');
    for (const role of roles.filter((other) => other !== 'fprop.output')) {
      expect(at({ recipe }, 'head', role)).toBe(bf16 ? at({ recipe }, QKV, role) : 'f32');
    }
  });

  it('take their FP8 format from the spec where they have a choice', () => {
    const formats = (input: NonNullable<SpecInput['precision']>): string =>
      (['fprop.weight', 'dgrad.gradient'] as const)
        .map((role) => castAt(precision(input), { layer: QKV, role })?.format)
        .join(' ');
    expect(formats({ recipe: 'fp8-current', format: 'e4m3' })).toBe('e4m3 e4m3');
    expect(formats({ recipe: 'mxfp8', format: 'hybrid' })).toBe('mxfp8-e4m3 mxfp8-e5m2');
    expect(formats({ recipe: 'fp8-none', format: 'e5m2' })).toBe('e5m2 e5m2');
    expect(formats({ recipe: 'fp8-block', format: 'e5m2' })).toBe('fp8-128x128 fp8-1x128');
  });

  it('round stochastically when asked: the weights of bf16-pure, the gradient operands of the others, nothing by "nearest"', () => {
    const stochastic = (recipe: Recipe, rounding: PrecisionSpec['rounding']): string =>
      ROLES.filter((role) => at({ recipe, rounding }, layerOf(role), role).endsWith('stochastic')).join(' ');
    expect(stochastic('bf16-pure', 'stochastic')).toBe('weights');
    for (const recipe of recipes.filter((other) => other !== 'bf16-pure' && other !== 'f32')) {
      expect(stochastic(recipe, 'stochastic')).toBe('dgrad.gradient wgrad.gradient');
      expect(stochastic(recipe, 'nearest')).toBe('');
    }
  });

  it('hand the options of scales to every cast, and FP8-LM has powers of two always', () => {
    const options = { scale: 'f32', margin: 3, amaxHistoryLen: 7, amaxAlgo: 'most_recent' } as const;
    const site = { layer: QKV, role: 'fprop.weight' } as const;
    expect(castAt(precision({ recipe: 'fp8-delayed', ...options }), site)).toEqual({
      format: 'e4m3',
      scaling: 'delayed',
      rounding: 'nearest',
      powerOfTwo: false,
      margin: 3,
      amaxHistoryLen: 7,
      amaxAlgo: 'most_recent',
      blockSize: null,
    });
    expect(castAt(precision({ recipe: 'fp8-lm', ...options }), site)?.powerOfTwo).toBe(true);
  });

  it('tell a block size only where it is not the format’s own', () => {
    const size = (recipe: Recipe, blockSize: number): number | null | undefined =>
      castAt(precision({ recipe, blockSize }), { layer: QKV, role: 'fprop.weight' })?.blockSize;
    expect([size('mxfp4', 16), size('mxfp4', 32), size('nvfp4', 16), size('fp8-block', 64), size('bf16', 64)]).toEqual([
      16,
      null,
      null,
      64,
      null,
    ]);
  });
});

describe('overrides', () => {
  it('select by role, by its first word, by operand, by layer, and by both', () => {
    const hit = (selector: string): string[] => {
      const cast = castsOf(precision({ overrides: { [selector]: 'bf16' } }));
      return castSites(withDefaults({ model: { layers: 1 } }))
        .filter((site) => cast(site) !== null)
        .map(siteName);
    };
    const linear = ['attn.qkv', 'attn.proj', 'mlp.fc', 'mlp.proj'].map((name) => `blocks.0.${name}`);
    expect(hit('fprop.weight')).toEqual(linear.map((layer) => `${layer} fprop.weight`));
    expect(hit('weight')).toEqual(linear.flatMap((layer) => [`${layer} fprop.weight`, `${layer} dgrad.weight`]));
    expect(hit('attention')).toEqual(['q', 'k', 'v', 'probabilities'].map((part) => `blocks.0.attn attention.${part}`));
    expect(hit('optimizer')).toEqual(['optimizer.m', 'optimizer.v']);
    expect(hit('residual')).toEqual(
      ['embed', 'blocks.0'].flatMap((layer) => [`${layer} residual`, `${layer} residual.gradient`]),
    );
    expect(hit('embedding')).toEqual(['embedding']);
    expect(hit('blocks.0.mlp:wgrad.gradient')).toEqual(['blocks.0.mlp.fc wgrad.gradient', 'blocks.0.mlp.proj wgrad.gradient']);
    expect(hit('blocks.0.mlp.fc')).toHaveLength(9);
    expect(hit('blocks.0.norm1')).toEqual(['blocks.0.norm1 intermediate', 'blocks.0.norm1 intermediate.gradient']);
    // Four linear layers, attention, the residual stream, and what lies between in four places.
    expect(hit('blocks.0')).toHaveLength(4 * 9 + 4 + 2 + 4 * 2);
  });

  it('win over the recipe, and the later of two over the earlier', () => {
    const narrow = { fprop: 'f32', 'fprop.weight': 'bf16' };
    expect(at({ recipe: 'fp8-current', overrides: narrow }, QKV, 'fprop.weight')).toBe('bf16/none/nearest');
    expect(at({ recipe: 'fp8-current', overrides: narrow }, QKV, 'fprop.activation')).toBe('f32');
    expect(at({ recipe: 'fp8-current', overrides: narrow }, QKV, 'dgrad.weight')).toBe('e4m3/current/nearest');
    const wide = { 'fprop.weight': 'bf16', fprop: 'f32' };
    expect(at({ recipe: 'fp8-current', overrides: wide }, QKV, 'fprop.weight')).toBe('f32');
  });

  it('do not take blocks.1 for blocks.10', () => {
    expect(at({ overrides: { 'blocks.1': 'bf16' } }, 'blocks.10.mlp.fc', 'fprop.weight')).toBe('f32');
    expect(at({ overrides: { 'blocks.1': 'bf16' } }, 'blocks.1.mlp.fc', 'fprop.weight')).toBe('bf16/none/nearest');
  });

  it('reach the head without naming it only in recipes that cast it, and its logits only by head:fprop.output', () => {
    expect(at({ recipe: 'fp8-current', overrides: { weight: 'bf16' } }, 'head', 'fprop.weight')).toBe('f32');
    expect(at({ recipe: 'bf16', overrides: { weight: 'fp16' } }, 'head', 'fprop.weight')).toBe('fp16/none/nearest');
    expect(at({ overrides: { head: 'bf16' } }, 'head', 'dgrad.weight')).toBe('bf16/none/nearest');
    for (const selector of ['fprop.output', 'output', 'head', 'head:fprop', 'head:output']) {
      expect(at({ recipe: 'bf16', overrides: { [selector]: 'fp16' } }, 'head', 'fprop.output')).toBe('f32');
    }
    expect(at({ overrides: { 'head:fprop.output': 'fp16' } }, 'head', 'fprop.output')).toBe('fp16/none/nearest');
  });

  it.each<[Recipe, Role, string, string]>([
    ['f32', 'fprop.weight', 'e4m3', 'e4m3/current/nearest'],
    ['fp8-none', 'fprop.weight', 'e4m3', 'e4m3/none/nearest'],
    ['fp8-delayed', 'fprop.weight', 'e5m2', 'e5m2/delayed/nearest'],
    ['fp8-delayed', 'fprop.output', 'e4m3', 'e4m3/current/nearest'],
    ['fp8-delayed', 'attention.q', 'e4m3', 'e4m3/current/nearest'],
    ['fp8-delayed', 'fprop.weight', 'fp16', 'fp16/none/nearest'],
    ['fp8-delayed', 'fprop.weight', 'fp16/current', 'fp16/current/nearest'],
    ['fp8-current', 'fprop.weight', 'mxfp8-e4m3', 'mxfp8-e4m3/block/nearest'],
    ['f32', 'dgrad.gradient', 'nvfp4', 'nvfp4/block/stochastic'],
    ['f32', 'fprop.weight', 'nvfp4/block/stochastic', 'nvfp4/block/stochastic'],
    ['nvfp4', 'dgrad.gradient', 'nvfp4/nearest', 'nvfp4/block/nearest'],
    ['f32', 'residual', 'E4M3/None/Zero', 'e4m3/none/zero'],
    ['bf16', 'weights', 'e3m4-fn', 'e3m4-fn/current/nearest'],
    ['bf16', 'residual', 'f32', 'f32'],
  ])('under %s, %s: %s is %s', (recipe, role, text, full) => {
    expect(at({ recipe, overrides: { [role]: text } }, layerOf(role), role)).toBe(full);
  });
});

describe('what is asked of a precision', () => {
  it('is whether attention casts anything, and whether anything is cast', () => {
    for (const recipe of recipes) {
      expect(usesAttentionCasts(precision({ recipe }), 2)).toBe(false);
      expect(anyCast(withDefaults({ precision: { recipe } }))).toBe(recipe !== 'f32');
    }
    expect(usesAttentionCasts(precision({ overrides: { 'attention.v': 'bf16' } }), 2)).toBe(true);
    expect(usesAttentionCasts(precision({ overrides: { 'blocks.1': 'bf16' } }), 1)).toBe(false);
    expect(usesAttentionCasts(precision({ overrides: { 'blocks.1': 'bf16' } }), 2)).toBe(true);
    const undone = { recipe: 'fp8-current', overrides: { blocks: 'f32' } } as const;
    expect(anyCast(withDefaults({ precision: undone }))).toBe(false);
  });

  it('is answered for every tensor of every valid spec, with what its role takes', () => {
    fc.assert(
      fc.property(validSpec, (spec) => {
        const cast = castsOf(spec.precision);
        for (const site of castSites(spec)) {
          const found = cast(site);
          expect(found).toEqual(castAt(spec.precision, site));
          if (found === null) continue;
          const isLinear = /^(fprop|dgrad|wgrad)\./.test(site.role);
          if (found.scaling === 'delayed') expect(isLinear && !site.role.endsWith('output')).toBe(true);
          if (found.scaling === 'block') expect(isLinear || site.role.startsWith('attention.')).toBe(true);
        }
      }),
      { numRuns: 30 },
    );
  });

  it('does not change when an override repeats what is so already', () => {
    const site = fc.constantFrom(...castSites(defaultSpec).filter(({ layer }) => layer !== 'head'));
    fc.assert(
      fc.property(fc.constantFrom(...recipes), site, (recipe, { layer, role }) => {
        const base = precision({ recipe });
        const selector = layer === '' ? role : `${layer}:${role}`;
        const again = { ...base, overrides: { [selector]: said(castAt(base, { layer, role })) } };
        expect(castAt(again, { layer, role })).toEqual(castAt(base, { layer, role }));
      }),
      { numRuns: 200 },
    );
  });
});

describe('a precision that makes no sense is refused in one line', () => {
  const FORMATS =
    'f32, bf16, fp16, e4m3, e5m2, e2m3, e3m2, e2m1, mxfp8-e4m3, mxfp8-e5m2, mxfp6-e2m3, mxfp6-e3m2, mxfp4, nvfp4, fp8-1x128, fp8-128x128 or e<X>m<Y>';
  const weight = (cast: unknown): unknown => ({ overrides: { 'fprop.weight': cast } });
  const of = 'spec precision.overrides.fprop.weight:';

  it.each<[unknown, string]>([
    [weight('e0m7'), `${of} names no format: got "e0m7". Exponent bits out of bounds: got 0, expected 1..8.`],
    [weight('fp8'), `${of} names no format: got "fp8", expected ${FORMATS}.`],
    [weight('mxfp8-e4m4'), `${of} names no format: got "mxfp8-e4m4", expected ${FORMATS}. Did you mean "mxfp8-e4m3"?`],
    [
      weight('e8m0'),
      `${of} is a format of scales: no tensor fits one: got "e8m0", expected ${FORMATS}. Take a format with a sign, such as e4m3.`,
    ],
    [
      weight('e4m3/curent'),
      `${of} "curent" is neither a scaling nor a rounding: got "e4m3/curent", expected a scaling (none, current, delayed or block) or a rounding (nearest, stochastic or zero). Did you mean "current"?`,
    ],
    [
      weight('e4m3/stochastic/current'),
      `${of} has a word twice or out of order: got "e4m3/stochastic/current", expected format, then /scaling and /rounding where wanted, such as e4m3/current/stochastic.`,
    ],
    [
      weight('mxfp4/current/zero'),
      `${of} a block format brings the scales of its blocks: got "mxfp4/current/zero", expected "mxfp4" with scaling block or none written. Write "mxfp4/zero".`,
    ],
    [
      weight('bf16/block'),
      `${of} scales of blocks are a matter of block formats: got "bf16/block", expected scaling none, current or delayed for bf16, or one of mxfp8-e4m3, mxfp8-e5m2, mxfp6-e2m3, mxfp6-e3m2, mxfp4, nvfp4, fp8-1x128, fp8-128x128.`,
    ],
    [
      weight('f32/current'),
      `${of} f32 is no cast, so there is nothing to scale or round: got "f32/current", expected "f32". Write "f32" alone.`,
    ],
    [weight(8), `${of} is not a cast: got 8, expected text such as "e4m3/current".`],
    [
      { overrides: 'bf16' },
      'spec precision.overrides: is not a set of casts: got "bf16", expected an object such as {"fprop.weight":"e4m3/current"}.',
    ],
    [
      { overrides: Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`blocks.${i}`, 'bf16'])) },
      'spec precision.overrides: has too many entries: got 65, expected 64 at most.',
    ],
    [
      { overrides: { 'fprop.wieght': 'bf16' } },
      'spec precision.overrides.fprop.wieght: names neither a role nor a layer: got "fprop.wieght". Did you mean "fprop.weight"?',
    ],
    [
      { overrides: { 'head:atention': 'bf16' } },
      'spec precision.overrides.head:atention: names no role: got "atention". Did you mean "attention"?',
    ],
    [
      { overrides: { 'blocks.0.atn:fprop': 'bf16' } },
      'spec precision.overrides.blocks.0.atn:fprop: names no layer: got "blocks.0.atn", expected head, embed, final.norm, blocks, blocks.0, blocks.0.norm1, blocks.0.norm2, blocks.0.attn, blocks.0.attn.qkv, blocks.0.attn.proj, blocks.0.mlp, blocks.0.mlp.fc or blocks.0.mlp.proj.',
    ],
    [
      { overrides: { 'blocks.7:fprop': 'bf16' } },
      'spec precision.overrides.blocks.7:fprop: selects nothing: the model has no such layer: got "blocks.7:fprop", expected head, or blocks.0 to blocks.1 and what is in them. Name a layer of this model, or leave the layer out.',
    ],
    [
      { overrides: { 'head:weights': 'bf16' } },
      'spec precision.overrides.head:weights: selects nothing: the layer has no such tensor: got "head:weights", expected a role of head. Embedding, weights and optimizer states are of no layer, residual of a block, attention of its attn: write them so.',
    ],
    [
      { overrides: { weights: 'mxfp4' } },
      'spec precision.overrides.weights: block formats are for matmuls: got mxfp4 for weights, expected a format of single numbers, such as bf16 or e4m3/current. Name the tensors of matmuls alone, such as activation, weight or gradient.',
    ],
    [
      { overrides: { residual: 'e4m3/delayed' } },
      'spec precision.overrides.residual: delayed scaling is for operands of linear layers: got e4m3/delayed for embed residual, expected e4m3/current or e4m3/none. Name operands alone, such as fprop.activation, or scale it by current.',
    ],
    [
      { recipe: 'fp8-delayed', format: 'e5m2' },
      'spec precision.format: pure E5M2 in the forward pass is not supported: got E5M2 for fprop.activation and fprop.weight of blocks.0.attn.qkv, expected E4M3 for one of them at least. Take "hybrid": E4M3 forward, E5M2 for gradients.',
    ],
    [
      { recipe: 'bf16', overrides: { 'head:activation': 'e5m2', 'head:weight': 'mxfp8-e5m2' } },
      'spec precision.overrides.head:activation: pure E5M2 in the forward pass is not supported: got E5M2 for fprop.activation and fprop.weight of head, expected E4M3 for one of them at least. Take e4m3 here, and e5m2 for gradients.',
    ],
    [
      { blockSize: 48 },
      'spec precision.blockSize: is not a power of two: got 48, expected 4, 8, 16, 32, 64 or 128. Take 32 or 64.',
    ],
    [
      { blockSize: 256 },
      "spec precision.blockSize: is out of bounds: got 256, expected a whole number from 4 to 128, or null (the format's own).",
    ],
    [
      { recipe: 'fp8-block' },
      'spec precision.blockSize: blocks do not divide a dimension: got blocks of 128 along K = 64 of blocks.0.attn.qkv fprop.activation, expected a divisor of 64. Set precision.blockSize to 64.',
    ],
    [
      { overrides: { attention: 'mxfp8-e4m3' } },
      'spec precision.blockSize: blocks do not divide a dimension: got blocks of 32 along D = 16 of blocks.0.attn attention.q, expected a divisor of 16. Set precision.blockSize to 16.',
    ],
    [{ amaxHistoryLen: 0 }, 'spec precision.amaxHistoryLen: is out of bounds: got 0, expected a whole number from 1 to 4096.'],
    [{ margin: 1000 }, 'spec precision.margin: is out of bounds: got 1000, expected a whole number from 0 to 32.'],
    [
      { recipe: 'mxfp-8' },
      'spec precision.recipe: is not one of its choices: got "mxfp-8", expected f32, bf16, bf16-pure, fp8-current, fp8-delayed, fp8-none, fp8-block, mxfp8, mxfp4, nvfp4 or fp8-lm. Did you mean "mxfp8"?',
    ],
  ])('%j', (input, message) => {
    expect(specFaults({ precision: input }).map(faultMessage)).toEqual([message]);
  });

  it('names the tokens and a model for which no block size works', () => {
    const tokens = { precision: { recipe: 'mxfp8' }, data: { batch: 5, context: 8 } };
    expect(specFaults(tokens).map(faultMessage)).toEqual([
      'spec precision.blockSize: blocks do not divide a dimension: got blocks of 32 along B*T = 40 of blocks.0.attn.qkv wgrad.activation, expected a divisor of 40. Set precision.blockSize to 8.',
    ]);
    const odd = { precision: { recipe: 'nvfp4' }, data: { batch: 5, context: 7 } };
    expect(specFaults(odd).map(faultMessage)).toEqual([
      'spec precision.blockSize: blocks do not divide a dimension: got blocks of 16 along B*T = 35 of blocks.0.attn.qkv wgrad.activation, expected a divisor of 35. No block size divides all that is cast in blocks: make B*T a multiple of 4, or take a recipe without blocks.',
    ]);
  });

  it('asks the vocabulary to be divisible only where the head is cast in blocks', () => {
    const odd = { data: { source: 'markov', markov: { symbols: 10 } } };
    expect(specFaults({ ...odd, precision: { recipe: 'mxfp8' } })).toEqual([]);
    const [fault] = specFaults({ ...odd, precision: { recipe: 'mxfp8', overrides: { 'head:dgrad': 'mxfp8-e4m3' } } });
    expect(fault?.got).toBe('blocks of 32 along N (the vocabulary) = 10 of head dgrad.gradient');
  });

  it('cures blocks by a size with which the spec is valid', () => {
    const size = fc.integer({ min: 1, max: 20 }).map((n) => 4 * n);
    fc.assert(
      fc.property(fc.constantFrom('fp8-block', 'mxfp8', 'mxfp4', 'nvfp4'), size, size, (recipe, width, context) => {
        const spec = { precision: { recipe }, model: { width, heads: 1 }, data: { context, batch: 1 } };
        const [fault] = specFaults(spec);
        if (fault === undefined) return;
        const blockSize = Number(/Set precision\.blockSize to (\d+)\./.exec(fault.cure ?? '')?.[1]);
        expect(specFaults({ ...spec, precision: { recipe, blockSize } })).toEqual([]);
        expect(specFaults({ ...spec, precision: { recipe, blockSize: 2 * blockSize } })).not.toEqual([]);
      }),
      { numRuns: 60 },
    );
  });
});
