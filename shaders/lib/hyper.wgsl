// hyper: where a lane's scalars of one step lie in `hyper` (src/ops/hyper.ts).
const LR = 0u;
const BETA1 = 1u;
const BETA2 = 2u;
const EPS = 3u;
const WEIGHT_DECAY = 4u;
const CLIP = 5u;
const CORRECTION1 = 6u;
const CORRECTION2 = 7u;
const Z_LOSS = 8u;
const HYPER_SIZE = 16u;
