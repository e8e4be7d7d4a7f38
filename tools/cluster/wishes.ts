/**
 * What an operator wants of the next epoch, as an intent: looks who is there, and refuses what cannot be with the
 * command that would be right.
 *
 * Read next: `../commands/reconfigure.ts`, `../../log/epochs/intent.ts`.
 */
import type { LogClient } from '../../log/client/client.ts'
import { isNameOf, type Intent } from '../../log/epochs/intent.ts'
import { SirtakiError, asError } from '../../log/errors.ts'
import { openSegment, unitsOf, type Layout, type UnitMember } from '../../log/layout.ts'
import { Identity } from '../../log/wire/control.ts'

/** The cluster as it is, and what may be asked of it. */
export class Wishes {
  readonly #log: LogClient
  readonly #base: Layout

  constructor(log: LogClient, base: Layout) {
    this.#log = log
    this.#base = base
  }

  async joining(
    wanted: readonly string[],
    { chain, spare }: { readonly chain?: number | undefined; readonly spare?: boolean | undefined },
  ): Promise<Intent> {
    requireOnce(wanted)
    const {
      chains: { length },
    } = openSegment(this.#base)
    if (chain !== undefined && chain >= length) {
      throw new SirtakiError(
        'BAD_ARGUMENT',
        `there is no chain ${chain}: epoch ${this.#base.epoch} has ${length}, from 0 on. New chains are `
          + 'made with sirtaki reconfigure stripe',
        { facts: { chain } },
      )
    }
    const found = await Promise.all(wanted.map((at) => this.#joiner(at)))
    this.#requireDistinct(found)
    for (const { at, answer } of found) {
      if (this.#open.some((unit) => unit.identity === answer.identity)) {
        throw new SirtakiError(
          'BAD_ARGUMENT',
          `the unit at ${at} is in a chain already: move it with sirtaki reconfigure stripe`,
          { facts: { address: at } },
        )
      }
      if (spare === true && this.#base.spares.some((unit) => unit.identity === answer.identity)) {
        throw new SirtakiError(
          'BAD_ARGUMENT',
          `the unit at ${at} is a spare already: put it into a chain with sirtaki reconfigure add ${at}`,
          { facts: { address: at } },
        )
      }
    }
    return spare === true ? { spares: wanted } : { join: wanted.map((at) => ({ address: at, chain })) }
  }

  async leaving(names: readonly string[]): Promise<Intent> {
    const units = await Promise.all(names.map((name) => this.#member(name)))
    requireOnce(units.map((unit) => unit.address))
    const drop = units.map((unit) => unit.identity)
    openSegment(this.#base).chains.forEach((chain, i) => {
      const left = chain.filter(({ identity }) => !drop.includes(identity))
      if (left.length === 0) {
        throw new SirtakiError(
          'NOT_WHOLE',
          `chain ${i} would have no unit left: put another one in the place of ${chain[0]?.address} with `
            + `sirtaki reconfigure replace ${chain[0]?.address} ADDRESS, or make fewer chains with sirtaki `
            + 'reconfigure stripe',
          { facts: { chain: i }, next: 'stop' },
        )
      }
    })
    return { drop }
  }

  async replacing(name: string, fresh: string): Promise<Intent> {
    const old = await this.#member(name)
    const { answer } = await this.#joiner(fresh)
    if (answer.identity === old.identity) {
      throw new SirtakiError('BAD_ARGUMENT', `${fresh} is the unit that is to be replaced: name another one`, {
        facts: { address: fresh },
      })
    }
    this.#requireDistinct([{ at: fresh, answer }])
    if (this.#open.some((unit) => unit.identity === answer.identity)) {
      throw new SirtakiError(
        'BAD_ARGUMENT',
        `the unit at ${fresh} is in a chain already: take the other one out with sirtaki reconfigure remove ${name}`,
        { facts: { address: fresh } },
      )
    }
    const { chains: now } = openSegment(this.#base)
    const chain = now.findIndex((units) => units.some((unit) => unit.identity === old.identity))
    if (chain < 0) {
      const absent = this.#base.absent.find((one) => one.identity === old.identity)
      return absent === undefined
        ? { drop: [old.identity], spares: [fresh] }
        : { drop: [old.identity], join: [{ address: fresh, chain: Math.min(absent.chain, now.length - 1) }] }
    }
    // With nobody else in the chain the old one is read until the new one has its positions, and may not be dropped
    // before.
    if (now[chain]?.length === 1) {
      return { chains: now.map((units, i) => (i === chain ? [fresh] : units.map((unit) => unit.address))) }
    }
    return { drop: [old.identity], join: [{ address: fresh, chain }] }
  }

  async sequencerAt(at: string): Promise<Intent> {
    const { kind, boot, cluster, role } = await this.#ask(
      at,
      `start one there with sirtaki sequencer --standby --listen ${at} --units ${unitsOf(this.#base)
        .map((unit) => unit.address)
        .join(',')}`,
    )
    if (kind !== 'sequencer') {
      throw new SirtakiError(
        'BAD_ARGUMENT',
        `${at} is a ${kind}, not a sequencer: start one elsewhere with sirtaki sequencer --standby`,
        { facts: { address: at } },
      )
    }
    if (cluster !== null && cluster !== this.#base.cluster) throw strange(at, cluster, this.#base)
    if (role === 'leaving' || role === 'stopped') {
      throw new SirtakiError('STOPPED', `the sequencer at ${at} is about to end: name another one`, {
        facts: { address: at },
      })
    }
    return { sequencer: { boot, address: at } }
  }

  async striping(wanted: readonly (readonly string[])[]): Promise<Intent> {
    const shape = await Promise.all(
      wanted.map((chain) =>
        Promise.all(chain.map(async (name) => this.#known(name)?.address ?? (await this.#joiner(name)).at)),
      ),
    )
    const all = shape.flat()
    const twice = all.find((at, i) => all.indexOf(at) !== i)
    if (twice !== undefined) {
      throw new SirtakiError(
        'BAD_ARGUMENT',
        `the unit at ${twice} is named twice: one unit stands in one chain, once`,
        { facts: { address: twice } },
      )
    }
    this.#requireDistinct(await Promise.all(all.map((at) => this.#joiner(at))))
    return { chains: shape }
  }

  get #open(): readonly UnitMember[] {
    return openSegment(this.#base).chains.flat()
  }
  get #all(): readonly { readonly identity: string; readonly address: string }[] {
    return [...unitsOf(this.#base), ...this.#base.spares, ...this.#base.absent]
  }

  #known(name: string): { readonly identity: string; readonly address: string } | undefined {
    const found = this.#all.filter((unit) => isNameOf(name, unit))
    if (new Set(found.map((unit) => unit.identity)).size > 1) {
      throw new SirtakiError(
        'BAD_ARGUMENT',
        `${name} may be ${found.map((unit) => `${unit.identity} at ${unit.address}`).join(' or ')}: name `
          + 'the whole identity',
        { facts: { name } },
      )
    }
    return found[0]
  }

  /** The member that somebody means. @throws SirtakiError `BAD_ARGUMENT` that says who is there. */
  async #member(name: string): Promise<{ readonly identity: string; readonly address: string }> {
    const found = this.#known(name)
    if (found !== undefined) return found
    // It may be somebody who was taken out before, and still runs.
    const answer = name.includes(':')
      ? await this.#log.cluster
          .peer(name)
          .control('identify', {}, Identity)
          .catch(() => undefined)
      : undefined
    if (answer?.kind === 'unit' && answer.cluster === this.#base.cluster) {
      throw new SirtakiError(
        'BAD_ARGUMENT',
        `the unit at ${name} was taken out already, and still runs: stop it, or let it join anew with `
          + `sirtaki reconfigure add ${name}`,
        { facts: { unknown: name } },
      )
    }
    throw new SirtakiError(
      'BAD_ARGUMENT',
      `no unit of epoch ${this.#base.epoch} is called ${name}: name an address or identity, such as `
        + this.#all.map((unit) => `${unit.address} (${unit.identity.slice(0, 8)})`).join(', '),
      { facts: { unknown: name } },
    )
  }

  /** Who answers at an address and may stand in a chain. @throws SirtakiError that says what is there instead. */
  async #joiner(at: string): Promise<Joiner> {
    const answer = await this.#ask(
      at,
      `start a unit there with sirtaki unit --listen ${at} --data DIR, on an empty folder`,
    )
    if (answer.kind !== 'unit') {
      throw new SirtakiError(
        'BAD_ARGUMENT',
        `${at} is a ${answer.kind}, no `
          + `unit${answer.kind === 'sequencer' ? `: name it with sirtaki reconfigure move-sequencer ${at}` : ''}`,
        { facts: { address: at } },
      )
    }
    if (answer.cluster !== null && answer.cluster !== this.#base.cluster) throw strange(at, answer.cluster, this.#base)
    return { at, answer }
  }

  async #ask(at: string, otherwise: string): Promise<Identity> {
    try {
      return await this.#log.cluster.peer(at).control('identify', {}, Identity)
    } catch (thrown) {
      const error = asError(thrown)
      if (error.code === 'WRONG_CLUSTER') {
        throw new SirtakiError(
          'WRONG_CLUSTER',
          `${at} belongs to another cluster, not to ${this.#base.cluster}: name another one, or start it on `
            + 'an empty folder',
          { cause: error, facts: { address: at } },
        )
      }
      throw new SirtakiError(error.code, `nobody answers at ${at} (${error.message}): ${otherwise}`, {
        cause: error,
        facts: { address: at },
      })
    }
  }

  /** One disk at two addresses: one folder is a copy of the other. */
  #requireDistinct(found: readonly Joiner[]): void {
    for (const {
      at,
      answer: { identity },
    } of found) {
      const elsewhere = [
        ...this.#all.map((unit) => ({ at: unit.address, identity: unit.identity, member: true })),
        ...found.map((one) => ({ at: one.at, identity: one.answer.identity, member: false })),
      ].find((one) => one.identity === identity && one.at !== at)
      if (elsewhere === undefined) continue
      const what = `the units at ${at} and ${elsewhere.at} have one identity, ${identity}`
      const way = `one of their folders is a copy of the other's. Start the one at ${at} on an empty folder`
      const moved = `; if the unit of ${elsewhere.at} has moved there, start it there alone and run sirtaki reconfigure`
      throw new SirtakiError('BAD_ARGUMENT', `${what}: ${way}${elsewhere.member ? moved : ''}`, { facts: { identity } })
    }
  }
}

interface Joiner {
  readonly at: string
  readonly answer: Identity
}

const strange = (at: string, cluster: string, base: Layout): SirtakiError =>
  new SirtakiError(
    'WRONG_CLUSTER',
    `${at} belongs to cluster ${cluster}, not to ${base.cluster}: name another one, or start it on an empty folder`,
    { facts: { address: at, cluster } },
  )

function requireOnce(names: readonly string[]): void {
  const twice = names.find((name, i) => names.indexOf(name) !== i)
  if (twice !== undefined) {
    throw new SirtakiError('BAD_ARGUMENT', `${twice} is named twice: name each unit once`, { facts: { name: twice } })
  }
}
