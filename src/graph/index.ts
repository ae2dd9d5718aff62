export { Graph, countUses, first, nodeLabel, printGraph, valueLabel } from './graph.ts';
export type { Output, Rate, State, StructuralOp } from './graph.ts';
export { checkGraph } from './check.ts';
export type { OpRules } from './check.ts';
export { PACK_ALIGN, f32, packOf, printType, sameType, u32 } from './types.ts';
export type { Attr, Attrs, Dtype, Node, Phase, Type, Value } from './types.ts';
export { packLayout } from './pack.ts';
export type { PackLayout } from './pack.ts';
