import { runTitle, type Progress, type Run } from '../lab/index.ts';
import { duration, whole } from './format.ts';

const TASKS: { readonly [T in Progress['task']]: string } = {
  adapter: 'Opening the GPU',
  data: 'Reading the data',
  tokenizer: 'Training the tokenizer',
  compile: 'Compiling kernels',
  check: 'Checking kernels on this device',
  peak: 'Measuring the matmul peak',
};

/** What is being done, with how far it is. */
export function progressWords({ task, done, total }: Progress): string {
  return total > 0 ? `${TASKS[task]}, ${whole(done)} of ${whole(total)}` : `${TASKS[task]}…`;
}

/** The state of a run as a sentence. */
export function stateWords(run: Run): string {
  const title = runTitle(run.spec);
  const at = `step ${whole(run.step)} of ${whole(run.totalSteps)}`;
  switch (run.state) {
    case 'preparing':
      return `Preparing ${title}${run.progress === null ? '' : `. ${progressWords(run.progress)}`}`;
    case 'running': {
      const left = run.speed === null ? '' : `, about ${duration(run.speed.etaMs)} left`;
      return `Training ${title}: ${at}${left}`;
    }
    case 'paused':
      return `Paused ${title} at ${at}`;
    case 'recovering':
      return `The GPU was lost: restarting ${title} from its last checkpoint`;
    case 'finished':
      return `Finished ${title} after ${whole(run.step)} steps`;
    case 'stopped':
      return `Stopped ${title} at ${at}`;
    case 'failed':
      return `${title} stopped at step ${whole(run.step)}: ${run.failure?.name ?? 'an error'}, see above`;
  }
}
