import { decodeText, type Tokenizer } from '../data/index.ts';
import type { Trainer } from '../train/index.ts';
import type { SamplingSettings } from './protocol.ts';

export interface TextsOptions {
  readonly now: () => number;
  readonly onText: (step: number, prompt: string, text: string) => void;
  /** Tells the user of a prompt that cannot be used. */
  readonly notice: (text: string) => void;
}

const DEFAULTS: SamplingSettings = { prompt: 'The ', temperature: 0.8, tokens: 160, everyMs: 2000 };
/** Sampling takes at most one part in this many of the run's time. */
const SHARE = 5;

/** Samples of text while a run goes on: not too often, and at once where the user waits for one. */
export class Texts {
  private readonly options: TextsOptions;
  private settings = DEFAULTS;
  private wanted = false;
  private lastAt = 0;
  private costMs = 0;
  private sampled = 0;
  private told: string | null = null;

  constructor(options: TextsOptions) {
    this.options = options;
    this.begin();
  }

  /** Counts the time to the next text from here. */
  begin(): void {
    this.lastAt = this.options.now();
  }

  /** Settings take effect at once, except before the first text: a run's first steps come first. */
  set(settings: SamplingSettings): void {
    this.settings = settings;
    if (this.sampled > 0) this.wanted = true;
  }

  off(): void {
    this.settings = { ...this.settings, tokens: 0 };
  }

  /** Asks for a text soon, whatever the time. */
  want(): void {
    this.wanted = true;
  }

  /** `idle`: the run is not training, so nothing but a wish makes a text due. */
  due(idle: boolean): boolean {
    const { tokens, everyMs } = this.settings;
    if (tokens === 0) return false;
    if (this.wanted) return true;
    return !idle && this.options.now() - this.lastAt >= Math.max(everyMs, SHARE * this.costMs);
  }

  /** Samples from the weights as they are. @throws what the trainer throws. */
  async sample(trainer: Trainer): Promise<void> {
    const { now, onText } = this.options;
    const { settings } = this;
    const { step } = trainer;
    this.wanted = false;
    const startedAt = now();
    try {
      const prompt = this.usable(settings.prompt, trainer.dataset.tokenizer);
      const bytes = await trainer.sample(new TextEncoder().encode(prompt), { ...settings, draw: this.sampled });
      this.sampled += 1;
      onText(step, prompt, decodeText(bytes));
    } finally {
      this.lastAt = now();
      // The first one compiles as well; it says nothing of the next.
      this.costMs = this.sampled > 1 ? this.lastAt - startedAt : 0;
    }
  }

  /** The prompt where the data has tokens for it: the symbols of a synthetic source are few. Else none, which is told once a prompt. */
  private usable(prompt: string, tokenizer: Tokenizer): string {
    if (takes(tokenizer, prompt)) return prompt;
    if (this.told !== prompt) {
      this.told = prompt;
      this.options.notice(
        `Samples start without the prompt "${prompt}": this data has no symbols for all of it. Choose a prompt of symbols that the samples show.`,
      );
    }
    return '';
  }
}

function takes(tokenizer: Tokenizer, text: string): boolean {
  try {
    tokenizer.encode(new TextEncoder().encode(text));
    return true;
  } catch {
    return false;
  }
}
