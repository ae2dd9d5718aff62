import type { NumberField } from '../spec/index.ts';

/** The text of the input or select that an event came from. */
export function typed(event: Event): string {
  const { target } = event;
  return target instanceof HTMLInputElement || target instanceof HTMLSelectElement ? target.value : '';
}

/** The next value up or down: a factor on a log scale, a difference otherwise, within the field's bounds. */
export function stepped(field: NumberField, value: number, up: boolean): number {
  const moved =
    field.log && value !== 0 ? (up ? value * field.step : value / field.step) : value + (up ? 1 : -1) * plainStep(field, value);
  const rounded = field.kind === 'int' ? Math.round(moved) : Number(moved.toPrecision(6));
  return Math.min(field.max, Math.max(field.min, rounded));
}

function plainStep(field: NumberField, value: number): number {
  return field.log && value === 0 ? (field.usual?.[0] ?? 1) : field.step;
}
