import { createServer, type Server } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hashOf, tiny, type LabPage } from '../support/lab-page.ts';
import { labSuite } from '../support/lab-suite.ts';

const suite = labSuite();

/** Another origin, which would answer anyone. */
let other: Server;
let otherUrl: string;
let visits = 0;

beforeAll(async () => {
  other = createServer(({ url }, response) => {
    // A browser asks for an icon when it likes.
    if (url === '/') visits += 1;
    response.writeHead(200, { 'access-control-allow-origin': '*' }).end('hello');
  });
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  const address = other.address();
  if (address === null || typeof address === 'string') throw new Error('the other origin has no port');
  otherUrl = `http://127.0.0.1:${address.port}/`;
});

afterAll(async () => {
  other.closeAllConnections();
  await new Promise((resolve) => other.close(resolve));
});

/** Waits until the page has fetched every corpus and asks for nothing more. */
async function loaded(lab: LabPage): Promise<number> {
  const corpora = (): number => suite.build.requests.filter((path) => path.includes('/corpora/')).length;
  for (let count = -1; count !== suite.build.requests.length || corpora() < 4; await sleep(500))
    count = suite.build.requests.length;
  expect((await lab.look()).alerts).toEqual([]);
  return suite.build.requests.length;
}

/** Asks `url` for something; `refused` where the content security policy forbids it. The same words run in page and worker. */
async function ask(url: string): Promise<string> {
  const violation = new Promise<string>((resolve) => {
    const heard = (event: Event): void =>
      resolve(event instanceof SecurityPolicyViolationEvent ? `refused by ${event.effectiveDirective}` : event.type);
    globalThis.addEventListener('securitypolicyviolation', heard, { once: true });
  });
  const answer = fetch(url).then(
    async (response) => `answered ${await response.text()}`,
    async () =>
      Promise.race([violation, new Promise<string>((resolve) => setTimeout(resolve, 2000, 'failed without the policy'))]),
  );
  return answer;
}

describe('promise 8: nothing leaves the machine', () => {
  it('promise 8: after load there is no request, whatever is trained on', async () => {
    const lab = await suite.open(hashOf(tiny(60, { eval: { everySteps: 20, batches: 1 } })));
    const before = await loaded(lab);
    const asked: string[] = [];
    lab.page.on('request', (request) => asked.push(request.url()));
    for (const source of ['markov', 'code', 'names', 'gutenberg', 'sotu']) {
      await lab.choose('lab-field[data-path="data.source"] >>> #input', source);
      await lab.start();
      expect((await lab.reach('finished')).step).toBe(60);
    }
    await lab.saved('export');
    expect(suite.build.requests.slice(before)).toEqual([]);
    expect(asked.filter((url) => !url.startsWith('blob:'))).toEqual([]);
  });

  it('promise 8: the policy refuses other origins, in the page and inside the worker', async () => {
    const elsewhere = await suite.blank();
    await elsewhere.page.goto(otherUrl);
    expect(await elsewhere.page.evaluate(ask, otherUrl), 'without a policy the other origin answers').toBe('answered hello');
    const before = visits;

    const lab = await suite.open(hashOf(tiny(60)));
    expect(await lab.page.evaluate(ask, otherUrl)).toBe('refused by connect-src');
    const [worker, ...more] = lab.page.workers();
    expect(more).toEqual([]);
    expect(await worker?.evaluate(ask, otherUrl)).toBe('refused by connect-src');
    expect(visits).toBe(before);
    lab.expectProblems(/Content Security Policy|ERR_BLOCKED_BY_CSP|csp/i);
  });
});
