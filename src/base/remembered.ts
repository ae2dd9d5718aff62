/** A function that keeps its last result, and gives it again for as long as it is called with the very same arguments. What throws is not kept. */
export function remembered<A extends readonly unknown[], R>(make: (...args: A) => R): (...args: A) => R {
  let last: { readonly args: A; readonly result: R } | null = null;
  return (...args) => {
    const known = last;
    if (known !== null && known.args.length === args.length && args.every((arg, i) => Object.is(arg, known.args[i])))
      return known.result;
    const result = make(...args);
    last = { args, result };
    return result;
  };
}
