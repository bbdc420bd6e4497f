// A desk serves the requests of the namespaces whose level names it (model/level.ts). Each request
// comes with its terms, and has passed the arrival gates.

import type { ExplainCommand, ListCommand, ReadCommand } from '../../model/command.ts';
import type { Asker, Turn } from '../../model/effect.ts';
import type { DataCommand, Terms } from '../../model/terms.ts';
import type { Writing } from '../../model/writing.ts';

export interface LevelDesk {
  write(command: Writing, terms: Terms, turn: Turn): void;
  read(command: ReadCommand<Asker>, terms: Terms, turn: Turn): void;
  list(command: ListCommand<Asker>, terms: Terms, turn: Turn): void;
  /** Shows what each replica holds of a key. */
  explain(command: ExplainCommand, terms: Terms, turn: Turn): void;
}

/** Asks the `wait` gates. False: the request is answered, or it returns later. */
export type Admits = (command: DataCommand, terms: Terms, turn: Turn) => boolean;
