/** What a value of unknown form must have, field by field; other fields are not looked at. */
export type Shape = { readonly [key: string]: (value: unknown) => boolean };

export const number = (value: unknown): boolean => typeof value === 'number';
export const string = (value: unknown): boolean => typeof value === 'string';
export const boolean = (value: unknown): boolean => typeof value === 'boolean';
export const object = (value: unknown): boolean => typeof value === 'object' && value !== null;
export const nothing = (value: unknown): boolean => value === null;
export const list =
  (check: (value: unknown) => boolean) =>
  (value: unknown): boolean =>
    Array.isArray(value) && value.every(check);
export const strings = list(string);
export const nullOr =
  (check: (value: unknown) => boolean) =>
  (value: unknown): boolean =>
    value === null || check(value);
export const optional =
  (check: (value: unknown) => boolean) =>
  (value: unknown): boolean =>
    value === undefined || check(value);
export const of =
  (shape: Shape) =>
  (value: unknown): boolean =>
    fits(value, shape);

export function fits(value: unknown, shape: Shape): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return Object.entries(shape).every(([key, check]) => check(Reflect.get(value, key)));
}
