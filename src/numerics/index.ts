/** Number formats and casts on the CPU, exact to the bit; what the GPU does is held against them. */
export { bitsOf, floatOf } from './bits.ts';
export { BLOCK_FORMATS, castBlocks, checkBlocks, upright } from './blocks.ts';
export type { BlockCasts, BlockFormat, BlockMode } from './blocks.ts';
export { cast, castWords, decode, encode, NEAREST, PLAIN } from './cast.ts';
export type { CastMode, CastOptions, Casts, Rounding } from './cast.ts';
export { defineFormat, FORMATS, formatNamed } from './format.ts';
export type { Format, FormatParts } from './format.ts';
export { amaxOf, CURRENT_SCALING, currentScale, DELAYED_SCALING, DELAYED_START, delayedStep } from './scale.ts';
export type { DelayedOptions, DelayedState } from './scale.ts';
export { ROLES, siteName } from './site.ts';
export type { Cast, Role, Site } from './site.ts';
