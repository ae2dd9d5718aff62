import { Lab } from '../lab/index.ts';
import './lab-app.ts';
import { startTheme } from './theme.ts';

function storage(): Storage | null {
  try {
    return localStorage;
  } catch {
    return null;
  }
}

startTheme();
const lab = new Lab({
  connect: () => new Worker(new URL('../worker/host.ts', import.meta.url), { type: 'module', name: 'isoflop' }),
  storage: storage(),
});
const app = document.createElement('lab-app');
app.lab = lab;
document.body.append(app);
void lab.open();
