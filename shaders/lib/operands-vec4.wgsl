// operands-vec4: the operands of a matmul as f32, 4 neighbours a load, whose rows are whole vectors. Comes with lib/matmul.
@group(0) @binding(0) var<storage, read> a: array<vec4f>;
@group(0) @binding(1) var<storage, read> b: array<vec4f>;
