/**
 * The rare events that a long run must have met: a simulator that never gets there proves nothing about them.
 */

/** Name of the failpoint or fault, and what it shows. */
export const points: Readonly<Record<string, string>> = {
  'resolve.fill': 'a hole was filled',
  'resolve.fillMetData': 'a fill met the data of a slow writer',
  'append.lost': 'a writer lost its position to junk and appended again',
  'append.trimmed': 'a writer found its position trimmed',
  'unit.store.again': 'a retransmitted store was recognised',
  'unit.force.over': 'a force replaced an undecided value',
  'unit.install.boot': 'an install was refused because it named another boot',
  'unit.store.sealed': 'a store met a unit that was sealed meanwhile',
  'unit.stopped': 'a unit stopped after an error of its disk',
  'unit.trimmed': 'a prefix was trimmed',
  'drive.adopted': "a driver adopted another's accepted layout",
  'drive.completes': 'a driver completed an epoch that somebody else had agreed',
  'drive.again': 'a driver had to start over',
  'genesis.finishes': 'a half-done genesis was finished',
  'sequencer.deposed': 'a sequencer learnt that another one is named',
  'sequencer.forgot': 'the sequencer forgot a stream to {before}',
  'sequencer.full': 'a token request waited for the window',
  'sequencer.resolves': 'the sequencer resolved what its writer left',
  'stream.gap': 'an entry came before its turn',
  'stream.junkPrevious': '`previous` proved junk',
  'stream.resolved': 'a reader resolved what held its stream up',
  'tail.shared': 'linearizable reads shared a round',
  'fault.crash': 'a unit crashed', 'fault.crashAll': 'all units crashed', 'fault.pause': 'a process was paused', 'fault.partition': 'a link was cut', 'fault.reset': 'connections were reset',
  'fault.slowDisk': 'a disk was slow', 'fault.failDisk': 'a disk failed', 'fault.replaceDisk': 'a disk was replaced', 'fault.loseRegister': 'an acceptor lost its register', 'fault.sequencer': 'the sequencer crashed', 'fault.moveSequencer': 'the sequencer moved',
  'fault.reconfigure': 'somebody drove a new epoch', 'fault.client': 'a client crashed',
}
