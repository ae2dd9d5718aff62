/** Lets one task sleep until another rings; a ring while nobody sleeps wakes the next sleeper at once. */
export class Bell {
  private rung = false;
  private waker: (() => void) | null = null;

  ring(): void {
    this.rung = true;
    this.waker?.();
  }

  async wait(): Promise<void> {
    if (!this.rung) await new Promise<void>((resolve) => (this.waker = resolve));
    this.waker = null;
    this.rung = false;
  }
}
