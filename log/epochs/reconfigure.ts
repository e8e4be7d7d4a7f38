/**
 * Reconfiguration: the one flow that opens the next epoch, whoever drives it.
 *
 *     survey, build, check ─ promise of a majority ─ seal all that stay ─ agree ─ install on all ─ resolve ─ bootstrap
 *                                   └ an accepted layout comes back: adopt it ──┘
 *
 * Nobody waits for a member that the intent calls absent, and a majority of acceptors is enough.
 *
 * Before it changes anything a driver takes its turn at a majority of the acceptors (`turn.ts`): while another one
 * makes progress, it waits. That is politeness: agreement does not depend on it.
 *
 * Every step repeats harmlessly; a driver that dies anywhere is followed by another. A member lost after the agreement
 * means the slot after it. Keeps: Y1, Y2, Y3, Y4, L6, L7, Q1, Q2, P3, P8, P11, P21, P23.
 * Read next: `next-layout.ts`, `acceptor.ts`, `../cluster/resolve.ts`.
 * @source docs/rules.md, Y1 to Y4; CORFU TOCS'13 4.1; Lamport, Paxos made simple.
 */
import type { Infer } from 'superstruct'
import type { CallOptions } from '../cluster/calls.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { lowestUndecided, resolveAll } from '../cluster/resolve.ts'
import { Backoff } from '../cluster/retry.ts'
import { SirtakiError, asError, isError } from '../errors.ts'
import {
  addressesOf,
  isMajority,
  openSegment,
  unitsOf,
  type AcceptorMember,
  type Layout,
  type UnitMember,
} from '../layout.ts'
import {
  AcceptedAnswer,
  Empty,
  Identity,
  Promised,
  Sealed,
  compareRanks,
  type Accepted,
  type Rank,
} from '../wire/control.ts'
import {
  isOutdated,
  isTurnOf,
  waitForTurn,
  giveTurnBack,
  takeTurn,
  SURVEY_TIMES,
  askMajority,
  type Driver,
} from './driver.ts'
import { addressIn, checkDrops, type Intent, type Survey, type Findings } from './intent.ts'
import { namesAll, nextLayout } from './next-layout.ts'
import { requireWhole } from './restarted.ts'
import { wholeUnits } from './whole.ts'

/**
 * What a driver may be told. `step` is for people: which step begins. `under`: the epoch under which the intent was
 * found: it gives up once there is another epoch, or while another driver has its turn. Then the caller looks again.
 */
export interface ReconfigureOptions extends CallOptions {
  readonly step?: ((text: string) => void) | undefined
  readonly under?: number | undefined
}

/**
 * Who was overtaken by another driver stays away for up to so many times what a try takes, doubled each time,
 * `AWAY_DOUBLED` times at most.
 */
const AWAY_TRIES = 2
const AWAY_DOUBLED = 2

/** A driver that cannot build anything looks every so many tries whether there is something to adopt. */
const ADOPT_TRIES = 4

/**
 * Opens an epoch that is as `intent` wants it; if the present one is and is open, nothing happens.
 *
 * @throws SirtakiError what makes it impossible (`UNREACHABLE` a unit that stays, `NOT_WHOLE`, `BAD_ARGUMENT`), or
 *   `TIMEOUT`: another driver may still finish it.
 */
export async function reconfigure(cluster: Cluster, intent: Intent, options: ReconfigureOptions = {}): Promise<Layout> {
  const { clock, random } = cluster.ports
  const deadline = clock.now() + (options.timeoutMs ?? cluster.limits.requestMs)
  const backoff = new Backoff(cluster.ports, cluster.limits)
  const driver: Driver = {
    cluster,
    intent,
    proposer: random.id(),
    under: options.under,
    step: options.step ?? ((): void => undefined),
    notWhole: new Set(),
    round: 1,
    tries: 0,
    stepMs: 0,
    turnAt: [],
  }
  let [overtaken, tryMs] = [0, 0]
  for (;;) {
    const [began, round] = [clock.now(), driver.round]
    try {
      return await driveOnce(driver)
    } catch (thrown) {
      const error = asError(thrown)
      if (isOutdated(driver, error)) throw error
      if (isTurnOf(error) && clock.now() < deadline && !cluster.closed) {
        await waitForTurn(driver, deadline, options.signal)
        continue
      }
      tryMs = Math.max(tryMs, clock.now() - began)
      // Nobody else can decide what is damaged there: it joins anew, and the others decide.
      if (error.code === 'DAMAGED') noteDamage(driver, error.facts['identity'])
      if (error.next === 'stop' || cluster.closed || clock.now() >= deadline) throw error
      cluster.ports.failpoint?.('drive.again', { code: error.code })
      await backoff.wait(options.signal)
      if (driver.round === round && error.code !== 'EPOCH') continue
      // Drivers that overtake each other before either is through, by a higher rank or by the epoch after, would do so
      // for ever, the more the slower the machine is (measured: 10 s of it). A new layout is no reason to come back
      // earlier: it is not open yet.
      const awayMs = random.next() * tryMs * AWAY_TRIES * 2 ** Math.min(overtaken++, AWAY_DOUBLED)
      await cluster.pause(Math.max(0, Math.min(awayMs, deadline - clock.now())), options.signal)
    } finally {
      giveTurnBack(driver)
    }
  }
}

function noteDamage({ cluster: { layout }, notWhole }: Driver, identity: unknown): void {
  const chain =
    layout === undefined
      ? undefined
      : openSegment(layout).chains.find((units) => units.some((unit) => unit.identity === identity))
  if (typeof identity === 'string' && chain !== undefined && chain.length > 1) notWhole.add(identity)
}

async function driveOnce(driver: Driver): Promise<Layout> {
  const { cluster, intent, step } = driver
  // The first try believes what is known: whoever drives has just looked around, and the survey tells of a newer epoch.
  if (driver.tries > 0 || cluster.layout === undefined) await cluster.refresh()
  const base = await cluster.current()
  const { under = base.epoch } = driver
  if (base.epoch !== under) {
    const why = `epoch ${base.epoch} exists: what was seen under epoch ${under} says nothing of it`
    throw new SirtakiError('EPOCH', why, { next: 'again' })
  }
  if (driver.tries++ === 0) checkDrops(base, intent)
  step(`asking who is there under epoch ${base.epoch}`)
  const { survey, slowestMs } = await surveyTimed(cluster, base, intent)
  driver.stepMs = Math.max(driver.stepMs, slowestMs)
  const isOpen = unitsOf(base).every((unit) => survey.get(addressIn(unit, intent))?.opened === base.epoch)
  // What an epoch that is not open has closed may still be undecided, and equal only because it is empty everywhere.
  const findings: Findings = {
    notWhole: driver.notWhole,
    whole: intent.merge === true && isOpen ? await wholeUnits(cluster, base) : undefined,
  }
  // Once anything of the next slot was promised or sealed there is no way back: it must open.
  const begun = [...survey.values()].some((answer) => Math.max(answer.sealed, answer.slot) > base.epoch)
  if (!begun && namesAll(base, survey, intent, findings)) {
    if (isOpen && (base.sequencer === null || survey.get(base.sequencer.address)?.opened === base.epoch)) return base
    await takeTurn(driver, base)
    cluster.ports.failpoint?.('drive.completes', { epoch: base.epoch })
    await openEpoch(driver, base)
    return base
  }
  const wanted = tryNext(base, survey, intent, findings)
  // What another driver had accepted may be possible, and has to open, though nothing can be built on the base any
  // more. Asking for promises takes them from who can build something: so that is tried now and then only.
  if (wanted instanceof SirtakiError && (!begun || driver.tries % ADOPT_TRIES !== 0)) throw wanted
  requireAcceptors(base, survey, intent)
  await takeTurn(driver, base)
  await reachAcceptors(cluster, base, survey)
  const finish: Finish = (found) => nextLayout(base, survey, intent, { ...findings, sealed: found })
  const { agreed, isOwn } = await agree(driver, base, wanted, finish)
  cluster.learn(agreed)
  await openEpoch(driver, agreed)
  // Somebody else's layout was adopted: what we wanted goes into the slot after it.
  if (!isOwn && !namesAll(agreed, await surveyOf(cluster, agreed, intent), intent)) {
    throw new SirtakiError('CONFLICT', `epoch ${agreed.epoch} was another driver's`, { next: 'again' })
  }
  return agreed
}

// ---- acceptors that are gone

/**
 * Who answers as another acceptor has lost the register of the one that is named, and that one never votes again.
 *
 * @throws SirtakiError `DAMAGED` (next `stop`) when no majority is left.
 */
function requireAcceptors(base: Layout, survey: Survey, intent: Intent): void {
  if (goesWithout(base, intent)) return
  const lost = base.acceptors.filter(({ address, identity }) => {
    const answer = survey.get(address)
    return answer !== undefined && answer.acceptor !== identity
  })
  if (isMajority(base.acceptors.length - lost.length, base)) return
  const where = lost.map(({ address }) => address).join(' and ')
  throw new SirtakiError(
    'DAMAGED',
    `the register of the acceptor at ${where} is lost or cannot be read, so that no majority of the `
      + `${base.acceptors.length} acceptors of epoch ${base.epoch} is left, and no epoch can be opened: put `
      + 'acceptor.register back from a backup, or go on with sirtaki recover --without-acceptors, which says '
      + 'what that risks',
    { next: 'stop', facts: { lost: lost.map(({ address }) => address), epoch: base.epoch } },
  )
}

/**
 * A majority says yes; without one nobody who answers may say no: that one may be all that is left of what was agreed.
 */
const isEnough = (base: Layout, intent: Intent, answers: readonly boolean[]): boolean =>
  isMajority(answers.filter(Boolean).length, base) || (goesWithout(base, intent) && answers.every(Boolean))

const goesWithout = (base: Layout, { withoutAcceptors = [] }: Intent): boolean =>
  !isMajority(base.acceptors.filter(({ identity }) => !withoutAcceptors.includes(identity)).length, base)

/** An acceptor that its epoch has never reached cannot promise, and a majority may need it. */
async function reachAcceptors(cluster: Cluster, base: Layout, survey: Survey): Promise<void> {
  const unreached = base.acceptors.filter(({ identity, address }) => {
    const answer = survey.get(address)
    return answer?.acceptor === identity && !answer.initialised
  })
  await Promise.all(
    unreached.map(({ address }) =>
      cluster
        .peer(address)
        .control('install', { layout: base }, Empty)
        .catch(() => undefined),
    ),
  )
}

function tryNext(base: Layout, survey: Survey, intent: Intent, findings: Findings): Layout | SirtakiError {
  try {
    return nextLayout(base, survey, intent, findings)
  } catch (thrown) {
    return asError(thrown)
  }
}

function orThrow(wanted: Layout | SirtakiError): Layout {
  if (wanted instanceof SirtakiError) throw wanted
  return wanted
}

// ---- 1: who is there

/**
 * Asks everybody who is or is to be a member. Nobody waits long for those that the intent calls absent.
 *
 * @throws SirtakiError `EPOCH` when somebody knows a newer one.
 */
export async function surveyOf(cluster: Cluster, base: Layout, intent: Intent): Promise<Survey> {
  return (await surveyTimed(cluster, base, intent)).survey
}

interface Sighting {
  readonly survey: Survey
  readonly slowestMs: number
}

/** The same with the time that the slowest answer took. */
async function surveyTimed(cluster: Cluster, base: Layout, intent: Intent): Promise<Sighting> {
  const wanted = [
    ...(intent.moved ?? []),
    ...(intent.join ?? []),
    ...(intent.sequencer === undefined ? [] : [intent.sequencer]),
    ...(intent.standby === undefined ? [] : [intent.standby]),
  ].map((one) => one.address)
  const addresses = new Set([
    ...addressesOf(base),
    ...wanted,
    ...(intent.spares ?? []),
    ...(intent.chains?.flat() ?? []),
  ])
  const gone = (name: string): boolean => intent.absent?.includes(name) === true
  const absent = new Set(
    [...unitsOf(base), ...base.spares].filter((unit) => gone(unit.identity)).map((unit) => unit.address),
  )
  const { sequencer } = base
  // One that was started anew at the same address, and stands by, is to be named: else it would take one more epoch.
  if (sequencer !== null && gone(sequencer.boot) && !wanted.includes(sequencer.address)) absent.add(sequencer.address)
  const survey = new Map<string, Identity>()
  const {
    limits,
    ports: { clock },
  } = cluster
  const started = clock.now()
  const usualMs = Math.max(limits.probeMs, limits.requestMs / 5)
  let slowestMs = 0
  // Where all are slow, one that has not answered yet is not gone.
  const patienceMs = (): number => {
    const scaledMs = SURVEY_TIMES * (survey.size === 0 ? usualMs : slowestMs)
    return Math.max(usualMs, Math.min(limits.requestMs, scaledMs))
  }
  const ask = async (address: string): Promise<void> => {
    try {
      const answer = await cluster.peer(address).control('identify', {}, Identity, usualMs)
      slowestMs = clock.now() - started
      if (answer.cluster === null || answer.cluster === base.cluster) survey.set(address, answer)
    } catch (thrown) {
      // Who does not answer is not in the survey; building the layout tells what that means.
      if (isError(thrown, 'TIMEOUT') && clock.now() - started < patienceMs() && !cluster.closed) await ask(address)
    }
  }
  await Promise.all([...addresses].filter((address) => !absent.has(address)).map(ask))
  const newest = Math.max(0, ...[...survey.values()].map((answer) => answer.epoch))
  if (newest > base.epoch) {
    throw new SirtakiError('EPOCH', `epoch ${newest} exists, ${base.epoch} was taken for the newest`)
  }
  return { survey, slowestMs }
}

// ---- 2 to 4: promise, seal, agree

/** Builds the proposal anew with what sealing has brought. */
type Finish = (sealed: NonNullable<Findings['sealed']>) => Layout

interface Agreement {
  readonly agreed: Layout
  readonly isOwn: boolean
}

async function agree(driver: Driver, base: Layout, wanted: Layout | SirtakiError, finish: Finish): Promise<Agreement> {
  const { cluster } = driver
  const slot = base.epoch + 1
  const rank: Rank = { round: driver.round, proposer: driver.proposer }
  driver.step(`asking for promises for epoch ${slot}`)
  const adopted = await promiseOf(driver, base, slot, rank)
  if (adopted !== undefined) cluster.ports.failpoint?.('drive.adopted', { epoch: adopted.epoch })
  const proposal = adopted ?? (await sealed(driver, base, orThrow(wanted), finish))
  driver.step(`agreeing on epoch ${proposal.epoch} with tail ${proposal.tail}`)
  const proposed = { cluster: base.cluster, slot: proposal.epoch, rank, layout: proposal }
  const accept = ({ identity, address }: AcceptorMember): Promise<Infer<typeof AcceptedAnswer>> =>
    cluster.peer(address).control('accept', { ...proposed, acceptor: identity }, AcceptedAnswer)
  const answers = await askMajority(base.acceptors, accept, (answer) => answer.accepted)
  for (const { rank: other } of answers) {
    if (other !== null && compareRanks(other, rank) > 0) driver.round = Math.max(driver.round, other.round + 1)
  }
  if (
    !isEnough(
      base,
      driver.intent,
      answers.map(({ accepted }) => accepted),
    )
  ) {
    throw new SirtakiError('CONFLICT', `no majority of acceptors took epoch ${proposal.epoch}`, { next: 'again' })
  }
  cluster.ports.failpoint?.('drive.agreed', { epoch: proposal.epoch })
  return { agreed: proposal, isOwn: adopted === undefined }
}

/** Asks for promises; gives the highest-ranked layout that one of a majority has accepted already. */
async function promiseOf(driver: Driver, base: Layout, slot: number, rank: Rank): Promise<Layout | undefined> {
  const { cluster } = driver
  const prepare = ({ identity, address }: AcceptorMember): Promise<Promised> =>
    cluster.peer(address).control('prepare', { cluster: base.cluster, acceptor: identity, slot, rank, base }, Promised)
  const answers = await askMajority(base.acceptors, prepare, (answer) => answer.promised)
  for (const { layout, rank: other, promised } of answers) {
    if (layout !== null) cluster.learn(layout)
    if (!promised && other !== null) driver.round = Math.max(driver.round, other.round + 1)
  }
  const yes = answers.filter((answer) => answer.promised)
  if (
    !isEnough(
      base,
      driver.intent,
      answers.map(({ promised }) => promised),
    )
  ) {
    throw new SirtakiError('CONFLICT', `no majority of acceptors promised epoch ${slot}`, { next: 'again' })
  }
  return highestRanked(yes.flatMap((answer) => (answer.accepted === null ? [] : [answer.accepted])))
}

function highestRanked(accepted: readonly Accepted[]): Layout | undefined {
  let highest: Accepted | undefined
  for (const one of accepted) if (highest === undefined || compareRanks(one.rank, highest.rank) > 0) highest = one
  return highest?.layout
}

/** Seals every unit that stays and completes the proposal with what they answered. */
async function sealed(driver: Driver, base: Layout, wanted: Layout, finish: Finish): Promise<Layout> {
  const { cluster } = driver
  const before = unitsOf(base)
  const units = unitsOf(wanted).filter((unit) => before.some(({ identity }) => identity === unit.identity))
  driver.step(`sealing ${units.length} units at epoch ${wanted.epoch}`)
  const answers = new Map<string, Sealed>()
  await Promise.all(
    units.map(async (unit) => {
      const answer = await cluster
        .peer(unit.address)
        .control('seal', { cluster: base.cluster, slot: wanted.epoch }, Sealed)
      if (answer.boot !== unit.boot || answer.identity !== unit.identity) {
        throw new SirtakiError('BOOT', `the unit at ${unit.address} was restarted meanwhile`, { next: 'again' })
      }
      answers.set(unit.identity, answer)
    }),
  )
  // The rest best effort: they are fenced by not being named, sealing only saves them from refusing for ever.
  for (const unit of before) {
    if (!answers.has(unit.identity)) {
      void cluster
        .peer(unit.address)
        .control('seal', { cluster: base.cluster, slot: wanted.epoch }, Sealed)
        .catch(() => undefined)
    }
  }
  await requireWhole(driver, base, units, answers)
  const all = [...answers.values()]
  const trim = Math.max(base.trim, ...all.map((answer) => answer.trim))
  // The window is added because a position that was granted and never stored must never be granted again (P44).
  const tail = Math.max(base.tail, trim, ...all.map((answer) => answer.highest + 1)) + base.window
  cluster.ports.failpoint?.('drive.sealed', { epoch: wanted.epoch, tail, units: [...answers.keys()] })
  return finish({ trim, tail, logTime: Math.max(base.logTime, ...all.map((answer) => answer.logTime)) })
}

// ---- 5 to 7: install, resolve, bootstrap

/** Moves every member to an agreed layout and opens it. Repeats harmlessly. */
async function openEpoch(driver: Driver, layout: Layout): Promise<void> {
  const { cluster, step } = driver
  const units = unitsOf(layout)
  step(`installing epoch ${layout.epoch}`)
  // A spare holds nothing that the epoch needs, unless it is an acceptor: that one must know.
  const isAcceptor = (spare: UnitMember): boolean => layout.acceptors.some(({ address }) => address === spare.address)
  await Promise.all(
    [...units, ...layout.spares.filter(isAcceptor)].map(async (unit) => {
      try {
        await cluster.peer(unit.address).control('install', { layout }, Empty)
      } catch (thrown) {
        // Agreed but impossible: a member was restarted. The next try builds the slot after it.
        if (isError(thrown, 'BOOT', 'EPOCH')) {
          throw new SirtakiError(thrown.code, thrown.message, { next: 'again', cause: thrown })
        }
        throw thrown
      }
    }),
  )
  cluster.ports.failpoint?.('drive.installed', { epoch: layout.epoch })
  for (const spare of layout.spares.filter((one) => !isAcceptor(one))) {
    void cluster
      .peer(spare.address)
      .control('install', { layout }, Empty)
      .catch(() => undefined)
  }
  step(`resolving up to ${layout.tail}`)
  const from = await lowestUndecided(cluster, layout)
  // Without holes only: a member that holds such a position from a broken-off fill must not be told that it is decided
  // (L5).
  if (from < layout.tail) await resolveAll(cluster, layout, from, layout.tail)
  await Promise.all(
    units.map((unit) =>
      cluster.peer(unit.address).control('decidedBelow', { epoch: layout.epoch, tail: layout.tail }, Empty),
    ),
  )
  if (layout.sequencer === null) return
  step(`starting the sequencer at ${layout.sequencer.address}`)
  await cluster.peer(layout.sequencer.address).control('bootstrap', { layout }, Empty)
}
