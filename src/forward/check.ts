// Whether a peer's answer fits the question. A page has records of the namespace within the
// requested bounds, in order, and not more than requested: an invalid answer is the peer's fault
// and is not passed to the client.

import type { ForwardAnswer, Question } from '../model/message.ts';
import { isTombstone } from '../model/record.ts';

type ListQuestion = Question & { readonly kind: 'list' };
type ListAnswer = ForwardAnswer & { readonly kind: 'listed' };

export function isAnswerTo(question: Question, answer: ForwardAnswer): boolean {
  if (question.kind === 'list') return answer.kind === 'listed' && isPage(question, answer);
  if (answer.kind === 'absent') return true;
  if (answer.kind !== 'found') return false;
  const { namespace, key } = answer.record;
  return namespace === question.namespace && key === question.key && !isTombstone(answer.record);
}

function isPage(question: ListQuestion, { items, prefixes, after }: ListAnswer): boolean {
  if (items.length + prefixes.length > question.limit) return false;
  if (items.some((item) => item.namespace !== question.namespace || isTombstone(item)))
    return false;
  const keys = items.map(({ key }) => key);
  if (question.delimiter === '' && prefixes.length > 0) return false;
  return isRun(question, keys) && isRun(question, prefixes) && isGoingOn(question, after);
}

/**
 * Each after the one before it, and all within the bounds. A prefix may begin before the bound that
 * it contains.
 */
function isRun({ prefix, start, end, after, reverse }: ListQuestion, names: readonly string[]) {
  let last = after;
  for (const name of names) {
    if (!name.startsWith(prefix)) return false;
    if (start !== '' && name < start && !start.startsWith(name)) return false;
    if (end !== '' && name >= end) return false;
    if (last !== '' && (reverse ? name >= last : name <= last)) return false;
    last = name;
  }
  return true;
}

/** The next page begins after this one, so a list always ends. */
function isGoingOn({ after: before, reverse }: ListQuestion, after: string): boolean {
  if (after === '' || before === '') return true;
  return reverse ? after < before : after > before;
}
