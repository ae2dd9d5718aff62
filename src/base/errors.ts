/**
 * The house form of an error: `<where>: <rule>: got <actual>, expected <expected>. <cure>`.
 * `got`, `expected` and `cure` may be left out where the rule says it all.
 */
export interface Fault {
  /** Where it happened, in words a user can find again: `spec model.heads`, `node 14 matmul "mlp/0"`. */
  readonly where: string;
  /** The rule that was broken, as a statement: `heads do not divide width`. */
  readonly rule: string;
  readonly got?: string;
  readonly expected?: string;
  /** What to do about it, as a sentence. */
  readonly cure?: string;
  readonly cause?: unknown;
}

export function faultMessage({ where, rule, got, expected, cure }: Fault): string {
  const facts = [got === undefined ? '' : `got ${got}`, expected === undefined ? '' : `expected ${expected}`];
  const stated = facts.filter((fact) => fact !== '').join(', ');
  const head = stated === '' ? `${where}: ${rule}` : `${where}: ${rule}: ${stated}`;
  return cure === undefined ? `${head}.` : `${head}. ${cure}`;
}

/** Base of every error that Isoflop raises on purpose; its message is one line in the house form. */
export class IsoflopError extends Error {
  // Written out, because a minifier renames classes.
  override readonly name: string = 'IsoflopError';
  readonly where: string;

  constructor(fault: Fault) {
    super(faultMessage(fault), fault.cause === undefined ? undefined : { cause: fault.cause });
    this.where = fault.where;
  }
}

/** Shapes or dtypes that an op does not take. */
export class ShapeError extends IsoflopError {
  override readonly name: string = 'ShapeError';
}
/** A graph that is not well formed: unknown op, use before definition, a state read after its update. */
export class GraphError extends IsoflopError {
  override readonly name: string = 'GraphError';
}
/** A kernel that does not compile, or is bound or dispatched wrongly. */
export class KernelError extends IsoflopError {
  override readonly name: string = 'KernelError';
}
/** An adapter that is missing, too small, out of memory or lost. */
export class DeviceError extends IsoflopError {
  override readonly name: string = 'DeviceError';
}
/** A spec, URL, file or flag that does not say something runnable. */
export class SpecError extends IsoflopError {
  override readonly name: string = 'SpecError';
}
/** A message between page and worker that its receiver cannot take. */
export class ProtocolError extends IsoflopError {
  override readonly name: string = 'ProtocolError';
}

/** Ends a `switch` over a union: a case left out is a type error here. */
export function unreachable(x: never): never {
  throw new TypeError(`unreachable case ${JSON.stringify(x)}`);
}
