import { basename } from 'node:path';
import { SpecError } from '../base/errors.ts';
import { readCorpus } from '../data/corpora-node.ts';
import type { Dataset } from '../data/index.ts';
import type { RunSpec } from '../spec/index.ts';
import { openDataset } from '../train/index.ts';
import { readBytes } from './files.ts';

/**
 * The data that a spec names, ready to train on; `path` is the file of `--data`.
 *
 * @throws SpecError when spec and flag do not fit together, the file is unreadable, or it is too short.
 */
export async function loadDataset({ data }: RunSpec, path: string | undefined): Promise<Dataset> {
  if (data.source !== 'file' && path !== undefined) {
    throw new SpecError({
      where: '--data',
      rule: 'the spec reads no file',
      got: `data.source "${data.source}"`,
      expected: '"file"',
      cure: 'Leave --data out, or set data.source to "file".',
    });
  }
  return openDataset(data, {
    corpus: (name) => Promise.resolve(readCorpus(name)),
    file: () => {
      if (path === undefined)
        throw new SpecError({ where: 'spec data.source', rule: 'the run reads a file', cure: 'Name it with --data FILE.' });
      return Promise.resolve({ name: basename(path), bytes: readBytes(path) });
    },
  });
}
