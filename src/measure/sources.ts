import { variantsFor } from '../engine/plan.ts';
import type { Step } from '../engine/plan.ts';
import { kernelSource } from '../gpu/kernel.ts';
import type { Caps, Dispatch } from '../ops/op.ts';
import type { CompiledKernel, VariantForm } from './report.ts';

/** The WGSL texts that kernels are compiled from, each distinct one once. */
export class Sources {
  private readonly caps: Caps;
  private readonly keys = new Map<string, string>();
  private readonly byKey = new Map<string, string>();

  constructor(caps: Caps) {
    this.caps = caps;
  }

  /** Texts by key: the path of the kernel, with a number behind it where its template makes several. */
  get texts(): Readonly<Record<string, string>> {
    return Object.fromEntries(this.byKey);
  }

  /** Every variant that serves a step: the one in use first, with `own` first in it. */
  variants({ node, variant, dispatches }: Step, own: Dispatch, disabled: ReadonlySet<string>): readonly VariantForm[] {
    const used = { variant, kernels: this.compiled([own, ...dispatches]) };
    const others = variantsFor(node, this.caps, disabled).filter(({ name }) => name !== variant);
    return [used, ...others.map((other) => ({ variant: other.name, kernels: this.compiled(other.lower(node, this.caps)) }))];
  }

  private compiled(dispatches: readonly Dispatch[]): readonly CompiledKernel[] {
    const kernels = dispatches.map(({ kernel, template, overrides = {} }): CompiledKernel => {
      return { kernel, source: this.keyOf(kernel, kernelSource(kernel, template).code), overrides };
    });
    return [...new Map(kernels.map((kernel) => [JSON.stringify(kernel), kernel])).values()];
  }

  private keyOf(kernel: string, code: string): string {
    const known = this.keys.get(code);
    if (known !== undefined) return known;
    let key = kernel;
    for (let i = 2; this.byKey.has(key); i++) key = `${kernel} #${i}`;
    this.keys.set(code, key);
    this.byKey.set(key, code);
    return key;
  }
}
