import { css, html, nothing } from 'lit';
import { deviceName, type Measured } from '../lab/index.ts';
import { adapter } from './adapter.ts';
import { dateWords, sameSpec } from './kernel-words.ts';

export const originStyles = css`
  .origin {
    margin-top: 10px;
    overflow-wrap: anywhere;
  }
  .origin .software {
    color: var(--warn);
  }
`;

/**
 * What measured this, when and how, under every figure of it: a software adapter is named as one.
 *
 * @param how how it was measured, in sentences.
 * @param other what it is compared with, from a file.
 * @param compares whether figures of both say the same thing.
 */
export function originWords(
  measured: Measured<unknown> | null,
  other: Measured<unknown> | null,
  fileName: string,
  how: string,
  compares = sameSpec(measured, other),
): unknown {
  return html`${
    measured === null
      ? nothing
      : html`<p class="small muted origin" data-origin="own">
          ${how} Measured on ${adapter(measured.environment.device)}, ${dateWords(measured.environment)}. ${tuned(measured)}
          ${measured.stopped ? 'Stopped before all of it was measured.' : ''} ${software(measured)}
        </p>`
  }
  ${
    other === null
      ? nothing
      : html`<p class="small muted origin" data-origin="other">
          ${fileName} (hollow marks, broken lines): measured on ${adapter(other.environment.device)},
          ${dateWords(other.environment)}. ${software(other)}
          ${compares ? nothing : html`<span class="software">It measured other settings: figures of a step do not compare.</span>`}
        </p>`
  }`;
}

/** The adapter as a drawing names it: `swiftshader (software adapter)`. */
export function deviceWords({ environment: { device } }: Measured<unknown>): string {
  return `${deviceName(device)}${device.software ? ' (software adapter)' : ''}`;
}

function tuned({ environment: { report } }: Measured<unknown>): string {
  const shapes = report?.tunedKernels ?? 0;
  return shapes === 0 ? '' : `Kernels of ${shapes} ${shapes === 1 ? 'shape' : 'shapes'} are as the tuner chose.`;
}

function software({ environment }: Measured<unknown>): unknown {
  return environment.device.software
    ? html`<span class="software">It is a software adapter, which computes on the CPU: times say nothing of a GPU.</span>`
    : nothing;
}
