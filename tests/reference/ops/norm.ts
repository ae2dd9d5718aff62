import { dim, el, accrue, fill, flagOf, input, numberOf, rowsOf, tensor, textOf } from '../tensor.ts';
import type { Reference } from '../tensor.ts';

/**
 * `x [..,C]`, `gain [C]`, `bias [C]?` to `y` and `stats [R,2]` (mean, rstd). LayerNorm: Ba et al. 2016, variance without
 * Bessel's correction. RMSNorm: Zhang and Sennrich 2019; its mean counts as 0.
 */
const norm: Reference = (inputs, attrs) => {
  const [x, gain] = [input(inputs, 0), input(inputs, 1)];
  const bias = flagOf(attrs, 'bias') ? input(inputs, 2) : undefined;
  const centred = textOf(attrs, 'kind') === 'layernorm';
  const [R, C] = [rowsOf(x), dim(x, -1)];
  const [y, stats] = [tensor(x.shape), tensor([R, 2])];
  for (let r = 0; r < R; r++) {
    const row = x.data.subarray(r * C, r * C + C);
    const mean = centred ? row.reduce((sum, value) => sum + value, 0) / C : 0;
    const variance = row.reduce((sum, value) => sum + (value - mean) ** 2, 0) / C;
    const rstd = 1 / Math.sqrt(variance + numberOf(attrs, 'eps'));
    stats.data.set([mean, rstd], 2 * r);
    for (let c = 0; c < C; c++) {
      y.data[r * C + c] = (el(row, c) - mean) * rstd * el(gain.data, c) + (bias === undefined ? 0 : el(bias.data, c));
    }
  }
  return [y, stats];
};

/** `sum = a + b`, then the norm of it. */
const residualNorm: Reference = (inputs, attrs) => {
  const [a, b] = [input(inputs, 0), input(inputs, 1)];
  const sum = fill(a.shape, (i) => el(a.data, i) + el(b.data, i));
  return [sum, ...norm([sum, ...inputs.slice(2)], attrs)];
};

/** With `n = (x - mean) rstd` and `g = dy gain`: `dx = rstd (g - [layernorm] mean(g) - n mean(g n)) + addend`. */
const normBackward: Reference = (inputs, attrs) => {
  const [dy, x, gain, stats] = [input(inputs, 0), input(inputs, 1), input(inputs, 2), input(inputs, 3)];
  const addend = flagOf(attrs, 'addend') ? input(inputs, 4) : undefined;
  const centred = textOf(attrs, 'kind') === 'layernorm';
  const C = dim(x, -1);
  const dx = tensor(x.shape);
  for (let r = 0; r < rowsOf(x); r++) {
    const [mean, rstd] = [el(stats.data, 2 * r), el(stats.data, 2 * r + 1)];
    const normed = (c: number): number => (el(x.data, r * C + c) - mean) * rstd;
    const pulled = (c: number): number => el(dy.data, r * C + c) * el(gain.data, c);
    let [meanG, meanGn] = [0, 0];
    for (let c = 0; c < C; c++) {
      meanG += pulled(c) / C;
      meanGn += (pulled(c) * normed(c)) / C;
    }
    for (let c = 0; c < C; c++) {
      const value = rstd * (pulled(c) - (centred ? meanG : 0) - normed(c) * meanGn);
      dx.data[r * C + c] = value + (addend === undefined ? 0 : el(addend.data, r * C + c));
    }
  }
  return [dx];
};

/** `dgain = sum over rows of dy n`, `dbias = sum over rows of dy`. */
const normParamBackward: Reference = (inputs, attrs) => {
  const [dy, x, stats] = [input(inputs, 0), input(inputs, 1), input(inputs, 2)];
  const C = dim(x, -1);
  const [dgain, dbias] = [tensor([C]), tensor([C])];
  for (let i = 0; i < x.data.length; i++) {
    const [r, c] = [Math.floor(i / C), i % C];
    accrue(dgain.data, c, el(dy.data, i) * (el(x.data, i) - el(stats.data, 2 * r)) * el(stats.data, 2 * r + 1));
    accrue(dbias.data, c, el(dy.data, i));
  }
  return flagOf(attrs, 'bias') ? [dgain, dbias] : [dgain];
};

/** Which gain a column of qkv has: `q` heads, `k` heads, `v` heads of D columns each; v has none. */
function gainOf<T>(head: number, heads: number, kvHeads: number, q: T, k: T): T | undefined {
  if (head < heads) return q;
  return head < heads + kvHeads ? k : undefined;
}

/** RMS norm of each head of q and k in `qkv [..,(H+2Hkv)*D]` with gains `[D]`; v is copied. Also `rstd [R,H+Hkv]`. */
const qkNorm: Reference = (inputs, attrs) => {
  const [qkv, qgain, kgain] = [input(inputs, 0), input(inputs, 1), input(inputs, 2)];
  const [H, Hkv, D] = [numberOf(attrs, 'heads'), numberOf(attrs, 'kvHeads'), numberOf(attrs, 'headSize')];
  const [R, W] = [rowsOf(qkv), dim(qkv, -1)];
  const [y, stats] = [tensor(qkv.shape, qkv.data), tensor([R, H + Hkv])];
  for (let r = 0; r < R; r++) {
    for (let h = 0; h < H + Hkv; h++) {
      const gain = gainOf(h, H, Hkv, qgain, kgain);
      if (gain === undefined) continue;
      const start = r * W + h * D;
      let square = 0;
      for (let i = 0; i < D; i++) square += el(qkv.data, start + i) ** 2 / D;
      const rstd = 1 / Math.sqrt(square + numberOf(attrs, 'eps'));
      stats.data[r * (H + Hkv) + h] = rstd;
      for (let i = 0; i < D; i++) y.data[start + i] = el(qkv.data, start + i) * rstd * el(gain.data, i);
    }
  }
  return [y, stats];
};

const qkNormBackward: Reference = (inputs, attrs) => {
  const [dy, qkv, qgain, kgain, stats] = [
    input(inputs, 0),
    input(inputs, 1),
    input(inputs, 2),
    input(inputs, 3),
    input(inputs, 4),
  ];
  const [H, Hkv, D] = [numberOf(attrs, 'heads'), numberOf(attrs, 'kvHeads'), numberOf(attrs, 'headSize')];
  const W = dim(qkv, -1);
  const dx = tensor(qkv.shape, dy.data);
  for (let r = 0; r < rowsOf(qkv); r++) {
    for (let h = 0; h < H + Hkv; h++) {
      const gain = gainOf(h, H, Hkv, qgain, kgain);
      if (gain === undefined) continue;
      const start = r * W + h * D;
      const rstd = el(stats.data, r * (H + Hkv) + h);
      let dot = 0;
      for (let i = 0; i < D; i++) dot += (el(dy.data, start + i) * el(gain.data, i) * el(qkv.data, start + i) * rstd) / D;
      for (let i = 0; i < D; i++) {
        dx.data[start + i] = rstd * (el(dy.data, start + i) * el(gain.data, i) - el(qkv.data, start + i) * rstd * dot);
      }
    }
  }
  return [dx];
};

const qkNormParamBackward: Reference = (inputs, attrs) => {
  const [dy, qkv, stats] = [input(inputs, 0), input(inputs, 1), input(inputs, 2)];
  const [H, Hkv, D] = [numberOf(attrs, 'heads'), numberOf(attrs, 'kvHeads'), numberOf(attrs, 'headSize')];
  const W = dim(qkv, -1);
  const [dqgain, dkgain] = [tensor([D]), tensor([D])];
  for (let r = 0; r < rowsOf(qkv); r++) {
    for (let h = 0; h < H + Hkv; h++) {
      const dgain = gainOf(h, H, Hkv, dqgain, dkgain);
      if (dgain === undefined) continue;
      for (let i = 0; i < D; i++) {
        const at = r * W + h * D + i;
        accrue(dgain.data, i, el(dy.data, at) * el(qkv.data, at) * el(stats.data, r * (H + Hkv) + h));
      }
    }
  }
  return [dqgain, dkgain];
};

export const normReferences = {
  norm,
  residual_norm: residualNorm,
  norm_backward: normBackward,
  norm_param_backward: normParamBackward,
  qk_norm: qkNorm,
  qk_norm_backward: qkNormBackward,
  qk_norm_param_backward: qkNormParamBackward,
} satisfies Record<string, Reference>;
