export type Theme = 'auto' | 'dark' | 'light';

const KEY = 'isoflop.theme';
const listeners = new Set<() => void>();
const prefersLight = matchMedia('(prefers-color-scheme: light)');

export function storedTheme(): Theme {
  try {
    const theme = localStorage.getItem(KEY);
    return theme === 'dark' || theme === 'light' ? theme : 'auto';
  } catch {
    return 'auto';
  }
}

/** Applies a theme to the page and remembers it where the browser lets it. */
export function setTheme(theme: Theme): void {
  try {
    if (theme === 'auto') localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, theme);
  } catch {
    // The theme holds for this visit.
  }
  apply(theme);
}

/** Calls `listener` after the colours changed; returns what ends it. */
export function onThemeChange(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function apply(theme: Theme): void {
  document.documentElement.dataset['theme'] = theme === 'auto' ? (prefersLight.matches ? 'light' : 'dark') : theme;
  for (const listener of listeners) listener();
}

/** Applies the remembered theme and follows the system while it is `auto`. */
export function startTheme(): void {
  apply(storedTheme());
  prefersLight.addEventListener('change', () => apply(storedTheme()));
}
