// One incarnation of the replica after another, in one process. A change of the members ends an
// incarnation in order, and the next one begins at the same addresses:
//
//  up -> up        the members have changed: the incarnation is closed, and the next one begins
//  up -> stopped   the process has to stop: the incarnation is closed, and no further one begins
//
// `Run` is an incarnation that has begun.

interface Closable {
  /**
   * Closes the incarnation in order. `isLast`: clients that connect meanwhile are answered for a
   * while.
   */
  stop(isLast: boolean): Promise<void>;
}

interface Options<Run extends Closable> {
  /**
   * Begins an incarnation; `before` is the one before it, if any. Calls `onRenewal` when its
   * members have changed.
   */
  readonly begin: (onRenewal: () => void, before: Run | undefined) => Promise<Run>;
  /** The next incarnation could not begin. */
  readonly onFailure: (error: unknown) => void;
}

type State<Run> =
  /** The last incarnation that began or will begin; `undefined` if the stop came first. */
  { readonly kind: 'up'; readonly run: Promise<Run | undefined> } | { readonly kind: 'stopped' };

export class Incarnations<Run extends Closable> {
  readonly first: Promise<Run>;
  readonly #options: Options<Run>;
  #state: State<Run>;

  constructor(options: Options<Run>) {
    this.#options = options;
    this.first = this.#begin(undefined);
    this.#state = { kind: 'up', run: this.first };
  }

  // up -> stopped
  async stop(): Promise<void> {
    if (this.#state.kind === 'stopped') return;
    const { run } = this.#state;
    this.#state = { kind: 'stopped' };
    await (await run)?.stop(true);
  }

  #begin(before: Run | undefined): Promise<Run> {
    return this.#options.begin(() => this.#renew(), before);
  }

  // up -> up
  #renew(): void {
    if (this.#state.kind === 'stopped') return;
    const run = this.#next(this.#state.run);
    this.#state = { kind: 'up', run };
    run.catch(this.#options.onFailure);
  }

  async #next(ending: Promise<Run | undefined>): Promise<Run | undefined> {
    const before = await ending;
    await before?.stop(false);
    return this.#state.kind === 'stopped' ? undefined : this.#begin(before);
  }
}
