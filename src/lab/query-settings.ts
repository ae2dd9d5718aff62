import { SpecError } from '../base/errors.ts';

/** One of the choices that a setting of a link has. @throws SpecError for anything else. */
export function choiceIn<T extends string>(
  page: string,
  query: URLSearchParams,
  key: string,
  choices: readonly T[],
  start: T,
): T {
  const text = query.get(key) ?? start;
  const known = choices.find((choice) => choice === text);
  if (known === undefined) throw refusedSetting(page, key, text, choices.join(', '));
  return known;
}

/** @throws SpecError for a setting that the page has not. */
export function onlySettings(page: string, query: URLSearchParams, keys: readonly string[]): void {
  for (const key of query.keys()) if (!keys.includes(key)) throw refusedSetting(page, 'setting', key, keys.join(', '));
}

/** What a link says of a page and what this build cannot show. */
export function refusedSetting(page: string, key: string, text: string, expected: string): SpecError {
  return new SpecError({
    where: 'URL',
    rule: `the ${page} page of this build cannot show the setting ${key}`,
    got: JSON.stringify(text.slice(0, 40)),
    expected,
    cure: 'Copy the whole link again.',
  });
}
