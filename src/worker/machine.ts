import { ProtocolError } from '../base/errors.ts';
import type { CommandType, RunState } from './protocol.ts';

/** Commands about a run that is there. */
export type RunCommand = Extract<CommandType, 'pause' | 'resume' | 'step' | 'stop' | 'extend' | 'sampling' | 'export'>;

/** What happens to a run by itself. `held`: it is built, and was asked to wait; `lost`: the device is gone. */
export type RunFact = 'built' | 'held' | 'ended' | 'failed' | 'lost' | 'recovered';

export type Signal = RunCommand | RunFact;

/** States that a run goes on from after its device was lost. */
export type Goal = Extract<RunState, 'running' | 'paused' | 'finished'>;

export interface Position {
  readonly state: RunState;
  /** What a run that is recovering comes back as. */
  readonly goal: Goal;
}

/** Where each signal leads; one that is not listed is illegal there. `goal`: to {@link Position.goal}. */
const TABLE: { readonly [S in RunState]: { readonly [signal in Signal]?: RunState | 'goal' } } = {
  preparing: { built: 'running', held: 'paused', stop: 'stopped', sampling: 'preparing', lost: 'preparing', failed: 'failed' },
  running: {
    pause: 'paused',
    stop: 'stopped',
    extend: 'running',
    sampling: 'running',
    export: 'running',
    ended: 'finished',
    lost: 'recovering',
    failed: 'failed',
  },
  paused: {
    resume: 'running',
    step: 'paused',
    stop: 'stopped',
    extend: 'paused',
    sampling: 'paused',
    export: 'paused',
    ended: 'finished',
    lost: 'recovering',
    failed: 'failed',
  },
  recovering: {
    pause: 'recovering',
    resume: 'recovering',
    stop: 'stopped',
    extend: 'recovering',
    sampling: 'recovering',
    lost: 'recovering',
    recovered: 'goal',
    failed: 'failed',
  },
  finished: {
    extend: 'running',
    stop: 'stopped',
    sampling: 'finished',
    export: 'finished',
    lost: 'recovering',
    failed: 'failed',
  },
  stopped: { export: 'stopped' },
  failed: { export: 'failed' },
};

const COMMANDS: { readonly [C in RunCommand]: true } = {
  pause: true,
  resume: true,
  step: true,
  stop: true,
  extend: true,
  sampling: true,
  export: true,
};

export const INITIAL: Position = { state: 'preparing', goal: 'running' };

function isCommand(signal: string): signal is RunCommand {
  return Object.hasOwn(COMMANDS, signal);
}

/** Commands that a run takes in a state. */
export function legalCommands(state: RunState): RunCommand[] {
  return Object.keys(TABLE[state]).filter(isCommand);
}

/** The position after a signal; null where it is illegal. */
export function follow({ state, goal }: Position, signal: Signal): Position | null {
  const next = TABLE[state][signal];
  if (next === undefined) return null;
  if (next === 'goal') return { state: goal, goal };
  if (next !== 'recovering') return { state: next, goal };
  return { state: next, goal: goalAfter(state, goal, signal) };
}

function goalAfter(state: RunState, goal: Goal, signal: Signal): Goal {
  if (state === 'running' || state === 'paused' || state === 'finished') return state;
  if (signal === 'pause' && goal === 'running') return 'paused';
  if (signal === 'resume' && goal === 'paused') return 'running';
  if (signal === 'extend' && goal === 'finished') return 'running';
  return goal;
}

/** {@link follow} for a command. @throws ProtocolError that names the state and what is legal in it. */
export function obey(position: Position, command: RunCommand, runId: string): Position {
  const next = follow(position, command);
  if (next !== null) return next;
  const { state } = position;
  throw new ProtocolError({
    where: `run ${runId}`,
    rule: `"${command}" is not possible while the run is ${state}`,
    expected: legalCommands(state).join(', '),
    ...(state === 'stopped' || state === 'failed' ? { cure: 'Start it again from its checkpoint.' } : {}),
  });
}

/** True where a run holds the GPU's memory, or will. */
export function holdsDevice(state: RunState): boolean {
  return isActive(state) || state === 'finished';
}

/** True where a run is going on, so that no other may start. */
export function isActive(state: RunState): boolean {
  return state === 'preparing' || state === 'running' || state === 'paused' || state === 'recovering';
}
