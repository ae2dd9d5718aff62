/** True where every key holds text. */
export function textIn(value: unknown, ...keys: readonly string[]): boolean {
  return typeof value === 'object' && value !== null && keys.every((key) => typeof Reflect.get(value, key) === 'string');
}

export function isStrings(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}

/** True where every value of an object is text. */
export function isTexts(value: unknown): value is { readonly [key: string]: string } {
  return typeof value === 'object' && value !== null && Object.values(value).every((text) => typeof text === 'string');
}

export function isTextIfAny(value: unknown): value is string | undefined {
  return value === undefined || typeof value === 'string';
}
