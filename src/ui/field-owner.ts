import type { Lab } from '../lab/index.ts';

/** What a field of a spec edits: the lab's own form, or one beside it. */
export type FieldOwner = Pick<Lab, 'form' | 'setField' | 'toggleField'>;
