/** Which rooms of src/ a room may import; the README draws the same picture. */
const MAY_IMPORT = {
  base: [],
  numerics: ['base'],
  spec: ['base', 'numerics'],
  gpu: ['base'],
  graph: ['base'],
  data: ['base'],
  laws: ['base'],
  ops: ['base', 'graph', 'gpu', 'numerics'],
  engine: ['base', 'graph', 'gpu', 'ops', 'numerics'],
  nn: ['base', 'graph', 'ops', 'spec'],
  optim: ['base', 'graph', 'ops', 'spec'],
  train: ['base', 'graph', 'gpu', 'ops', 'engine', 'nn', 'optim', 'data', 'spec', 'numerics'],
  measure: ['base', 'gpu', 'graph', 'ops', 'engine', 'train', 'laws', 'data', 'spec'],
  bench: ['base', 'numerics', 'graph', 'gpu', 'ops', 'engine', 'nn', 'optim', 'train', 'measure', 'laws', 'data', 'spec'],
  lab: ['base', 'spec', 'numerics', 'laws', 'worker'],
  ui: ['base', 'spec', 'laws', 'lab'],
  cli: ['base', 'numerics', 'gpu', 'engine', 'train', 'laws', 'measure', 'bench', 'spec', 'data'],
  worker: ['base', 'spec', 'data', 'gpu', 'train', 'measure'],
};

/** Who uses the other rooms from outside; the rooms of the engine know each other's files. */
const OUTSIDERS = ['src/ui', 'src/lab', 'src/cli', 'src/worker', 'demos'];

/** Files that outsiders import beside a room's index.ts: what runs in one place only has a door of its own. */
const SIDE_DOORS = [
  'spec/run-spec',
  'data/corpora-node',
  'gpu/node-adapter',
  'gpu/node-chrome',
  'measure/report',
  'worker/protocol',
  'worker/client',
  'worker/host',
];

/** Run in Node only: the command line, the benchmarks, build plug-ins. */
const NODE_FILES = '^src/(cli|bench)/|/node-[^/]*$|-(node|plugin)\\.ts$';

const rooms = Object.keys(MAY_IMPORT);
const anyOf = (names) => `(${names.join('|')})`;

const roomRules = rooms.map((room) => ({
  name: `room-${room}`,
  comment: `src/${room} imports ${['itself', ...MAY_IMPORT[room]].join(', ')} and nothing else of src/`,
  severity: 'error',
  from: { path: `^src/${room}/` },
  to: { path: '^src/', pathNot: `^src/${anyOf([room, ...MAY_IMPORT[room]])}/` },
}));

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    ...roomRules,
    ...OUTSIDERS.map((room) => ({
      name: `${room}-by-the-front-door`,
      comment: `${room} imports other rooms by their index.ts or a side door`,
      severity: 'error',
      from: { path: `^${room}/` },
      to: { path: '^src/', pathNot: [`^${room}/`, '^src/base/', '^src/[^/]+/index\\.ts$', `^src/${anyOf(SIDE_DOORS)}\\.ts$`] },
    })),
    {
      name: 'page-sees-no-engine',
      comment:
        "the page's side of the worker shares only the protocol with the host; not even by a detour does the page load the engine",
      severity: 'error',
      from: { path: '^src/(ui|lab)/|^src/worker/(client|protocol)\\.ts$' },
      to: { path: '^src/(gpu|graph|ops|engine|nn|optim|train)/', reachable: true },
    },
    {
      name: 'no-cycles',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'node-stays-out-of-the-page',
      comment: 'the page has no file system; what needs one is named node-*, *-node or *-plugin',
      severity: 'error',
      from: { path: '^src/', pathNot: NODE_FILES },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'src-does-not-see-tests',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(tests|demos)/' },
    },
    {
      name: 'src-runs-on-dependencies',
      comment: 'what the page needs is a dependency; development packages are for tests, builds and the command line',
      severity: 'error',
      from: { path: '^src/', pathNot: NODE_FILES },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'resolvable',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true, pathNot: '^virtual:|\\?' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^dist/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'browser', 'default', 'types'] },
  },
};
