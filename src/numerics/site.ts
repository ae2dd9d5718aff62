/** Roles of tensors that may be cast. The first nine are the operands and results of the three matmuls of a linear layer. */
export const ROLES = [
  'fprop.activation',
  'fprop.weight',
  'fprop.output',
  'dgrad.gradient',
  'dgrad.weight',
  'dgrad.output',
  'wgrad.activation',
  'wgrad.gradient',
  'wgrad.output',
  'attention.q',
  'attention.k',
  'attention.v',
  'attention.probabilities',
  'residual',
  'residual.gradient',
  // Results of norms, rotary positions, attention and activation functions.
  'intermediate',
  'intermediate.gradient',
  'embedding',
  'optimizer.m',
  'optimizer.v',
  'weights',
] as const;

export type Role = (typeof ROLES)[number];

export function isRole(text: string): text is Role {
  const roles: readonly string[] = ROLES;
  return roles.includes(text);
}

/** A tensor of a model that may be cast: `blocks.0.attn.qkv` as `fprop.activation`. */
export interface Site {
  /**
   * The layer: a linear one by the name of its weights, `blocks.0.attn` for attention, `blocks.0` for the residual stream (`embed` and
   * `position` where it starts), else the whole model, ``.
   */
  readonly layer: string;
  readonly role: Role;
}

/**
 * How the values of a cast are scaled into the range of the format: not at all, by a scale of the whole tensor (TransformerEngine's
 * current and delayed scaling), or by a scale for each block, as the format says.
 */
export type Scaling = 'none' | 'current' | 'delayed' | 'block';

/** How a tensor is cast. */
export interface Cast {
  /** A name of `formatNamed` or of `BLOCK_FORMATS`. */
  readonly format: string;
  readonly scaling: Scaling;
  readonly rounding: 'nearest' | 'stochastic' | 'zero';
  /** Scales of tensors are rounded down to a power of two. */
  readonly powerOfTwo: boolean;
  /** Powers of two left free below the format's maximum, for scales of tensors. */
  readonly margin: number;
  /** Steps whose amax counts, by delayed scaling. */
  readonly amaxHistoryLen: number;
  readonly amaxAlgo: 'max' | 'most_recent';
  /** Elements along the side of a block, where it is not the format's own. */
  readonly blockSize: number | null;
}

/** `blocks.0.attn.qkv fprop.activation`: how a site is written, here and wherever a tensor is named. */
export function siteName({ layer, role }: Site): string {
  return layer === '' ? role : `${layer} ${role}`;
}
