import { parseArgs } from 'node:util';
import { IsoflopError } from '../base/errors.ts';
import type { Fault } from '../base/errors.ts';

/** A command line that cannot be meant; exit status 2. */
export class UsageError extends IsoflopError {
  override readonly name: string = 'UsageError';
}

/** `switch` stands alone, `value` takes the next word or what follows `=`. */
export type FlagKind = 'switch' | 'value';

export interface Words<Name extends string> {
  readonly operands: readonly string[];
  /** The value of a flag, or undefined. @throws UsageError when it is required (`what` says what it names) and missing. */
  value(name: Name): string | undefined;
  required(name: Name, what: string): string;
  has(name: Name): boolean;
}

/**
 * Sorts the words after a command's name into operands and flags.
 *
 * @param operands names of the operands, all required; the last one may end in `...` and takes any number, none included.
 * @throws UsageError on an unknown or repeated flag, a missing or surplus value or operand.
 */
export function readWords<Name extends string>(
  argv: readonly string[],
  flags: Readonly<Record<Name, FlagKind>>,
  operands: readonly string[],
): Words<Name> {
  const names = Object.keys(flags) as Name[];
  const options = Object.fromEntries(
    names.map((name) => [name, { type: flags[name] === 'switch' ? ('boolean' as const) : ('string' as const) }]),
  );
  const { tokens } = parseArgs({ args: [...argv], options, allowPositionals: true, strict: false, tokens: true });
  const values = new Map<string, string>();
  const given: string[] = [];
  for (const token of tokens) {
    if (token.kind === 'positional') given.push(token.value);
    if (token.kind !== 'option') continue;
    const { rawName, value } = token;
    const kind = names.find((name) => `--${name}` === rawName);
    if (kind === undefined) {
      fail({
        where: rawName,
        rule: 'there is no such flag',
        expected: names.map((name) => `--${name}`).join(', ') || 'no flags',
      });
    } else if (values.has(kind)) {
      fail({ where: rawName, rule: 'it is given twice', cure: 'Leave one.' });
    } else if (flags[kind] === 'switch') {
      if (value !== undefined) fail({ where: rawName, rule: 'it takes no value', got: value });
      values.set(kind, '');
    } else {
      const flagLike = token.inlineValue !== true && value !== undefined && value.length > 1 && value.startsWith('-');
      if (value === undefined || value === '' || flagLike) {
        fail({
          where: rawName,
          rule: 'its value is missing',
          ...(flagLike ? { got: value, cure: `Write ${rawName}=${value} if that is the value.` } : {}),
        });
      }
      values.set(kind, value);
    }
  }
  const open = operands.at(-1)?.endsWith('...') === true;
  const needed = open ? operands.slice(0, -1) : operands;
  const missing = needed[given.length];
  if (missing !== undefined) fail({ where: missing, rule: 'it is missing' });
  const surplus = given[operands.length];
  if (!open && surplus !== undefined) {
    fail({ where: `"${surplus}"`, rule: 'one word too many', expected: operands.length === 0 ? 'none' : operands.join(' ') });
  }
  return {
    operands: given,
    value: (name) => values.get(name),
    required: (name, what) => values.get(name) ?? fail({ where: `--${name}`, rule: 'it is missing', expected: what }),
    has: (name) => values.has(name),
  };
}

/** A flag's value as a whole number. @throws UsageError */
export function wholeNumber(flag: string, text: string, { min, max }: { min: number; max: number }): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < min || value > max) {
    fail({ where: flag, rule: 'it is not a whole number in bounds', got: text, expected: `${min}..${max}` });
  }
  return value;
}

export function fail(fault: Fault): never {
  throw new UsageError(fault);
}
