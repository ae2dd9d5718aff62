/** What a kernel is for, in the order of legends and tracks. */
export const KERNEL_KINDS = ['matmul', 'attention', 'norm', 'loss', 'elementwise', 'embedding', 'casts', 'optimizer'] as const;
export type KernelKind = (typeof KERNEL_KINDS)[number];

/** Kinds by folder of `shaders/`. */
const FOLDERS: Readonly<Record<string, KernelKind>> = {
  matmul: 'matmul',
  attention: 'attention',
  softmax: 'attention',
  heads: 'attention',
  position: 'attention',
  norm: 'norm',
  loss: 'loss',
  embedding: 'embedding',
  numerics: 'casts',
  optimizer: 'optimizer',
};

/** Of a path below `shaders/`; what has no kind of its own works element by element. */
export function kindOf(kernel: string): KernelKind {
  return FOLDERS[kernel.split('/')[0] ?? ''] ?? 'elementwise';
}

/** Name of the custom property that holds the colour of a kind. */
export function kindColor(kind: KernelKind): string {
  return `--arm-${COLORS[kind]}`;
}

const COLORS: { readonly [K in KernelKind]: number } = {
  matmul: 0,
  attention: 1,
  norm: 3,
  loss: 2,
  elementwise: 4,
  embedding: 6,
  casts: 7,
  optimizer: 5,
};

/** The mark of a kind around 0, 0 as path data, with about the area of a circle of radius `r`: kinds are told apart by it too. */
export function kindMark(kind: KernelKind, r: number): string {
  switch (kind) {
    case 'matmul':
      return `M${n(r)} 0A${n(r)} ${n(r)} 0 1 1 ${n(-r)} 0A${n(r)} ${n(r)} 0 1 1 ${n(r)} 0Z`;
    case 'attention':
      return polygon([45, 135, 225, 315], 1.25 * r);
    case 'norm':
      return polygon([-90, 30, 150], 1.5 * r);
    case 'loss':
      return polygon([0, 90, 180, 270], 1.3 * r);
    case 'elementwise':
      return polygon([90, 210, 330], 1.5 * r);
    case 'embedding':
      return polygon([-90, -18, 54, 126, 198], 1.2 * r);
    case 'casts':
      return cross(1.15 * r, 0.42 * r);
    case 'optimizer':
      return polygon([0, 60, 120, 180, 240, 300], 1.15 * r);
  }
}

const n = (value: number): string => value.toFixed(2);

function polygon(degrees: readonly number[], radius: number): string {
  const points = degrees.map((angle) => {
    const turn = (angle * Math.PI) / 180;
    return `${n(radius * Math.cos(turn))} ${n(radius * Math.sin(turn))}`;
  });
  return `M${points.join('L')}Z`;
}

function cross(a: number, b: number): string {
  const corners = [
    [-b, -a],
    [b, -a],
    [b, -b],
    [a, -b],
    [a, b],
    [b, b],
    [b, a],
    [-b, a],
    [-b, b],
    [-a, b],
    [-a, -b],
    [-b, -b],
  ];
  return `M${corners.map(([x = 0, y = 0]) => `${n(x)} ${n(y)}`).join('L')}Z`;
}
