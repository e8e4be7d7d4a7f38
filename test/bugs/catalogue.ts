/**
 * The bank of planted bugs: mistakes that somebody could make, each a small exact patch of a source. The simulator,
 * or the named tests, must find every one of them: an invariant that no planted bug breaks is one that nobody checks.
 *
 * Where several parts of the protocol guard the same thing, `also` takes the other guard away (the sentence says so).
 * Read next: `plant.ts` (how a patch is made), `main.ts` (how a bug is searched for), INVARIANTS (the ids).
 *
 * Long: a list.
 */

import type { Fault } from '../harness/plan.ts'

/** One replacement; `find` occurs exactly once in the file. */
export interface Edit {
  readonly file: string
  readonly find: string
  readonly replace: string
}

/** One planted bug. */
export interface Bug extends Edit {
  readonly name: string
  /** More edits, in order, where the mistake needs more than one. */
  readonly also?: readonly Edit[]
  /** What the mistake is. */
  readonly sentence: string
  /** Ids of the invariants by which it may be found. */
  readonly breaks: readonly string[]
  /**
   * Faults without which it cannot show: seeds whose plan lacks all of them are passed over, which saves their time.
   */
  readonly faults?: readonly Fault['kind'][]
  /** The simulator's seed that finds it. */
  readonly seed: number
  /** Where it is found: in the simulator unless told. */
  readonly judge?: 'tests'
  /** The test files that find it. */
  readonly tests?: readonly string[]
}

/** All edits of a bug. */
export const editsOf = (bug: Bug): readonly Edit[] => [bug, ...(bug.also ?? [])]

const nets = ['test/bugs/nets.test.ts']

/** Takes away the unit's own refusal of what belongs to another chain. */
const ownsAll: Edit = {
  file: 'log/unit/places.ts',
  find: 'position < this.#to ? position % this.#step === this.#class : this.at',
  replace: 'position < this.#to ? position >= 0 : this.at',
}

/** Every bug. */
export const bugs: readonly Bug[] = [
  {
    name: 'session-on-one-stream',
    sentence:
      'An opening, resume or end counts also where it stands on one stream only: readers of the other never see it.',
    breaks: ['O5'],
    seed: 0,
    judge: 'tests',
    tests: ['test/sequencer/session-table.test.ts'],
    file: 'sequencer/session-table.ts',
    find: 'streams.length === 2 &&',
    replace: 'streams.length >= 1 &&',
  },
  {
    name: 'end-without-epoch',
    sentence: 'An end counts whatever epoch its token is of: a deposed sequencer ends what its successor confirms.',
    breaks: ['O5'],
    seed: 0,
    judge: 'tests',
    tests: [
      'test/sequencer/session-table.test.ts',
      'test/sequencer/session-keeper.test.ts',
      'test/sequencer/expiry-walk.test.ts',
    ],
    file: 'sequencer/session-table.ts',
    find: 'decoded.epoch === 0 || decoded.epoch === entry.epoch',
    replace: 'decoded.epoch >= 0',
  },
  {
    name: 'end-ignores-resume',
    sentence: 'An end of the older incarnation ends the session that another process has taken over.',
    breaks: ['O5'],
    seed: 0,
    judge: 'tests',
    tests: [
      'test/sequencer/session-table.test.ts',
      'test/sequencer/session-keeper.test.ts',
      'test/sequencer/expiry-walk.test.ts',
    ],
    file: 'sequencer/session-table.ts',
    find: 'const session = this.#liveIn(space, decoded.incarnation)',
    replace: 'const session = this.#liveIn(space, decoded.incarnation) ?? this.#bySession.get(decoded.incarnation)',
  },
  {
    name: 'grace-left-out',
    sentence:
      'A sequencer ends sessions by when it heard of them, though the one before may have confirmed them since.',
    breaks: ['O5'],
    seed: 0,
    judge: 'tests',
    tests: [
      'test/sequencer/expiry.test.ts',
      'test/sequencer/expiry-walk.test.ts',
      'test/sequencer/session-keeper.test.ts',
    ],
    file: 'sequencer/expiry.ts',
    find: 'for (const watched of this.#watched.values()) watched.heard = this.#grace',
    replace: '',
  },
  {
    name: 'grace-of-the-known-only',
    sentence:
      'A session that is played after the bootstrap gets no grace, though the former sequencer may confirm it still.',
    breaks: ['O5'],
    seed: 0,
    judge: 'tests',
    tests: ['test/sequencer/expiry.test.ts', 'test/sequencer/expiry-walk.test.ts'],
    file: 'sequencer/expiry.ts',
    find: 'const heard = Math.max(this.#attended, this.#grace)',
    replace: 'const heard = this.#attended',
  },
  {
    name: 'confirms-without-proof',
    sentence: 'A sequencer confirms sessions without a proof that its epoch is current.',
    breaks: ['O5'],
    seed: 0,
    judge: 'tests',
    tests: [
      'test/sequencer/expiry.test.ts',
      'test/sequencer/expiry-walk.test.ts',
      'test/sequencer/session-keeper.test.ts',
    ],
    file: 'sequencer/expiry.ts',
    find: 'if (this.#proof === undefined || this.#ending.has(incarnation)) return false',
    replace: 'if (this.#proof === undefined || this.#ending.has(incarnation)) return !this.#ending.has(incarnation)',
  },
  {
    name: 'proof-for-ever',
    sentence: 'A proof is good for as long as the epoch, as far as its sequencer knows.',
    breaks: ['O5'],
    seed: 0,
    judge: 'tests',
    tests: [
      'test/sequencer/expiry.test.ts',
      'test/sequencer/expiry-walk.test.ts',
      'test/sequencer/session-keeper.test.ts',
    ],
    file: 'sequencer/expiry.ts',
    find: 'at.uptime - this.#proof.uptime) < this.#proofMs',
    replace: 'at.uptime - this.#proof.uptime) < Infinity',
  },
  {
    name: 'proof-ignores-suspension',
    sentence: 'How old a proof is goes by a clock that stands still while the machine is suspended.',
    breaks: ['O5'],
    seed: 0,
    judge: 'tests',
    tests: ['test/sequencer/expiry.test.ts', 'test/sequencer/session-keeper.test.ts'],
    file: 'sequencer/expiry.ts',
    find: 'Math.max(at.now - this.#proof.now, at.uptime - this.#proof.uptime)',
    replace: 'at.now - this.#proof.now',
  },
  {
    name: 'proof-counted-from-answer',
    sentence: 'A proof counts from its answer: what was true half a second ago is good for another half.',
    breaks: ['O5'],
    seed: 0,
    judge: 'tests',
    tests: ['test/sequencer/session-keeper.test.ts'],
    file: 'sequencer/session-keeper.ts',
    find: 'this.#expiry.proved(began)',
    replace: 'this.#expiry.proved(this.#moment)',
  },
  {
    name: 'unattended-time',
    sentence: 'Time in which the sequencer did not run counts against the sessions: it heard of nobody.',
    breaks: ['O5'],
    seed: 0,
    judge: 'tests',
    tests: ['test/sequencer/expiry.test.ts'],
    file: 'sequencer/expiry.ts',
    find: 'Math.min(now - (this.#lookedAt ?? now), this.#lookMaxMs)',
    replace: 'now - (this.#lookedAt ?? now)',
  },
  {
    name: 'confirms-while-ending',
    sentence: 'A sequencer confirms a session whose end it has decided and not appended yet.',
    breaks: ['O5'],
    seed: 0,
    judge: 'tests',
    tests: ['test/sequencer/expiry.test.ts', 'test/sequencer/session-keeper.test.ts'],
    file: 'sequencer/expiry.ts',
    find: 'if (this.#proof === undefined || this.#ending.has(incarnation)) return false',
    replace: 'if (this.#proof === undefined) return false',
  },
  {
    name: 'heartbeats-unheard',
    sentence: 'A session is due a timeout after its opening, however often it was heard of since.',
    breaks: ['O5'],
    seed: 0,
    judge: 'tests',
    tests: [
      'test/sequencer/expiry.test.ts',
      'test/sequencer/expiry-walk.test.ts',
      'test/sequencer/session-keeper.test.ts',
    ],
    file: 'sequencer/expiry.ts',
    find: 'if (watched !== undefined) watched.heard = Math.max(watched.heard, this.#attended)',
    replace: 'if (watched !== undefined) watched.heard = Math.max(watched.heard, 0)',
  },
  {
    name: 'swallowed-refusal-stays',
    sentence: 'An op that catches its own refusal goes on, and what it has written stays.',
    breaks: ['O3'],
    seed: 0,
    judge: 'tests',
    tests: ['test/objects/space.test.ts'],
    file: 'objects/runtime/records.ts',
    find: 'if (this.#rejection !== undefined) throw this.#rejection',
    replace: '',
  },
  {
    name: 'write-outside-a-step',
    sentence: 'Whoever has kept the tables of an object writes to them when no op is applied.',
    breaks: ['O3'],
    seed: 0,
    judge: 'tests',
    tests: ['test/objects/space.test.ts'],
    file: 'objects/runtime/records.ts',
    find: 'if (this.#isOpen) return',
    replace: 'if (!this.#isOpen || this.#isOpen) return',
  },
  {
    name: 'log-time-stands-still-when-idle',
    sentence:
      'A sequencer that stays in its place begins an epoch at what units have stored: idle hours are forgotten.',
    breaks: ['Q3'],
    seed: 0,
    judge: 'tests',
    tests: ['test/sequencer/sequencer.test.ts'],
    file: 'sequencer/sequencer.ts',
    find: 'this.#layout === undefined ? 0 : this.logTime(now)',
    replace: '0',
  },
  {
    name: 'log-time-rounded-below-its-epoch',
    sentence:
      "The clock is added to the epoch's log time before its start is taken away: the first grants may lie a "
      + 'millisecond below.',
    breaks: ['Q3'],
    seed: 0,
    judge: 'tests',
    tests: ['test/sequencer/sequencer.test.ts'],
    file: 'sequencer/sequencer.ts',
    find: 'this.#base + (now - this.#startedAt)',
    replace: 'this.#base + now - this.#startedAt',
  },
  {
    name: 'log-time-heard-by-nobody',
    sentence: 'Units do not keep the log time that probes bring: the next sequencer goes back by an idle hour.',
    breaks: ['Q3'],
    seed: 0,
    judge: 'tests',
    tests: ['test/log/unit/server.test.ts', 'test/log/unit/unit.test.ts'],
    file: 'log/unit/membership.ts',
    find: 'if (this.#state.serves(epoch)) this.#state.heardTime',
    replace: 'if (epoch < 0) this.#state.heardTime',
  },
  {
    name: 'missed-in-one-frame',
    sentence:
      'All that a slow subscriber has missed goes in one push, however much it is: more than a frame may '
      + 'hold ends its connection.',
    breaks: ['Q4'],
    seed: 0,
    judge: 'tests',
    tests: ['test/log/unit/subscriptions.test.ts'],
    file: 'log/unit/subscriptions.ts',
    find: 'given < late.length && bytes < bytesMax',
    replace: 'given < late.length',
  },
  {
    name: 'pack-outlives-its-rows',
    sentence:
      'The pack of a block of headers stays when one of its rows is dropped: the next start finds a row that is gone.',
    breaks: ['L2'],
    seed: 0,
    judge: 'tests',
    tests: ['test/log/io/header-packs.test.ts'],
    file: 'log/io/sqlite-store.ts',
    find: '      sql.dropPacks.run(this.#packs.blockOf(from), this.#packs.blockOf(to))\n',
    replace: '',
  },
  {
    name: 'pack-of-half-a-block',
    sentence: 'A block of which only the last rows were noted gets a pack all the same.',
    breaks: ['L2'],
    seed: 0,
    judge: 'tests',
    tests: ['test/log/io/header-packs.test.ts'],
    file: 'log/io/header-packs.ts',
    find: 'this.#bytes = this.#isWhole ? 0 : Infinity',
    replace: 'this.#bytes = 0',
  },
  {
    name: 'freed-pages-are-no-room',
    sentence: 'A full disk looks at the file system alone: after a trim, which shrinks no file, it stays full.',
    breaks: ['P32'],
    seed: 0,
    judge: 'tests',
    tests: ['test/log/io/disk-reserve.test.ts'],
    file: 'log/io/disk-reserve.ts',
    find: 'const room = free + this.#freedBytes()',
    replace: 'const room = free',
  },
  {
    name: 'ends-before-its-readers',
    sentence: 'A command ends before its readers have taken what it printed.',
    breaks: ['P74'],
    seed: 0,
    judge: 'tests',
    tests: ['test/tools/output.test.ts'],
    file: 'tools/cli/output.ts',
    find: "stream.write('', () => { resolve() })",
    replace: 'resolve()',
  },
  {
    name: 'sync-joins-a-sent-read',
    sentence:
      "A view's sync takes the tail that another sync of it has asked for already: what was acknowledged in "
      + 'between is not in it.',
    breaks: ['O1'],
    seed: 150,
    file: 'objects/runtime/view.ts',
    find: 'atLeast === undefined ? await this.log.tail(this.stream, call) : atLeast + 1',
    replace:
      'atLeast === undefined ? await (this.#asked ??= this.log.tail(this.stream, call).finally(() => { '
      + 'this.#asked = undefined })) : atLeast + 1',
    also: [
      {
        file: 'objects/runtime/view.ts',
        find: '  #replaying: Promise<void> | undefined\n',
        replace: '  #replaying: Promise<void> | undefined\n  #asked: Promise<number> | undefined\n',
      },
    ],
  },
  {
    name: 'sync-without-proof',
    sentence: "A view's sync believes the sequencer it knows without proof that its epoch is current.",
    breaks: ['O1'],
    seed: 311,
    faults: ['moveSequencer'],
    file: 'objects/runtime/space-log.ts',
    find: 'client.tailOf(stream, flow),',
    replace:
      'client.tail({ signal: flow.signal, timeoutMs: flow.timeoutMs, linearizable: false }).then(({ tail }) => tail),',
  },
  {
    name: 'late-entries-forgotten',
    sentence: 'What was decided behind the cursor of a subscriber that lags is never pushed to it.',
    breaks: ['Q4', 'O1'],
    seed: 31,
    file: 'log/unit/subscriptions.ts',
    find: "      if (subscription.late.length > 0) this.#unit.state.failpoint?.('push.lags')\n",
    replace: '      subscription.late = []\n',
  },
  {
    name: 'player-fills-at-once',
    sentence:
      'A player fills whatever holds its stream up, however young it is: slow writers lose their positions to it.',
    breaks: ['P16'],
    seed: 88,
    file: 'log/playback/stream-player.ts',
    find: 'return now - this.#hole.since >= this.#cluster.fillAgeMs',
    replace: 'return now >= this.#hole.since',
  },
  {
    name: 'whole-by-count',
    sentence: 'A unit holds all of a closed segment when it holds as many entries as another one, whatever they are.',
    breaks: ['L5'],
    seed: 0,
    judge: 'tests',
    tests: ['test/log/epochs/whole-sums.test.ts'],
    file: 'log/epochs/whole.ts',
    find: 'ours.count === theirs.count && ours.sum === theirs.sum',
    replace: 'ours.count === theirs.count',
  },
  {
    name: 'unwritten-without-resolving',
    sentence:
      'A reader that is told twice that a position is undecided says that it is unwritten, without asking '
      + 'the whole chain.',
    breaks: ['L2'],
    seed: 9,
    file: 'log/playback/read.ts',
    find:
      'return this.#fromResolved(layout, position, await resolveOne(this.#cluster, layout, position, { '
      + 'mayFill: false }))\n  }\n\n  /** Asks one',
    replace: "return { kind: 'unwritten', position }\n  }\n\n  /** Asks one",
  },
  {
    name: 'early-op-applied',
    sentence:
      'An op that comes before its turn is applied, and the earlier one of its session is dropped as if it had been.',
    breaks: ['O4'],
    seed: 5,
    file: 'objects/runtime/session-marks.ts',
    find: '    if (ahead !== 0) return ahead\n    mark.next++\n',
    replace: '    if (ahead < 0) return ahead\n    mark.next = number + 1\n',
  },
  {
    name: 'epoch-at-the-door',
    sentence:
      'A store is checked for its epoch when it arrives, not when it is executed: a seal that came before '
      + 'it in the queue does not hold it off. (One seed in several thousand meets it.)',
    breaks: ['L6'],
    seed: 0,
    judge: 'tests',
    tests: ['test/bugs/door.test.ts'],
    file: 'log/unit/steps.ts',
    find: '    this.#queue.push(request)\n',
    replace:
      "    if (request.kind === 'store' && !this.#unit.state.serves(readStore(request.body).epoch)) { "
      + "request.caller.refuse('store', request.request, new SirtakiError('EPOCH', 'not this epoch')); return "
      + '}\n    this.#queue.push(request)\n',
    also: [
      {
        file: 'log/unit/steps.ts',
        find: "import type { Caller, Request } from '../wire/server.ts'",
        replace:
          "import type { Caller, Request } from '../wire/server.ts'\nimport { readStore } from '../wire/messages.ts'",
      },
      {
        file: 'log/unit/unit.ts',
        find:
          "    if (state.sealed > epoch) state.failpoint?.('unit.store.sealed', { epoch })\n    const layout "
          + '= state.requireServing(epoch)\n',
        replace:
          "    const { layout } = state\n    if (layout === undefined) throw new SirtakiError('NOT_READY', 'blank')\n",
      },
    ],
  },
  {
    name: 'ack-before-sync',
    sentence: 'A unit answers before the commit is durable.',
    breaks: ['L5', 'L9', 'L2'],
    seed: 2,
    file: 'log/unit/steps.ts',
    find: '    this.#committing = true\n',
    replace: '    this.#committing = true\n    this.#answer(answers)\n    answers = { callers: new Set(), all: [] }\n',
  },
  {
    name: 'junk-though-one-is-silent',
    sentence: 'A hole is filled although one unit of the chain did not answer: it may hold the entry.',
    breaks: ['L3'],
    seed: 130,
    file: 'log/cluster/verdict.ts',
    find: 'position < fillBelow && mayFill && allAnswered',
    replace: 'position < fillBelow && mayFill && (allAnswered || answers.length > 0)',
  },
  {
    name: 'undecided-served',
    sentence: 'A reader is given what one unit holds, decided or not.',
    breaks: ['L1', 'L3', 'L5'],
    seed: 42,
    file: 'log/unit/unit.ts',
    find:
      '    if (!state.isDecided(position)) return { status: state.index.holds(position) ? UNDECIDED : EMPTY, '
      + 'bytes: undefined }\n',
    replace:
      '    if (!state.index.holds(position) && !state.isDecided(position)) return { status: EMPTY, bytes: '
      + 'undefined }\n',
  },
  {
    name: 'refused-writer-reports-early',
    sentence: 'A resolve reports what the first unit holds before it is forced onto the others.',
    breaks: ['L5'],
    seed: 1,
    file: 'log/cluster/resolve-round.ts',
    find: '    await Promise.all(this.chain.units.slice(1).map(async (unit, i) => {',
    replace: '    void Promise.all(this.chain.units.slice(1).map(async (unit, i) => {',
    also: [
      {
        file: 'log/cluster/resolve-round.ts',
        find: '...this.#emptyRanges()])])\n    }))',
        replace: '...this.#emptyRanges()])])\n    })).catch(() => undefined)',
      },
    ],
  },
  {
    name: 'force-over-decided',
    sentence:
      'A force replaces a decided value. No right resolver ever asks for that, so only the unit by itself shows it.',
    breaks: ['L1'],
    seed: 0,
    judge: 'tests',
    tests: nets,
    file: 'log/unit/decisions.ts',
    find:
      '      if (status === OTHER && state.isDecided(offer.position)) return answerOf(state, offer.position, '
      + 'DECIDED_OTHER)\n',
    replace: '',
  },
  {
    name: 'settle-replaces',
    sentence: 'The first unit takes what a resolver offers over what it holds: two resolvers decide for two values.',
    breaks: ['L1'],
    seed: 0,
    judge: 'tests',
    tests: nets,
    file: 'log/unit/decisions.ts',
    find: '      if (status !== EMPTY) return answerOf(state, offer.position, status)\n',
    replace: '      if (status !== EMPTY && status !== OTHER) return answerOf(state, offer.position, status)\n',
  },
  {
    name: 'own-value-that-was-refused',
    sentence: 'A writer whose position went to junk takes the decision for its own entry.',
    breaks: ['L1', 'L3'],
    seed: 5,
    file: 'log/client/fate.ts',
    find: "if (kind === 'data' && hash === append.hash) {",
    replace: "if (kind === 'data' || kind === 'junk') {",
  },
  {
    name: 'acknowledged-by-one-unit',
    sentence: 'An append is acknowledged when the first unit that answers has stored it.',
    breaks: ['L5', 'L3', 'L2'],
    seed: 1,
    file: 'log/client/append.ts',
    find: '    if (--batch.left > 0) return\n',
    replace: '    if (--batch.left !== batch.units.length - 1) return\n',
  },
  {
    name: 'tail-without-window',
    sentence: 'The tail of a new epoch leaves out what the old one may have granted without anybody storing it.',
    breaks: ['Q1', 'L7', 'L6'],
    seed: 2,
    file: 'log/epochs/reconfigure.ts',
    find: 'answer.highest + 1)) + base.window\n',
    replace: 'answer.highest + 1))\n',
  },
  {
    name: 'second-bootstrap',
    sentence: 'A sequencer that was restarted takes the bootstrap of its last start from a slow driver.',
    breaks: ['Q2'],
    seed: 0,
    judge: 'tests',
    tests: ['test/sequencer/sequencer.test.ts'],
    file: 'sequencer/sequencer.ts',
    find: '    if (layout.sequencer?.boot !== this.boot) { throw',
    replace: '    if (layout.sequencer === null) { throw',
  },
  {
    name: 'install-of-another-boot',
    sentence: 'A unit takes a layout that names an earlier start of its process.',
    faults: ['crash', 'crashAll', 'loseRegister'],
    breaks: ['L6'],
    seed: 141,
    file: 'log/unit/membership.ts',
    find: '    if (member.boot !== state.boot) {\n',
    replace: "    if (member.boot === '') {\n",
  },
  {
    name: 'blank-acceptor-under-its-old-name',
    sentence:
      'An acceptor is named by the disk of its unit: one that has lost its register votes again, knowing '
      + 'nothing. That it forgot just what matters is too rare for the simulator.',
    breaks: ['Y1', 'Y2'],
    seed: 0,
    judge: 'tests',
    tests: nets,
    file: 'log/unit/server.ts',
    find: 'new Acceptor(register, ports.random.id(), ports.failpoint, isVital)',
    replace: 'new Acceptor(register, image.identity, ports.failpoint)',
  },
  {
    name: 'without-acceptors-and-their-no',
    sentence:
      'Who goes on without a majority of acceptors goes over the refusal of one that lives, and does not '
      + 'adopt what that one has accepted.',
    breaks: ['P45'],
    seed: 0,
    judge: 'tests',
    tests: ['test/log/epochs/recover.test.ts'],
    file: 'log/epochs/reconfigure.ts',
    find: '(goesWithout(base, intent) && answers.every(Boolean))',
    replace: 'goesWithout(base, intent)',
  },
  {
    name: 'lost-register-overwritten',
    sentence:
      'A unit whose acceptor is the only one and has lost its register writes a new one at once, over what '
      + 'could be mended.',
    breaks: ['P45'],
    seed: 0,
    judge: 'tests',
    tests: ['test/log/epochs/recover.test.ts'],
    file: 'log/epochs/acceptor.ts',
    find: 'if (found === undefined && !leavesBe) this',
    replace: 'if (found === undefined) this',
  },
  {
    name: 'removed-files-unseen',
    sentence:
      'A unit whose files were removed goes on acknowledging: nobody looks whether they are still at their paths.',
    breaks: ['L10'],
    seed: 0,
    judge: 'tests',
    tests: ['test/log/io/sqlite-store.test.ts'],
    file: 'log/io/sqlite-store.ts',
    find: '        requireFiles(files)\n',
    replace: '',
  },
  {
    name: 'blank-server-asks-once',
    sentence:
      'A server asks for the cluster of its clients when they greet it only: who met it blank stays when it '
      + 'belongs to another cluster.',
    breaks: ['L6'],
    seed: 0,
    judge: 'tests',
    tests: ['test/log/wire/rpc.test.ts'],
    file: 'log/wire/server.ts',
    find: 'guest.wants = own === null ? wants : undefined',
    replace: 'guest.wants = undefined',
  },
  {
    name: 'register-kept-once',
    sentence:
      'An acceptor answers when the first of the two copies of its register is durable: the other one may '
      + 'be all that is left, and has forgotten the promise.',
    breaks: ['P45'],
    seed: 0,
    judge: 'tests',
    tests: ['test/log/io/register-file.test.ts'],
    file: 'log/io/register-file.ts',
    find: 'for (const path of copiesOf(this.#path)) this.#putOne',
    replace: 'for (const path of copiesOf(this.#path).slice(0, 1)) this.#putOne',
  },
  {
    name: 'salvage-trusts-a-count',
    sentence:
      'Salvage takes every cell that a page counts: one flipped bit in the count brings rows back that were dropped.',
    breaks: ['L2'],
    seed: 0,
    judge: 'tests',
    tests: ['test/log/io/salvage.test.ts'],
    file: 'log/io/page-scan.ts',
    find:
      'return blocks !== undefined && fills([...cells, ...blocks], start, bytes.byteLength, view.getUint8(at '
      + '+ 7)) ? cells : undefined',
    replace: 'return blocks === undefined ? undefined : cells',
    also: [
      {
        file: 'log/io/page-scan.ts',
        find: 'cell === undefined || cell.at < start || cell.key',
        replace: 'cell === undefined || cell.key',
      },
    ],
  },
  {
    name: 'salvage-replays-a-copied-wal',
    sentence:
      'Salvage cuts a damaged WAL and replays the rest, though the database has all of it: older pages go '
      + 'over newer ones.',
    breaks: ['L2'],
    seed: 0,
    judge: 'tests',
    tests: ['test/log/io/salvage.test.ts'],
    file: 'log/io/salvage.ts',
    find: 'cutFile(path, isCopied ? 0 : offset)',
    replace: 'cutFile(path, offset)',
  },
  {
    name: 'wal-gone-is-empty',
    sentence: 'A WAL that is gone after a crash is taken for one without rows.',
    breaks: ['P31'],
    seed: 0,
    judge: 'tests',
    tests: ['test/log/io/sqlite-store.test.ts'],
    file: 'log/io/unit-folder.ts',
    find: 'if (noted === undefined || size >= Number(noted)) return',
    replace: 'if (noted === undefined || size >= Number(noted) || size === 0) return',
  },
  {
    name: 'newest-accepted-layout',
    sentence:
      'A driver adopts the accepted layout that it heard of last, not the one of the highest rank. Two '
      + 'half-done agreements in one slot are too rare for the simulator.',
    breaks: ['Y2'],
    seed: 0,
    judge: 'tests',
    tests: ['test/bugs/adopt.test.ts'],
    file: 'log/epochs/reconfigure.ts',
    find: 'if (highest === undefined || compareRanks(one.rank, highest.rank) > 0) highest = one',
    replace: 'highest = one',
  },
  {
    name: 'accepted-layout-ignored',
    sentence: 'A driver goes on with its own layout although an acceptor tells of another one that it has accepted.',
    breaks: ['Y1'],
    seed: 53,
    file: 'log/epochs/reconfigure.ts',
    find: 'adopted ?? (await sealed(driver, base, orThrow(wanted), finish))',
    replace: 'await sealed(driver, base, orThrow(wanted), finish)',
  },
  {
    name: 'promise-not-durable',
    sentence: 'An acceptor answers a promise that is in its memory only.',
    faults: ['crash', 'crashAll', 'loseRegister'],
    breaks: ['Y1', 'Y2'],
    seed: 128,
    file: 'log/epochs/acceptor.ts',
    find: '    this.#keep({ ...this.#kept, slot, promised: rank, accepted: kept, base: newest })\n',
    replace: '    this.#kept = { ...this.#kept, slot, promised: rank, accepted: kept, base: newest }\n',
  },
  {
    name: 'agreed-epoch-forgotten',
    sentence:
      'A promise for the next slot forgets the epoch that was agreed in this one: when nobody has installed '
      + 'it, no epoch can ever follow. The simulator meets it once in some ten thousand seeds (10700 of its '
      + 'day).',
    breaks: ['Y3'],
    seed: 0,
    judge: 'tests',
    tests: ['test/log/epochs/acceptor.test.ts'],
    file: 'log/epochs/acceptor.ts',
    find: 'accepted: kept, base: newest })\n    this.#failpoint',
    replace: 'accepted: kept, base: null })\n    this.#failpoint',
  },
  {
    name: 'accept-below-the-promise',
    sentence: 'An acceptor accepts a layout of a lower rank than it has promised.',
    breaks: ['Y1', 'Y2'],
    seed: 105,
    file: 'log/epochs/acceptor.ts',
    find: 'promised !== null && compareRanks(rank, promised) < 0)',
    replace: "promised !== null && rank.proposer === '')",
  },
  {
    name: 'seal-not-durable',
    sentence: 'A unit answers a seal that is in its memory only.',
    breaks: ['L6'],
    seed: 1,
    file: 'log/unit/membership.ts',
    find: 'if (slot > state.sealed) state.setMeta({ sealed: slot })',
    replace: 'if (slot > state.sealed) state.sealed = slot',
  },
  {
    name: 'token-in-a-newer-epoch',
    sentence: 'A writer offers its entry again under a newer epoch than its token is of.',
    breaks: ['Q1'],
    seed: 4,
    file: 'log/client/fate.ts',
    find: 'layout.epoch === grant.epoch ? { position: append.position, bytes: own } : undefined',
    replace: '{ position: append.position, bytes: own }',
  },
  {
    name: 'junk-previous-believed',
    sentence:
      'Everything below an early entry is taken for junk because the index has nothing there, though the '
      + 'index is not complete so far.',
    breaks: ['Q4', 'L2'],
    seed: 1,
    file: 'log/playback/stream-player.ts',
    find: 'this.#order.complete(from, completeTo, entries)',
    replace: 'this.#order.complete(from, to, entries)',
  },
  {
    name: 'complete-to-of-one-chain',
    sentence: 'An answer is taken for complete as far as the furthest chain is.',
    breaks: ['Q4', 'L2'],
    seed: 5,
    file: 'log/playback/stream-player.ts',
    find: 'const completeTo = Math.min(end ?? Infinity, ...parts.map((part) => part.completeTo))',
    replace: 'const completeTo = Math.min(end ?? Infinity, Math.max(...parts.map((part) => part.completeTo)))',
  },
  {
    name: 'push-complete-of-one-chain',
    sentence: 'What one chain has pushed completely is taken for what all chains have.',
    breaks: ['Q4', 'L2'],
    seed: 1,
    file: 'log/playback/stream-player.ts',
    find: 'offeredTo(Math.min(...completeTo))',
    replace: 'offeredTo(Math.max(...completeTo))',
  },
  {
    name: 'push-complete-though-more',
    sentence: 'A push that was cut off at its budget says that it was everything.',
    breaks: ['Q4'],
    seed: 0,
    judge: 'tests',
    tests: ['test/log/unit/subscriptions.test.ts'],
    file: 'log/unit/subscriptions.ts',
    find: 'Math.min(state.prefix, subscription.damagedFrom, cutOff)',
    replace: 'Math.min(state.prefix, subscription.damagedFrom)',
  },
  {
    name: 'junk-over-what-came-between',
    sentence:
      'A range of junk is forced on the others also where the first unit holds data that came while it was filled.',
    breaks: ['L3', 'L1', 'L5'],
    seed: 7,
    file: 'log/cluster/resolve-round.ts',
    find: '    if (this.#notEmpty.size === 0) return [this.#empty]\n',
    replace: '    return [this.#empty]\n',
  },
  {
    name: 'proof-of-a-minority',
    sentence: 'One acceptor that has promised nothing newer proves an epoch.',
    breaks: ['L7'],
    seed: 0,
    judge: 'tests',
    tests: ['test/log/playback/proof.test.ts'],
    file: 'log/playback/proof.ts',
    find: 'this.#promises * 2 > this.#layout.acceptors.length',
    replace: 'this.#promises > 0',
  },
  {
    name: 'previous-not-waited-for',
    sentence: 'A pushed entry is delivered though the one before it has not come yet.',
    breaks: ['Q4'],
    seed: 3,
    file: 'log/playback/stream-order.ts',
    find: '    if (this.#needs(entry) > this.#next) { this.#keep(entry); return [] }\n',
    replace: '',
  },
  {
    name: 'read-boards-a-sent-round',
    sentence: 'A tail read that begins while a round is on its way takes the answer of that round.',
    breaks: ['L7', 'Q4'],
    seed: 1,
    file: 'log/playback/tail.ts',
    find: 'for (const caller of callers) caller.resolve(tails)',
    replace: 'for (const caller of [...callers, ...this.#waiting.splice(0)]) caller.resolve(tails)',
  },
  {
    name: 'no-proof-of-the-epoch',
    sentence: 'A tail read believes the sequencer it knows without proof that its epoch is current.',
    faults: ['moveSequencer'],
    breaks: ['L7', 'Q4'],
    seed: 121,
    file: 'log/playback/tail.ts',
    find: 'askTails(this.#cluster, layout, streams), proveCurrent(this.#cluster, layout)])',
    replace: 'askTails(this.#cluster, layout, streams)])',
  },
  {
    name: 'striping-from-the-tail',
    sentence: "A writer counts chains from its epoch's tail, and units do not refuse the positions of other chains.",
    breaks: ['L5', 'L3', 'L2'],
    seed: 1,
    file: 'log/client/append.ts',
    find: 'parts[append.position % chains.length]',
    replace: 'parts[(append.position - layout.tail) % chains.length]',
    also: [ownsAll],
  },
  {
    name: 'trim-skipped-silently',
    sentence: 'A reader behind the trim mark is given what is left, and not told.',
    breaks: ['L8', 'Q4'],
    seed: 15,
    file: 'log/playback/stream-player.ts',
    find: "        if (part.trim > Math.max(from, this.#order.next)) { throw new SirtakiError('TRIMMED',",
    replace: "        if (part.trim < 0) { throw new SirtakiError('TRIMMED',",
  },
  {
    name: 'trimmed-comes-back',
    sentence:
      'A unit takes a store or a force below its trim mark. The index keeps 4,096 positions, so the '
      + 'simulator, whose logs are shorter, sees nothing of it.',
    breaks: ['L8'],
    seed: 0,
    judge: 'tests',
    tests: nets,
    file: 'log/unit/held.ts',
    find:
      '    if (position < state.trim) return TRIMMED\n    const flags = state.index.flags(position)\n    if '
      + '(flags === 0) return EMPTY\n',
    replace: '    const flags = state.index.flags(position)\n    if (flags === 0) return EMPTY\n',
  },
  {
    name: 'store-below-the-tail',
    sentence:
      'A unit takes a store below the tail of its epoch. No right writer sends one, so only the unit by '
      + 'itself shows it.',
    breaks: ['L6'],
    seed: 0,
    judge: 'tests',
    tests: nets,
    file: 'log/unit/unit.ts',
    find: '      if (position < layout.tail) { throw',
    replace: '      if (position < 0) { throw',
  },
  {
    name: 'mark-without-hash',
    sentence:
      'A mark decides whatever the unit holds. No right writer sends a mark for another value, so only the '
      + 'unit by itself shows it.',
    breaks: ['L5'],
    seed: 0,
    judge: 'tests',
    tests: nets,
    file: 'log/unit/unit.ts',
    find: 'return same\n',
    replace: 'return true\n',
  },
  {
    name: 'forgets-to-a-wrong-floor',
    sentence: 'The sequencer forgets a stream and says that nothing of it lies at or above a position too low by one.',
    breaks: ['Q4'],
    seed: 1,
    file: 'sequencer/sequencer.ts',
    find: 'this.#floor = Math.max(this.#floor, last + 1)',
    replace: 'this.#floor = Math.max(this.#floor, last)',
  },
  {
    name: 'grants-beyond-the-window',
    sentence: 'The sequencer grants though the window is full.',
    breaks: ['Q1'],
    seed: 1,
    file: 'sequencer/sequencer.ts',
    find: '    if (count > this.room) return undefined\n',
    replace: '',
  },
  {
    name: 'prefix-of-one-chain',
    sentence: 'The sequencer takes the furthest chain for the decided prefix of the whole log.',
    breaks: ['Q4', 'Q1'],
    seed: 1,
    file: 'sequencer/progress.ts',
    find: 'return Math.min(...prefixes)',
    replace: 'return Math.max(...prefixes)',
  },
  {
    name: 'log-time-from-the-old-layout',
    sentence: "A new epoch's log time begins at that of the old layout, not at the highest that a unit has stored.",
    breaks: ['Q3'],
    seed: 1,
    file: 'log/epochs/reconfigure.ts',
    find: 'logTime: Math.max(base.logTime, ...all.map((answer) => answer.logTime))',
    replace: 'logTime: base.logTime',
  },
  {
    name: 'bootstrap-before-install',
    sentence: 'The sequencer is started before every unit has installed its epoch.',
    breaks: ['Y3'],
    seed: 1,
    file: 'log/epochs/reconfigure.ts',
    find: '  step(`installing epoch ${layout.epoch}`)\n',
    replace:
      "  if (layout.sequencer !== null) await cluster.peer(layout.sequencer.address).control('bootstrap', { "
      + 'layout }, Empty)\n',
  },
  {
    name: 'answers-after-a-failed-sync',
    sentence: 'A unit whose disk failed a sync answers as if it had not.',
    breaks: ['L10', 'L5'],
    seed: 49,
    file: 'log/unit/steps.ts',
    find: "      if (error !== undefined) { this.fail(asError(error, 'IO')); return }\n",
    replace: '',
  },
  {
    name: 'merge-before-the-epoch-is-open',
    sentence:
      'Segments are merged while the epoch that closed them is not open: what is undecided there looks '
      + 'equal because it is empty everywhere. Copies begin later, so the simulator does not get there.',
    breaks: ['L11'],
    seed: 0,
    judge: 'tests',
    tests: ['test/bugs/segments.test.ts'],
    file: 'log/epochs/reconfigure.ts',
    find: 'intent.merge === true && isOpen ? await',
    replace: 'intent.merge === true ? await',
  },
  {
    name: 'merge-without-digests',
    sentence:
      'A unit of the open segment is put into the closed ones without anybody looking whether it has copied them.',
    breaks: ['L5'],
    seed: 4,
    file: 'log/epochs/whole.ts',
    find: '  return parts.every(Boolean)\n',
    replace: '  return parts.length > 0\n',
  },
  {
    name: 'damaged-counts-as-held',
    sentence: 'Who is asked for what it has read back counts what it found damaged.',
    breaks: ['P68'],
    seed: 0,
    judge: 'tests',
    tests: ['test/log/unit/copy.test.ts'],
    file: 'log/unit/requests.ts',
    find: 'return { ...unit.copies.digest(range, true), read }',
    replace: 'return { ...unit.copies.digest(range), read }',
  },
  {
    name: 'copy-not-read-back',
    sentence: 'A copy counts once its index knows it, whatever its disk has kept.',
    breaks: ['P68'],
    seed: 0,
    judge: 'tests',
    tests: ['test/log/unit/copy.test.ts'],
    file: 'log/unit/requests.ts',
    find: '    const read = unit.copies.isReadBack(range)\n',
    replace: '    const read = true\n',
    also: [
      {
        file: 'log/unit/copy.ts',
        find: '    await this.#server.readBack({ from, to })\n',
        replace: '',
      },
    ],
  },
  {
    name: 'left-out-alive-at-once',
    sentence: 'A living unit that is taken out goes though nobody has read back what the others hold.',
    breaks: ['Y4'],
    seed: 0,
    judge: 'tests',
    tests: ['test/log/unit/copy.test.ts'],
    file: 'log/epochs/next-layout.ts',
    find: 'const retires = leaving.some((unit) => this.#stay(',
    replace: 'const retires = leaving.some((unit) => unit.identity === "" && this.#stay(',
  },
  {
    name: 'last-good-copy-is-gone',
    sentence: 'A unit that is gone is left out though those who stay know that theirs is damaged.',
    breaks: ['Y4'],
    seed: 0,
    judge: 'tests',
    tests: ['test/log/epochs/next-layout.test.ts'],
    file: 'log/epochs/next-layout.ts',
    find: '    if (gone.length === 0 || position === undefined ||',
    replace: '    if (gone.length > 0 || position === undefined ||',
  },
  {
    name: 'whole-below-prefix-only',
    sentence: 'What a peer knows decided above its prefix is not compared: a restarted unit may hold an older value.',
    breaks: ['P69'],
    seed: 0,
    judge: 'tests',
    tests: ['test/log/epochs/whole.test.ts'],
    file: 'log/epochs/restarted.ts',
    find: '  const holds = above.from >= above.to || (await holdsDecided(cluster, above, restarted.unit, peer.unit))\n',
    replace: '  const holds = above.from >= 0\n',
    also: [{ file: 'log/epochs/restarted.ts', find: 'import { holdsDecided, isSame,', replace: 'import { isSame,' }],
  },
  {
    name: 'seat-stays-at-the-address',
    sentence: 'The seat of a lost acceptor stays while anybody is at its address.',
    breaks: ['Y1'],
    seed: 0,
    judge: 'tests',
    tests: ['test/log/epochs/acceptors.test.ts'],
    file: 'log/epochs/next-layout.ts',
    find: '      this.#survey.get(address) === undefined && [...absent,',
    replace: '      [...absent,',
  },
  {
    name: 'vote-for-another',
    sentence: 'An acceptor votes for the one that was at its address before.',
    breaks: ['Y2'],
    seed: 0,
    judge: 'tests',
    tests: ['test/log/epochs/acceptors.test.ts'],
    file: 'log/epochs/acceptor.ts',
    find: '    if (identity === undefined || identity === this.identity) return\n',
    replace: '    if (identity === undefined || this.identity.length > 0) return\n',
  },
  {
    name: 'no-smaller-step',
    sentence: 'A lost unit is left out only with its spare, also where no segment is left for that.',
    breaks: ['L11'],
    seed: 0,
    judge: 'tests',
    tests: ['test/log/epochs/next-layout.test.ts'],
    file: 'log/epochs/next-layout.ts',
    find: '  const narrow = new Build(base, survey, intent, findings, true)',
    replace: '  const narrow = new Build(base, survey, intent, findings)',
  },
  {
    name: 'wishes-take-all-segments',
    sentence: 'Changes by wish take the last segments, and none is left for a lost unit.',
    breaks: ['L11'],
    seed: 0,
    judge: 'tests',
    tests: ['test/log/epochs/segments.test.ts'],
    file: 'log/epochs/next-layout.ts',
    find: 'const SEGMENTS_KEPT = 8\n',
    replace: 'const SEGMENTS_KEPT = 0\n',
  },
  {
    name: 'newcomer-claims-everything-below',
    sentence: 'A unit takes its place in the open segment for one from position 0 on.',
    breaks: ['L5', 'L11', 'Q4'],
    seed: 1,
    file: 'log/layout.ts',
    find: '[{ from: segment.from, to: segment.to ?? Infinity, index',
    replace: '[{ from: segment.to === null ? 0 : segment.from, to: segment.to ?? Infinity, index',
  },
  {
    name: 'segment-from-the-prefix',
    sentence:
      'The segment of a unit that joins begins at the lowest decided prefix, not at the tail: it is named '
      + 'for positions of which it holds nothing.',
    breaks: ['L5', 'L3', 'L11'],
    seed: 4,
    file: 'log/epochs/reconfigure.ts',
    find:
      "  cluster.ports.failpoint?.('drive.sealed', { epoch: wanted.epoch, tail, units: [...answers.keys()] "
      + '})\n  return finish(',
    replace:
      "  cluster.ports.failpoint?.('drive.sealed', { epoch: wanted.epoch, tail, units: [...answers.keys()] "
      + '})\n  const begins = Math.max(openSegment(base).from + 1, Math.min(tail, ...all.map((answer) => '
      + 'answer.prefix)))\n  const moved = (layout: Layout): Layout => ({ ...layout, segments: '
      + 'layout.segments.map((segment) => ({ ...segment, from: segment.from === tail ? begins : segment.from, '
      + 'to: segment.to === tail ? begins : segment.to })) })\n  return moved(finish(',
    also: [
      {
        file: 'log/epochs/reconfigure.ts',
        find: 'logTime: Math.max(base.logTime, ...all.map((answer) => answer.logTime)) })\n}',
        replace: 'logTime: Math.max(base.logTime, ...all.map((answer) => answer.logTime)) }))\n}',
      },
    ],
  },
  {
    name: 'uncovered-start',
    sentence:
      'A unit answers for a stream from a position on of which it does not hold everything, as if it did. '
      + 'Only a reader of an old layout asks it, once in some hundred seeds.',
    breaks: ['Q4'],
    seed: 0,
    judge: 'tests',
    tests: nets,
    file: 'log/unit/unit.ts',
    find: '    if (end === undefined) {\n',
    replace: '    if (end === undefined) return Infinity\n    if (end < 0) {\n',
  },
  {
    name: 'one-chain-taken-for-another',
    sentence:
      'A unit looks only at how many chains its reader knows, not at which of them it takes the unit for: '
      + 'after two chains have swapped members a stale reader gets one half twice and the other never.',
    breaks: ['P67'],
    seed: 0,
    judge: 'tests',
    tests: ['test/log/playback/stream-player.test.ts'],
    file: 'log/unit/places.ts',
    find: 'if (follows && place.step === step && place.index === index)',
    replace: 'if (follows && place.step === step)',
  },
  {
    name: 'unnamed-chain-served',
    sentence: 'A reader that names no chain is served where there are several.',
    breaks: ['P67'],
    seed: 0,
    judge: 'tests',
    tests: ['test/log/unit/unit-places.test.ts'],
    file: 'log/unit/unit.ts',
    find: 'index = step === 1 ? 0 : undefined }',
    replace: 'index = this.state.openPlace?.index }',
  },
  {
    name: 'subscriptions-outlive-a-place',
    sentence:
      'A unit goes on pushing to its subscribers when it gets another place, and they do not look at the '
      + 'new layout: what it pushes is no longer the whole of its chain.',
    breaks: ['Q4', 'L2', 'L11', 'O1', 'O9'],
    seed: 4,
    file: 'log/unit/requests.ts',
    find: 'this.#subscriptions.endAll(layout.epoch)',
    replace: 'this.#steps.afterCommit(() => undefined)',
    also: [
      {
        file: 'log/playback/stream-player.ts',
        find: 'if (generation === this.#generation && (now.length',
        replace: 'if (generation < 0 && (now.length',
      },
    ],
  },
  {
    name: 'stream-beyond-the-segment',
    sentence:
      'An answer from the chains of one segment is taken for complete beyond its end, by the unit and by the reader.',
    breaks: ['Q4', 'L2', 'O9', 'O1', 'L11'],
    seed: 42,
    file: 'log/playback/stream-player.ts',
    find: 'const completeTo = Math.min(end ?? Infinity, ...parts',
    replace: 'const completeTo = Math.min(...parts',
    also: [
      {
        file: 'log/unit/unit.ts',
        find: 'let completeTo = Math.min(state.prefix, this.requireCovered({ from, ...chain }))',
        replace: 'this.requireCovered({ from, ...chain })\n    let completeTo = state.prefix',
      },
    ],
  },
  {
    name: 'copies-what-is-undecided',
    sentence:
      'A copy takes what a member happens to hold, decided or not. Copies begin when all is decided, and '
      + 'ask the first unit first, whose value wins: only the unit by itself shows it.',
    breaks: ['L5'],
    seed: 0,
    judge: 'tests',
    tests: nets,
    file: 'log/unit/copies.ts',
    find: 'const one = any || (state.places.owns(at) && state.isDecided(at)) ? heldAt(state, at, true) : undefined',
    replace: 'const one = any || state.places.owns(at) ? heldAt(state, at, true) : undefined',
  },
  {
    name: 'any-copy-is-decided',
    sentence:
      'A newcomer asks for whatever a member has, not for what it has decided. The digests are compared '
      + 'before a merge, so only the copy by itself shows it.',
    breaks: ['L5'],
    seed: 0,
    judge: 'tests',
    tests: ['test/bugs/segments.test.ts'],
    file: 'log/unit/copy.ts',
    find: "request('copy', writeJson({ from, to, index, step, ",
    replace: "request('copy', writeJson({ from, to, index, step, any: true, ",
  },
  {
    name: 'copy-keeps-what-differs',
    sentence: 'A unit that comes back copies what it lacks and keeps what it should not have.',
    breaks: ['L1'],
    seed: 0,
    judge: 'tests',
    tests: nets,
    file: 'log/unit/copies.ts',
    find: 'statusOf(state, position, kind, hash) === STORED) continue',
    replace: 'statusOf(state, position, kind, hash) !== 5) continue',
  },
  {
    name: 'copy-below-the-trim',
    sentence: 'A copy that was under way when a trim came brings back what the trim had dropped.',
    breaks: ['L8'],
    seed: 24,
    file: 'log/unit/copies.ts',
    find: '      if (position < state.trim || statusOf(state, position, kind, hash) === STORED) continue\n',
    replace: '      if (position >= state.trim && statusOf(state, position, kind, hash) === STORED) continue\n',
    also: [
      {
        file: 'log/unit/copy.ts',
        find: 'let at = firstOfClass(Math.max(from, state.trim), index, step)',
        replace: 'let at = firstOfClass(from + 0 * state.trim, index, step)',
      },
      {
        file: 'log/unit/copies.ts',
        find: '    let at = firstOfClass(Math.max(from, state.trim), index, step)\n    const end =',
        replace: '    let at = firstOfClass(from, index, step)\n    const end =',
      },
      {
        file: 'log/unit/copies.ts',
        find: 'if (at >= state.trim && statusOf(state, at, KIND_JUNK, JUNK_HASH) !== STORED) junk.push(at)',
        replace: 'if (at < state.trim || statusOf(state, at, KIND_JUNK, JUNK_HASH) !== STORED) junk.push(at)',
      },
    ],
  },
  {
    name: 'damage-taken-for-empty',
    sentence:
      'A damaged entry is taken for a hole and decided anew. What decays before it is decided is too rare '
      + 'for the simulator.',
    breaks: ['L3'],
    seed: 0,
    judge: 'tests',
    tests: nets,
    file: 'log/unit/held.ts',
    find: '(flags & DAMAGED) !== 0) return DAMAGED_HERE\n    const same',
    replace: '(flags & DAMAGED) !== 0) return EMPTY\n    const same',
  },
  {
    name: 'lossy-disk-goes-on',
    sentence: 'A restarted unit whose disk has dropped what it had synced goes on as if it were whole.',
    breaks: ['L5', 'L2'],
    seed: 14,
    faults: ['loseWrites'],
    file: 'log/epochs/reconfigure.ts',
    find: '  await requireWhole(driver, base, units, answers)\n',
    replace: '',
  },
  {
    name: 'lossy-disk-keeps-its-places',
    sentence:
      'A unit whose disk has dropped what it had synced joins the open segment anew, and stays a member of '
      + 'the closed ones.',
    breaks: ['L5'],
    seed: 14,
    faults: ['loseWrites'],
    file: 'log/epochs/next-layout.ts',
    find:
      'const members = chain.filter((unit) => this.#stay(unit, this.#lacks(segment.from, known, '
      + 'unit.identity)).closed',
    replace: 'const members = chain.filter((unit) => this.#stay(unit, known.length === 0).closed',
  },
  {
    name: 'known-loss-asked-again',
    sentence:
      'A driver that knows that a unit lacks something, and lets it join anew, refuses it once more for '
      + 'that: no epoch opens.',
    breaks: ['L11'],
    seed: 14,
    faults: ['loseWrites'],
    file: 'log/epochs/restarted.ts',
    find: 'driver.notWhole.has(identity) || driver.intent.restored',
    replace: 'driver.intent.restored',
  },
  {
    name: 'last-whole-copy-dropped',
    sentence:
      'A detector leaves out the last that holds all of a closed segment, and the segment is given to the '
      + 'units of the open one.',
    breaks: ['L5', 'Y4', 'L2', 'L11'],
    seed: 1568,
    file: 'log/epochs/next-layout.ts',
    find: '      if (members.length + holders.length === 0) { throw new SirtakiError(',
    replace:
      '      if (members.length + holders.length === 0 && same) return [...open[i] ?? []]\n      if '
      + '(members.length + holders.length === 0) { throw new SirtakiError(',
    also: [
      {
        file: 'log/epochs/detector.ts',
        find: 'for (const chain of layout.segments.flatMap((segment) => segment.chains)) {',
        replace: 'for (const chain of layout.segments.at(-1)?.chains ?? []) {',
      },
    ],
  },
  {
    name: 'comes-back-without-copying',
    sentence:
      'A unit that was left out comes back as a full member of the open segment, without a copy of what it missed.',
    breaks: ['L5', 'L1', 'L3'],
    seed: 1,
    file: 'log/epochs/next-layout.ts',
    find: '!this.#goesOn(open.chains[i] ?? [], unit.identity)))',
    replace:
      '!this.#goesOn(open.chains[i] ?? [], unit.identity) && !base.absent.some(({ identity }) => identity '
      + '=== unit.identity)))',
  },
  {
    name: 'unequal-segments-joined',
    sentence: 'Neighbouring segments are made one when they have as many chains, whoever stands in these.',
    breaks: ['L5', 'L2', 'L11'],
    seed: 1,
    file: 'log/layout.ts',
    find: 'JSON.stringify(chains.map((chain) => chain.map(({ identity }) => identity)))',
    replace: 'JSON.stringify(chains.length)',
  },
  {
    name: 'nobody-merges',
    sentence:
      'Segments whose units have nothing to copy, because they were only laid out in other chains, are never merged.',
    breaks: ['L11'],
    seed: 77,
    faults: ['stripe'],
    file: 'log/unit/rejoin.ts',
    find: '(parts.length === 0 && !sees)',
    replace: 'parts.length === 0',
  },
  {
    name: 'copies-from-a-newcomer',
    sentence: 'Units copy closed segments from the open chain, whose members may hold as little as they do.',
    breaks: ['L5', 'L11', 'Y4'],
    seed: 1,
    file: 'log/epochs/whole.ts',
    find: 'sources: segment.chains[index % segment.chains.length] ?? []',
    replace: 'sources: openSegment(layout).chains[index % count] ?? []',
  },
  {
    name: 'acceptors-of-the-next-epoch',
    sentence:
      'An epoch is agreed by a majority of the acceptors that it names itself, not of those of the epoch before.',
    breaks: ['Y1', 'Y2', 'L11'],
    seed: 2,
    file: 'log/epochs/reconfigure.ts',
    find: 'await askMajority(base.acceptors, accept,',
    replace: 'await askMajority(proposal.acceptors, accept,',
    also: [
      {
        file: 'log/epochs/reconfigure.ts',
        find: 'if (!isEnough(base, driver.intent, answers.map(({ accepted })',
        replace: 'if (!isEnough(proposal, driver.intent, answers.map(({ accepted })',
      },
    ],
  },
  {
    name: 'blank-unit-refuses-the-seal',
    sentence:
      'A blank unit cannot be sealed: an epoch that names it, and whose driver died before it was installed '
      + 'there, can neither be opened nor followed once another member was restarted.',
    breaks: ['L6'],
    seed: 0,
    judge: 'tests',
    tests: ['test/log/unit/unit.test.ts'],
    file: 'log/unit/membership.ts',
    find: 'const installed = state.layout === undefined ? 0 : state.requireLayout(cluster).epoch',
    replace: 'const installed = state.requireLayout(cluster).epoch',
  },
  {
    name: 'untold-sequencer-counts-as-living',
    sentence:
      'A sequencer that its epoch was never told to answers probes, so nobody sees to it. A driver has to '
      + 'die in one step of many; the simulator met it once in ten thousand seeds.',
    breaks: ['L11'],
    seed: 0,
    judge: 'tests',
    tests: ['test/sequencer/standby.test.ts'],
    file: 'log/epochs/guard.ts',
    find:
      "this.#unstarted = boot === sequencer.boot && (role === 'waiting' || role === 'standby' || role === "
      + "'deposed')",
    replace: 'this.#unstarted = false',
  },
  {
    name: 'standby-without-an-epoch',
    sentence:
      'Who stands by takes over the epoch of a sequencer that does not answer, instead of opening the next one.',
    breaks: ['Q1', 'Q2'],
    seed: 6,
    file: 'sequencer/place.ts',
    find: '      if (this.#standsBy || this.#isNamed()) await this.#members.probe()\n',
    replace:
      '      const { layout } = this.#cluster\n      if (this.#standsBy && layout?.sequencer != null && '
      + 'layout.epoch > this.#machine.epoch && layout.sequencer.boot !== this.#machine.boot && await '
      + 'this.#roleOf(layout) === undefined) this.#machine.bootstrap({ ...layout, sequencer: this.#member() '
      + '}, ports.clock.now())\n      if (this.#standsBy || this.#isNamed()) await this.#members.probe()\n',
  },
  {
    name: 'spare-counted-as-member',
    sentence:
      'An epoch waits for its spares to tell how far they have decided: they hold nothing and serve nobody, '
      + 'so it never opens.',
    breaks: ['L11'],
    seed: 2,
    file: 'log/epochs/reconfigure.ts',
    find: "await Promise.all(units.map((unit) => cluster.peer(unit.address).control('decidedBelow'",
    replace:
      "await Promise.all([...units, ...layout.spares].map((unit) => cluster.peer(unit.address).control('decidedBelow'",
  },
  {
    name: 'trim-of-the-open-segment-only',
    sentence: 'A trim skips the units that stand in closed segments only.',
    breaks: ['L8', 'L4', 'L2'],
    seed: 139,
    faults: ['swap'],
    file: 'log/playback/read.ts',
    find: "await Promise.all(unitsOf(layout).map((unit) => this.#cluster.peer(unit.address).control('trim'",
    replace:
      'await Promise.all((layout.segments.at(-1)?.chains.flat() ?? []).map((unit) => '
      + "this.#cluster.peer(unit.address).control('trim'",
  },
  {
    name: 'serves-under-any-boot',
    sentence: 'A restarted unit executes under the layout on its disk, which names another start of it.',
    breaks: ['L6', 'L5'],
    seed: 2,
    file: 'log/unit/unit-state.ts',
    find: 'unit.identity === this.identity && unit.boot === this.boot)',
    replace: "unit.identity === this.identity && unit.boot !== '')",
  },
  {
    name: 'decided-below-over-holes',
    sentence: 'Everything below the tail is told decided although a hole was left because a unit did not answer.',
    breaks: ['Y3'],
    seed: 0,
    judge: 'tests',
    tests: ['test/log/unit/unit.test.ts'],
    file: 'log/unit/membership.ts',
    find: '    if (heldTo < tail) { throw',
    replace: '    if (heldTo < 0) { throw',
    also: [
      {
        file: 'log/cluster/resolve.ts',
        find: '  if (hole !== undefined) { throw',
        replace: '  if (hole !== undefined && hole < 0) { throw',
      },
    ],
  },
  {
    name: 'row-ids-of-32-bits',
    sentence: 'The index keeps 32 bits of the id of a row.',
    breaks: ['P70'],
    seed: 0,
    judge: 'tests',
    tests: ['test/log/unit/growth.test.ts'],
    file: 'log/unit/position-index.ts',
    find: '  if (chunk.far === undefined && (delta <= 0 || delta > 0xffff_ffff)) {\n',
    replace: '  if (chunk.far === undefined && delta <= 0) {\n',
  },
  {
    name: 'trim-forgotten-at-a-restart',
    sentence: 'What a restart leaves of a trim stays on the disk for ever.',
    breaks: ['L8'],
    seed: 0,
    judge: 'tests',
    tests: ['test/log/unit/growth.test.ts'],
    file: 'log/unit/unit-state.ts',
    find: '    if (this.trim > 0) this.#staging.dropBelow(this.trim)\n',
    replace: '',
  },
  {
    name: 'trimmed-rows-come-back',
    sentence: 'A restart takes up again what is trimmed and not dropped yet.',
    breaks: ['L8'],
    seed: 0,
    judge: 'tests',
    tests: ['test/log/unit/growth.test.ts'],
    file: 'log/unit/unit-state.ts',
    find: '        if (position >= this.trim) this.#noteData(position, hash, row, offset, streams)\n',
    replace: '        this.#noteData(position, hash, row, offset, streams)\n',
  },
  {
    name: 'lists-read-below-the-mark',
    sentence: 'A stream is read from a list whose trimmed beginning is still there.',
    breaks: ['L8'],
    seed: 0,
    judge: 'tests',
    tests: ['test/log/unit/subscriptions.test.ts'],
    file: 'log/unit/unit-state.ts',
    find: 'this.streams.next(stream, Math.max(position, this.trim), this.#belongs)',
    replace: 'this.streams.next(stream, position, this.#belongs)',
  },
  {
    name: 'replaced-data-stays-listed',
    sentence: 'Data over other data is read as if it were of the streams of that too.',
    breaks: ['Q4'],
    seed: 0,
    judge: 'tests',
    tests: ['test/log/unit/growth.test.ts'],
    file: 'log/unit/unit-state.ts',
    find: '    if (isOther) this.index.replace(position)\n',
    replace: '    if (isOther && before === 0) this.index.replace(position)\n',
  },
  {
    name: 'repair-with-another-value',
    sentence:
      'A damaged entry is mended with whatever another unit has at its position. The members of its chain, '
      + 'which are asked first, have the right one, so only the unit by itself shows it.',
    breaks: ['L1'],
    seed: 0,
    judge: 'tests',
    tests: nets,
    file: 'log/unit/copies.ts',
    find: '    if (state.index.hash(position) !== hash) return false\n',
    replace: '',
  },
  {
    name: 'suspects-a-majority',
    sentence:
      'A detector suspects everybody who does not answer, also when that is nearly everybody: it is the one '
      + 'that is cut off.',
    breaks: ['P24'],
    seed: 0,
    judge: 'tests',
    tests: ['test/bugs/detector.test.ts'],
    file: 'log/epochs/detector.ts',
    find: '    return acceptors.length * 2 > layout.acceptors.length && silent.length * 2 <= unitsOf(layout).length\n',
    replace: '    return acceptors.length > -1 - silent.length\n',
  },
  {
    name: 'late-answers-count-as-missed',
    sentence:
      'A detector drops the answers that come later than a probe waits: a unit that has much to do is taken '
      + 'for gone, again and again.',
    breaks: ['P24'],
    seed: 0,
    judge: 'tests',
    tests: ['test/log/epochs/guard.test.ts'],
    file: 'log/epochs/guard.ts',
    find: 'if (answers === boot && this.#cluster.layout?.epoch === epoch) { this.#detector',
    replace: 'if (answers === boot && this.#cluster.layout?.epoch === -epoch) { this.#detector',
  },
  {
    name: 'probes-of-another-epoch',
    sentence: 'A detector counts what was missed under older epochs.',
    breaks: ['P24'],
    seed: 0,
    judge: 'tests',
    tests: ['test/bugs/detector.test.ts'],
    file: 'log/epochs/detector.ts',
    find: '    this.#seen.clear()\n',
    replace: '',
  },
  {
    name: 'wish-taken-for-a-tail',
    sentence: 'A reader plays to whatever position its caller names, and fills what was never granted on its way.',
    breaks: ['P66'],
    seed: 0,
    judge: 'tests',
    tests: ['test/log/playback/stream-player.test.ts'],
    file: 'log/cluster/resolve-round.ts',
    find: 'return Math.max(this.#layout.tail, this.#cluster.granted)',
    replace: 'return Math.max(Infinity, this.#cluster.granted)',
    also: [
      {
        file: 'log/playback/stream-player.ts',
        find: 'if (this.#cluster.granted < to) await',
        replace: 'if (this.#order.next < 0) await',
      },
    ],
  },
  {
    name: 'damage-ends-playback',
    sentence: 'Damage that a player meets ends its subscription for good, though it is mended within a second.',
    breaks: ['P19'],
    seed: 0,
    judge: 'tests',
    tests: ['test/log/playback/stream-player.test.ts'],
    file: 'log/playback/stream-player.ts',
    find: "if (error.code === 'TRIMMED') { this.close(error)",
    replace: "if (error.code === 'TRIMMED' || error.code === 'DAMAGED') { this.close(error)",
  },
  {
    name: 'trimmed-append-made-again',
    sentence:
      'A writer that finds its position trimmed appends again: others may have read the entry there, and '
      + 'see it twice.',
    breaks: ['L1'],
    seed: 0,
    judge: 'tests',
    tests: ['test/log/client/append.test.ts'],
    file: 'log/client/fate.ts',
    find: 'this.#outcomes.end(append, trimmedAt(position))\n      return true',
    replace: 'return false',
  },
  {
    name: 'tails-told-with-the-clock',
    sentence:
      'A sequencer tells the log time of its clock with tails: the one that follows starts from what is '
      + 'stored, which is less.',
    breaks: ['Q3'],
    seed: 0,
    judge: 'tests',
    tests: ['test/sequencer/server.test.ts'],
    file: 'sequencer/server.ts',
    find: 'logTime: Math.floor(machine.provenTime) }',
    replace: 'logTime: Math.floor(machine.logTime(clock.now())) }',
  },
  {
    name: 'one-unit-proves-a-log-time',
    sentence:
      'A log time that one unit of a chain has stored counts as proven: the next epoch may leave out just '
      + 'this one.',
    breaks: ['Q3'],
    seed: 0,
    judge: 'tests',
    tests: ['test/sequencer/server.test.ts'],
    file: 'sequencer/progress.ts',
    find: 'this.#machine.prove(Math.min(...units.map(',
    replace: 'this.#machine.prove(Math.max(...units.map(',
  },
  {
    name: 'skips-without-a-trace',
    sentence: 'A sequencer that passes over positions which others have decided goes on with old pointers.',
    breaks: ['Q1'],
    seed: 0,
    judge: 'tests',
    tests: ['test/sequencer/sequencer.test.ts'],
    file: 'sequencer/sequencer.ts',
    find: '    this.#streams.clear()\n    this.#floor = prefix\n',
    replace: '',
  },
  {
    name: 'nobody-follows-a-stopped-sequencer',
    sentence: 'Who hosts a sequencer does not hear that it has stopped: the cluster is dead until its process ends.',
    breaks: ['P66'],
    seed: 0,
    judge: 'tests',
    tests: ['test/sequencer/server.test.ts'],
    file: 'sequencer/keep.ts',
    find: 'server.onStopped(() => { if (started) void this.#follow() })',
    replace: 'server.onStopped(() => undefined)',
  },
  {
    name: 'looking-put-off',
    sentence:
      'Each request that waits for the window puts off the look at the decided prefix: requests that come '
      + 'close together are never served.',
    breaks: ['L11'],
    seed: 0,
    judge: 'tests',
    tests: ['test/sequencer/server.test.ts'],
    file: 'sequencer/progress.ts',
    find: 'if (this.#timer.at <= at) return',
    replace: 'if (ms >= PROGRESS_MS) return',
  },
  {
    name: 'duplicate-applied-twice',
    sentence: 'An op that was appended twice is applied twice.',
    breaks: ['O4'],
    seed: 0,
    judge: 'tests',
    tests: ['test/objects/space.test.ts'],
    file: 'objects/runtime/space.ts',
    find: "    if (ahead < 0) return { kind: 'duplicate', position, session, number }\n",
    replace: '',
  },
  {
    name: 'digest-ignores-deletes',
    sentence: 'A deleted record stays in the digest.',
    breaks: ['O3'],
    seed: 0,
    judge: 'tests',
    tests: ['test/objects/space.test.ts'],
    file: 'objects/runtime/digest.ts',
    find: '      if (before?.counted === true) {\n',
    replace: '      if (before?.counted === true && store.row(key) !== undefined) {\n',
  },
  {
    name: 'any-range-error-stops',
    sentence: 'Every RangeError of an op is taken for an exhausted engine: one toFixed(101) stops every view.',
    breaks: ['O12'],
    seed: 0,
    judge: 'tests',
    tests: ['test/objects/space.test.ts'],
    file: 'objects/runtime/exhausted.ts',
    find: 'thrown instanceof RangeError && TEXTS.test(thrown.message)',
    replace: 'thrown instanceof RangeError',
  },
  {
    name: 'text-halts-the-space',
    sentence: 'Whatever does not begin with the version at hand is taken for an entry of a later version.',
    breaks: ['O11'],
    seed: 0,
    judge: 'tests',
    tests: ['test/objects/session.test.ts', 'test/objects/entry.test.ts'],
    file: 'objects/runtime/entry.ts',
    find: 'version === 0 || version > VERSION_MARK_MAX || byteLength < 2',
    replace: 'version === 0 || byteLength < 2',
  },
  {
    name: 'forgotten-session-stays-in-digest',
    sentence: 'The mark of a forgotten session stays in the sums of the digest.',
    breaks: ['O3'],
    seed: 0,
    judge: 'tests',
    tests: ['test/objects/space.test.ts'],
    file: 'objects/runtime/session-marks.ts',
    find: '    this.#sum = subtractLanes(this.#sum, mark.lanes)\n    this.#dirty',
    replace: '    this.#dirty',
  },
  {
    name: 'conflicting-type-is-kept',
    sentence: 'A type that conflicts with a known one is kept all the same, and fails every later replay.',
    breaks: ['O3'],
    seed: 0,
    judge: 'tests',
    tests: ['test/objects/session.test.ts'],
    file: 'objects/runtime/view.ts',
    find: '      requireNoTwin(type, this.#types)\n',
    replace: '      void requireNoTwin\n',
  },
  {
    name: 'drivers-overtake-one-another',
    sentence:
      'Every driver is given the turn, and none gives the others time: on a busy machine they overtake one '
      + 'another, and appends stand still.',
    breaks: ['L11'],
    seed: 168,
    file: 'log/epochs/turn.ts',
    find: '    if (goesOn && held.proposer !== proposer) {\n',
    replace: '    if (goesOn && held.proposer !== proposer && held.slot < 0) {\n',
    also: [
      { file: 'log/epochs/guard.ts', find: ', under: layout.epoch }', replace: ' }' },
      {
        file: 'log/unit/rejoin.ts',
        find: '    return stuckMs * (1 + random.next())\n',
        replace: '    return random.next() * stuckMs / 2\n',
      },
      {
        file: 'log/epochs/reconfigure.ts',
        find: 'SURVEY_TIMES * (survey.size === 0 ? usualMs : slowestMs)\n',
        replace: 'slowestMs > 0 ? usualMs : usualMs\n',
      },
    ],
  },
  {
    name: 'turn-of-the-silent',
    sentence: 'A driver that makes no progress any more keeps its turn for ever.',
    breaks: ['P23'],
    seed: 0,
    judge: 'tests',
    tests: ['test/log/epochs/turn.test.ts'],
    file: 'log/epochs/turn.ts',
    find: 'slot <= held.slot + 1 && now - held.heardMs <= this.#patienceMs(held.stepMs)',
    replace: 'slot <= held.slot + 1',
  },
  {
    name: 'outdated-suspicion',
    sentence:
      'Who was told to wait goes on with what it saw before: the sequencer that was named meanwhile is deposed again.',
    breaks: ['P23'],
    seed: 0,
    judge: 'tests',
    tests: ['test/log/epochs/turn.test.ts'],
    file: 'log/epochs/guard.ts',
    find: ', under: layout.epoch }',
    replace: ' }',
    also: [
      {
        file: 'log/epochs/guard-move.ts',
        find: "const completes = sequencer === 'untold' && ",
        replace: 'const completes = false && ',
      },
    ],
  },
  {
    name: 'named-in-place-of-told',
    sentence:
      'Who stands by names itself in another epoch where the sequencer that is named lives and has only not been told.',
    breaks: ['L11'],
    seed: 0,
    judge: 'tests',
    tests: ['test/sequencer/standby.test.ts'],
    file: 'log/epochs/guard-move.ts',
    find: "const completes = sequencer === 'untold' && ",
    replace: 'const completes = false && ',
  },
  {
    name: 'supervision-ends',
    sentence:
      'A look of a unit at its place that fails is its last: it never comes back when it was left out, and '
      + 'nobody knows.',
    breaks: ['L11'],
    seed: 0,
    judge: 'tests',
    tests: ['test/log/unit/rejoin.test.ts'],
    file: 'log/unit/rejoin.ts',
    find: '        await backoff.wait()\n',
    replace: '        return\n',
  },
  {
    name: 'lock-behind-what-fails',
    sentence: 'A host that cannot close its store keeps the lock of its folder until its process ends.',
    breaks: ['P50'],
    seed: 0,
    judge: 'tests',
    tests: ['test/sequencer/host.test.ts'],
    file: 'sequencer/host.ts',
    find: '      errors.push(thrown)\n',
    replace: '      throw thrown\n',
  },
  {
    name: 'deadline-of-the-queue-only',
    sentence: 'The deadline of an append ends what waits in its own queue, not what waits for a server that hangs.',
    breaks: ['P72'],
    seed: 0,
    judge: 'tests',
    tests: ['test/contracts/call-deadlines.test.ts'],
    file: 'log/client/append.ts',
    find: '    for (const append of late) this.#end(append, this.#timeout(append, now))\n',
    replace: '    for (const append of late) if (!append.sent) this.#end(append, this.#timeout(append, now))\n',
  },
  {
    name: 'flow-bounds-itself',
    sentence: 'A call ends with its flow alone: one that waits for a server that hangs ends when the request does.',
    breaks: ['P72'],
    seed: 0,
    judge: 'tests',
    tests: ['test/contracts/call-deadlines.test.ts'],
    file: 'log/cluster/calls.ts',
    find: '(late) => { for (const call of late) call.fail(this.#late(call)) }',
    replace: '() => undefined',
  },
  {
    name: 'nobody-holds-the-process',
    sentence: 'A call that is under way does not keep its process alive.',
    breaks: ['P73'],
    seed: 0,
    judge: 'tests',
    tests: ['test/log/cluster/deadlines.test.ts'],
    file: 'log/cluster/deadlines.ts',
    find: 'if (due.attended && this.#attended++ === 0) this.#release = this.#clock.hold?.()',
    replace: 'if (due.attended) this.#attended++',
  },
  {
    name: 'turn-for-everybody',
    sentence: 'Every driver is given the turn at once, also while another one makes progress.',
    breaks: ['P23'],
    seed: 0,
    judge: 'tests',
    tests: ['test/log/epochs/turn.test.ts'],
    file: 'log/epochs/turn.ts',
    find: '    if (goesOn && held.proposer !== proposer) {\n',
    replace: '    if (goesOn && held.proposer !== proposer && held.slot < 0) {\n',
  },
  {
    name: 'foreign-invariant',
    sentence: 'A rule that does not hold in another process is taken for one of this process, which stops.',
    breaks: ['P64'],
    seed: 0,
    judge: 'tests',
    tests: ['test/log/wire/control.test.ts'],
    file: 'log/wire/control.ts',
    find: "if (code === 'INVARIANT') return new SirtakiError('STOPPED', ",
    replace: "if (code === 'INVARIANT') return new SirtakiError('INVARIANT', ",
  },
  {
    name: 'code-of-a-later-version',
    sentence: 'An error code of a later version is taken for a rule that does not hold, and stops a sequencer.',
    breaks: ['P64'],
    seed: 0,
    judge: 'tests',
    tests: ['test/sequencer/server.test.ts'],
    file: 'log/wire/control.ts',
    find: 'return new SirtakiError(plain[advice], ',
    replace: "return new SirtakiError('INVARIANT', ",
  },
  {
    name: 'anew-at-its-address',
    sentence:
      'A sequencer that was started anew at its address is taken for the one that is gone: the first epoch names none.',
    breaks: ['P4'],
    seed: 0,
    judge: 'tests',
    tests: ['test/sequencer/standby.test.ts'],
    file: 'log/epochs/reconfigure.ts',
    find: ' && !wanted.includes(sequencer.address)',
    replace: '',
  },
]
