import { cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { launch } from 'puppeteer';
import type { Browser } from 'puppeteer';
import { INSTALL_CHROME, chromeExecutables, chromeFlags } from '../../gpu/node-chrome.ts';
import { CONTENDERS } from './report.ts';
import type { ContenderName, PageOptions, PageReport } from './report.ts';
import { printReport } from './table.ts';

const HELP = `npm run bench:peers -- [options]: the same GPT training step in Isoflop, jax-js and TensorFlow.js, in one browser.

  --adapter software|default   software: SwiftShader (default); default: what Chrome would choose
  --specs s,m                  of src/bench/specs (default: s,m)
  --contenders NAMES           of ${CONTENDERS.join(',')} (default: all; the first is compared with the others)
  --rounds N                   interleaved rounds of one sample each (default 7)
  --sample MS                  least length of a sample (default 1000)
  --heap STEPS                 steps of XS over which heap and step time are watched (default 5000; 0: none)
  --json                       everything measured, as JSON
`;

/** Losses of the first steps that are compared, and how long a slow contender may take for them. */
const CHECK_STEPS = 20;
const CHECK_MS = 300_000;

/** Runs the benchmark at `url` and prints it. Resolves with the exit status. */
export async function main(args: readonly string[], url: string): Promise<number> {
  let browser: Browser | undefined;
  try {
    const { options, adapter, json, help } = parse(args);
    if (help) {
      process.stdout.write(HELP);
      return 0;
    }
    browser = await launchBrowser(adapter);
    const report = await runPage(browser, url, options);
    const environment = { browser: await browser.version(), cores: cpus().length, load: loadavg()[0] ?? NaN };
    if (json) process.stdout.write(`${JSON.stringify({ environment, options, ...report }, null, 1)}\n`);
    else printReport(report, environment);
    return 0;
  } catch (error) {
    process.stderr.write(`bench:peers: ${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  } finally {
    await browser?.close();
  }
}

interface Choice {
  readonly options: PageOptions;
  readonly adapter: 'software' | 'default';
  readonly json: boolean;
  readonly help: boolean;
}

function parse(args: readonly string[]): Choice {
  const { values } = parseArgs({
    args: [...args],
    options: {
      adapter: { type: 'string', default: 'software' },
      specs: { type: 'string', default: 's,m' },
      contenders: { type: 'string', default: CONTENDERS.join(',') },
      rounds: { type: 'string', default: '7' },
      sample: { type: 'string', default: '1000' },
      heap: { type: 'string', default: '5000' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  return {
    options: {
      specs: listOf('specs', values.specs, ['s', 'm']),
      contenders: listOf<ContenderName>('contenders', values.contenders, CONTENDERS),
      rounds: countOf('rounds', values.rounds, 1),
      checkSteps: CHECK_STEPS,
      checkMs: CHECK_MS,
      sampleMs: countOf('sample', values.sample, 1),
      heapSteps: countOf('heap', values.heap, 0),
    },
    adapter: listOf('adapter', values.adapter, ['software', 'default'] as const)[0] ?? 'software',
    json: values.json,
    help: values.help,
  };
}

function listOf<T extends string>(flag: string, text: string, known: readonly T[]): readonly T[] {
  return text.split(',').map((word) => {
    const found = known.find((candidate) => candidate === word);
    if (found === undefined) throw new Error(`--${flag}: there is no such choice: got ${word}, expected ${known.join(', ')}`);
    return found;
  });
}

function countOf(flag: string, text: string, least: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < least)
    throw new Error(`--${flag}: got ${text}, expected an integer of at least ${least}`);
  return value;
}

function launchBrowser(adapter: Choice['adapter']): Promise<Browser> {
  const executablePath = chromeExecutables()[0];
  if (executablePath === undefined) throw new Error(`no Chrome or Chromium found. ${INSTALL_CHROME}`);
  return launch({ executablePath, headless: true, args: chromeFlags(adapter), protocolTimeout: 0 });
}

async function runPage(browser: Browser, url: string, options: PageOptions): Promise<PageReport> {
  const page = await browser.newPage();
  const devtools = await page.createCDPSession();
  const say = (line: string): void => void process.stderr.write(`${line}\n`);
  page.on('pageerror', (error) => say(`page: ${error instanceof Error ? error.message : String(error)}`));
  page.on('console', (message) => {
    if (message.type() === 'error') say(`console: ${message.text()}`);
  });
  await page.exposeFunction('progress', say);
  await page.exposeFunction('heapBytes', async () => {
    await devtools.send('HeapProfiler.collectGarbage');
    return (await page.metrics()).JSHeapUsedSize ?? NaN;
  });
  await page.goto(url);
  await page.waitForFunction(() => globalThis.runPeers !== undefined, { timeout: 120_000 });
  return page.evaluate(async (chosen) => {
    if (globalThis.runPeers === undefined) throw new Error('the page did not load');
    return globalThis.runPeers(chosen);
  }, options);
}
