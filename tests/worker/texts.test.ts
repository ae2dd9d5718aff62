import { expect, it } from 'vitest';
import { SymbolTokenizer } from '../../src/data/index.ts';
import type { Trainer } from '../../src/train/index.ts';
import { Texts } from '../../src/worker/texts.ts';

it('samples without a prompt that the data has no symbols for, and says so once', async () => {
  const said: string[][] = [];
  const notices: string[] = [];
  const tokenizer = new SymbolTokenizer(6);
  const trainer = {
    step: 3,
    dataset: { tokenizer },
    sample: (prompt: Uint8Array) => Promise.resolve(tokenizer.decode([...tokenizer.encode(prompt), 0, 1])),
  };
  const texts = new Texts({
    now: () => 0,
    onText: (_, prompt, text) => said.push([prompt, text]),
    notice: (text) => notices.push(text),
  });
  const sample = (): Promise<void> => texts.sample(trainer as unknown as Trainer);
  await sample();
  await sample();
  texts.set({ prompt: 'fed', temperature: 1, tokens: 2, everyMs: 1 });
  await sample();
  expect(said).toEqual([
    ['', 'ab'],
    ['', 'ab'],
    ['fed', 'fedab'],
  ]);
  expect(notices).toEqual([
    'Samples start without the prompt "The ": this data has no symbols for all of it. Choose a prompt of symbols that the samples show.',
  ]);
});
