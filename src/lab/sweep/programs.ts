import type { Request } from '../../worker/client.ts';
import type { Replies } from '../../worker/protocol.ts';

type Ask = <R extends Request>(request: R) => Promise<Replies[R['type']]>;

const PREFIX = 'sweep-';

/** The name of the program that trains a group: the same after a reload, so that its checkpoint is found. */
export function programIdOf(sweepId: string, groupId: string): string {
  return `${PREFIX}${sweepId}-${groupId}`;
}

/** Whether a checkpoint is of a sweep's program: its queue goes on with it, nobody else can. */
export function isSweepProgram(runId: string): boolean {
  return runId.startsWith(PREFIX);
}

/** Forgets the checkpoints of sweeps that are not among these. @throws WorkerError */
export async function forgetOrphans(request: Ask, sweepIds: readonly string[]): Promise<void> {
  const stored = await request({ type: 'stored' });
  const orphans = stored.filter(
    ({ runId }) => isSweepProgram(runId) && !sweepIds.some((id) => runId.startsWith(programIdOf(id, ''))),
  );
  await Promise.all(orphans.map(({ runId }) => request({ type: 'forget', runId })));
}
