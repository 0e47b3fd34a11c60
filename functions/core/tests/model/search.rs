//! Runs that never end: a depth-first search for a cycle among the states of a protocol. The model checker's own `eventually`
//! does not look at cycles.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use stateright::Model;

use crate::state::State;
use crate::steps::{Protocol, Step};

/// A state on the path that is being looked at.
struct Place {
    state: State,
    fingerprint: u64,
    /// Those of its steps that are left.
    steps: Vec<Step>,
    /// The last one taken.
    taken: Option<Step>,
}

impl Place {
    fn new(protocol: &Protocol, state: State) -> Self {
        let mut steps = Vec::new();
        protocol.actions(&state, &mut steps);
        Self { fingerprint: fingerprint(&state), state, steps, taken: None }
    }
}

fn fingerprint(state: &State) -> u64 {
    let mut hasher = DefaultHasher::new();
    state.hash(&mut hasher);
    hasher.finish()
}

/// The steps to a cycle and around it; nothing when every run ends.
pub(crate) fn cycle(protocol: &Protocol) -> Option<Vec<Step>> {
    let mut path = vec![Place::new(protocol, State::first(protocol.scope.faults))];
    // Whether a known state is on the path.
    let mut known = HashMap::from([(path[0].fingerprint, true)]);
    while let Some(place) = path.last_mut() {
        let Some(step) = place.steps.pop() else {
            known.insert(place.fingerprint, false);
            path.pop();
            continue;
        };
        let Some(next) = protocol.next_state(&place.state, step) else { continue };
        place.taken = Some(step);
        match known.get(&fingerprint(&next)) {
            Some(true) => return Some(path.iter().filter_map(|place| place.taken).collect()),
            Some(false) => {}
            None => {
                let next = Place::new(protocol, next);
                known.insert(next.fingerprint, true);
                path.push(next);
            }
        }
    }
    None
}
