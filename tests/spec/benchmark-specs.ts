/** The two benchmark models, as their JSON files say them. */
function benchmark(name: string, context: number, width: number, layers: number): unknown {
  return JSON.parse(
    `{"version":1,"name":"${name}",
      "data":{"source":"file","tokenizer":"byte","context":${context},"batch":8,"order":"sequential"},
      "model":{"layers":${layers},"width":${width},"heads":4,"mlp":"gelu","mlpRatio":4,"norm":"layernorm",
               "position":"learned","qkNorm":false,"tied":false,"bias":true},
      "loss":{"zLoss":0},
      "optimizer":{"kind":"adamw","lr":0.001,"beta1":0.9,"beta2":0.95,"eps":1e-8,"weightDecay":0.1,"clip":null},
      "schedule":{"kind":"constant","warmupSteps":0},"budget":{"steps":50},"seed":{"init":1,"data":1},
      "precision":{"recipe":"f32"},"fusion":"all"}`,
  );
}

export const S_JSON = benchmark('S', 64, 64, 2);
export const M_JSON = benchmark('M', 128, 128, 4);
