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
    breaks: ['L3'], seed: 84,
    file: 'log/client/resolve.ts',
    find: 'this.#options.mayFill && answered.length === this.chain.units.length',
    replace: 'this.#options.mayFill',
  },
  {
    name: 'undecided-served', sentence: 'A reader is given what one unit holds, decided or not.',
    breaks: ['L1', 'L3', 'L5'], seed: 27,
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
    breaks: ['L1', 'L3', 'L5'], seed: 51,
    file: 'log/unit/unit.ts',
    find: '      if (status !== EMPTY) return this.#answer(offer.position, status)\n',
    replace: '      if (status !== EMPTY && status !== OTHER) return this.#answer(offer.position, status)\n',
  },
  {
    name: 'own-value-that-was-refused', sentence: 'A writer whose position went to junk takes the decision for its own entry.',
    breaks: ['L1', 'L3'], seed: 3,
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
    breaks: ['Q1', 'L7', 'L6'], seed: 1,
    file: 'log/layout/reconfigure.ts',
    find: 'answer.highest + 1)) + base.window\n',
    replace: 'answer.highest + 1))\n',
  },
  {
    name: 'second-bootstrap', sentence: 'A sequencer that was restarted takes the bootstrap of its last start from a slow driver.',
    breaks: ['Q2', 'Q1'], seed: 344,
    file: 'sequencer/sequencer.ts',
    find: '    if (layout.sequencer?.boot !== this.boot) throw',
    replace: '    if (layout.sequencer === null) throw',
  },
  {
    name: 'install-of-another-boot', sentence: 'A unit takes a layout that names an earlier start of its process.',
    faults: ['crash', 'crashAll', 'loseRegister'],
    breaks: ['L6'], seed: 572,
    file: 'log/unit/unit.ts',
    find: '    if (member.boot !== state.boot) {\n',
    replace: "    if (member.boot === '') {\n",
  },
  {
    name: 'blank-acceptor-under-its-old-name', sentence: 'An acceptor is named by the disk of its unit: one that has lost its register votes again, knowing nothing.',
    faults: ['loseRegister'],
    breaks: ['Y1', 'Y2'], seed: 231,
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
    breaks: ['Y1'], seed: 72,
    file: 'log/layout/reconfigure.ts',
    find: 'adopted ?? await sealed(driver, base, orThrow(wanted))',
    replace: 'await sealed(driver, base, orThrow(wanted))',
  },
  {
    name: 'promise-not-durable', sentence: 'An acceptor answers a promise that is in its memory only.',
    faults: ['crash', 'crashAll', 'loseRegister'],
    breaks: ['Y1', 'Y2'], seed: 178,
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
    breaks: ['Y1', 'Y2'], seed: 62,
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
    breaks: ['Q1'], seed: 23,
    file: 'log/client/append.ts',
    find: 'layout.epoch === grant.epoch ? { position: append.position, bytes: own } : undefined',
    replace: '{ position: append.position, bytes: own }',
  },
  {
    name: 'junk-previous-believed', sentence: 'Everything below an early entry is taken for junk because the index has nothing there, though the index is not complete so far.',
    breaks: ['Q4', 'L2'], seed: 2,
    file: 'log/playback/stream-player.ts',
    find: 'this.#order.complete(from, completeTo, entries)',
    replace: 'this.#order.complete(from, to, entries)',
  },
  {
    name: 'complete-to-of-one-chain', sentence: 'An answer is taken for complete as far as the furthest chain is.',
    breaks: ['Q4', 'L2'], seed: 3,
    file: 'log/playback/stream-player.ts',
    find: 'const completeTo = Math.min(...parts',
    replace: 'const completeTo = Math.max(...parts',
  },
  {
    name: 'push-complete-of-one-chain', sentence: 'What one chain has pushed completely is taken for what all chains have.',
    breaks: ['Q4', 'L2'], seed: 3,
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
    breaks: ['L3', 'L1', 'L5'], seed: 1466,
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
    breaks: ['Q4'], seed: 2,
    file: 'log/playback/stream-order.ts',
    find: '    if (this.#needs(entry) > this.#next) { this.#keep(entry); return [] }\n',
    replace: '',
  },
  {
    name: 'read-boards-a-sent-round', sentence: 'A tail read that begins while a round is on its way takes the answer of that round.',
    breaks: ['L7', 'Q4'], seed: 33,
    file: 'log/client/tail.ts',
    find: 'for (const caller of callers) caller.resolve(tails)',
    replace: 'for (const caller of [...callers, ...this.#waiting.splice(0)]) caller.resolve(tails)',
  },
  {
    name: 'no-proof-of-the-epoch', sentence: 'A tail read believes the sequencer it knows without proof that its epoch is current.',
    faults: ['moveSequencer'],
    breaks: ['L7', 'Q4'], seed: 253,
    file: 'log/client/tail.ts',
    find: 'askTails(this.#cluster, layout, streams), proveCurrent(this.#cluster, layout)])',
    replace: 'askTails(this.#cluster, layout, streams)])',
  },
  {
    name: 'striping-from-the-tail', sentence: "A writer counts chains from its epoch's tail, and units do not refuse the positions of other chains. (Segments of the simulator begin at 0, so counting from their start would change nothing.)",
    breaks: ['L5', 'L3', 'L2'], seed: 1,
    file: 'log/client/append.ts',
    find: 'parts[append.position % chains.length]',
    replace: 'parts[(append.position - layout.tail) % chains.length]',
    also: [{ file: 'log/unit/unit-state.ts', find: 'return position % this.step === this.#class }', replace: 'return position >= 0 }' }],
  },
  {
    name: 'trim-skipped-silently', sentence: 'A reader behind the trim mark is given what is left, and not told.',
    breaks: ['L8', 'Q4'], seed: 4,
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
    find: 'state.index.hash(position) !== hash : (flags & JUNK) === 0) {',
    replace: 'position < 0 : position < 0) {',
  },
  {
    name: 'forgets-to-a-wrong-floor', sentence: 'The sequencer forgets a stream and says that nothing of it lies at or above a position too low by one.',
    breaks: ['Q4'], seed: 2,
    file: 'sequencer/sequencer.ts',
    find: 'this.#floor = Math.max(this.#floor, last + 1)',
    replace: 'this.#floor = Math.max(this.#floor, last)',
  },
  {
    name: 'grants-beyond-the-window', sentence: 'The sequencer grants though the window is full.',
    breaks: ['Q1'], seed: 2,
    file: 'sequencer/sequencer.ts',
    find: '    if (count > this.room) return undefined\n',
    replace: '',
  },
  {
    name: 'prefix-of-one-chain', sentence: 'The sequencer takes the furthest chain for the decided prefix of the whole log.',
    breaks: ['Q4', 'Q1'], seed: 4,
    file: 'sequencer/server.ts',
    find: 'return Math.min(...prefixes)',
    replace: 'return Math.max(...prefixes)',
  },
  {
    name: 'log-time-from-the-old-layout', sentence: "A new epoch's log time begins at that of the old layout, not at the highest that a unit has stored.",
    breaks: ['Q3'], seed: 18,
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
    breaks: ['L10', 'L5'], seed: 6,
    file: 'log/unit/server.ts',
    find: "      if (error !== undefined) { this.#fail(asError(error, 'IO')); return }\n",
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
]
