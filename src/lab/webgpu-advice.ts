/** What the page can see of the browser. */
export interface BrowserFacts {
  readonly userAgent: string;
  /** `navigator.gpu` exists. */
  readonly hasGpu: boolean;
  /** https, localhost or a file of the browser's own. */
  readonly secureContext: boolean;
}

/** Why there is no WebGPU here, and what to do. */
export interface Advice {
  readonly title: string;
  readonly reason: string;
  readonly steps: readonly string[];
}

const OTHER_BROWSER = 'Or open this page in a current Chrome or Edge on a desktop computer.';

/** Words for a browser without WebGPU, or whose WebGPU did not start (`failure`). */
export function webgpuAdvice(facts: BrowserFacts, failure: string | null): Advice {
  if (!facts.secureContext) {
    return {
      title: 'WebGPU is off because this page was not loaded securely',
      reason: 'Browsers offer WebGPU only over https, or from localhost.',
      steps: ['Open the page over https, or through http://localhost on the computer that serves it.'],
    };
  }
  return {
    title: facts.hasGpu ? 'The GPU could not be opened' : 'This browser does not offer WebGPU',
    reason: failure ?? 'Isoflop trains on the GPU through WebGPU, and this browser does not offer it on this device.',
    steps: stepsFor(facts),
  };
}

function stepsFor({ userAgent, hasGpu }: BrowserFacts): string[] {
  const has = (word: string): boolean => userAgent.includes(word);
  if (has('Firefox/')) {
    return [
      'Firefox offers WebGPU on Windows from version 141, and on Macs with Apple silicon from version 145: update Firefox.',
      'Elsewhere, set dom.webgpu.enabled to true in about:config and restart the browser; support there is experimental.',
      OTHER_BROWSER,
    ];
  }
  if (has('Chrome/') || has('Chromium/')) {
    const steps = [
      hasGpu
        ? 'Open chrome://gpu and read the WebGPU line: it says why.'
        : 'Update the browser: WebGPU needs version 113 or later.',
    ];
    if (has('Android'))
      return [...steps, 'On Android, WebGPU needs Android 12 or later and a Qualcomm, ARM or newer GPU.', OTHER_BROWSER];
    steps.push('In chrome://settings/system, switch on “Use graphics acceleration when available”, and restart the browser.');
    if (has('Linux')) {
      steps.push(
        'On Linux, start the browser with --enable-unsafe-webgpu --enable-features=Vulkan, or enable #enable-unsafe-webgpu in chrome://flags.',
      );
      steps.push('Without a GPU, add --use-webgpu-adapter=swiftshader: it computes on the CPU, slowly but correctly.');
    }
    return [...steps, 'Update the graphics driver.'];
  }
  if (has('Safari/')) {
    return ['Safari offers WebGPU from version 26 (macOS 26, iOS 26, iPadOS 26): update the system.', OTHER_BROWSER];
  }
  return ['Use a current Chrome or Edge, Safari 26, or Firefox 141 on Windows.'];
}
