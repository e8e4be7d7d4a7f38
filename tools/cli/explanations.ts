/**
 * What every error code means, why it usually comes and what to do, for people.
 *
 * The compiler demands an explanation for each code. Read next: `../../log/errors.ts`, `../commands/explain.ts`.
 *
 * Long: one table, an entry for each code.
 */
import type { Code, Next } from '../../log/errors.ts'

/** One code explained: `causes` are the usual ones, `actions` what to do, in this order. */
export interface Explanation {
  readonly meaning: string
  readonly causes: readonly string[]
  readonly actions: readonly string[]
}

/** What the caller may do, in words. */
export const nextText: Readonly<Record<Next, string>> = {
  refresh: 'fetch the layout and try again, as clients do by themselves until their time is over',
  again: 'the same call is safe to repeat',
  unknown: 'it may have taken effect, read before repeating it',
  stop: 'repeating cannot help, something has to change first',
}

/** The explanations by code. */
export const explanations: Readonly<Record<Code, Explanation>> = {
  ABORTED: {
    meaning: 'the call was given up before it had ended',
    causes: [
      'the AbortSignal of the call aborted',
      'an operation on an object was given up before it took its place (then next is again)',
    ],
    actions: ['read before repeating what was written: sirtaki tail --stream N'],
  },
  APPLY_FAILED: {
    meaning: "the code of an object's operation threw; nothing of that operation stays",
    causes: ["a fault in an op of defineObject: the error's cause is what it threw"],
    actions: [
      'mend the op and give the type a new version: every client plays the log with the same code',
      'throw ctx.reject for what is no fault',
    ],
  },
  BAD_ADDRESS: {
    meaning: 'the address cannot be used',
    causes: [
      '--cluster or SIRTAKI_CLUSTER is neither tcp://host:port,host:port,... nor file:DIR',
      '--listen names an address that this machine does not have, or a port that needs more rights',
      'port 0, which is only for listening',
    ],
    actions: [
      'take the address that sirtaki dev prints, or name the units: sirtaki --cluster tcp://HOST:PORT,HOST:PORT status',
    ],
  },
  BAD_ARGUMENT: {
    meaning: 'the call was refused before anything was sent or changed',
    causes: [
      'a position at or above the tail, a stream that is no integer, too many streams or tokens at once',
      'the input of an op that does not fit its type, or a path that names no object',
      'init or reconfigure with a unit named twice or unknown',
    ],
    actions: [
      'the message names the value and what is allowed',
      'see where the log ends and who its units are: sirtaki status',
    ],
  },
  BAD_FRAME: {
    meaning: 'bytes came in that are no message of Sirtaki',
    causes: [
      'something else listens at that address',
      'a connection that breaks bytes: the checksum shows it',
      'two versions of Sirtaki that should not have met',
    ],
    actions: ['check the address: sirtaki status', 'run the same version of Sirtaki everywhere'],
  },
  BAD_LAYOUT: {
    meaning: 'a layout of the cluster makes no sense, or a change would make one that has too many segments',
    causes: [
      'many changes one after the other: each closes a segment, which goes when it is copied and merged, or trimmed',
      'a register or database that was changed by hand',
      'a server or client of another version',
    ],
    actions: [
      'where segments are too many, wait until copies are merged (sirtaki status shows how far), then repeat',
      'look at what each member says: sirtaki status --json',
      'run the same version of Sirtaki everywhere',
      'leave a member that reports nonsense out: sirtaki reconfigure remove UNIT',
    ],
  },
  BAD_SOURCE: {
    meaning: 'the source of an extension is no program, so that it was not registered',
    causes: [
      'it does not parse, or throws while it is loaded: reason has the line and the column',
      'it names a function that it does not have, or an op by something else than letters and digits',
      'uses, takes or events reach a path in /. or a type that other views may not have',
    ],
    actions: ['try it without a cluster: sirtaki extension check FILE', 'mend what the reason names, then register it'],
  },
  BLOBS_REFUSED: {
    meaning: 'the blob store refused the call',
    causes: [
      'the keys of access are missing, wrong or expired',
      'they lack the right to get, put, list or delete below the prefix',
      'the bucket does not exist, or is in another region',
    ],
    actions: [
      'the message says what was refused: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or make the bucket',
      'name the region in the address: s3://bucket/prefix?region=REGION',
    ],
  },
  BOOT: {
    meaning: 'the layout names another start of that process',
    causes: ['a unit or the sequencer was restarted, and the epoch that names its new start is not open yet'],
    actions: [
      'wait a moment: a restarted unit or sequencer opens the next epoch by itself',
      'if it stays: sirtaki status, then sirtaki reconfigure',
    ],
  },
  CLOSED: {
    meaning: 'the client, session, handle or store was closed',
    causes: ['close() was called, or the process is ending, while the call was under way'],
    actions: [
      'close last; connect again to go on',
      'what was being written may be there (unless next is again): sirtaki tail',
    ],
  },
  CODE_MISSING: {
    meaning: 'the object was made by a type that this process does not know',
    causes: [
      'connect was called without that type, or without that version of it, in types',
      'a command was asked for an object that a type of a program has made: it knows counters, locks and queues',
    ],
    actions: ['pass the type to connect(address, { types }) in every process that opens the object'],
  },
  CONFLICT: {
    meaning: 'another driver changed the layout at the same time',
    causes: [
      'two reconfigurations at once: an operator, a restarted unit, a starting sequencer',
      'no majority of the acceptors answered in time',
    ],
    actions: [
      'look at the epoch that is open now: sirtaki status',
      'repeat what you wanted if it is not so already: sirtaki reconfigure',
      'with next stop, two different layouts of one epoch exist: stop and look at every unit with sirtaki '
        + 'status --json',
    ],
  },
  DAMAGED: {
    meaning: 'stored bytes fail their checksum',
    causes: [
      'a disk that changed or lost what was synced',
      'a file of the data folder that was changed or copied by hand, or a file: folder that was copied in use',
    ],
    actions: [
      'with other units in the chain: put the folder aside and leave the unit out with sirtaki reconfigure remove UNIT',
      'without another copy: sirtaki recover shows what is left, or restore the folder from a backup',
      'find all that is damaged: sirtaki verify --deep, or of a stopped unit sirtaki verify --data DIR',
      'one damaged position is read from another unit of its chain; try sirtaki read POSITION',
    ],
  },
  DATA_UNREADABLE: {
    meaning: 'the data of a node are not what the codec of the tree handle reads',
    causes: ['another program wrote the node with another codec, such as text or plain bytes'],
    actions: [
      "open the tree with the codec of the writer: client.tree(path, { codec: 'bytes' }) reads everything",
      'print what the node holds: sirtaki get OBJECT NODE --text, or in base64: sirtaki export OBJECT NODE',
    ],
  },
  DIVERGED: {
    meaning: 'two clients played the same log to different states',
    causes: [
      'processes claim the digests of their states; this one differed, and a replay of the log came to the same',
      'a type whose ops look at clocks, chance or anything but their input and state makes states differ',
    ],
    actions: [
      'compare digest() of two clients at the same position',
      'let ops look at nothing but state, input and ctx (ctx.time is their clock), and run the same code everywhere',
    ],
  },
  EPOCH: {
    meaning: 'the message belongs to another epoch than the server',
    causes: [
      'the cluster was reconfigured, and the client had not learnt it yet',
      'a unit was sealed and the next epoch is not open yet',
    ],
    actions: [
      'nothing as a rule: clients fetch the layout and go on',
      'if it stays: sirtaki status shows the epoch of every unit, sirtaki reconfigure opens the next one',
    ],
  },
  EXTENSION_DIFFERS: {
    meaning: 'an extension of that name and version is registered with another source than the caller has',
    causes: [
      'the code was changed, and its version was not',
      'another build of the same code: compilers and Node give functions other texts',
      'the extension was registered anew since the caller has read it',
    ],
    actions: [
      'see what is registered: sirtaki extension show NAME --source',
      'give what was changed the next version, then register it',
      'keep the source in a file, so that every build has the same text: sirtaki extension build FILE',
    ],
  },
  EXTENSION_DISABLED: {
    meaning: 'the extension does not run: reason and since, a position, are in the facts; its objects can be read',
    causes: [
      'somebody has disabled it',
      'its functions for changes have failed three times in a row',
      'the engine gave it up',
    ],
    actions: [
      'see why: sirtaki extension show NAME',
      'register a mended version, which runs from there on, or start the old one again: sirtaki extension enable NAME',
    ],
  },
  EXTENSION_LIMIT: {
    meaning: 'a program exceeded a bound, so nothing of its step stays: limit in the facts says which',
    causes: [
      'fuel: a loop that is long, or does not end; or other ops of the same entry have used what there is',
      'depth or memory: calls within calls, or more data than one call may hold',
      'value or count: a value that cannot cross, or more records, waits or changes than one step may have',
    ],
    actions: [
      'see what its ops use: sirtaki extension profile NAME',
      'do less in one call, or give the definition more fuel: 50,000,000 at most',
    ],
  },
  EXTENSION_THREW: {
    meaning: 'a program threw, so nothing of its step stays: text in the facts is its own',
    causes: [
      'a fault in a function of the extension',
      'something "is not defined": a variable of the module around it, which a program does not see',
    ],
    actions: [
      'try it without a cluster: sirtaki extension check FILE runs the examples that FILE exports',
      'a program sees only its arguments and the language: move what it needs into its functions',
      'throw ctx.reject for what is no fault',
    ],
  },
  EXTENSION_TRAP: {
    meaning: 'the engine gave a program up in the middle of a call: it is disabled from there on',
    causes: ['a fault in the engine, which all views meet at the same position'],
    actions: [
      'see what is said of it: sirtaki extension show NAME',
      'keep source and input, and report them; sirtaki extension enable NAME runs it again',
    ],
  },
  FULL: {
    meaning:
      'the disk of a unit is full: appends are refused before a reserve is used up, so that everything else goes on',
    causes: ['the log has grown, or somebody else fills that disk'],
    actions: [
      'make room on that disk, or trim the log: appends go on by themselves then',
      'see which unit it is: sirtaki status, sirtaki doctor --data DIR',
    ],
  },
  INVARIANT: {
    meaning: 'a rule that must always hold does not: the part has stopped so as to spread no damage',
    causes: [
      'a fault in Sirtaki, or damage that no checksum shows',
      'an error that is not of Sirtaki, thrown where none is expected: see its cause',
    ],
    actions: [
      'keep the message, it names the rule and its facts, and a copy of the data folders',
      'look at the others: sirtaki status',
      'restart the part that stopped; report it if it happens again',
    ],
  },
  IN_USE: {
    meaning: 'somebody else has the address, the folder or the place of the sequencer',
    causes: [
      'a server listens at that port already',
      'another process holds the data folder, or hosts the file: cluster and is stopped: the message names it',
      'a sequencer lives already',
    ],
    actions: [
      'stop the other one, or choose another --listen or --data',
      'start a sequencer as a stand-by with sirtaki sequencer --standby, or move the place: sirtaki '
        + 'reconfigure move-sequencer ADDRESS',
    ],
  },
  IO: {
    meaning: 'the disk or the system refused',
    causes: ['a full disk', 'a folder without the rights to write, or a file in its place', 'a failing disk'],
    actions: [
      'make room or mend the rights, then start the unit again: it joins by itself',
      'a disk that is beyond help: sirtaki reconfigure remove UNIT',
    ],
  },
  KEY_REUSED: {
    meaning: 'the idempotency key stands for an op that was applied already, and its result cannot be given again',
    causes: [
      'one idempotencyKey for two ops, or for two inputs of one op',
      'the same op again, whose result was larger than 4 KiB and so was not kept: appliedAt is its position',
    ],
    actions: [
      'make a key for each op, such as a random id',
      'where appliedAt is the position of that op, read the state',
    ],
  },
  MISUSE: {
    meaning: 'two calls of the program contradict each other',
    causes: ['two types with one name and version', 'a store that is opened twice'],
    actions: ['give one of the types another name or version: the message names it'],
  },
  NESTED: {
    meaning: 'a program called an op of another program, which no program may',
    causes: ['ctx.do on an object whose type is an extension'],
    actions: ['let the caller do both ops in one transaction', 'put both into one extension'],
  },
  NOT_ACKNOWLEDGED: {
    meaning: 'the session has not agreed to this source of the extension, so that it may not call it',
    causes: [
      'the extension was registered anew since the session has opened it',
      'an op that was called without open, or by another session',
    ],
    actions: ['open the object anew with the version that is registered: sirtaki extension show NAME'],
  },
  NOT_PORTABLE: {
    meaning:
      'a transaction calls an extension, or changes which are registered, beside an op that some views cannot see',
    causes: ['a transaction of an op of an extension and one of a type that the program defines itself'],
    actions: ['make two calls of it', 'make the type an extension too, so that every process has its code'],
  },
  NOT_A_WAIT: {
    meaning: 'a program answered that it waits where nothing may wait; nothing of its step stays',
    causes: [
      'an op that calls ctx.wait and is not among the waits of its definition',
      'ctx.do on an op that would have to wait, as the acquire of a lock',
    ],
    actions: [
      'name the op in waits, and give the extension another version',
      'tell the op that the program calls not to wait',
    ],
  },
  NOT_ACTIVE: {
    meaning: 'this version of the type is not the active one in the space; nothing was changed',
    causes: [
      'the process runs newer code of a type than the space has been switched to',
      'of an activation: a live session has announced another version of the type only, and would be shut out',
    ],
    actions: [
      'run the version that is active (it is in the facts), or activate this one',
      'of an activation: upgrade or end that session (its name is in the facts), then repeat',
    ],
  },
  NO_BLOBS: {
    meaning: 'the beginning of the log was trimmed; what it held is in a blob store that this client does not have',
    causes: ['the client was not given the blob store of the cluster', 'it was given another one'],
    actions: ['connect with the blob store that the message names: it holds the newest checkpoint'],
  },
  NOT_BLANK: {
    meaning: 'init was asked to use a unit that belongs to a cluster already',
    causes: ['a data folder of an earlier cluster', 'two inits at once that share units'],
    actions: [
      'see whose it is: sirtaki --cluster tcp://HOST:PORT status',
      'start the unit on an empty folder: sirtaki unit --data DIR --listen HOST:PORT',
      'run an init that broke off again with the same units: it finishes',
    ],
  },
  NOT_EMPTY: {
    meaning: 'the object is in use, or the node has children, so it was neither dropped nor deleted',
    causes: [
      'sessions have holders, waits, taken items or ephemerals in the object: their number is in the facts',
      'the node of a tree has children',
    ],
    actions: [
      'wait until they are done, or end those sessions, then repeat',
      'delete a node with all below it: sirtaki rm OBJECT NODE --recursive',
    ],
  },
  NOT_IN_USES: {
    meaning: 'a program reached for a path, or a type, that its extension does not name under uses',
    causes: ['a path that was mistyped, or that no pattern of uses covers'],
    actions: ['see what it uses: sirtaki extension show NAME', 'name the path under uses, in another version'],
  },
  NOT_MEMBER: {
    meaning: 'the layout does not name that unit',
    causes: [
      'it was taken out with sirtaki reconfigure remove',
      'its folder is a new one: a layout names disks, not addresses',
    ],
    actions: ['see who belongs to the cluster: sirtaki status', 'stop the unit if it was left out for good'],
  },
  NOT_READY: {
    meaning: 'the server belongs to no cluster yet, or no sequencer is named',
    causes: ['units that were started, without init', 'a cluster whose sequencer was never started, or was left out'],
    actions: [
      'once: sirtaki init --units A,B,C',
      'then: sirtaki sequencer --listen HOST:PORT --units A,B,C',
      'look: sirtaki status',
    ],
  },
  NOT_REGISTERED: {
    meaning: 'no extension of that name is registered',
    causes: ['nobody has registered it in this cluster', 'it was removed; its objects can be read'],
    actions: ['see which there are: sirtaki extension list', 'register it: sirtaki extension register FILE'],
  },
  NOT_WHOLE: {
    meaning: 'a unit lacks what its chain knows decided, so that the next epoch cannot be built with it',
    causes: [
      'its disk lost synced data',
      'another disk answers at its address than the layout names (next is again)',
      'a chain would lose its last unit',
    ],
    actions: [
      'leave the unit out: sirtaki reconfigure remove UNIT',
      'with another disk: start the unit on its own folder again, or sirtaki reconfigure replace IDENTITY ADDRESS',
      'a chain without a whole unit: sirtaki recover shows what is left of it, and goes on with that',
    ],
  },
  OLD_CODE: {
    meaning: 'a newer version of the type is active in the space than the one that was used; nothing was changed',
    causes: ['a process that still runs the older code of a type'],
    actions: ['upgrade that process to the version that is active: it is in the facts'],
  },
  OVERLOADED: {
    meaning: 'a queue or the window is full',
    causes: [
      'units that commit slower than clients append',
      'a unit that is down: nothing is decided, so the window fills',
      'a subscriber that reads too slowly, or too many subscriptions or connections',
      'a session with too many ops under way',
    ],
    actions: [
      'see where it waits: sirtaki top',
      'see whether a unit is down: sirtaki status; start it, or sirtaki reconfigure remove UNIT',
      'append less at once, await some calls, then repeat',
    ],
  },
  OVERSIZE: {
    meaning: 'an entry, an op or a frame is larger than allowed',
    causes: [
      'an entry or the input of an op above the limit, 1 MiB unless set otherwise',
      'something that is not Sirtaki talking to the port',
    ],
    actions: ['split it, or keep the large value elsewhere and append where it is'],
  },
  RECOVERING: {
    meaning: 'the unit was restarted and waits for the epoch that names it',
    causes: [
      'a restart a moment ago',
      'too few acceptors, or another unit that does not answer, so that no epoch can open',
    ],
    actions: [
      'wait a moment: it opens the next epoch by itself',
      'if it stays: sirtaki status shows who is missing; start that one, or sirtaki reconfigure remove UNIT',
    ],
  },
  REJECTED: {
    meaning: 'the object refused the operation, as its rules say; nothing of it stays',
    causes: [
      'ctx.reject in the op: the reason and its facts are in the error',
      'the type has no such op, or the op was cut short in the log',
    ],
    actions: ['decide in the program: it is an expected answer', 'read the state and try with another input'],
  },
  SESSION_LOST: {
    meaning: 'the session has ended, or its process could not confirm it in time: what it held is not its own any more',
    causes: [
      'no heartbeat was confirmed for 0.8 of its timeout: a broken network, or no sequencer for so long',
      'a process that was suspended, or so busy that it sent no heartbeat',
      'a resume of a session that has ended, or with a secret that is not its own',
    ],
    actions: [
      'act no more on what the session held: others may hold it by now',
      'call again: handles go on in another session (unless onLost is stop)',
      'if next is unknown, read before repeating what was under way; if it is again, that was not applied',
      'where pauses are long by nature, ask for a longer timeoutMs',
    ],
  },
  SESSION_MOVED: {
    meaning: 'another process has resumed the session, with all that it holds',
    causes: ['client.session({ resume: ticket }) elsewhere'],
    actions: ['go on there; what was under way here and was not applied can be called again there'],
  },
  SKIPPED: {
    meaning: 'nothing runs for that object at that position, because an operator has said so',
    causes: ['a skip was written for an op that would have stopped every view'],
    actions: ['mend the op, and call it again if it is still wanted'],
  },
  STOPPED: {
    meaning: 'the part that was asked has stopped and will not go on',
    causes: ['a unit that was shut down, or whose disk failed', 'a view whose op ran out of stack or memory'],
    actions: [
      'see which unit it is: sirtaki status',
      'start it again: sirtaki unit --data DIR --listen HOST:PORT',
      'for a view: connect again, and make the op smaller',
    ],
  },
  TIMEOUT: {
    meaning: 'no answer came before the deadline',
    causes: [
      'a unit of the chain is down: every unit takes part in every append',
      'no sequencer lives',
      'a slow network or disk, or a --timeout that is too short',
    ],
    actions: [
      'see who does not answer: sirtaki status',
      'start that one again, or leave it out: sirtaki reconfigure remove UNIT',
      'if next is unknown, look before repeating an append: sirtaki tail --stream N',
    ],
  },
  TOO_MANY: {
    meaning: 'a bound of the space is reached, and what would go beyond it was refused',
    causes: [
      'too many records of a table, objects of the space, live sessions, waits of an object, or records that a '
        + 'session owns',
      'the facts say which, and how many there are',
    ],
    actions: [
      'delete what is no longer needed, close sessions that are done',
      'spread what grows over several objects',
    ],
  },
  TRIMMED: {
    meaning: 'the position or the beginning of the stream was dropped for good',
    causes: [
      'sirtaki trim, or trim() of a program, up to above that position',
      'of an append (next: unknown): its position was trimmed before its writer heard of it, others may '
        + 'have read it there',
    ],
    actions: [
      'see the first position kept: sirtaki status, column trim',
      'read from there: sirtaki tail --stream N --from POSITION',
    ],
  },
  UNREACHABLE: {
    meaning: 'nobody answers at the address, or the connection broke',
    causes: ['the server is not running, or the address is wrong', 'a firewall or a broken network'],
    actions: [
      'check --cluster and SIRTAKI_CLUSTER; start a cluster with sirtaki dev',
      'see who is missing: sirtaki status',
      'start that one, or leave it out: sirtaki reconfigure remove UNIT',
      'if next is unknown, look before repeating an append: sirtaki tail --stream N',
    ],
  },
  UNSUPPORTED: {
    meaning: 'this version cannot do that',
    causes: [
      'a folder, entry or register of a later version',
      'a file: cluster on a network file system, or hosted without better-sqlite3',
      'a request to a server of another kind',
    ],
    actions: [
      'upgrade Sirtaki, everywhere',
      'for a file: cluster take a folder on a disk of this machine; for several machines take tcp://',
    ],
  },
  WAIT_IN_TRANSACTION: {
    meaning: 'an op of a transaction would have to wait, so nothing of the transaction was applied',
    causes: ['a part such as acquire or take that is not told to refuse where it cannot be served at once'],
    actions: ['tell that op not to wait, and try the transaction again later'],
  },
  WRONG_CHAIN: {
    meaning: 'the message is meant for another chain, or another place in the chain, than the unit has',
    causes: ['a client or driver that acted under a layout of before'],
    actions: ['nothing as a rule: clients fetch the layout and go on', 'if it stays: sirtaki status'],
  },
  WRONG_CLUSTER: {
    meaning: 'the server or the folder belongs to another cluster',
    causes: [
      'an address that another cluster uses now',
      'a data folder under the wrong unit',
      'folders of several clusters below one --data of sirtaki dev',
    ],
    actions: [
      'see which cluster answers: sirtaki --cluster tcp://HOST:PORT status',
      'name the right address, or the right --data',
    ],
  },
  WRONG_TYPE: {
    meaning: 'the path has an object of another type',
    causes: ['two programs that use one path for different things', 'a path that was mistyped'],
    actions: ['take another path: type and wanted are in the facts'],
  },
  WRONG_VERSION: {
    meaning: 'the two ends speak different versions of the protocol',
    causes: ['an old client or server', 'something that is not Sirtaki at that port'],
    actions: ['run the same version of Sirtaki everywhere: npm ls sirtaki'],
  },
  YOUNG: {
    meaning: 'positions below are not decided yet',
    causes: ['a trim or the opening of an epoch that came before the last writers were done'],
    actions: [
      'repeat it in a moment',
      'if a hole stays: sirtaki status shows the prefix, sirtaki fill POSITION decides it',
    ],
  },
}
