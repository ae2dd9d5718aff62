/** Corpora, synthetic sources, tokenizers and batches; what the page may import. Node has `corpora-node.ts` and `corpus-plugin.ts` besides. */
export { Batcher, requireWindow, tokenOrder, type BatcherOptions, type BatchOrder } from './batches.ts';
export { BpeTokenizer, parseBpeModel } from './bpe.ts';
export { MAX_MERGES, trainBpe, type BpeModel, type BpeTraining } from './bpe-train.ts';
export { CORPORA, corpusPath, packCorpus, unpackCorpus, type Corpus, type CorpusName } from './corpus.ts';
export { CorpusShelf, type Fetch } from './corpus-shelf.ts';
export { prepareDataset, type DataInput, type DataOptions, type Dataset } from './dataset.ts';
export { decodeText } from './display.ts';
export { distinctTokens, uniformEntropyNats, unigramEntropyNats } from './entropy.ts';
export { MarkovSource, type MarkovOptions } from './markov.ts';
export { bytesPerToken, ByteTokenizer, requireInVocab, SymbolTokenizer, type Tokenizer, type Tokens } from './tokenizer.ts';
