// Admits a read whose staleness is bounded once this replica proves the bound for its own records.
// The proof is renewed with every echo of a heartbeat (lag/staleness.ts), so the read waits for the
// next ones until its deadline, unless it says otherwise. A read of several replicas is judged by
// its answer. The answer is judged again as it leaves (host/answer-age.ts).

import type { StalenessBound } from '../../lag/staleness.ts';
import type { ReadOrList, Terms } from '../../model/terms.ts';
import { boundFault, isWithin } from '../../model/staleness.ts';
import { ADMIT, type RequestGate, unless } from './gate.ts';

export interface BoundGateOptions {
  readonly staleness: StalenessBound;
}

export function boundGate({ staleness }: BoundGateOptions): RequestGate<ReadOrList>['ask'] {
  return ({ boundMs, onUnmet }, { quorum }: Terms, turn) => {
    if (boundMs === undefined || quorum.count > 1) return ADMIT;
    const proved = staleness.bound(turn.now.monoMs);
    if (isWithin(proved, boundMs)) return ADMIT;
    const unmet = boundFault(proved, boundMs);
    return onUnmet === 'fail' ? unless(unmet) : { kind: 'park', until: 'echo', late: () => unmet };
  };
}
