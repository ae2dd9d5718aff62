/** Commands that this page has given to any GPU device. */
export interface Counts {
  readonly dispatches: number;
  readonly submits: number;
}

let [dispatches, submits] = [0, 0];

/** From now on every dispatch and submit of the page is counted, whichever library makes it. */
export function countCommands(): void {
  const pass = GPUComputePassEncoder.prototype;
  const { dispatchWorkgroups, dispatchWorkgroupsIndirect } = pass;
  pass.dispatchWorkgroups = function (...args): undefined {
    dispatches += 1;
    return dispatchWorkgroups.apply(this, args);
  };
  pass.dispatchWorkgroupsIndirect = function (...args): undefined {
    dispatches += 1;
    return dispatchWorkgroupsIndirect.apply(this, args);
  };
  const { submit } = GPUQueue.prototype;
  GPUQueue.prototype.submit = function (...args): undefined {
    submits += 1;
    return submit.apply(this, args);
  };
}

export function commandCounts(): Counts {
  return { dispatches, submits };
}
