/**
 * The bank of planted bugs: mistakes that somebody could make, each a small exact patch of a source. The simulator, or the
 * named tests, must find every one of them: an invariant that no planted bug breaks is one that nobody checks.
 *
 * Where several parts of the protocol guard the same thing, `also` takes the other guard away (the sentence says so).
 * Read next: `plant.ts` (how a patch is made), `main.ts` (how a bug is searched for), INVARIANTS (the ids).
 */

import type { Fault } from '../harness/plan.ts'

/** One replacement; `find` occurs exactly once in the file. */
export interface Edit { readonly file: string; readonly find: string; readonly replace: string }

/** One planted bug. */
export interface Bug extends Edit {
  readonly name: string
  /** More edits, in order, where the mistake needs more than one. */
  readonly also?: readonly Edit[]
  /** What the mistake is. */
  readonly sentence: string
  /** Ids of the invariants by which it may be found. */
  readonly breaks: readonly string[]
  /** Faults without which it cannot show: seeds whose plan lacks all of them are passed over, which saves their time. */
  readonly faults?: readonly Fault['kind'][]
  /** The simulator's seed that finds it. */
  readonly seed: number
  /** Where it is found: in the simulator unless told. */
  readonly judge?: 'tests'
  /** The test files that find it. */
  readonly tests?: readonly string[]
}

/** All edits of a bug. */
export const editsOf = (bug: Bug): readonly Edit[] => [bug, ...bug.also ?? []]

const nets = ['test/bugs/nets.test.ts']

/** Takes away the unit's own refusal of what belongs to another chain. */
const ownsAll: Edit = { file: 'log/unit/unit-state.ts', find: 'position < this.#to ? position % this.#step === this.#class : this.placeAt', replace: 'position < this.#to ? position >= 0 : this.placeAt' }

/** Every bug. */
export const bugs: readonly Bug[] = [
  {
    name: 'epoch-at-the-door', sentence: 'A store is checked for its epoch when it arrives, not when it is executed: a seal that came before it in the queue does not hold it off. (One seed in several thousand meets it.)',
    breaks: ['L6'], seed: 0, judge: 'tests', tests: ['test/bugs/door.test.ts'],
    file: 'log/unit/server.ts',
    find: '    this.#queue.push(request)\n',
    replace: "    if (request.kind === 'store' && !this.unit.state.serves(readStore(request.body).epoch)) { request.caller.refuse('store', request.request, new SirtakiError('EPOCH', 'not this epoch')); return }\n    this.#queue.push(request)\n",
    also: [{ file: 'log/unit/unit.ts', find: "    if (state.sealed > epoch) state.failpoint?.('unit.store.sealed', { epoch })\n    const layout = state.requireServing(epoch)\n", replace: "    const { layout } = state\n    if (layout === undefined) throw new SirtakiError('NOT_READY', 'blank')\n" }],
  },
  {
    name: 'ack-before-sync', sentence: 'A unit answers before the commit is durable.',
    breaks: ['L5', 'L9', 'L2'], seed: 2,
    file: 'log/unit/server.ts',
    find: '    this.#committing = true\n',
    replace: '    this.#committing = true\n    this.#answer(answers)\n    answers = nothing\n',
  },
  {
    name: 'junk-though-one-is-silent', sentence: 'A hole is filled although one unit of the chain did not answer: it may hold the entry.',
    breaks: ['L3'], seed: 279,
    file: 'log/client/resolve.ts',
    find: 'this.#options.mayFill && answered.length === this.chain.units.length',
    replace: 'this.#options.mayFill',
  },
  {
    name: 'undecided-served', sentence: 'A reader is given what one unit holds, decided or not.',
    breaks: ['L1', 'L3', 'L5'], seed: 17,
    file: 'log/unit/unit.ts',
    find: '    if (!state.isDecided(position)) return { status: state.index.holds(position) ? UNDECIDED : EMPTY, bytes: undefined }\n',
    replace: '    if (!state.index.holds(position) && !state.isDecided(position)) return { status: EMPTY, bytes: undefined }\n',
  },
  {
    name: 'refused-writer-reports-early', sentence: 'A resolve reports what the first unit holds before it is forced onto the others.',
    breaks: ['L5'], seed: 1,
    file: 'log/client/resolve.ts',
    find: '    await Promise.all(this.chain.units.slice(1).map(async (unit, i) => {',
    replace: '    void Promise.all(this.chain.units.slice(1).map(async (unit, i) => {',
    also: [{ file: 'log/client/resolve.ts', find: '...this.#emptyRanges()])])\n    }))', replace: '...this.#emptyRanges()])])\n    })).catch(() => undefined)' }],
  },
  {
    name: 'force-over-decided', sentence: 'A force replaces a decided value. No right resolver ever asks for that, so only the unit by itself shows it.',
    breaks: ['L1'], seed: 0, judge: 'tests', tests: nets,
    file: 'log/unit/unit.ts',
    find: '      if (status === OTHER && state.isDecided(offer.position)) return this.#answer(offer.position, DECIDED_OTHER)\n',
    replace: '',
  },
  {
    name: 'settle-replaces', sentence: 'The first unit takes what a resolver offers over what it holds: two resolvers decide for two values.',
    breaks: ['L1'], seed: 0, judge: 'tests', tests: nets,
    file: 'log/unit/unit.ts',
    find: '      if (status !== EMPTY) return this.#answer(offer.position, status)\n',
    replace: '      if (status !== EMPTY && status !== OTHER) return this.#answer(offer.position, status)\n',
  },
  {
    name: 'own-value-that-was-refused', sentence: 'A writer whose position went to junk takes the decision for its own entry.',
    breaks: ['L1', 'L3'], seed: 11,
    file: 'log/client/append.ts',
    find: "if (found.kind === 'data' && found.hash === append.hash) {",
    replace: "if (found.kind === 'data' || found.kind === 'junk') {",
  },
  {
    name: 'acknowledged-by-one-unit', sentence: 'An append is acknowledged when the first unit that answers has stored it.',
    breaks: ['L5', 'L3', 'L2'], seed: 1,
    file: 'log/client/append.ts',
    find: '    if (--batch.left > 0) return\n',
    replace: '    if (--batch.left !== batch.units.length - 1) return\n',
  },
  {
    name: 'tail-without-window', sentence: 'The tail of a new epoch leaves out what the old one may have granted without anybody storing it.',
    breaks: ['Q1', 'L7', 'L6'], seed: 2,
    file: 'log/layout/reconfigure.ts',
    find: 'answer.highest + 1)) + base.window\n',
    replace: 'answer.highest + 1))\n',
  },
  {
    name: 'second-bootstrap', sentence: 'A sequencer that was restarted takes the bootstrap of its last start from a slow driver.',
    breaks: ['Q2'], seed: 0, judge: 'tests', tests: ['test/sequencer/sequencer.test.ts'],
    file: 'sequencer/sequencer.ts',
    find: '    if (layout.sequencer?.boot !== this.boot) throw',
    replace: '    if (layout.sequencer === null) throw',
  },
  {
    name: 'install-of-another-boot', sentence: 'A unit takes a layout that names an earlier start of its process.',
    faults: ['crash', 'crashAll', 'loseRegister'],
    breaks: ['L6'], seed: 79,
    file: 'log/unit/unit.ts',
    find: '    if (member.boot !== state.boot) {\n',
    replace: "    if (member.boot === '') {\n",
  },
  {
    name: 'blank-acceptor-under-its-old-name', sentence: 'An acceptor is named by the disk of its unit: one that has lost its register votes again, knowing nothing. That it forgot just what matters is too rare for the simulator.',
    breaks: ['Y1', 'Y2'], seed: 0, judge: 'tests', tests: nets,
    file: 'log/unit/server.ts',
    find: 'new Acceptor(register, ports.random.id(), ports.failpoint)',
    replace: 'new Acceptor(register, image.identity, ports.failpoint)',
  },
  {
    name: 'newest-accepted-layout', sentence: 'A driver adopts the accepted layout that it heard of last, not the one of the highest rank. Two half-done agreements in one slot are too rare for the simulator.',
    breaks: ['Y2'], seed: 0, judge: 'tests', tests: ['test/bugs/adopt.test.ts'],
    file: 'log/layout/reconfigure.ts',
    find: 'if (highest === undefined || compareRanks(one.rank, highest.rank) > 0) highest = one',
    replace: 'highest = one',
  },
  {
    name: 'accepted-layout-ignored', sentence: "A driver goes on with its own layout although an acceptor tells of another one that it has accepted.",
    breaks: ['Y1'], seed: 75,
    file: 'log/layout/reconfigure.ts',
    find: 'adopted ?? await sealed(driver, base, orThrow(wanted), finish)',
    replace: 'await sealed(driver, base, orThrow(wanted), finish)',
  },
  {
    name: 'promise-not-durable', sentence: 'An acceptor answers a promise that is in its memory only.',
    faults: ['crash', 'crashAll', 'loseRegister'],
    breaks: ['Y1', 'Y2'], seed: 128,
    file: 'log/layout/acceptor.ts',
    find: '    this.#keep({ ...this.#kept, slot, promised: rank, accepted: kept, base: newest })\n',
    replace: '    this.#kept = { ...this.#kept, slot, promised: rank, accepted: kept, base: newest }\n',
  },
  {
    name: 'agreed-epoch-forgotten', sentence: 'A promise for the next slot forgets the epoch that was agreed in this one: when nobody has installed it, no epoch can ever follow. The simulator meets it once in some ten thousand seeds (10700 of its day).',
    breaks: ['Y3'], seed: 0, judge: 'tests', tests: ['test/log/layout/acceptor.test.ts'],
    file: 'log/layout/acceptor.ts',
    find: 'accepted: kept, base: newest })\n    this.#failpoint',
    replace: 'accepted: kept, base: null })\n    this.#failpoint',
  },
  {
    name: 'accept-below-the-promise', sentence: 'An acceptor accepts a layout of a lower rank than it has promised.',
    breaks: ['Y1', 'Y2'], seed: 33,
    file: 'log/layout/acceptor.ts',
    find: 'promised !== null && compareRanks(rank, promised) < 0)',
    replace: "promised !== null && rank.proposer === '')",
  },
  {
    name: 'seal-not-durable', sentence: 'A unit answers a seal that is in its memory only.',
    breaks: ['L6'], seed: 1,
    file: 'log/unit/unit.ts',
    find: 'if (slot > state.sealed) state.setMeta({ sealed: slot })',
    replace: 'if (slot > state.sealed) state.sealed = slot',
  },
  {
    name: 'token-in-a-newer-epoch', sentence: 'A writer offers its entry again under a newer epoch than its token is of.',
    breaks: ['Q1'], seed: 11,
    file: 'log/client/append.ts',
    find: 'layout.epoch === grant.epoch ? { position: append.position, bytes: own } : undefined',
    replace: '{ position: append.position, bytes: own }',
  },
  {
    name: 'junk-previous-believed', sentence: 'Everything below an early entry is taken for junk because the index has nothing there, though the index is not complete so far.',
    breaks: ['Q4', 'L2'], seed: 1,
    file: 'log/playback/stream-player.ts',
    find: 'this.#order.complete(from, completeTo, entries)',
    replace: 'this.#order.complete(from, to, entries)',
  },
  {
    name: 'complete-to-of-one-chain', sentence: 'An answer is taken for complete as far as the furthest chain is.',
    breaks: ['Q4', 'L2'], seed: 1,
    file: 'log/playback/stream-player.ts',
    find: 'const completeTo = Math.min(end ?? Infinity, ...parts.map((part) => part.completeTo))',
    replace: 'const completeTo = Math.min(end ?? Infinity, Math.max(...parts.map((part) => part.completeTo)))',
  },
  {
    name: 'push-complete-of-one-chain', sentence: 'What one chain has pushed completely is taken for what all chains have.',
    breaks: ['Q4', 'L2'], seed: 1,
    file: 'log/playback/stream-player.ts',
    find: 'offeredTo(Math.min(...completeTo))',
    replace: 'offeredTo(Math.max(...completeTo))',
  },
  {
    name: 'push-complete-though-more', sentence: 'A push that was cut off at its budget says that it was everything.',
    breaks: ['Q4'], seed: 0, judge: 'tests', tests: ['test/log/unit/subscriptions.test.ts'],
    file: 'log/unit/subscriptions.ts',
    find: 'more ? subscription.cursor : Infinity)',
    replace: 'Infinity)',
  },
  {
    name: 'junk-over-what-came-between', sentence: 'A range of junk is forced on the others also where the first unit holds data that came while it was filled.',
    breaks: ['L3', 'L1', 'L5'], seed: 35,
    file: 'log/client/resolve.ts',
    find: '    if (this.#notEmpty.size === 0) return [this.#empty]\n',
    replace: '    return [this.#empty]\n',
  },
  {
    name: 'proof-of-a-minority', sentence: 'One acceptor that has promised nothing newer proves an epoch.',
    breaks: ['L7'], seed: 0, judge: 'tests', tests: ['test/log/client/proof.test.ts'],
    file: 'log/client/proof.ts',
    find: 'this.#promises * 2 > this.#layout.acceptors.length',
    replace: 'this.#promises > 0',
  },
  {
    name: 'previous-not-waited-for', sentence: 'A pushed entry is delivered though the one before it has not come yet.',
    breaks: ['Q4'], seed: 1,
    file: 'log/playback/stream-order.ts',
    find: '    if (this.#needs(entry) > this.#next) { this.#keep(entry); return [] }\n',
    replace: '',
  },
  {
    name: 'read-boards-a-sent-round', sentence: 'A tail read that begins while a round is on its way takes the answer of that round.',
    breaks: ['L7', 'Q4'], seed: 11,
    file: 'log/client/tail.ts',
    find: 'for (const caller of callers) caller.resolve(tails)',
    replace: 'for (const caller of [...callers, ...this.#waiting.splice(0)]) caller.resolve(tails)',
  },
  {
    name: 'no-proof-of-the-epoch', sentence: 'A tail read believes the sequencer it knows without proof that its epoch is current.',
    faults: ['moveSequencer'],
    breaks: ['L7', 'Q4'], seed: 1046,
    file: 'log/client/tail.ts',
    find: 'askTails(this.#cluster, layout, streams), proveCurrent(this.#cluster, layout)])',
    replace: 'askTails(this.#cluster, layout, streams)])',
  },
  {
    name: 'striping-from-the-tail', sentence: "A writer counts chains from its epoch's tail, and units do not refuse the positions of other chains.",
    breaks: ['L5', 'L3', 'L2'], seed: 1,
    file: 'log/client/append.ts',
    find: 'parts[append.position % chains.length]',
    replace: 'parts[(append.position - layout.tail) % chains.length]',
    also: [ownsAll],
  },
  {
    name: 'trim-skipped-silently', sentence: 'A reader behind the trim mark is given what is left, and not told.',
    breaks: ['L8', 'Q4'], seed: 9,
    file: 'log/playback/stream-player.ts',
    find: "        if (part.trim > Math.max(from, this.#order.next)) throw new SirtakiError('TRIMMED',",
    replace: "        if (part.trim < 0) throw new SirtakiError('TRIMMED',",
  },
  {
    name: 'trimmed-comes-back', sentence: 'A unit takes a store or a force below its trim mark. The index keeps 4,096 positions, so the simulator, whose logs are shorter, sees nothing of it.',
    breaks: ['L8'], seed: 0, judge: 'tests', tests: nets,
    file: 'log/unit/unit.ts',
    find: '    if (position < state.trim) return TRIMMED\n    const flags = state.index.flags(position)\n    if (flags === 0) return EMPTY\n',
    replace: '    const flags = state.index.flags(position)\n    if (flags === 0) return EMPTY\n',
  },
  {
    name: 'store-below-the-tail', sentence: 'A unit takes a store below the tail of its epoch. No right writer sends one, so only the unit by itself shows it.',
    breaks: ['L6'], seed: 0, judge: 'tests', tests: nets,
    file: 'log/unit/unit.ts',
    find: '      if (position < layout.tail) throw',
    replace: '      if (position < 0) throw',
  },
  {
    name: 'mark-without-hash', sentence: 'A mark decides whatever the unit holds. No right writer sends a mark for another value, so only the unit by itself shows it.',
    breaks: ['L5'], seed: 0, judge: 'tests', tests: nets,
    file: 'log/unit/unit.ts',
    find: 'return same\n',
    replace: 'return true\n',
  },
  {
    name: 'forgets-to-a-wrong-floor', sentence: 'The sequencer forgets a stream and says that nothing of it lies at or above a position too low by one.',
    breaks: ['Q4'], seed: 1,
    file: 'sequencer/sequencer.ts',
    find: 'this.#floor = Math.max(this.#floor, last + 1)',
    replace: 'this.#floor = Math.max(this.#floor, last)',
  },
  {
    name: 'grants-beyond-the-window', sentence: 'The sequencer grants though the window is full.',
    breaks: ['Q1'], seed: 1,
    file: 'sequencer/sequencer.ts',
    find: '    if (count > this.room) return undefined\n',
    replace: '',
  },
  {
    name: 'prefix-of-one-chain', sentence: 'The sequencer takes the furthest chain for the decided prefix of the whole log.',
    breaks: ['Q4', 'Q1'], seed: 3,
    file: 'sequencer/server.ts',
    find: 'return Math.min(...prefixes)',
    replace: 'return Math.max(...prefixes)',
  },
  {
    name: 'log-time-from-the-old-layout', sentence: "A new epoch's log time begins at that of the old layout, not at the highest that a unit has stored.",
    breaks: ['Q3'], seed: 5,
    file: 'log/layout/reconfigure.ts',
    find: 'logTime: Math.max(base.logTime, ...all.map((answer) => answer.logTime))',
    replace: 'logTime: base.logTime',
  },
  {
    name: 'bootstrap-before-install', sentence: 'The sequencer is started before every unit has installed its epoch.',
    breaks: ['Y3'], seed: 1,
    file: 'log/layout/reconfigure.ts',
    find: '  step(`installing epoch ${layout.epoch}`)\n',
    replace: "  if (layout.sequencer !== null) await cluster.peer(layout.sequencer.address).control('bootstrap', { layout }, Empty)\n",
  },
  {
    name: 'answers-after-a-failed-sync', sentence: 'A unit whose disk failed a sync answers as if it had not.',
    breaks: ['L10', 'L5'], seed: 29,
    file: 'log/unit/server.ts',
    find: "      if (error !== undefined) { this.#fail(asError(error, 'IO')); return }\n",
    replace: '',
  },
  {
    name: 'merge-before-the-epoch-is-open', sentence: 'Segments are merged while the epoch that closed them is not open: what is undecided there looks equal because it is empty everywhere. Copies begin later, so the simulator does not get there.',
    breaks: ['L11'], seed: 0, judge: 'tests', tests: ['test/bugs/segments.test.ts'],
    file: 'log/layout/reconfigure.ts',
    find: 'intent.merge === true && isOpen ? await',
    replace: 'intent.merge === true ? await',
  },
  {
    name: 'merge-without-digests', sentence: 'A unit of the open segment is put into the closed ones without anybody looking whether it has copied them.',
    breaks: ['L5'], seed: 18,
    file: 'log/layout/whole.ts',
    find: '  return same.every(Boolean)\n',
    replace: '  return same.length > 0\n',
  },
  {
    name: 'newcomer-claims-everything-below', sentence: 'A unit takes its place in the open segment for one from position 0 on.',
    breaks: ['L5', 'L11', 'Q4'], seed: 1,
    file: 'log/layout/layout.ts',
    find: '[{ from: segment.from, to: segment.to ?? Infinity, index',
    replace: '[{ from: segment.to === null ? 0 : segment.from, to: segment.to ?? Infinity, index',
  },
  {
    name: 'segment-from-the-prefix', sentence: 'The segment of a unit that joins begins at the lowest decided prefix, not at the tail: it is named for positions of which it holds nothing.',
    breaks: ['L5', 'L3', 'L11'], seed: 8,
    file: 'log/layout/reconfigure.ts',
    find: "  cluster.ports.failpoint?.('drive.sealed', { epoch: wanted.epoch, tail, units: [...answers.keys()] })\n  return finish(",
    replace: "  cluster.ports.failpoint?.('drive.sealed', { epoch: wanted.epoch, tail, units: [...answers.keys()] })\n  const begins = Math.max(openSegment(base).from + 1, Math.min(tail, ...all.map((answer) => answer.prefix)))\n  const moved = (layout: Layout): Layout => ({ ...layout, segments: layout.segments.map((segment) => ({ ...segment, from: segment.from === tail ? begins : segment.from, to: segment.to === tail ? begins : segment.to })) })\n  return moved(finish(",
    also: [{ file: 'log/layout/reconfigure.ts', find: 'logTime: Math.max(base.logTime, ...all.map((answer) => answer.logTime)) })\n}', replace: 'logTime: Math.max(base.logTime, ...all.map((answer) => answer.logTime)) }))\n}' }],
  },
  {
    name: 'uncovered-start', sentence: 'A unit answers for a stream from a position on of which it does not hold everything, as if it did. Only a reader of an old layout asks it, once in some hundred seeds.',
    breaks: ['Q4'], seed: 0, judge: 'tests', tests: nets,
    file: 'log/unit/unit.ts',
    find: '    if (end === undefined) throw new',
    replace: '    if (end === undefined) return Infinity\n    if (end < 0) throw new',
  },
  {
    name: 'subscriptions-outlive-a-place', sentence: 'A unit goes on pushing to its subscribers when it gets another place, and they do not look at the new layout: what it pushes is no longer the whole of its chain.',
    breaks: ['Q4', 'L2', 'L11', 'O1', 'O9'], seed: 199,
    file: 'log/unit/server.ts',
    find: ') this.#subscriptions.endAll(layout.epoch)',
    replace: ') this.#afterCommit.push(() => undefined)',
    also: [{ file: 'log/playback/stream-player.ts', find: 'if (generation === this.#generation && (now.length', replace: 'if (generation < 0 && (now.length' }],
  },
  {
    name: 'stream-beyond-the-segment', sentence: 'An answer from the chains of one segment is taken for complete beyond its end, by the unit and by the reader.',
    breaks: ['Q4', 'L2', 'O9', 'O1', 'L11'], seed: 45,
    file: 'log/playback/stream-player.ts',
    find: 'const completeTo = Math.min(end ?? Infinity, ...parts',
    replace: 'const completeTo = Math.min(...parts',
    also: [{ file: 'log/unit/unit.ts', find: 'let completeTo = Math.min(state.prefix, this.requireCovered(from, step))', replace: 'this.requireCovered(from, step)\n    let completeTo = state.prefix' }],
  },
  {
    name: 'copies-what-is-undecided', sentence: 'A copy takes what a member happens to hold, decided or not. Copies begin when all is decided, and ask the first unit first, whose value wins: only the unit by itself shows it.',
    breaks: ['L5'], seed: 0, judge: 'tests', tests: nets,
    file: 'log/unit/unit.ts',
    find: 'const one = any || (state.owns(at) && state.isDecided(at)) ? this.#held(at, true) : undefined',
    replace: 'const one = any || state.owns(at) ? this.#held(at, true) : undefined',
  },
  {
    name: 'any-copy-is-decided', sentence: 'A newcomer asks for whatever a member has, not for what it has decided. The digests are compared before a merge, so only the copy by itself shows it.',
    breaks: ['L5'], seed: 0, judge: 'tests', tests: ['test/bugs/segments.test.ts'],
    file: 'log/unit/copy.ts',
    find: "request('copy', writeJson({ from, to, index, step, ",
    replace: "request('copy', writeJson({ from, to, index, step, any: true, ",
  },
  {
    name: 'copy-keeps-what-differs', sentence: 'A unit that comes back copies what it lacks and keeps what it should not have.',
    breaks: ['L1'], seed: 0, judge: 'tests', tests: nets,
    file: 'log/unit/unit.ts',
    find: 'this.#statusOf(position, kind, hash) === STORED) continue',
    replace: 'this.#statusOf(position, kind, hash) !== EMPTY) continue',
  },
  {
    name: 'copy-below-the-trim', sentence: 'A copy that was under way when a trim came brings back what the trim had dropped.',
    breaks: ['L8'], seed: 24,
    file: 'log/unit/unit.ts',
    find: '      if (position < state.trim || this.#statusOf(position, kind, hash) === STORED) continue\n',
    replace: '      if (position >= state.trim && this.#statusOf(position, kind, hash) === STORED) continue\n',
    also: [
      { file: 'log/unit/copy.ts', find: 'let at = firstOfClass(Math.max(from, state.trim), index, step)', replace: 'let at = firstOfClass(from + 0 * state.trim, index, step)' },
      { file: 'log/unit/unit.ts', find: '    let at = firstOfClass(Math.max(from, state.trim), index, step)\n    const end =', replace: '    let at = firstOfClass(from, index, step)\n    const end =' },
      { file: 'log/unit/unit.ts', find: 'if (at >= state.trim && this.#statusOf(at, KIND_JUNK, JUNK_HASH) !== STORED) junk.push(at)', replace: 'if (at < state.trim || this.#statusOf(at, KIND_JUNK, JUNK_HASH) !== STORED) junk.push(at)' },
    ],
  },
  {
    name: 'damage-taken-for-empty', sentence: 'A damaged entry is taken for a hole and decided anew. What decays before it is decided is too rare for the simulator.',
    breaks: ['L3'], seed: 0, judge: 'tests', tests: nets,
    file: 'log/unit/unit.ts',
    find: '(flags & DAMAGED) !== 0) return DAMAGED_HERE\n    const same',
    replace: '(flags & DAMAGED) !== 0) return EMPTY\n    const same',
  },
  {
    name: 'lossy-disk-goes-on', sentence: 'A restarted unit whose disk has dropped what it had synced goes on as if it were whole.',
    breaks: ['L5', 'L2'], seed: 14, faults: ['loseWrites'],
    file: 'log/layout/reconfigure.ts',
    find: '  await requireWhole(driver, base, units, answers)\n',
    replace: '',
  },
  {
    name: 'lossy-disk-keeps-its-places', sentence: 'A unit whose disk has dropped what it had synced joins the open segment anew, and stays a member of the closed ones.',
    breaks: ['L5'], seed: 14, faults: ['loseWrites'],
    file: 'log/layout/next-layout.ts',
    find: 'const members = chain.filter((unit) => !this.#lacks(segment.from, same ? [...chain, ...open[i] ?? []] : chain, unit.identity) && this.#staysClosed(unit))',
    replace: 'const members = chain.filter((unit) => this.#staysClosed(unit))',
  },
  {
    name: 'known-loss-asked-again', sentence: 'A driver that knows that a unit lacks something, and lets it join anew, refuses it once more for that: no epoch opens.',
    breaks: ['L11'], seed: 14, faults: ['loseWrites'],
    file: 'log/layout/reconfigure.ts',
    find: 'driver.notWhole.has(identity) || driver.intent.restored',
    replace: 'driver.intent.restored',
  },
  {
    name: 'last-whole-copy-dropped', sentence: 'A detector leaves out the last that holds all of a closed segment, and the segment is given to the units of the open one.',
    breaks: ['L5', 'Y4', 'L2', 'L11'], seed: 1568,
    file: 'log/layout/next-layout.ts',
    find: '      if (members.length + holders.length === 0) throw new SirtakiError(',
    replace: "      if (members.length + holders.length === 0 && same) return [...open[i] ?? []]\n      if (members.length + holders.length === 0) throw new SirtakiError(",
    also: [{ file: 'log/layout/detector.ts', find: 'for (const chain of layout.segments.flatMap((segment) => segment.chains)) if', replace: 'for (const chain of layout.segments.at(-1)?.chains ?? []) if' }],
  },
  {
    name: 'comes-back-without-copying', sentence: 'A unit that was left out comes back as a full member of the open segment, without a copy of what it missed.',
    breaks: ['L5', 'L1', 'L3'], seed: 1,
    file: 'log/layout/next-layout.ts',
    find: '!this.#stays(open.chains[i] ?? [], unit.identity)))',
    replace: '!this.#stays(open.chains[i] ?? [], unit.identity) && !base.absent.some(({ identity }) => identity === unit.identity)))',
  },
  {
    name: 'unequal-segments-joined', sentence: 'Neighbouring segments are made one when they have as many chains, whoever stands in these.',
    breaks: ['L5', 'L2', 'L11'], seed: 1,
    file: 'log/layout/next-layout.ts',
    find: 'JSON.stringify(chains.map((chain) => chain.map(({ identity }) => identity)))',
    replace: 'JSON.stringify(chains.length)',
  },
  {
    name: 'nobody-merges', sentence: 'Segments whose units have nothing to copy, because they were only laid out in other chains, are never merged.',
    breaks: ['L11'], seed: 199, faults: ['stripe'],
    file: 'log/unit/rejoin.ts',
    find: '(parts.length === 0 && !sees)',
    replace: 'parts.length === 0',
  },
  {
    name: 'copies-from-a-newcomer', sentence: 'Units copy closed segments from the open chain, whose members may hold as little as they do.',
    breaks: ['L5', 'L11', 'Y4'], seed: 1,
    file: 'log/layout/whole.ts',
    find: 'sources: segment.chains[index % segment.chains.length] ?? []',
    replace: 'sources: openSegment(layout).chains[index % count] ?? []',
  },
  {
    name: 'acceptors-of-the-next-epoch', sentence: 'An epoch is agreed by a majority of the acceptors that it names itself, not of those of the epoch before.',
    breaks: ['Y1', 'Y2', 'L11'], seed: 2,
    file: 'log/layout/reconfigure.ts',
    find: "await askMajority(base.acceptors, (address) => cluster.peer(address).control('accept'",
    replace: "await askMajority(proposal.acceptors, (address) => cluster.peer(address).control('accept'",
    also: [{ file: 'log/layout/reconfigure.ts', find: '.length * 2 <= base.acceptors.length) throw new SirtakiError(\'CONFLICT\', `no majority of acceptors took', replace: '.length * 2 <= proposal.acceptors.length) throw new SirtakiError(\'CONFLICT\', `no majority of acceptors took' }],
  },
  {
    name: 'blank-unit-refuses-the-seal', sentence: 'A blank unit cannot be sealed: an epoch that names it, and whose driver died before it was installed there, can neither be opened nor followed once another member was restarted.',
    breaks: ['L6'], seed: 0, judge: 'tests', tests: ['test/log/unit/unit.test.ts'],
    file: 'log/unit/unit.ts',
    find: 'const installed = state.layout === undefined ? 0 : state.requireLayout(cluster).epoch',
    replace: 'const installed = state.requireLayout(cluster).epoch',
  },
  {
    name: 'untold-sequencer-counts-as-living', sentence: 'A sequencer that its epoch was never told to answers probes, so nobody sees to it. A driver has to die in one step of many; the simulator met it once in ten thousand seeds.',
    breaks: ['L11'], seed: 0, judge: 'tests', tests: ['test/sequencer/standby.test.ts'],
    file: 'log/layout/watch.ts',
    find: "this.#unstarted = boot === sequencer.boot && (role === 'waiting' || role === 'standby' || role === 'deposed')",
    replace: 'this.#unstarted = false',
  },
  {
    name: 'standby-without-an-epoch', sentence: 'Who stands by takes over the epoch of a sequencer that does not answer, instead of opening the next one.',
    breaks: ['Q1', 'Q2'], seed: 6,
    file: 'sequencer/server.ts',
    find: '      if (this.#standsBy || layout?.sequencer?.boot === this.machine.boot) await this.#members.look()\n',
    replace: '      if (this.#standsBy && layout?.sequencer != null && layout.epoch > this.machine.epoch && layout.sequencer.boot !== this.machine.boot && await this.#roleOf(layout) === undefined) this.machine.bootstrap({ ...layout, sequencer: this.member }, ports.clock.now())\n      if (this.#standsBy || layout?.sequencer?.boot === this.machine.boot) await this.#members.look()\n',
  },
  {
    name: 'spare-counted-as-member', sentence: 'An epoch waits for its spares to tell how far they have decided: they hold nothing and serve nobody, so it never opens.',
    breaks: ['L11'], seed: 2,
    file: 'log/layout/reconfigure.ts',
    find: 'await Promise.all(units.map((unit) => cluster.peer(unit.address).control(\'decidedBelow\'',
    replace: 'await Promise.all([...units, ...layout.spares].map((unit) => cluster.peer(unit.address).control(\'decidedBelow\'',
  },
  {
    name: 'trim-of-the-open-segment-only', sentence: 'A trim skips the units that stand in closed segments only.',
    breaks: ['L8', 'L4', 'L2'], seed: 636, faults: ['swap'],
    file: 'log/client/read.ts',
    find: "await Promise.all(unitsOf(layout).map((unit) => this.#cluster.peer(unit.address).control('trim'",
    replace: "await Promise.all((layout.segments.at(-1)?.chains.flat() ?? []).map((unit) => this.#cluster.peer(unit.address).control('trim'",
  },
  {
    name: 'serves-under-any-boot', sentence: 'A restarted unit executes under the layout on its disk, which names another start of it.',
    breaks: ['L6', 'L5'], seed: 2,
    file: 'log/unit/unit-state.ts',
    find: 'unit.identity === this.identity && unit.boot === this.boot)',
    replace: "unit.identity === this.identity && unit.boot !== '')",
  },
  {
    name: 'decided-below-over-holes', sentence: 'Everything below the tail is told decided although a hole was left because a unit did not answer.',
    breaks: ['Y3'], seed: 0, judge: 'tests', tests: ['test/log/unit/unit.test.ts'],
    file: 'log/unit/unit.ts',
    find: '    if (heldTo < tail) throw',
    replace: '    if (heldTo < 0) throw',
    also: [{ file: 'log/client/resolve.ts', find: '  if (hole !== undefined) throw', replace: '  if (hole !== undefined && hole < 0) throw' }],
  },
  {
    name: 'repair-with-another-value', sentence: 'A damaged entry is mended with whatever another unit has at its position. The members of its chain, which are asked first, have the right one, so only the unit by itself shows it.',
    breaks: ['L1'], seed: 0, judge: 'tests', tests: nets,
    file: 'log/unit/unit.ts',
    find: '    if (state.index.hash(position) !== hash) return false\n',
    replace: '',
  },
  {
    name: 'suspects-a-majority', sentence: 'A detector suspects everybody who does not answer, also when that is nearly everybody: it is the one that is cut off.',
    breaks: ['P24'], seed: 0, judge: 'tests', tests: ['test/bugs/detector.test.ts'],
    file: 'log/layout/detector.ts',
    find: '    return acceptors.length * 2 > layout.acceptors.length && silent.length * 2 <= unitsOf(layout).length\n',
    replace: '    return acceptors.length > -1 - silent.length\n',
  },
  {
    name: 'late-answers-count-as-missed', sentence: 'A detector drops the answers that come later than a probe waits: a unit that has much to do is taken for gone, again and again.',
    breaks: ['P24'], seed: 0, judge: 'tests', tests: ['test/log/layout/watch.test.ts'],
    file: 'log/layout/watch.ts',
    find: 'if (answers === boot && this.#cluster.layout?.epoch === epoch) this.#detector',
    replace: 'if (answers === boot && this.#cluster.layout?.epoch === -epoch) this.#detector',
  },
  {
    name: 'polls-of-another-epoch', sentence: 'A detector counts what was missed under older epochs.',
    breaks: ['P24'], seed: 0, judge: 'tests', tests: ['test/bugs/detector.test.ts'],
    file: 'log/layout/detector.ts',
    find: '    this.#seen.clear()\n',
    replace: '',
  },
  {
    name: 'duplicate-applied-twice', sentence: 'An op that was appended twice is applied twice.',
    breaks: ['O4'], seed: 0, judge: 'tests', tests: ['test/objects/space.test.ts'],
    file: 'objects/runtime/space.ts',
    find: "    if (ahead < 0) return { kind: 'duplicate', position, session, number }\n",
    replace: '',
  },
  {
    name: 'digest-ignores-deletes', sentence: 'A deleted record stays in the digest.',
    breaks: ['O3'], seed: 0, judge: 'tests', tests: ['test/objects/space.test.ts'],
    file: 'objects/runtime/digest.ts',
    find: '      if (before?.counted === true) {\n',
    replace: '      if (before?.counted === true && store.row(key) !== undefined) {\n',
  },
  {
    name: 'any-range-error-stops', sentence: 'Every RangeError of an op is taken for an exhausted engine: one toFixed(101) stops every view.',
    breaks: ['O12'], seed: 0, judge: 'tests', tests: ['test/objects/space.test.ts'],
    file: 'objects/runtime/exhausted.ts',
    find: 'thrown instanceof RangeError && TEXTS.test(thrown.message)',
    replace: 'thrown instanceof RangeError',
  },
  {
    name: 'text-halts-the-space', sentence: 'Whatever does not begin with the version at hand is taken for an entry of a later version.',
    breaks: ['O11'], seed: 0, judge: 'tests', tests: ['test/objects/session.test.ts', 'test/objects/op-entry.test.ts'],
    file: 'objects/runtime/op-entry.ts',
    find: 'version === 0 || version > VERSION_MARK_MAX || byteLength < 2',
    replace: 'version === 0 || byteLength < 2',
  },
  {
    name: 'forgotten-session-stays-in-digest', sentence: 'The mark of a forgotten session stays in the sums of the digest.',
    breaks: ['O3'], seed: 0, judge: 'tests', tests: ['test/objects/space.test.ts'],
    file: 'objects/runtime/session-marks.ts',
    find: '    this.#sum = subtractLanes(this.#sum, mark.lanes)\n    this.#dirty',
    replace: '    this.#dirty',
  },
  {
    name: 'conflicting-type-is-kept', sentence: 'A type that conflicts with a known one is kept all the same, and fails every later replay.',
    breaks: ['O3'], seed: 0, judge: 'tests', tests: ['test/objects/session.test.ts'],
    file: 'objects/runtime/view.ts',
    find: '      requireNoTwin(type, this.#types)\n',
    replace: '      void requireNoTwin\n',
  },
]
