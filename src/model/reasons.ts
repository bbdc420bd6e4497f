// The details of faults that several parts of the core give. A detail says what happened, what it
// means for the data, and what to do next.

export const STOPPED =
  'the replica has stopped; nothing happened. Send the request to another replica';
export const RANGE_UNREADABLE =
  'this replica could not read the range from its disk; ask another replica';
export const RANGE_DAMAGED =
  'a stored record in the range is damaged here and is fetched from a peer; ask again later';
export const RANGE_LATE =
  'the deadline passed before the range was read; ask again with a longer timeout';
export const ANSWERS_LATE =
  'the deadline passed before enough replicas answered; ask again, or with a smaller r';
export const ANSWERS_TOO_FEW = 'too few replicas could answer; ask again, or with a smaller r';
