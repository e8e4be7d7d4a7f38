/**
 * The next layout as a pure function of the last one, of who answered, and of what somebody wants.
 *
 *     [A B]  B is lost, C joins      0 ──[A]── T ──[A C]──      closed at the tail T, open from there
 *            C has copied [0, T)     0 ───────[A C]───────      merged
 *
 * A unit that joins holds nothing below the tail: the open segment is closed there, and a new one begins. Who holds
 * all of a closed segment is put into it, and segments of equal chains are one. Everything is built and checked
 * before anything is sealed (P23). Keeps: Y4, P24, P25, P26. Read next: `stay.ts` (what becomes of a member),
 * `reconfigure.ts`.
 */
import { SirtakiError } from '../errors.ts'
import {
  SEGMENTS_MAX,
  checkLayout,
  openSegment,
  joinSegments,
  type AbsentMember,
  type AcceptorMember,
  type Drops,
  type Layout,
  type Segment,
  type SequencerMember,
  type UnitMember,
} from '../layout.ts'
import { addressIn, named, type Survey, type Intent, type Findings } from './intent.ts'
import { stayOf, type Stay } from './stay.ts'

/** Segments that wishes leave for what goes wrong: each loss that a spare makes up for takes one. */
const SEGMENTS_KEPT = 8
/** A unit that was left out so long ago is no flapping one. */
const DROPS_REMEMBERED_MS = 3_600_000

/**
 * Builds the proposal for the epoch after `base`.
 *
 * @throws SirtakiError `UNREACHABLE` when a unit that stays or joins did not answer, `NOT_WHOLE` when something would
 *   lose its last whole copy, `BAD_LAYOUT`, `BAD_ARGUMENT` for what makes no sense.
 */
export function nextLayout(base: Layout, survey: Survey, intent: Intent, findings: Findings = {}): Layout {
  const sealed = findings.sealed ?? { tail: base.tail + base.window, trim: base.trim, logTime: base.logTime }
  const wide = new Build(base, survey, intent, findings).layout(sealed)
  const { join, chains, drop, restored } = intent
  const isWish = restored === undefined && (join ?? chains ?? drop) !== undefined
  const max = isWish ? Math.max(base.segments.length, SEGMENTS_MAX - SEGMENTS_KEPT) : SEGMENTS_MAX
  if (wide.segments.length <= max) return checkLayout(wide)
  if (join !== undefined || chains !== undefined) throw tooMany(wide, max)
  // Fewer units now are better than none: spares, and who has lost something, wait for merges.
  const narrow = new Build(base, survey, intent, findings, true).layout(sealed)
  if (narrow.segments.length > max) throw tooMany(narrow, max)
  return checkLayout(narrow)
}

function tooMany({ epoch, segments: { length } }: Layout, max: number): SirtakiError {
  const kept = max < SEGMENTS_MAX ? ', the rest is kept for losses' : ''
  const problem = `epoch ${epoch} would have ${length} segments, ${max} is the most${kept}`
  const way = 'wait until closed positions are copied and merged (sirtaki status shows how far), or trim them'
  return new SirtakiError('BAD_LAYOUT', `${problem}: ${way}`, { next: 'again', facts: { segments: length, max } })
}

class Build {
  readonly #base: Layout
  readonly #survey: Survey
  readonly #intent: Intent
  readonly #findings: Findings
  /** Nobody joins: no segment is closed for what goes wrong. */
  readonly #isNarrow: boolean

  constructor(base: Layout, survey: Survey, intent: Intent, findings: Findings, isNarrow = false) {
    this.#base = base
    this.#survey = survey
    this.#intent = intent
    this.#findings = findings
    this.#isNarrow = isNarrow
  }

  layout({ tail, trim, logTime }: { readonly tail: number; readonly trim: number; readonly logTime: number }): Layout {
    const base = this.#base
    const open = openSegment(base)
    const { chains, used } = this.#openChains(open)
    const joins = chains.some((chain, i) => chain.some((unit) => !this.#goesOn(open.chains[i] ?? [], unit.identity)))
    // Who is left out alive keeps what it has until the others have read back theirs.
    const leaving = open.chains.flatMap((chain, i) => missing(chain, chains[i] ?? []))
    const lacks = ({ identity }: UnitMember): boolean => this.#findings.notWhole?.has(identity) === true
    const retires = leaving.some((unit) => this.#stay(unit, lacks(unit)).closed === 'stays')
    const closes = joins || retires || chains.length !== open.chains.length
    if (!closes) {
      open.chains.forEach((chain, i) => {
        this.#requireReadable(open, chain, chains[i] ?? [])
      })
    }
    const closed = [...base.segments.slice(0, -1), ...(closes ? [{ ...open, to: tail }] : [])].filter(
      ({ to }) => to === null || to > trim,
    )
    const segments = joinSegments([
      ...closed.map((segment) => this.#closed(segment, chains)),
      { from: closes ? tail : open.from, to: null, kind: 'chain', chains },
    ])
    const members = segments.flatMap((segment) => segment.chains.flat())
    const spares = this.#spares(used, members)
    const absent = this.#absent(chains, spares, used)
    return {
      ...base,
      epoch: base.epoch + 1,
      tail,
      trim,
      logTime,
      segments,
      spares,
      sequencer: this.#sequencer(),
      absent,
      drops: this.#drops(logTime),
      acceptors: this.#acceptors(chains.flat(), spares, absent),
    }
  }

  /** What becomes of a member that lacks something, or does not. */
  #stay(unit: UnitMember, lacks: boolean): Stay {
    const { absent, drop } = this.#intent
    const answers = this.#survey.get(addressIn(unit, this.#intent))?.identity === unit.identity
    return stayOf({ isAbsent: named(absent, unit), isDropped: named(drop, unit), answers, lacks })
  }

  /** The same of a member of the open segment. */
  #openStay(chain: readonly UnitMember[], unit: UnitMember): Stay['open'] {
    return this.#stay(unit, this.#lacks(openSegment(this.#base).from, chain, unit.identity)).open
  }

  /** Whether a unit is a member of this open chain that goes on where it is. */
  #goesOn(chain: readonly UnitMember[], identity: string): boolean {
    return chain.some((unit) => unit.identity === identity && this.#openStay(chain, unit) === 'stays')
  }

  /**
   * Whether a unit of a chain of the segment from `from` lacks some of it. Of a chain that was recovered only the one
   * that was made whole does not.
   */
  #lacks(from: number, chain: readonly UnitMember[], identity: string): boolean {
    const restored =
      this.#intent.restored?.filter((one) => one.from === from && chain.some((unit) => unit.identity === one.identity))
      ?? []
    if (restored.length > 0) return !restored.some((one) => one.identity === identity)
    return this.#findings.notWhole?.has(identity) === true
  }

  #leaves(unit: UnitMember): boolean {
    return named(this.#intent.drop, unit) || named(this.#intent.absent, unit)
  }

  // ---- the open segment

  #openChains(open: Segment): { chains: UnitMember[][]; used: ReadonlySet<string> } {
    const { chains: wanted } = this.#intent
    const none: ReadonlySet<string> = new Set()
    if (wanted !== undefined) return { chains: this.#wanted(wanted), used: none }
    const chains = open.chains.map((chain) =>
      chain.filter((unit) => this.#openStay(chain, unit) === 'stays').map((unit) => this.#member(unit)),
    )
    // Who has lost something stays, as one who joins; never as the only one.
    open.chains.forEach((chain, i) => {
      if ((chains[i]?.length ?? 0) === 0) throw this.#lastLost(i, chain)
      const lacking = this.#isNarrow ? [] : chain.filter((unit) => this.#openStay(chain, unit) === 'joins')
      chains[i]?.push(...lacking.map((unit) => this.#member(unit)))
    })
    for (const { address, chain } of this.#intent.join ?? []) this.#joinTo(chains, this.#newcomer(address), chain)
    const used = this.#replaceAbsent(open, chains)
    return { chains, used }
  }

  #lastLost(index: number, chain: readonly UnitMember[]): SirtakiError {
    const units = chain.map(({ address }) => address).join(', ')
    const way = this.#findings.notWhole === undefined ? '' : ': see sirtaki recover'
    const next = this.#intent.drop === undefined ? 'again' : 'stop'
    const what = `chain ${index} would lose its last whole unit (${units})${way}`
    return new SirtakiError('NOT_WHOLE', what, { facts: { chain: index }, next })
  }

  #wanted(wanted: readonly (readonly string[])[]): UnitMember[][] {
    const addresses = wanted.flat()
    const twice = addresses.find((address, i) => addresses.indexOf(address) !== i)
    if (twice !== undefined) {
      throw new SirtakiError('BAD_ARGUMENT', `the unit at ${twice} is named twice: one unit stands in one chain`, {
        facts: { address: twice },
      })
    }
    if (wanted.length === 0 || wanted.some((chain) => chain.length === 0)) {
      throw new SirtakiError('BAD_ARGUMENT', 'every chain needs at least one unit')
    }
    return wanted.map((chain) => chain.map((address) => this.#newcomer(address)))
  }

  #joinTo(chains: UnitMember[][], unit: UnitMember, wanted: number | undefined): void {
    if (chains.flat().some(({ identity }) => identity === unit.identity)) return
    const shortest = chains.reduce((best, chain) => (chain.length < best.length ? chain : best))
    const chain = wanted === undefined ? shortest : chains[wanted]
    if (chain === undefined) {
      throw new SirtakiError(
        'BAD_ARGUMENT',
        `there is no chain ${wanted}: epoch ${this.#base.epoch} has ${chains.length}`,
        { facts: { chain: wanted } },
      )
    }
    chain.push(unit)
  }

  /** A spare that answers takes the place of each unit that is lost. */
  #replaceAbsent(open: Segment, chains: UnitMember[][]): ReadonlySet<string> {
    const used = new Set<string>()
    if (this.#isNarrow) return used
    open.chains.forEach((chain, i) => {
      for (const lost of chain.filter((unit) => named(this.#intent.absent, unit) && !named(this.#intent.drop, unit))) {
        const spare = this.#base.spares.find(
          (unit) =>
            !used.has(unit.identity)
            && !this.#leaves(unit)
            && this.#survey.get(unit.address)?.identity === unit.identity
            && !chains.flat().some(({ identity }) => identity === unit.identity),
        )
        if (spare === undefined) continue
        used.add(spare.identity)
        used.add(lost.identity)
        chains[i]?.push(this.#member(spare))
      }
    })
    return used
  }

  /** A member with its present boot. */
  #member(unit: UnitMember): UnitMember {
    const address = addressIn(unit, this.#intent)
    const answer = this.#survey.get(address)
    if (answer === undefined) {
      throw new SirtakiError(
        'UNREACHABLE',
        `the unit at ${address} does not answer: start it, or leave it out with sirtaki reconfigure remove ${address}`,
        { facts: { address, identity: unit.identity } },
      )
    }
    if (answer.identity !== unit.identity) {
      throw new SirtakiError(
        'NOT_WHOLE',
        `the unit at ${address} has another disk than epoch ${this.#base.epoch} names: put the old one in `
          + `its place with sirtaki reconfigure replace ${unit.identity.slice(0, 8)} ${address}`,
        { facts: { address, named: unit.identity, found: answer.identity }, next: 'again' },
      )
    }
    const other = this.#survey.get(unit.address)
    if (other?.identity === unit.identity && other.boot !== answer.boot) {
      throw new SirtakiError(
        'BAD_LAYOUT',
        `the units at ${unit.address} and ${address} have the same disk ${unit.identity}: one folder is a `
          + `copy of the other's, stop one of them`,
        { facts: { address, other: unit.address } },
      )
    }
    return { identity: unit.identity, boot: answer.boot, address }
  }

  /** Whoever answers at an address, if it is a unit that may join. */
  #newcomer(address: string): UnitMember {
    const answer = this.#survey.get(address)
    if (answer === undefined) {
      throw new SirtakiError(
        'UNREACHABLE',
        `nothing of this cluster answers at ${address}: start it with sirtaki unit --listen ${address}, on `
          + 'an empty folder',
        { facts: { address } },
      )
    }
    if (answer.kind !== 'unit') {
      throw new SirtakiError('BAD_ARGUMENT', `${address} is a ${answer.kind}, no unit`, { facts: { address } })
    }
    const twin = [...this.#survey].find(([, one]) => one.identity === answer.identity && one.boot !== answer.boot)
    if (twin !== undefined) {
      throw new SirtakiError(
        'BAD_LAYOUT',
        `the units at ${twin[0]} and at ${address} have one disk, ${answer.identity}: one of their folders `
          + `is a copy of the other's. Give it an empty one`,
        { facts: { address, other: twin[0], identity: answer.identity } },
      )
    }
    return { identity: answer.identity, boot: answer.boot, address }
  }

  // ---- closed segments

  /**
   * A closed segment loses who is gone and gains who holds all of it. Who leaves alive goes only when the chain has
   * its copies: until then it is read, and copied from.
   */
  #closed(segment: Segment, open: readonly (readonly UnitMember[])[]): Segment {
    const whole = new Set([
      ...(this.#findings.whole?.get(segment.from) ?? []),
      ...(this.#intent.restored?.filter(({ from }) => from === segment.from).map(({ identity }) => identity) ?? []),
    ])
    const same = open.length === segment.chains.length
    if (!same && open.flat().every((unit) => whole.has(unit.identity))) {
      return { ...segment, chains: open.map((chain) => [...chain]) }
    }
    return {
      ...segment,
      chains: segment.chains.map((chain, i) => {
        const known = same ? [...chain, ...(open[i] ?? [])] : chain
        const members = chain.filter(
          (unit) => this.#stay(unit, this.#lacks(segment.from, known, unit.identity)).closed === 'stays',
        )
        const holders = same
          ? (open[i] ?? []).filter(
              (unit) => members.some(({ identity }) => identity === unit.identity) || whole.has(unit.identity),
            )
          : []
        if (members.length + holders.length === 0) {
          throw new SirtakiError(
            'NOT_WHOLE',
            `chain ${i} of the positions [${segment.from}, ${segment.to}) would lose its last whole copy `
              + `(${chain.map(({ address }) => address).join(', ')})`,
            { facts: { chain: i, from: segment.from }, next: this.#intent.drop === undefined ? 'again' : 'stop' },
          )
        }
        // In the order of the open chain, so that equal chains join; nobody else is needed when all of them are whole
        // and one has read it back.
        const others = missing(members, holders)
        const isEnough = others.length === 0 || holders.some(({ identity }) => whole.has(identity))
        const suffice = same && holders.length === open[i]?.length && isEnough
        const kept = suffice ? [] : others.map((unit) => this.#member(unit))
        const after = [...kept, ...holders.map((unit) => ({ ...unit }))]
        this.#requireReadable(segment, chain, after)
        return after
      }),
    }
  }

  /**
   * Who is gone is missed where those who are left know of damage: it may have the last good copy. They mend it as soon
   * as it is back.
   *
   * @throws SirtakiError `NOT_WHOLE`.
   */
  #requireReadable({ from, to }: Segment, before: readonly UnitMember[], after: readonly UnitMember[]): void {
    const gone = missing(before, after).filter((unit) => this.#leaves(unit))
    const lies = (position: number): boolean => position >= from && (to === null || position < to)
    const damaged = after.map((unit) => this.#survey.get(addressIn(unit, this.#intent))?.damaged?.find(lies))
    const position = damaged[0]
    if (gone.length === 0 || position === undefined || damaged.includes(undefined)) return
    const [left, right] = [gone, after].map((units) => units.map(({ address }) => address).join(', '))
    const message = `position ${position} is damaged at ${right}, and ${left} may have the last good copy of it`
    const way = `start ${left} again, or decide with sirtaki recover what is lost`
    const next = this.#intent.drop === undefined ? 'again' : 'stop'
    throw new SirtakiError('NOT_WHOLE', `${message}: ${way}`, { facts: { from, position }, next })
  }

  // ---- everybody else

  #spares(used: ReadonlySet<string>, members: readonly UnitMember[]): UnitMember[] {
    const free = (unit: UnitMember): boolean =>
      !used.has(unit.identity) && !members.some(({ identity }) => identity === unit.identity)
    const old = this.#base.spares
      .filter((unit) => free(unit) && !this.#leaves(unit))
      .map((unit) => {
        const answer = this.#survey.get(addressIn(unit, this.#intent))
        return answer?.identity === unit.identity
          ? { ...unit, boot: answer.boot, address: addressIn(unit, this.#intent) }
          : unit
      })
    const fresh = (this.#intent.spares ?? [])
      .map((address) => this.#newcomer(address))
      .filter((unit) => free(unit) && !old.some(({ identity }) => identity === unit.identity))
    return [...old, ...fresh]
  }

  /** Who was left out without anybody's wish. */
  #absent(
    chains: readonly (readonly UnitMember[])[],
    spares: readonly UnitMember[],
    used: ReadonlySet<string>,
  ): AbsentMember[] {
    const back = (identity: string): boolean =>
      chains.flat().some((unit) => unit.identity === identity) || spares.some((unit) => unit.identity === identity)
    const old = this.#base.absent.filter((one) => !back(one.identity) && !named(this.#intent.drop, one))
    const open = openSegment(this.#base)
    const isLost = (chain: readonly UnitMember[], unit: UnitMember): boolean => {
      const stay = this.#openStay(chain, unit)
      return (
        !named(this.#intent.drop, unit)
        && !back(unit.identity)
        && (stay === 'leaves' || (this.#isNarrow && stay === 'joins'))
      )
    }
    const lost = open.chains.flatMap((chain, i) =>
      chain
        .filter((unit) => isLost(chain, unit))
        .map(({ identity, address }): AbsentMember => ({ identity, address, chain: i, replaced: used.has(identity) })),
    )
    return [...old.filter((one) => !lost.some(({ identity }) => identity === one.identity)), ...lost].slice(-64)
  }

  /** Those that came back keep their count for a while, or a flapping unit would always be a new one. */
  #drops(logTime: number): Drops[] {
    const at = Math.ceil(logTime)
    const recent = this.#base.drops.filter((one) => at - one.at < DROPS_REMEMBERED_MS)
    const lost = openSegment(this.#base)
      .chains.flat()
      .filter((unit) => named(this.#intent.absent, unit))
    const counted = lost.map(({ identity }): Drops => ({
      identity,
      times: 1 + (recent.find((one) => one.identity === identity)?.times ?? 0),
      at,
    }))
    return [...recent.filter((one) => !counted.some(({ identity }) => identity === one.identity)), ...counted].slice(
      -64,
    )
  }

  /**
   * Those that still have their register, then new registers of units that stay, then of spares; an odd number of them.
   * Old ones that are silent now keep their seats where there would be hardly any others, as long as those who answer
   * are a majority: one acceptor alone would take the cluster with it when its disk is lost. Where another one answers
   * at its address, its disk is gone, and its seat with it.
   */
  #acceptors(
    units: readonly UnitMember[],
    spares: readonly UnitMember[],
    absent: readonly AbsentMember[],
  ): AcceptorMember[] {
    const { acceptors } = this.#base
    const members = [...units, ...spares].flatMap(({ identity, address }) => {
      const answer = this.#survey.get(address)
      return answer === undefined || answer.identity !== identity ? [] : [{ identity: answer.acceptor, address }]
    })
    const old = members.filter((one) => acceptors.some((acceptor) => acceptor.identity === one.identity))
    const count = acceptorCount(members.length)
    const answering = [...old, ...members.filter((one) => !old.includes(one))].slice(
      0,
      Math.max(count, Math.min(members.length, 2)),
    )
    const mayReturn = ({ address }: AcceptorMember): boolean =>
      this.#survey.get(address) === undefined && [...absent, ...spares].some((unit) => unit.address === address)
    const isMember = ({ identity }: AcceptorMember): boolean => members.some((one) => one.identity === identity)
    const silent = acceptors.filter((one) => !isMember(one) && mayReturn(one))
    if (count === 1 && answering.length === 2 && silent[0] !== undefined) {
      return [...answering, { identity: silent[0].identity, address: silent[0].address }]
    }
    return answering.slice(0, count)
  }

  #sequencer(): SequencerMember | null {
    const wanted = this.#intent.sequencer
    // An epoch whose sequencer does not live would open and grant nothing.
    if (wanted !== undefined && this.#survey.get(wanted.address)?.boot !== wanted.boot) {
      throw new SirtakiError('UNREACHABLE', `the sequencer to be named does not answer at ${wanted.address}`, {
        facts: { address: wanted.address, boot: wanted.boot },
      })
    }
    if (wanted !== undefined) return wanted
    const { standby, absent } = this.#intent
    const lives = (one: SequencerMember | null | undefined): one is SequencerMember =>
      one !== null
      && one !== undefined
      && absent?.includes(one.boot) !== true
      && this.#survey.get(one.address)?.boot === one.boot
    if (lives(this.#base.sequencer)) return this.#base.sequencer
    return lives(standby) ? standby : null
  }
}

/** How many acceptors so many units can be: odd, and no more than five, which survive two losses. */
export const acceptorCount = (units: number): number => (units >= 5 ? 5 : units >= 3 ? 3 : 1)

/** Units of one list that the other does not name. */
const missing = (units: readonly UnitMember[], others: readonly UnitMember[]): UnitMember[] =>
  units.filter((unit) => !others.some(({ identity }) => identity === unit.identity))

/**
 * Tells whether the layout names everybody as they answered and as the intent wants: then nothing needs a new epoch.
 */
export function namesAll(layout: Layout, survey: Survey, intent: Intent, findings: Findings = {}): boolean {
  const next = nextLayout(layout, survey, intent, findings)
  const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b)
  return (
    same(next.segments, layout.segments)
    && same(next.sequencer, layout.sequencer)
    && same(next.spares, layout.spares)
    && same(next.absent, layout.absent)
    && next.acceptors.length === layout.acceptors.length
    && next.acceptors.every((one) => layout.acceptors.some((acceptor) => acceptor.identity === one.identity))
  )
}
