/**
 * What the codes mean with which objects refuse an op, beside the codes of Sirtaki itself.
 *
 * A test holds them against the types. Read next: `explanations.ts`, `../cluster/object-types.ts`.
 */
import type { Next } from '../../log/errors.ts'
import type { Explanation } from './explanations.ts'

/** A refusal explained, with what its caller may do. */
export interface RefusalExplanation extends Explanation {
  readonly next: Next
}

/** The refusals of counters, locks, queues and trees. NOT_EMPTY of a tree is among the codes of Sirtaki itself. */
export const refusals: Readonly<Record<string, RefusalExplanation>> = {
  ALREADY_HELD: {
    next: 'stop',
    meaning: 'the session holds the lock already',
    causes: ["a second acquire with own: 'refuse', or two acquires of one lock in one transaction"],
    actions: ['use the hold that there is, or release it first', 'see who holds what: sirtaki locks'],
  },
  BAD_ARGUMENTS: {
    next: 'stop',
    meaning: 'a tree cannot do what it was asked for, whatever is in it',
    causes: [
      'a path that no node may have: an empty part, . or .., a slash at its end, control characters',
      'an ephemeral that is to be a container or to have a TTL, or a TTL out of its range',
      'a delete of / or of what is below /zookeeper',
      'a base that is set in a tree in which something was changed already',
    ],
    actions: ['the reason and the path are in the facts: correct the call'],
  },
  BAD_VERSION: {
    next: 'stop',
    meaning: 'the node is in another version than the caller named; nothing was changed',
    causes: ['somebody else has changed it since it was read'],
    actions: [
      'read it again (its version is in the facts), decide, repeat: sirtaki get OBJECT NODE',
      'leave the version out where any will do',
    ],
  },
  EXISTS: {
    next: 'stop',
    meaning: 'an item with this id is in the queue',
    causes: ['the same id was put before, and that item is not finished'],
    actions: ['leave it: the item is there', 'take another id for another item'],
  },
  HELD: {
    next: 'again',
    meaning: 'somebody holds it, and the caller did not want to wait for that',
    causes: [
      'another session holds the lock, permits or office',
      'somebody works on the item that was to be removed',
      'the holder was killed a moment ago: its session ends when its timeout is over',
    ],
    actions: ['see who: sirtaki locks', 'try again later, or wait: sirtaki lock ID --wait MS -- COMMAND'],
  },
  INVALID_ACL: {
    next: 'stop',
    meaning: 'the access list of a node is none',
    causes: [
      'an empty list, or an entry that is no [bits, scheme, id] of world, auth, digest, ip, sasl or x509',
      'the scheme auth in a session that has no identity of its own',
    ],
    actions: [
      "write it like [[31, 'world', 'anyone']]",
      'give the client identities: connect(address, { identities })',
    ],
  },
  MISMATCH: {
    next: 'again',
    meaning: 'the value is another one than the caller expected; nothing was changed',
    causes: ['somebody else has changed it since it was read'],
    actions: ['read it again (the value is in the facts), decide, repeat'],
  },
  MISSING: {
    next: 'stop',
    meaning: 'there is no such item, or it is not where the op looks for it',
    causes: ['the item is finished or was removed', 'requeue of an item that is not dead'],
    actions: ['see what there is: sirtaki get QUEUE, sirtaki queue dead QUEUE'],
  },
  NEEDED: {
    next: 'stop',
    meaning: 'somebody needs what a trim would drop; nothing was dropped',
    causes: [
      'the two newest checkpoints (with an archive the newest) begin below that position',
      'the archive does not reach that far yet',
      'a process holds the log from a position on: its name is in the facts',
    ],
    actions: [
      'trim as far as the facts say (limit), or leave --before out',
      'write another checkpoint: sirtaki checkpoint create --blobs ADDRESS',
      'repeat with --force, and what is needed is lost',
    ],
  },
  NODE_EXISTS: {
    next: 'stop',
    meaning: 'there is a node at this path',
    causes: [
      'it was created before, perhaps by a call whose answer was lost',
      'an import into a tree that has the node',
    ],
    actions: ['see what it holds: sirtaki get OBJECT NODE', 'change it instead: sirtaki set OBJECT NODE VALUE'],
  },
  NO_AUTH: {
    next: 'stop',
    meaning: 'the access list of the node, or of its parent, does not allow this to the identities of the session',
    causes: [
      'the client has no identities, or others than the list names',
      'create and delete are judged by the list of the parent, all else by that of the node',
    ],
    actions: ['give the client an identity that is allowed: connect(address, { identities: [digestIdentity(...)] })'],
  },
  NO_CHILDREN_FOR_EPHEMERALS: {
    next: 'stop',
    meaning: 'an ephemeral node has no children: it goes with its session, and they could not',
    causes: ['a create below a node that was made with { ephemeral: true }'],
    actions: ['create it elsewhere, or make the parent a plain node or a container'],
  },
  NO_NODE: {
    next: 'stop',
    meaning: 'there is no such node, or a node to be created has no parent',
    causes: [
      'the path was mistyped, or the node was deleted',
      'an ephemeral whose session has ended; a container or TTL node that went by itself',
      'parents are not created along with a node',
    ],
    actions: ['see what is there: sirtaki ls OBJECT NODE', 'create the parents first: sirtaki create OBJECT PARENT'],
  },
  NOT_EXCLUSIVE: {
    next: 'stop',
    meaning: 'only the one writer of a lock can become a reader',
    causes: ['downgrade of a hold that is shared already, or of permits'],
    actions: ['leave it as it is'],
  },
  NOT_HELD: {
    next: 'stop',
    meaning: 'the lock, office or item is not held any more by this hold or token',
    causes: [
      'it was released or acknowledged before',
      'the session of its holder ended: others may hold it by now',
      'the time to work on the item was over, and it was given out again',
    ],
    actions: [
      'act no more on what was held',
      'acquire or take it again',
      'let what is protected refuse tokens that are lower than the last one it has seen',
    ],
  },
  OUT_OF_RANGE: {
    next: 'stop',
    meaning: 'the counter would leave the whole numbers that are exact, or is lower than was required',
    causes: ['an addition that goes too far', 'requireAtLeast in a transaction: the counter is lower'],
    actions: ['read it: sirtaki get COUNTER'],
  },
  OTHER_STORE: {
    next: 'stop',
    meaning: 'the log notes checkpoints in another blob store than the one that was given; nothing was changed',
    causes: ['another bucket, prefix or folder', 'the store was lost and made anew at the same address'],
    actions: [
      'use the store that the facts name',
      'have checkpoints go to the new store from now on: sirtaki checkpoint create --moves',
    ],
  },
  OVER_CAPACITY: {
    next: 'stop',
    meaning: 'a semaphore has fewer permits than were asked for, or another capacity than was named',
    causes: ['programs that name different capacities for one semaphore', 'a weight above the capacity'],
    actions: ['name the capacity that it has: sirtaki get SEMAPHORE', 'change it with the op setCapacity'],
  },
}
