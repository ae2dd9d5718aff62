import { html, nothing } from 'lit';
import { deviceName, type Comparison } from '../lab/index.ts';

/** What measures, by name, with a mark where it computes on the CPU. */
export function adapter(device: NonNullable<Comparison['device']>): unknown {
  return html`${deviceName(device)}${device.software ? html` <span class="badge warn">SOFTWARE</span>` : nothing}`;
}
