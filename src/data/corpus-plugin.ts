import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { Plugin } from 'vite';
import { readCorpus } from './corpora-node.ts';
import { CORPORA, corpusPath, packCorpus, type CorpusName } from './corpus.ts';

const deflate = promisify(gzip);

/**
 * Serves `corpora/<name>.bin`, each a gzipped packed corpus of the installed packages: from memory in development, as an emitted
 * file in a build. Plain `.bin`, sent without a content encoding, so that no server or browser unpacks it on the way.
 */
export function corporaPlugin(): Plugin {
  const ready = new Map<CorpusName, Promise<Buffer>>();
  const packed = async (name: CorpusName): Promise<Buffer> => {
    const known = ready.get(name) ?? deflate(packCorpus(readCorpus(name)));
    ready.set(name, known);
    return known;
  };
  return {
    name: 'isoflop-corpora',
    configureServer(server) {
      server.middlewares.use((request, response, next) => {
        const path = (request.url ?? '').replace(/[?#].*$/, '');
        const name = CORPORA.find((candidate) => path.endsWith(`/${corpusPath(candidate)}`));
        if (name === undefined) {
          next();
          return;
        }
        packed(name).then((bytes) => {
          response.setHeader('content-type', 'application/octet-stream');
          response.setHeader('content-length', bytes.length);
          response.setHeader('cache-control', 'no-cache');
          response.end(bytes);
        }, next);
      });
    },
    async generateBundle() {
      // All at once: zlib works on threads of its own.
      const sources = await Promise.all(CORPORA.map(packed));
      CORPORA.forEach((name, i) => this.emitFile({ type: 'asset', fileName: corpusPath(name), source: sources[i] ?? '' }));
    },
  };
}
