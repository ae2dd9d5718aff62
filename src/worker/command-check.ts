import { ProtocolError } from '../base/errors.ts';
import { parseSpec, SPEC_PATHS, type SpecPath } from '../spec/index.ts';
import {
  MAX_ARMS,
  MAX_MEASURED_LANES,
  MAX_ROUNDS,
  MAX_SEEDS,
  MAX_WINDOW_MS,
  type ArmSpec,
  type Command,
  type CommandType,
  type MeasureKind,
  type MeasureOptions,
  type SamplingSettings,
} from './protocol.ts';

const KINDS: readonly MeasureKind[] = ['kernels', 'ablation', 'lanes', 'tuning'];

/** A message as its sender wrote it, before anything about it is believed. */
class Fields {
  private readonly message: object;
  readonly type: string;

  constructor(message: object, type: string) {
    this.message = message;
    this.type = type;
  }

  string(name: string): string {
    const value = this.get(name);
    return typeof value === 'string' && value !== '' ? value : this.refuse(name, 'a string');
  }

  /** A whole number, `least`..`most`. */
  count(name: string, least: number, most = Infinity): number {
    const value = this.get(name);
    const range = most === Infinity ? `${least} or more` : `${least}..${most}`;
    return typeof value === 'number' && Number.isSafeInteger(value) && value >= least && value <= most
      ? value
      : this.refuse(name, `a whole number, ${range}`);
  }

  bytes(name: string): ArrayBuffer {
    const value = this.get(name);
    return value instanceof ArrayBuffer ? value : this.refuse(name, 'an ArrayBuffer');
  }

  list(name: string): readonly unknown[] {
    const value = this.get(name);
    return Array.isArray(value) && value.length > 0 ? value : this.refuse(name, 'a list of one or more');
  }

  arms(name: string): readonly ArmSpec[] {
    const arms = this.list(name);
    if (arms.length > MAX_ARMS) return this.refuse(name, `a list of ${MAX_ARMS} at most`);
    return arms.map((arm) => {
      if (typeof arm !== 'object' || arm === null) return this.refuse(name, 'a list of names and specs');
      const inner = new Fields(arm, `${this.type} ${name}`);
      return { name: inner.string('name'), spec: parseSpec(inner.get('spec')) };
    });
  }

  words(name: string): readonly string[] {
    const words = this.get(name);
    const all = Array.isArray(words) && words.every((word): word is string => typeof word === 'string');
    return all ? words : this.refuse(name, 'a list of strings');
  }

  paths(name: string): readonly SpecPath[] {
    const words = this.words(name);
    const known = SPEC_PATHS.filter((path) => words.includes(path));
    return known.length === words.length ? known : this.refuse(name, 'a list of fields of a spec, each once');
  }

  /** Lists of places in a list of `count`. */
  places(name: string, count: number): readonly (readonly number[])[] {
    const isPlace = (place: unknown): place is number =>
      Number.isSafeInteger(place) && Number(place) >= 0 && Number(place) < count;
    return this.list(name).map((places) =>
      Array.isArray(places) && places.length > 0 && places.every(isPlace) ? places : this.refuse(name, 'lists of places in runs'),
    );
  }

  flag(name: string): { [key: string]: true } {
    const value = this.get(name) ?? false;
    if (typeof value !== 'boolean') return this.refuse(name, 'true or false');
    return value ? { [name]: true } : {};
  }

  settings(name: string): SamplingSettings {
    const value = this.get(name);
    if (typeof value !== 'object' || value === null) return this.refuse(name, 'sampling settings');
    const inner = new Fields(value, `${this.type} ${name}`);
    const prompt = inner.get('prompt');
    const temperature = inner.get('temperature');
    return {
      prompt: typeof prompt === 'string' ? prompt : inner.refuse('prompt', 'a string'),
      temperature:
        typeof temperature === 'number' && temperature >= 0 && temperature <= 100
          ? temperature
          : inner.refuse('temperature', 'a number, 0..100'),
      tokens: inner.count('tokens', 0),
      everyMs: inner.count('everyMs', 0),
    };
  }

  measureKind(name: string): MeasureKind {
    const value = this.get(name);
    const known = KINDS.find((kind) => kind === value);
    return known ?? this.refuse(name, KINDS.join(', '));
  }

  measureOptions(name: string): MeasureOptions {
    const value = this.get(name);
    if (typeof value !== 'object' || value === null) return this.refuse(name, 'options');
    const inner = new Fields(value, `${this.type} ${name}`);
    const lanes = inner
      .list('lanes')
      .map((count) => new Fields({ lanes: count }, inner.type).count('lanes', 1, MAX_MEASURED_LANES));
    return {
      rounds: inner.count('rounds', 3, MAX_ROUNDS),
      windowMs: inner.count('windowMs', 1, MAX_WINDOW_MS),
      lanes: lanes.every((count, i) => count > (lanes[i - 1] ?? 0)) ? lanes : inner.refuse('lanes', 'an ascending list'),
      unfused: inner.flag('unfused')['unfused'] === true,
    };
  }

  get(name: string): unknown {
    return Reflect.get(this.message, name);
  }

  private refuse(name: string, expected: string): never {
    const value = this.get(name);
    const plain = typeof value === 'number' || typeof value === 'string' || typeof value === 'boolean';
    const got = plain ? String(value).slice(0, 40) : value === null ? 'null' : Array.isArray(value) ? 'a list' : typeof value;
    throw new ProtocolError({
      where: `command ${this.type}`,
      rule: `${name} has an unknown form`,
      got,
      expected,
      cure: 'Reload the page.',
    });
  }
}

type Reader<T extends CommandType> = (fields: Fields, id: number) => Command & { readonly type: T };

const READERS: { readonly [T in CommandType]: Reader<T> } = {
  hello: (f, id) => ({
    type: 'hello',
    id,
    version: f.count('version', 0),
    ...(f.get('baseUrl') === undefined ? {} : { baseUrl: f.string('baseUrl') }),
  }),
  forecast: (f, id) => ({ type: 'forecast', id, spec: parseSpec(f.get('spec')) }),
  planSweep: (f, id) => {
    const runs = f.list('runs').map((spec) => parseSpec(spec));
    const groups = f.get('groups') === undefined ? {} : { groups: f.places('groups', runs.length) };
    return { type: 'planSweep', id, runs, paths: f.paths('paths'), ...groups };
  },
  addFile: (f, id) => ({ type: 'addFile', id, name: f.string('name'), bytes: f.bytes('bytes') }),
  files: (_, id) => ({ type: 'files', id }),
  start: (f, id) => ({
    type: 'start',
    id,
    runId: f.string('runId'),
    specs: f.list('specs').map((spec) => parseSpec(spec)),
    ...(f.get('checkpoint') === undefined ? {} : { checkpoint: f.bytes('checkpoint') }),
    ...f.flag('stored'),
    ...(f.get('fileHash') === undefined ? {} : { fileHash: f.string('fileHash') }),
    ...f.flag('hold'),
    ...f.flag('silent'),
  }),
  pause: (f, id) => ({ type: 'pause', id, runId: f.string('runId') }),
  resume: (f, id) => ({ type: 'resume', id, runId: f.string('runId') }),
  step: (f, id) => ({ type: 'step', id, runId: f.string('runId') }),
  stop: (f, id) => ({ type: 'stop', id, runId: f.string('runId') }),
  extend: (f, id) => ({ type: 'extend', id, runId: f.string('runId'), steps: f.count('steps', 1) }),
  sampling: (f, id) => ({ type: 'sampling', id, runId: f.string('runId'), settings: f.settings('settings') }),
  export: (f, id) => ({ type: 'export', id, runId: f.string('runId') }),
  inspect: (f, id) => ({ type: 'inspect', id, bytes: f.bytes('bytes') }),
  stored: (_, id) => ({ type: 'stored', id }),
  forget: (f, id) => ({ type: 'forget', id, runId: f.string('runId') }),
  measurePeak: (_, id) => ({ type: 'measurePeak', id }),
  compare: (f, id) => ({
    type: 'compare',
    id,
    runId: f.string('runId'),
    arms: f.arms('arms'),
    seeds: f.count('seeds', 1, MAX_SEEDS),
    probeEvery: f.count('probeEvery', 0),
    whatIf: f.words('whatIf'),
  }),
  comparePause: (f, id) => ({ type: 'comparePause', id, runId: f.string('runId') }),
  compareResume: (f, id) => ({ type: 'compareResume', id, runId: f.string('runId') }),
  compareStop: (f, id) => ({ type: 'compareStop', id, runId: f.string('runId') }),
  measure: (f, id) => ({
    type: 'measure',
    id,
    runId: f.string('runId'),
    what: f.measureKind('what'),
    spec: parseSpec(f.get('spec')),
    options: f.measureOptions('options'),
  }),
  measureStop: (f, id) => ({ type: 'measureStop', id, runId: f.string('runId') }),
  tuned: (_, id) => ({ type: 'tuned', id }),
  forgetTuned: (_, id) => ({ type: 'forgetTuned', id }),
  destroyDevice: (_, id) => ({ type: 'destroyDevice', id }),
};

function isCommandType(type: string): type is CommandType {
  return Object.hasOwn(READERS, type);
}

/** The number that a message's reply goes to; null where it has none. */
export function idOf(message: unknown): number | null {
  const id: unknown = typeof message === 'object' && message !== null ? Reflect.get(message, 'id') : undefined;
  return typeof id === 'number' && Number.isSafeInteger(id) ? id : null;
}

/**
 * A message as a command.
 *
 * @throws ProtocolError for a message of another form; SpecError for a spec that is not runnable.
 */
export function readCommand(message: unknown): Command {
  const type: unknown = typeof message === 'object' && message !== null ? Reflect.get(message, 'type') : undefined;
  const id = idOf(message);
  if (typeof message !== 'object' || message === null || typeof type !== 'string' || id === null || !isCommandType(type)) {
    const got = typeof type === 'string' ? type.slice(0, 40) : typeof message;
    throw new ProtocolError({
      where: 'worker',
      rule: 'a message is no command',
      got,
      cure: 'Page and worker are of different builds: reload the page.',
    });
  }
  return READERS[type](new Fields(message, type), id);
}
