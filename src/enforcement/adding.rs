//! Adding people to the group: envelopes of binds, and sorting out the binds that the tenant refuses.
//!
//! A bind adds all of its people or none, so a refused one was not carried out at all. Who vanished is looked for, then it is compared
//! with the group's members, then halved until the bad id stands alone. Does not repeat what may have been carried out. Invariant: every person ends in exactly one
//! list of their batch's outcome.

use std::collections::VecDeque;

use jiff::SignedDuration;

use super::fitness;
use super::releasing::because;
use crate::engine::port::BatchOutcome;
use crate::graph::Graph;
use crate::graph::answer::Verdict;
use crate::graph::groups::Depth;
use crate::graph::request::{BIND, Mutation};
use crate::rollout::id::ObjectId;
use crate::rollout::observed::{IdSet, Trouble, TroubleKind};

/// How often one person is tried again whom a replica of the tenant does not know yet.
const REPLICA_TRIES: u32 = 3;
/// Before the first of those.
const REPLICA_WAIT: SignedDuration = SignedDuration::from_secs(3);

/// No bind is begun later than this after the guard; it may wait some minutes itself.
const PATIENCE: SignedDuration = SignedDuration::from_mins(4);

/// Most binds in one envelope (Microsoft's limit).
const BINDS: usize = 20;

/// A bind still to be made.
struct Piece {
    /// Whose outcome it belongs to.
    batch: usize,
    people: Vec<ObjectId>,
    /// Whether the members were taken out already.
    compared: bool,
    /// Tries of a single person whom a replica does not know yet.
    tries: u32,
}

/// Adds the batches. One outcome per batch, in order.
pub(super) async fn add(graph: &Graph, group: ObjectId, batches: &[Vec<ObjectId>]) -> Vec<BatchOutcome> {
    let mut outcomes = vec![BatchOutcome::default(); batches.len()];
    let mut pieces = VecDeque::new();
    for (batch, people) in batches.iter().enumerate() {
        let mut people = people.clone();
        people.sort_unstable();
        people.dedup();
        pieces.extend(people.chunks(BIND).map(|people| Piece { batch, people: people.to_vec(), compared: false, tries: 0 }));
    }
    let mut waits = 0;
    let mut first = true;
    let begun = graph.clock().now();
    while !pieces.is_empty() {
        if graph.clock().now().duration_since(begun) > PATIENCE {
            // The guard looked a while ago; what is left is decided anew.
            for piece in pieces.drain(..) {
                if let Some(outcome) = outcomes.get_mut(piece.batch) {
                    not_sent(outcome, "the tenant made the batch wait; it is decided anew".to_owned(), piece.people);
                }
            }
            break;
        }
        // At first all of them: the engine asked for room. What is sorted out keeps to what was learnt.
        let most = if std::mem::take(&mut first) { BINDS } else { graph.width().clamp(1, BINDS) };
        let count = most.min(pieces.len());
        let envelope: Vec<_> = pieces.drain(..count).collect();
        if envelope.iter().any(|piece| piece.tries > waits) {
            // One wait serves all who are as far: the replica catches up for everybody.
            graph.clock().sleep(REPLICA_WAIT.checked_mul(1 << waits).unwrap_or(REPLICA_WAIT)).await;
            waits += 1;
        }
        let binds: Vec<_> = envelope.iter().map(|piece| Mutation::Bind { group, people: piece.people.clone() }).collect();
        let mut refused = Vec::new();
        for (piece, carried) in envelope.into_iter().zip(graph.carry_out(&binds).await) {
            let Some(outcome) = outcomes.get_mut(piece.batch) else { continue };
            match carried {
                Ok(Verdict::Ok) => outcome.enforced.extend(piece.people),
                Ok(Verdict::Unknown) => outcome.unknown.extend(piece.people),
                Ok(Verdict::Refused(refusal)) if refusal.status != 400 => {
                    // Nothing that has to do with these people: a permission, a method, the address.
                    not_sent(outcome, refusal.why, piece.people);
                }
                Ok(verdict) => refused.push((piece, verdict)),
                Err(trouble) => not_sent(outcome, trouble.why, piece.people),
            }
        }
        if !refused.is_empty() {
            sort_out(graph, group, refused, &mut outcomes, &mut pieces).await;
        }
    }
    outcomes
}

fn not_sent(outcome: &mut BatchOutcome, why: String, people: Vec<ObjectId>) {
    because(&mut outcome.not_sent, why, people);
}

/// Looks at the group and its members, and makes new pieces of what is left of the refused ones.
async fn sort_out(
    graph: &Graph,
    group: ObjectId,
    refused: Vec<(Piece, Verdict)>,
    outcomes: &mut [BatchOutcome],
    pieces: &mut VecDeque<Piece>,
) {
    let refused = without_gone(graph, refused, outcomes, pieces).await;
    if refused.is_empty() {
        return;
    }
    let members =
        if refused.iter().any(|(piece, _)| !piece.compared) { compare(graph, group).await } else { Ok(IdSet::default()) };
    let members = match members {
        Ok(members) => members,
        Err(trouble) => {
            for (piece, _) in refused {
                if let Some(outcome) = outcomes.get_mut(piece.batch) {
                    not_sent(outcome, trouble.why.clone(), piece.people);
                }
            }
            return;
        }
    };
    for (piece, verdict) in refused {
        let Some(outcome) = outcomes.get_mut(piece.batch) else { continue };
        let (already, left): (Vec<_>, Vec<_>) = piece.people.into_iter().partition(|id| members.contains(*id));
        let some_already = !already.is_empty();
        outcome.already.extend(already);
        let piece = Piece { people: left, compared: true, ..piece };
        match piece.people.as_slice() {
            [] => {}
            // Without the members it may well be taken.
            _ if some_already => pieces.push_back(piece),
            [person] => {
                let person = *person;
                alone(graph, piece, person, verdict, outcome, pieces).await;
            }
            people => {
                let (first, second) = people.split_at(people.len() / 2);
                for half in [first, second] {
                    pieces.push_back(Piece { people: half.to_vec(), ..piece });
                }
            }
        }
    }
}

/// Of pieces in which somebody does not exist, takes out who cannot be read any more, and makes new pieces of the others: a read costs
/// no write. Gives back those in which everybody can be read.
async fn without_gone(
    graph: &Graph,
    refused: Vec<(Piece, Verdict)>,
    outcomes: &mut [BatchOutcome],
    pieces: &mut VecDeque<Piece>,
) -> Vec<(Piece, Verdict)> {
    let asks = |(piece, verdict): &(Piece, Verdict)| *verdict == Verdict::Gone && piece.people.len() > 1;
    let asked: Vec<ObjectId> = refused.iter().filter(|one| asks(one)).flat_map(|(piece, _)| &piece.people).copied().collect();
    if asked.is_empty() {
        return refused;
    }
    // Where that cannot be read, halving finds them.
    let Ok(found) = graph.people(&asked).await else { return refused };
    let exists = |id: &ObjectId| found.binary_search_by_key(id, |person| person.id).is_ok();
    let mut left = Vec::new();
    for (piece, verdict) in refused {
        if verdict != Verdict::Gone || piece.people.len() <= 1 || piece.people.iter().all(exists) {
            left.push((piece, verdict));
            continue;
        }
        let (people, gone): (Vec<_>, Vec<_>) = piece.people.iter().copied().partition(|id| exists(id));
        if let Some(outcome) = outcomes.get_mut(piece.batch) {
            outcome.gone.extend(gone);
        }
        if !people.is_empty() {
            pieces.push_back(Piece { people, ..piece });
        }
    }
    left
}

/// The group's members, when the group can still be used.
async fn compare(graph: &Graph, group: ObjectId) -> Result<IdSet, Trouble> {
    if let Some(why) = fitness::problem(&graph.group(group).await?) {
        return Err(Trouble { kind: TroubleKind::Unusable, why });
    }
    graph.members(group, Depth::Direct).await
}

/// Settles one person whom the tenant refuses alone.
async fn alone(
    graph: &Graph,
    piece: Piece,
    person: ObjectId,
    verdict: Verdict,
    outcome: &mut BatchOutcome,
    pieces: &mut VecDeque<Piece>,
) {
    match verdict {
        Verdict::Gone => match graph.people(&[person]).await {
            Err(trouble) => not_sent(outcome, trouble.why, vec![person]),
            Ok(found) if found.is_empty() => outcome.gone.push(person),
            Ok(_) if piece.tries < REPLICA_TRIES => {
                pieces.push_back(Piece { tries: piece.tries + 1, ..piece });
            }
            Ok(_) => {
                let why = "the tenant says that the account does not exist, although it can be read; it is tried again later"
                    .to_owned();
                not_sent(outcome, why, vec![person]);
            }
        },
        Verdict::Refused(refusal) => because(&mut outcome.refused, refusal.why, vec![person]),
        // "Already there", and the list does not show it: replicas disagree. Reading back settles it. (The others do not come here.)
        Verdict::AlreadySo | Verdict::Ok | Verdict::Unknown | Verdict::Reauthenticate | Verdict::Retry { .. } => {
            outcome.unknown.push(person);
        }
    }
}
