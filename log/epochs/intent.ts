/**
 * What a driver wants of the next epoch, who answered it, and what it has found out: the input of `next-layout.ts`.
 *
 * Values. Read next: `next-layout.ts`.
 */
import { SirtakiError } from '../errors.ts'
import type { Layout, SequencerMember } from '../layout.ts'
import type { Identity } from '../wire/control.ts'

/** What a driver wants of the next epoch. Without anything: the members that are there, under the boots they have. */
export interface Intent {
  /** The sequencer to name; left out: the present one if it lives, else none. */
  readonly sequencer?: SequencerMember | undefined
  /** The sequencer to name if the present one is gone. */
  readonly standby?: SequencerMember | undefined
  /** Identities or addresses of units to leave out for good. */
  readonly drop?: readonly string[] | undefined
  /**
   * Identities of units that do not answer: left out until they come back; spares take their places. Boots of
   * sequencers that do not.
   */
  readonly absent?: readonly string[] | undefined
  /** Units that join: into a chain, or, without one, into the shortest. */
  readonly join?: readonly { readonly address: string; readonly chain?: number | undefined }[] | undefined
  /** Addresses of units that wait to be needed. */
  readonly spares?: readonly string[] | undefined
  /** The open segment as it is to be, by addresses: for growing and striping. */
  readonly chains?: readonly (readonly string[])[] | undefined
  /** Look whether closed segments can be merged: units have copied what they lacked. */
  readonly merge?: boolean | undefined
  /**
   * Units (identities) that recovery has made whole of the segment that begins at `from`: others of their chains join
   * anew.
   */
  readonly restored?: readonly { readonly from: number; readonly identity: string }[] | undefined
  /**
   * Identities of acceptors that are gone for good, as somebody knows: an epoch whose majority they were is left
   * without one (P45).
   */
  readonly withoutAcceptors?: readonly string[] | undefined
  /** Members that moved: identity and new address. */
  readonly moved?: readonly { readonly identity: string; readonly address: string }[] | undefined
}

/** Who answered at which address. */
export type Survey = ReadonlyMap<string, Identity>

/** What is found out while driving. */
export interface Findings {
  /** Units (identities) of which it is verified that they hold all of their class of a closed segment, by its start. */
  readonly whole?: ReadonlyMap<number, ReadonlySet<string>> | undefined
  /** Identities of restarted units that lack what their peers know decided: they join anew. */
  readonly notWhole?: ReadonlySet<string> | undefined
  /** What sealing brought; before it, an estimate. */
  readonly sealed?: { readonly tail: number; readonly trim: number; readonly logTime: number } | undefined
}

/** Whether a name means this unit: its address, its identity, or the first letters of that, eight at least. */
export const isNameOf = (name: string, { address, identity }: { identity: string; address: string }): boolean =>
  name === address || name === identity || (name.length >= 8 && identity.startsWith(name))

/** The present address of a unit. */
export const addressIn = (unit: { identity: string; address: string }, intent: Intent): string =>
  intent.moved?.find((one) => one.identity === unit.identity)?.address ?? unit.address

/** Whether a list names a unit, by identity or address. */
export const named = (names: readonly string[] | undefined, unit: { identity: string; address: string }): boolean =>
  names?.some((name) => name === unit.identity || name === unit.address) === true

/**
 * Checks that every unit to leave out is there, once, before the first try: after it they may be gone.
 *
 * @throws SirtakiError `BAD_ARGUMENT`.
 */
export function checkDrops(base: Layout, intent: Intent): void {
  const units = [...base.segments.flatMap((segment) => segment.chains.flat()), ...base.spares, ...base.absent]
  const unknown = intent.drop?.find((name) => !units.some((unit) => unit.identity === name || unit.address === name))
  if (unknown !== undefined) {
    throw new SirtakiError(
      'BAD_ARGUMENT',
      `no unit of epoch ${base.epoch} is called ${unknown}: name its address or identity `
        + `(${units.map(({ address }) => address).join(', ')})`,
      { facts: { unknown } },
    )
  }
}
