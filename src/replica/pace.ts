// How long this replica's own commit has been under way. A disk that hangs is silent: only the age of what was handed to it
// tells. Peers hear it with each heartbeat, so that a heartbeat never says more than the write path does (trap 57).

export class Pace {
  #beganMs: number | undefined;

  // idle -> committing
  onSeal(nowMs: number): void {
    this.#beganMs = nowMs;
  }

  // committing -> idle
  onDurable(): void {
    this.#beganMs = undefined;
  }

  /** 0 while nothing is under way. */
  commitAgeMs(nowMs: number): number {
    return this.#beganMs === undefined ? 0 : Math.max(nowMs - this.#beganMs, 0);
  }
}
