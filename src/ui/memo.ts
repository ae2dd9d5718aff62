/** A function that is asked anew only when an argument is another than the last time. */
export function memo<A extends readonly unknown[], R>(make: (...args: A) => R): (...args: A) => R {
  let last: { readonly args: A; readonly result: R } | null = null;
  return (...args) => {
    const known = last;
    if (known !== null && known.args.every((each, i) => Object.is(each, args[i]))) return known.result;
    last = { args, result: make(...args) };
    return last.result;
  };
}

/** For a property of which an element reads these fields alone: whether one of them is another. */
export function differsIn<T extends object>(
  ...keys: readonly (keyof T)[]
): (now: T | undefined, before: T | undefined) => boolean {
  return (now, before) => now === undefined || before === undefined || keys.some((key) => now[key] !== before[key]);
}
