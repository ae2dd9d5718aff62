import type { Attrs } from '../../../src/graph/types.ts';
import { accrue, dim, el, fill, flagOf, input, numberOf, rowsOf, tensor } from '../tensor.ts';
import type { Reference, Tensor } from '../tensor.ts';
import { embeddingReferences } from './embedding.ts';
import { normReferences } from './norm.ts';

/** Where head h of row (b,t) has its q, k and v in `qkv [B,T,(H+2Hkv)*D]`; H/Hkv neighbouring q heads share one k and v. */
class Layout {
  readonly H: number;
  readonly Hkv: number;
  readonly D: number;
  readonly B: number;
  readonly T: number;

  constructor(attrs: Attrs, B: number, T: number) {
    this.H = numberOf(attrs, 'heads');
    this.Hkv = numberOf(attrs, 'kvHeads');
    this.D = numberOf(attrs, 'headSize');
    this.B = B;
    this.T = T;
  }

  get width(): number {
    return (this.H + 2 * this.Hkv) * this.D;
  }
  q(b: number, t: number, h: number): number {
    return (b * this.T + t) * this.width + h * this.D;
  }
  k(b: number, t: number, h: number): number {
    return (b * this.T + t) * this.width + (this.H + Math.floor((h * this.Hkv) / this.H)) * this.D;
  }
  v(b: number, t: number, h: number): number {
    return this.k(b, t, h) + this.Hkv * this.D;
  }
  /** Where `[B,H,T,D]` has (b,h,t). */
  split(b: number, h: number, t: number): number {
    return ((b * this.H + h) * this.T + t) * this.D;
  }
  /** Where `[B,T,H*D]` has (b,t,h). */
  merged(b: number, t: number, h: number): number {
    return ((b * this.T + t) * this.H + h) * this.D;
  }
  each(visit: (b: number, h: number, t: number) => void): void {
    for (let b = 0; b < this.B; b++) for (let h = 0; h < this.H; h++) for (let t = 0; t < this.T; t++) visit(b, h, t);
  }
}

const layoutOf = (qkv: Tensor, attrs: Attrs): Layout => new Layout(attrs, dim(qkv, 0), dim(qkv, 1));

const splitQkv: Reference = (inputs, attrs) => {
  const qkv = input(inputs, 0);
  const at = layoutOf(qkv, attrs);
  const [q, k, v] = [tensor([at.B, at.H, at.T, at.D]), tensor([at.B, at.H, at.T, at.D]), tensor([at.B, at.H, at.T, at.D])];
  at.each((b, h, t) => {
    for (let i = 0; i < at.D; i++) {
      const to = at.split(b, h, t) + i;
      q.data[to] = el(qkv.data, at.q(b, t, h) + i);
      k.data[to] = el(qkv.data, at.k(b, t, h) + i);
      v.data[to] = el(qkv.data, at.v(b, t, h) + i);
    }
  });
  return [q, k, v];
};

/** The transpose of split_qkv: heads that share a k and v add up. */
const joinQkv: Reference = (inputs, attrs) => {
  const [dq, dk, dv] = [input(inputs, 0), input(inputs, 1), input(inputs, 2)];
  const at = new Layout(attrs, dim(dq, 0), dim(dq, 2));
  const dqkv = tensor([at.B, at.T, at.width]);
  at.each((b, h, t) => {
    for (let i = 0; i < at.D; i++) {
      const from = at.split(b, h, t) + i;
      accrue(dqkv.data, at.q(b, t, h) + i, el(dq.data, from));
      accrue(dqkv.data, at.k(b, t, h) + i, el(dk.data, from));
      accrue(dqkv.data, at.v(b, t, h) + i, el(dv.data, from));
    }
  });
  return [dqkv];
};

/** `[B,H,T,D]` to `[B,T,H*D]`. */
const mergeHeads: Reference = (inputs) => {
  const x = input(inputs, 0);
  const [B, H, T, D] = [dim(x, 0), dim(x, 1), dim(x, 2), dim(x, 3)];
  return [
    fill([B, T, H * D], (i) => {
      const [b, t, h] = [Math.floor(i / (T * H * D)), Math.floor(i / (H * D)) % T, Math.floor(i / D) % H];
      return el(x.data, ((b * H + h) * T + t) * D + (i % D));
    }),
  ];
};

/** `[B,T,H*D]` to `[B,H,T,D]`. */
const splitHeads: Reference = (inputs, attrs) => {
  const x = input(inputs, 0);
  const H = numberOf(attrs, 'heads');
  const [B, T, D] = [dim(x, 0), dim(x, 1), dim(x, 2) / H];
  return [
    fill([B, H, T, D], (i) => {
      const [b, h, t] = [Math.floor(i / (H * T * D)), Math.floor(i / (T * D)) % H, Math.floor(i / D) % T];
      return el(x.data, ((b * T + t) * H + h) * D + (i % D));
    }),
  ];
};

/** Softmax of each row t of `[B,H,T,T]` over the columns 0..t; 0 beyond. */
const causalSoftmax: Reference = (inputs) => {
  const scores = input(inputs, 0);
  const T = dim(scores, -1);
  const p = tensor(scores.shape);
  for (let r = 0; r < rowsOf(scores); r++) {
    const row = scores.data.subarray(r * T, r * T + (r % T) + 1);
    const top = Math.max(...row);
    const total = row.reduce((sum, value) => sum + Math.exp(value - top), 0);
    row.forEach((value, c) => void (p.data[r * T + c] = Math.exp(value - top) / total));
  }
  return [p];
};

/** `ds = p (dp - sum over the row of dp p)`. */
const softmaxBackward: Reference = (inputs) => {
  const [dp, p] = [input(inputs, 0), input(inputs, 1)];
  const T = dim(p, -1);
  const ds = tensor(p.shape);
  for (let r = 0; r < rowsOf(p); r++) {
    let dot = 0;
    for (let c = 0; c < T; c++) dot += el(dp.data, r * T + c) * el(p.data, r * T + c);
    for (let c = 0; c < T; c++) ds.data[r * T + c] = el(p.data, r * T + c) * (el(dp.data, r * T + c) - dot);
  }
  return [ds];
};

function dotAt(a: Tensor, i: number, b: Tensor, j: number, n: number): number {
  let sum = 0;
  for (let k = 0; k < n; k++) sum += el(a.data, i + k) * el(b.data, j + k);
  return sum;
}

/** `qkv` as attention reads it: normed where there are gains, turned where there is a base. And the `1 / rms` of the norm. */
function prepared(
  qkv: Tensor,
  gains: readonly Tensor[],
  attrs: Attrs,
): { readonly x: Tensor; readonly rstd: Tensor | undefined } {
  const [normed = qkv, rstd] = flagOf(attrs, 'qkNorm') ? normReferences.qk_norm([qkv, ...gains], attrs) : [];
  const [x = normed] = numberOf(attrs, 'base') === 0 ? [] : embeddingReferences.rope([normed], turnOf(attrs, false));
  return { x, rstd };
}

function turnOf(attrs: Attrs, inverse: boolean): Attrs {
  return { ...attrs, heads: numberOf(attrs, 'heads') + numberOf(attrs, 'kvHeads'), inverse };
}

/** `o = softmax(scale q k^T, causal) v` as `[B,T,H*D]`, and the log-sum-exp of each row of scores as `[B,H,T]`. */
const attention: Reference = (inputs, attrs) => {
  const { x: qkv } = prepared(input(inputs, 0), inputs.slice(1), attrs);
  const at = layoutOf(qkv, attrs);
  const scale = numberOf(attrs, 'scale');
  const [o, lse] = [tensor([at.B, at.T, at.H * at.D]), tensor([at.B, at.H, at.T])];
  at.each((b, h, t) => {
    const scores = Array.from({ length: t + 1 }, (_, s) => scale * dotAt(qkv, at.q(b, t, h), qkv, at.k(b, s, h), at.D));
    const top = Math.max(...scores);
    const logTotal = top + Math.log(scores.reduce((sum, score) => sum + Math.exp(score - top), 0));
    lse.data[(b * at.H + h) * at.T + t] = logTotal;
    scores.forEach((score, s) => {
      const p = Math.exp(score - logTotal);
      for (let i = 0; i < at.D; i++) accrue(o.data, at.merged(b, t, h) + i, p * el(qkv.data, at.v(b, s, h) + i));
    });
  });
  return [o, lse];
};

/**
 * With `p = exp(scale q.k - lse)`: `dv += p do`, `ds = p (do.v - do.o) scale`, `dq += ds k`, `dk += ds q`
 * (Dao et al. 2022, appendix B.2: the row sum of dp p is do.o). Then dq and dk go back through what prepared q and k.
 */
const attentionBackward: Reference = (inputs, attrs) => {
  const [dout, raw, o, lse] = [input(inputs, 0), input(inputs, 1), input(inputs, 2), input(inputs, 3)];
  const gains = inputs.slice(4);
  const { x: qkv, rstd } = prepared(raw, gains, attrs);
  const at = layoutOf(qkv, attrs);
  const scale = numberOf(attrs, 'scale');
  const dqkv = tensor(qkv.shape);
  at.each((b, h, t) => {
    const [q, mine] = [at.q(b, t, h), at.merged(b, t, h)];
    const delta = dotAt(dout, mine, o, mine, at.D);
    for (let s = 0; s <= t; s++) {
      const [k, v] = [at.k(b, s, h), at.v(b, s, h)];
      const p = Math.exp(scale * dotAt(qkv, q, qkv, k, at.D) - el(lse.data, (b * at.H + h) * at.T + t));
      const ds = p * (dotAt(dout, mine, qkv, v, at.D) - delta) * scale;
      for (let i = 0; i < at.D; i++) {
        accrue(dqkv.data, v + i, p * el(dout.data, mine + i));
        accrue(dqkv.data, q + i, ds * el(qkv.data, k + i));
        accrue(dqkv.data, k + i, ds * el(qkv.data, q + i));
      }
    }
  });
  const [dnormed = dqkv] = numberOf(attrs, 'base') === 0 ? [] : embeddingReferences.rope([dqkv], turnOf(attrs, true));
  if (rstd === undefined) return [dnormed];
  return [
    ...normReferences.qk_norm_backward([dnormed, raw, ...gains, rstd], attrs),
    ...normReferences.qk_norm_param_backward([dnormed, raw, rstd], attrs),
  ];
};

export const attentionReferences = {
  split_qkv: splitQkv,
  join_qkv: joinQkv,
  merge_heads: mergeHeads,
  split_heads: splitHeads,
  causal_softmax: causalSoftmax,
  softmax_backward: softmaxBackward,
  attention,
  attention_backward: attentionBackward,
} satisfies Record<string, Reference>;
