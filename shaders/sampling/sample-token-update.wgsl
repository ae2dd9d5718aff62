// sample-token-update: draws the next token from the last row of logits before the cursor, and writes it there.
//
//   z = logits[min(cursor, T) - 1] / temperature     text[cursor] = the first c with sum_{v <= c} exp z[v] > u sum_v exp z[v]
//   u = uniform24(philox([cursor, draw, 0, 0], [seed0, seed1]).x)     temperature 0: the first of the largest logits
//
// group 0   0 logits f32[L,1,T,V] read · 1 text u32[L,S] read and write · 2 cursor u32[L,4] read: cursor, seed0, seed1, draw
//           3 temperature f32[L,1] read · 4 sizes
// dispatch  [1,1,L]
// override  WORKGROUP: power of two, 1..256; a thread has V/WORKGROUP neighbouring tokens
// numerics  shifted by the largest logit; sums of the threads' tokens in order. A u within rounding of a boundary may fall on either
//           side of it, always the same for one WORKGROUP
// uses lib/philox
override WORKGROUP: u32 = 64;

struct Sizes {
  S: u32,
  T: u32,
  V: u32,
}

@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read_write> text: array<u32>;
@group(0) @binding(2) var<storage, read> cursor: array<u32>;
@group(0) @binding(3) var<storage, read> temperature: array<f32>;
@group(0) @binding(4) var<uniform> sizes: Sizes;

const LOWEST = -3.4e38;

var<workgroup> largest: array<f32, WORKGROUP>;
var<workgroup> places: array<u32, WORKGROUP>;
var<workgroup> sums: array<f32, WORKGROUP>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let lane = group.z;
  let position = cursor[4u * lane];
  let base = (lane * sizes.T + clamp(position, 1u, sizes.T) - 1u) * sizes.V;
  let share = (sizes.V + WORKGROUP - 1u) / WORKGROUP;
  let first = min(thread * share, sizes.V);
  let last = min(first + share, sizes.V);

  var top = LOWEST;
  var place = first;
  for (var c = first; c < last; c++) {
    let z = logits[base + c];
    if (z > top) {
      top = z;
      place = c;
    }
  }
  largest[thread] = top;
  places[thread] = place;
  workgroupBarrier();
  for (var span = WORKGROUP / 2u; span > 0u; span /= 2u) {
    if (thread < span) {
      let other = thread + span;
      let is_first = largest[other] == largest[thread] && places[other] < places[thread];
      if (largest[other] > largest[thread] || is_first) {
        largest[thread] = largest[other];
        places[thread] = places[other];
      }
    }
    workgroupBarrier();
  }
  let heat = temperature[lane];
  let peak = largest[0];
  var sum = 0.0;
  for (var c = first; c < last; c++) {
    sum += exp((logits[base + c] - peak) / heat);
  }
  sums[thread] = sum;
  workgroupBarrier();
  if (thread > 0u) {
    return;
  }
  var token = places[0];
  if (heat > 0.0) {
    var whole = 0.0;
    for (var i = 0u; i < WORKGROUP; i++) {
      whole += sums[i];
    }
    let bits = philox(vec4u(position, cursor[4u * lane + 3u], 0u, 0u), vec2u(cursor[4u * lane + 1u], cursor[4u * lane + 2u]));
    let goal = uniform24(bits.x) * whole;
    var below = 0.0;
    var owner = 0u;
    while (owner < WORKGROUP - 1u && below + sums[owner] <= goal) {
      below += sums[owner];
      owner++;
    }
    // Where rounding leaves the goal unreached, the last token with a probability.
    var running = 0.0;
    for (var c = min(owner * share, sizes.V); c < min((owner + 1u) * share, sizes.V); c++) {
      let weight = exp((logits[base + c] - peak) / heat);
      if (weight > 0.0) {
        token = c;
      }
      running += weight;
      if (below + running > goal) {
        break;
      }
    }
  }
  text[lane * sizes.S + position] = token;
}
