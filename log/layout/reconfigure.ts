/**
 * Reconfiguration: the one flow that opens the next epoch, whoever drives it.
 *
 *     survey, build, check ─ promise of a majority ─ seal all that stay ─ agree ─ install on all ─ resolve ─ bootstrap
 *                                   └ an accepted layout comes back: adopt it ──┘
 *
 * Every step repeats harmlessly; a driver that dies anywhere is followed by another. A member lost after the agreement
 * means the slot after it. Keeps: Y1, Y2, Y3, Y4, L6, L7, Q1, Q2, P3, P8, P11, P21, P23.
 * Read next: `next-layout.ts`, `acceptor.ts`, `../client/resolve.ts`.
 * @source DESIGN 4 (Reconfiguration); CORFU TOCS'13 4.1; Lamport, Paxos made simple.
 */
import { SirtakiError, asError, isError } from '../errors.ts'
import { lowestUndecided } from '../client/read.ts'
import { resolveAll } from '../client/resolve.ts'
import { Backoff } from '../client/retry.ts'
import type { CallOptions, Cluster } from '../client/cluster.ts'
import { AcceptedAnswer, DigestAnswer, Empty, Identity, Promised, Sealed, compareRanks, type Accepted, type Rank } from '../wire/control.ts'
import { addressesOf, chainsOf, openSegment, type Layout, type UnitMember } from './layout.ts'
import { addressIn, checkDrops, namesAll, nextLayout, type Intent, type Survey } from './next-layout.ts'

/** What a driver may be told. `step` is for people: which step begins. */
export interface ReconfigureOptions extends CallOptions { readonly step?: ((text: string) => void) | undefined }

/** A layout with what is known of how far it has come. */
interface Driver { readonly cluster: Cluster; readonly intent: Intent; readonly proposer: string; readonly step: (text: string) => void; round: number; checked: boolean }

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
  const driver: Driver = { cluster, intent, proposer: random.id(), step: options.step ?? ((): void => undefined), round: 1, checked: false }
  for (;;) {
    try {
      return await driveOnce(driver)
    } catch (thrown) {
      const error = asError(thrown)
      if (error.next === 'stop' || cluster.closed || clock.now() >= deadline) throw error
      cluster.ports.failpoint?.('drive.again', { code: error.code })
      await backoff.wait(options.signal)
    }
  }
}

async function driveOnce(driver: Driver): Promise<Layout> {
  const { cluster, intent, step } = driver
  await cluster.refresh()
  const base = await cluster.current()
  if (!driver.checked) checkDrops(base, intent)
  driver.checked = true
  step(`asking who is there under epoch ${base.epoch}`)
  const survey = await surveyOf(cluster, base, intent)
  // Once anything of the next slot was promised or sealed there is no way back: it must open.
  const begun = [...survey.values()].some((answer) => Math.max(answer.sealed, answer.slot) > base.epoch)
  if (!begun && namesAll(base, survey, intent)) {
    const members = [...openSegment(base).chains.flat().map((unit) => addressIn(unit, intent)), ...(base.sequencer === null ? [] : [base.sequencer.address])]
    if (members.every((address) => survey.get(address)?.opened === base.epoch)) return base
    cluster.ports.failpoint?.('drive.completes', { epoch: base.epoch })
    await openEpoch(driver, base)
    return base
  }
  const wanted = tryNext(base, survey, intent)
  // What another driver had accepted may be possible, and has to open, though nothing can be built on the base any more.
  if (wanted instanceof SirtakiError && !begun) throw wanted
  const agreed = await agree(driver, base, wanted)
  cluster.learn(agreed)
  await openEpoch(driver, agreed)
  // Somebody else's layout was adopted: what we wanted goes into the slot after it.
  if (!namesAll(agreed, await surveyOf(cluster, agreed, intent), intent)) throw new SirtakiError('CONFLICT', `epoch ${agreed.epoch} was another driver's`, { next: 'again' })
  return agreed
}

function tryNext(base: Layout, survey: Survey, intent: Intent): Layout | SirtakiError {
  try {
    return nextLayout(base, survey, intent)
  } catch (thrown) {
    return asError(thrown)
  }
}

function orThrow(wanted: Layout | SirtakiError): Layout {
  if (wanted instanceof SirtakiError) throw wanted
  return wanted
}

// ---- 1: who is there

async function surveyOf(cluster: Cluster, base: Layout, intent: Intent): Promise<Survey> {
  const moved = intent.moved?.map((one) => one.address) ?? []
  const addresses = new Set([...addressesOf(base), ...moved, ...(intent.sequencer === undefined ? [] : [intent.sequencer.address])])
  const survey = new Map<string, Identity>()
  await Promise.all([...addresses].map(async (address) => {
    try {
      const answer = await cluster.peer(address).control('identify', {}, Identity, Math.max(cluster.limits.probeMs, cluster.limits.requestMs / 5))
      if (answer.cluster === null || answer.cluster === base.cluster) survey.set(address, answer)
    } catch {
      // Who does not answer is not in the survey; building the layout tells what that means.
    }
  }))
  const newest = Math.max(0, ...[...survey.values()].map((answer) => answer.epoch))
  if (newest > base.epoch) throw new SirtakiError('EPOCH', `epoch ${newest} exists, ${base.epoch} was taken for the newest`)
  return survey
}

// ---- 2 to 4: promise, seal, agree

async function agree(driver: Driver, base: Layout, wanted: Layout | SirtakiError): Promise<Layout> {
  const { cluster } = driver
  const slot = base.epoch + 1
  const rank: Rank = { round: driver.round, proposer: driver.proposer }
  driver.step(`asking for promises for epoch ${slot}`)
  const adopted = await promiseOf(driver, base, slot, rank)
  if (adopted !== undefined) cluster.ports.failpoint?.('drive.adopted', { epoch: adopted.epoch })
  const proposal = adopted ?? await sealed(driver, base, orThrow(wanted))
  driver.step(`agreeing on epoch ${proposal.epoch} with tail ${proposal.tail}`)
  const answers = await askAll(base.acceptors, (address) => cluster.peer(address).control('accept', { cluster: base.cluster, slot: proposal.epoch, rank, layout: proposal }, AcceptedAnswer))
  for (const { rank: other } of answers) if (other !== null && compareRanks(other, rank) > 0) driver.round = Math.max(driver.round, other.round + 1)
  if (answers.filter((answer) => answer.accepted).length * 2 <= base.acceptors.length) throw new SirtakiError('CONFLICT', `no majority of acceptors took epoch ${proposal.epoch}`, { next: 'again' })
  cluster.ports.failpoint?.('drive.agreed', { epoch: proposal.epoch })
  return proposal
}

/** Asks for promises; gives the highest-ranked layout that one of a majority has accepted already. */
async function promiseOf(driver: Driver, base: Layout, slot: number, rank: Rank): Promise<Layout | undefined> {
  const { cluster } = driver
  const answers = await askAll(base.acceptors, (address) => cluster.peer(address).control('prepare', { cluster: base.cluster, slot, rank, base }, Promised))
  for (const { layout, rank: other, promised } of answers) {
    if (layout !== null) cluster.learn(layout)
    if (!promised && other !== null) driver.round = Math.max(driver.round, other.round + 1)
  }
  const yes = answers.filter((answer) => answer.promised)
  if (yes.length * 2 <= base.acceptors.length) throw new SirtakiError('CONFLICT', `no majority of acceptors promised epoch ${slot}`, { next: 'again' })
  return highestRanked(yes.flatMap((answer) => answer.accepted === null ? [] : [answer.accepted]))
}

function highestRanked(accepted: readonly Accepted[]): Layout | undefined {
  let highest: Accepted | undefined
  for (const one of accepted) if (highest === undefined || compareRanks(one.rank, highest.rank) > 0) highest = one
  return highest?.layout
}

async function askAll<T>(members: readonly { readonly address: string }[], ask: (address: string) => Promise<T>): Promise<T[]> {
  const answers = await Promise.allSettled(members.map((one) => ask(one.address)))
  return answers.flatMap((answer) => answer.status === 'fulfilled' ? [answer.value] : [])
}

/** Seals every unit that stays and completes the proposal with what they answered. */
async function sealed(driver: Driver, base: Layout, wanted: Layout): Promise<Layout> {
  const { cluster } = driver
  driver.step(`sealing ${openSegment(wanted).chains.flat().length} units at epoch ${wanted.epoch}`)
  const answers = new Map<string, Sealed>()
  const units = openSegment(wanted).chains.flat()
  await Promise.all(units.map(async (unit) => {
    const answer = await cluster.peer(unit.address).control('seal', { cluster: base.cluster, slot: wanted.epoch }, Sealed)
    if (answer.boot !== unit.boot || answer.identity !== unit.identity) throw new SirtakiError('BOOT', `the unit at ${unit.address} was restarted meanwhile`, { next: 'again' })
    answers.set(unit.identity, answer)
  }))
  // The rest best effort: they are fenced by not being named, sealing only saves them from refusing for ever.
  for (const unit of openSegment(base).chains.flat()) if (!answers.has(unit.identity)) void cluster.peer(unit.address).control('seal', { cluster: base.cluster, slot: wanted.epoch }, Sealed).catch(() => undefined)
  await requireWhole(driver, wanted, answers)
  const all = [...answers.values()]
  const trim = Math.max(base.trim, ...all.map((answer) => answer.trim))
  // The window is added because a position that was granted and never stored must never be granted again (P44).
  const tail = Math.max(base.tail, trim, ...all.map((answer) => answer.highest + 1)) + base.window
  cluster.ports.failpoint?.('drive.sealed', { epoch: wanted.epoch, tail, units: [...answers.keys()] })
  return { ...wanted, trim, tail, logTime: Math.max(base.logTime, ...all.map((answer) => answer.logTime)) }
}

/** A restarted unit goes on only if it holds everything that its peers know decided. @throws SirtakiError `NOT_WHOLE`. */
async function requireWhole({ cluster }: Driver, wanted: Layout, answers: ReadonlyMap<string, Sealed>): Promise<void> {
  for (const chain of chainsOf(openSegment(wanted))) {
    const members = chain.units.flatMap((unit) => { const answer = answers.get(unit.identity); return answer === undefined ? [] : [{ unit, answer }] })
    const best = members.reduce((a, b) => b.answer.prefix > a.answer.prefix ? b : a)
    for (const member of members) if (member !== best && member.answer.role === 'recovering') await requireSame(cluster, member, best)
  }
}

async function requireSame(cluster: Cluster, restarted: { unit: UnitMember; answer: Sealed }, best: { unit: UnitMember; answer: Sealed }): Promise<void> {
  const from = Math.max(restarted.answer.trim, best.answer.trim)
  const to = best.answer.prefix
  const lacks = (what: string): SirtakiError => new SirtakiError('NOT_WHOLE', `the unit at ${restarted.unit.address} ${what} below ${to} that its peer at ${best.unit.address} knows decided: its disk lost synced data, drop it`, { facts: { address: restarted.unit.address, identity: restarted.unit.identity } })
  if (restarted.answer.heldTo < to) throw lacks(`lacks position ${restarted.answer.heldTo}`)
  const [a, b] = await Promise.all([restarted, best].map(({ unit }) => cluster.peer(unit.address).control('digest', { from, to }, DigestAnswer)))
  if (a?.count !== b?.count || a?.sum !== b?.sum) throw lacks('differs')
}

// ---- 5 to 7: install, resolve, bootstrap

/** Moves every member to an agreed layout and opens it. Repeats harmlessly. */
async function openEpoch(driver: Driver, layout: Layout): Promise<void> {
  const { cluster, step } = driver
  const units = openSegment(layout).chains.flat()
  step(`installing epoch ${layout.epoch}`)
  await Promise.all(units.map(async (unit) => {
    try {
      await cluster.peer(unit.address).control('install', { layout }, Empty)
    } catch (thrown) {
      // Agreed but impossible: a member was restarted. The next try builds the slot after it.
      if (isError(thrown, 'BOOT', 'EPOCH')) throw new SirtakiError(thrown.code, thrown.message, { next: 'again', cause: thrown })
      throw thrown
    }
  }))
  cluster.ports.failpoint?.('drive.installed', { epoch: layout.epoch })
  step(`resolving up to ${layout.tail}`)
  const from = await lowestUndecided(cluster, layout)
  // Without holes only: a member that holds such a position from a broken-off fill must not be told that it is decided (L5).
  if (from < layout.tail) await resolveAll(cluster, layout, from, layout.tail)
  await Promise.all(units.map((unit) => cluster.peer(unit.address).control('decidedBelow', { epoch: layout.epoch, tail: layout.tail }, Empty)))
  if (layout.sequencer === null) return
  step(`starting the sequencer at ${layout.sequencer.address}`)
  await cluster.peer(layout.sequencer.address).control('bootstrap', { layout }, Empty)
}
