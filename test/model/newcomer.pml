/* A lost unit is replaced by a newcomer: segments, copy, merge. Three units (0, 1, 2), epoch 1 runs on {0, 1}. A layout has a whole
 * set, which holds everything, and at most one newcomer, which is a member of the open segment [from, ..) only:
 *
 *     0 .............. from[e] ....... tail[e] ........
 *     closed: whole[e] | open: all[e] (= whole[e] and the newcomer; without one from is 0)
 *
 * Agreement is one atomic choice among all layouts the rules allow, once every unit that stays is sealed; seal, install, resolving
 * (first unit, then one step for each other) and telling are steps of anybody, so a driver that dies and is followed by another needs no
 * states of its own, and neither does a unit that is lost. Units left out stay at their old epoch, go on storing, filling and serving
 * there, and may come back as newcomers with whatever they hold, in the very epoch that leaves them out too. A row that is copied is in
 * flight for a while, across trims and epochs. After every step all that may be read of any unit is read.
 * Checked: nothing is ever exposed as data and junk (L1, L2, L4), decided means on every member of the position's segment (L5), nothing
 * at or above the tail on who moves to it (L6), no row below a trim mark (L8), no position granted twice (Q1), every segment keeps a
 * member that holds all that was decided of it (Y4). ONLY_READS leaves the checks of L5, L8 and Y4 after each step out. FILL: holes are filled while an
 * epoch runs. MERGE_AND_DROP: the source may be left out by the epoch that merges. STRAIGHT: newcomer, merge, any drop, in this order. */
#ifndef E
#define E 4            /* epochs */
#endif
#ifndef G1
#define G1 2           /* grants of the epochs: tails lie above everything that could be granted */
#endif
#ifndef G2
#define G2 1
#endif
#ifndef G3
#define G3 1
#endif
#ifndef TRIM
#define TRIM 1         /* highest trim mark that a client asks for */
#endif
#define U 3
#define P (G1 + G2 + G3)
#define ALL ((1 << P) - 1)
#define has(set, x) (((set) >> (x)) & 1)
#define below(p) ((1 << (p)) - 1)
#define max(a, b) ((a) > (b) -> (a) : (b))
#define grants(e) ((e) == 1 -> G1 : ((e) == 2 -> G2 : ((e) == 3 -> G3 : 0)))
#define lowest(set) (has(set, 0) -> 0 : (has(set, 1) -> 1 : 2))
/* Units: positions that hold data, junk; those known decided; marks; installed, sealed, told that all below the tail is decided. */
byte data[U]; byte junk[U]; byte dec[U]; byte trim[U]; byte lay[U] = 1; byte seal[U] = 1; byte told[U] = 1;
/* Layouts, one per epoch, agreed up to `last`. */
byte last = 1; byte whole[5]; byte all[5]; byte from[5]; byte tail[5]; byte low[5]; byte first[5];
/* What those who resolve under an epoch know: what the first unit holds, from where on, which units hold it too. */
bit settled[5]; byte value[5]; byte kept[5]; byte forced[5]; bit opened[5];
byte next[5]; byte epochOf[4]; byte ok[4];         /* the sequencers; the epoch of a token; who has stored it for its writer */
byte verified;                                         /* the epoch in which the newcomer was found equal to a whole unit */
bit flying; byte row; byte rowTo; bit rowData; bit rowJunk;  /* the row in flight; neither data nor junk: a hole */
byte exposedData; byte exposedJunk; byte trimmed;      /* ghosts */
hidden byte seen; hidden byte seenData; hidden byte seenJunk;

#define holds(u) (data[u] | junk[u])
#define at(u, e) (lay[u] == (e) && seal[u] == (e))
#define allAt(e) ((!has(all[e], 0) || at(0, e)) && (!has(all[e], 1) || at(1, e)) && (!has(all[e], 2) || at(2, e)))
#define newcomer(u, e) (has(all[e], u) && !has(whole[e], u))
#define partOf(u, e) (has(whole[e], u) -> ALL : (has(all[e], u) -> (ALL & (ALL - below(from[e]))) : 0))
#ifdef BUG_NEWCOMER_SERVES
#define servesOf(u, e) (has(all[e], u) -> ALL : 0)
#else
#define servesOf(u, e) partOf(u, e)
#endif
#define same(u, v, m) (((data[u] ^ data[v]) & (m)) == 0 && ((junk[u] ^ junk[v]) & (m)) == 0)
#define resolvedAt(e) (settled[e] && (forced[e] | (1 << first[e])) == all[e])

inline expose(d, j) {
  assert(((d) & exposedJunk) == 0 && ((j) & exposedData) == 0 && ((d) & (j)) == 0);  /* L1, L2, L4 */
  exposedData = exposedData | (d); exposedJunk = exposedJunk | (j)
}
inline exposeResolved(e) {
  if
  :: resolvedAt(e) -> seen = below(tail[e]) & (ALL - below(kept[e])); seenData = seen & value[e]; seenJunk = seen & (ALL - value[e]);
     expose(seenData, seenJunk)
  :: else
  fi
}
inline checkUnit(u) {
  seen = dec[u] & servesOf(u, lay[u]); seenData = data[u] & seen; seenJunk = junk[u] & seen;
  expose(seenData, seenJunk);                                                             /* anybody reads, with any layout */
#ifndef ONLY_READS
  assert((holds(u) & below(trim[u])) == 0);                                               /* L8 */
  /* L5 and Y4: what was exposed and is not trimmed is on every member of its segment under the newest layout. */
  assert((exposedData & partOf(u, last) & (ALL - below(max(trim[u], trimmed))) & (ALL - data[u])) == 0);
  assert((exposedJunk & partOf(u, last) & (ALL - below(max(trim[u], trimmed))) & (ALL - junk[u])) == 0);
#endif
}
inline check() { checkUnit(0); checkUnit(1); checkUnit(2) }
inline trimUnit(u, t) {
  if
  :: trim[u] < t ->
     trim[u] = t; seen = ALL - below(trim[u]); data[u] = data[u] & seen; junk[u] = junk[u] & seen; dec[u] = dec[u] & seen
  :: else
  fi
}
inline exposeSame(u, e, m) {                       /* every unit of the chain holds just that */
  if
  :: (!has(all[e], 0) || same(0, u, m)) && (!has(all[e], 1) || same(1, u, m)) && (!has(all[e], 2) || same(2, u, m)) ->
     seenData = data[u] & m; seenJunk = junk[u] & m; expose(seenData, seenJunk)
  :: else
  fi
}
/* A pick among those that may; if none may, the action is not taken. */
#define pickPosition(may) if :: may(0) -> p = 0 :: may(1) -> p = 1 :: may(2) -> p = 2 :: may(3) -> p = 3 fi
#define pickEpoch(may) if :: may(1) -> e = 1 :: may(2) -> e = 2 :: may(3) -> e = 3 :: may(4) -> e = 4 fi
#define pickUnit(may) if :: may(0) -> v = 0 :: may(1) -> v = 1 :: may(2) -> v = 2 fi
#define pickSet(may) if :: may(1) -> k = 1 :: may(2) -> k = 2 :: may(3) -> k = 3 :: may(4) -> k = 4 :: may(5) -> k = 5 :: may(6) -> k = 6 :: may(7) -> k = 7 fi
#define inToken(p) (epochOf[p] != 0 && has(all[epochOf[p]], u) && at(u, epochOf[p]) && (p) >= trim[u])
#define mayStore(p) (inToken(p) && !has(holds(u), p))
#define mayFill(p) (inToken(p) && first[epochOf[p]] == u && allAt(epochOf[p]) && !has(holds(u), p))
#define mayForce(p) (inToken(p) && u != first[epochOf[p]] && lay[first[epochOf[p]]] == epochOf[p] && has(holds(first[epochOf[p]]), p) && !same(u, first[epochOf[p]], 1 << (p)))
#define mayMark(p) (inToken(p) && !has(dec[u], p) && has((exposedData & data[u]) | (exposedJunk & junk[u]), p))
#define mayTrim(p) ((p) > 0 && (p) <= TRIM && trim[u] < (p) && has(all[lay[u]], u) && seal[u] == lay[u] && ((exposedData | exposedJunk) & below(p)) == below(p) && (newcomer(u, lay[u]) || (dec[u] & below(p)) == (below(p) & (ALL - below(trim[u])))))
#define mayInstall(e) (has(all[e], u) && lay[u] < (e) && seal[u] <= (e))
#define maySettle(e) ((e) > 1 && !settled[e] && has(all[e], u) && first[e] == u && allAt(e))
#define mayResolve(e) (settled[e] && has(all[e], u) && u != first[e] && !has(forced[e], u) && at(u, e))
#define mayTell(e) (resolvedAt(e) && has(all[e], u) && at(u, e) && told[u] < (e))
#define maySend(v) (newcomer(u, lay[u]) && has(whole[lay[u]], v) && lay[v] == lay[u])
#define mayTakeTrim(v) (maySend(v) && trim[u] < trim[v])
#ifdef BUG_COPY_BEFORE_RESOLVED
#define mayCopy(p) ((p) < from[lay[u]] && (p) >= trim[v] && (p) >= trim[u])
#define isResolved(v) 1
#else
#define mayCopy(p) ((p) < from[lay[u]] && (p) >= trim[v] && (p) >= trim[u] && has(dec[v], p))
#define isResolved(v) (told[v] >= last)
#endif
#ifdef BUG_TRIM_NOT_FIRST
#define isTrimTaken(v) 1
#else
#define isTrimTaken(v) (trim[u] >= trim[v])
#endif
#define toCompare(v) (below(from[last]) & (ALL - below(max(trim[u], trim[v]))))
#ifdef BUG_KEEP_STALE
#define isEqual(v) ((holds(u) & toCompare(v)) == toCompare(v))
#else
#define isEqual(v) same(u, v, toCompare(v))
#endif
#define mayVerify(v) (verified != last && lay[u] == last && maySend(v) && isResolved(v) && isTrimTaken(v) && isEqual(v))

#define fly(p) flying = 1; row = p; rowTo = u; rowData = has(data[v], p); rowJunk = has(junk[v], p)
inline readRow() { if :: mayCopy(0) -> fly(0) :: mayCopy(1) -> fly(1) :: mayCopy(2) -> fly(2) :: mayCopy(3) -> fly(3) :: else fi }
inline landRow() { flying = 0; row = 0; rowTo = 0; rowData = 0; rowJunk = 0 }

proctype Unit(byte u) {
  byte e; byte p; byte v; byte m;
  do
  :: atomic { pickPosition(mayStore); data[u] = data[u] | (1 << p); ok[p] = ok[p] | (1 << u);
       if :: ok[p] == all[epochOf[p]] -> seenData = 1 << p; expose(seenData, 0) :: else fi;   /* acknowledged */
       check(); p = 0 }
#ifdef FILL
  :: atomic { pickPosition(mayFill); e = epochOf[p]; m = 1 << p;
       if :: ((data[0] | data[1] | data[2]) & m) != 0 -> data[u] = data[u] | m :: else -> junk[u] = junk[u] | m fi;
       exposeSame(u, e, m); check(); e = 0; p = 0; m = 0 }
  :: atomic { pickPosition(mayForce); e = epochOf[p]; m = 1 << p; v = first[e];
       assert(!has(dec[u], p));                                                         /* L5 */
       data[u] = (data[u] & (ALL - m)) | (data[v] & m); junk[u] = (junk[u] & (ALL - m)) | (junk[v] & m);
       exposeSame(u, e, m); check(); e = 0; p = 0; v = 0; m = 0 }
#endif
  :: atomic { pickPosition(mayMark); dec[u] = dec[u] | (1 << p); check(); p = 0 }
  :: atomic { pickPosition(mayTrim); trimUnit(u, p); trimmed = max(trimmed, p); check(); p = 0 }

  :: atomic { last < E && has(all[last], u) && seal[u] <= last -> seal[u] = last + 1 }
  :: atomic { pickEpoch(mayInstall); lay[u] = e; seal[u] = e; trimUnit(u, low[e]);
       assert((holds(u) & (ALL - below(tail[e]))) == 0);                                /* L6 */
       check(); e = 0 }
  :: atomic { pickEpoch(maySettle);                                                     /* resolving: the first unit decides, */
       kept[e] = max(trim[0] * has(all[e], 0), max(trim[1] * has(all[e], 1), trim[2] * has(all[e], 2)));
       m = (data[0] & partOf(0, e)) | (data[1] & partOf(1, e)) | (data[2] & partOf(2, e));
       v = below(tail[e]) & (ALL - below(kept[e])) & (ALL - holds(u));
       data[u] = data[u] | (v & m); junk[u] = junk[u] | (v & (ALL - m));
       value[e] = data[u] & below(tail[e]); settled[e] = 1; exposeResolved(e); check(); e = 0; v = 0; m = 0 }
  :: atomic { pickEpoch(mayResolve);                                                    /* the others are forced, */
       m = partOf(u, e) & below(tail[e]) & (ALL - below(max(trim[u], kept[e])));
       assert(((data[u] ^ value[e]) & dec[u] & m) == 0);                                /* L5: never over what is decided */
       data[u] = (data[u] & (ALL - m)) | (m & value[e]); junk[u] = (junk[u] & (ALL - m)) | (m & (ALL - value[e]));
       forced[e] = forced[e] | (1 << u); exposeResolved(e); check(); e = 0; m = 0 }
  :: atomic { pickEpoch(mayTell);                                                       /* and told: decided below tail */
       dec[u] = dec[u] | (servesOf(u, e) & below(tail[e]) & holds(u)); told[u] = e;
       if :: (!has(all[e], 0) || told[0] >= e) && (!has(all[e], 1) || told[1] >= e) && (!has(all[e], 2) || told[2] >= e) -> opened[e] = 1
          :: else fi;
       check(); e = 0 }

#ifndef BUG_TRIM_NOT_FIRST
  :: atomic { pickUnit(mayTakeTrim); trimUnit(u, trim[v]); check(); v = 0 }
#endif
  :: atomic { !flying && maySend(0) -> v = 0; readRow(); v = 0 }
  :: atomic { !flying && maySend(1) -> v = 1; readRow(); v = 0 }
  :: atomic { !flying && maySend(2) -> v = 2; readRow(); v = 0 }
  :: atomic { flying && rowTo == u -> m = 1 << row;
       if
#ifndef BUG_TRIM_LAST
       :: row < trim[u]
#endif
#ifdef BUG_KEEP_STALE
       :: (holds(u) & m) != 0 -> dec[u] = dec[u] | m
#endif
       :: else ->
          data[u] = (data[u] & (ALL - m)) | (m * rowData); junk[u] = (junk[u] & (ALL - m)) | (m * rowJunk);
          if :: rowData || rowJunk -> dec[u] = dec[u] | m :: else fi
       fi;
       landRow(); check(); m = 0 }
  :: atomic { flying && rowTo == u -> landRow() }                                       /* lost */
  :: atomic { pickUnit(mayVerify); verified = last; v = 0 }
  od
}

/* Every sequencer grants below its window, deposed or not. */
#define mayGrant(e) (opened[e] && next[e] < tail[e] + grants(e))
active proctype Sequencers() {
  byte e; byte p;
  do
  :: atomic { pickEpoch(mayGrant); p = next[e]; next[e] = p + 1; assert(epochOf[p] == 0); epochOf[p] = e; e = 0; p = 0 }   /* Q1 */
  od
}

/* Any layout that the rules allow. Who stays what it was is sealed; who begins as a newcomer need not be. */
#define isSealed(set) ((!has(set, 0) || seal[0] == last + 1) && (!has(set, 1) || seal[1] == last + 1) && (!has(set, 2) || seal[2] == last + 1))
#define mayStay(set) (last < E && ((set) & (7 - whole[last])) == 0 && isSealed(set))
#define lastNewcomer (all[last] - whole[last])
inline agree(start) {                                  /* k: the whole set, m: all of them, start: of the newcomer's part */
#ifdef BUG_OPEN_AT_OLD_TAIL
  seen = (holds(0) * has(m, 0)) | (holds(1) * has(m, 1)) | (holds(2) * has(m, 2)); t = tail[last];
  do :: t < P && (seen >> t) != 0 -> t++ :: else -> break od;
#else
  t = tail[last] + grants(last);
#endif
  whole[last + 1] = k; all[last + 1] = m; from[last + 1] = start; tail[last + 1] = t; next[last + 1] = t; low[last + 1] = low[last];
  if :: has(m, 0) && seal[0] > last -> low[last + 1] = max(low[last + 1], trim[0]) :: else fi;
  if :: has(m, 1) && seal[1] > last -> low[last + 1] = max(low[last + 1], trim[1]) :: else fi;
  if :: has(m, 2) && seal[2] > last -> low[last + 1] = max(low[last + 1], trim[2]) :: else fi;
  first[last + 1] = (has(k, first[last]) -> first[last] : lowest(k));
  last++; verified = 0; check()
}
#ifdef STRAIGHT                 /* a newcomer, its merge, then any whole unit may be dropped */
#define mayLast(e) (last == (e))
#else
#define mayLast(e) 1
#endif
active proctype Agreement() {
  byte k; byte n; byte m; byte t;
  do
  :: atomic { pickSet(mayStay); n = lastNewcomer;
       if
       :: mayLast(3) -> m = k; agree(0)                                                               /* no newcomer, or not any more */
       :: mayLast(0) && n != 0 && isSealed(n) -> m = k | n; agree(from[last])                         /* it stays one */
#ifdef BUG_MERGE_BEFORE_COPY
       :: n != 0 && isSealed(n) && opened[last] -> k = k | n; m = k; agree(0)
#else
       :: n != 0 && isSealed(n) && verified == last -> k = k | n; m = k; agree(0)       /* it is merged */
#endif
       :: mayLast(1) && !has(k, 0) -> m = k | 1; agree(t)                                             /* another, or the same anew */
       :: mayLast(1) && !has(k, 1) -> m = k | 2; agree(t)
       :: mayLast(1) && !has(k, 2) -> m = k | 4; agree(t)
       fi; k = 0; n = 0; m = 0; t = 0 }
#ifdef MERGE_AND_DROP
  :: atomic { last < E && lastNewcomer != 0 && isSealed(lastNewcomer) && verified == last ->
       k = lastNewcomer; m = k; agree(0); k = 0; m = 0; t = 0 }
#endif
#ifdef BUG_DROP_LAST
  :: atomic { last < E && lastNewcomer != 0 && isSealed(lastNewcomer) ->
       k = lastNewcomer; m = k; agree(0); k = 0; m = 0; t = 0 }
#endif
  od
}

init { atomic { whole[1] = 3; all[1] = 3; settled[1] = 1; opened[1] = 1; run Unit(0); run Unit(1); run Unit(2) } }
