import type { CompiledKernel, KernelRow, KernelsReport } from '../lab/index.ts';
import { kernelName } from './kernel-words.ts';

/** A text that the dialog of a kernel can show. */
export interface SourceChoice {
  readonly label: string;
  readonly variant: string;
  /** Null where the file does not hold it. */
  readonly compiled: CompiledKernel | null;
  /** The kernel whose figures are shown: the first of the variant that was measured. */
  readonly used: boolean;
}

/** The kernels of every variant that serves a row's nodes, its own first. */
export function sourceChoices({ variants }: Pick<KernelRow, 'variants'>): readonly SourceChoice[] {
  return variants.flatMap(({ variant, kernels }, i): SourceChoice[] => {
    const name = variant === '' ? 'plain' : variant;
    if (kernels.length === 0) return [{ label: name, variant, compiled: null, used: i === 0 }];
    return kernels.map((compiled, place) => {
      const own = lastPart(compiled);
      const alike = kernels.slice(0, place).filter((other) => lastPart(other) === own).length;
      const label = kernels.length === 1 ? name : `${name}: ${own}${alike === 0 ? '' : ` ${alike + 1}`}`;
      return { label, variant, compiled, used: i === 0 && place === 0 };
    });
  });
}

/** What there is to say where the WGSL is not of the kernel whose figures are shown; null where it is, or where there is none. */
export function otherKernelWords(
  measured: Pick<KernelRow, 'kernel' | 'variant'>,
  { compiled, used, variant }: SourceChoice,
): string | null {
  if (used || compiled === null) return null;
  return `The figures above are of ${fullName(measured)}; the WGSL below is of ${fullName({ kernel: compiled.kernel, variant })}.`;
}

/** `TILE = 8 · EDGES = false`; empty where the text's own defaults hold, null where nobody recorded them. */
export function overrideWords({ overrides }: CompiledKernel): string | null {
  if (overrides === null) return null;
  return Object.entries(overrides)
    .map(([name, value]) => `${name} = ${value}`)
    .join(' · ');
}

/** The WGSL as it is compiled, and above it what the pipeline sets. */
export function sourceText({ variant, compiled }: SourceChoice, sources: KernelsReport['sources']): string {
  if (compiled === null) return '';
  const overrides = overrideWords(compiled)?.replaceAll(' · ', ', ') ?? 'not recorded';
  const head = `// shaders/${kernelName(compiled)}.wgsl${variant === '' ? '' : `, variant ${variant}`}`;
  return `${head}\n// overrides: ${overrides === '' ? 'none' : overrides}\n${sources[compiled.source] ?? ''}`;
}

function fullName({ kernel, variant }: Pick<KernelRow, 'kernel' | 'variant'>): string {
  return variant === '' ? kernelName({ kernel }) : `${kernelName({ kernel })}, variant ${variant}`;
}

function lastPart(compiled: CompiledKernel): string {
  return kernelName(compiled).split('/').at(-1) ?? '';
}
