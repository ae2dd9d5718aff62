import { version } from '../../package.json';
import { IsoflopError } from '../base/errors.ts';
import { bench } from './bench.ts';
import { cast } from './cast.ts';
import type { Command } from './command.ts';
import { device } from './device.ts';
import { fit } from './fit.ts';
import { init } from './init.ts';
import { processIo } from './io.ts';
import type { Io } from './io.ts';
import { sweep } from './sweep.ts';
import { train } from './train.ts';
import { UsageError } from './words.ts';

const COMMANDS: ReadonlyMap<string, Command> = new Map(Object.entries({ device, train, sweep, init, fit, cast, bench }));
const FAILED = 1;
const MISUSED = 2;

function overview(): string {
  const width = Math.max(...[...COMMANDS.keys()].map((name) => name.length)) + 3;
  const lines = [...COMMANDS].map(([name, { summary }]) => `  ${name.padEnd(width)}${summary}`);
  return [
    'usage: isoflop COMMAND ...',
    '',
    ...lines,
    '',
    'isoflop COMMAND --help says more; --debug adds the stack trace to an error; --version names the build.',
    '',
  ].join('\n');
}

/**
 * Runs the command line and gives its exit status: 0 on success, 2 for words that cannot be meant, 1 for everything else that went
 * wrong, 130 when interrupted. Errors are one line on stderr.
 *
 * @param argv the words after `isoflop`.
 */
export async function main(argv: readonly string[], io: Io = processIo()): Promise<number> {
  const debug = argv.includes('--debug');
  const [name, ...words] = argv.filter((word) => word !== '--debug');
  const command = COMMANDS.get(name ?? '');
  if (command !== undefined && words.some(isHelp)) {
    io.out(`usage: isoflop ${command.usage}\n\n${command.help}\n`);
    return 0;
  }
  if (name === '--version') {
    io.out(`isoflop ${version}\n`);
    return 0;
  }
  if (name !== undefined && (name === 'help' || isHelp(name))) {
    io.out(overview());
    return 0;
  }
  if (command === undefined) {
    const said = name === undefined ? 'a command is missing' : `there is no such command: got ${oneLine(name)}`;
    io.err(`isoflop: ${said}, expected ${[...COMMANDS.keys()].join(', ')}. isoflop --help says what they do.\n`);
    return MISUSED;
  }
  try {
    return await command.run(words, io);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const cure =
      error instanceof UsageError
        ? ` isoflop ${name} --help says more.`
        : error instanceof IsoflopError
          ? ''
          : ' This is a fault of Isoflop; --debug shows where.';
    io.err(`isoflop ${name}: ${oneLine(message)}${cure}\n`);
    if (debug && error instanceof Error) io.err(`${error.stack ?? ''}\n`);
    return error instanceof UsageError ? MISUSED : FAILED;
  }
}

function isHelp(word: string): boolean {
  return word === '--help' || word === '-h';
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim();
}
