/** Corpora, synthetic sources, tokenizers and batches; what the page may import. Node has `corpora-node.ts` and `corpus-plugin.ts` besides. */
export { Batcher, tokenOrder } from './batches.ts';
export { BpeTokenizer } from './bpe.ts';
export { type BpeModel } from './bpe-train.ts';
export { CORPORA, packCorpus, type Corpus, type CorpusName } from './corpus.ts';
export { CorpusShelf, type Fetch } from './corpus-shelf.ts';
export { prepareDataset, type DataInput, type Dataset } from './dataset.ts';
export { decodeText } from './display.ts';
export { uniformEntropyNats } from './entropy.ts';
export { MarkovSource } from './markov.ts';
export { ByteTokenizer, SymbolTokenizer, type Tokenizer, type Tokens } from './tokenizer.ts';
