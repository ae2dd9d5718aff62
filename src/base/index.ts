export * from './errors.ts';
export * from './shape.ts';
export * from './random.ts';
