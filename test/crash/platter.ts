// A disk whose power can be cut at any moment, repeatedly, while it is used.
//
//  replica ── ext4 `top` ── loop ── file `disk` ── ext4 `below` ── loop ── file in memory
//
// What `top` has written to its device is in `disk`; what is only in its page cache is not, and a
// power cut loses it. Freezing `below` stops the device between two writes and does not make `top`
// sync anything, so the copy of `disk` that is made meanwhile shows the disk at one instant, which
// may be in the middle of a commit. Freezing `top` would sync it, and a copy without freezing would
// show no single instant.
//
// The device loses nothing that it has accepted: a drive that loses its own cache is not imitated.

import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { copyImage, makeImage, mount, unmount, whileFrozen } from './mounts.ts';

/** Above the low-water mark of the disk watch, which is 64 MiB, and its reserve. */
const DISK_MIB = 256;
const BELOW_MIB = 400;

export class Platter {
  /** Where its files are. */
  readonly path: string;
  readonly #folder: string;
  readonly #below: string;
  readonly #disk: string;

  constructor(folder: string) {
    this.#folder = folder;
    this.path = join(folder, 'top');
    this.#below = join(folder, 'below');
    this.#disk = join(this.#below, 'disk');
    mkdirSync(folder);
    makeImage(join(folder, 'image'), BELOW_MIB);
    mount(join(folder, 'image'), this.#below);
    makeImage(this.#disk, DISK_MIB);
    mount(this.#disk, this.path);
  }

  /**
   * The disk as the power cut leaves it, mounted. Only the machine that runs the test continues.
   */
  cut(): Remains {
    const image = join(this.#folder, 'copy');
    whileFrozen(this.#below, () => copyImage(this.#disk, image));
    const path = join(this.#folder, 'remains');
    mount(image, path);
    return {
      path,
      async remove() {
        await unmount(path);
        rmSync(image);
      },
    };
  }

  async remove(): Promise<void> {
    await unmount(this.path);
    await unmount(this.#below);
    rmSync(this.#folder, { recursive: true });
  }
}

export interface Remains {
  readonly path: string;
  remove(): Promise<void>;
}
