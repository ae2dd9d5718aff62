import { isTimed } from '../base/tuned.ts';
import { candidateFigures, isChanged, tuningGain, type Tuned } from '../lab/index.ts';

/** What became of a shape: `kept 8x8`, `changed to split: 2.00 times as fast`. */
export function tuningVerdict(tuned: Tuned): string {
  const { candidates, chosen } = tuned;
  const first = candidates[0];
  if (!isTimed(tuned)) return `no variant ran here: untuned, it stays with ${chosen}`;
  if (!isChanged(tuned)) {
    const faster = candidateFigures(tuned).some(({ ofFirst }) => ofFirst !== null && ofFirst < 1);
    return faster ? `kept ${chosen}: no other is faster by more than the spread` : `kept ${chosen}: none is faster`;
  }
  const gain = tuningGain(tuned);
  if (first?.ms === null) return `changed to ${chosen}: ${first.variant} does not run here`;
  return `changed to ${chosen}: ${gain.toFixed(2)} times as fast as ${first?.variant ?? 'the first guess'}`;
}

/** What tuning came to, in a sentence. */
export function tuningHeadline(all: readonly Tuned[]): string {
  if (all.length === 0) return 'There is nothing to choose: one variant alone serves each kernel of this step on this adapter.';
  const rows = all.filter(isTimed);
  const changed = rows.filter(isChanged);
  if (rows.length === 0) return `No variant ran, in ${shapes(all.length)}: nothing is tuned.`;
  if (changed.length === 0) return `Every first guess stands, in ${shapes(rows.length)}.`;
  const most = Math.max(...changed.map(tuningGain));
  const gain = most > 1 ? `, up to ${most.toFixed(most < 10 ? 1 : 0)} times as fast` : '';
  return `${changed.length} of ${shapes(rows.length)} ${changed.length === 1 ? 'runs' : 'run'} another variant than the first guess${gain}.`;
}

/** What follows from a tuning for what begins now. @param adapter that of a file, whose choices nothing here uses; null: this one. */
export function tuningUse(adapter: string | null): string {
  const bits = 'Another variant may add in another order: a tuned run can differ from an untuned one in its last bits.';
  return adapter === null
    ? `New runs and measurements use what is found here; a run that goes on keeps what it began with. ${bits}`
    : `From a file: found on ${adapter}. Nothing on this adapter uses it; tune kernels to find what is fastest here.`;
}

/** What runs that begin now are planned with. */
export function tunedWords(all: readonly Tuned[]): string {
  const rows = all.filter(isTimed);
  if (rows.length === 0) return 'not yet: every kernel is the first guess';
  const changed = rows.filter(isChanged).length;
  return `${shapes(rows.length)} on this adapter, ${changed === 0 ? 'none' : changed} with another variant than the first guess`;
}

function shapes(count: number): string {
  return count === 1 ? '1 shape' : `${count} shapes`;
}
