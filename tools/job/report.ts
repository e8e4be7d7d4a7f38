/**
 * What a job says of itself in a tree: how far its leader has cut the folder into items, and in the end the result.
 *
 *     /jobs/7 {root} ─┬─ /jobs/7/cut     {last, files, isWhole}
 *                     └─ /jobs/7/result  {digest, files, bytes}: made once
 *
 * A leader that takes over goes on where the last one stopped: what is cut is written in the transaction that puts the
 * items. Everybody may look: `sirtaki get /reports /jobs/7/result`. Read next: `leader.ts`.
 */
import { assert, boolean, integer, min, object, string, type Infer } from 'superstruct'
import { isError } from '../../log/errors.ts'
import type { ObjectSession } from '../../objects/object-session.ts'
import type { Transaction } from '../../objects/transaction.ts'
import { codecs } from '../../objects/tree/codecs.ts'
import { TreeType } from '../../objects/tree/type.ts'

/** The tree of the reports of all jobs. */
export const REPORTS = '/reports'

const count = min(integer(), 0)

/** `last`: the last path that is an item; `isWhole`: there are no more behind it. */
const Cut = object({ last: string(), files: count, isWhole: boolean() })
export type Cut = Infer<typeof Cut>

/** What came out. */
const Outcome = object({ digest: string(), files: count, bytes: count })
export type Outcome = Infer<typeof Outcome>

/** Opens the report of a job. Nothing is appended. */
export async function openReport(session: ObjectSession, job: string) {
  // In a transaction a tree is an object like any other, and data are bytes.
  const [tree, nodes] = await Promise.all([session.tree(REPORTS), session.open(TreeType, REPORTS)])
  const cutPath = `${job}/cut`
  const resultPath = `${job}/result`

  return {
    resultPath,
    /** How far the folder is cut. The node is there: the supervisor has made it. */
    get cut(): Cut {
      const cut: unknown = tree.get(cutPath)?.value
      assert(cut, Cut)
      return cut
    },
    /** `undefined` before it is published. */
    get result(): Outcome | undefined {
      const found = tree.get(resultPath)
      if (found === undefined) return undefined
      const outcome: unknown = found.value
      assert(outcome, Outcome)
      return outcome
    },
    /** Notes how far the folder is cut, unless somebody else has done so since. */
    noteCut(tx: Transaction, cut: Cut): void {
      const version = tree.exists(cutPath)?.version ?? 0
      tx.do(nodes, 'set', { path: cutPath, data: dataOf(cut), version })
    },
    /** Publishes the result, once. */
    publish(tx: Transaction, outcome: Outcome): void {
      tx.do(nodes, 'create', { path: resultPath, data: dataOf(outcome) })
    },
    /** Makes the nodes of the job, where they are not there yet. */
    async begin(about: { readonly root: string }): Promise<void> {
      const made: readonly (readonly [path: string, value?: { readonly root: string } | Cut])[] = [
        ['/jobs'],
        [job, about],
        [cutPath, { last: '', files: 0, isWhole: false }],
      ]
      for (const [path, value] of made) {
        await tree.create(path, value).catch((thrown: unknown) => {
          if (!isError(thrown, 'NODE_EXISTS')) throw thrown
        })
      }
    },
    /** What happens to the nodes of the job from now on. */
    watch: () => tree.watch(job, { recursive: true, onGap: 'resync' }),
    sync: (options: { readonly signal?: AbortSignal } = {}) => tree.sync(options),
  }
}

/** The report of one job. */
export type Report = Awaited<ReturnType<typeof openReport>>

const dataOf = (value: Cut | Outcome): Uint8Array => codecs.json.encode(value)
