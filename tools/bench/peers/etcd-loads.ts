/**
 * The loads of etcd: put and linearizable range at the leader, serializable range at a follower, a counter by
 * transactions.
 *
 * Field numbers are those of etcd's rpc.proto and kv.proto, named where they stand.
 * Read next: `grpc.ts`.
 */
import type { Operation } from '../measure.ts'
import { connectGrpc, field, fieldsOf, fieldsWithin, framed, type Grpc } from './grpc.ts'
import { etcdRecipes } from './etcd-recipes.ts'
import { nth, Sessions, VALUE, type ClientSetup, type Loads } from './loads.ts'

const RANGE = '/etcdserverpb.KV/Range'
const PUT = '/etcdserverpb.KV/Put'
const TXN = '/etcdserverpb.KV/Txn'

const key = Buffer.from('bench')
const counter = Buffer.from('counter')

// PutRequest: key 1, value 2; RangeRequest: key 1, serializable 7
const put = (name: Buffer, value: Buffer): Buffer => Buffer.concat([field(1, name), field(2, value)])
const range = (name: Buffer): Buffer => field(1, name)
const serializable = (name: Buffer): Buffer => Buffer.concat([range(name), field(7, 1)])

/** What a session last saw of the counter. */
interface Seen {
  readonly revision: number
  readonly value: number
}

/** Opens the loads of three etcd members. */
export async function etcdLoads({ addresses }: ClientSetup): Promise<Loads> {
  const sessions = new Sessions(addresses, connectGrpc)
  const seen = new Map<Grpc, Seen>()
  const calls = async (server: number, method: string, message: Buffer): Promise<Operation> => {
    const session = await sessions.at(server)
    const frame = framed(message)
    return { run: () => session.call(method, frame) }
  }
  const leader = await leaderOf(addresses)
  await (await calls(leader, PUT, put(key, VALUE))).run(0)
  const recipes = etcdRecipes(await sessions.at(leader))
  return {
    ended: recipes.ended,
    prepare: async (load, outstanding) => {
      const now = await leaderOf(addresses)
      switch (load) {
        case 'append':
          return calls(now, PUT, put(key, VALUE))
        case 'readLinearizable':
          return calls(now, RANGE, range(key))
        case 'readLocal':
          return calls((now + 1) % addresses.length, RANGE, serializable(key))
        case 'queue':
          return recipes.queue(await sessions.first(outstanding))
        case 'lock':
          return recipes.lock(await sessions.first(outstanding))
        case 'createDelete':
          return recipes.createDelete(await sessions.at(now))
        case 'ephemeral':
          return recipes.ephemeral(await sessions.at(now))
        case 'multi':
          return recipes.multi(await sessions.at(now), outstanding)
        case 'txn':
          return recipes.txn(await sessions.at(now), outstanding)
        case 'counter':
        default: {
          const callers = await sessions.first(outstanding)
          return {
            run: (caller) => increment(nth(callers, caller), seen),
            total: async () => total(await sessions.at(now)),
          }
        }
      }
    },
  }
}

/** Adds one by compare and set; a try that fails brings the newer value with it. */
async function increment(session: Grpc, seen: Map<Grpc, Seen>): Promise<void> {
  for (;;) {
    // A key that was never written has revision 0.
    const { revision, value } = seen.get(session) ?? { revision: 0, value: 0 }
    const answer = await session.call(TXN, framed(compareAndSet(revision, value + 1)))
    // TxnResponse: header 1 (revision 3), succeeded 2, responses 3
    if (fieldsOf(answer).numbers.get(2) === 1) {
      seen.set(session, { revision: fieldsWithin(answer, 1).numbers.get(3) ?? 0, value: value + 1 })
      return
    }
    // ResponseOp: response_range 1; RangeResponse: kvs 2
    seen.set(session, keyValue(answer, 3, 1, 2))
  }
}

/** If the counter's revision is still that, put the value, else read it. */
function compareAndSet(revision: number, value: number): Buffer {
  // Compare: result 1 (EQUAL 0), target 2 (MOD 2), key 3, mod_revision 6; RequestOp: request_range 1, request_put 2
  const compare = Buffer.concat([field(1, 0), field(2, 2), field(3, counter), field(6, revision)])
  return Buffer.concat([
    field(1, compare),
    field(2, field(2, put(counter, Buffer.from(String(value))))),
    field(3, field(1, range(counter))),
  ])
}

async function total(session: Grpc): Promise<number> {
  return keyValue(await session.call(RANGE, framed(range(counter))), 2).value
}

function keyValue(message: Buffer, ...path: readonly number[]): Seen {
  // KeyValue: mod_revision 3, value 5
  const { numbers, bytes } = fieldsWithin(message, ...path)
  return { revision: numbers.get(3) ?? 0, value: Number(bytes.get(5) ?? 0) }
}

async function leaderOf(addresses: readonly string[]): Promise<number> {
  const all = await Promise.all(
    addresses.map(async (address) => {
      const response = await fetch(`${address}/v3/maintenance/status`, {
        method: 'POST',
        body: '{}',
        signal: AbortSignal.timeout(5_000),
      })
      const status: { header: { member_id: string }; leader?: string } = JSON.parse(await response.text())
      return status.leader === status.header.member_id
    }),
  )
  const leader = all.indexOf(true)
  if (leader < 0) throw new Error('no server leads now')
  return leader
}
