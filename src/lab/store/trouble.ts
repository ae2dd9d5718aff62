import { IsoflopError } from '../../base/errors.ts';

/**
 * `none`: the browser has no database; `refused`: it does not let the page use it; `later`: the database is of a later build;
 * `blocked`: another tab keeps an older one open; `closed`: another tab wants to upgrade it; `full`; `owned`: another tab trains the run;
 * `failed`: anything else.
 */
export type TroubleKind = 'none' | 'refused' | 'later' | 'blocked' | 'closed' | 'full' | 'owned' | 'failed';

/** What keeps runs from being stored. Its message says what to do. */
export class StoreError extends IsoflopError {
  override readonly name: string = 'StoreError';
  readonly kind: TroubleKind;

  constructor(kind: TroubleKind, { rule, got, cure }: TroubleWords, cause?: unknown) {
    super({ where: 'run store', rule, cure, ...(got === undefined ? {} : { got }), ...(cause === undefined ? {} : { cause }) });
    this.kind = kind;
  }
}

interface TroubleWords {
  readonly rule: string;
  readonly got?: string;
  readonly cure: string;
}

const WORDS: { readonly [K in Exclude<TroubleKind, 'owned'>]: TroubleWords } = {
  none: {
    rule: 'this browser has no database for pages',
    cure: 'Runs train, but are gone with the page: export what you want to keep.',
  },
  refused: {
    rule: 'the browser does not let this page store anything',
    cure: 'Runs train, but are gone with the page: export what you want to keep, or open the page outside private browsing.',
  },
  later: {
    rule: 'it was written by a later build',
    cure: 'Nothing in it was changed. Reload the page to get the later build; export what you want to keep of this one first.',
  },
  blocked: { rule: 'another tab keeps an older version of it open', cure: 'Close or reload the other tabs of this page.' },
  closed: { rule: 'a tab of a later build upgrades it', cure: 'Export what you want to keep, then reload this page.' },
  full: {
    rule: 'storage is full',
    cure: 'Export your runs first; then remove runs or checkpoints, or free space on the disk. Saving goes on by itself when there is room.',
  },
  failed: {
    rule: 'the browser could not store a run',
    cure: 'Saving is tried again; export what you want to keep.',
  },
};

export function trouble(kind: Exclude<TroubleKind, 'owned'>, cause?: unknown, got?: string): StoreError {
  return new StoreError(kind, { ...WORDS[kind], ...(got === undefined ? {} : { got }) }, cause);
}

const KINDS: { readonly [name: string]: 'full' | 'refused' | 'later' } = {
  QuotaExceededError: 'full',
  SecurityError: 'refused',
  NotAllowedError: 'refused',
  VersionError: 'later',
};

/** Whatever a database fails with, in the page's words. */
export function troubleOf(error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  const name = nameOf(error);
  const said = error instanceof Error || nameOf(error) !== '' ? String(Reflect.get(Object(error), 'message')) : String(error);
  const kind = KINDS[name] ?? 'failed';
  return trouble(kind, error, kind === 'failed' ? `${name}${said === '' ? '' : ` "${said}"`}` : undefined);
}

/** True where the connection is gone, not the database. */
export function isClosed(error: unknown): boolean {
  return nameOf(error) === 'InvalidStateError';
}

/** By name: a DOMException of another realm, or of a quota, is no instance of this page's Error. */
function nameOf(error: unknown): string {
  const name: unknown = typeof error === 'object' && error !== null ? Reflect.get(error, 'name') : undefined;
  return typeof name === 'string' ? name : '';
}
