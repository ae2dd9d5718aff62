const USAGE = 'usage: isoflop device | train SPEC.json | init SPEC.json --out W.safetensors';

/** Runs the command line and gives its exit status; `argv` holds the words after `isoflop`. */
export function main(argv: readonly string[]): Promise<number> {
  const said = argv.length === 0 ? 'no command' : `unknown command: got ${argv[0]}`;
  process.stderr.write(`isoflop: ${said}. ${USAGE}\n`);
  return Promise.resolve(2);
}
