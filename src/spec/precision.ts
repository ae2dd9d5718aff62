import { SpecError } from '../base/errors.ts';
import type { BlockFormat } from '../numerics/blocks.ts';
import { isRole, ROLES } from '../numerics/site.ts';
import type { Cast, Role, Scaling, Site } from '../numerics/site.ts';
import { blockFormat, elementFormat, parseCast } from './cast-text.ts';
import type { CastText } from './cast-text.ts';
import { isGradientOperand, OPERANDS, RECIPES } from './recipes.ts';
import type { PrecisionSpec } from './run-spec.ts';
import type { Complaint } from './words.ts';
import { nearest, quoted } from './words.ts';

/**
 * What the precision of a spec casts, and to what: plain data that the precision pass of the engine acts on. Names of formats are
 * those of `numerics` (`bf16`, `e4m3`, `mxfp8-e4m3`, ...).
 */

/** Sites by layer, by role, or both. */
interface Selector {
  /** Selects this layer and all that starts with it at a dot; `null`: every layer. */
  readonly layer: string | null;
  readonly roles: readonly Role[];
  /** The selector says its role, and no more than that one. */
  readonly exact: boolean;
}

/** An entry of `overrides`, read. */
export interface Override {
  /** The selector as it stands in the spec. */
  readonly text: string;
  readonly selector: Selector;
  readonly cast: CastText;
}

const LAYER =
  /^(?:head|embed|position|final\.norm|blocks(?:\.\d{1,3}(?:\.norm[12]|\.attn(?:\.qkv|\.proj)?|\.mlp(?:\.fc|\.proj)?)?)?)$/;
const WORDS = ['activation', 'weight', 'gradient', 'output'];

/** What a selector may say of roles: roles, their first words, and what all matmuls of linear layers have. */
const ROLE_NAMES: readonly string[] = [...new Set([...ROLES.map((role) => role.replace(/\..*/, '')), ...WORDS, ...ROLES])];

function rolesNamed(name: string): readonly Role[] {
  if (WORDS.includes(name)) return ROLES.filter((role) => isLinear(role) && role.endsWith(`.${name}`));
  return ROLES.filter((role) => role === name || role.startsWith(`${name}.`));
}

/** Operands and results of the matmuls of linear layers. */
export function isLinear(role: Role): boolean {
  return role.startsWith('fprop.') || role.startsWith('dgrad.') || role.startsWith('wgrad.');
}

/** Operands of those matmuls: what delayed scaling may scale. */
export function isOperand(role: Role): boolean {
  return OPERANDS.some((operand) => operand === role);
}

/** Reads `role`, `layer:role` or `layer`; the complaint where it is none. Whether the model has the layer is another question. */
export function parseSelector(text: string): { readonly selector: Selector } | { readonly complaint: Complaint } {
  const colon = text.indexOf(':');
  const [layer, name] =
    colon >= 0 ? [text.slice(0, colon), text.slice(colon + 1)] : LAYER.test(text) ? [text, null] : [null, text];
  if (layer !== null && !LAYER.test(layer)) {
    const expected =
      'head, embed, final.norm, blocks, blocks.0, blocks.0.norm1, blocks.0.norm2, blocks.0.attn, blocks.0.attn.qkv, blocks.0.attn.proj, blocks.0.mlp, blocks.0.mlp.fc or blocks.0.mlp.proj';
    return { complaint: { rule: 'names no layer', got: quoted(layer), expected } };
  }
  const roles = name === null ? ROLES : rolesNamed(name);
  if (roles.length > 0) return { selector: { layer, roles, exact: name === roles[0] && roles.length === 1 } };
  const near = name === null ? undefined : nearest(name, ROLE_NAMES);
  return {
    complaint: {
      rule: colon >= 0 ? 'names no role' : 'names neither a role nor a layer',
      got: quoted(name ?? text),
      cure: near === undefined ? `Roles are ${ROLE_NAMES.join(', ')}.` : `Did you mean "${near}"?`,
    },
  };
}

/**
 * True where the selector reaches the site. The head is reached by a selector without a layer only where the recipe casts the head, and
 * its logits by `head:fprop.output` alone.
 */
function selects({ layer, roles, exact }: Selector, site: Site, headToo: boolean): boolean {
  if (!roles.includes(site.role)) return false;
  if (site.layer === 'head' && isLinear(site.role)) {
    return site.role === 'fprop.output' ? layer === 'head' && exact : layer === 'head' || (layer === null && headToo);
  }
  return layer === null || site.layer === layer || site.layer.startsWith(`${layer}.`);
}

/**
 * The entries of `overrides`, the last one first, for it wins.
 *
 * @throws SpecError for one that `specFaults` finds at fault.
 */
export function overridesOf({ overrides }: PrecisionSpec): readonly Override[] {
  return Object.entries(overrides)
    .map(([text, castText]): Override => {
      const where = `spec precision.overrides ${quoted(text)}`;
      const selected = parseSelector(text);
      if ('complaint' in selected) throw new SpecError({ where, ...selected.complaint });
      const read = parseCast(castText);
      if ('complaint' in read) throw new SpecError({ where, ...read.complaint });
      return { text, selector: selected.selector, cast: read.cast };
    })
    .reverse();
}

/** The override that decides a site, `undefined` where the recipe does. */
export function overrideAt(overrides: readonly Override[], site: Site, { recipe }: PrecisionSpec): Override | undefined {
  return overrides.find(({ selector }) => selects(selector, site, RECIPES[recipe].head));
}

/**
 * What a valid precision does to each site; `null` is high precision, f32, and so is a tensor whose role is none of {@link ROLES}. Asking
 * it for many sites is cheaper than {@link castAt}.
 *
 * @throws SpecError for overrides that `specFaults` finds at fault.
 */
export function castsOf(precision: PrecisionSpec): (site: { readonly layer: string; readonly role: string }) => Cast | null {
  const { casts, head } = RECIPES[precision.recipe];
  const choices = casts(precision);
  const overrides = overridesOf(precision);
  return ({ layer, role }) => {
    if (!isRole(role)) return null;
    const override = overrideAt(overrides, { layer, role }, precision);
    if (override !== undefined) return completed(override.cast, role, precision);
    const choice = choices[role];
    const isHighHead = layer === 'head' && isLinear(role) && (!head || role === 'fprop.output');
    return choice === undefined || isHighHead ? null : completed(choice, role, precision);
  };
}

/** What a valid precision does to a site; `null` is high precision, f32. */
export function castAt(precision: PrecisionSpec, site: Site): Cast | null {
  return castsOf(precision)(site);
}

/** True where attention casts anything in a model of so many blocks: it then runs unfused, its T x T matrix in memory. */
export function usesAttentionCasts(precision: PrecisionSpec, layers: number): boolean {
  const cast = castsOf(precision);
  const roles = rolesNamed('attention');
  return Array.from({ length: layers }, (_, i) => `blocks.${i}.attn`).some((layer) =>
    roles.some((role) => cast({ layer, role }) !== null),
  );
}

/** The block format of a cast with its blocks as large as the cast says; `undefined` for a cast of single numbers. */
export function blocksOf({ format, blockSize }: Cast): BlockFormat | undefined {
  const own = blockFormat(format);
  if (own === undefined || blockSize === null) return own;
  return { ...own, rows: own.rows === 1 ? 1 : blockSize, columns: blockSize };
}

/** The scalings that a precision uses on some tensor, in the eyes of a form: overrides at fault count as nothing. */
export function scalingsOf(precision: PrecisionSpec): ReadonlySet<Scaling> {
  const used = new Set<Scaling>();
  const add = (choice: Choice, role: Role): void => {
    const cast = completed(choice, role, precision);
    if (cast !== null) used.add(cast.scaling);
  };
  for (const role of ROLES) {
    const choice = RECIPES[precision.recipe].casts(precision)[role];
    if (choice !== undefined) add(choice, role);
  }
  for (const [text, castText] of Object.entries(precision.overrides)) {
    const [selected, read] = [parseSelector(text), parseCast(castText)];
    if ('selector' in selected && 'cast' in read) for (const role of selected.selector.roles) add(read.cast, role);
  }
  return used;
}

type Choice = Pick<CastText, 'format'> & Partial<CastText>;

/** A choice with what the spec's options and the format say of the rest; `f32` is no cast. */
function completed({ format, scaling, rounding }: Choice, role: Role, precision: PrecisionSpec): Cast | null {
  if (format === 'f32') return null;
  const own = blockFormat(format)?.columns;
  const { margin, amaxHistoryLen, amaxAlgo, blockSize } = precision;
  return {
    format,
    scaling: scaling ?? usualScaling(format, role, precision),
    rounding: rounding ?? usualRounding(format, role, precision),
    powerOfTwo: RECIPES[precision.recipe].powerOfTwo ?? precision.scale === 'power-of-two',
    margin,
    amaxHistoryLen,
    amaxAlgo,
    blockSize: own === undefined || own === blockSize ? null : blockSize,
  };
}

/** Block formats scale blocks, formats of more than 8 bits have range enough, the others are scaled as the recipe scales tensors. */
function usualScaling(format: string, role: Role, { recipe }: PrecisionSpec): Scaling {
  if (blockFormat(format) !== undefined) return 'block';
  if (elementFormat(format).bits > 8) return 'none';
  const { tensors } = RECIPES[recipe];
  // A history is kept of operands only.
  return tensors === 'delayed' && !isOperand(role) ? 'current' : tensors;
}

/**
 * Stochastic are, when asked for, the weights of `bf16-pure` and the gradient operands of the others; and, unless nearest is asked for,
 * gradient operands in NVFP4 (arXiv 2509.25149, section 4).
 */
function usualRounding(format: string, role: Role, { recipe, rounding }: PrecisionSpec): Cast['rounding'] {
  const isStochastic =
    rounding === 'stochastic'
      ? recipe === 'bf16-pure'
        ? role === 'weights'
        : isGradientOperand(role)
      : rounding === 'recipe' && format === 'nvfp4' && isGradientOperand(role);
  return isStochastic ? 'stochastic' : 'nearest';
}
